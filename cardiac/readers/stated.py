"""What a file says of its sampling rate: in lines, in keys with values, in columns; understood, or reported as doubtful.

The default rate holds only for a file that says nothing about time. What mentions rate, frequency, interval or time and
is not understood, and two statements that disagree, leave the rate open with the words that are in doubt.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cardiac.messages import Message
from cardiac.readers.raw import FS_RANGE_HZ, Note
from cardiac.readers.time_words import (
    BESIDE,
    CELLS,
    CLOCK_OR_DATE,
    FS,
    INTERVAL_UNIT,
    INTERVAL_WORD,
    IS_CJK_SAMPLING,
    IS_DURATION,
    IS_FS,
    IS_INTERVAL,
    IS_RATE,
    IS_SAMPLING,
    NUMBER,
    ONE_OF_TWO,
    OTHERS,
    PER_SAMPLE,
    PER_SECOND,
    RATE_UNIT,
    TIME_UNIT,
)
from cardiac.readers.units import TIME_UNITS, UNKNOWN_TIME_UNITS, folded, numbers_of

AGREE = 0.01  # of each other: so far may two statements of one rate be apart
SURE_FROM_HZ = 250.0  # a bare "rate" or "frequency" may be the heart's, up to here
DURATION_AGREES = 0.005
USUAL_HZ = (100, 125, 128, 180, 200, 240, 250, 256, 257, 300, 360, 400, 480, 500, 512, 600, 720, 750, 800, 960, 1000, 1024,
            1200, 1250, 1500, 2000, 2048, 2400, 2500, 4000, 4096, 5000, 8000, 8192, 10000)  # fmt: skip
_PLAIN_TEXT = "ecg ekg экг lead leads at signal data with channel channels khz hz hertz sps s"
ABOUT_SIGNALS = frozenset(_PLAIN_TEXT.split())
LONGEST_LINE = 2_000  # letters of a line that are searched


@dataclass(frozen=True)
class Statement:
    """A statement about the rate. subject : where it is, as a sentence's subject ("its line 'fs: 250'").

    fs_hz : None in doubt.  seconds : of the recording, where its duration is stated; n samples in it give a rate.
    """

    subject: str
    fs_hz: float | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Rate:
    """What all statements give together. doubt : why the rate is open though there is a statement about it."""

    fs_hz: float | None = None
    doubt: str | None = None
    notes: tuple[Note, ...] = ()


def in_range(fs_hz: float) -> bool:
    """Whether an ECG may be sampled so."""
    return FS_RANGE_HZ[0] * (1 - 1e-9) <= fs_hz <= FS_RANGE_HZ[1] * (1 + 1e-9)


def rate_of_step(step: float, unit_s: float | None = None) -> float | None:
    """The one rate that a step between samples can mean; of an unknown unit that is any unit of time which fits alone."""
    rates = [1 / (step * unit) for unit in ((unit_s,) if unit_s else UNKNOWN_TIME_UNITS) if step > 0]
    fitting = [rate for rate in rates if in_range(rate)]
    return rounded(fitting[0]) if len(fitting) == 1 else None


def rounded(fs_hz: float, tolerance: float = 1e-4) -> float:
    """The whole number that a rate is within the tolerance (a share), or the rate."""
    whole = round(fs_hz)
    return float(whole) if abs(fs_hz - whole) <= tolerance * fs_hz else fs_hz


def settle_rate(statements: Iterable[Statement], n_samples: int) -> Rate:
    """One rate from all statements, or the doubt that is left."""
    statements = [_by_duration(each, n_samples) for each in statements]
    known = [each for each in statements if each.fs_hz]
    exact = [each for each in known if each.seconds is None] or known
    if not known:
        doubts = [each.subject for each in statements]
        return (
            Rate(doubt=Message("{subject} speaks of time and was not understood", subject=doubts[0]))
            if doubts
            else Rate()
        )
    first = exact[0]
    for other in known:
        apart = abs(other.fs_hz / first.fs_hz - 1)
        if other.seconds is not None and not 0.2 < other.fs_hz / first.fs_hz < 5:
            continue  # the duration of a whole of which this is a part
        if apart > (AGREE if other.seconds is None else 0.05):
            return Rate(
                doubt=Message(
                    "{subject} says {fs_hz:g} Hz and {other} {other_hz:g} Hz, which disagree",
                    subject=first.subject,
                    fs_hz=first.fs_hz,
                    other=other.subject,
                    other_hz=other.fs_hz,
                )
            )
    return Rate(
        first.fs_hz,
        None,
        (Note("info", Message("{subject} says {fs_hz:g} Hz", subject=first.subject, fs_hz=first.fs_hz)),),
    )


def _by_duration(each: Statement, n_samples: int) -> Statement:
    if each.seconds is None:
        return each
    rate = n_samples / each.seconds if each.seconds > 0 else 0.0
    near = min(USUAL_HZ, key=lambda usual: abs(rate / usual - 1))
    is_usual = abs(rate / near - 1) <= DURATION_AGREES
    return Statement(each.subject, float(near) if is_usual else None, each.seconds)


def statements_in(lines: Sequence[str]) -> list[Statement]:
    """What lines of text say of the rate; a key alone on its line may have its value on the next."""
    statements = []
    for index, line in enumerate(lines):
        if not re.search(r"[^\W\d_]", line[:LONGEST_LINE]):
            continue
        below = lines[index + 1] if index + 1 < len(lines) else ""
        for clause in _clauses(line, below):
            statements += _statements(clause)
    return _once(statements)


def statements_of(pairs: Mapping[str, Any]) -> list[Statement]:
    """What keys with values (numbers, texts, bytes, arrays of them) say of the rate."""
    statements = []
    for key, value in pairs.items():
        values = {_as_text(each) for each in np.asarray(value).ravel()[:1_000]}
        if len(values) == 1:
            statements += _statements(f"{key}: {values.pop()}", Message("its entry {name!r}", name=key))
        elif _statements(f"{key}: 500"):
            statements.append(Statement(Message("its entry {name!r}", name=key)))
    return _once(statements)


def _as_text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip("\0 ")
    return f"{float(value):.12g}" if isinstance(value, int | float | np.number) else str(value)


def _once(statements: list[Statement]) -> list[Statement]:
    seen: dict[tuple[float | None, float | None], Statement] = {}
    for each in statements:
        seen.setdefault((each.fs_hz, each.seconds), each)
    return list(seen.values())


def _clauses(line: str, below: str) -> list[str]:
    """The line cut where one statement ends and another begins; a value, or a unit, in the next cell stays with its key."""
    cells = [cell.strip(" #\"'") for cell in re.split(CELLS, line[:LONGEST_LINE])]
    cells = [cell for cell in cells if cell]
    parted = [re.split(pattern, below[:LONGEST_LINE].strip()) for pattern in (CELLS, ",")]
    under = [cell.strip(" #\"'") for cell in next((each for each in parted if len(each) == len(cells)), [])]
    joined: list[str] = []
    for cell in cells:
        is_value = bool(joined) and not re.search(r"\d", joined[-1]) and re.match(r"[:=]?\s*[\d.,]", cell) is not None
        continues = is_value or (bool(joined) and _is_unit(cell) and joined[-1][-1:].isdigit())
        joined[len(joined) - continues :] = [f"{joined[-1]} {cell}"] if continues else [cell]
    if len(joined) == len(cells) and not any(re.search(r"\d", cell) for cell in cells) and len(under) == len(cells):
        return [f"{key} {value}" for key, value in zip(cells, under, strict=True)]
    return joined


def _is_unit(cell: str) -> bool:
    text = folded(cell)
    return bool(RATE_UNIT.fullmatch(text) or INTERVAL_UNIT.fullmatch(text))


def _statements(clause: str, subject: str | None = None) -> list[Statement]:
    """What one clause says: nothing, a rate, a duration, or something in doubt."""
    text = folded(clause)
    subject = subject or Message("its line {line!r}", line=clause.strip()[:60])
    per_sample = _values(text, INTERVAL_UNIT, PER_SAMPLE)
    if per_sample:
        return [Statement(subject, rate_of_step(per_sample[0]))]
    is_sampling = bool(IS_SAMPLING.search(text) or IS_CJK_SAMPLING.search(text))
    is_fs = bool(IS_FS.search(text))
    hertz = {value for value in _values(text, RATE_UNIT) if in_range(value)}
    is_sure = is_sampling and (hertz or (re.search(r"rate|freq|interval|period", text) and " bit" not in text))
    if OTHERS.search(text) and not is_sure:
        return []
    if CLOCK_OR_DATE.search(text):
        return []
    if IS_DURATION.search(text) and not is_sampling:
        seconds = _values(text, INTERVAL_UNIT)
        return [Statement(subject, None, seconds[0])] if len(seconds) == 1 and seconds[0] >= 1 else []
    is_interval, is_rate = bool(IS_INTERVAL.search(text)), bool(IS_RATE.search(text))
    if not (is_sampling or is_fs or is_interval or is_rate):
        words = re.findall(r"[^\W\d]+", text)
        bare = set(words) - ABOUT_SIGNALS
        return [Statement(subject, hertz.pop() if len(hertz) == 1 and not bare else None)] if hertz else []
    return [Statement(subject, _understood(text, hertz, is_sampling or is_fs, is_interval))] if _says(text) else []


def _says(text: str) -> bool:
    """Whether there is more than a word that has to do with sampling, such as "samples"."""
    is_plain = re.fullmatch(
        r"\W*(?:samples?|data|sampled data|acquisition|aufnahme|step|scan|a/?d|adc)\W*[\d\s.,]*", text
    )
    return not is_plain and bool(
        re.search(r"\d", text) or IS_RATE.search(text) or IS_INTERVAL.search(text) or IS_FS.search(text)
    )


def _understood(text: str, hertz: set[float], is_sampling: bool, is_interval: bool) -> float | None:
    """The rate that a clause states, or None where it can be read in several ways or in none."""
    if hertz:
        return rounded(hertz.pop()) if len(hertz) == 1 and not ONE_OF_TWO.search(text) else None
    if _values(text, RATE_UNIT):
        return None  # a rate that no ECG has
    if intervals := _values(text, INTERVAL_UNIT):
        steps = {rate_of_step(step, 1.0) for step in intervals}
        return steps.pop() if len(steps) == 1 else None
    if fraction := re.search(rf"1\s*/\s*(\d+)\s*(?:{TIME_UNIT})?(?!\w)", text):
        return float(fraction[1]) if in_range(float(fraction[1])) else None
    numbers = [value for each in re.findall(NUMBER, text) for value in numbers_of(each)]
    unit = None if re.search(rf"(?<!\w)(?:{FS})(?!\w)", text) else _unit_named(text)
    if is_interval and not re.search(r"rate|freq|hz", text):
        is_plain = re.fullmatch(rf"\W*(?:{INTERVAL_WORD})\W*{NUMBER}\W*", text)
        fitting = (
            {rate for number in numbers if (rate := rate_of_step(number, unit))}
            if is_plain or unit or is_sampling
            else set()
        )
    elif unit:
        fitting = {rate for number in numbers if (rate := rate_of_step(number, unit))}
    else:
        factor = 1_000 if re.search(r"(?<!\w)k ?hz", text) else 1
        least = FS_RANGE_HZ[0] if is_sampling or "hz" in text else SURE_FROM_HZ
        fitting = {number * factor for number in numbers if in_range(number * factor) and number * factor >= least}
    return rounded(fitting.pop()) if len(fitting) == 1 else None


def _values(text: str, unit: re.Pattern[str], then: re.Pattern[str] | None = None) -> list[float]:
    """Numbers with a unit right behind them, in Hz or in seconds."""
    quantities = []
    for number in re.finditer(NUMBER, text):
        match = unit.match(text, number.end())
        if match and (then is None or then.match(text, match.end())):
            factor = TIME_UNITS[match[1]] if unit is INTERVAL_UNIT else 1_000.0 if any(match.groups()) else 1.0
            values = [value * factor for value in numbers_of(number[0])]
            fitting = [value for value in values if in_range(value if unit is RATE_UNIT else 1 / value if value else 0)]
            quantities += fitting if len(values) > 1 and fitting else values[:1]
    return quantities


def _unit_named(text: str) -> float | None:
    """A unit of time that the key names: "interval (ms): 4", "period_us = 4000"."""
    text = re.sub(rf"(?<!\w)t s(?!\w)|{PER_SECOND}", " ", text)
    named = re.findall(rf"(?<![\w.])({TIME_UNIT})(?!\w)", text)
    units = {TIME_UNITS[each] for each in named if len(each) > 1 or re.search(BESIDE.format(each), text)}
    return units.pop() if len(units) == 1 else None
