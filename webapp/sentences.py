"""Sentences of readers, quality and reports in the page's language: `cardiac.messages` with the catalogue of translations."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from string import Formatter
from typing import Any

from babel.messages.mofile import read_mo

from cardiac.leads import LEADS
from cardiac.messages import ALL, ENGLISH, Language, Message, translate

CATALOGUE = Path(__file__).parent / "translations/ru/LC_MESSAGES/sentences.mo"
# Letters of a template by which a sentence, or an argument of one, is known; a field of numbers or leads counts as four.
LEAST_LITERAL, LEAST_OF_ARGUMENT = 9, 4
LONGEST = 2_000  # letters of a sentence that is looked at
LEAD = f"(?:{'|'.join(LEADS)})"
SAID_LEADS = f"all leads|leads? {LEAD}(?:, {LEAD})*(?: and {LEAD})?"
SAID_NUMBER, NUMERIC = r"[-+\d][-+\d.,e]*|nan|inf", tuple("defg,%")
NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?(?![\w.])")


def russian_number(text: str) -> str:
    """A number as Russian writes it, from Python's: decimal comma, a space between thousands, a true minus."""
    return text.replace(",", "\u00a0").replace(".", ",").replace("-", "\u2212")


@cache
def languages() -> dict[str, Language]:
    """What messages can be said in, by the page's language."""
    with CATALOGUE.open("rb") as file:
        templates = {str(each.id): str(each.string) for each in read_mo(file) if each.id and each.string}
    leads = {
        "leads": ("все отведения", "отведение {}", "отведения {}"),
        "in_leads": ("во всех отведениях", "в отведении {}", "в отведениях {}"),
    }
    return {"en": ENGLISH, "ru": Language(templates, leads, "и", russian_number)}


def translated(text: str, language: str) -> str:
    """A sentence in a language; in English where it has none for it.

    One that was stored in English, without its message, is known again by the templates.
    """
    if language == "en" or language not in languages():
        return str(text)
    if (isinstance(text, Message) and text.arguments) or text in languages()[language].templates:
        return translate(text, languages()[language])
    return _recognised(str(text), language)


@dataclass(frozen=True)
class Pattern:
    """A template as what it is known by. literal : the longest piece that must stand in the sentence.  weight : of all."""

    template: str
    literal: str
    weight: int
    pattern: re.Pattern[str]


@lru_cache(maxsize=4096)
def _recognised(text: str, language: str, least: int = LEAST_LITERAL) -> str:
    """A sentence that is known by its template, or by that of what stands behind a name; else as it is."""
    if len(text) > LONGEST:
        return text
    name, colon, problem = text.partition(": ")
    whole, behind = _known(text, language, least), _known(problem, language, least) if colon else None
    if whole and (behind is None or whole[0].weight >= behind[0].weight):
        return _said(*whole, language)
    if behind:
        return f"{name}: {_said(*behind, language)}"
    return f"{name}: {translated(problem, language)}" if colon else text


def _known(text: str, language: str, least: int) -> tuple[Pattern, Mapping[str, str]] | None:
    for each in _patterns(language):
        if each.weight >= least and each.literal in text and (match := each.pattern.fullmatch(text)):
            return each, match.groupdict()
    return None


def _said(known: Pattern, values: Mapping[str, str], language: str) -> str:
    arguments = {name: _argument(value, language) for name, value in values.items()}
    return translate(Message(known.template, **arguments), languages()[language])


def _argument(value: str, language: str) -> Any:
    """An argument as it stands in a sentence: leads, a number, a sentence of its own, or a text."""
    if value == "all leads":
        return ALL
    if {*(leads := re.split(", | and ", re.sub("^leads? ", "", value)))} <= {*LEADS}:
        return leads
    if NUMBER.fullmatch(value):
        return russian_number(value)
    known = languages()[language].templates
    return known[value] if value in known else _recognised(value, language, LEAST_OF_ARGUMENT)


@cache
def _patterns(language: str) -> list[Pattern]:
    """The templates, those of which most must stand in the sentence first."""
    patterns = []
    for template in languages()[language].templates:
        pieces = [*Formatter().parse(template)]
        literals = [literal for literal, _, _, _ in pieces]
        strict = sum(form == "leads" or (form or "")[-1:] in NUMERIC for _, _, form, _ in pieces)
        weight = sum(map(len, literals)) + 4 * strict
        if any(name for _, name, _, _ in pieces) and weight >= LEAST_OF_ARGUMENT:
            patterns.append(Pattern(template, max(literals, key=len), weight, _pattern(pieces)))
    return sorted(patterns, key=lambda each: -each.weight)


def _pattern(pieces: list[tuple[str, str | None, str | None, str | None]]) -> re.Pattern[str]:
    text, seen = "", set()
    for literal, name, form, conversion in pieces:
        text += re.escape(literal)
        if name is None:
            continue
        quote = "['\"]" if conversion == "r" else ""
        value = (
            SAID_LEADS
            if form == "leads"
            else SAID_NUMBER
            if (form or "")[-1:] in NUMERIC
            else ".*?"
            if quote
            else ".+?"
        )
        text += f"(?P={name})" if name in seen else f"{quote}(?P<{name}>{value}){quote}"
        seen.add(name)
    return re.compile(text, re.DOTALL)


def translated_job(job: Mapping[str, Any], language: str) -> dict[str, Any]:
    """What the API says of a job, with its sentences translated beside them where the language is not English."""
    if language == "en":
        return dict(job)
    refused = [each | {"translation": translated(each["reason"], language)} for each in job["refused"]]
    error = {"error_translation": translated(job["error"], language)} if job["error"] else {}
    return {**job, "refused": refused} | error
