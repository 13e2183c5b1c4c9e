"""The web application: upload, browse, look, export. `create_app` makes it; `main.py` starts it."""

from collections.abc import Sequence
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

from flask import Flask, Request, g, request
from flask_babel import Babel
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from cardiac.errors import CardiacError
from webapp import access
from webapp.forms import MOST_FIELD_BYTES, MOST_PLAIN_BYTES, BoundedFormParser
from webapp.problems import answer_problems
from webapp.proxies import behind, read_proxies
from webapp.settings import MOST_FILES, Settings
from webapp.storage.database import Database
from webapp.storage.files import Files
from webapp.storage.patients import drop_names
from webapp.store import Store, store
from webapp.words import LANGUAGES, words

LOCAL_HOSTS = {"127.0.0.1", "localhost", "::1"}


class UploadRequest(Request):
    """A request whose files are written where they will be kept, and not through the memory or another folder."""

    max_form_parts = MOST_FILES + 20
    max_form_memory_size = MOST_FIELD_BYTES

    def _get_file_stream(self, *_: Any, **__: Any) -> BinaryIO:
        if g.get("person") is None:  # a login has no files
            raise RequestEntityTooLarge
        file = store().files.incoming().open("w+b")
        self.opened.append(file)
        return file

    form_data_parser_class = BoundedFormParser

    def make_form_data_parser(self) -> FormDataParser:
        """One that does not take a broken form for an empty one."""
        parser = super().make_form_data_parser()
        parser.silent = False
        return parser

    def _load_form_data(self) -> None:
        if self.mimetype == "application/x-www-form-urlencoded" and (self.content_length or 0) > MOST_PLAIN_BYTES:
            raise RequestEntityTooLarge
        try:
            super()._load_form_data()
        except ValueError as error:
            raise BadRequest("the form is cut off, or a file's name in it is not UTF-8: send it again") from error

    @cached_property
    def opened(self) -> list[BinaryIO]:
        """Files of this request; those that were not taken into a job go with it."""
        return []


def create_app(
    settings: Settings | None = None,
    sites: Sequence[ModuleType] | None = None,
    apis: Sequence[ModuleType] | None = None,
) -> Flask:
    """The application on a data folder and a database, whose tables are brought to today's.

    sites : modules with the pages of detectors, as `webapp.task_sites` describes them; without it, every tasks/*/site.py.
    apis : modules that programs ask, as `webapp.task_apis` describes them; without it, every tasks/*/api.py.
    Raises ConfigError for a folder, a database, proxies or a site module that cannot be used.
    """
    settings = settings or Settings()
    proxies = read_proxies(settings.behind_proxy)
    app = Flask(__name__)
    app.request_class = UploadRequest
    app.json.sort_keys, app.json.ensure_ascii = False, False  # documents in the order in which they were written
    files = Files(settings.data)
    database = Database(settings.url)
    try:
        database.migrate()
        with database.writing() as session:
            files.belong_to(session)
            n_dropped = 0 if settings.keep_names else drop_names(session)
        if n_dropped:  # switched off since, or restored from a backup
            database.leave_no_trace()
    except CardiacError:
        database.close()
        raise
    app.extensions["store"] = Store(settings, database, files)
    app.config.update(
        SETTINGS=settings,
        SECRET_KEY=files.secret_key(),
        MAX_CONTENT_LENGTH=settings.most_bytes,
        SESSION_COOKIE_NAME="session" if settings.is_local else "__Host-session",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=not settings.is_local,
        PERMANENT_SESSION_LIFETIME=timedelta(seconds=settings.session_s),
        OWN_HOSTS={*LOCAL_HOSTS, settings.host.lower()} if settings.is_local else None,
        BABEL_DEFAULT_LOCALE="en",
        WTF_CSRF_TIME_LIMIT=None,  # a page may stay open for as long as its session
        WTF_CSRF_SSL_STRICT=False,  # other sites are refused by Origin and Sec-Fetch-Site
    )
    if proxies is not None:
        app.wsgi_app = behind(app.wsgi_app, proxies)
    Babel(app, locale_selector=_language)
    answer_problems(app)
    access.guard(app)
    words(app)
    try:
        _register(app, sites, apis)
    except CardiacError:
        database.close()
        raise
    app.teardown_request(_drop_files)
    return app


def _register(app: Flask, sites: Sequence[ModuleType] | None, apis: Sequence[ModuleType] | None) -> None:
    from webapp.api import register_api
    from webapp.pages import pages
    from webapp.task_apis import add_apis, find_apis
    from webapp.task_sites import add_sites, find_sites

    app.register_blueprint(pages)
    api = register_api(app)
    add_apis(app, api, find_apis() if apis is None else apis)
    add_sites(app, find_sites() if sites is None else sites)


def _language() -> str:
    chosen = request.cookies.get("language")
    return chosen if chosen in LANGUAGES else request.accept_languages.best_match(LANGUAGES) or LANGUAGES[0]


def _drop_files(_: BaseException | None) -> None:
    for file in request.opened:
        file.close()
        Path(file.name).unlink(missing_ok=True)


__all__ = ["Settings", "create_app"]
