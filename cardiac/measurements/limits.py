"""The usual range of each measurement in adults, and who says so."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Range:
    """What a value is held against: low, high (None leaves a side open), and the source."""

    low: float | None
    high: float | None
    source: str

    def holds(self, value: float) -> bool:
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


AHA_2009_III = "Surawicz et al. 2009, Circulation 119:e235 (AHA/ACC/HRS, Part III)"
AHA_2009_IV = "Rautaharju et al. 2009, Circulation 119:e241 (AHA/ACC/HRS, Part IV)"
QT = f"{AHA_2009_IV}; from 360 ms up: Zeppenfeld et al. 2022, Eur. Heart J. 43:3997 (ESC)"
AHA_2009_V = "Hancock et al. 2009, Circulation 119:e251 (AHA/ACC/HRS, Part V)"
PACE = "Kusumoto et al. 2019, Circulation 140:e382 (ACC/AHA/HRS); Page et al. 2016, Circulation 133:e506"

RANGES: dict[str, Range] = {
    "heart_rate_bpm": Range(50, 100, PACE),
    "pr_ms": Range(120, 200, PACE),
    "qrs_ms": Range(None, 110, AHA_2009_III),
    "qrs_axis_deg": Range(-30, 90, AHA_2009_III),
    "qtc_fridericia_ms": Range(360, 460, QT),
    "qtc_bazett_ms": Range(360, 460, QT),
    "qrs_t_angle_deg": Range(None, 90, AHA_2009_IV),
    "sokolow_lyon_mv": Range(None, 3.5, AHA_2009_V),
    "cornell_mv": Range(None, 2.8, AHA_2009_V),
}
BY_SEX: dict[tuple[str, str], tuple[float | None, float | None]] = {
    ("qtc_fridericia_ms", "male"): (360, 450),
    ("qtc_bazett_ms", "male"): (360, 450),
    ("cornell_mv", "female"): (None, 2.0),
}


def range_of(name: str, sex: str | None = None) -> Range | None:
    """The range of a measurement by name; where sex matters and is not known, the wider one. None where there is none."""
    usual = RANGES.get(name)
    if usual and sex and (name, sex) in BY_SEX:
        return Range(*BY_SEX[name, sex], usual.source)
    return usual


def outside(values: Mapping[str, float | None], sex: str | None = None) -> dict[str, Range]:
    """The measurements that lie outside their range, with it."""
    ranges = {name: range_of(name, sex) for name, value in values.items() if isinstance(value, int | float)}
    return {name: each for name, each in ranges.items() if each and not each.holds(values[name])}
