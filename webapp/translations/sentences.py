"""Gather the sentences of readers, quality, measurements and reports, and say which have no translation yet.

    python -m webapp.translations.sentences       # sentences.po with every template, sentences.mo from it

They are found where they are made: the template of a Message, of an error, of a note. A template without a translation is
shown in English.
"""

import ast
import string
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from webapp.translations.update import compiled, is_translated, written

ROOT = Path(__file__).resolve().parents[2]
PO = Path(__file__).parent / "ru/LC_MESSAGES/sentences.po"
SOURCES = ("cardiac", "tasks/mi", "webapp", "inference.py")
# Where a template stands among a call's arguments. Errors, by their names, have it as the first one.
PLACES = {"Message": 0, "say": 0, "Note": 1, "about": 1, "_not_if": 1, "Fault": 1, "Missing": 0}
ERRORS = ("Error", "Refused", "TooShort", "Rejected", "NoRoom", "TooMuch", "NoRecording", "Unknown")
NOT_SAID = ("ValueError", "TypeError", "KeyError", "IndexError", "OSError", "EOFError", "ConfigError", "ImportError")
SHORTEST = 3  # letters: what is shorter is a mark


@dataclass(frozen=True)
class Sentence:
    """A template where it is made. names : of the arguments that it is given; None where they are not all known."""

    where: str
    template: str
    names: frozenset[str] | None

    @property
    def wanted(self) -> frozenset[str]:
        """The arguments that it asks for."""
        return fields_of(self.template)


def fields_of(template: str) -> frozenset[str]:
    """The names of a template's arguments. Raises ValueError for what is none."""
    return frozenset(name for _, name, _, _ in string.Formatter().parse(template) if name)


def sentences() -> Iterator[Sentence]:
    """Every template, with where it stands."""
    for source in SOURCES:
        path = ROOT / source
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            yield from _sentences_in(file)


def _sentences_in(file: Path) -> Iterator[Sentence]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    constants = _constants(tree)
    where = file.relative_to(ROOT).as_posix()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (place := _place(_called(node))) is not None and len(node.args) > place:
            named = {each.arg for each in node.keywords}
            names = None if None in named else frozenset(named)
            for template in _texts(node.args[place], constants):
                if len(template) >= SHORTEST:
                    yield Sentence(f"{where}:{node.lineno}", template, names)


def _constants(tree: ast.Module) -> dict[str, str]:
    """Texts that have a name, in the module or within a function."""
    named = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            for target in node.targets:
                if isinstance(target, ast.Name) and target.id.isupper():
                    named[target.id] = node.value.value
    return named


def _called(node: ast.Call) -> str:
    return getattr(node.func, "id", None) or getattr(node.func, "attr", "")


def _place(name: str) -> int | None:
    if name in PLACES:
        return PLACES[name]
    return 0 if name.endswith(ERRORS) and name not in NOT_SAID else None


def _texts(node: ast.expr, constants: dict[str, str]) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.Name) and node.id in constants:
        yield constants[node.id]
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body, constants)
        yield from _texts(node.orelse, constants)


def update() -> list[str]:
    """Bring both files to today's templates; those that have no translation yet."""
    with PO.open("rb") as file:
        catalog = read_po(file, locale="ru")
    today = Catalog()
    for each in sentences():
        today.add(each.template)
    catalog.update(today, no_fuzzy_matching=True)
    catalog.obsolete.clear()
    PO.write_bytes(written(catalog))
    PO.with_suffix(".mo").write_bytes(compiled(catalog))
    return [str(each.id) for each in catalog if each.id and not is_translated(each)]


if __name__ == "__main__":
    missing = update()
    print("\n".join([*missing, f"{len(missing)} sentences without a translation"]))
    sys.exit(bool(missing))
