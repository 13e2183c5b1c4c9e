"""What the trees are asked about a beat: its shape against the patient's own beats, and its place in the rhythm.

Of one lead or several: every number of a lead is taken as the least and the largest over the leads, so a recording of one
lead has all of them too.
"""

from collections.abc import Iterator

import numpy as np
from scipy.ndimage import median_filter

from cardiac.records import Record
from tasks.beats.early import LATE, LEAST, OF_EARLY, early_features
from tasks.beats.reference import QRS, Groups, group_beats
from tasks.beats.rhythm import LONG, RHYTHM, intervals, rhythm_features
from tasks.beats.shapes import BEFORE, SPEC, cut_stretches

P_WAVE = slice(BEFORE - 31, BEFORE - 8)  # 248 to 64 ms before a beat's position
T_WAVE = slice(BEFORE + 18, BEFORE + 58)
AROUND = 21  # beats: where none of them has its P wave there is none to be missed
LEAST_MV = 0.02  # less is no wave to be compared with

OF_LEAD = (
    "qrs_like", "qrs_apart", "height", "area", "width", "width_ratio", "spread", "spread_ratio", "upward", "downward",
    "like_largest", "t_like", "t_size", "p_like", "p_size", "p_apart", "p_own", "before_level",
    "p_like_around", "p_like_beside",
)  # fmt: skip
OF_BEAT = (
    "apart_normal", "apart_previous", "apart_next", "previous_apart_normal", "next_apart_normal", "fused", "between_left",
    "group_share", "is_normal", "is_largest", "group_rr", "group_rr_spread", "normal_share", "normal_rr",
)  # fmt: skip
FEATURES = (*RHYTHM, *(f"{name}_{side}" for side in ("least", "most") for name in OF_LEAD), *OF_BEAT, *OF_EARLY)


def beat_features(record: Record, positions: np.ndarray) -> np.ndarray:
    """Numbers of FEATURES for each beat, float32 (n, len(FEATURES)), all finite.

    record : of any leads and rate.  positions : samples, in order, int (n,), however few.
    """
    parts = [*features_in_parts(record, positions)]
    return np.concatenate(parts) if parts else np.zeros((0, len(FEATURES)), np.float32)


def features_in_parts(record: Record, positions: np.ndarray) -> Iterator[np.ndarray]:
    """What `beat_features` gives, half an hour's beats at a time, so that a day's need not be held at once."""
    positions = np.asarray(positions)
    rr = intervals(positions / record.fs_hz)
    for stretch in cut_stretches(record, positions):
        yield stretch_features(stretch.beats, rr[stretch.first : stretch.last + 1])


def stretch_features(beats: np.ndarray, rr: np.ndarray) -> np.ndarray:
    """Numbers of FEATURES for beats of one stretch, float32 (n, len(FEATURES)).

    beats : float32 (n > 0, n_leads, width), as `shapes.cut_beats` gives them.  rr : as `rhythm.intervals`, (n + 1,).
    """
    relative = rr[:-1] / np.percentile(rr, LONG)
    groups = group_beats(beats, relative)
    of_leads = np.stack([_of_lead(beats[:, lead], groups, lead, relative) for lead in range(beats.shape[1])])
    rhythm, most, of_beat = rhythm_features(rr), of_leads.max(axis=0), _of_beat(beats, groups, relative)
    early = early_features(
        rhythm[:, RHYTHM.index("before_to_long50")],
        of_beat[:, OF_BEAT.index("apart_normal")],
        groups.group == groups.normal,
        most[:, OF_LEAD.index("p_like")],
    )
    columns = [rhythm, of_leads.min(axis=0), most, of_beat, early]
    return np.nan_to_num(np.concatenate(columns, axis=1)).astype(np.float32)


def _of_lead(beats: np.ndarray, groups: Groups, lead: int, relative_rr: np.ndarray) -> np.ndarray:
    """Numbers of OF_LEAD for each beat. beats : (n, width), of this lead -> (n, len(OF_LEAD))."""
    normal, largest = groups.means[groups.normal, lead], groups.means[0, lead]
    qrs, own = beats[:, QRS], normal[QRS]
    size = max(float(np.ptp(own)), LEAST_MV)
    width, spread = _width(qrs), _spread(qrs)
    usual_width, usual_spread = _width(own[None])[0], _spread(own[None])[0]
    p_wave = _p_templates(beats, groups, relative_rr)
    p, t = _level(beats[:, P_WAVE]), _level(beats[:, T_WAVE])
    own_t = _level(normal[None, T_WAVE])[0]
    p_size = np.maximum(_rms(p_wave), LEAST_MV / 4)
    p_like = _likeness(p, p_wave)
    around = median_filter(p_like, AROUND, mode="nearest")
    columns = (
        _likeness(qrs, own),
        _rms(qrs - own) / max(_rms(own), LEAST_MV),
        np.log(np.maximum(np.ptp(qrs, axis=1), 1e-3) / size),
        np.log(np.maximum(np.abs(qrs).sum(axis=1), 1e-2) / max(np.abs(own).sum(), 1e-1)),
        width,
        width - usual_width,
        spread,
        spread - usual_spread,
        qrs.max(axis=1) / size,
        qrs.min(axis=1) / size,
        _likeness(qrs, largest[QRS]),
        _likeness(t, own_t),
        (_rms(t) / max(_rms(own_t), LEAST_MV)).clip(0, 10),
        p_like,
        ((p * p_wave).sum(axis=1) / ((p_wave**2).sum(axis=1) + 1e-6)).clip(-10, 10),
        (_rms(p - p_wave) / p_size).clip(0, 20),
        (_rms(p) / size).clip(0, 5),
        (beats[:, P_WAVE].mean(axis=1) - normal[P_WAVE].mean()) / size,
        around,
        p_like - around,
    )
    return np.stack(columns, axis=1)


def _p_templates(beats: np.ndarray, groups: Groups, relative_rr: np.ndarray) -> np.ndarray:
    """For each beat what precedes normal beats after a long interval, without its level and slope, (n, width of P_WAVE).

    It is the median of every other such beat, of those that the beat itself is not among: no noise is like itself.
    """
    own = groups.group == groups.normal
    late = own & (relative_rr >= np.exp(LATE))
    if late.sum() < LEAST:
        late = own & (relative_rr >= np.percentile(relative_rr[own], 80))
    turn = np.cumsum(late) % 2
    halves = [late & (turn != each) for each in (0, 1)]
    halves = [each if each.any() else late for each in halves]
    return _level(np.stack([np.median(beats[each][:, P_WAVE], axis=0) for each in halves]))[turn]


def _of_beat(beats: np.ndarray, groups: Groups, relative_rr: np.ndarray) -> np.ndarray:
    """Numbers of OF_BEAT for each beat, (n, len(OF_BEAT))."""
    n = len(beats)
    scale = np.maximum(np.sqrt((groups.means[groups.normal][:, QRS] ** 2).mean(axis=1)), LEAST_MV)
    shapes = (beats[:, :, QRS] / scale[:, None]).reshape(n, -1)
    means = (groups.means[:, :, QRS] / scale[:, None]).reshape(len(groups.means), -1)
    apart = _rms(shapes - means[groups.normal]).clip(0, 10)
    next_to = _rms(shapes[1:] - shapes[:-1]).clip(0, 10) if n > 1 else np.zeros(0)
    before, after = np.concatenate([[0.0], next_to]), np.concatenate([next_to, [0.0]])
    fused, left = _fusion(shapes, means, groups)
    rr = np.array([np.median(relative_rr[groups.group == each]) for each in range(len(groups.sizes))])
    spread = np.array([relative_rr[groups.group == each].std() for each in range(len(groups.sizes))])
    share = groups.sizes / n
    columns = (
        apart, before, after, np.concatenate([apart[:1], apart[:-1]]), np.concatenate([apart[1:], apart[-1:]]), fused, left,
        np.log(share)[groups.group], groups.group == groups.normal, groups.group == 0, rr[groups.group], spread[groups.group],
        np.full(n, share[groups.normal]), np.full(n, rr[groups.normal]),
    )  # fmt: skip
    return np.stack(columns, axis=1)


def _fusion(shapes: np.ndarray, means: np.ndarray, groups: Groups) -> tuple[np.ndarray, np.ndarray]:
    """How far a beat lies from the normal shape towards the shape least like it, and what that leaves over; (n,) each."""
    normal = means[groups.normal]
    apart = _rms(means - normal) * (groups.sizes >= max(2, 0.002 * len(shapes)))
    towards = means[apart.argmax()] - normal
    share = (shapes - normal) @ towards / max(float(towards @ towards), 1e-6)
    return share.clip(-3, 3), _rms(shapes - normal - share[:, None] * towards).clip(0, 10)


def _likeness(waves: np.ndarray, wave: np.ndarray) -> np.ndarray:
    """Correlations with a wave, or with one each, 0 for one that is flat. (n, width), (width,) or (n, width) -> (n,)."""
    waves, wave = (each - each.mean(axis=-1, keepdims=True) for each in (waves, wave))
    sizes = np.sqrt((waves**2).sum(axis=1) * (wave**2).sum(axis=-1))
    return (waves * wave).sum(axis=1) / np.maximum(sizes, 1e-6)


def _rms(waves: np.ndarray) -> np.ndarray:
    return np.sqrt((waves**2).mean(axis=-1))


def _level(waves: np.ndarray) -> np.ndarray:
    """Waves without the straight line that fits them best, (n, width)."""
    steps = np.arange(waves.shape[1]) - (waves.shape[1] - 1) / 2
    level = waves - waves.mean(axis=1, keepdims=True)
    return level - np.outer(level @ steps / (steps @ steps), steps)


def _width(qrs: np.ndarray) -> np.ndarray:
    """Seconds for which a QRS is at least a third as far from rest as at its farthest, (n,)."""
    size = np.abs(qrs)
    return (size > size.max(axis=1, keepdims=True) / 3).sum(axis=1) / SPEC.fs_hz


def _spread(qrs: np.ndarray) -> np.ndarray:
    """Twice the standard deviation of the time at which a QRS is steep, s, (n,)."""
    steep = np.diff(qrs, axis=1) ** 2 + 1e-9
    time = np.arange(steep.shape[1]) / SPEC.fs_hz
    mean = steep @ time / steep.sum(axis=1)
    return 2 * np.sqrt(np.maximum(steep @ time**2 / steep.sum(axis=1) - mean**2, 0))
