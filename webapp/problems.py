"""What is answered when something is wrong: an RFC 9457 problem document to programs, a page to people; one sentence."""

import errno
import logging
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, current_app, jsonify, render_template, request
from flask_babel import gettext
from marshmallow import ValidationError
from werkzeug.exceptions import HTTPException

from cardiac.errors import CardiacError
from cardiac.messages import Message
from webapp.logs import error_origin
from webapp.sentences import translated
from webapp.storage.database import DatabaseGone
from webapp.storage.files import NoRoom
from webapp.storage.throttle import LockedOut
from webapp.words import N_, language

log = logging.getLogger("webapp")
NO_ROOM = N_("there is no room on the server's disk: nothing was changed; make room and send it again")
MOST_SHOWN = 5  # of what is wrong in one request
SENTENCES = {
    400: N_("the request cannot be understood: check its parameters"),
    404: N_("there is nothing under this address: look at the list of patients"),
    405: N_("this address is not asked in this way: see the API's description"),
    413: N_("this is larger than the server takes: send it in parts"),
    415: N_("this kind of content is not taken here: send JSON or multipart/form-data"),
    500: N_("this server made a mistake, which was logged: nothing was changed; try again"),
}
TITLES = {
    400: N_("Bad Request"),
    403: N_("Forbidden"),
    404: N_("Not Found"),
    405: N_("Method Not Allowed"),
    409: N_("Conflict"),
    413: N_("Content Too Large"),
    429: N_("Too Many Requests"),
    500: N_("Internal Server Error"),
    503: N_("Service Unavailable"),
    507: N_("Insufficient Storage"),
}


def answer_problems(app: Flask) -> None:
    """Have every error answered in one way."""
    app.register_error_handler(HTTPException, answer_http)
    app.register_error_handler(ValidationError, lambda error: answer(422, validation_sentence(error.messages)))
    app.register_error_handler(CardiacError, lambda error: answer(422, error.message))
    app.register_error_handler(NoRoom, lambda error: answer(507, error.message))
    app.register_error_handler(DatabaseGone, lambda error: answer(503, error.message, {"Retry-After": "5"}))
    app.register_error_handler(
        LockedOut, lambda error: answer(429, error.message, {"Retry-After": str(round(error.wait_s) + 1)})
    )
    app.register_error_handler(OSError, _answer_os_error)
    app.register_error_handler(Exception, _answer_unforeseen)
    app.log_exception = _log_unanswered  # type: ignore[method-assign]


def answer(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    """A problem document, or a page where a person asked. Programs are told in English, and in the asker's language too."""
    if asked_by_program():
        problem = {"type": "about:blank", "title": _title(status), "status": status, "detail": detail}
        if language() != "en":
            problem["translation"] = told(detail)
        response = jsonify(problem)
        response.content_type = "application/problem+json"
    else:
        response = _page(status, detail)
    response.status_code = status
    response.headers.update(headers or {})
    return response


def told(text: str) -> str:
    """A sentence of the site or of the readers in the page's language."""
    of_site = gettext(text.replace("%", "%%")) if not isinstance(text, Message) else text
    return translated(text, language()) if of_site == text.replace("%", "%%") else of_site


def asked_by_program() -> bool:
    """Whether this request is to the API, or to a contract of a task at the root."""
    return request.path.startswith("/api/") or request.path in current_app.extensions.get("contracts", ())


def _page(status: int, detail: str) -> Response:
    try:
        title, detail = gettext(_title(status)), told(detail)
        return Response(render_template("error.html", status=status, title=title, detail=detail))
    except Exception as error:  # nothing may get past this: the server would log the address, with a record's name
        log.error("an error could not be shown: %s", error_origin(error))
        return Response(f"{detail}\n", content_type="text/plain; charset=utf-8")


def answer_http(error: HTTPException) -> Response:
    """What Flask, Werkzeug and the API's validation raise."""
    status = error.code or 500
    if 300 <= status < 400:
        return error.get_response()
    data = getattr(error, "data", None) or {}
    headers = {str(key): str(value) for key, value in (data.get("headers") or {}).items()}
    if isinstance(getattr(error, "valid_methods", None), list):
        headers["Allow"] = ", ".join(error.valid_methods)
    if (wait := getattr(error, "retry_after", None)) is not None:
        headers["Retry-After"] = str(wait)
    return answer(status, _detail(error, status, data.get("messages")), headers)


def _detail(error: HTTPException, status: int, messages: Any) -> str:
    if messages:
        return validation_sentence(messages)
    is_own = error.description and error.description != type(error).description
    return error.description if is_own else SENTENCES.get(status, str(error.description))


def validation_sentence(messages: Any) -> str:
    """What a schema found wrong, in one sentence."""
    sentences = _sentences(messages)
    return "; ".join(sentences[:MOST_SHOWN]) + (
        f"; and {len(sentences) - MOST_SHOWN} more" if len(sentences) > MOST_SHOWN else ""
    )


def _sentences(messages: Any, where: str = "") -> list[str]:
    """Validation's nested messages as "parameter: what is wrong"."""
    if isinstance(messages, dict):
        return [text for key, value in messages.items() for text in _sentences(value, _path(where, str(key)))]
    if isinstance(messages, list):
        return [text for each in messages for text in _sentences(each, where)]
    return [f"{where}: {messages}" if where else str(messages)]


def _path(where: str, key: str) -> str:
    key = key[:40]  # which may be anything that was sent
    return key if where in ("", "query", "json", "files", "form", "query_and_form") else f"{where}.{key}"


def _answer_os_error(error: OSError) -> Response:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return answer(507, NO_ROOM)
    return _answer_unforeseen(error)


def _answer_unforeseen(error: Exception) -> Response:
    log.error("a request failed: %s", error_origin(error))
    return answer(500, SENTENCES[500])


def _log_unanswered(info: Any) -> None:
    """Flask would write the address, with a record's name, and what the error says."""
    log.error("an error could not be answered: %s", error_origin(info[1]))


def _title(status: int) -> str:
    if status in TITLES:
        return TITLES[status]
    return HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else str(status)
