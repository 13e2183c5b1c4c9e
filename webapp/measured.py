"""What was measured of a record, as its page shows it: values with what stands out, missing ones with why, waves by lead."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _

from webapp.reasons import translate_reason
from webapp.words import N_, decimal, language

NOTHING = "–"
GROUPS = (
    (
        N_("Rate and intervals"),
        {
            "heart_rate_bpm": N_("Heart rate"),
            "rr_sd_ms": N_("RR, standard deviation"),
            "p_ms": "P",
            "pr_ms": N_("PR"),
            "qrs_ms": "QRS",
            "qt_ms": "QT",
            "qtc_fridericia_ms": N_("QTc (Fridericia)"),
            "qtc_bazett_ms": N_("QTc (Bazett)"),
        },
    ),
    (
        N_("Axes"),
        {
            "p_axis_deg": N_("P axis"),
            "qrs_axis_deg": N_("QRS axis"),
            "t_axis_deg": N_("T axis"),
            "qrs_t_angle_deg": N_("QRS-T angle"),
        },
    ),
    (
        N_("Chest leads and voltages"),
        {
            "r_transition": N_("R/S transition"),
            "sokolow_lyon_mv": N_("Sokolow-Lyon"),
            "cornell_mv": N_("Cornell"),
        },
    ),
)
SHOWN = tuple(name for _title, names in GROUPS for name in names)
UNITS = {"bpm": N_("%(n)s per minute"), "ms": N_("%(n)s ms"), "deg": "%(n)s°", "mv": N_("%(n)s mV")}
DIGITS = {"mv": 2, "s": 1}  # mV/s ends in s
CRITERIA = {
    "pathological_q": N_("Q wide and deep enough to count in %(leads)s"),
    "st_elevation": N_("ST raised in %(leads)s"),
    "st_depression": N_("ST lowered in %(leads)s"),
    "t_inversion": N_("T inverted in %(leads)s"),
}
WAVES = (  # of the table by lead: a wave, its columns and their heads
    ("P", {"p_mv": N_("mV")}),
    ("Q", {"q_mv": N_("mV"), "q_ms": N_("ms")}),
    ("R", {"r_mv": N_("mV"), "r_ms": N_("ms")}),
    ("S", {"s_mv": N_("mV"), "s_ms": N_("ms")}),
    ("R′", {"r2_mv": N_("mV"), "r2_ms": N_("ms")}),
    ("QRS", {"qrs_mv": N_("mV")}),
    (N_("ST, mV, at J and ms after it"), {"st_j_mv": "J", "st_j40_mv": "40", "st_j60_mv": "60", "st_j80_mv": "80"}),
    (N_("ST slope"), {"st_slope_mv_per_s": N_("mV/s")}),
    ("T", {"t_mv": N_("mV")}),
)
OVER = {
    "pathological_q": ("q_mv", "q_ms"),
    "st_elevation": ("st_j_mv",),
    "st_depression": ("st_j_mv",),
    "t_inversion": ("t_mv",),
}


@dataclass(frozen=True)
class Value:
    """A value on the page. text : with its unit, or a dash.  side, usual : how it lies outside which range, in words; none
    where it does not.  note : number of the reason why there is no value."""

    name: str
    label: str
    text: str
    side: str | None = None
    usual: str | None = None
    note: int | None = None


@dataclass(frozen=True)
class Cell:
    """A cell of the table by lead. over : over a limit of the Universal Definition."""

    text: str
    over: bool = False


@dataclass(frozen=True)
class Measured:
    """All that the page shows. groups : (title, values).  notes : (labels, reason), in the order of the values' numbers.
    criteria : sentences; none where no lead is over a limit.  rows : (lead, cells).  is_held : whether the
    limits were asked for, which do not hold of paced beats.  n_measured : beats; 0 where none was.
    """

    groups: list[tuple[str, list[Value]]]
    notes: list[tuple[str, str]]
    criteria: list[str]
    rows: list[tuple[str, list[Cell]]]
    is_held: bool
    n_measured: int
    n_found: int
    part_s: tuple[float, float]

    def text(self, name: str) -> str:
        """A value without its unit, for a line of several."""
        value = next(each for _title, values in self.groups for each in values if each.name == name)
        return value.text.split("\u00a0")[0]


def measured(document: Mapping[str, Any]) -> Measured | None:
    """What was measured of a record, in the page's language; None of records that an earlier version read."""
    given = document.get("measurements")
    if not given:
        return None
    over = _over(given)
    texts = list(dict.fromkeys(given["reasons"].get(name, "") for name in SHOWN if given.get(name) is None))
    groups = [
        (_(title), [_value(given, name, _(label), texts) for name, label in names.items()]) for title, names in GROUPS
    ]
    values = [each for _title, group in groups for each in group]
    labels = [", ".join(each.label for each in values if each.note == n + 1) for n in range(len(texts))]
    beats = given["beats"]
    return Measured(
        groups,
        [(label, translate_reason(text, language())) for label, text in zip(labels, texts, strict=True)],
        [_(text, leads=", ".join(over[name])) for name, text in CRITERIA.items() if over[name]],
        [(lead, _cells(given, lead)) for lead in given["leads"]] if beats["measured"] else [],
        given["criteria"] is not None,
        beats["measured"],
        beats["found"],
        (beats["from_s"], beats["to_s"]),
    )


def _over(given: Mapping[str, Any]) -> Mapping[str, list[str]]:
    """The leads over each limit; none where they were not held against them."""
    return given["criteria"] or {name: [] for name in CRITERIA}


def _value(given: Mapping[str, Any], name: str, label: str, reasons: list[str]) -> Value:
    value = given.get(name)
    if value is None:
        return Value(name, label, NOTHING, note=1 + reasons.index(given["reasons"].get(name, "")))
    if isinstance(value, str):
        return Value(name, label, value)
    unit = name.rsplit("_", 1)[1]
    usual = given["outside"].get(name)
    if usual is None:
        return Value(name, label, _with_unit(value, unit))
    return Value(name, label, _with_unit(value, unit), _side(value, usual, unit), _range(usual, unit))


def _side(value: float, usual: Mapping[str, float | None], unit: str) -> str:
    """How a value lies outside of its range: an axis, which goes round, is neither high nor low."""
    if unit == "deg" and usual["low"] is not None:
        return "outside"
    return "low" if usual["low"] is not None and value < usual["low"] else "high"


def _range(usual: Mapping[str, float | None], unit: str) -> str:
    low, high = usual["low"], usual["high"]
    if low is None:
        return _("usual up to %(high)s", high=_with_unit(high, unit))
    if high is None:
        return _("usual from %(low)s", low=_with_unit(low, unit))
    return _("usual %(low)s to %(high)s", low=_number(low, DIGITS.get(unit, 0)), high=_with_unit(high, unit))


def _with_unit(value: Any, unit: str) -> str:
    return _(UNITS[unit], n=_number(value, DIGITS.get(unit, 0))).replace(" ", "\u00a0")


def _number(value: float, digits: int) -> str:
    """A number as it is written, with a true minus, and no minus before nothing."""
    text = f"{value:.{digits}f}"
    return decimal(value, f"%.{digits}f").replace("-", "\u2212") if float(text) else decimal(0.0, f"%.{digits}f")


def _cells(given: Mapping[str, Any], lead: str) -> list[Cell]:
    waves, over = (
        given["leads"][lead],
        {column for name, columns in OVER.items() if lead in _over(given)[name] for column in columns},
    )
    return [Cell(_cell_text(waves, column), column in over) for _title, columns in WAVES for column in columns]


def _cell_text(waves: Mapping[str, Any], column: str) -> str:
    value = waves.get(column)
    if value is None:
        return NOTHING
    text = _number(value, DIGITS.get(column.rsplit("_", 1)[1], 0))
    return f"QS {text}" if column == "q_mv" and waves.get("qs") else text
