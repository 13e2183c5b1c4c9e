"""Axes in the frontal plane, and voltages and progression over the chest leads."""

import numpy as np

CHEST = ("V1", "V2", "V3", "V4", "V5", "V6")
LEAST_AREA_MV_MS = 0.5  # of I and aVF together; with less, the axis is anybody's guess


def frontal_axis_deg(leads: tuple[str, ...], areas: np.ndarray) -> float | None:
    """Axis of a wave from its net areas, mV ms, (n_leads,): degrees from -180 to 180, 0 along lead I, 90 along aVF.

    aVF is the vector's foot component times the root of 3/4 (Goldberger's lead is shorter than Einthoven's). None where
    I and one of aVF, II or III are missing, or where next to nothing is left of the areas.
    """
    by_lead = dict(zip(leads, areas, strict=True))
    foot = _foot(by_lead)
    if "I" not in by_lead or foot is None or np.hypot(by_lead["I"], foot) < LEAST_AREA_MV_MS:
        return None
    return float(np.degrees(np.arctan2(foot, by_lead["I"])))


def _foot(by_lead: dict[str, float]) -> float | None:
    if "aVF" in by_lead:
        return by_lead["aVF"] * 2 / np.sqrt(3)
    if "I" in by_lead and "II" in by_lead:
        return (2 * by_lead["II"] - by_lead["I"]) / np.sqrt(3)
    if "I" in by_lead and "III" in by_lead:
        return (2 * by_lead["III"] + by_lead["I"]) / np.sqrt(3)
    return None


def angle_between_deg(first: float, second: float) -> float:
    """The angle between two axes, 0 to 180."""
    return abs((first - second + 180) % 360 - 180)


def transition(leads: tuple[str, ...], r_mv: np.ndarray, s_mv: np.ndarray) -> str | None:
    """The first chest lead in which R is at least as high as S is deep; None where none is, or not all six are there.

    r_mv, s_mv : (n_leads,), R upwards and S downwards, 0 where there is none.
    """
    if not set(CHEST) <= set(leads):
        return None
    rows = [leads.index(lead) for lead in CHEST]
    over = np.flatnonzero(r_mv[rows] >= -s_mv[rows])
    return CHEST[over[0]] if len(over) else None


def sokolow_lyon_mv(leads: tuple[str, ...], r_mv: np.ndarray, s_mv: np.ndarray) -> float | None:
    """S in V1 and the higher R of V5 and V6 (Sokolow and Lyon 1949, Am. Heart J. 37:161)."""
    if not {"V1", "V5", "V6"} <= set(leads):
        return None
    return float(-s_mv[leads.index("V1")] + max(r_mv[leads.index(lead)] for lead in ("V5", "V6")))


def cornell_mv(leads: tuple[str, ...], r_mv: np.ndarray, s_mv: np.ndarray) -> float | None:
    """R in aVL and S in V3 (Casale et al. 1985, J. Am. Coll. Cardiol. 6:572)."""
    if not {"aVL", "V3"} <= set(leads):
        return None
    return float(r_mv[leads.index("aVL")] - s_mv[leads.index("V3")])
