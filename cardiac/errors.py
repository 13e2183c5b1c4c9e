"""One family of errors. A message says what is wrong, where, and what to do, in one sentence."""

import importlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType


class CardiacError(Exception):
    """What went wrong, in a sentence for the person at the keyboard."""


class RecordError(CardiacError):
    """A recording that cannot be read or must not be decided on."""


class SignalTooShort(RecordError):
    """A signal with fewer samples than one window."""


class RecordRejected(RecordError):
    """A tracing that was read and on which no decision would be worth anything. reasons : plain data, for findings.json."""

    def __init__(self, text: str, reasons: Sequence[Mapping[str, object]] = ()) -> None:
        super().__init__(text)
        self.reasons = list(reasons)


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
    """Put the name of the recording before the message of a RecordError raised inside."""
    try:
        yield
    except RecordError as error:
        named = f"{where}: {error}"
        raise (
            RecordRejected(named, error.reasons) if isinstance(error, RecordRejected) else type(error)(named)
        ) from error
