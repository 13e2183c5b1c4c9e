"""Gather the texts of code and templates, and say which are still to be translated.

python -m webapp.translations.update       # messages.po with every text, messages.mo from it; 1 if one is missing
"""

import io
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOM = Path(__file__).resolve().parent.parent
PO = ROOM / "translations/ru/LC_MESSAGES/messages.po"
METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
CHANGING = (
    "Report-Msgid",
    "POT-Creation",
    "PO-Revision",
    "Last-Translator",
    "Language-Team",
    "Generated-By",
)  # headers


def texts() -> Iterator[str | tuple[str, ...]]:
    """Every text of code and templates that is shown in more languages than one."""
    for _, _, text, _, _ in extract_from_dir(ROOM, METHODS):
        yield text


def update() -> list[str]:
    """Bring both files to today's texts; those that have no translation yet."""
    with PO.open("rb") as file:
        catalog = read_po(file, locale="ru")
    today = Catalog()
    for text in texts():
        today.add(text)
    catalog.update(today, no_fuzzy_matching=True)
    catalog.obsolete.clear()
    PO.write_bytes(written(catalog))
    PO.with_suffix(".mo").write_bytes(compiled(catalog))
    return [str(each.id) for each in catalog if each.id and not is_translated(each)]


def is_translated(message: Message) -> bool:
    """Whether a text, or every plural form of one, has a translation."""
    return all([message.string] if isinstance(message.string, str) else message.string or [""])


def written(catalog: Catalog) -> bytes:
    """The catalogue as a file in which nothing but its texts changes: no dates, no names, no versions of tools."""
    content = io.BytesIO()
    write_po(content, catalog, width=100, no_location=True, ignore_obsolete=True)
    head, _, rest = content.getvalue().decode().partition("\n\n")
    kept = [line for line in head.splitlines() if not line.startswith(tuple(f'"{name}' for name in CHANGING))]
    return ("\n".join(kept) + "\n\n" + rest).encode()


def compiled(catalog: Catalog) -> bytes:
    """The catalogue as it is served; the same bytes whenever it is written."""
    content = io.BytesIO()
    write_mo(content, _Plain(catalog))
    return content.getvalue()


class _Plain:
    """A catalogue as `write_mo` goes through it, with those headers alone that say how to read it."""

    def __init__(self, catalog: Catalog) -> None:
        self.charset, self._catalog = catalog.charset, catalog

    def __iter__(self) -> Iterator[Message]:
        head, *rest = self._catalog
        lines = [line for line in head.string.splitlines(keepends=True) if not line.startswith(CHANGING)]
        yield Message("", "".join(lines))
        yield from rest


if __name__ == "__main__":
    missing = update()
    print("\n".join(missing) or "every text is translated")
    sys.exit(bool(missing))
