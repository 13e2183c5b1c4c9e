"""Columns of times and of numbers of samples: which they are, and what rate they state."""

import re
from collections.abc import Sequence

import numpy as np

from cardiac.errors import RecordError
from cardiac.messages import Message
from cardiac.readers.stated import Statement, in_range, rate_of_step, rounded
from cardiac.readers.units import TIME_UNITS, folded

_TIME_TEXT = """time times timestamp timestamps datetime date clock elapsed t zeit zeitstempel uhrzeit zeitpunkt temps tiempo
tempo hora heure ora tid tijd tidpunkt
aika czas cas ido zaman sure время вр час 时间 時間 時刻 시간 χρονος الوقت epoch unix utc secs"""
_COUNT_TEXT = """index idx sample samples smp row rows rowid id no nr n num number count counter point points frame frames
abtastwert abtastpunkt messpunkt messwert nummer lfd echantillon muestra amostra campione номер № отсчет п/п 序号 序號 样本
采样点 サンプル 번호 unnamed record block"""
_HELPER_TEXT = "in the of rel relative abs absolute recording rec ecg stamp elapsed axis x since start column 0 1"
_TIME_WORDS, _COUNT_WORDS = frozenset(_TIME_TEXT.split()), frozenset(_COUNT_TEXT.split())
_HELPERS = frozenset(_HELPER_TEXT.split())
_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,3}):(\d{1,2})(?:[.,:](\d{1,9}))?\s*([ap]m)?", re.IGNORECASE)
DAY_S = 86_400.0
COARSEST = 0.02  # share of a rate that a clock's resolution may leave open
LONE_LETTERS = {"h", "d", "ч"}  # which may be any column's heading
LOOKED_AT = 200  # cells by which a column of texts is known


def words_of(heading: str) -> tuple[set[str], float | None]:
    """The words of a heading, and the unit of time among them in seconds."""
    text = folded(heading)
    tokens = [each for each in re.split(r"[\s()\[\]{}/:;,.#=\"'|<>-]+", text) if each]
    units = [TIME_UNITS[each] for each in tokens if each in TIME_UNITS]
    words = {each for each in tokens if each not in TIME_UNITS or each in _TIME_WORDS}
    return words, units[-1] if units else None


def is_time_heading(heading: str) -> bool:
    """Whether a heading says that its column holds times: a word for time, a clock's form, or a unit of time alone."""
    words, unit = words_of(heading)
    rest = words - _HELPERS
    if rest & _TIME_WORDS and rest <= _TIME_WORDS | _COUNT_WORDS:
        return True
    if unit is not None and folded(heading) in LONE_LETTERS:
        return False
    is_form = re.fullmatch(r"\W*(?:dd|d|yyyy|hh?|mm?|[:./-]|\s)+:?ss?(?:[.,:]\w+)?\W*", folded(heading)) is not None
    return is_form or (unit is not None and (not rest or rest <= _COUNT_WORDS))


def is_count_heading(heading: str) -> bool:
    """Whether a heading says that its column numbers the samples, or says nothing."""
    words, unit = words_of(heading)
    return unit is None and words - _HELPERS <= _COUNT_WORDS


def counts_rows(values: np.ndarray) -> bool:
    """Whether a column goes up by one from row to row."""
    return len(values) > 1 and bool((np.diff(values) == 1).all()) and float(values[0]) in (0.0, 1.0)


def rises_evenly(values: np.ndarray) -> bool:
    """Whether a column goes up from row to row by steps of nearly one size, as times do and samples never."""
    steps = np.diff(values)
    if len(steps) < 2 or not np.isfinite(steps).all() or steps.min() < 0 or values[-1] <= values[0]:
        return False
    step = (values[-1] - values[0]) / len(steps)
    away = np.abs(values - (values[0] + step * np.arange(len(values)))).max()
    return bool(away <= 2 * steps.max() or (steps.min() > 0 and steps.max() <= 1.5 * np.median(steps)))


def state_rate(values: np.ndarray, heading: str, unit: str = "") -> Statement:
    """What a column of times says of the rate. values : (n,), in the unit that heading or unit row name, if any.

    Raises RecordError where the times do not rise, or have gaps.
    """
    subject = (
        Message("its column {name!r}", name=heading.strip()) if heading.strip() else Message("its column of times")
    )
    step, resolution = _step(values, subject)
    unit_s = words_of(unit)[1] or words_of(heading)[1]
    tolerance = max(1e-4, 2 * resolution / (values[-1] - values[0]))
    if tolerance > COARSEST or (step == 1 and not unit_s):
        return Statement(subject)  # too coarse, or a number of samples as well as times in a unit that is not stated
    if unit_s and not in_range(1 / (step * unit_s)):
        return Statement(Message("{subject} (a step of {step:g})", subject=subject, step=step))
    rate = rate_of_step(step, unit_s)
    return Statement(subject, rounded(rate, tolerance) if rate else None)


def _step(values: np.ndarray, subject: str) -> tuple[float, float]:
    """The mean step between samples, and the clock's resolution where that is seen. Raises RecordError."""
    if len(values) < 2 or not np.isfinite(values).all():
        raise RecordError("{subject} has no time for some samples: export the recording in one piece", subject=subject)
    steps = np.diff(values)
    if steps.min() < 0 or values[-1] <= values[0]:
        raise RecordError("{subject} does not rise: export the samples in order", subject=subject)
    step, middle = (values[-1] - values[0]) / len(steps), float(np.median(steps))
    rising = np.unique(steps[steps > 0])
    ticks = rising[np.concatenate([[True], np.diff(rising) > 1e-6 * rising[-1]])]
    if middle == 0:  # such as a clock of whole seconds: equal times for many samples
        counts = np.diff(np.flatnonzero(steps) + 1)
        if len(ticks) > 1 or (len(counts) and np.ptp(counts) > 1):
            raise RecordError("{subject} has gaps: export the recording in one piece", subject=subject)
        is_whole = len(counts) > 1 and np.ptp(counts) == 0
        return (ticks[0] / int(counts[0]), 0.0) if is_whole else (step, float(ticks[0]))
    if steps.max() > 2.5 * max(middle, step):
        raise RecordError("{subject} has gaps: export the recording in one piece", subject=subject)
    return step, float(np.diff(ticks).min()) if len(ticks) > 1 else 0.0


def are_times(cells: Sequence[str]) -> bool:
    """Whether texts are times of a clock, or dates with times."""
    some = [cell for cell in cells[:LOOKED_AT] if cell.strip()]
    return bool(some) and all(_CLOCK.search(cell) for cell in some)


def seconds_of(cells: Sequence[str]) -> np.ndarray | None:
    """Seconds from texts of a clock ("0:00.004", "10:00:00,004", "2024-05-03T10:00:00.004Z"), (n,); None for any other.

    A clock that passes midnight goes on. Of a date only that it is another day counts.
    """
    seconds = np.empty(len(cells))
    for index, cell in enumerate(cells):
        match = _CLOCK.search(cell)
        if not match:
            return None
        hours, minutes, whole, part, half = match.groups()
        part_s = float(f"0.{part}") if part else 0.0
        hour = (int(hours or 0) % 12 + 12 * (half.lower() == "pm")) if half else int(hours or 0)
        seconds[index] = hour * 3_600 + int(minutes) * 60 + int(whole) + part_s
    turns = np.concatenate([[0], np.cumsum(np.diff(seconds) < -DAY_S / 2)])
    return seconds + turns * DAY_S
