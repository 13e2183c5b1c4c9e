"""MiniRocket's features by NumPy: aeon's own, stored in a file, to the last bit."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from cardiac.errors import CardiacError
from tasks.ppg.bundle import INPUTS
from tasks.ppg.kernels import COMBINATIONS, MOST, UNIT, Kernels, to_steps

GOLDEN = (
    Path(__file__).parent / "aeon_features.npz"
)  # python -m tasks.ppg.aeon_kernels --out tests/tasks/ppg/aeon_features.npz


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN, allow_pickle=False) as file:
        return dict(file)


@pytest.mark.parametrize("name", INPUTS)
def test_features_are_aeons(golden, name):
    kernels = Kernels.from_arrays(golden, name)
    features = kernels(golden[f"{name}_steps"])
    assert features.shape == (12, 1_680)
    assert np.array_equal(features, golden[f"{name}_features"])
    some = np.arange(5, 1_680, 7)
    assert np.array_equal(kernels.take(some)(golden[f"{name}_steps"]), features[:, some])


def test_features_are_the_definitions(golden):
    """Written out: nine taps of -1, three of them 2, apart by the dilation; the share of samples over the bias."""
    kernels = Kernels.from_arrays(golden, "segments")
    x = golden["segments_steps"][3].astype(int)
    features = kernels(golden["segments_steps"])[3]
    for index in range(0, 1_680, 97):
        weights = np.full(9, -1)
        weights[[*combinations(range(9), 3)][kernels.kernel[index]],] = 2
        reach = 4 * kernels.dilation[index]
        padded = np.pad(x, reach)
        response = sum(w * padded[t * kernels.dilation[index] :][: len(x)] for t, w in enumerate(weights))
        part = response if kernels.padded[index] else response[reach:-reach]
        assert features[index] == pytest.approx(np.mean(part > kernels.bias[index]), abs=1e-7)


def test_one_segment_gives_what_it_gives_among_others(golden):
    kernels, steps = Kernels.from_arrays(golden, "segments").take(np.arange(0, 1_680, 40)), golden["segments_steps"]
    many = np.resize(steps, (700, steps.shape[1]))
    together = kernels(many)
    assert np.array_equal(np.concatenate([kernels(many[i : i + 1]) for i in range(12)]), together[:12])
    assert np.array_equal(together[600:], together[np.arange(600, 700) % 12])
    assert kernels(steps[:0]).shape == (0, 42)


def test_steps_are_whole_and_do_not_depend_on_unit():
    signal = np.random.default_rng(1).standard_normal((3, 400)).cumsum(axis=1)
    signal -= signal.mean(axis=1, keepdims=True)
    steps = to_steps(signal)
    assert steps.dtype == np.int16
    assert np.abs(steps - signal / signal.std(axis=1, keepdims=True) * UNIT).max() <= 0.5
    assert np.array_equal(to_steps(signal * 1024), steps)
    spike = np.zeros((1, 400))
    spike[0, 7] = 1
    assert to_steps(spike).max() == MOST


def test_the_largest_response_fits_its_type():
    """Otherwise it would turn over into the least one."""
    assert np.iinfo(np.int16).max >= 12 * MOST
    worst = np.where(np.arange(300) % 3, -MOST, MOST).astype(np.int16)[None]
    kernel = [*map(tuple, COMBINATIONS)].index((0, 3, 6))
    single = Kernels(np.array([1]), np.array([kernel]), np.array([False]), np.array([11 * MOST], np.float32))
    assert single(worst)[0, 0] == pytest.approx(1 / 3, abs=0.01)


def test_arrays_that_do_not_fit_are_refused(golden):
    wrong = dict(golden)
    wrong["segments_bias"] = wrong["segments_bias"][:-1]
    with pytest.raises(ValueError, match="do not fit"):
        Kernels.from_arrays(wrong, "segments")
    wrong = golden | {"segments_kernel": np.full(1_680, 84)}
    with pytest.raises(ValueError, match="do not fit"):
        Kernels.from_arrays(wrong, "segments")


def test_aeon_gives_the_stored_features(golden):
    """Where aeon is installed: what was stored is what it gives today."""
    pytest.importorskip("aeon", reason="aeon is not installed: pip install -r tasks/ppg/requirements.txt elsewhere")
    from tasks.ppg.aeon_kernels import features_of, fit_kernels

    for name in INPUTS:
        steps = golden[f"{name}_steps"]
        kernels, transform = fit_kernels(steps, 1_680, 10, 0)
        assert np.array_equal(features_of(transform, steps), kernels(steps))


def test_without_aeon_a_sentence_says_where_it_is(monkeypatch, golden):
    import sys

    from tasks.ppg.aeon_kernels import fit_kernels

    monkeypatch.setitem(sys.modules, "aeon.transformations.collection.convolution_based", None)
    with pytest.raises(CardiacError, match="`make ppg-train` sets up an environment"):
        fit_kernels(golden["segments_steps"], 84, 1, 0)
