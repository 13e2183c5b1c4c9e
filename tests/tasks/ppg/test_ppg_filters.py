"""The causal filters: the same samples however a signal is cut; held to SciPy's and to the recursion written out."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import butter, lfilter

from cardiac.errors import ConfigError
from tasks.ppg.filters import ALPHA, KINDS, PulseFilter, filter_segments

SIGNAL = np.random.default_rng(0).standard_normal((2, 300)).cumsum(axis=1)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40)
@given(cuts=st.lists(st.integers(0, SIGNAL.shape[1]), max_size=8))
def test_any_chunks_give_the_same_samples(kind, cuts):
    whole = PulseFilter(100, kind).process(SIGNAL)
    own = PulseFilter(100, kind)
    parts = [own.process(each) for each in np.split(SIGNAL, sorted(cuts), axis=1)]
    assert np.array_equal(np.concatenate(parts, axis=1), whole)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40)
@given(cuts=st.lists(st.integers(0, SIGNAL.shape[1]), max_size=6), gaps=st.lists(st.integers(0, SIGNAL.shape[1] - 1)))
def test_a_gap_spoils_nothing_that_comes_later(kind, cuts, gaps):
    """After it the filter is at rest anew, in any chunks, and the signal beside it is none the wiser."""
    holed = SIGNAL.copy()
    holed[0, gaps] = np.nan
    own, parts = PulseFilter(100, kind), []
    for each in np.split(holed, sorted(cuts), axis=1):
        parts.append(own.process(each))
        again = PulseFilter(100, kind)
        again.restore(json.loads(json.dumps(own.state, allow_nan=False)))
        own = again
    filtered = np.concatenate(parts, axis=1)
    assert np.array_equal(filtered[1], PulseFilter(100, kind).process(SIGNAL)[1])
    assert np.array_equal(np.isnan(filtered[0]), np.isnan(holed[0]))
    last = max(gaps, default=-1) + 1
    if last < SIGNAL.shape[1]:
        assert np.array_equal(filtered[0, last:], PulseFilter(100, kind).process(SIGNAL[:1, last:])[0])


@pytest.mark.parametrize("kind", KINDS)
def test_the_state_is_plain_data_and_goes_on_elsewhere(kind):
    whole = PulseFilter(100, kind).process(SIGNAL)
    first = PulseFilter(100, kind)
    first.process(SIGNAL[:, :123])
    second = PulseFilter(100, kind)
    second.restore(json.loads(json.dumps(first.state)))
    assert np.array_equal(second.process(SIGNAL[:, 123:]), whole[:, 123:])
    second.restore(PulseFilter(100, kind).state)  # of one that has seen nothing
    assert np.array_equal(second.process(SIGNAL), whole)


def test_the_first_order_filter_is_the_recursion_without_a_shift():
    expected = SIGNAL[0].copy()  # at rest at the first sample
    for n in range(1, len(expected)):
        expected[n] = ALPHA * SIGNAL[0, n] + (1 - ALPHA) * expected[n - 1]
    assert np.allclose(filter_segments(SIGNAL, 100, "first-order")[0], expected, atol=1e-12)


def test_the_band_pass_is_butterworths_from_half_a_hertz_to_eight():
    b, a = butter(2, [0.5, 8], "bandpass", fs=100)
    beginning = np.concatenate([np.full(20_000, SIGNAL[0, 0]), SIGNAL[0]])  # it has always been there
    assert np.allclose(filter_segments(SIGNAL, 100)[0], lfilter(b, a, beginning)[20_000:], atol=1e-6)


@pytest.mark.parametrize(("kind", "rest"), [("bandpass", 0.0), ("first-order", 7.0)])
def test_a_constant_is_at_rest_from_the_first_sample_on(kind, rest):
    assert np.allclose(PulseFilter(100, kind).process(np.full((1, 50), 7.0)), rest, atol=1e-9)


def test_no_sample_sees_a_later_one():
    changed = SIGNAL.copy()
    changed[:, 200:] += 5
    assert np.array_equal(filter_segments(changed, 100)[:, :200], filter_segments(SIGNAL, 100)[:, :200])


def test_what_cannot_be_filtered_is_refused():
    with pytest.raises(ConfigError, match="give more than 16 Hz"):
        PulseFilter(16)
    with pytest.raises(ConfigError, match="no filter is called 'median'"):
        PulseFilter(100, "median")
    with pytest.raises(ConfigError, match="alpha is 0"):
        PulseFilter(100, "first-order", 0)
    other = PulseFilter(100, "first-order")
    other.process(SIGNAL)
    with pytest.raises(ConfigError, match="another filter"):
        PulseFilter(100).restore(other.state)
