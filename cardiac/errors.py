"""One family of errors. A message says what is wrong, where, and what to do, in one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager


class CardiacError(Exception):
    """What went wrong, in a sentence for the person at the keyboard."""


class RecordError(CardiacError):
    """A recording that cannot be read or must not be decided on."""


class SignalTooShort(RecordError):
    """A signal with fewer samples than one window."""


class DatasetError(CardiacError):
    """A data set, label table, folds file or submission form that is not what it should be."""


class BundleError(CardiacError):
    """Weights and card that do not fit each other, or are missing."""


class ConfigError(CardiacError):
    """A setting that does not exist or has the wrong kind of value."""


def first_line(error: BaseException) -> str:
    """What an error says, in one line of at most 160 characters; its kind where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]


@contextmanager
def naming(where: str) -> Iterator[None]:
    """Put the name of the recording before the message of a RecordError raised inside."""
    try:
        yield
    except RecordError as error:
        raise type(error)(f"{where}: {error}") from error
