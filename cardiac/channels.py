"""From a file's channels to leads in mV: the twelve in order, or every channel that holds a voltage, or some by name."""

import re
from collections.abc import Sequence

import numpy as np

from cardiac.errors import RecordError
from cardiac.leads import LEADS, lead_and_sign, lead_name, twelve_leads
from cardiac.messages import Message
from cardiac.readers.raw import Note, Raw
from cardiac.readers.units import mv_per_unit

_BRACKETED_END = re.compile(r"(.*?)\s*[(\[]([^()\[\]]*)[)\]]")


def settle_leads(
    samples: np.ndarray, raw: Raw, leads: tuple[str, ...] | None, notes: list[Note]
) -> tuple[np.ndarray, tuple[str, ...]]:
    """The leads that are asked for, in mV as the file states it, (n_leads, n), and their names.

    They are float64, or float32 where the samples are and nothing is to be reckoned. They may be the samples themselves.

    samples : (n_channels, n), in the channels' units.  leads : the twelve, of which limb leads may follow from two
    others; other names, in the order wanted; None for every channel that holds a voltage, in the file's order.
    Raises RecordError where a lead is missing or listed twice, or where its unit is no voltage.
    """
    if leads == LEADS:
        return _order_leads(_to_mv(samples, raw), raw.leads, notes), LEADS
    signal, names = _voltages(samples, raw, notes)
    if leads is None:
        return signal, names
    missing = [lead for lead in leads if lead not in names]
    if missing:
        raise RecordError(
            "lead {leads} is missing among {names}: export these leads too",
            leads=", ".join(missing),
            names=", ".join(names)[:200],
        )
    return signal[[names.index(lead) for lead in leads]], leads


def _to_mv(signal: np.ndarray, raw: Raw) -> np.ndarray:
    """Each lead in mV by its own unit; other signals as they are, and all where no unit is stated.

    float64, but float32 where the samples are and every unit is mV.
    """
    factors = np.ones(len(signal))
    for row, unit in enumerate(raw.units or ()):
        if (raw.leads is None or lead_and_sign(raw.leads[row]) is not None) and unit.strip():
            factors[row] = _factor_of_lead(unit)
    if signal.dtype == np.float32 and (factors == 1).all():
        return signal
    doubles = signal.astype(np.float64, copy=False)
    return doubles if (factors == 1).all() else doubles * factors[:, None]


def _factor_of_lead(unit: str) -> float:
    factor = mv_per_unit(unit)
    if factor is None:
        raise RecordError("its unit {unit!r} is not a known unit of voltage: use mV, µV or V", unit=unit)
    return factor


def _order_leads(signal: np.ndarray, leads: Sequence[str] | None, notes: list[Note]) -> np.ndarray:
    """The twelve leads in order; limb leads that are missing follow from two others (Einthoven, Goldberger)."""
    if leads is None:
        return signal
    matches = [lead_and_sign(lead) for lead in leads]
    names = [each[0] if each else lead for each, lead in zip(matches, leads, strict=True)]
    if not any(matches):
        raise RecordError(
            "holds {names} and none of the twelve leads: export an ECG with lead names", names=", ".join(names)[:120]
        )
    _refuse_repeated(names)
    limbs = [lead for lead in LEADS[:6] if lead in names]
    missing = [lead for lead in LEADS if lead not in names]
    if len(limbs) < 2 or any(lead not in LEADS[:6] for lead in missing):
        listed = ", ".join(lead_name(lead) for lead in leads)
        raise RecordError(
            "lead {leads} is missing among {listed}: export all twelve leads",
            leads=", ".join(missing),
            listed=listed[:200],
        )
    extra = [name for name in names if name not in LEADS]
    if extra:
        notes.append(Note("info", Message("left aside: {names}", names=", ".join(extra))))
    _note_turned(matches, notes)
    given = {each[0]: signal[row] if each[1] == 1 else -signal[row] for row, each in enumerate(matches) if each}
    if missing:
        notes.append(
            Note(
                "info",
                Message(
                    "{leads} from {limbs} (Einthoven, Goldberger)",
                    leads=", ".join(missing),
                    limbs=limbs[:2],
                ),
            )
        )
        relations = twelve_leads(np.eye(2))[[LEADS.index(lead) for lead in limbs[:2]]]  # to I and II
        i_and_ii = np.linalg.solve(relations, np.stack([given[lead] for lead in limbs[:2]]))
        derived = twelve_leads(i_and_ii)
        given |= {lead: derived[LEADS.index(lead)] for lead in missing}
    return np.stack([given[lead] for lead in LEADS])


def _voltages(samples: np.ndarray, raw: Raw, notes: list[Note]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Every channel that holds a voltage, in mV, float64, and their names: the standard ones, else the file's own.

    A channel without a unit is one where it is named after a lead, or where no channel of the file has a unit.
    """
    stated = raw.leads or (LEADS if len(samples) == len(LEADS) else ("",) * len(samples))
    matches = [lead_and_sign(name) for name in stated]
    names = [
        each[0] if each else _without_unit(name) or f"channel {row + 1}"
        for row, (each, name) in enumerate(zip(matches, stated, strict=True))
    ]
    _refuse_repeated(names)
    units = [unit.strip() for unit in raw.units or ("",) * len(samples)]
    factors = [_factor_of(unit, each is not None, any(units)) for unit, each in zip(units, matches, strict=True)]
    kept = [row for row, factor in enumerate(factors) if factor is not None]
    others = [name for row, name in enumerate(names) if row not in kept]
    if not kept:
        raise RecordError("holds {names} and no voltage: export an ECG with its unit", names=", ".join(names)[:120])
    if others:
        notes.append(Note("info", Message("left aside, as no voltage: {names}", names=", ".join(others)[:120])))
    _note_turned(matches, notes)
    signs = [matches[row][1] if matches[row] else 1 for row in kept]
    gains = np.array([factors[row] * sign for row, sign in zip(kept, signs, strict=True)])
    return samples[kept].astype(np.float64) * gains[:, None], _apart([names[row] for row in kept])


def _without_unit(name: str) -> str:
    match = _BRACKETED_END.fullmatch(name.strip())
    return match[1] if match and mv_per_unit(match[2]) else name.strip()


def _factor_of(unit: str, is_lead: bool, has_units: bool) -> float | None:
    """Millivolts of a channel's unit; None where it is no voltage. has_units : whether any channel of the file has one."""
    if not unit:
        return 1.0 if is_lead or not has_units else None
    return _factor_of_lead(unit) if is_lead else mv_per_unit(unit)


def _apart(names: Sequence[str]) -> tuple[str, ...]:
    """The names, of which those that stand for several channels are numbered: "ECG", "ECG 2"."""
    kept: list[str] = []
    for name in names:
        numbered, number = name, 1
        while numbered in kept:
            number += 1
            numbered = f"{name} {number}"
        kept.append(numbered)
    return tuple(kept)


def _refuse_repeated(names: Sequence[str]) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1 and name in LEADS})
    if repeated:
        raise RecordError("lead {leads} is listed twice: name every lead once", leads=", ".join(repeated))


def _note_turned(matches: Sequence[tuple[str, int] | None], notes: list[Note]) -> None:
    turned = [lead for lead in LEADS if (lead, -1) in matches]
    if turned:
        notes.append(Note("info", Message("stored turned round and turned back: {leads}", leads=", ".join(turned))))
