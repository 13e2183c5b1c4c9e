"""Where the pages' views are put."""

from flask import Blueprint

pages = Blueprint("pages", "webapp.pages")
