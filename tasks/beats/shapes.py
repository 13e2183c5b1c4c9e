"""Beats cut out of a recording: prepared as cardiac prepares any signal, shifted onto their steepest part, in stretches."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cardiac.long_signals import prepare
from cardiac.records import Record
from cardiac.signals import SignalSpec

SPEC = SignalSpec(fs_hz=125.0, band_hz=(0.5, 45.0), leads=())  # of any leads
BEFORE, AFTER = 40, 60  # samples of a cut beat before its position and from it on: 320 and 480 ms
STRETCH_S = 1800.0  # a patient's beats are compared within about so long: as in training, and memory stays flat
SHIFT = 6  # samples that a position may be off, either way


@dataclass(frozen=True)
class Stretch:
    """Beats of a part of a recording, one after another.

    first, last : which of the recording's beats.  beats : float32 (n, n_leads, BEFORE + AFTER), mV, without the level that
    most of the stretch's samples around them have.
    """

    first: int
    last: int
    beats: np.ndarray


def cut_stretches(record: Record, positions: np.ndarray) -> Iterator[Stretch]:
    """All beats of a recording in order, those of some half an hour at a time; what lies outside is as its end.

    positions : samples of the recording, in order, int (n,).
    """
    prepared = prepare(record.signal, record.fs_hz, SPEC)
    places = np.round(np.asarray(positions) * (SPEC.fs_hz / record.fs_hz)).astype(int)
    n_parts = max(1, round(record.duration_s / STRETCH_S))
    bounds = np.searchsorted(places, np.linspace(0, prepared.shape[1], n_parts + 1)[1:-1]).tolist()
    for first, last in zip([0, *bounds], [*bounds, len(places)], strict=True):
        if last > first:
            yield Stretch(first, last, cut_beats(prepared, places[first:last]))


def cut_beats(prepared: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Beats around places in a prepared signal, each shifted to where its leads are farthest from rest together.

    prepared : (n_leads, n_samples), at SPEC's rate.  places : (n,), in order.  Returns float32 (n, n_leads, BEFORE + AFTER).
    """
    margin = BEFORE + SHIFT
    begin = max(0, int(places[0]) - margin)
    piece = np.asarray(prepared[:, begin : int(places[-1]) + AFTER + SHIFT + 1])
    steps = np.arange(-margin, AFTER + SHIFT)
    wide = piece[:, np.clip(places[:, None] - begin + steps, 0, piece.shape[1] - 1)]  # (n_leads, n, width)
    wide = wide.transpose(1, 0, 2) - np.median(wide, axis=2).T[:, :, None]
    scale = np.maximum(np.percentile(np.abs(wide[:, :, margin - SHIFT : margin + SHIFT + 1]).max(2), 50, axis=0), 0.02)
    height = (np.abs(wide) / scale[:, None]).mean(axis=1)[:, BEFORE : BEFORE + 2 * SHIFT + 1]
    shift = height.argmax(axis=1)
    kept = shift[:, None, None] + np.arange(BEFORE + AFTER)
    return np.take_along_axis(wide, kept, axis=2).astype(np.float32)
