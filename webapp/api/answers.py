"""What several parts of the API do alike."""

from collections.abc import Callable
from typing import IO, Any

from flask import Response, request
from flask_smorest import Blueprint
from marshmallow import Schema
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from cardiac.messages import Message
from webapp.access import check_form_token, csrf
from webapp.api.schemas import ProblemSchema
from webapp.samples import load_json

SAID = {
    400: "a parameter is not what it should be",
    401: "nobody is logged in",
    403: "the person has no right to this, or another site asks",
    404: "there is no such thing in this workspace",
    409: "too late: what is asked to be stopped has ended",
    413: "too large",
    415: "of a kind that is not taken",
    422: "cannot be used; the detail says why",
    429: "too many attempts",
    503: "the database cannot be reached, or the server is busy",
    507: "the server's disk is full",
}


ANY_MAY = (400, 401, 503)


def api_blueprint(name: str, description: str) -> Blueprint:
    """A part of the API. Instead of forms' tokens, requests of a browser's session carry the token as a header."""
    blueprint = Blueprint(name, __name__, description=description)
    csrf.exempt(blueprint)
    blueprint.before_request(check_form_token)
    return blueprint


def problems(blueprint: Blueprint, *statuses: int) -> Callable[[Any], Any]:
    """Document that an operation may answer with these problems, and with those that any may."""

    def documented(view: Any) -> Any:
        for status in sorted({*statuses, *ANY_MAY}):
            view = blueprint.alt_response(
                status, schema=ProblemSchema, description=SAID[status], content_type="application/problem+json"
            )(view)
        return view

    return documented


def sent_json(schema: Schema, most_bytes: int) -> Any:
    """What was sent as JSON, as the schema loads it. Raises ValidationError, or what is answered with 400, 413 or 415."""
    return schema.load(load_json(json_stream(most_bytes).read()))


def json_stream(most_bytes: int) -> IO[bytes]:
    """The body of a request with JSON, which ends with an error where it is larger. Raises what is answered with 413 or 415."""
    if request.mimetype != "application/json":
        raise UnsupportedMediaType
    if (request.content_length or 0) > most_bytes:
        raise RequestEntityTooLarge(
            Message("JSON of more than {most:g} MB is not taken: send less at once", most=most_bytes / 2**20)
        )
    request.max_content_length = most_bytes
    return request.stream


def json_body(schema: type[Schema]) -> dict[str, Any]:
    """How the OpenAPI document describes a body that `sent_json` reads."""
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def download(content: Any, kind: str, name: str) -> Response:
    """A file to keep. name : as the browser calls it."""
    response = Response(content, content_type=kind)
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response
