"""The network that finds where P, QRS and T begin and end in a median beat, in NumPy: small enough to need no torch.

Every lead is read by the same weights, beside the mean of all leads, so that any number of leads in any order will do.
For each fiducial it gives a probability over time, and one that the lead shows no such wave. It was taught by the
hand-drawn waves of LUDB (Kalyakulina et al. 2020, IEEE Access 8:186181): `python -m tasks.waves.train`.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

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
ABOUT = np.arange(-4, 5)  # the place is the mean over the network's times this near to the likeliest
STEM_TAPS, TAPS = 8, 5
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
        w, n_leads = self._by_tap, len(beat)
        hidden = _relu(_product(w["stem"], _stem_columns(channels(beat, rr_s)), w["stem_bias"]))  # (n_leads, c, PADDED)
        for layer, dilation in enumerate(DILATIONS):
            more = w["layers_bias"][layer]
            if layer:
                common = hidden.mean(axis=0, keepdims=True)
                more = _convolve(common, w["shared"][layer - 1], dilation, more)
            hidden += _relu(_convolve(hidden, w["layers"][layer], dilation, more))
        common = hidden.mean(axis=0, keepdims=True)
        shared = _convolve(common, w["shared_head"], 1, w["head_bias"])
        over_time = _convolve(hidden, w["head"], 1, shared)[:, :, EDGE:-EDGE]
        greatest = np.concatenate([hidden.max(axis=2), np.repeat(common.max(axis=2), n_leads, axis=0)], axis=1)
        return likely_places(over_time, greatest @ w["absent"].T + w["absent_bias"])

    @cached_property
    def _by_tap(self) -> dict[str, Any]:
        """The weights as `_product` takes them: (n_out, taps, n_in) in one row an output, biases as columns."""
        w = self.weights
        made: dict[str, Any] = {name: _rows(w[name]) for name in ("stem", "head", "shared_head")}
        made |= {name: [_rows(each) for each in w[name]] for name in ("layers", "shared")}
        made |= {"layers_bias": [each[:, None] for each in w["layers_bias"]]}
        made |= {name: w[name][:, None] for name in ("stem_bias", "head_bias")}
        return made | {name: w[name] for name in ("absent", "absent_bias")}


def _rows(weights: np.ndarray) -> np.ndarray:
    """(n_out, n_in, taps) -> (n_out, taps * n_in)."""
    return np.ascontiguousarray(weights.transpose(0, 2, 1)).reshape(len(weights), -1)


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


def _stem_columns(made: np.ndarray) -> np.ndarray:
    """What the first convolution reads, at every second sample. (n_leads, n_in, n) -> (n_leads, taps * n_in, N_TIMES)."""
    n_leads, n_in, n = made.shape
    padded = np.zeros((n_leads, n_in, n + STEM_TAPS), dtype=np.float32)
    padded[:, :, STEM_TAPS // 2 : STEM_TAPS // 2 + n] = made
    of_lead, of_channel, of_sample = padded.strides
    shape, steps = (n_leads, STEM_TAPS, n_in, N_TIMES), (of_lead, of_sample, of_channel, 2 * of_sample)
    return np.ndarray(shape, padded.dtype, padded, 0, steps).reshape(n_leads, -1, N_TIMES)


def _convolve(hidden: np.ndarray, weights: np.ndarray, dilation: int, more: np.ndarray) -> np.ndarray:
    """Convolution over time and `more`. (n_leads, n_in, PADDED), (n_out, TAPS * n_in) -> (n_leads, n_out, PADDED).

    more : what is added, (n_out, 1) or (1, n_out, PADDED).
    """
    n_leads, n_in, _ = hidden.shape
    of_lead, of_channel, of_time = hidden.strides
    shape, steps = (n_leads, TAPS, n_in, N_TIMES), (of_lead, dilation * of_time, of_channel, of_time)
    columns = np.ndarray(shape, hidden.dtype, hidden, (EDGE - TAPS // 2 * dilation) * of_time, steps)
    return _product(weights, columns.reshape(n_leads, -1, N_TIMES), more if more.ndim == 2 else more[:, :, EDGE:-EDGE])


def _product(weights: np.ndarray, columns: np.ndarray, more: np.ndarray) -> np.ndarray:
    """Weights times columns, and `more`, with zeros about every lead; (n_leads, n_out, PADDED).

    One product a lead: BLAS would share a larger one among threads, which costs many times what it takes.
    """
    out = np.zeros((len(columns), len(weights), PADDED), dtype=np.float32)
    within = np.matmul(weights, columns, out=out[:, :, EDGE:-EDGE])
    within += more
    return out


def _relu(values: np.ndarray) -> np.ndarray:
    return np.maximum(values, 0, out=values)


def likely_places(over_time: np.ndarray, absent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean place about the likeliest time, and the probability of none. (n_leads, 7, N_TIMES), (n_leads, 7)."""
    top = np.maximum(over_time.max(axis=2), absent)
    odds, odds_absent = np.exp(over_time - top[..., None]), np.exp(absent - top)
    index = over_time.argmax(axis=2)[..., None] + ABOUT
    inside = np.minimum(np.maximum(index, 0), N_TIMES - 1)
    rows = np.arange(0, odds.size, N_TIMES).reshape(*absent.shape, 1)
    near = odds.take(rows + inside) * (index == inside)
    places = (near * TIMES_S.take(inside)).sum(axis=2) / near.sum(axis=2)
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
