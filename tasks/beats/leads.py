"""Which one or two leads of a recording its beats are told from."""

from dataclasses import replace

import numpy as np

from cardiac.beats import find_beats
from cardiac.long_signals import LongSignal
from cardiac.quality.any_leads import PACED_TIMES
from cardiac.quality.measures import Measures, join, measure
from cardiac.quality.reasons import mostly, named
from cardiac.records import Note, Record, with_missing_at_rest

KEPT = 2
N_LOOKED_AT, LOOKED_AT_S = 24, 10.0  # stretches, and how long each is
NOISE_MV = 0.02  # added to the noise under a QRS: with less of it no lead is any better
# Leads are alike good that have so much of what the second best has, or this itself: the order below says which are taken.
ALIKE_SHARE, GOOD_RATIO = 0.6, 20.0
# As in the recordings that taught: MLII, an even view of P and QRS, and beside it V1, then others of the chest.
ORDER = ("II", "MLII", "V1", "V5", "V2", "V4", "V3", "V6", "I", "aVF", "aVL", "III", "aVR")
PACED = "a pacemaker's impulses are seen: the classes of paced beats are not to be trusted"


def choose_leads(record: Record) -> Record:
    """The record with its best one or two leads, all samples finite; notes say which were taken or left out, and why.

    Of one lead or two those without a signal for half the time are left out. Of more, those are taken whose QRS stand out
    of their noise, without flat or clipped stretches, and of several that are alike good the first in ORDER. A long
    recording is looked at in 24 places.
    """
    record = with_missing_at_rest(record)
    measures = _look(record)
    empty = mostly(measures.flat)
    usable = np.flatnonzero(~empty)
    notes = [*record.notes]
    if len(measures.pacing) >= PACED_TIMES:
        notes.append(Note("warning", PACED))
    if len(usable) == 0 or len(record.leads) == 1:
        return _with_rows(record, [*range(min(KEPT, len(record.leads)))], notes)
    if len(usable) < len(record.leads):
        without = tuple(record.leads[row] for row in np.flatnonzero(empty))
        notes.append(Note("warning", f"left out, as without a signal for half the time or more: {', '.join(without)}"))
    if len(usable) <= KEPT:
        return _with_rows(record, usable.tolist(), notes)
    rows = _best(standing_out(measures), record.leads, usable)
    used = named(tuple(record.leads[row] for row in rows), record.leads)
    notes.append(Note("info", f"the beats are told from {used} of {len(record.leads)}, where QRS stand out well"))
    return _with_rows(record, rows, notes)


def standing_out(measures: Measures) -> np.ndarray:
    """How well the QRS of each lead stand out of its noise, (n_leads,); 0 where there are no beats."""
    if measures.heights.shape[1] == 0:
        return np.zeros(len(measures.leads))
    ratio = measures.height_mv / (measures.muscle_mv + NOISE_MV)
    whole = (1 - measures.flat.mean(axis=1)) * (1 - measures.clipped.mean(axis=1))
    return ratio * whole * (1 - measures.hidden.mean(axis=1))


def _best(ratios: np.ndarray, leads: tuple[str, ...], usable: np.ndarray) -> list[int]:
    """Two rows: of those alike good the first in ORDER, then the better one."""
    least = min(ALIKE_SHARE * np.sort(ratios[usable])[-KEPT], GOOD_RATIO)

    def key(row: int) -> tuple[bool, int, float]:
        place = ORDER.index(leads[row]) if leads[row] in ORDER else len(ORDER)
        return bool(ratios[row] < least), place, -float(ratios[row])

    return sorted(usable.tolist(), key=key)[:KEPT]


def _look(record: Record) -> Measures:
    """The measures of stretches of the recording, as of one."""
    n_samples, length = record.signal.shape[1], round(LOOKED_AT_S * record.fs_hz)
    n = min(N_LOOKED_AT, max(1, n_samples // length))
    starts = np.linspace(0, max(n_samples - length, 0), n).astype(int)
    parts = []
    for start in starts:
        part = np.asarray(record.signal[:, start : start + length])
        beats = find_beats(part, record.fs_hz)
        parts.append(measure(part, record.fs_hz, beats, 0, part.shape[1], record.leads))
    return join(parts)


def _with_rows(record: Record, rows: list[int], notes: list[Note]) -> Record:
    """The record with some of its leads."""
    signal = record.signal
    if rows != [*range(len(record.leads))]:
        signal = (
            LongSignal(signal, lambda part: part[rows], len(rows)) if isinstance(signal, LongSignal) else signal[rows]
        )
    return replace(record, signal=signal, leads=tuple(record.leads[row] for row in rows), notes=tuple(notes))
