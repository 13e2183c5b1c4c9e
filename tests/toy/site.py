"""The toy's page."""

from flask import Blueprint

TITLE = "Toy beats"
blueprint = Blueprint("toy", __name__)


@blueprint.get("/")
def page():
    return "<h1>Is the T wave tall?</h1>"
