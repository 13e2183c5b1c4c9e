import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardiac.errors import ConfigError, SignalTooShort
from cardiac.long_signals import LongSignal
from cardiac.windows import WindowPlan, cut_sections, cut_windows, pool_windows, sigmoid, window_spread, window_starts


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
    assert len(window_starts(1000, plan(160, 20))) == 43
    assert len(window_starts(1000, plan(140, 10))) == 87


def test_drop_reads_as_the_reference_does():
    """Six windows of 800 and seven of 700, the end of the record in none."""
    assert window_starts(5000, plan(800, 700, "drop")).tolist() == [0, 700, 1400, 2100, 2800, 3500]
    assert window_starts(5000, plan(700, 686, "drop")).tolist() == [0, 686, 1372, 2058, 2744, 3430, 4116]


@given(
    n_samples=st.integers(1, 3000),
    sizes=st.lists(st.tuples(st.integers(1, 300), st.integers(1, 400)), min_size=1, max_size=3),
    room=st.integers(0, 700),
    tail=st.sampled_from(["shift", "drop"]),
)
def test_every_window_lies_in_just_one_section(n_samples, sizes, room, tail):
    """In order, whole, and with the samples of the signal; no section is longer than asked."""
    plans = [plan(window, hop, tail) for window, hop in sizes]
    widest = max(each.window for each in plans)
    n_samples, longest = n_samples + widest, widest + room
    signal = np.arange(n_samples)[None]
    found = [[] for _ in plans]
    for section in cut_sections(signal, plans, longest):
        n = section.signal.shape[1]
        assert n <= longest
        assert np.array_equal(section.signal[0], np.arange(section.first, section.first + n))
        for starts, each, told in zip(section.starts, plans, found, strict=True):
            assert ((starts >= 0) & (starts + each.window <= n)).all()
            told += [section.first + start for start in starts]
    for each, told in zip(plans, found, strict=True):
        assert told == window_starts(n_samples, each).tolist()


def test_a_short_signal_is_one_section_and_a_batch_is_cut_alike():
    signal = np.arange(2 * 3 * 1000, dtype=np.float32).reshape(2, 3, 1000)
    (whole,) = cut_sections(signal, [plan(160, 20), plan(140, 10)], 1000)
    assert whole.signal.shape == (2, 3, 1000)
    assert [len(starts) for starts in whole.starts] == [43, 87]
    parts = list(cut_sections(signal, [plan(160, 20)], 999))
    assert len(parts) == 2
    assert np.array_equal(parts[1].signal, signal[:, :, 1:])
    assert parts[1].starts[0].tolist() == [839]


def test_a_window_longer_than_a_section_is_refused():
    with pytest.raises(ConfigError, match="160 samples does not fit into sections of 159"):
        list(cut_sections(np.zeros((12, 500)), [plan(140, 10), plan(160, 20)], 159))
    assert len(list(cut_sections(np.zeros((12, 500)), [plan(160, 20)], 160))) > 1


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
    logits = np.array([[[0.0, 2.0], [np.log(3), -2.0]]])
    assert np.allclose(pool_windows(logits, plan(800, 100, pool="mean")), [(0.5 + 0.75) / 2, 0.5])
    assert np.allclose(pool_windows(logits, plan(800, 100, pool="logit_mean")), [sigmoid(np.log(3) / 2), 0.5])
    assert np.allclose(pool_windows(logits, plan(800, 100, pool="max")), [0.75, sigmoid(2.0)])


def test_the_top_quarter_by_hand():
    logits = np.log(np.array([0.1, 0.2, 0.9, 0.3, 0.5, 0.4, 0.6, 0.7, 0.05]) / np.array(1.0))[None, :, None]
    chances = sigmoid(logits[0, :, 0])
    assert np.allclose(pool_windows(logits, plan(800, 100, pool="top")), np.sort(chances)[-3:].mean())


def test_pooling_over_networks_by_hand():
    """Two networks, two windows: "max" is that of the networks' mean, not of any one network."""
    logits = np.log(3) * np.array([[[0.0], [1.0]], [[0.0], [-1.0]]])  # 0.5, 0.75 and 0.5, 0.25
    assert np.allclose(pool_windows(logits, plan(800, 100, pool="mean")), [0.5])
    assert np.allclose(pool_windows(logits, plan(800, 100, pool="logit_mean")), [0.5])
    assert np.allclose(pool_windows(logits, plan(800, 100, pool="max")), [0.5])
    assert pool_windows(logits.astype(np.float32), plan(800, 100)).dtype == np.float64


def test_spread_by_hand():
    """Over windows and networks, of the first output alone."""
    logits = np.log(3) * np.array([[[0.0, 9.0], [1.0, 0.0]], [[0.0, 0.0], [-1.0, 0.0]]])
    assert window_spread(logits) == pytest.approx(np.std([0.5, 0.75, 0.5, 0.25]))
    assert window_spread(np.full((2, 3, 1), 1.5)) == pytest.approx(0)


def test_sigmoid_does_not_overflow():
    assert sigmoid(np.array([-1e4, 0.0, 1e4])).tolist() == [0.0, 0.5, 1.0]


@given(st.lists(st.integers(0, 90), max_size=20), st.integers(1, 10), st.integers(1, 40))
def test_windows_are_cut_where_they_start(starts, width, piece):
    """In the order of the starts, whether the signal is held or read in pieces of any length."""
    signal = np.arange(300.0, dtype=np.float32).reshape(3, 100)
    expected = [signal[:, start : start + width] for start in starts]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cardiac.windows.PIECE", piece)
        for whole in (signal, LongSignal(signal, np.array)):
            windows = cut_windows(whole, starts, width)
            assert windows.shape == (len(starts), 3, width)
            assert all(np.array_equal(*each) for each in zip(windows, expected, strict=True))


def test_cut_windows_are_a_copy():
    signal = np.zeros((2, 50), np.float32)
    cut_windows(signal, [3], 10)[:] = 1
    assert not signal.any()


@pytest.mark.parametrize("start", [-1, 41, 100])
def test_a_window_that_is_not_whole_is_refused(start):
    with pytest.raises(SignalTooShort, match=f"{start} to {start + 10} does not lie within the signal's 50"):
        cut_windows(np.zeros((2, 50)), [0, start], 10)
