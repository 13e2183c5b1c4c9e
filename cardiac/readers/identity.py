"""Who was recorded, and when, as a file states it: plain data that no finding, export or log has in it."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

LONGEST = 200  # letters of a name or an id
EARLIEST_YEAR = 1930
# What stands in a field from which a patient's name, id or date was taken away, or in which none was ever written.
_NOBODY = """
x xx xxx xxxx xxxxx na none null unknown unnamed noname nobody anon anonym anonymous anonymus anonymized anonymised
anonymizedpatient anonymisedpatient anonymouspatient anonymousanonymous deidentified removed redacted deleted hidden
blank empty notgiven notavailable notknown noid nopatientid default неизвестно неизвестный аноним анонимно
"""
NOBODY_WORDS = frozenset(_NOBODY.split())
_NAMELESS = re.compile(r"x+|0+|patient")  # as words beside those of nobody


@dataclass(frozen=True, repr=False)
class Identity:
    """patient_id, name : of the patient.  recorded_at : the clock's local time there, "2021-03-04T10:20:30" or the day alone.

    None for what the file does not state. Its text shows none of it, so that it comes into no log.
    """

    patient_id: str | None = None
    name: str | None = None
    recorded_at: str | None = None

    def __repr__(self) -> str:
        return "Identity(...)"


UNSTATED = Identity()


def stated_identity(patient_id: str, name: str, recorded_at: str | None) -> Identity:
    """An identity from a file's texts, of which those that stand for nobody are None."""
    return Identity(stated_text(patient_id), stated_text(name), recorded_at)


def stated_text(text: str) -> str | None:
    """A name or an id on one line; None where it says that there is none."""
    shown = " ".join("".join(each if each.isprintable() else " " for each in text).split())[:LONGEST].strip()
    bare = re.sub(r"[\W_]", "", shown).lower()
    words = [word for word in re.split(r"[\W_]+", shown.lower()) if word]
    is_nobody = bare in NOBODY_WORDS or all(word in NOBODY_WORDS or _NAMELESS.fullmatch(word) for word in words)
    return None if is_nobody else shown


def moment(*numbers: int) -> str | None:
    """Year, month, day, and hour, minute, second where they are known, as one text; None where that is no date of an ECG.

    A date in the years to come was shifted to hide the true one; those of before 1930, and the first day of Unix, were never set.
    """
    try:
        at = datetime(*numbers)
    except (ValueError, TypeError, OverflowError):
        return None
    if at.year < EARLIEST_YEAR or at > datetime.now() + timedelta(days=2) or numbers[:3] == (1970, 1, 1):
        return None
    return at.isoformat(timespec="seconds") if len(numbers) > 3 else at.date().isoformat()


def moment_in(date: str, clock: str = "", order: str = "ymd") -> str | None:
    """The moment of a date and a time of day in words of digits: "20210304", "03-04-2021" (order "mdy"), "10:20:30.5".

    A time that is not understood is left out. A year has four digits.
    """
    text = date.strip()
    parts = [text[:4], text[4:6], text[6:]] if re.fullmatch(r"\d{8}", text) else re.split(r"[-/. ]", text)
    if len(parts) != 3 or not all(re.fullmatch(r"\d{1,4}", each) for each in parts):
        return None
    named = dict(zip("ymd" if re.fullmatch(r"\d{8}", text) else order, parts, strict=True))
    if len(named["y"]) != 4:
        return None
    day = [int(named[each]) for each in "ymd"]
    at = re.match(r"(\d\d):?(\d\d)(?::?(\d\d))?(?![\d:])", clock.strip())
    whole = moment(*day, *(int(each or 0) for each in at.groups())) if at else None
    return whole or moment(*day)


def moment_of_digits(text: str) -> str | None:
    """The moment in digits as DICOM (DT) and HL7 (TS) write it: "20210304102030.000+0100"; the clock there is what counts."""
    stated = re.match(r"(\d{8})(\d{4}(?:\d\d)?)?", text.strip())
    return moment_in(stated[1], stated[2] or "") if stated else None
