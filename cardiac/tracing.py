"""What a viewer asks for: a stretch of a record as plain data or as .npy, its median beat, a small picture for lists."""

import io
from typing import Any

import numpy as np

from cardiac.beats import find_beats
from cardiac.measurements.measure import MEASURED_S, beat_document, measure_record
from cardiac.quality.assess import MARGIN_S, Quality
from cardiac.records import Record

TRACING_S, TRACING_POINTS = 3.0, 150
SHOWN_LEAD = "II"


def samples_document(record: Record, start_s: float, length_s: float) -> dict[str, Any]:
    """A stretch of the record as plain data: mV to 0.1 µV, leads in the record's order."""
    return {
        "record": record.record_id,
        "fs_hz": record.fs_hz,
        "unit": "mV",
        "leads": [*record.leads],
        "start_s": start_s,
        "duration_s": record.duration_s,
        "samples": np.round(_stretch(record, start_s, length_s).astype(np.float64), 4).tolist(),
    }


def samples_file(record: Record, start_s: float, length_s: float) -> bytes:
    """The same stretch as a .npy file: float32 (n_leads, n), mV."""
    content = io.BytesIO()
    np.save(content, np.ascontiguousarray(_stretch(record, start_s, length_s), np.float32))
    return content.getvalue()


def _stretch(record: Record, start_s: float, length_s: float) -> np.ndarray:
    first = round(start_s * record.fs_hz)
    return np.asarray(record.signal[:, first : first + round(length_s * record.fs_hz)])


def median_beat(record: Record) -> dict[str, Any] | None:
    """The record's median beat as `beat_document` has it; None where none could be measured.

    Of a long recording no more is read than the minute that is measured, with a margin in which beats are looked for too.
    """
    n, fs_hz = record.signal.shape[1], record.fs_hz
    reach = min(n, round((MEASURED_S + 2 * MARGIN_S) * fs_hz))
    first = (n - reach) // 2
    beats = find_beats(np.asarray(record.signal[:, first : first + reach]), fs_hz) + first
    return beat_document(measure_record(record, Quality((), beats, None)), fs_hz)


def small_tracing(record: Record) -> str:
    """Three seconds of lead II as the path of an SVG 150 wide and 40 high, 14 to the millivolt; for lists.

    Of a recording without lead II it is the first lead.
    """
    row = record.leads.index(SHOWN_LEAD) if SHOWN_LEAD in record.leads else 0
    shown = np.asarray(record.signal[:, : round(TRACING_S * record.fs_hz)])[row]
    away = shown - np.median(shown)
    at = np.linspace(0, len(shown), TRACING_POINTS, endpoint=False).astype(int)
    up, down = np.maximum.reduceat(away, at), np.minimum.reduceat(away, at)
    width = 150 * len(shown) / (TRACING_S * record.fs_hz)
    x = np.arange(TRACING_POINTS) * width / TRACING_POINTS
    y = np.clip(26 - 14 * np.where(up > -down, up, down), 1, 39)
    return "M" + " ".join(f"{along:.0f},{level:.1f}" for along, level in zip(x, y, strict=True))
