import numpy as np
import pytest
from scipy import signal as dsp

from cardiac import filters
from cardiac.filters import butterworth, butterworth_both_ways, filter_both_ways, sinc_taps

BANDS = [((0.5, 45.0), "bandpass"), ((1.0, 2.0), "bandpass"), ((0.5, 0.0), "highpass"), ((0.0, 40.0), "lowpass")]


def designed_by_scipy(band_hz, kind, fs_hz):
    edges = [edge for edge in band_hz if edge]
    return dsp.butter(2, edges if len(edges) == 2 else edges[0], btype=kind, fs=fs_hz, output="sos")


@pytest.mark.parametrize("fs_hz", [100.0, 128.0, 500.0, 1000.0])
@pytest.mark.parametrize(("band_hz", "kind"), BANDS)
def test_butterworth_is_scipys(band_hz, kind, fs_hz):
    assert np.abs(butterworth(*band_hz, fs_hz) - designed_by_scipy(band_hz, kind, fs_hz)).max() < 1e-12


@pytest.mark.parametrize("n_samples", [1, 2, 39, 40, 41, 81, 1_000, 1_200, 1_201, 7_001])
@pytest.mark.parametrize(("band_hz", "kind"), BANDS)
def test_over_blocks_as_sample_by_sample(band_hz, kind, n_samples):
    """Three leads that wander, 300 mV off the middle, with any padding that they allow."""
    signal = 300 + np.cumsum(np.random.default_rng(n_samples).normal(0, 0.02, (3, n_samples)), axis=1)
    sections = designed_by_scipy(band_hz, kind, 100.0)
    for padding in {0, min(1, n_samples - 1), min(100, n_samples - 1)}:
        expected = dsp.sosfiltfilt(sections, signal, axis=1, padlen=padding)
        filtered = filter_both_ways(signal, butterworth_both_ways(*band_hz, 100.0), padding)
        assert filtered.shape == expected.shape
        assert np.abs(filtered - expected).max() < 1e-9


def test_no_power_of_a_filter_is_a_number_that_slows_products_down():
    chain = np.abs(butterworth_both_ways(0.5, 45.0, 100.0)[0].chain)
    assert chain[chain > 0].min() > np.finfo(float).tiny


def test_no_product_is_so_large_that_blas_shares_it(monkeypatch):
    """Of twelve leads over an hour."""
    products, matmul = [], np.matmul

    def counted(rows: np.ndarray, matrix: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        products.append(rows.shape[-2] * matrix.size)
        return matmul(rows, matrix, out=out)

    monkeypatch.setattr(filters.np, "matmul", counted)
    filter_both_ways(np.ones((12, 360_000)), butterworth_both_ways(0.5, 45.0, 100.0), 100)
    assert len(products) > 1000
    assert max(products) <= filters.MOST_BY_ONE_THREAD


@pytest.mark.parametrize("down", [2, 5, 10, 100])
def test_taps_are_those_of_firwin(down):
    expected = dsp.firwin(20 * down + 1, 1 / down, window=("kaiser", 5.0))
    assert np.abs(sinc_taps(20 * down + 1, 1 / down, 5.0) - expected).max() < 1e-15
