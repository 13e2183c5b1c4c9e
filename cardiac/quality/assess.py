"""May this tracing be trusted? Every lead and the record as a whole, with reasons in leads, seconds and words.

`assess` looks at windows of a second, at the beats, at how the limb leads hang together and at whether the leads look
like those that they claim to be. It changes nothing and decides nothing: a "warning" wants a look, and "rejected" says
that no decision on this tracing is worth anything. Thresholds were set on folds 0 to 2 of the training records
(`python -m benchmarks.quality --fit` prints what they stand beside); without `--fit` it prints what they catch and whom
they blame on the others.
"""

import itertools
from dataclasses import asdict, dataclass, field, replace

import numpy as np
from scipy.ndimage import binary_dilation

from cardiac.beats import find_beats, heart_rate_bpm
from cardiac.errors import RecordError, RecordRejected
from cardiac.labels import LEADS
from cardiac.long import LongSignal
from cardiac.ordered import median, percentiles
from cardiac.quality.limbs import N_LIMB, LimbFault, explain, limb_estimate, misfit
from cardiac.quality.measures import Measures, join, measure
from cardiac.quality.noise import HUM_HZ
from cardiac.quality.placement import QUICK_RR_S, leg_electrode, most_likely, segment_products
from cardiac.quality.reasons import Fault, Reason, lead_names, named, reasons_of, runs

KINDS = (
    "flat", "lead_off", "clipped", "spikes", "muscle_noise", "hum", "wander", "pacemaker", "no_beats", "heart_rate",
    "wrong_unit", "wrong_gain", "lead_inverted", "leads_exchanged", "limb_leads_disagree", "arms_exchanged",
    "arm_leg_exchanged", "left_arm_leg_exchanged", "leg_electrode", "chest_order",
)  # fmt: skip
PART_S = 600.0  # of a long recording at a time
CHUNK_S = 60.0  # so much of a long recording is looked at together

WHOLE_SHARE = 0.5  # what holds in so many of the windows holds for the whole lead
FLAT_SHARE = 0.95
LEAST_FLAT = 2  # halves of windows, one after another
MUSCLE_MV = 0.02  # standard deviation; some 5 % of the tracings in which PTB-XL flags no noise have more
BURST_MV, BURST_RATIO = 0.03, 3.0  # of one window, and over the lead's middle one
HUM_MV = 0.02  # amplitude; 0.4 mm peak to peak on paper. 99 % of the leads have 0.006 and less
PASSING_HUM_MV = 0.035  # of single windows
HUM_RATIO = 0.5  # over the muscle noise: less may be chance
WANDER_MV = 1.0  # in three seconds: one in two of PTB-XL's drifts, one in ten of tracings without a noise flag
STEADY_RATIO = 1.5  # a lead that strays by more times its QRS has no shape to compare with the others
LEAST_RATE_BPM, GREATEST_RATE_BPM = 20.0, 300.0
BEATLESS_S = 5.0  # shorter recordings may hold no beat
UNIT_RANGE_MV = (0.05, 10.0)  # height of the QRS, middle lead; 0.30 to 2.65
OFF_SHARE, OFF_BEATS, OFF_MV = 0.2, 3, 0.3  # QRS under this share of the lead's own, so many beats one after another
OTHERS_SHARE = 0.6  # while those of the other leads keep this share
LEAST_LIMB_LEADS = 2  # every limb electrode feeds more than one lead
LEAST_BEATS = 3  # for anything that is read off a middle beat
PACED_TIMES = 2  # impulses that make a pacemaker; a single one is an artefact
PACED_S = 0.02  # what lies so near to an impulse is part of it
# A decision is worthless where so many of the twelve leads carry no signal for half the time or are buried in noise.
REJECTED_LEADS = 7
BURIED_RATIO = 0.4  # muscle noise (standard deviation) over the height of the lead's QRS


@dataclass(frozen=True)
class Quality:
    """What is wrong with a tracing. reasons : the gravest first.  beats : R peaks, samples.  rate_bpm : 0 if unknown."""

    reasons: tuple[Reason, ...]
    beats: np.ndarray = field(repr=False)
    rate_bpm: float

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
    signal = np.asarray(signal, dtype=np.float32)
    if signal.ndim != 2 or len(signal) != len(LEADS) or not fs_hz >= 100 or signal.shape[1] < fs_hz:
        raise RecordError(f"has shape {signal.shape} at {fs_hz} Hz: twelve leads of a second and more are needed")
    if not np.isfinite(signal).all():
        signal = np.nan_to_num(signal, nan=0.0, posinf=0.0, neginf=0.0)
    beats = find_beats(signal, fs_hz)
    edges = np.linspace(0, signal.shape[1], max(1, round(signal.shape[1] / fs_hz / CHUNK_S)) + 1).astype(int)
    measures = join([measure(signal, fs_hz, beats, *bounds) for bounds in itertools.pairwise(edges)])
    found = [*_signal(measures), *_noise(measures), *_spikes(measures, fs_hz), *_beats(measures, beats, fs_hz)]
    limbs = _limbs(measures, fs_hz)
    found += limbs[0]
    if not any(reason.kind in ("pacemaker", "wrong_unit", "no_beats") for reason in found):
        found += _placement(measures, limbs[1], heart_rate_bpm(beats, fs_hz))
    found.sort(key=lambda reason: reason.severity != "rejected")
    return Quality(tuple(found), beats, heart_rate_bpm(beats, fs_hz))


def assess_record(signal: "np.ndarray | LongSignal", fs_hz: float) -> Quality:
    """`assess` of a recording of any length, ten minutes at a time: each kind of reason once, with where it stands.

    A recording is rejected where more than half of its parts are.
    """
    length = round(PART_S * fs_hz)
    if signal.shape[1] <= length + fs_hz:
        return assess(np.asarray(signal[:, :]), fs_hz)
    parts = np.linspace(0, signal.shape[1], -(-signal.shape[1] // length) + 1).astype(int)
    found: dict[tuple[str, str], list[Reason]] = {}
    beats, rates = [], []
    for first, last in itertools.pairwise(parts):
        part = assess(np.asarray(signal[:, first:last]), fs_hz)
        beats.append(part.beats + first)
        rates.append(part.rate_bpm)
        for each in part.reasons:
            start_s, end_s = each.start_s or 0.0, each.end_s or (last - first) / fs_hz
            moved = replace(each, start_s=first / fs_hz + start_s, end_s=first / fs_hz + end_s)
            found.setdefault((each.kind, each.severity), []).append(moved)
    reasons = [_joined(each, len(rates)) for each in found.values()]
    return Quality(tuple(reasons), np.concatenate(beats), float(np.median(rates)))


def _joined(reasons: list[Reason], n_parts: int) -> Reason:
    """One reason for those of one kind from several parts of a long recording."""
    n_found = len({round(each.start_s // PART_S) for each in reasons})
    severity = "warning" if n_found <= n_parts / 2 else reasons[0].severity
    leads = tuple(lead for lead in LEADS if any(lead in each.leads for each in reasons))
    text = f"{reasons[0].text} (in {n_found} of {n_parts} parts of the recording, from {reasons[0].start_s:.0f} s on)"
    return Reason(reasons[0].kind, leads, severity, text, reasons[0].start_s, reasons[-1].end_s)


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


def _flat_windows(measures: Measures) -> np.ndarray:
    """Windows of which a half or both are flat, bool (12, n_windows)."""
    return measures.flat.reshape(len(LEADS), -1, 2).any(axis=2)


def _signal(measures: Measures) -> list[Reason]:
    """Leads without signal or at the end of their scale."""
    whole, where = _flat(measures)
    none = np.zeros_like(whole)
    halves_s = np.interp(np.arange(where.shape[1] + 1) / 2, np.arange(len(measures.edges_s)), measures.edges_s)
    advice = "check its electrode and cable"
    found = reasons_of(Fault("flat", "no signal", advice, whole, np.zeros_like(where)), halves_s)
    found += reasons_of(Fault("lead_off", "no signal", advice, none, where & ~whole[:, None]), halves_s)
    cut = measures.clipped & ~_flat_windows(measures)
    advice = "its peaks are cut off, so heights and ST cannot be read there"
    at_end = Fault("clipped", "the end of the scale is reached", advice, cut.mean(axis=1) >= WHOLE_SHARE, cut)
    found += reasons_of(at_end, measures.edges_s)
    empty = lead_names(measures.flat.mean(axis=1) >= WHOLE_SHARE)
    if len(empty) >= REJECTED_LEADS:
        text = f"{named(empty)} carry no signal for half the time or more (or all is in volts): record it again"
        found.append(Reason("flat", empty, "rejected", text))
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
    strays = (measures.wander > WANDER_MV) & ~binary_dilation(_flat_windows(measures), np.ones((1, 5)))
    advice = "ST cannot be measured; check the contact of the electrodes"
    faults.append(Fault("wander", "the baseline wanders", advice, strays.mean(axis=1) >= WHOLE_SHARE, strays))
    found = [reason for fault in faults for reason in reasons_of(fault, measures.edges_s)]
    if measures.heights.shape[1]:
        buried = lead_names(middle > BURIED_RATIO * np.maximum(median(measures.heights), 0.01))
        if len(buried) >= REJECTED_LEADS:
            text = f"noise buries the beats in {named(buried)}: record it again"
            found.append(Reason("muscle_noise", buried, "rejected", text))
    return found


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
    """Beats at all, their rate, their size, and leads that lose them for a while."""
    duration_s = float(measures.edges_s[-1])
    if len(beats) == 0:
        text = "no beats are found: it is no ECG, a heart without beats, or noise alone"
        return [Reason("no_beats", (), "rejected", text)] if duration_s >= BEATLESS_S else []
    found = []
    rate_bpm = heart_rate_bpm(beats, fs_hz)
    bounds = (LEAST_RATE_BPM, GREATEST_RATE_BPM)
    if len(beats) >= LEAST_BEATS and not bounds[0] <= rate_bpm <= bounds[1]:
        text = f"a heart rate of {rate_bpm:.0f} a minute: check the sampling rate, or there is no usable rhythm"
        found.append(Reason("heart_rate", (), "rejected", text))
    height = float(median(median(measures.heights)))
    if not UNIT_RANGE_MV[0] <= height <= UNIT_RANGE_MV[1]:
        text = f"QRS of {height:.3g} mV (middle lead) are not an ECG's: check unit and gain"
        found.append(Reason("wrong_unit", (), "rejected", text))
    return found + _lost_beats(measures, beats / fs_hz)


def _lost_beats(measures: Measures, beats_s: np.ndarray) -> list[Reason]:
    """Leads in which the QRS go missing for some beats while the others keep theirs."""
    own = percentiles(measures.heights, (75,))[0]
    share = measures.heights / np.maximum(own, 1e-6)[:, None]
    others = median(share, axis=0) >= OTHERS_SHARE
    missing = (share < OFF_SHARE) & others & (own >= OFF_MV)[:, None]
    windows = np.searchsorted(measures.edges_s[1:-1], beats_s, side="right")
    missing &= ~_flat_windows(measures)[:, windows]  # told already
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


def _limbs(measures: Measures, fs_hz: float) -> tuple[list[Reason], LimbFault | None]:
    """Limb leads that do not follow from each other."""
    n_windows = len(measures.edges_s) - 1
    spoilt = _flat_windows(measures) | measures.clipped
    for lead, sample in measures.spikes:
        spoilt[lead, np.searchsorted(measures.edges_s[1:-1], sample / fs_hz, side="right")] = True
    whole = ~spoilt[:N_LIMB].any(axis=0)
    wrong = whole & (misfit(measures.products) > 1)
    if not wrong.any():
        return [], None
    fault = explain(measures.products[wrong].mean(axis=0))
    if fault is None:
        return [], None
    text = f"{fault.text}: check the electrodes, the leads' names and the export"
    leads = tuple(LEADS[place] for place in fault.leads)
    if wrong.sum() >= WHOLE_SHARE * whole.sum():
        return [Reason(fault.kind, leads, "warning", text)], fault
    start_s, end_s = (
        float(measures.edges_s[place]) for place in (np.argmax(wrong), n_windows - np.argmax(wrong[::-1]))
    )
    text = f"from {start_s:.1f} to {end_s:.1f} s {text}"
    return [Reason(fault.kind, leads, "warning", text, start_s, end_s)], None


def _placement(measures: Measures, fault: LimbFault | None, rate_bpm: float) -> list[Reason]:
    """Electrodes that sit elsewhere than their leads say."""
    if measures.n_beats < LEAST_BEATS:
        return []
    sound = (measures.flat.mean(axis=1) < WHOLE_SHARE) & (measures.clipped.mean(axis=1) < WHOLE_SHARE)
    steady = median(measures.wander) < STEADY_RATIO * median(measures.heights)
    if fault is not None:
        sound[list(fault.leads)] = False
    good = tuple(place for place in range(N_LIMB) if sound[place])
    if fault is not None:
        good = tuple(place for place in good if place in fault.good)
    usable = np.concatenate([[len(good) >= 2] * 2, (sound & steady)[N_LIMB:]])
    beat = measures.beat[[0, 1, *range(N_LIMB, len(LEADS))]]
    if usable[0]:
        beat = np.concatenate([limb_estimate(measures.beat, good), beat[2:]])
        missing = leg_electrode(beat[:2], measures.at_s)
        if missing is not None:
            lead, text = missing
            return [Reason("leg_electrode", (lead,), "warning", text)]
    change = most_likely(segment_products(beat, measures.at_s), usable, 60.0 / max(rate_bpm, 1.0) < QUICK_RR_S)
    return [] if change is None else [Reason(change.kind, change.leads, "warning", change.text)]
