"""Gather the sentences of readers, quality, measurements and reports, and say which have no translation yet.

    python -m webapp.translations.sentences       # sentences.po with every template, sentences.mo from it

They are found where they are made: the template of a Message, of an error, of a note. A template without a translation is
shown in English.
"""

import ast
import re
import string
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from webapp.translations.update import compiled, is_translated, written

ROOT = Path(__file__).resolve().parents[2]
PO = Path(__file__).parent / "ru/LC_MESSAGES/sentences.po"
SOURCES = ("cardiac", "tasks/mi", "webapp", "inference.py")
FOR_COMMANDS = re.compile(  # whose errors nobody meets on the site: there they are English
    r"cardiac/(isolation_wire|folds|calibration|trees|sheet)\.py"
    r"|tasks/mi/(add_trees|datasets|features|folds|go_on|joining|looks|out_of_fold|rules)\.py"
    r"|tasks/mi/(second_looks|settings|training)\.py"
    r"|webapp/(api/schemas|backup|commands|main|restore|proxies|serving|settings|storage/(database|dump|schema)|task_\w+)\.py"
)
# Where a template stands among a call's arguments. Errors, by their names, have it as the first one.
PLACES = {
    "Message": 0,
    "say": 0,
    "Note": 1,
    "about": 1,
    "_not_if": 1,
    "Change": 2,
    "__init__": 0,
    "faults_are_ours": 0,
    "one_record": 1,
}
ERRORS = ("Error", "Refused", "TooShort", "Rejected", "NoRoom", "TooMuch", "NoRecording", "Unknown", "Gone")
ANSWERS = ("BadRequest", "Forbidden", "NotFound", "Conflict", "TooLarge")
NOT_SAID = ("ValueError", "TypeError", "KeyError", "IndexError", "OSError", "EOFError", "ImportError")
TABLES = {"cardiac/readers/foreign.py": ("MAGICS", "ENDINGS", "TEXTS", "OFFICE")}  # whose texts are sentences
SHORTEST = 2  # letters: what is shorter is a mark


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
    for file in _files():
        yield from _sentences_in(file)


def put_together() -> Iterator[str]:
    """Where a sentence is put together as a text (an f-string), so that no language but English can say it."""
    for file in _files():
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            place = _place(_called(node)) if isinstance(node, ast.Call) else None
            if place is not None and len(node.args) > place and isinstance(node.args[place], ast.JoinedStr):
                yield f"{file.relative_to(ROOT).as_posix()}:{node.lineno}"


def _files() -> Iterator[Path]:
    for source in SOURCES:
        path = ROOT / source
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            if not FOR_COMMANDS.fullmatch(file.relative_to(ROOT).as_posix()):
                yield file


def _sentences_in(file: Path) -> Iterator[Sentence]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    where, of_module = file.relative_to(ROOT).as_posix(), _constants(tree.body)
    yield from _in_tables(tree, where)
    for scope in (tree, *(each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef))):
        constants = of_module if scope is tree else {**of_module, **_constants([*_within(scope)])}
        for node in _within(scope):
            if isinstance(node, ast.Call):
                yield from _of_call(node, constants, where)


def _in_tables(tree: ast.Module, where: str) -> Iterator[Sentence]:
    for node in tree.body:
        names = {getattr(each, "id", "") for each in getattr(node, "targets", [getattr(node, "target", None)])}
        if names & {*TABLES.get(where, ())}:
            for table in ast.walk(node):
                for each in table.elts if isinstance(table, ast.Tuple) else ():
                    if isinstance(each, ast.Constant) and isinstance(each.value, str):
                        yield Sentence(f"{where}:{each.lineno}", each.value, None)


def _of_call(node: ast.Call, constants: Mapping[str, list[str]], where: str) -> Iterator[Sentence]:
    place = _place(_called(node))
    if place is None or len(node.args) <= place:
        return
    given = {each.arg for each in node.keywords}
    named = None if None in given or place else frozenset(map(str, given))
    for template in _texts(node.args[place], constants):
        if len(template) >= SHORTEST:
            yield Sentence(f"{where}:{node.lineno}", template, named)


def _within(scope: ast.AST) -> Iterator[ast.AST]:
    """What stands in a module or function, without what stands in the functions in it."""
    waiting = [*ast.iter_child_nodes(scope)]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef):
            waiting += ast.iter_child_nodes(node)


def _constants(nodes: Iterable[ast.AST]) -> dict[str, list[str]]:
    """The texts that each name stands for."""
    named: dict[str, list[str]] = defaultdict(list)
    for node in nodes:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    named[target.id] += _texts(node.value, named)
    return named


def _called(node: ast.Call) -> str:
    return getattr(node.func, "id", None) or getattr(node.func, "attr", "")


def _place(name: str) -> int | None:
    if name in PLACES:
        return PLACES[name]
    return 0 if name.endswith(ERRORS + ANSWERS) and name not in NOT_SAID else None


def _texts(node: ast.expr, constants: Mapping[str, list[str]]) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.Name) and node.id in constants:
        yield from constants[node.id]
    elif isinstance(node, ast.Dict):
        for value in node.values:
            yield from _texts(value, constants)
    elif isinstance(node, ast.Subscript):
        yield from _texts(node.value, constants)
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body, constants)
        yield from _texts(node.orelse, constants)


def update() -> list[str]:
    """Bring both files to today's templates; those that have no translation yet."""
    return bring(PO, [each.template for each in sentences()])


def bring(path: Path, templates: Iterable[str]) -> list[str]:
    """Bring a catalogue's two files to today's texts; those that have no translation yet."""
    with path.open("rb") as file:
        catalog = read_po(file, locale="ru")
    today = Catalog()
    for each in templates:
        today.add(each)
    catalog.update(today, no_fuzzy_matching=True)
    catalog.obsolete.clear()
    path.write_bytes(written(catalog))
    path.with_suffix(".mo").write_bytes(compiled(catalog))
    return [str(each.id) for each in catalog if each.id and not is_translated(each)]


if __name__ == "__main__":
    missing = update()
    print("\n".join([*missing, f"{len(missing)} sentences without a translation"]))
    sys.exit(bool(missing))
