"""The page that shows the API, with Swagger UI out of its installed package."""

from flask import Blueprint, Response, render_template, send_from_directory
from swagger_ui_bundle import swagger_ui_path
from werkzeug.exceptions import NotFound

docs = Blueprint("docs", __name__)
SHOWN = {"swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"}


@docs.get("/api/docs")
def page() -> str:
    return render_template("docs.html")


@docs.get("/api/docs/<name>")
def asset(name: str) -> Response:
    if name not in SHOWN:
        raise NotFound
    return send_from_directory(swagger_ui_path, name, max_age=86_400)
