"""The API under /api/v1, its OpenAPI document at /api/v1/openapi.json and the page that shows it at /api/docs."""

from typing import Any

from flask import Flask
from flask_smorest import Api

from cardiac import NOTICE
from webapp.api.docs import docs
from webapp.api.exports import exports
from webapp.api.jobs import jobs
from webapp.api.patients import patients
from webapp.api.records import records
from webapp.api.schemas import ProblemSchema
from webapp.problems import answer_http

DESCRIPTION = f"""Reads 12-lead ECGs and says whether there is a myocardial infarction, and at which of six sites. Other
detectors answer at addresses of their own.

{NOTICE}"""


class _Api(Api):
    """Errors are problem documents, in the document as well."""

    ERROR_SCHEMA = ProblemSchema
    DEFAULT_ERROR_RESPONSE_NAME = None

    def handle_http_exception(self, error: Any) -> Any:
        return answer_http(error)


def register_api(app: Flask) -> Api:
    """Put the API into the application; for what detectors add to it."""
    app.config.update(
        API_TITLE="Infarction on the 12-lead ECG",
        API_VERSION="v1",
        OPENAPI_VERSION="3.0.3",
        OPENAPI_URL_PREFIX="/api/v1",
        OPENAPI_JSON_PATH="openapi.json",
        API_SPEC_OPTIONS={"info": {"description": DESCRIPTION}},
    )
    api = app.extensions["api"] = _Api(app)
    for blueprint in (records, patients, jobs, exports):
        api.register_blueprint(blueprint, url_prefix="/api/v1")
    app.register_blueprint(docs)
    return api
