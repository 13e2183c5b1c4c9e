"""What the trees look at: one vector a record, measured of its median beat, amplitudes in units of the record's own size.

Absolute millivolts are partly those of a machine, its filter and a patient's build: divided by the mean height of the
QRS, of the limb leads and of the chest leads each, they carry over to other machines (docs/trees.md). Unlike the table
by lead, in which a wave is there or not, each feature changes little where the beat changes little: a wave that a
lead lacks has amplitude and duration 0.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from cardiac.errors import ConfigError
from cardiac.leads import LEADS
from cardiac.measurements.criteria import zero_for_nan
from cardiac.measurements.measure import Measurements
from cardiac.measurements.median_beat import BEFORE, GRID_HZ
from cardiac.measurements.wave_network import measured_by
from cardiac.measurements.waves import level_before
from tasks.mi.labels import OUTPUTS

CHEST = [LEADS.index(f"V{number}") for number in range(1, 7)]
TERRITORIES = {
    "inferior": ("II", "III", "aVF"),
    "anterior": ("V1", "V2", "V3", "V4"),
    "lateral": ("I", "aVL", "V5", "V6"),
}
LIMB = np.arange(len(LEADS)) < 6
SMALLEST_MV = 0.05  # the size of leads without any QRS to speak of
UP_MV, DOWN_MV = 0.05, 0.02  # from here on the QRS goes up or down
SOFT = 0.05  # added to a denominator that may be nothing, in units of the record's size
T_HALF_S = 0.04
OF_RECORD = (
    "qrs_ms", "qt_ms", "pr_ms", "heart_rate_bpm", "qrs_axis_deg", "t_axis_deg", "qrs_t_angle_deg",
)  # fmt: skip
OF_LEAD = (
    "r", "q", "q_ms", "s", "r2", "qs", "first_r", "lowest", "q_share", "r_share", "net", "r_peak_ms", "initial_20",
    "initial_40", "notches", "st_j", "st_60", "st_80", "st_slope", "t", "t_max", "t_min", "t_share",
)  # fmt: skip
UNSCALED = ("q_ms", "qs", "r_peak_ms")
ST_T = {
    "st_j": "st_j_mv", "st_60": "st_j60_mv", "st_80": "st_j80_mv", "st_slope": "st_slope_mv_per_s", "t_max": "t_max_mv",
    "t_min": "t_min_mv",
}  # fmt: skip
OF_CHEST = ("highest_r", "least_r_23", "least_step", "steps_down", "transition")
COUNTS = tuple(f"q_{name}" for name in TERRITORIES)
FEATURES = (
    *OF_RECORD, *(f"{lead}_{name}" for lead in LEADS for name in OF_LEAD), *OF_CHEST, *COUNTS,
    "inferior_r", "cornell", "sokolow_lyon",
)  # fmt: skip


def trees_entry() -> dict[str, Any]:
    """What a card says of its trees, but for their checksum."""
    return {"features": [*FEATURES], "outputs": [*OUTPUTS], "measured_by": measured_by()}


def check_trees(entry: Mapping[str, Any] | None) -> None:
    """Raise ConfigError where a card's trees ask for other measurements than this program makes."""
    if entry is None:
        return
    own = trees_entry()
    if any(entry.get(key) != own[key] for key in ("features", "outputs")):
        raise ConfigError(
            "trees.features or trees.outputs are not those of this version: use the one that made the bundle"
        )
    if entry.get("measured_by") != own["measured_by"]:
        raise ConfigError("trees.measured_by is not the delineator of this version: use the one that made the bundle")


def features_of(measurements: Measurements, by_size: bool = True) -> np.ndarray | None:
    """The features of a record of the twelve leads, float64 (len(FEATURES),).

    None where no beat could be measured, or a pacemaker makes them: its beats are no sign of the heart's walls.
    by_size : False leaves amplitudes in mV, to see what that is worth.
    """
    if measurements.group is None or measurements.fiducials is None or measurements.is_paced:
        return None
    by_lead = _of_leads(measurements, by_size)
    of_record = [_number(measurements.values[name]) for name in OF_RECORD]
    table = np.stack([by_lead[name] for name in OF_LEAD], axis=1)  # (12, n)
    voltages = [
        by_lead["r"][[LEADS.index("II"), LEADS.index("aVF")]].sum(),
        by_lead["r"][LEADS.index("aVL")] + by_lead["lowest"][LEADS.index("V3")],
        by_lead["lowest"][CHEST[0]] + by_lead["r"][CHEST[4:]].max(),
    ]
    return np.concatenate([of_record, table.ravel(), _of_chest(by_lead), _counts(by_lead), voltages])


def _number(value: float | str | None) -> float:
    return 0.0 if value is None else float(value)


def _of_leads(measurements: Measurements, by_size: bool) -> dict[str, np.ndarray]:
    """OF_LEAD, (12,) each: amplitudes in units of the leads' size, downward ones positive, times in ms."""
    heights = np.asarray(measurements.table["qrs_mv"], dtype=float)
    size = np.where(LIMB, heights[LIMB].mean(), heights[~LIMB].mean()).clip(SMALLEST_MV) if by_size else 1.0
    onset, qrs = _qrs(measurements)
    of_qrs = _of_qrs(qrs)
    scaled = {name: each if name in UNSCALED else each / size for name, each in of_qrs.items()}
    st_t = zero_for_nan(np.array([measurements.table[column] for column in ST_T.values()])) / size  # (6, 12)
    t = _t_about_its_peak(measurements, onset) / size
    r, lowest = scaled["r"], scaled["lowest"]
    return {
        **scaled,
        "q_share": scaled["q"] / (r + SOFT),
        "r_share": r / (r + lowest + SOFT),
        "notches": _notches(measurements, onset, qrs.shape[1]),
        **dict(zip(ST_T, st_t, strict=True)),
        "t": t,
        "t_share": t / (r + lowest + 2 * SOFT),
    }


def _qrs(measurements: Measurements) -> tuple[int, np.ndarray]:
    """Its first sample in the beat, and the QRS of every lead from its level, mV, (12, n)."""
    fiducials, beat = measurements.fiducials, measurements.group.beat
    onset, end = (round(fiducials[name] * GRID_HZ) + BEFORE for name in ("qrs_onset", "qrs_end"))
    return onset, beat[:, onset : max(end, onset + 3) + 1] - level_before(beat, onset)[:, None]


def _of_qrs(qrs: np.ndarray) -> dict[str, np.ndarray]:
    """Amplitudes, mV, and times, ms, of the QRS from its level, (12,) each. qrs : (12, n)."""
    n, sample_ms = qrs.shape[1], 1000 / GRID_HZ
    at = np.arange(n)
    peak = qrs.argmax(axis=1)
    up = qrs > UP_MV
    first_up = np.where(up.any(axis=1), up.argmax(axis=1), n)
    before = at < first_up[:, None]
    after_peak = np.where(at >= peak[:, None], qrs, np.inf)
    trough = after_peak.argmin(axis=1)
    return {
        "r": np.maximum(qrs.max(axis=1), 0),
        "q": np.maximum(-np.where(before, qrs, 0).min(axis=1), 0),
        "q_ms": (before & (qrs < -DOWN_MV)).sum(axis=1) * sample_ms,
        "s": np.maximum(-after_peak.min(axis=1), 0),
        "r2": np.maximum(np.where(at >= trough[:, None], qrs, 0).max(axis=1), 0),
        "qs": (first_up == n).astype(float),
        "first_r": np.maximum(np.where(at <= qrs.argmin(axis=1)[:, None], qrs, 0).max(axis=1), 0),
        "lowest": np.maximum(-qrs.min(axis=1), 0),
        "net": qrs.mean(axis=1),
        "r_peak_ms": peak * sample_ms,
        "initial_20": qrs[:, : round(0.02 * GRID_HZ) + 1].mean(axis=1),
        "initial_40": qrs[:, : round(0.04 * GRID_HZ) + 1].mean(axis=1),
    }


def _notches(measurements: Measurements, onset: int, n: int) -> np.ndarray:
    """How often each lead turns within the QRS, (12,)."""
    beat = measurements.group.beat[:, max(onset - 1, 0) : onset + n + 1]
    smooth = beat[:, :-2] + beat[:, 1:-1] + beat[:, 2:]
    turns = np.diff(np.sign(np.diff(smooth, axis=1)), axis=1) != 0
    return turns.sum(axis=1).astype(float)


def _t_about_its_peak(measurements: Measurements, onset: int) -> np.ndarray:
    """Mean of each lead over 80 ms about the T peak of all leads, mV, (12,); 0 where there is none."""
    fiducials, beat = measurements.fiducials, measurements.group.beat
    if np.isnan(fiducials["t_peak"]):
        return np.zeros(len(beat))
    centre, half = round(fiducials["t_peak"] * GRID_HZ) + BEFORE, round(T_HALF_S * GRID_HZ)
    return beat[:, max(centre - half, 0) : centre + half + 1].mean(axis=1) - level_before(beat, onset)


def _of_chest(by_lead: Mapping[str, np.ndarray]) -> list[float]:
    """Progression of R from V1 to V6."""
    r, share = by_lead["r"][CHEST], by_lead["r_share"][CHEST]
    steps = np.diff(r[:4])
    over = np.flatnonzero(share > 0.5)
    return [r.argmax(), min(r[1], r[2]), steps.min(), (steps < -SOFT / 2).sum(), over[0] if len(over) else len(CHEST)]


def _counts(by_lead: Mapping[str, np.ndarray]) -> list[float]:
    """How many leads of each territory have a Q that counts."""
    wide = {"inferior": (by_lead["q_ms"] >= 30) & (by_lead["q_share"] > 0.2)}
    wide["anterior"] = (by_lead["q_ms"] >= 20) | (by_lead["qs"] > 0)
    wide["lateral"] = by_lead["q_ms"] >= 30
    return [sum(wide[name][LEADS.index(lead)] for lead in leads) for name, leads in TERRITORIES.items()]
