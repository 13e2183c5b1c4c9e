"""The pages: upload, list, one record, accounts. Each is a view that asks the store and fills a template."""

from webapp.pages import account, own, patients, record, selected, upload  # noqa: F401 (they put their views into the blueprint)
from webapp.pages.blueprint import pages  # noqa: F401
