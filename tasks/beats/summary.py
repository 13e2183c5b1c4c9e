"""What a recording's beats come to: counts, burdens, couplets and runs, rates, the longest interval, irregularity."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from cardiac.beats import GAP_S
from tasks.beats.labels import CLASSES
from tasks.beats.stretches import CYCLES, EARLY, PAUSE_S, Episode, find_episodes

MINUTE_S = 60.0
HEARD_S = 30.0  # of a minute: with less of it between beats no rate is told
# Successive intervals of normal beats differ by this share in the middle, within so many beats: irregular throughout, as
# atrial fibrillation is. Set on DS1 with its reference classes. A recording of fewer beats is one stretch, of so many at least.
IRREGULAR_SHARE, IRREGULAR_BEATS, LEAST_CHANGES = 0.10, 64, 8


@dataclass(frozen=True)
class Rate:
    """Beats a minute over the whole recording, and over its slowest and its fastest minute, which begin at `..._at_s`.

    All None where no two beats follow each other, the minutes' where the recording is shorter than one.
    """

    mean_bpm: float | None
    min_bpm: float | None = None
    min_at_s: float | None = None
    max_bpm: float | None = None
    max_at_s: float | None = None


@dataclass(frozen=True)
class Summary:
    """counts : of each of CLASSES.  episodes : in order of time.  longest_rr_s, longest_rr_at_s : None of fewer than two beats.

    irregular_share : of the stretches of normal beats; None where there are too few of them.
    """

    counts: dict[str, int]
    rate: Rate
    longest_rr_s: float | None
    longest_rr_at_s: float | None
    episodes: tuple[Episode, ...]
    irregular_share: float | None

    @property
    def n_beats(self) -> int:
        return sum(self.counts.values())

    def burden_percent(self, beat: str) -> float:
        """How many of all beats are of a class, in percent; 0 of none."""
        return 100.0 * self.counts[beat] / max(self.n_beats, 1)

    def of_kind(self, kind: str, beat: str = "") -> list[Episode]:
        """The episodes of one kind, of one class of beats."""
        return [each for each in self.episodes if each.kind == kind and each.beat == beat]

    def to_dict(self) -> dict[str, Any]:
        """The summary as plain data, rounded. Couplets are counted; the others stand one by one in `episodes`."""
        return {
            "beats": self.n_beats,
            "counts": dict(self.counts),
            "burden_percent": {beat: round(self.burden_percent(beat), 3) for beat in EARLY},
            "couplets": {beat: len(self.of_kind("couplet", beat)) for beat in EARLY},
            "runs": {beat: len(self.of_kind("run", beat)) for beat in EARLY},
            **{kind: {beat: len(self.of_kind(kind, beat)) for beat in EARLY} for kind in CYCLES.values()},
            "pauses": len(self.of_kind("pause")),
            "longest_rr_s": _rounded(self.longest_rr_s, 3),
            "longest_rr_at_s": _rounded(self.longest_rr_at_s, 3),
            "rate_bpm": {name.removesuffix("_bpm"): _rounded(value, 1) for name, value in vars(self.rate).items()},
            "irregular_share": _rounded(self.irregular_share, 3),
            "episodes": [each.to_dict() for each in self.episodes if each.kind != "couplet"],
        }


def summarize(positions: np.ndarray, classes: np.ndarray, fs_hz: float, duration_s: float) -> Summary:
    """The summary of a recording's beats. positions : samples in order, int (n,).  classes : which of CLASSES, int (n,)."""
    at_s, classes = np.asarray(positions) / fs_hz, np.asarray(classes, dtype=int)
    intervals_s = np.diff(at_s)
    longest = int(np.diff(positions).argmax()) if len(intervals_s) else None
    return Summary(
        counts=dict(zip(CLASSES, np.bincount(classes, minlength=len(CLASSES)).tolist(), strict=True)),
        rate=_rate(at_s, duration_s),
        longest_rr_s=None if longest is None else float(intervals_s[longest]),
        longest_rr_at_s=None if longest is None else float(at_s[longest]),
        episodes=tuple(find_episodes(positions, classes, fs_hz)),
        irregular_share=irregular_share(at_s, classes),
    )


def _rate(at_s: np.ndarray, duration_s: float) -> Rate:
    """Rates from the mean interval, those left out that are too long for a heart (silence, or lost beats)."""
    intervals_s = np.diff(at_s)
    is_one = intervals_s <= GAP_S
    if not is_one.any():
        return Rate(None)
    mean_bpm = MINUTE_S * is_one.sum() / intervals_s[is_one].sum()
    n_before = np.concatenate([[0], np.cumsum(is_one)])
    seconds_before = np.concatenate([[0.0], np.cumsum(np.where(is_one, intervals_s, 0.0))])
    begins = np.flatnonzero(at_s + MINUTE_S <= duration_s)
    ends = np.searchsorted(at_s, at_s[begins] + MINUTE_S, side="right") - 1
    heard_s = seconds_before[ends] - seconds_before[begins]
    begins, ends, heard_s = (each[heard_s >= HEARD_S] for each in (begins, ends, heard_s))
    if len(begins) == 0:
        return Rate(float(mean_bpm))
    rates = np.round(MINUTE_S * (n_before[ends] - n_before[begins]) / heard_s, 2)  # of those alike the first
    slow, fast = int(rates.argmin()), int(rates.argmax())
    at = [float(at_s[begins[each]]) for each in (slow, fast)]
    return Rate(float(mean_bpm), float(rates[slow]), at[0], float(rates[fast]), at[1])


def irregular_share(at_s: np.ndarray, classes: np.ndarray) -> float | None:
    """In which share of stretches of 64 beats the intervals between normal beats change from one to the next as in fibrillation.

    None where in no stretch half of the beats are normal ones in a row of three. A recording of fewer beats is one stretch.
    """
    intervals_s = np.diff(at_s)
    is_normal = (classes[1:] == 0) & (classes[:-1] == 0) & (intervals_s <= GAP_S)
    both = is_normal[1:] & is_normal[:-1]
    change = np.abs(np.diff(intervals_s)) / np.maximum((intervals_s[1:] + intervals_s[:-1]) / 2, 1e-9)
    told, least = [], max(min(len(both), IRREGULAR_BEATS) // 2, LEAST_CHANGES)
    for first in range(0, len(both), IRREGULAR_BEATS):
        here = change[first : first + IRREGULAR_BEATS][both[first : first + IRREGULAR_BEATS]]
        if len(here) >= least:
            told.append(bool(np.median(here) > IRREGULAR_SHARE))
    return float(np.mean(told)) if told else None


def clock(seconds: float) -> str:
    """A time of a recording: "0:07.3", "1:02:03.4"."""
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    return (f"{hours}:{minutes:02d}" if hours else f"{minutes}") + f":{rest // 10:02d}.{rest % 10}"


def summary_lines(summary: Summary) -> list[str]:
    """The summary in a few lines for people: counts; couplets, runs, bigeminy; rates, the longest interval and pauses."""
    counts = ", ".join(f"{name} {n}" for name, n in summary.counts.items())
    burdens = ", ".join(f"{beat} {summary.burden_percent(beat):.2f} %" for beat in EARLY)
    lines = [f"{_many(summary.n_beats, 'beat')}: {counts}; burden {burdens}"]
    lines += [text for beat in EARLY if (text := _extra_beats(summary, beat))]
    lines.append(_rates(summary))
    return [line for line in lines if line]


def _extra_beats(summary: Summary, beat: str) -> str:
    parts = []
    if couplets := summary.of_kind("couplet", beat):
        parts.append(_many(len(couplets), "couplet"))
    if runs := summary.of_kind("run", beat):
        longest = max(runs, key=lambda each: each.n_beats)
        fastest = max(runs, key=lambda each: each.rate_bpm)
        at = f"the longest of {longest.n_beats} beats in {longest.length_s:.1f} s at {clock(longest.start_s)}"
        parts.append(f"{_many(len(runs), 'run')}, {at}, the fastest {fastest.rate_bpm:.0f} a minute")
    for kind in CYCLES.values():
        if some := summary.of_kind(kind, beat):
            parts.append(f"{kind} {_many(len(some), 'time')}, {sum(each.length_s for each in some):.0f} s in all")
    return f"{beat}: {'; '.join(parts)}" if parts else ""


def _rates(summary: Summary) -> str:
    rate, parts = summary.rate, []
    if rate.mean_bpm is not None:
        parts.append(f"rate {rate.mean_bpm:.0f} a minute")
    if rate.min_bpm is not None:
        slow, fast = f"{rate.min_bpm:.0f} at {clock(rate.min_at_s)}", f"{rate.max_bpm:.0f} at {clock(rate.max_at_s)}"
        parts.append(f"slowest minute {slow}, fastest {fast}")
    if summary.longest_rr_s is not None:
        parts.append(f"longest RR {summary.longest_rr_s:.2f} s at {clock(summary.longest_rr_at_s)}")
        pauses = len(summary.of_kind("pause"))
        parts.append(f"{_many(pauses, 'pause') if pauses else 'no pause'} over {PAUSE_S:g} s")
    return "; ".join(parts)


def _many(n: int, word: str) -> str:
    return f"{n} {word}{'' if n == 1 else 's'}"


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
