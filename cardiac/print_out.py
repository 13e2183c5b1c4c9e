"""Measurements in words, as any machine prints them over a tracing: from the plain data of `Measurements.to_dict`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cardiac.messages import say

MISSING, HIGH, LOW = "–", "↑", "↓"
# On the line: what stands before the values, the values by what they are called where one of several is meant, the unit.
PRINTED: tuple[tuple[str, dict[str, str], str], ...] = (
    ("Rate", {"rate": "heart_rate_bpm"}, "/min"),
    ("PR", {"PR": "pr_ms"}, " ms"),
    ("QRS", {"QRS": "qrs_ms"}, " ms"),
    ("QT/QTc", {"QT": "qt_ms", "QTc": "qtc_fridericia_ms"}, " ms"),
    ("P/QRS/T axis", {"P axis": "p_axis_deg", "QRS axis": "qrs_axis_deg", "T axis": "t_axis_deg"}, "°"),
)
FORMULA = {"QT/QTc": "Fridericia"}
ELSEWHERE = (  # named where they are out of their range alone
    ("QRS-T angle", {"QRS-T angle": "qrs_t_angle_deg"}, "°"),
    ("Sokolow-Lyon", {"Sokolow-Lyon": "sokolow_lyon_mv"}, " mV"),
    ("Cornell", {"Cornell": "cornell_mv"}, " mV"),
)
CRITERIA = {
    "pathological_q": "Q waves over the limit",
    "st_elevation": "ST raised",
    "st_depression": "ST lowered",
    "t_inversion": "T inverted",
}
LABELS = {"Rate": "Rate", "PR": "PR", "P/QRS/T axis": "P/QRS/T axis", "QRS-T angle": "QRS-T angle"}
SHORT = {"rate": "rate", "PR": "PR", "P axis": "P axis", "QRS axis": "QRS axis", "T axis": "T axis"}
UNITS = {"/min": "/min", " ms": " ms", "°": "°", " mV": " mV"}
DEFINITION = "UDMI 2018"  # Fourth Universal Definition of Myocardial Infarction, whose limits are for narrow QRS
WIDE_QRS_MS = 120  # bundle branch block (Surawicz et al. 2009, Circulation 119:e235)


@dataclass(frozen=True)
class Part:
    """A piece of a line. outside : a value out of its range, which is to stand out.  small : the range, or a remark."""

    text: str
    outside: bool = False
    small: bool = False


def measured_parts(document: Mapping[str, Any]) -> list[Part]:
    """Rate, PR, QRS, QT and QTc, axes: "QRS 131 ms ↑", and after it, small, "(up to 110)"; what is missing is a dash."""
    return [part for label, names, unit in PRINTED for part in _value_parts(document, label, names, unit)]


def criteria_line(document: Mapping[str, Any]) -> str:
    """The leads over the limits of the Universal Definition: "Q waves over the limit (UDMI 2018): III, aVF"; "" without any."""
    over = [(say(CRITERIA[name]), ", ".join(leads)) for name, leads in (document["criteria"] or {}).items() if leads]
    if not over:
        return ""
    wide = document["qrs_ms"] is not None and document["qrs_ms"] >= WIDE_QRS_MS
    (words, leads), *others = over
    line = "; ".join([f"{words} ({DEFINITION}): {leads}", *(f"{words}: {leads}" for words, leads in others)])
    return say("{criteria}. These limits are for narrow QRS", criteria=line) if wide else line


def remark_parts(document: Mapping[str, Any]) -> list[Part]:
    """What else is out of its range, which beats were measured where not all were, and why values are missing."""
    parts: list[Part] = []
    for label, names, unit in ELSEWHERE:
        if document["outside"].keys() & {*names.values()}:
            parts += _value_parts(document, label, names, unit)
    parts += _beats_parts(document["beats"])
    missing: dict[str, list[str]] = {}
    for _, names, _ in PRINTED:
        for short, name in names.items():
            if name in document["reasons"]:
                missing.setdefault(document["reasons"][name].partition(":")[0], []).append(_short(short))
    if missing:
        words = "; ".join(f"{', '.join(names)} ({reason})" for reason, names in missing.items())
        parts.append(Part(say("Not measured: {words}", words=words)))
    return parts


def clock(time_s: float) -> str:
    """A moment as a clock shows it: "3:20", "1:02:03"."""
    minutes, seconds = divmod(round(time_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def part_shown(begin_s: float, shown_s: float, duration_s: float) -> str:
    """Which part of a recording is shown: "10.0 s" where that is all of it, else "0 to 10 s of 3:20"."""
    if shown_s >= duration_s - 0.05:
        return say("{duration_s:.1f} s", duration_s=duration_s)
    whole = clock(duration_s) if duration_s >= 60 else say("{duration_s:.1f} s", duration_s=duration_s)
    end_s = begin_s + shown_s
    if end_s < 60:
        return say("{begin:g} to {end:g} s of {whole}", begin=round(begin_s, 1), end=round(end_s, 1), whole=whole)
    return say("{begin} to {end} of {whole}", begin=clock(begin_s), end=clock(end_s), whole=whole)


def range_words(limits: Mapping[str, float | None]) -> str:
    """A range as it is said: "up to 110", "from 50", "120 to 200"."""
    low, high = limits["low"], limits["high"]
    if low is None:
        return say("up to {high:g}", high=high)
    return say("from {low:g}", low=low) if high is None else say("{low:g} to {high:g}", low=low, high=high)


def _value_parts(document: Mapping[str, Any], label: str, names: Mapping[str, str], unit: str) -> list[Part]:
    """Values of one unit in a row, and small the ranges of those outside them. An arrow says which: "400/480↑ ms"."""
    single = len(names) == 1
    outside = {short: document["outside"][name] for short, name in names.items() if name in document["outside"]}
    marks = {short: _mark(document[names[short]], limits) for short, limits in outside.items()}
    values = [_value(document[name], name) + ("" if single else marks.get(short, "")) for short, name in names.items()]
    if set(values) == {MISSING}:
        return [Part(f"{_label(label)} {MISSING}")]
    text = f"{_label(label)} {'/'.join(values)}{say(UNITS[unit])}"
    text += "".join(f" {mark}" for mark in marks.values()) if single else ""
    of = {short: "" if single else f"{short.removesuffix(' axis')} " for short in names}
    remarks = [say(FORMULA[label])] if label in FORMULA else []
    remarks += [f"{of[short]}{range_words(limits)}" for short, limits in outside.items()]
    return [Part(text, bool(outside)), *([Part(f"({', '.join(remarks)})", small=True)] if remarks else [])]


def _label(label: str) -> str:
    return say(LABELS[label]) if label in LABELS else label


def _short(short: str) -> str:
    return say(SHORT[short]) if short in SHORT else short


def _value(value: float | None, name: str) -> str:
    if value is None:
        return MISSING
    return say("{value:.1f}", value=value) if name.endswith("_mv") else say("{value:.0f}", value=value)


def _mark(value: float, limits: Mapping[str, float | None]) -> str:
    return HIGH if limits["high"] is not None and value > limits["high"] else LOW


def _beats_parts(beats: Mapping[str, Any]) -> list[Part]:
    """Which beats were measured, where those are not all of the recording's."""
    words = []
    if beats["measured"] not in (0, beats["found"]):
        words.append(say("{measured} of {found} beats measured", measured=beats["measured"], found=beats["found"]))
    if beats["from_s"] > 0:
        words.append(say("measured from {from_s:.0f} to {to_s:.0f} s", from_s=beats["from_s"], to_s=beats["to_s"]))
    return [Part(each) for each in words]
