"""Sentences with arguments: said in English where they are made, and in another language where somebody reads them.

    Message("is {minutes:.0f} minutes long and up to {most:.0f} are read: cut it into parts", minutes=93.2, most=60)

The English template is the message's name, as gettext has it; the arguments are plain data. Beside Python's formats there are
`{leads:leads}` ("lead V2", "leads I and V2", "all leads") and `{names:list}` ("I, II and V2").
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import zip_longest
from string import Formatter
from typing import Any

ABOUT = "{record}: {problem}"
ALL = "all"  # the argument that stands for every lead of a recording


@dataclass(frozen=True, eq=False)
class Language:
    """How messages are said.

    templates : by the English ones.  leads : by format, how all leads, one lead and several are called.  conjunction :
    before the last of several.  number : a number as the language writes it, from Python's.
    """

    templates: Mapping[str, str]
    leads: Mapping[str, tuple[str, str, str]]
    conjunction: str = "and"
    number: Callable[[str], str] = str
    formatter: Formatter = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "formatter", _Filled(self))

    def listed(self, names: Sequence[str]) -> str:
        """Several names in a row: "I, II and V2"."""
        *before, last = names or [""]
        return f"{', '.join(before)} {self.conjunction} {last}" if before else last


class Message(str):
    """A sentence in English that knows its template and its arguments."""

    template: str
    arguments: dict[str, Any]

    def __new__(cls, template: str, /, **arguments: Any) -> "Message":
        plain = {name: _argument(value) for name, value in arguments.items()}
        message = super().__new__(cls, ENGLISH.formatter.vformat(template, (), plain))
        message.template, message.arguments = template, plain
        return message

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, Any]]:
        return (self.template,), self.arguments

    def to_dict(self) -> dict[str, Any]:
        """The message as plain data."""
        arguments = {
            name: value.to_dict() if isinstance(value, Message) else value for name, value in self.arguments.items()
        }
        return {"message": self.template, "arguments": arguments}


def about(name: str, text: str) -> Message:
    """A sentence about something, whose name stands before it."""
    return Message(ABOUT, record=name, problem=as_message(text))


def as_message(text: str) -> str:
    """A sentence as a message without arguments, where it can be one; a Message as it is."""
    return text if isinstance(text, Message) or "{" in text or "}" in text else Message(text)


def unnamed(text: str, name: str) -> str:
    """The sentence without the name that stands before it."""
    if isinstance(text, Message) and text.template == ABOUT and text.arguments["record"] == name:
        return text.arguments["problem"]
    return text.removeprefix(f"{name}: ")


def plain_message(text: str) -> dict[str, Any]:
    """Any sentence as plain data; one that knows no template is its own, without arguments."""
    return text.to_dict() if isinstance(text, Message) else {"message": str(text), "arguments": {}}


def message_of(plain: Mapping[str, Any]) -> str:
    """The sentence that `plain_message` wrote. Raises ValueError for what it never writes."""
    template, arguments = plain.get("message"), plain.get("arguments")
    if not isinstance(template, str) or not isinstance(arguments, Mapping):
        raise ValueError("not a message")
    if not arguments:
        return as_message(template)
    try:
        given = {name: message_of(each) if isinstance(each, Mapping) else each for name, each in arguments.items()}
        return Message(template, **given)
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError("not a message") from error


def messages_of(texts: Sequence[str], plain: Sequence[Mapping[str, Any]] | None) -> list[str]:
    """Sentences that are stored in English with their messages beside them; a message that says something else is left out.

    plain : of each sentence; None of documents that an earlier version wrote.
    """
    messages = []
    for text, each in zip_longest(texts, (plain or ())[: len(texts)], fillvalue=None):
        try:
            message = text if each is None else message_of(each)
        except ValueError:
            message = text
        messages.append(message if message == text else text)
    return messages


def translate(text: str, language: Language) -> str:
    """A sentence in a language; in English where that has no words for it, or they do not fit its arguments."""
    template, arguments = (text.template, text.arguments) if isinstance(text, Message) else (str(text), {})
    translated = language.templates.get(template)
    if translated is None:
        return str(text)
    if not arguments:
        return translated
    try:
        return language.formatter.vformat(translated, (), arguments)
    except (KeyError, IndexError, ValueError, TypeError):
        return str(text)


@contextmanager
def speaking(language: Language) -> Iterator[None]:
    """Have `say` say it in a language for a while."""
    token = _SPOKEN.set(language)
    try:
        yield
    finally:
        _SPOKEN.reset(token)


def spoken() -> Language:
    """The language of `say`."""
    return _SPOKEN.get()


def say(template: str, /, **arguments: Any) -> str:
    """A message in the language that is being spoken, for what is drawn and printed."""
    message = Message(template, **arguments) if arguments else template
    return str(message) if spoken() is ENGLISH else translate(message, spoken())


def _argument(value: Any) -> Any:
    """An argument as plain data: a message, a text, a finite number, a list of texts."""
    if hasattr(value, "dtype") and getattr(value, "ndim", None) == 0:
        value = value.item()
    if isinstance(value, Message | bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, list | tuple) and all(isinstance(each, str) for each in value):
        return [str(each) for each in value]
    return str(value)


class _Filled(Formatter):
    """Fills templates: arguments by their names alone, numbers and leads as a language has them."""

    def __init__(self, language: Language) -> None:
        self.language = language

    def get_field(self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Any, str]:
        return kwargs[field_name], field_name

    def convert_field(self, value: Any, conversion: str | None) -> Any:
        return super().convert_field(str(value) if conversion and isinstance(value, Message) else value, conversion)

    def format_field(self, value: Any, format_spec: str) -> str:
        language = self.language
        if format_spec in language.leads:
            every, one, several = language.leads[format_spec]
            if value == ALL:
                return every
            names = [value] if isinstance(value, str) else value
            return (one if len(names) == 1 else several).format(language.listed(names))
        if format_spec == "list" or isinstance(value, list):
            return language.listed([value] if isinstance(value, str) else value)
        if isinstance(value, Message):
            return str(value) if language is ENGLISH else translate(value, language)
        if isinstance(value, str):
            return value if _is_of_number(format_spec) else format(value, format_spec)
        return language.number(format(value, format_spec))


def _is_of_number(format_spec: str) -> bool:
    """Whether a format is one of numbers, which a number that was stored as text has no use for."""
    return format_spec[-1:] in ("d", "e", "f", "g", "%", ",")


ENGLISH = Language({}, {"leads": ("all leads", "lead {}", "leads {}")})
_SPOKEN: ContextVar[Language] = ContextVar("spoken", default=ENGLISH)
