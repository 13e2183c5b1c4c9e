"""Faithfulness: what is measured is what the tables say, on a detector whose answer is known."""

from types import SimpleNamespace

import numpy as np

from benchmarks import evidence
from cardiac.windows import WindowPlan, sigmoid, window_starts

PLAN = WindowPlan(160, 20, "shift", "mean")


def read(signals):
    """Logits of windows: the mean of aVF and III in them, whatever the other leads show."""
    cut = [signals[:, :, start : start + 160].mean(axis=2) for start in window_starts(signals.shape[2], PLAN)]
    of_windows = np.stack(cut, axis=1)[..., [2, 5]].sum(axis=2)  # (b, n_windows)
    return [of_windows[:, None, :, None], np.repeat(of_windows[:, None, :, None], 6, axis=3)]


DETECTOR = SimpleNamespace(
    plans=[PLAN, PLAN],
    spec=SimpleNamespace(fs_hz=100.0),
    logits=lambda signals: read(signals if signals.ndim == 3 else signals[None]),
)


def test_pieces_are_told_by_their_own_windows_and_read_alone():
    signal = np.zeros((12, 1000), np.float32)
    signal[5, 250:500], signal[5, 750:] = 2.0, -1.0
    told, alone = evidence.probability_of_pieces(signal, DETECTOR)
    assert np.allclose(told, sigmoid(np.array([0.0, 2.0, 0.0, -1.0])))
    assert np.allclose(alone, told)


def test_leads_that_speak_are_named_and_their_loss_is_told():
    signal = np.zeros((12, 1000), np.float32)
    signal[2], signal[5] = 1.0, 3.0
    order = np.argsort(-evidence.occlusion_values(signal, DETECTOR)[0])
    assert list(order[:2]) == [5, 2]
    left = evidence.probability_without(signal, np.array([order, order[::-1]]), DETECTOR)
    assert np.allclose(left[0], sigmoid(np.array([1.0, 0.0, 0.0, 0.0, 0.0])))
    assert np.allclose(left[1], sigmoid(4.0))
