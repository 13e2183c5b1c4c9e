"""Beats that belong together: couplets, runs, bigeminy and trigeminy; and pauses. Knows positions and classes alone."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cardiac.beats import GAP_S
from cardiac.quality.reasons import runs
from tasks.beats.labels import CLASSES

EARLY = ("S", "V")  # the classes of extra beats
RUN_BEATS = 3
CYCLES = {2: "bigeminy", 3: "trigeminy"}  # every so manyth beat is an extra one ...
CYCLE_BEATS = 3  # ... so many times one after another, or more
PAUSE_S = 2.0
KINDS = (  # the most interesting first
    ("run", "V"), ("run", "S"), ("couplet", "V"), ("couplet", "S"), ("pause", ""),
    ("bigeminy", "V"), ("trigeminy", "V"), ("bigeminy", "S"), ("trigeminy", "S"),
)  # fmt: skip
MOST_OF_A_KIND, N_ISOLATED = 2, 12
LEAD_IN_S = 1.5  # shown before and after what is looked at


@dataclass(frozen=True)
class Episode:
    """Some beats of one kind.

    kind : "couplet", "run", "bigeminy", "trigeminy" or "pause".  beat : "S" or "V"; "" of a pause.  first, last : which of
    the recording's beats; of bigeminy and trigeminy the first and the last extra one, of a pause those on its sides.
    start_s, end_s : where these two are.
    """

    kind: str
    beat: str
    first: int
    last: int
    start_s: float
    end_s: float

    @property
    def n_beats(self) -> int:
        return self.last - self.first + 1

    @property
    def length_s(self) -> float:
        return self.end_s - self.start_s

    @property
    def rate_bpm(self) -> float | None:
        """Of its beats; None of a pause."""
        return None if self.kind == "pause" else 60.0 * (self.n_beats - 1) / self.length_s

    def to_dict(self) -> dict[str, Any]:
        """The episode as plain data, rounded."""
        rate = self.rate_bpm
        return {
            "kind": self.kind,
            "beat": self.beat or None,
            "start_s": round(self.start_s, 3),
            "length_s": round(self.length_s, 3),
            "beats": self.n_beats,
            "rate_bpm": None if rate is None else round(rate),
        }


def find_episodes(positions: np.ndarray, classes: np.ndarray, fs_hz: float) -> list[Episode]:
    """All episodes, in order of time. Beats more than six seconds apart do not follow each other.

    positions : samples in order, int (n,).  classes : which of CLASSES, int (n,).
    """
    at_s = np.asarray(positions) / fs_hz
    classes = np.asarray(classes)
    follows = np.concatenate([[False], np.diff(at_s) <= GAP_S])[: len(at_s)]  # the beat before
    found = [("pause", "", int(before), int(before) + 1) for before in np.flatnonzero(np.diff(at_s) > PAUSE_S)]
    for beat in EARLY:
        is_one = classes == CLASSES.index(beat)
        for first, last in _chains(is_one, follows, 1, classes):
            kind = "run" if last - first + 1 >= RUN_BEATS else "couplet"
            found.append((kind, beat, first, last))
        for step, kind in CYCLES.items():
            for first, last in _chains(is_one, follows, step, classes):
                if (last - first) // step + 1 >= CYCLE_BEATS:
                    found.append((kind, beat, first, last))
    episodes = [Episode(*each, float(at_s[each[2]]), float(at_s[each[3]])) for each in found]
    return sorted(episodes, key=lambda each: (each.start_s, each.kind, each.beat))


def _chains(is_one: np.ndarray, follows: np.ndarray, step: int, classes: np.ndarray) -> Iterator[tuple[int, int]]:
    """First and last of beats that are ones every `step` beats, with normal beats between them, none missing: two or more."""
    n = len(is_one)
    linked = np.zeros(n, dtype=bool)  # a one, as the beat `step` before is
    if n <= step:
        return
    linked[step:] = is_one[step:] & is_one[:-step] & follows[step:]
    for back in range(1, step):
        linked[step:] &= (classes[step - back : n - back] == CLASSES.index("N")) & follows[step - back : n - back]
    for phase in range(step):
        for first, end in runs(linked[phase::step]):
            yield phase + (first - 1) * step, phase + (end - 1) * step


@dataclass(frozen=True)
class Shown:
    """A stretch that is worth a look. at_s : where that begins for which it is.  title : what that is, in words.

    beat : the class of beats that it is about; "" of none.
    """

    start_s: float
    end_s: float
    at_s: float
    title: str
    beat: str = ""


def interesting_stretches(
    episodes: Sequence[Episode],
    positions: np.ndarray,
    classes: np.ndarray,
    fs_hz: float,
    duration_s: float,
    sureness: np.ndarray | None = None,
    length_s: float = 10.0,
    most: int = 6,
) -> list[Shown]:
    """Stretches of a recording, the most interesting first: runs, couplets, pauses, then isolated V, S, F and Q.

    sureness : how probable each beat's class is, (n,): of those alike the surest come first.
    No more than two of a kind, unless nothing else is left; none that shows again what another does. A recording without
    any of it is shown from its beginning, and where its longest interval is.
    """
    sure = np.ones(len(positions)) if sureness is None else np.asarray(sureness)
    wanted = [*_ranked(episodes, sure), *_isolated(positions, classes, fs_hz, sure)]
    chosen: list[tuple[int, Shown]] = []
    for limit in (MOST_OF_A_KIND, most):
        counts: Counter[str] = Counter()
        for rank, (kind, first_s, last_s, title, beat) in enumerate(wanted):
            counts[kind] += any(rank == each for each, _ in chosen)
            start_s = _start(first_s, last_s, length_s, duration_s)
            here = Shown(start_s, min(start_s + length_s, duration_s), first_s, title, beat)
            span_s = (max(first_s, here.start_s), min(last_s, here.end_s))
            if len(chosen) < most and counts[kind] < limit and not any(_shows(each, *span_s) for _, each in chosen):
                counts[kind] += 1
                chosen.append((rank, here))
    if not chosen:
        return _of_nothing(positions, fs_hz, duration_s, length_s)
    return [shown for _, shown in sorted(chosen, key=lambda each: each[0])]


def _ranked(episodes: Sequence[Episode], sure: np.ndarray) -> list[tuple[str, float, float, str, str]]:
    """Kind, first and last second, title and class of beats, of every episode, the most interesting first."""

    def key(each: Episode) -> tuple[int, float, float]:
        by_length = each.length_s if each.kind == "pause" else each.n_beats
        return KINDS.index((each.kind, each.beat)), -by_length, -float(sure[each.first : each.last + 1].mean())

    return [
        (f"{each.kind} {each.beat}", each.start_s, each.end_s, episode_words(each), each.beat)
        for each in sorted(episodes, key=key)
    ]


def _isolated(
    positions: np.ndarray, classes: np.ndarray, fs_hz: float, sure: np.ndarray
) -> Iterator[tuple[str, float, float, str, str]]:
    """The same of beats of a class other than normal, of which no neighbour is one: of each class some, the surest first."""
    words = {"V": "ventricular beat", "S": "supraventricular beat", "F": "fusion beat", "Q": "paced or unknown beat"}
    for beat, word in words.items():
        is_one = np.asarray(classes) == CLASSES.index(beat)
        beside = np.zeros(len(is_one), dtype=bool)
        beside[1:] |= is_one[:-1]
        beside[:-1] |= is_one[1:]
        alone = np.flatnonzero(is_one & ~beside)
        for row in alone[np.argsort(-sure[alone], kind="stable")][:N_ISOLATED].tolist():
            yield f"isolated {beat}", positions[row] / fs_hz, positions[row] / fs_hz, word, beat


def episode_words(episode: Episode) -> str:
    """An episode in words: "V run of 5 beats, 168 a minute"."""
    if episode.kind == "pause":
        return f"pause of {episode.length_s:.1f} s"
    if episode.kind == "couplet":
        return f"{episode.beat} couplet"
    how_long = f"{episode.n_beats} beats" if episode.kind == "run" else f"{episode.length_s:.0f} s"
    return f"{episode.beat} {episode.kind} of {how_long}, {episode.rate_bpm:.0f} a minute"


def _of_nothing(positions: np.ndarray, fs_hz: float, duration_s: float, length_s: float) -> list[Shown]:
    shown = [Shown(0.0, min(length_s, duration_s), 0.0, "the beginning")]
    if len(positions) > 1:
        longest = int(np.diff(positions).argmax())
        first_s, last_s = (float(each) / fs_hz for each in positions[longest : longest + 2])
        if last_s > length_s:
            start_s = _start(first_s, last_s, length_s, duration_s)
            shown.append(Shown(start_s, start_s + length_s, first_s, f"the longest interval, {last_s - first_s:.2f} s"))
    return shown


def _shows(shown: Shown, first_s: float, last_s: float) -> bool:
    """Whether half of this, or more, lies in a stretch."""
    return min(last_s, shown.end_s) - max(first_s, shown.start_s) >= (last_s - first_s) / 2


def _start(first_s: float, last_s: float, length_s: float, duration_s: float) -> float:
    """Where a stretch begins that has this in its middle, or its beginning where it is longer."""
    start_s = (first_s + last_s - length_s) / 2 if last_s - first_s <= length_s - 2 * LEAD_IN_S else first_s - LEAD_IN_S
    return max(0.0, min(start_s, duration_s - length_s))
