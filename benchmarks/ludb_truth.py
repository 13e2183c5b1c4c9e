"""What cardiologists drew into the recordings of the Lobachevsky University database, lead by lead and put together.

Kalyakulina et al. 2020, IEEE Access 8:186181. Needs numpy and wfdb alone, so that other delineators' environments can
read it too.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

LEADS = ("i", "ii", "iii", "avr", "avl", "avf", "v1", "v2", "v3", "v4", "v5", "v6")  # as the files' names end
KINDS = {"p": 0, "N": 1, "t": 2}  # P, QRS, T
FS_HZ = 500.0
N_SAMPLES = 5000
# Middles of one wave lie within 60 ms in nine of ten beats (T, 12 leads) and two waves of a kind 240 ms apart or more.
GAP_SAMPLES = 60
FEWEST_LEADS = 3  # of which a quartile says something


@dataclass(frozen=True)
class Waves:
    """Waves of one recording.

    leads : int (n,), indices of LEADS; -1 for those of all leads together.  kinds : int (n,), values of KINDS.
    samples : float (n, 3), onset, peak and end; NaN where absent.  known : bool (n, 3); where False, nobody drew that
    fiducial although the wave is there, and its sample is about where it would be.
    """

    leads: np.ndarray
    kinds: np.ndarray
    samples: np.ndarray
    known: np.ndarray

    def of_lead(self, lead: int) -> "Waves":
        """The waves of one lead; -1 for those of all leads together."""
        return self._taken(self.leads == lead)

    def fiducial(self, kind: int, part: int) -> tuple[np.ndarray, np.ndarray]:
        """Samples (k,) of onset (0), peak (1) or end (2) of the waves of a kind, and whether each is known (k,)."""
        there = (self.kinds == kind) & ~np.isnan(self.samples[:, part])
        return self.samples[there, part], self.known[there, part]

    def _taken(self, mask: np.ndarray) -> "Waves":
        return Waves(self.leads[mask], self.kinds[mask], self.samples[mask], self.known[mask])


def make_waves(leads: np.ndarray, kinds: np.ndarray, samples: np.ndarray) -> Waves:
    """Waves of which everything that is not NaN is known. (n,), (n,), (n, 3)."""
    samples = np.asarray(samples, dtype=float).reshape(-1, 3)
    return Waves(np.asarray(leads, dtype=int), np.asarray(kinds, dtype=int), samples, ~np.isnan(samples))


def join_waves(several: list[Waves]) -> Waves:
    """The waves of several, one after another."""
    parts = zip(*((each.leads, each.kinds, each.samples, each.known) for each in several), strict=True)
    return Waves(*(np.concatenate(part) for part in parts))


def parse_annotations(symbols: list[str], samples: np.ndarray, lead: int) -> Waves:
    """The waves of one lead from its annotations, `(` onset, `p`, `N` or `t` peak, `)` end.

    An onset may stand one sample behind its peak, as in some paced and widened QRS. Where a bracket is missing the
    fiducial is not known, and the peak's sample stands in its place.
    """
    rows: list[list[float]] = []
    kinds: list[int] = []
    onset, wave_is_open = np.nan, False
    for symbol, sample in zip(symbols, samples, strict=True):
        if symbol in KINDS:
            rows.append([onset, sample, np.nan])
            kinds.append(KINDS[symbol])
            onset, wave_is_open = np.nan, True
        elif symbol == "(" and wave_is_open and np.isnan(rows[-1][0]):
            rows[-1][0] = sample
        elif symbol == "(":
            onset, wave_is_open = sample, False
        elif symbol == ")" and wave_is_open:
            rows[-1][2], wave_is_open = sample, False
    drawn = np.array(rows, dtype=float).reshape(-1, 3)
    known = ~np.isnan(drawn)
    filled = np.where(known, drawn, drawn[:, 1:2])
    return Waves(np.full(len(drawn), lead), np.array(kinds, dtype=int), filled, known)


def read_truth(folder: Path, record_id: str) -> Waves:
    """All that was drawn into a recording: the leads' waves, and behind them those of all leads together."""
    import wfdb

    by_lead = []
    for lead, ending in enumerate(LEADS):
        drawn = wfdb.rdann(str(folder / record_id), ending)
        by_lead.append(parse_annotations(drawn.symbol, drawn.sample, lead))
    return with_overall(join_waves(by_lead))


def with_overall(waves: Waves) -> Waves:
    """The waves, and behind them those of all leads together."""
    return join_waves([waves, put_together(waves)])


def put_together(waves: Waves) -> Waves:
    """The leads' waves as waves of the whole recording: the earliest quartile of the onsets, the latest of the ends.

    Waves of a kind belong together whose middles follow each other within 120 ms. Between them stands the median of the
    peaks. What fewer than three leads show is not known.
    """
    rows, kinds, known = [], [], []
    for kind in KINDS.values():
        samples, is_known = waves.samples[waves.kinds == kind], waves.known[waves.kinds == kind]
        samples = np.where(is_known, samples, np.nan)
        samples, middles = _in_order(samples)
        for group in np.split(samples, np.flatnonzero(np.diff(middles) > GAP_SAMPLES) + 1):
            if len(group):
                rows.append(_quartiles(group))
                kinds.append(kind)
                known.append((~np.isnan(group)).sum(axis=0) >= FEWEST_LEADS)
    n = len(rows)
    return Waves(np.full(n, -1), np.array(kinds, dtype=int), np.reshape(rows, (n, 3)), np.reshape(known, (n, 3)))


def in_every_lead(waves: Waves) -> Waves:
    """The waves of all leads together, as if each lead had them."""
    overall = waves.of_lead(-1)
    n = len(overall.leads)
    return join_waves(
        [Waves(np.full(n, lead), overall.kinds, overall.samples, overall.known) for lead in range(len(LEADS))]
    )


def _in_order(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Waves (n, 3) by their middles, and these (n,): of onset and end where both are there, else of what is there."""
    samples = samples[~np.isnan(samples).all(axis=1)]
    bounds = samples[:, ::2].mean(axis=1)
    rest = np.nanmean(samples, axis=1) if len(samples) else bounds
    middles = np.where(np.isnan(bounds), rest, bounds)
    order = np.argsort(middles)
    return samples[order], middles[order]


def _quartiles(group: np.ndarray) -> list[float]:
    """Onset, peak and end of a wave from the leads' (n, 3); one that no lead has is where the others' middle is."""
    values = []
    for part, share in enumerate((0.25, 0.5, 0.75)):
        there = group[~np.isnan(group[:, part]), part]
        values.append(float(np.quantile(there, share)) if len(there) else float(np.nanmean(group)))
    return values


def read_groups(folder: Path) -> dict[str, list[str]]:
    """Which recordings are of which rhythm and conduction, by what the diagnoses in labels.csv say; all come first."""
    with (folder / "labels.csv").open(newline="") as file:
        diagnoses = {row["record"]: row["diagnoses"].lower() for row in csv.DictReader(file)}
    words = {
        "sinus rhythm": ("rhythm: sinus", "rhythm: irregular sinus"),
        "atrial fibrillation or flutter": ("atrial fibrillation", "atrial flutter"),
        "paced": ("pacing",),
        "complete bundle branch block": ("; complete left bundle", "; complete right bundle"),
        "incomplete bundle branch block": ("incomplete left bundle", "incomplete right bundle"),
        "AV block": ("av block", "av-block"),
        "extrasystoles": ("extrasystole",),
    }
    groups = {"all": list(diagnoses)}
    for name, wanted in words.items():
        groups[name] = [record for record, text in diagnoses.items() if any(word in text for word in wanted)]
    return groups
