"""Do the electrodes sit where the leads' names say? Limb leads that do not fit together, and leads out of order."""

import numpy as np

from cardiac.leads import LEADS
from cardiac.messages import Message
from cardiac.order_statistics import median
from cardiac.quality.limbs import N_LIMB, LimbFault, explain, limb_estimate, misfit
from cardiac.quality.measures import Measures
from cardiac.quality.placement import QUICK_RR_S, leg_electrode, most_likely, segment_products
from cardiac.quality.reasons import LEAST_BEATS, WHOLE_SHARE, Reason, mostly

STEADY_RATIO = 1.5  # a lead that strays by more times its QRS has no shape to compare with the others


def limb_reasons(measures: Measures, fs_hz: float) -> tuple[list[Reason], LimbFault | None]:
    """Limb leads that do not follow from each other."""
    n_windows = len(measures.edges_s) - 1
    spoilt = measures.flat_windows | measures.clipped
    for lead, sample in measures.spikes:
        spoilt[lead, np.searchsorted(measures.edges_s[1:-1], sample / fs_hz, side="right")] = True
    whole = ~spoilt[:N_LIMB].any(axis=0)
    wrong = whole & (misfit(measures.products) > 1)
    if not wrong.any():
        return [], None
    fault = explain(measures.products[wrong].mean(axis=0))
    if fault is None:
        return [], None
    text = Message("{fault}: check the electrodes, the leads' names and the export", fault=fault.text)
    leads = tuple(LEADS[index] for index in fault.leads)
    if wrong.sum() >= WHOLE_SHARE * whole.sum():
        return [Reason(fault.kind, leads, "warning", text)], fault
    start_s, end_s = (
        float(measures.edges_s[index]) for index in (np.argmax(wrong), n_windows - np.argmax(wrong[::-1]))
    )
    text = Message("from {start_s:.1f} to {end_s:.1f} s {fault}", start_s=start_s, end_s=end_s, fault=text)
    return [Reason(fault.kind, leads, "warning", text, start_s, end_s)], None


def placement_reasons(
    measures: Measures, fault: LimbFault | None, rate_bpm: float | None, sought: str | None
) -> list[Reason]:
    """Electrodes that sit elsewhere than the leads' names say. sought : what else may make the beats unusual."""
    if measures.n_beats < LEAST_BEATS:
        return []
    sound = ~(mostly(measures.flat) | mostly(measures.clipped))
    steady = median(measures.wander) < STEADY_RATIO * measures.height_mv
    if fault is not None:
        sound[list(fault.leads)] = False
    good = tuple(row for row in range(N_LIMB) if sound[row])
    if fault is not None:
        good = tuple(row for row in good if row in fault.good)
    usable = np.concatenate([[len(good) >= 2] * 2, (sound & steady)[N_LIMB:]])
    beat = measures.beat[[0, 1, *range(N_LIMB, len(LEADS))]]
    if usable[0]:
        beat = np.concatenate([limb_estimate(measures.beat, good), beat[2:]])
        missing = leg_electrode(beat[:2], measures.at_s)
        if missing is not None:
            lead, text = missing
            return [Reason("leg_electrode", (lead,), "warning", text)]
    is_quick = rate_bpm is not None and 60.0 / rate_bpm < QUICK_RR_S
    change = most_likely(segment_products(beat, measures.at_s), usable, is_quick)
    return [] if change is None else [Reason(change.kind, change.leads, "warning", change.sentence(sought))]
