"""Which bodies are taken in: asked when a request's headers are there, before a byte of its body reaches the disk."""

from collections.abc import Mapping
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, LengthRequired, RequestEntityTooLarge

from webapp import access
from webapp.callers import find_caller
from webapp.problems import answer, answer_http
from webapp.proxies import believed
from webapp.storage.database import DatabaseGone

SMALL_BYTES = 2**16  # of a body that is kept in the memory and asked about later, as a login form is


def refused(app: Flask, environ: Mapping[str, Any], is_chunked: bool) -> Response | None:
    """What is answered instead of taking a body in; None for one that may come.

    environ : of the request without its body.  Refused are requests from other sites, to other hosts, past a proxy and
    of nobody who is logged in, and bodies that are longer than what is asked for can be. Changes nothing.
    """
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if not is_chunked and length <= SMALL_BYTES:
        return None
    with app.request_context(believed(app, environ)):
        response = _refusal(length, is_chunked)
        return None if response is None else app.process_response(response)


def _refusal(length: int, is_chunked: bool) -> Response | None:
    try:
        access.check_sender()
        if request.endpoint in access.OPEN:
            raise LengthRequired if is_chunked else RequestEntityTooLarge
        caller = find_caller()
        if caller.person is None:
            return answer(401, access.why_unknown(caller))
        if (most := access.most_body_bytes(request.endpoint)) is not None and length > most:
            raise RequestEntityTooLarge
    except HTTPException as error:
        return answer_http(error)
    except DatabaseGone as error:
        return answer(503, error.message, {"Retry-After": "5"})
    return None


def most_bytes(app: Flask, environ: Mapping[str, Any]) -> int | None:
    """How long a body of unknown length may become; None where the server's own limit holds."""
    with app.request_context(dict(environ)):
        return access.most_body_bytes(request.endpoint)
