"""Gather the texts of the API's description, and say which have no translation yet.

    python -m webapp.translations.api_texts       # api.po with every text, api.mo from it

They are taken from the OpenAPI document itself. A text without a translation is shown in English.
"""

import sys
import tempfile
from pathlib import Path

from webapp import Settings, create_app
from webapp.api.described import texts_of
from webapp.translations.sentences import bring

PO = Path(__file__).parent / "ru/LC_MESSAGES/api.po"


def described() -> set[str]:
    """Every text of the API's description."""
    with tempfile.TemporaryDirectory() as folder:
        client = create_app(Settings(data=Path(folder) / "data")).test_client()
        return texts_of(client.get("/api/v1/openapi.json").json)


def update() -> list[str]:
    """Bring both files to today's texts; those that have no translation yet."""
    return bring(PO, sorted(described()))


if __name__ == "__main__":
    missing = update()
    print("\n".join([*missing, f"{len(missing)} texts of the API without a translation"]))
    sys.exit(bool(missing))
