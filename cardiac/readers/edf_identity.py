"""Who was recorded and when, from a header of EDF+ (edfplus.info, 2.1.3.3 and 2.1.3.4) or of plain EDF."""

import re

from cardiac.readers.edf_header import EdfHeader
from cardiac.readers.identity import Identity, moment, stated_identity
from cardiac.readers.raw import SEXES

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
CLIPPED = 85  # a year of two digits from here on is of the last century
HIDDEN = "1985-01-01"  # what is written in the place of a day that shall not be known


def identity_of(header: EdfHeader) -> Identity:
    """Patient and start. What plain EDF has as its patient is in no order, so nothing of it is taken."""
    is_plus = header.form[:4] in ("EDF+", "BDF+")
    code, _, _, name = ([*header.patient.split(), *[""] * 4] if is_plus else [""] * 4)[:4]
    return stated_identity(code.replace("_", " "), name.replace("_", " "), _start(header, is_plus))


def sex_of(header: EdfHeader) -> str | None:
    """Sex, of plain EDF only where its patient is written as EDF+'s is: "X F 01-JAN-1960 Name", and not "JOHN F KENNEDY"."""
    _, sex, born = [*header.patient.split(), "", "", ""][:3]
    return SEXES.get(sex.upper()) if re.fullmatch(r"X?|\d\d-[A-Z]{3}-\d{4}", born, re.IGNORECASE) else None


def _start(header: EdfHeader, is_plus: bool) -> str | None:
    """The start: its day with four digits of the year from EDF+'s recording, else with two."""
    day = re.fullmatch(r"(\d\d)\.(\d\d)\.(\d\d)", header.start[0])
    whole = re.match(r"Startdate (\d{1,2})-([A-Z]{3})-(\d{4})\b", header.recording, re.IGNORECASE)
    if is_plus and re.match(r"Startdate X\b", header.recording):
        return None
    if is_plus and whole and whole[2].upper() in MONTHS:
        date = int(whole[3]), MONTHS.index(whole[2].upper()) + 1, int(whole[1])
    elif day:
        year = int(day[3])
        date = year + (1900 if year >= CLIPPED else 2000), int(day[2]), int(day[1])
    else:
        return None
    clock = re.fullmatch(r"(\d\d)[.:](\d\d)[.:](\d\d)", header.start[1])
    at = (clock and moment(*date, *map(int, clock.groups()))) or moment(*date)
    return None if at and at.startswith(HIDDEN) else at
