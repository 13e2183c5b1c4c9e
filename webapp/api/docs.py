"""The page that shows the API, with Swagger UI out of its installed package."""

from flask import Blueprint, Response, current_app, jsonify, render_template, send_from_directory
from swagger_ui_bundle import swagger_ui_path
from werkzeug.exceptions import NotFound

from webapp.api.described import in_russian

docs = Blueprint("docs", __name__)
SHOWN = {"swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"}


@docs.get("/api/docs")
def page() -> str:
    return render_template("docs.html")


@docs.get("/api/docs/ru.json")
def described_in_russian() -> Response:
    """The OpenAPI document that the page shows to people who read Russian; programs are given the English one."""
    return jsonify(in_russian(current_app.extensions["api"].spec.to_dict()))


@docs.get("/api/docs/<name>")
def asset(name: str) -> Response:
    if name not in SHOWN:
        raise NotFound
    return send_from_directory(swagger_ui_path, name, max_age=86_400)
