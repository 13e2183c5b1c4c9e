"""The pages: upload, list, one record, accounts. Each is a view that asks the store and fills a template."""

# They put their views into the blueprint.
from webapp.pages import about, account, histories, own, patients, people, record, selected, upload, welcome  # noqa: F401
from webapp.pages.blueprint import pages  # noqa: F401
