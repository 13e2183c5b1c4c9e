"""The API's description in another language than English: the OpenAPI document with its texts translated."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from babel.messages.mofile import read_mo

CATALOGUE = Path(__file__).resolve().parent.parent / "translations/ru/LC_MESSAGES/api.mo"
TEXTS = ("summary", "description", "title")
NOT_TEXTS = ("example", "examples", "default", "enum")


@cache
def russian() -> Mapping[str, str]:
    """Translations by the English text."""
    with CATALOGUE.open("rb") as file:
        return {str(each.id): str(each.string) for each in read_mo(file) if each.id and each.string}


def in_russian(document: Any) -> Any:
    """The document with every text for which there is a translation translated."""
    return _changed(document, lambda text: russian().get(text, text))


def texts_of(document: Any) -> set[str]:
    """Every text of the document."""
    return {*_texts(document)}


def _texts(node: Any, are_names: bool = False) -> Iterator[str]:
    if isinstance(node, list):
        for each in node:
            yield from _texts(each)
    elif isinstance(node, dict):
        for key, value in node.items():
            if not are_names and key in TEXTS and isinstance(value, str):
                yield value
            elif are_names or key not in NOT_TEXTS:
                yield from _texts(value, not are_names and key == "properties")


def _changed(node: Any, change: Callable[[str], str], are_names: bool = False) -> Any:
    """are_names : whether the keys are names of properties, which may be called as texts are."""
    if isinstance(node, list):
        return [_changed(each, change) for each in node]
    if not isinstance(node, dict):
        return node
    return {
        key: change(value)
        if not are_names and key in TEXTS and isinstance(value, str)
        else value
        if not are_names and key in NOT_TEXTS
        else _changed(value, change, not are_names and key == "properties")
        for key, value in node.items()
    }
