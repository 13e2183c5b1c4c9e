import numpy as np
import pytest
from scipy.ndimage import uniform_filter1d

from cardiac.smoothing import moving_mean


@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 8, 11, 16])
@pytest.mark.parametrize("n_samples", [1, 2, 7, 1_000])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_moving_mean_is_scipys(width, n_samples, dtype):
    rows = np.random.default_rng(width).standard_normal((3, n_samples)).astype(dtype)
    smoothed = moving_mean(rows, width)
    expected = uniform_filter1d(rows, width, axis=1, mode="nearest")
    assert (smoothed.dtype, smoothed.shape) == (dtype, expected.shape)
    assert np.abs(smoothed - expected).max() < {np.float32: 1e-6, np.float64: 1e-13}[dtype]


def test_equal_samples_have_equal_means_wherever_they_stand():
    rows = np.tile(np.random.default_rng(0).standard_normal(10).astype(np.float32), (1, 50))
    means = moving_mean(rows, 7)[:, 10:-10].reshape(-1, 10)
    assert np.array_equal(means, np.broadcast_to(means[0], means.shape))
