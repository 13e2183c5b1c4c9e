"""Pages that detectors bring along: those of every `tasks/*/site.py`, behind the guard of all pages.

Such a module has TITLE, a text for the navigation, and `blueprint`, a `flask.Blueprint` with a page at "/". Its pages lie
under /NAME of the blueprint. Like all others they are for people who have logged in, their forms carry the token, what
changes something needs the role of a reviewer, and every request leaves a row in the trail. A module that would change
what holds for all pages is refused at the start. It may have TITLES, {language: the title in it}, and MOST_BYTES, {view: how
long a body it takes}, where a recording is sent to it; without, a form has at most 1 MB.
"""

import re
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from flask import Blueprint, Flask, request
from flask_babel import gettext

import tasks
from cardiac.errors import ConfigError
from webapp.access import MOST_TASK_BYTES, leave_trail, require_role
from webapp.noted import leave_look_at_page
from webapp.origins import SAFE
from webapp.words import language

NAME = re.compile("[a-z][a-z0-9_]*")


def find_sites() -> list[ModuleType]:
    """The site modules of all tasks, by name. Raises ConfigError for one that cannot be imported."""
    names = {path.parent.name for folder in tasks.__path__ for path in Path(folder).glob("*/site.py")}
    return [_import(f"tasks.{name}.site") for name in sorted(names)]


def _import(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ImportError as error:
        raise ConfigError(f"{name}: cannot be imported ({error}): install what it needs, or take it away") from error


def add_sites(app: Flask, modules: Iterable[ModuleType]) -> None:
    """Put the pages of site modules into the application, with a link to each in the navigation. Raises ConfigError."""
    links: dict[str, tuple[str, ModuleType]] = {}  # by blueprint: its first page and its module
    bodies: dict[str, int] = app.extensions.setdefault("task_bodies", {})
    for module in modules:
        blueprint = _blueprint_of(app, module)
        links[blueprint.name] = (_register(app, blueprint, module.__name__), module)
        bodies.update(_bodies_of(app, module, blueprint.name))
    if links:
        app.before_request(lambda: _note_request(links))  # after the guard's own, which know the person

    @app.context_processor
    def _given() -> dict[str, Any]:
        return {"task_links": [(endpoint, _title(module)) for endpoint, module in links.values()]}


def _title(module: ModuleType) -> str:
    """In the page's language."""
    return getattr(module, "TITLES", {}).get(language()) or gettext(module.TITLE)


def _bodies_of(app: Flask, module: ModuleType, name: str) -> dict[str, int]:
    """By endpoint: how long a body a module's view takes, within the server's own limit. Raises ConfigError."""
    bodies = {f"{name}.{view}": most for view, most in getattr(module, "MOST_BYTES", {}).items()}
    for endpoint, most in bodies.items():
        if endpoint not in app.view_functions or not isinstance(most, int) or not 0 < most <= MOST_TASK_BYTES:
            raise ConfigError(
                f"{module.__name__}: MOST_BYTES of {endpoint!r} is not of a view of its own, or not within "
                f"{MOST_TASK_BYTES >> 20} MB: correct it"
            )
    return {endpoint: min(most, app.config["MAX_CONTENT_LENGTH"]) for endpoint, most in bodies.items()}


def _blueprint_of(app: Flask, module: ModuleType) -> Blueprint:
    """The blueprint of a module whose names are what they should be, and not taken yet. Raises ConfigError."""
    title, blueprint = getattr(module, "TITLE", None), getattr(module, "blueprint", None)
    if not isinstance(title, str) or not title.strip():
        raise ConfigError(f"{module.__name__}: has no TITLE: give it a text for the navigation")
    if not isinstance(blueprint, Blueprint):
        raise ConfigError(f"{module.__name__}: has no blueprint: give it a flask.Blueprint with its pages")
    name = blueprint.name
    if not NAME.fullmatch(name):
        raise ConfigError(f"{module.__name__}: its blueprint's name {name!r} is not small letters, digits and _")
    addresses = {rule.rule.split("/")[1] for rule in app.url_map.iter_rules()}
    if name in app.blueprints or name in addresses:
        raise ConfigError(f"{module.__name__}: the name {name!r} is taken: give its blueprint another")
    if blueprint.url_prefix not in (None, f"/{name}"):
        raise ConfigError(f"{module.__name__}: its pages lie under /{name}: leave url_prefix out")
    templates = set(blueprint.jinja_loader.list_templates() if blueprint.jinja_loader else ())
    if taken := sorted(templates & set(app.jinja_env.list_templates())):
        raise ConfigError(f"{module.__name__}: a template {taken[0]!r} is there already: put its own into {name}/")
    return blueprint


def _register(app: Flask, blueprint: Blueprint, module: str) -> str:
    """Put a blueprint into the application; the endpoint of its first page. Raises ConfigError."""
    prefix, shared = f"/{blueprint.name}", _of_all_pages(app)
    before = {(rule.rule, rule.endpoint) for rule in app.url_map.iter_rules()}
    app.register_blueprint(blueprint, url_prefix=prefix)
    rules = [rule for rule in app.url_map.iter_rules() if (rule.rule, rule.endpoint) not in before]
    is_inside = all(
        rule.rule.startswith(f"{prefix}/") and rule.endpoint.startswith(f"{blueprint.name}.") for rule in rules
    )
    if _of_all_pages(app) != shared or not is_inside:
        raise ConfigError(
            f"{module}: its blueprint would change what holds for all pages (addresses outside {prefix}/, handlers of "
            "errors, or functions that come before the guard): leave these to the site"
        )
    for rule in rules:
        if rule.rule == f"{prefix}/" and "GET" in rule.methods:
            return rule.endpoint
    raise ConfigError(f"{module}: its blueprint has no page at '/', to which the navigation leads: add one")


def _of_all_pages(app: Flask) -> list[int]:
    """How many functions there are of each kind that holds for all pages, or is asked before the guard or in its place."""
    on_every = (app.before_request_funcs, app.after_request_funcs, app.teardown_request_funcs)
    on_every += (app.template_context_processors, app.url_default_functions)
    counts = [len(functions.get(None, ())) for functions in on_every]
    handlers = [by_class for by_code in app.error_handler_spec.values() for by_class in by_code.values()]
    return [*counts, sum(map(len, app.url_value_preprocessors.values())), sum(map(len, handlers))]


def _note_request(names: Iterable[str]) -> None:
    """Ask for the rights that a request to a task's page needs, and leave its row in the trail."""
    if not request.blueprints or request.blueprints[-1] not in names:  # the last one holds the others
        return
    record = (request.view_args or {}).get("record")
    if request.method not in SAFE:
        require_role("reviewer")
        leave_trail("sent a form", record, request.endpoint)
    elif not request.endpoint.endswith(".static"):
        leave_look_at_page(request.endpoint, record)
