"""The network that finds where P, QRS and T begin and end in a median beat, in NumPy: small enough to need no torch.

Every lead is read by the same weights, beside the mean of all leads, so that any number of leads in any order will do.
For each fiducial it gives a probability over time, and one that the lead shows no such wave. It was taught by the
hand-drawn waves of LUDB (Kalyakulina et al. 2020, IEEE Access 8:186181): `python -m tasks.waves.train`.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from cardiac.measurements.median_beat import AFTER, BEFORE, GRID_HZ

WEIGHTS = Path(__file__).with_name("waves.npz")
FIDUCIALS = ("p_onset", "p_peak", "p_end", "qrs_onset", "qrs_end", "t_peak", "t_end")
DILATIONS = (1, 2, 6)
N_TIMES = (BEFORE + AFTER) // 2 + 1  # the network's own grid is half as fine as the beat's
EDGE = 12  # zeros on either side of every lead: as far as the widest of the convolutions reaches
PADDED = N_TIMES + 2 * EDGE
TIMES_S = ((2 * np.arange(N_TIMES) - BEFORE) / GRID_HZ).astype(np.float32)
QRS = slice(BEFORE - 20, BEFORE + 25)
NEAR = 4  # the place is the mean over so many of the network's times to either side of the likeliest
COMPRESSED_MV = 0.02
RR_RANGE = (-1.2, 1.2)


@dataclass(frozen=True)
class WaveNetwork:
    """Weights by name: `stem` (c, 5, 8), `layers` (3, c, c, k) of the lead and `shared` (2, c, c, k) of all leads' mean,
    `head`, `shared_head` (7, c, k), `absent` (7, 2 c), and their biases `..._bias`.
    """

    weights: Mapping[str, np.ndarray]

    def __call__(self, beat: np.ndarray, rr_s: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
        """Where each fiducial is, s from the reference point, (n_leads, 7), and the probability that it is absent, (n_leads, 7).

        beat : (n_leads, BEFORE + AFTER + 1), mV, at GRID_HZ.  rr_s : the intervals before and after it.
        """
        w, n_leads = self.weights, len(beat)
        hidden = _relu(_stem(channels(beat, rr_s), w["stem"], w["stem_bias"]))  # (n_leads, c, PADDED)
        hidden += _relu(_convolve(hidden, w["layers"][0], DILATIONS[0], w["layers_bias"][0][:, None]))
        for layer, dilation in enumerate(DILATIONS[1:], start=1):
            common = hidden.mean(axis=0, keepdims=True)
            shared = _convolve(common, w["shared"][layer - 1], dilation, w["layers_bias"][layer][:, None])
            hidden += _relu(_convolve(hidden, w["layers"][layer], dilation, shared))
        common = hidden.mean(axis=0, keepdims=True)
        shared = _convolve(common, w["shared_head"], 1, w["head_bias"][:, None])
        over_time = _convolve(hidden, w["head"], 1, shared)[:, :, EDGE:-EDGE]
        greatest = np.concatenate([hidden.max(axis=2), np.repeat(common.max(axis=2), n_leads, axis=0)], axis=1)
        return _places(over_time, greatest @ w["absent"].T + w["absent_bias"])


def channels(beat: np.ndarray, rr_s: tuple[float, float]) -> np.ndarray:
    """What the network takes: the lead to its QRS, the same compressed, and time; float32 (n_leads, 5, n).

    A lead's QRS counts as no smaller than a twentieth of the mean one, so that a lead without any is not blown up.
    """
    heights = np.ptp(beat[:, QRS], axis=1)
    typical = np.sqrt(np.mean(heights**2)) + 1e-6
    heights = np.maximum(heights, 0.05 * typical)[:, None]
    made = np.empty((len(beat), 5, beat.shape[1]), dtype=np.float32)
    made[:, 0] = beat / heights
    made[:, 1] = np.arcsinh(beat / (COMPRESSED_MV / 2 * (heights + typical))) / 3
    at_s = (np.arange(beat.shape[1]) - BEFORE) / GRID_HZ
    made[:, 2] = 2 * at_s
    made[:, 3] = np.clip(at_s / rr_s[1], -1, RR_RANGE[1])
    made[:, 4] = np.clip(at_s / rr_s[0], RR_RANGE[0], 1)
    return made


def _stem(made: np.ndarray, weights: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """The first convolution, at every second sample of the beat. (n_leads, n_in, n) -> (n_leads, c, PADDED)."""
    n_leads, n_in, n = made.shape
    width = weights.shape[2]
    padded = np.zeros((n_leads, n_in, n + width), dtype=np.float32)
    padded[:, :, width // 2 : width // 2 + n] = made
    columns = np.empty((n_leads, width, n_in, N_TIMES), dtype=np.float32)
    for tap in range(width):
        columns[:, tap] = padded[:, :, tap : tap + 2 * N_TIMES - 1 : 2]
    return _padded(weights, columns, bias[:, None])


def _convolve(hidden: np.ndarray, weights: np.ndarray, dilation: int, more: np.ndarray) -> np.ndarray:
    """Convolution over time and `more`, zeros about it. (n_leads, n_in, PADDED), (n_out, n_in, k) -> (n_leads, n_out, PADDED).

    more : what is added, (n_out, 1) or (1, n_out, PADDED).
    """
    n_leads, n_in, _ = hidden.shape
    width = weights.shape[2]
    first = EDGE - width // 2 * dilation
    columns = np.empty((n_leads, width, n_in, N_TIMES), dtype=np.float32)
    for tap in range(width):
        columns[:, tap] = hidden[:, :, first + tap * dilation : first + tap * dilation + N_TIMES]
    return _padded(weights, columns, more if more.ndim == 2 else more[:, :, EDGE:-EDGE])


def _padded(weights: np.ndarray, columns: np.ndarray, more: np.ndarray) -> np.ndarray:
    """Weights times columns, and `more`, with zeros about every lead; (n_leads, n_out, PADDED).

    One product a lead: BLAS would share a larger one among threads, which costs many times what it takes.
    """
    n_out = len(weights)
    by_tap = np.ascontiguousarray(weights.transpose(0, 2, 1)).reshape(n_out, -1)
    out = np.zeros((len(columns), n_out, PADDED), dtype=np.float32)
    np.add(by_tap @ columns.reshape(len(columns), -1, N_TIMES), more, out=out[:, :, EDGE:-EDGE])
    return out


def _relu(values: np.ndarray) -> np.ndarray:
    return np.maximum(values, 0, out=values)


def _places(over_time: np.ndarray, absent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean place about the likeliest time, and the probability of none."""
    top = np.maximum(over_time.max(axis=2), absent)
    odds, odds_absent = np.exp(over_time - top[..., None]), np.exp(absent - top)
    likeliest = over_time.argmax(axis=2)
    index = np.clip(likeliest[..., None] + np.arange(-NEAR, NEAR + 1), 0, N_TIMES - 1)
    near = np.take_along_axis(odds, index, axis=2)
    places = (near * TIMES_S[index]).sum(axis=2) / near.sum(axis=2)
    return places, odds_absent / (odds_absent + odds.sum(axis=2))


@lru_cache(maxsize=1)
def measured_by() -> str:
    """SHA-256 of the shipped network's weights: what is learnt from measurements holds for these alone."""
    return hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()


@lru_cache(maxsize=2)
def load_network(path: Path = WEIGHTS) -> WaveNetwork:
    """The network whose weights lie in a file of arrays, the shipped one by default."""
    with np.load(path, allow_pickle=False) as file:
        return WaveNetwork({name: file[name] for name in file.files})
