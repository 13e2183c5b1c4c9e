"""Who was recorded and when, from a WFDB header: its base time and date, and the comments of PhysioNet's data sets."""

import re
from collections.abc import Iterable

from cardiac.readers.identity import Identity, moment, stated_identity
from cardiac.readers.wfdb_header import Header

_ID = re.compile(r"(?:^|<)(?:patient|subject)[ _]?(?:id|number)>?\s*[:=]\s*(\S+)", re.IGNORECASE)
_DATE = re.compile(r"^ECG date\s*[:=]\s*(\S+)", re.IGNORECASE)  # of the PTB database, the day first
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d)(?:\.\d*)?)?")


def identity_of(header: Header) -> Identity:
    """Patient and start of the recording. A time of day without a date is none."""
    words = [each.strip("[]") for each in header.start]
    date = next(filter(None, map(_day, words)), None) or _day(_first(_DATE, header.comments))
    clock = next(filter(None, map(_CLOCK.fullmatch, words)), None)
    at = None
    if date:
        at = (clock and moment(*date, *(int(each or 0) for each in clock.groups()))) or moment(*date)
    return stated_identity(_first(_ID, header.comments), "", at)


def _first(pattern: re.Pattern[str], comments: Iterable[str]) -> str:
    return next((match[1] for match in map(pattern.search, comments) if match), "")


def _day(word: str) -> tuple[int, int, int] | None:
    """Year, month and day of "25/04/1989" (header(5): the day first).

    "15-May-2020" in PhysioNet's Challenges is the day on which the file was written, and so is none.
    """
    numbers = re.fullmatch(r"(\d{1,2})/(\d{1,2})/(\d{4})", word)
    return (int(numbers[3]), int(numbers[2]), int(numbers[1])) if numbers else None
