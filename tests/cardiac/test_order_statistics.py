"""Medians and percentiles by one sort are NumPy's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cardiac.order_statistics import FEW, least_range, median, median_of_few, of_ordered, percentiles

ROWS = arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 30)), elements=st.floats(-1e6, 1e6))


@given(ROWS, st.sampled_from([0, 1, -1]))
def test_as_numpy_does(rows, axis):
    assert np.allclose(median(rows, axis), np.median(rows, axis=axis), rtol=1e-12, atol=1e-9)
    for percent, found in zip((0, 0.1, 25, 98, 100), percentiles(rows, (0, 0.1, 25, 98, 100), axis), strict=True):
        assert np.allclose(found, np.percentile(rows, percent, axis=axis), rtol=1e-12, atol=1e-9)


def test_one_row_gives_a_number():
    assert median(np.array([3.0, 1.0, 2.0])) == pytest.approx(2.0)
    assert percentiles(np.array([0.0, 1.0]), (25,)) == [pytest.approx(0.25)]


@pytest.mark.parametrize("n", range(1, FEW + 3))
def test_the_comparisons_leave_the_middle_in_its_place(n):
    """Enough that every row of 0 and 1 comes out right (Knuth, 5.3.4: the zero-one principle); here many, and numbers."""
    random = np.random.default_rng(n)
    values = np.concatenate([random.integers(0, 2, (n, 3, 2000)), random.normal(size=(n, 3, 50))], axis=2)
    assert np.array_equal(median_of_few(values), np.median(values, axis=0))


@given(st.integers(0, 2**32 - 1), st.integers(1, 3_000), st.sampled_from([60, 97, 98, 99.9]))
def test_least_range_is_no_wider_than_the_percentiles_are_apart(seed, n, percent):
    """Also where few values stand far out, which the percentiles leave aside."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((4, n)) * 10.0 ** rng.integers(-3, 4, (4, n))
    low, high = np.percentile(rows, (100 - percent, percent), axis=1)
    assert (least_range(rows, percent) <= (high - low) * (1 + 1e-12)).all()


def test_least_range_is_close(signal):
    """Of an ECG it is most of what the percentiles are apart, so that hardly any needs the sort."""
    low, high = np.percentile(signal, (0.1, 99.9), axis=1)
    assert (least_range(signal, 99.9) > 0.9 * (high - low)).all()


def test_least_range_sees_neighbours_one_by_one():
    """Twenty values of one peak are enough, as they are for the percentiles."""
    row = np.zeros((1, 5_000))
    row[0, 2_000:2_020] = 1
    assert least_range(row, 99.9) == np.ptp(np.percentile(row, (0.1, 99.9))) == 1


@given(ROWS, st.sampled_from([0, 1, -1]))
def test_of_what_is_in_order(rows, axis):
    ordered = np.sort(rows, axis=axis)
    for percent, found in zip((0, 25, 100), of_ordered(ordered, (0, 25, 100), axis), strict=True):
        assert np.allclose(found, np.percentile(rows, percent, axis=axis), rtol=1e-12, atol=1e-9)
