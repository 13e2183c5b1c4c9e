"""May this tracing be trusted? Every lead and the record as a whole, with reasons in leads, seconds and words.

`assess` looks at windows of a second, at the beats, at how the limb leads hang together and at whether the leads look
like those that they claim to be. It changes nothing and decides nothing: a "warning" wants a look, and "rejected" says
that no decision on this tracing is worth anything. Thresholds were set on folds 0 to 2 of the training records
(`python -m benchmarks.quality --fit` prints what they stand beside); without `--fit` it prints what they catch and whom
they blame on the others.
"""

import itertools
from dataclasses import asdict, dataclass, field

import numpy as np
from scipy.ndimage import binary_dilation

from cardiac.beats import REFRACTORY_S, beatless_stretches, find_beats, heart_rate_bpm, join_beats
from cardiac.errors import RecordError, RecordRejected
from cardiac.leads import LEADS
from cardiac.long_signals import LongSignal
from cardiac.order_statistics import median, percentiles
from cardiac.quality.electrodes import limb_reasons, placement_reasons
from cardiac.quality.gain import gain_reasons, height_of, rescaling
from cardiac.quality.limbs import N_LIMB
from cardiac.quality.measures import Measures, join, measure
from cardiac.quality.noise import HUM_HZ
from cardiac.quality.parts import join_reasons, pause_reasons
from cardiac.quality.reasons import LEAST_BEATS, WHOLE_SHARE, Fault, Reason, reasons_of, runs
from cardiac.quality.walls import lost_reasons, wall_reasons

KINDS = (
    "flat", "lead_off", "clipped", "spikes", "muscle_noise", "hum", "wander", "pacemaker", "no_beats", "heart_rate",
    "wrong_unit", "overall_gain", "wrong_gain", "lead_inverted", "leads_exchanged", "limb_leads_disagree",
    "arms_exchanged", "arm_leg_exchanged", "left_arm_leg_exchanged", "leg_electrode", "chest_order",
)  # fmt: skip
PART_S = 600.0  # of a long recording at a time
CHUNK_S = 60.0  # so much of a long recording is looked at together
MARGIN_S = 20.0  # on either side of a part its beats are looked for too, so that no border cuts or doubles one

FLAT_SHARE = 0.95
LEAST_FLAT = 2  # halves of windows, one after another
MUSCLE_MV = 0.02  # standard deviation; some 5 % of the tracings in which PTB-XL flags no noise have more
BURST_MV, BURST_RATIO = 0.03, 3.0  # of one window, and over the lead's middle one
HUM_MV = 0.02  # amplitude; 0.4 mm peak to peak on paper. 99 % of the leads have 0.006 and less
PASSING_HUM_MV = 0.035  # of single windows
HUM_RATIO = 0.5  # over the muscle noise: less may be chance
WANDER_MV = 1.0  # in three seconds: one in two of PTB-XL's drifts, one in ten of tracings without a noise flag
LEAST_RATE_BPM, GREATEST_RATE_BPM = 20.0, 300.0
BEATLESS_S = 5.0  # shorter recordings may hold no beat
OFF_SHARE, OFF_BEATS, OFF_MV = 0.2, 3, 0.3  # QRS under this share of the lead's own, so many beats one after another
OTHERS_SHARE = 0.6  # while those of the other leads keep this share
LEAST_LIMB_LEADS = 2  # every limb electrode feeds more than one lead
PACED_TIMES = 2  # impulses that make a pacemaker; a single one is an artefact
PACED_S = 0.02  # what lies so near to an impulse is part of it
BURIED_RATIO = 0.4  # muscle noise (standard deviation) over the height of the lead's QRS


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


def assess(signal: np.ndarray, fs_hz: float) -> Quality:
    """What is wrong with a 12-lead ECG, leads in the order of `labels.LEADS`.

    signal : (12, n_samples), mV; samples that are not finite count as missing.  fs_hz : 100 and more. A second or more.
    Raises RecordError for another shape or rate, or a shorter signal.
    """
    signal = _checked(signal, fs_hz)
    beats = find_beats(signal, fs_hz)
    return _quality(_reasons(signal, fs_hz, beats), beats, signal.shape[1], fs_hz)


def assess_record(signal: "np.ndarray | LongSignal", fs_hz: float) -> Quality:
    """`assess` of a recording of any length, ten minutes at a time: each kind of reason once, with where it stands.

    A recording is rejected where more than half of its parts are.
    """
    n_samples, length, margin = signal.shape[1], round(PART_S * fs_hz), round(MARGIN_S * fs_hz)
    if n_samples <= length + fs_hz:
        return assess(np.asarray(signal[:, :]), fs_hz)
    edges = np.linspace(0, n_samples, -(-n_samples // length) + 1).astype(int)
    beats, found, near = np.zeros(0, dtype=int), [], round(REFRACTORY_S * fs_hz / 2)
    for first, last in itertools.pairwise(edges):
        begin = max(first - margin, 0)
        around = _checked(signal[:, begin : last + margin], fs_hz)
        here = find_beats(around, fs_hz) + begin
        beats = join_beats(beats, here[(here >= first - near) & (here < last + near)], fs_hz)
        own = here[(here >= first) & (here < last)] - first
        found.append(_reasons(around[:, first - begin : last - begin], fs_hz, own))
    return _quality(join_reasons(found, list(edges / fs_hz)), beats, n_samples, fs_hz)


def _checked(signal: np.ndarray, fs_hz: float) -> np.ndarray:
    """Twelve leads, float32, finite. Raises RecordError."""
    signal = np.asarray(signal, dtype=np.float32)
    if signal.ndim != 2 or len(signal) != len(LEADS) or not fs_hz >= 100 or signal.shape[1] < fs_hz:
        raise RecordError(f"has shape {signal.shape} at {fs_hz} Hz: twelve leads of a second and more are needed")
    return signal if np.isfinite(signal).all() else np.nan_to_num(signal, nan=0.0, posinf=0.0, neginf=0.0)


def _quality(reasons: list[Reason], beats: np.ndarray, n_samples: int, fs_hz: float) -> Quality:
    """The reasons, the gravest first, and where no beats are found although there are some."""
    pauses = pause_reasons(beatless_stretches(beats, n_samples, fs_hz), n_samples / fs_hz) if len(beats) else []
    found = sorted([*reasons, *pauses], key=lambda reason: reason.severity != "rejected")
    return Quality(tuple(found), beats, heart_rate_bpm(beats, fs_hz))


def _reasons(signal: np.ndarray, fs_hz: float, beats: np.ndarray) -> list[Reason]:
    """What is wrong with a signal whose beats are known. What is no heart's in size is looked at in a heart's size."""
    measures = _measure(signal, fs_hz, beats)
    height_mv = _height(measures)
    if rescaling(height_mv) != 1:
        measures = _measure(signal * np.float32(rescaling(height_mv)), fs_hz, beats)
    empty, buried, hidden = _dark(measures)
    found = [*gain_reasons(height_mv), *wall_reasons(empty, buried, hidden), *_signal(measures), *_noise(measures)]
    found += [*_spikes(measures, fs_hz), *_beats(measures, beats, fs_hz)]
    found += lost_reasons(empty | buried, hidden, found)
    limbs = limb_reasons(measures, fs_hz)
    found += limbs[0]
    if not any(reason.kind in ("pacemaker", "wrong_unit", "no_beats") for reason in found):
        found += placement_reasons(measures, limbs[1], heart_rate_bpm(beats, fs_hz))
    return found


def _measure(signal: np.ndarray, fs_hz: float, beats: np.ndarray) -> Measures:
    edges = np.linspace(0, signal.shape[1], max(1, round(signal.shape[1] / fs_hz / CHUNK_S)) + 1).astype(int)
    return join([measure(signal, fs_hz, beats, *bounds) for bounds in itertools.pairwise(edges)])


def accept(quality: Quality) -> Quality:
    """The quality of a tracing that may be decided on. Raises RecordRejected with its reasons for any other."""
    if quality.status == "rejected":
        gravest = next(reason for reason in quality.reasons if reason.severity == "rejected")
        raise RecordRejected(
            f"was read, and no decision on it is worth anything: {gravest.text}", map(asdict, quality.reasons)
        )
    return quality


def _flat(measures: Measures) -> tuple[np.ndarray, np.ndarray]:
    """Leads without any signal, bool (12,), and stretches of the others, bool (12, 2 * n_windows)."""
    whole = measures.flat.mean(axis=1) >= FLAT_SHARE
    where = np.zeros_like(measures.flat)
    for lead in np.flatnonzero(measures.flat.any(axis=1)):
        for first, end in runs(measures.flat[lead]):
            where[lead, first:end] = end - first >= LEAST_FLAT
    return whole, where


def _signal(measures: Measures) -> list[Reason]:
    """Leads without signal or at the end of their scale."""
    whole, where = _flat(measures)
    none = np.zeros_like(whole)
    halves_s = np.interp(np.arange(where.shape[1] + 1) / 2, np.arange(len(measures.edges_s)), measures.edges_s)
    advice = "check its electrode and cable"
    found = reasons_of(Fault("flat", "no signal", advice, whole, np.zeros_like(where)), halves_s)
    found += reasons_of(Fault("lead_off", "no signal", advice, none, where & ~whole[:, None]), halves_s)
    cut = measures.clipped & ~measures.flat_windows
    advice = "its peaks are cut off, so heights and ST cannot be read there"
    at_end = Fault("clipped", "the end of the scale is reached", advice, cut.mean(axis=1) >= WHOLE_SHARE, cut)
    found += reasons_of(at_end, measures.edges_s)
    return found


def _noise(measures: Measures) -> list[Reason]:
    """Muscle noise, hum and wandering of the baseline."""
    middle = median(measures.muscle)
    burst = measures.muscle > np.maximum(BURST_MV, BURST_RATIO * middle[:, None])
    advice = "small waves and ST cannot be read; warm and support the patient, or record again"
    faults = [Fault("muscle_noise", "muscle noise", advice, middle > MUSCLE_MV, burst)]
    loudest = max(range(len(HUM_HZ)), key=lambda place: float(np.nan_to_num(measures.hum[place]).max()))
    hum = np.nan_to_num(measures.hum[loudest])
    loud = (hum > HUM_MV) & (hum > HUM_RATIO * measures.muscle)
    advice = "keep mains cables away and check the contact of the electrodes"
    name = f"mains hum of {HUM_HZ[loudest]:g} Hz"
    faults.append(Fault("hum", name, advice, loud.mean(axis=1) >= WHOLE_SHARE, loud & (hum > PASSING_HUM_MV)))
    strays = (measures.wander > WANDER_MV) & ~binary_dilation(measures.flat_windows, np.ones((1, 5)))
    advice = "ST cannot be measured; check the contact of the electrodes"
    faults.append(Fault("wander", "the baseline wanders", advice, strays.mean(axis=1) >= WHOLE_SHARE, strays))
    return [reason for fault in faults for reason in reasons_of(fault, measures.edges_s)]


def _dark(measures: Measures) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Leads that for half the time or more have no signal, are buried in noise, show no beats: bool (12,) each."""
    empty = measures.flat.mean(axis=1) >= WHOLE_SHARE
    if measures.heights.shape[1] < LEAST_BEATS:
        return empty, np.zeros_like(empty), np.zeros_like(empty)
    buried = median(measures.muscle) > BURIED_RATIO * np.maximum(median(measures.heights), 0.01)
    return empty, buried, measures.hidden.mean(axis=1) >= WHOLE_SHARE


def _height(measures: Measures) -> float | None:
    """Height of the QRS in the middle one of the leads that show them, mV."""
    empty, buried, hidden = _dark(measures)
    return height_of(measures.heights, ~(empty | buried | hidden), empty)


def _spikes(measures: Measures, fs_hz: float) -> list[Reason]:
    """A pacemaker's impulses, and single wild samples that are none."""
    found = []
    near = PACED_S * fs_hz
    impulses = measures.pacing
    wild = [each for each in measures.spikes if not len(impulses) or np.abs(impulses - each[1]).min() > near]
    paced = len(impulses) >= PACED_TIMES
    if paced:
        text = f"{len(impulses)} impulses of a pacemaker: an infarction cannot be read off paced beats as off others"
        found.append(Reason("pacemaker", (), "warning", text, float(impulses[0] / fs_hz), float(impulses[-1] / fs_hz)))
    else:
        wild += [(lead, int(impulses[place])) for lead, place in np.argwhere(measures.sharp)]
    where = np.zeros((len(LEADS), len(measures.edges_s) - 1), dtype=bool)
    for lead, sample in wild:
        where[lead, np.searchsorted(measures.edges_s[1:-1], sample / fs_hz, side="right")] = True
    advice = "single wild samples, of a bad contact or of the export"
    return [
        *found,
        *reasons_of(Fault("spikes", "spikes", advice, where.mean(axis=1) > WHOLE_SHARE, where), measures.edges_s),
    ]


def _beats(measures: Measures, beats: np.ndarray, fs_hz: float) -> list[Reason]:
    """Beats at all, their rate, and leads that lose them for a while."""
    duration_s = float(measures.edges_s[-1])
    if len(beats) == 0:
        text = "no beats are found: it is no ECG, a heart without beats, or noise alone"
        return [Reason("no_beats", (), "rejected", text)] if duration_s >= BEATLESS_S else []
    found = []
    rate_bpm = heart_rate_bpm(beats, fs_hz)
    told = "beats more than 6 s apart" if rate_bpm is None else f"a heart rate of {rate_bpm:.0f} a minute"
    if len(beats) >= LEAST_BEATS and (rate_bpm is None or not LEAST_RATE_BPM <= rate_bpm <= GREATEST_RATE_BPM):
        text = f"{told}: check the sampling rate, or there is no usable rhythm"
        found.append(Reason("heart_rate", (), "rejected", text))
    return found + _lost_beats(measures, beats / fs_hz)


def _lost_beats(measures: Measures, beats_s: np.ndarray) -> list[Reason]:
    """Leads in which the QRS go missing for some beats while the others keep theirs."""
    own = percentiles(measures.heights, (75,))[0]
    share = measures.heights / np.maximum(own, 1e-6)[:, None]
    others = median(share, axis=0) >= OTHERS_SHARE
    missing = (share < OFF_SHARE) & others & (own >= OFF_MV)[:, None]
    windows = np.searchsorted(measures.edges_s[1:-1], beats_s, side="right")
    missing &= ~measures.flat_windows[:, windows]  # told already
    missing[:N_LIMB] &= missing[:N_LIMB].sum(axis=0) >= LEAST_LIMB_LEADS
    found = []
    for lead in np.flatnonzero(missing.any(axis=1)):
        for first, end in runs(missing[lead]):
            if end - first < OFF_BEATS:
                continue
            start_s, end_s = float(beats_s[first]), float(beats_s[end - 1])
            text = f"no beats in lead {LEADS[lead]} from {start_s:.1f} to {end_s:.1f} s: check its electrode and cable"
            found.append(Reason("lead_off", (LEADS[lead],), "warning", text, start_s, end_s))
    return found
