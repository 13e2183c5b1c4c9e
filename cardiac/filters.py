"""Butterworth filters of order 2, forth and back, and windowed sincs: SciPy's, by NumPy alone.

A filter runs over blocks of samples by products of matrices: what leaves a block is a product of its samples and of the
state in which the filter enters it, and so is the state in which it leaves (Burrus, IEEE Trans. Audio Electroacoust.
20:230, 1972; Barnes, Shinnaka, IEEE Trans. Circuits Syst. 27:667, 1980).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

MOST_BY_ONE_THREAD = 2**18  # multiplications; a larger product OpenBLAS shares among threads
BLOCK, TOGETHER = 40, 30  # samples in a block; blocks whose states are one product
NOTHING = (
    1e-30  # smaller powers of a matrix are none: products of what a float just cannot hold take a hundred times as long
)


@dataclass(frozen=True)
class BlockFilter:
    """A filter over blocks of samples that runs forth or back, as matrices that rows are multiplied with.

    direction : 1 or -1.  within (BLOCK, BLOCK) : samples to what leaves.  gather (BLOCK, n) : samples to the state behind
    them.  carry (n, BLOCK) : state before a block to what leaves.  chain ((TOGETHER + 1) * n, same) : the state before
    the first block and what each block adds to it, to the states before and behind them all.  settled (n,) : the state
    after a long time of 1.
    """

    direction: int
    within: np.ndarray
    gather: np.ndarray
    carry: np.ndarray
    chain: np.ndarray
    settled: np.ndarray


def sinc_taps(n_taps: int, cutoff: float, beta: float) -> np.ndarray:
    """`scipy.signal.firwin(n_taps, cutoff, window=("kaiser", beta))`, a low-pass of unit gain at rest.

    cutoff : of half the sampling rate. Kaiser and Schafer, IEEE Trans. Acoust. 28:105, 1980.
    """
    at = np.arange(n_taps) - (n_taps - 1) / 2
    taps = np.sinc(cutoff * at) * np.kaiser(n_taps, beta)
    return taps / taps.sum()


def butterworth(low_hz: float, high_hz: float, fs_hz: float) -> np.ndarray:
    """Sections b0 b1 b2 1 a1 a2 of a Butterworth filter of order 2, (n, 6): `scipy.signal.butter(..., output="sos")`.

    low_hz, high_hz : edges of what passes; 0 leaves that side open. The analog filter's poles are taken over by the
    bilinear transform with warped edges (Oppenheim, Schafer: Discrete-Time Signal Processing, 7.1 and appendix B).
    """
    low, high = np.tan(np.pi * low_hz / fs_hz), np.tan(np.pi * high_hz / fs_hz)
    pole = np.exp(0.75j * np.pi)  # of the low-pass with the edge 1; the other one is its conjugate
    if low and high:
        half = pole * (high - low) / 2
        apart = np.sqrt(half**2 - low * high)
        poles = sorted((half + apart, half - apart), key=abs, reverse=True)
        zeros, passed = (-1, 1), np.sqrt(low * high)
    else:
        poles, zeros, passed = ([low / pole], (1,), np.inf) if low else ([high * pole], (-1,), 0.0)
    digital = [(1 + pole) / (1 - pole) for pole in poles]
    sections = np.array(
        [[1, -2 * zero, 1, 1, -2 * z.real, abs(z) ** 2] for zero, z in zip(zeros, digital, strict=True)]
    )
    turn = -1 if passed == np.inf else (1 - 1j * passed) / (1 + 1j * passed)  # back by one sample where all passes
    terms = turn ** np.arange(3)
    sections[0, :3] /= abs(np.prod((sections[:, :3] @ terms) / (sections[:, 3:] @ terms)))
    return sections


@lru_cache(maxsize=8)
def butterworth_both_ways(low_hz: float, high_hz: float, fs_hz: float) -> tuple[BlockFilter, BlockFilter]:
    """`butterworth` as it runs over blocks, forth and back."""
    step, enters, leaves, direct = _state_space(butterworth(low_hz, high_hz, fs_hz))
    powers = [np.eye(len(step))]
    for _ in range(BLOCK):
        powers.append(step @ powers[-1])
    carry = np.stack([leaves @ power for power in powers[:BLOCK]], axis=1)
    answer = np.concatenate([[direct], enters @ carry[:, :-1]])
    gather = np.stack([power @ enters for power in powers[BLOCK - 1 :: -1]])
    of_blocks = [np.eye(len(step))]
    for _ in range(TOGETHER):
        of_blocks.append(powers[BLOCK] @ of_blocks[-1])
    chain = _shifted([power.T for power in of_blocks])
    chain = chain.transpose(0, 2, 1, 3).reshape(len(of_blocks) * len(step), -1)
    chain[np.abs(chain) < NOTHING] = 0.0
    settled = np.linalg.solve(np.eye(len(step)) - step, enters)
    within = _shifted(answer)
    forth = BlockFilter(1, within, gather, np.ascontiguousarray(carry), chain, settled)
    back = (np.ascontiguousarray(each) for each in (within[::-1, ::-1], gather[::-1], carry[:, ::-1]))
    return forth, BlockFilter(-1, *back, chain, settled)


def _state_space(sections: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Matrices of the sections one after another, each in the transposed direct form II: (n, n), (n,), (n,), a number.

    The next state is the first times the state and the second times the sample; what leaves, the third and fourth.
    """
    n = 2 * len(sections)
    step, enters, leaves, direct = np.zeros((n, n)), np.zeros(n), np.zeros(n), 1.0
    for at, (b0, b1, b2, _, a1, a2) in zip(range(0, n, 2), sections, strict=True):
        own, fed = slice(at, at + 2), np.array([b1 - a1 * b0, b2 - a2 * b0])
        step[own] = np.outer(fed, leaves)
        step[own, own] = [[-a1, 1], [-a2, 0]]
        enters[own] = fed * direct
        leaves, direct = b0 * leaves, b0 * direct
        leaves[at] = 1.0
    return step, enters, leaves, direct


def _shifted(answers: Sequence[float] | Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
    """Row after row the answers one place later, none before: (n, n, ...)."""
    answers = np.asarray(answers)
    later = np.arange(len(answers)) - np.arange(len(answers))[:, None]
    return np.concatenate([answers, np.zeros_like(answers)])[later]


def filter_both_ways(signal: np.ndarray, filters: Sequence[BlockFilter], padding: int) -> np.ndarray:
    """`scipy.signal.sosfiltfilt(sections, signal, axis=1, padlen=padding)`.

    Forth and back, no phase is shifted; each end is continued by `padding` samples turned about it, and each way begins
    as if its first sample had always stood there.
    signal : (n_leads, n > padding).  filters : as `butterworth_both_ways` gives them.  Returns float64 (n_leads, n).
    """
    n_leads, n = signal.shape
    n_blocks = -(-(n + 2 * padding) // BLOCK)
    first = n_blocks * BLOCK - padding - n
    samples = np.empty((n_leads, n_blocks * BLOCK))
    samples[:, first : first + n] = signal
    left, right = signal[:, padding:0:-1], signal[:, -2 : -padding - 2 : -1]
    np.subtract(2 * samples[:, first, None], left, out=samples[:, first - padding : first])
    np.subtract(2 * samples[:, first + n - 1, None], right, out=samples[:, first + n :])
    samples[:, : first - padding] = samples[:, first - padding, None]  # so that whole blocks are filled
    samples = samples.reshape(n_leads, n_blocks, BLOCK)
    for each in filters:
        samples = _run(samples, each)
    return samples.reshape(n_leads, -1)[:, first : first + n]


def _run(samples: np.ndarray, way: BlockFilter) -> np.ndarray:
    """What leaves a filter that runs over blocks, (n_leads, n_blocks, BLOCK)."""
    filtered, (n_leads, n_blocks, _), onward = np.empty_like(samples), samples.shape, slice(None, None, way.direction)
    start = min(way.direction, 0)
    state = samples[:, start, start, None] * way.settled
    for first in range(0, n_blocks, TOGETHER)[onward]:
        part, leaving = (each[:, first : first + TOGETHER] for each in (samples, filtered))
        added = np.matmul(part, way.gather)[:, onward]
        added = np.concatenate([state[:, None], added], axis=1).reshape(n_leads, -1)
        states = np.matmul(added, way.chain[: added.shape[1], : added.shape[1]]).reshape(n_leads, -1, len(way.carry))
        state, before = states[:, -1], np.ascontiguousarray(states[:, :-1][:, onward])
        np.matmul(part, way.within, out=leaving)
        leaving += np.matmul(before, way.carry)
    return filtered
