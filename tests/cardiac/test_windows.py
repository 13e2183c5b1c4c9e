import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardiac.errors import ConfigError, SignalTooShort
from cardiac.windows import WindowPlan, cut_windows, pool_windows, sigmoid, window_starts


def plan(window: int, hop: int, tail: str = "shift", pool: str = "mean") -> WindowPlan:
    return WindowPlan(window, hop, tail, pool)


@given(window=st.integers(1, 900), hop=st.integers(1, 900), extra=st.integers(0, 5000))
def test_every_sample_is_in_a_window(window, hop, extra):
    """For any hop up to the window; the windows lie inside the signal and no two are the same."""
    n_samples = window + extra
    starts = window_starts(n_samples, plan(window, min(hop, window)))
    seen = np.zeros(n_samples, dtype=bool)
    for start in starts:
        seen[start : start + window] = True
    assert seen.all()
    assert (np.diff(starts) > 0).all()
    assert starts[0] == 0
    assert starts[-1] + window == n_samples


def test_the_stages_have_the_windows_that_the_task_asks_for():
    assert len(window_starts(5000, plan(800, 100))) == 43
    assert len(window_starts(5000, plan(700, 50))) == 87


def test_drop_reads_as_the_reference_does():
    """Six windows of 800 and seven of 700, the end of the record in none."""
    assert window_starts(5000, plan(800, 700, "drop")).tolist() == [0, 700, 1400, 2100, 2800, 3500]
    assert window_starts(5000, plan(700, 686, "drop")).tolist() == [0, 686, 1372, 2058, 2744, 3430, 4116]


def test_windows_hold_the_samples_at_their_starts():
    signal = np.arange(2 * 1030, dtype=np.float32).reshape(2, 1030)
    windows, starts = cut_windows(signal, plan(100, 50))
    assert windows.shape == (20, 2, 100)
    assert starts[-1] == 930  # shifted back from 950
    for window, start in zip(windows, starts, strict=True):
        assert np.array_equal(window, signal[:, start : start + 100])
    windows[:] = 0
    assert signal[1, 5] == 1035  # a copy


@pytest.mark.parametrize("tail", ["shift", "drop"])
def test_too_short_is_refused(tail):
    with pytest.raises(SignalTooShort, match="799 samples and a window needs 800"):
        window_starts(799, plan(800, 100, tail))
    assert len(window_starts(800, plan(800, 100))) == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((800, 0, "shift", "mean"), "above 0"),
        ((-800, 100, "shift", "mean"), "above 0"),
        ((800, "100", "shift", "mean"), "whole numbers"),
        ((800.0, 100, "shift", "mean"), "whole numbers"),
        ((True, 100, "shift", "mean"), "whole numbers"),
        ((800, 100, "pad", "mean"), "shift, drop"),
        ((800, 100, "shift", "median"), "mean, logit_mean, max"),
    ],
)
def test_plans_that_cut_nothing_are_refused(arguments, told):
    with pytest.raises(ConfigError, match=told):
        WindowPlan(*arguments)


def test_pooling_by_hand():
    logits = np.array([[0.0, 2.0], [np.log(3), -2.0]])
    assert np.allclose(pool_windows(logits, plan(800, 100, pool="mean")), [(0.5 + 0.75) / 2, 0.5])
    assert np.allclose(pool_windows(logits, plan(800, 100, pool="logit_mean")), [sigmoid(np.log(3) / 2), 0.5])
    assert np.allclose(pool_windows(logits, plan(800, 100, pool="max")), [0.75, sigmoid(2.0)])


def test_sigmoid_does_not_overflow():
    assert sigmoid(np.array([-1e4, 0.0, 1e4])).tolist() == [0.0, 0.5, 1.0]
