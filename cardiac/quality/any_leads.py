"""What can be wrong with leads of any kind: no signal, the end of the scale, noise, hum, wander, spikes, lost beats."""

import numpy as np

from cardiac.beats import heart_rate_bpm
from cardiac.leads import LEADS
from cardiac.messages import Message
from cardiac.order_statistics import median, percentiles
from cardiac.quality.limbs import N_LIMB
from cardiac.quality.measures import Measures
from cardiac.quality.noise import HUM_HZ
from cardiac.quality.reasons import LEAST_BEATS, WHOLE_SHARE, Fault, Reason, mostly, reasons_of, runs, said_leads

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


def _flat(measures: Measures) -> tuple[np.ndarray, np.ndarray]:
    """Leads without any signal, bool (n_leads,), and stretches of the others, bool (n_leads, 2 * n_windows)."""
    whole = measures.flat.mean(axis=1) >= FLAT_SHARE
    where = np.zeros_like(measures.flat)
    for lead in np.flatnonzero(measures.flat.any(axis=1)):
        for first, end in runs(measures.flat[lead]):
            where[lead, first:end] = end - first >= LEAST_FLAT
    return whole, where


def signal_reasons(measures: Measures) -> list[Reason]:
    """Leads without signal or at the end of their scale."""
    reasons = _flat_reasons(measures) if measures.flat.any() else []
    if not measures.clipped.any():
        return reasons
    cut = measures.clipped & ~measures.flat_windows
    advice = Message("its peaks are cut off, so heights and ST cannot be read there")
    at_end = Fault("clipped", Message("the end of the scale is reached"), advice, mostly(cut), cut)
    return reasons + reasons_of(at_end, measures.edges_s, measures.leads)


def _flat_reasons(measures: Measures) -> list[Reason]:
    whole, where = _flat(measures)
    none = np.zeros_like(whole)
    halves_s = np.interp(np.arange(where.shape[1] + 1) / 2, np.arange(len(measures.edges_s)), measures.edges_s)
    advice, no_signal = Message("check its electrode and cable"), Message("no signal")
    reasons = reasons_of(Fault("flat", no_signal, advice, whole, np.zeros_like(where)), halves_s, measures.leads)
    partly = Fault("lead_off", no_signal, advice, none, where & ~whole[:, None])
    return reasons + reasons_of(partly, halves_s, measures.leads)


def noise_reasons(measures: Measures) -> list[Reason]:
    """Muscle noise, hum and wandering of the baseline."""
    middle = measures.muscle_mv
    burst = measures.muscle > np.maximum(BURST_MV, BURST_RATIO * middle)[:, None]
    advice = Message("small waves and ST cannot be read; warm and support the patient, or record again")
    faults = [Fault("muscle_noise", Message("muscle noise"), advice, middle > MUSCLE_MV, burst)]
    hums = np.fmax(measures.hum, 0.0)  # 0 where it cannot be seen
    loudest = int(np.argmax(hums.max(axis=(1, 2))))
    hum = hums[loudest]
    loud = (hum > HUM_MV) & (hum > HUM_RATIO * measures.muscle)
    advice = Message("keep mains cables away and check the contact of the electrodes")
    name = Message("mains hum of {fs_hz:g} Hz", fs_hz=HUM_HZ[loudest])
    faults.append(Fault("hum", name, advice, mostly(loud), loud & (hum > PASSING_HUM_MV)))
    strays = measures.wander > WANDER_MV
    if strays.any():
        near = np.pad(measures.flat_windows, ((0, 0), (2, 2)))
        strays &= ~np.lib.stride_tricks.sliding_window_view(near, 5, axis=1).any(axis=2)
    advice = Message("ST cannot be measured; check the contact of the electrodes")
    faults.append(Fault("wander", Message("the baseline wanders"), advice, mostly(strays), strays))
    return [reason for fault in faults for reason in reasons_of(fault, measures.edges_s, measures.leads)]


def spoilt_leads(measures: Measures) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Leads that for half the time or more have no signal, are buried in noise, show no beats: bool (n_leads,) each."""
    empty = mostly(measures.flat)
    if measures.heights.shape[1] < LEAST_BEATS:
        return empty, np.zeros_like(empty), np.zeros_like(empty)
    buried = measures.muscle_mv > BURIED_RATIO * np.maximum(measures.height_mv, 0.01)
    return empty, buried, mostly(measures.hidden)


def no_lead_reasons(measures: Measures) -> list[Reason]:
    """Why no lead at all is left for a decision; the empty list where one is."""
    empty, buried, _ = spoilt_leads(measures)
    if not (empty | buried).all():
        return []
    if empty.all():
        kind = "flat"
        text = "no signal in {leads:leads} for half the time or more: record it again"
    else:
        kind = "muscle_noise"
        text = "no signal, or noise that buries the beats, in {leads:leads} for half the time or more: record it again"
    leads = said_leads(measures.leads, measures.leads)
    return [Reason(kind, measures.leads, "rejected", Message(text, leads=leads))]


def spike_reasons(measures: Measures, fs_hz: float, sought: str | None) -> list[Reason]:
    """A pacemaker's impulses, and single wild samples that are none. sought : what paced beats may hide."""
    reasons: list[Reason] = []
    near = PACED_S * fs_hz
    impulses = measures.pacing
    wild = [each for each in measures.spikes if not len(impulses) or np.abs(impulses - each[1]).min() > near]
    paced = len(impulses) >= PACED_TIMES
    if paced:
        if sought:
            text = Message(
                "{n} impulses of a pacemaker: {sought} cannot be read off paced beats as off others",
                n=len(impulses),
                sought=sought,
            )
        else:
            text = Message("{n} impulses of a pacemaker: paced beats cannot be read as others", n=len(impulses))
        reasons.append(
            Reason("pacemaker", (), "warning", text, float(impulses[0] / fs_hz), float(impulses[-1] / fs_hz))
        )
    else:
        wild += [(lead, int(impulses[index])) for lead, index in np.argwhere(measures.sharp)]
    if not wild:
        return reasons
    where = np.zeros((len(measures.leads), len(measures.edges_s) - 1), dtype=bool)
    for lead, sample in wild:
        where[lead, np.searchsorted(measures.edges_s[1:-1], sample / fs_hz, side="right")] = True
    advice = Message("single wild samples, of a bad contact or of the export")
    fault = Fault("spikes", Message("spikes"), advice, where.mean(axis=1) > WHOLE_SHARE, where)
    return [*reasons, *reasons_of(fault, measures.edges_s, measures.leads)]


def beat_reasons(measures: Measures, beats: np.ndarray, fs_hz: float) -> list[Reason]:
    """Beats at all, their rate, and leads that lose them for a while."""
    duration_s = float(measures.edges_s[-1])
    if len(beats) == 0:
        text = Message("no beats are found: it is no ECG, a heart without beats, or noise alone")
        return [Reason("no_beats", (), "rejected", text)] if duration_s >= BEATLESS_S else []
    reasons = []
    rate_bpm = heart_rate_bpm(beats, fs_hz)
    if rate_bpm is None:
        text = Message("beats more than 6 s apart: check the sampling rate, or there is no usable rhythm")
    else:
        text = Message(
            "a heart rate of {rate_bpm:.0f} a minute: check the sampling rate, or there is no usable rhythm",
            rate_bpm=rate_bpm,
        )
    if len(beats) >= LEAST_BEATS and (rate_bpm is None or not LEAST_RATE_BPM <= rate_bpm <= GREATEST_RATE_BPM):
        reasons.append(Reason("heart_rate", (), "rejected", text))
    return reasons + _lost_beats(measures, beats / fs_hz)


def _lost_beats(measures: Measures, beats_s: np.ndarray) -> list[Reason]:
    """Leads in which the QRS go missing for some beats while the others keep theirs."""
    own = percentiles(measures.heights, (75,))[0]
    share = measures.heights / np.maximum(own, 1e-6)[:, None]
    low = (share < OFF_SHARE) & (own >= OFF_MV)[:, None]
    if not low.any():
        return []
    is_twelve = measures.leads == LEADS
    others = (median(share, axis=0) if is_twelve else _share_of_others(share)) >= OTHERS_SHARE
    missing = low & others
    windows = np.searchsorted(measures.edges_s[1:-1], beats_s, side="right")
    missing &= ~measures.flat_windows[:, windows]  # reported already
    if is_twelve:
        missing[:N_LIMB] &= missing[:N_LIMB].sum(axis=0) >= LEAST_LIMB_LEADS
    reasons = []
    for row in np.flatnonzero(missing.any(axis=1)):
        lead = measures.leads[row]
        for first, end in runs(missing[row]):
            if end - first < OFF_BEATS:
                continue
            start_s, end_s = float(beats_s[first]), float(beats_s[end - 1])
            text = Message(
                "no beats in lead {lead} from {start_s:.1f} to {end_s:.1f} s: check its electrode and cable",
                lead=lead,
                start_s=start_s,
                end_s=end_s,
            )
            reasons.append(Reason("lead_off", (lead,), "warning", text, start_s, end_s))
    return reasons


def _share_of_others(share: np.ndarray) -> np.ndarray:
    """For each lead the middle one of the others, (n_leads, n_beats); 0 where there is no other."""
    if len(share) == 1:
        return np.zeros_like(share)
    return np.stack([median(np.delete(share, lead, axis=0), axis=0) for lead in range(len(share))])
