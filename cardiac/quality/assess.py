"""May this tracing be trusted? Every lead and the record as a whole, with reasons in leads, seconds and words.

`assess_quality` looks at windows of a second and at the beats of any leads; of the twelve also at how the limb leads
hang together and at whether the leads look like those that they claim to be. It changes nothing and decides nothing: a
"warning" wants a look, and "rejected" means that it is too poor for any decision. Thresholds were set on
folds 0 to 2 of the training records (`python -m benchmarks.quality --fit` prints what they stand beside); without
`--fit` it prints what they catch and whom they blame on the others.
"""

import itertools
from dataclasses import dataclass, field

import numpy as np

from cardiac.beats import REFRACTORY_S, beatless_stretches, find_beats, heart_rate_bpm, join_beats, part_edges
from cardiac.errors import RecordError, RecordRejected
from cardiac.leads import LEADS
from cardiac.messages import Message
from cardiac.quality.any_leads import (
    beat_reasons,
    no_lead_reasons,
    noise_reasons,
    signal_reasons,
    spike_reasons,
    spoilt_leads,
)
from cardiac.quality.electrodes import limb_reasons, placement_reasons
from cardiac.quality.gain import gain_reasons, height_of, rescaling
from cardiac.quality.measures import Measures, join, measure
from cardiac.quality.parts import join_reasons, pause_reasons
from cardiac.quality.reasons import Reason
from cardiac.quality.walls import lost_reasons, wall_reasons
from cardiac.records import Record

KINDS = (
    "flat", "lead_off", "clipped", "spikes", "muscle_noise", "hum", "wander", "pacemaker", "no_beats", "heart_rate",
    "wrong_unit", "overall_gain", "wrong_gain", "lead_inverted", "leads_exchanged", "limb_leads_disagree",
    "arms_exchanged", "arm_leg_exchanged", "left_arm_leg_exchanged", "leg_electrode", "chest_order",
)  # fmt: skip
PART_S = 600.0  # of a long recording at a time
CHUNK_S = 60.0  # so much of a long recording is looked at together
MARGIN_S = 20.0  # on either side of a part its beats are looked for too, so that no border cuts or doubles one


@dataclass(frozen=True)
class Quality:
    """What is wrong with a tracing. reasons : the gravest first.  beats : R peaks, samples.

    rate_bpm : of all beats; None where it is not known.
    """

    reasons: tuple[Reason, ...]
    beats: np.ndarray = field(repr=False)
    rate_bpm: float | None

    @property
    def status(self) -> str:
        """ "rejected" where one reason says so, "warning" where there is any, else "ok"."""
        if any(reason.severity == "rejected" for reason in self.reasons):
            return "rejected"
        return "warning" if self.reasons else "ok"


def assess_quality(record: Record, sought: str | None = None) -> Quality:
    """What is wrong with a recording of any leads and any length: each kind of reason once, with where it stands.

    sought : what is looked for on it, in words ("a flutter"), for the sentences that name it. A long recording is read
    ten minutes at a time, and is rejected where more than half of these parts are.
    Raises RecordError as `assess`.
    """
    signal, fs_hz, leads = record.signal, record.fs_hz, record.leads
    n_samples, length, margin = signal.shape[1], round(PART_S * fs_hz), round(MARGIN_S * fs_hz)
    if n_samples <= length + fs_hz:
        return assess(np.asarray(signal[:, :]), fs_hz, leads, sought)
    edges = np.linspace(0, n_samples, -(-n_samples // length) + 1).astype(int)
    beats, by_part, near = np.zeros(0, dtype=int), [], round(REFRACTORY_S * fs_hz / 2)
    for first, last in itertools.pairwise(edges):
        begin = max(first - margin, 0)
        around = _checked(signal[:, begin : last + margin], fs_hz, leads)
        here = find_beats(around, fs_hz) + begin
        beats = join_beats(beats, here[(here >= first - near) & (here < last + near)], fs_hz)
        own = here[(here >= first) & (here < last)] - first
        by_part.append(_reasons(around[:, first - begin : last - begin], fs_hz, own, leads, sought))
    return _quality(join_reasons(by_part, list(edges / fs_hz), leads), beats, n_samples, fs_hz)


def assess(signal: np.ndarray, fs_hz: float, leads: tuple[str, ...] = LEADS, sought: str | None = None) -> Quality:
    """What is wrong with samples in memory, looked at as one part; see `assess_quality`.

    signal : (n_leads, n_samples), mV; samples that are not finite count as missing.  fs_hz : 100 and more. A second or
    more.  leads : names of its rows. Of the twelve in order it is also asked whether they belong together, show enough
    of the heart, and look like those that they claim to be.
    Raises RecordError for another shape or rate, or a shorter signal.
    """
    signal = _checked(signal, fs_hz, leads)
    beats = find_beats(signal, fs_hz)
    return _quality(_reasons(signal, fs_hz, beats, leads, sought), beats, signal.shape[1], fs_hz)


def require_usable(quality: Quality) -> Quality:
    """The quality of a tracing that may be decided on. Raises RecordRejected with its reasons for any other."""
    if quality.status == "rejected":
        gravest = next(reason for reason in quality.reasons if reason.severity == "rejected")
        raise RecordRejected(
            Message("was read, but the tracing is too poor for a decision: {reason}", reason=gravest.text),
            (each.to_dict() for each in quality.reasons),
        )
    return quality


def _checked(signal: np.ndarray, fs_hz: float, leads: tuple[str, ...]) -> np.ndarray:
    """The leads, float32, finite. Raises RecordError."""
    signal = np.asarray(signal, dtype=np.float32)
    if signal.ndim != 2 or len(signal) != len(leads) or not fs_hz >= 100 or signal.shape[1] < fs_hz:
        needed = Message("twelve leads") if leads == LEADS else Message("the leads {leads}", leads=", ".join(leads))
        raise RecordError(
            "has shape {shape} at {fs_hz} Hz: {needed} of at least a second are needed",
            shape=signal.shape,
            fs_hz=fs_hz,
            needed=needed,
        )
    return signal if np.isfinite(signal).all() else np.nan_to_num(signal, nan=0.0, posinf=0.0, neginf=0.0)


def _quality(reasons: list[Reason], beats: np.ndarray, n_samples: int, fs_hz: float) -> Quality:
    """The reasons, the gravest first, and where no beats are found although there are some."""
    pauses = pause_reasons(beatless_stretches(beats, n_samples, fs_hz), n_samples / fs_hz) if len(beats) else []
    ordered = sorted([*reasons, *pauses], key=lambda reason: reason.severity != "rejected")
    return Quality(tuple(ordered), beats, heart_rate_bpm(beats, fs_hz))


def _reasons(
    signal: np.ndarray, fs_hz: float, beats: np.ndarray, leads: tuple[str, ...], sought: str | None
) -> list[Reason]:
    """What is wrong with a signal whose beats are known."""
    measures = _measure(signal, fs_hz, beats, leads)
    if leads == LEADS:
        return _reasons_of_twelve(signal, fs_hz, beats, measures, sought)
    reasons = [*no_lead_reasons(measures), *signal_reasons(measures), *noise_reasons(measures)]
    return reasons + spike_reasons(measures, fs_hz, sought) + beat_reasons(measures, beats, fs_hz)


def _reasons_of_twelve(
    signal: np.ndarray, fs_hz: float, beats: np.ndarray, measures: Measures, sought: str | None
) -> list[Reason]:
    """The same of the twelve leads, with what they show together. A signal too large or small for a heart is rescaled."""
    empty, buried, hidden = spoilt_leads(measures)
    height_mv = height_of(measures.heights, ~(empty | buried | hidden), empty)
    if rescaling(height_mv) != 1:
        measures = _measure(signal * np.float32(rescaling(height_mv)), fs_hz, beats, LEADS)
        empty, buried, hidden = spoilt_leads(measures)
    reasons = [*gain_reasons(height_mv), *wall_reasons(empty, buried, hidden, sought)]
    reasons += [*signal_reasons(measures), *noise_reasons(measures), *spike_reasons(measures, fs_hz, sought)]
    reasons += beat_reasons(measures, beats, fs_hz)
    reasons += lost_reasons(empty | buried, hidden, reasons)
    limbs = limb_reasons(measures, fs_hz)
    reasons += limbs[0]
    if not any(reason.kind in ("pacemaker", "wrong_unit", "no_beats") for reason in reasons):
        reasons += placement_reasons(measures, limbs[1], heart_rate_bpm(beats, fs_hz), sought)
    return reasons


def _measure(signal: np.ndarray, fs_hz: float, beats: np.ndarray, leads: tuple[str, ...]) -> Measures:
    edges = part_edges(signal.shape[1], max(1, round(signal.shape[1] / fs_hz / CHUNK_S)))
    return join([measure(signal, fs_hz, beats, *bounds, leads) for bounds in itertools.pairwise(edges)])
