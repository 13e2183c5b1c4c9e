"""What was measured that spoke for a finding, in the page's language: evidence has the sentences in English."""

from collections.abc import Mapping
from typing import Any

from tasks.mi.sign_words import say
from tasks.mi.sign_words_ru import RUSSIAN

LANGUAGES = {"ru": RUSSIAN}  # but for English


def translate_signs(evidence: Mapping[str, Any], language: str) -> dict[str, Any]:
    """Evidence by output, whose signs have their `translation` beside `text`, where the language is another than English.

    A sign that was stored without what it takes to be said again has none.
    """
    if language not in LANGUAGES:
        return dict(evidence)
    return {output: _of_output(each, language) for output, each in evidence.items()}


def _of_output(evidence: Mapping[str, Any], language: str) -> dict[str, Any]:
    signs = evidence.get("measurements")  # of a network's own there are none
    return {**evidence} if signs is None else {**evidence, "measurements": [_of_sign(sign, language) for sign in signs]}


def _of_sign(sign: Mapping[str, Any], language: str) -> dict[str, Any]:
    try:
        said = say(sign["sign"], sign["leads"], sign["arguments"], LANGUAGES[language])
    except (KeyError, ValueError):  # of an earlier or a later version
        return {**sign}
    return {**sign, "translation": said}
