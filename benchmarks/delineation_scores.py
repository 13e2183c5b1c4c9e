"""Found fiducials against drawn ones: matched one to one, counted record by record, with intervals over records."""

from dataclasses import dataclass

import numpy as np

from cardiac.metrics import bootstrap_weights
from tasks.waves.ludb import FS_HZ, LEADS, Waves

TOLERANCE_MS = 150.0
# By name: the kind of wave and which of its onset, peak and end.
FIDUCIALS = {
    "P onset": (0, 0), "P peak": (0, 1), "P end": (0, 2), "QRS onset": (1, 0), "R peak": (1, 1), "QRS end": (1, 2),
    "T peak": (2, 1), "T end": (2, 2),
}  # fmt: skip
# Two standard deviations of the referees (CSE working party 1985, Eur. Heart J. 6:815), in ms.
BARS_MS = {"P onset": 10.2, "P end": 12.7, "QRS onset": 6.5, "QRS end": 11.6, "T end": 30.6}
N_DRAWN, N_COUNTED, N_HITS, SUM, SQUARES = range(5)  # columns of what is counted of a record


@dataclass(frozen=True)
class Errors:
    """One recording's matches.

    counts : (n_fiducials, 5), drawn, found and counted, matched, sum of the errors, of their squares; errors in ms, found
    minus drawn.  hits : rows (fiducial, lead, drawn sample, error in ms), (n_hits, 4).
    """

    counts: np.ndarray
    hits: np.ndarray


def match(drawn: np.ndarray, found: np.ndarray, tolerance: float) -> np.ndarray:
    """Pairs of indices (k, 2) at most a tolerance apart, one to one, the nearest first. (n,), (m,)."""
    apart = np.abs(drawn[:, None] - found)  # (n, m)
    near = np.argwhere(apart <= tolerance)
    pairs, used_drawn, used_found = [], set(), set()
    for i, j in near[np.argsort(apart[near[:, 0], near[:, 1]], kind="stable")]:
        if i not in used_drawn and j not in used_found:
            pairs.append((i, j))
            used_drawn.add(i)
            used_found.add(j)
    return np.array(pairs, dtype=int).reshape(-1, 2)


def compare(drawn: Waves, found: Waves, leads: tuple[int, ...] = tuple(range(len(LEADS)))) -> Errors:
    """A recording's waves as found against those drawn, lead by lead. leads : indices, or (-1,) for all together.

    The annotators left out waves at both ends of a lead. What is found there and matches nothing counts neither for nor
    against: only what lies from the lead's first drawn fiducial to its last, of any wave. Nor does what is found within
    the tolerance of a fiducial that nobody drew although its wave is there.
    """
    counts = np.zeros((len(FIDUCIALS), 5))
    hits = []
    for lead in leads:
        of_lead, ours = drawn.of_lead(lead), found.of_lead(lead)
        if not of_lead.known.any():
            continue
        span = of_lead.samples[of_lead.known].min(), of_lead.samples[of_lead.known].max()
        for row, (kind, part) in enumerate(FIDUCIALS.values()):
            marks, known = ours.fiducial(kind, part)
            rows = _count(counts[row], *of_lead.fiducial(kind, part), marks[known], span)
            hits += [(row, lead, sample, error) for sample, error in rows]
    return Errors(counts, np.array(hits, dtype=float).reshape(-1, 4))


def _count(counts: np.ndarray, drawn: np.ndarray, known: np.ndarray, found: np.ndarray, span: tuple) -> np.ndarray:
    """Add one lead's fiducials of a kind to the counts (5,). Returns drawn sample and error in ms of each match."""
    tolerance = TOLERANCE_MS * FS_HZ / 1_000
    pairs = match(drawn[known], found, tolerance)
    rest = np.delete(found, pairs[:, 1])
    near_unknown = (np.abs(rest[:, None] - drawn[~known]) <= tolerance).any(axis=1)
    false = (rest >= span[0]) & (rest <= span[1]) & ~near_unknown
    at = drawn[known][pairs[:, 0]]
    errors = (found[pairs[:, 1]] - at) * 1_000 / FS_HZ
    counts += [known.sum(), len(pairs) + false.sum(), len(pairs), errors.sum(), (errors**2).sum()]
    return np.stack([at, errors], axis=1)


def figures(counts: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Figures of one fiducial for each row of weights; NaN where there is nothing to divide by.

    counts : (n_records, 5).  weights : (n_draws, n_records), how often each record is taken. Two standard deviations: of
    all errors together, and the mean over the records with two matches or more of each one's own, as in Martínez et al.
    2004 (IEEE Trans. Biomed. Eng. 51:570).
    """
    drawn, counted, hits, total, squares = (weights @ counts).T
    n, own_total, own_squares = counts[:, N_HITS], counts[:, SUM], counts[:, SQUARES]
    several = n >= 2
    own = np.sqrt(np.maximum(own_squares - own_total**2 / np.maximum(n, 1), 0) / np.maximum(n - 1, 1)) * several
    return {
        "sensitivity": _ratio(hits, drawn),
        "predictivity": _ratio(hits, counted),
        "mean": _ratio(total, hits),
        "sd": np.sqrt(_ratio(np.maximum(squares - total * _ratio(total, hits), 0), hits - 1)),
        "own_sd": _ratio(weights @ own, weights @ several),
    }


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    return np.divide(numerator, denominator, out=np.full(len(numerator), np.nan), where=denominator > 0)


def score_table(head: str, counts: np.ndarray) -> list[str]:
    """The lines of a table, a row a fiducial, with 95 % intervals from 1,000 draws of records.

    counts : (n_records, n_fiducials, 5).
    """
    lines = [
        f"| {head} | sensitivity | predictivity | drawn | matched | false | mean error, ms | its standard deviation, ms "
        "| mean of the records' own, ms | bar, ms | held |",
        "|" + "---|" * 11,
    ]
    weights = np.vstack([np.ones(len(counts)), bootstrap_weights(np.arange(len(counts)))])
    for row, name in enumerate(FIDUCIALS):
        values = figures(counts[:, row], weights)
        n = counts[:, row].sum(axis=0)
        bar = BARS_MS.get(name)
        held = "" if bar is None or n[N_HITS] < 2 else "yes" if values["sd"][0] <= bar else "no"
        cells = [_cell(values["sensitivity"], 3), _cell(values["predictivity"], 3)]
        cells += [f"{count:,.0f}" for count in (n[N_DRAWN], n[N_HITS], n[N_COUNTED] - n[N_HITS])]
        cells += [_cell(values[key], 1) for key in ("mean", "sd", "own_sd")]
        lines.append(f"| {name} | {' | '.join(cells)} | {bar or ''} | {held} |")
    return lines


def _cell(values: np.ndarray, digits: int) -> str:
    """The first value and its interval from the rest; a dash where it cannot be had."""
    if np.isnan(values[0]):
        return "-"
    shown = np.round([values[0], *np.nanpercentile(values[1:], [2.5, 97.5])], digits) + 0.0  # no -0.0
    value, low, high = (f"{each:.{digits}f}" for each in shown)
    return f"{value} ({low} to {high})"
