"""One family of errors. A message says what is wrong, where, and what to do, in one sentence."""

import importlib
import logging
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import PurePath
from types import ModuleType
from typing import Any

from cardiac.messages import Message, about, as_message

STOPS = (KeyboardInterrupt, SystemExit, GeneratorExit)  # what ends a program, and is no fault of anything
MOST_FRAMES = 12
_LOG = logging.getLogger("cardiac")
_LOGGED: set[str] = set()


class CardiacError(Exception):
    """What went wrong, in a sentence for the person at the keyboard.

    text : the sentence, or with arguments its template, as a Message has it.
    """

    def __init__(self, text: str = "", /, **arguments: Any) -> None:
        super().__init__(Message(text, **arguments) if arguments else as_message(text))

    @property
    def message(self) -> str:
        """The sentence, which may be a Message."""
        return self.args[0] if self.args and isinstance(self.args[0], str) else str(self)


class RecordError(CardiacError):
    """A recording that cannot be read or must not be decided on."""


class SignalTooShort(RecordError):
    """A signal with fewer samples than one window."""


class RecordRejected(RecordError):
    """A tracing that was read and on which no decision would be worth anything. reasons : plain data, for findings.json."""

    def __init__(self, text: str, reasons: Sequence[Mapping[str, object]] = ()) -> None:
        super().__init__(text)
        self.reasons = list(reasons)


class InternalError(RecordError):
    """A fault of this program over one recording, which says nothing against the file. fault : the exception's kind."""

    def __init__(self, fault: str, doing: str = "reading", name: str = "") -> None:
        super().__init__(
            "internal error ({fault}) while {doing} {name}: please report it",
            fault=fault,
            doing=Message(doing),
            name=name or Message("it"),
        )
        self.fault, self.doing, self.name = fault, doing, name


class DatasetError(CardiacError):
    """A data set, label table, folds file or submission form that is not what it should be."""


class BundleError(CardiacError):
    """Weights and card that do not fit each other, or are missing."""


class ConfigError(CardiacError):
    """A setting that does not exist or has the wrong kind of value."""


def extra(module: str, requirements: str, kind: type[CardiacError] = CardiacError) -> ModuleType:
    """A module that not every install has. Raises `kind`, saying which requirements file brings it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.split(".")[0]
        raise kind(f"the package {package} is not installed: pip install -r {requirements}") from error


def first_line(error: BaseException) -> str:
    """What an error says, in one line of at most 160 characters; its kind where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]


@contextmanager
def naming(where: str) -> Iterator[None]:
    """Put the name of the recording before the message of a RecordError raised inside, where it does not stand there yet.

    An InternalError has it within.
    """
    try:
        yield
    except InternalError as error:
        if error.name:
            raise
        raise InternalError(error.fault, error.doing, where) from error
    except RecordError as error:
        if str(error).startswith(f"{where}: "):
            raise
        named = about(where, error.message)
        raise (
            RecordRejected(named, error.reasons) if isinstance(error, RecordRejected) else type(error)(named)
        ) from error


@contextmanager
def faults_are_ours(doing: str) -> Iterator[None]:
    """Raise an InternalError for whatever is neither a sentence of ours, nor a matter of disk or memory, nor a stop."""
    try:
        yield
    except (CardiacError, OSError, MemoryError, *STOPS):
        raise
    except BaseException as error:  # a library's panic is one, and no reason to end the program
        raise internal_error(error, doing) from error


@contextmanager
def one_record(name: str, doing: str = "reading") -> Iterator[None]:
    """Raise a RecordError that names the recording for whatever goes wrong with it inside, but for a stop."""
    try:
        with faults_are_ours(doing):
            yield
    except InternalError as error:
        raise error if error.name else InternalError(error.fault, error.doing, name) from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise RecordError(
            "{name}: cannot be read any more ({reason}): check the disk it is on", name=name, reason=reason
        ) from error
    except MemoryError as error:
        raise RecordError("{name}: does not fit into memory: cut it into parts", name=name) from error


def internal_error(error: BaseException, doing: str = "reading", name: str = "") -> InternalError:
    """The sentence for a fault of ours, whose origin goes to the log; of 10,000 recordings with one fault, once."""
    log_fault(doing, origin_of(error))
    return InternalError(type(error).__name__, doing, name)


def log_fault(doing: str, origin: str) -> None:
    """Log where a fault arose, each origin once in the life of the program."""
    if origin not in _LOGGED:
        _LOGGED.add(origin)
        _LOG.error("internal error while %s: %s", doing, origin)


def origin_of(error: BaseException) -> str:
    """The kind of an error and the lines that led to it, the innermost first; not its text, which may be a patient's."""
    frames = traceback.extract_tb(error.__traceback__)[-MOST_FRAMES:]
    lines = ["/".join(PurePath(each.filename).parts[-2:]) + f":{each.lineno} in {each.name}" for each in frames]
    return f"{type(error).__name__} at {' < '.join(reversed(lines)) or 'no line of Python'}"
