"""The pages: upload, list, one record, accounts. Each is a view that asks the store and fills a template."""

from flask import Blueprint

pages = Blueprint("pages", __name__)

from webapp.pages import account, own, patients, record, upload  # noqa: E402, F401 (they put their views into the blueprint)
