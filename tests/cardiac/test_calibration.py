import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardiac.calibration import METHODS, Calibration, fit_calibration
from cardiac.errors import ConfigError
from cardiac.metrics import log_loss
from cardiac.windows import sigmoid

FITTED = [method for method in METHODS if method != "none"]


def distorted(slope: float, shift: float, n: int = 4000, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True probabilities, the same with another slope and shift of their logits, and outcomes drawn from the true."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(-0.5, 1.5, n)
    return sigmoid(logits), sigmoid((logits - shift) / slope), rng.random(n) < sigmoid(logits)


@given(
    st.sampled_from(METHODS),
    st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=2, max_size=60),
    st.lists(st.floats(0, 1), min_size=2, max_size=20),
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # of outcomes that can be told apart
def test_every_method_is_monotone(method, seen, asked):
    """Whatever it was fitted on: no record overtakes another, and what comes out are probabilities."""
    probabilities, targets = map(np.array, zip(*seen, strict=True))
    calibrated = fit_calibration(method, probabilities, targets)(np.sort(asked))
    assert (np.diff(calibrated) >= -1e-12).all()
    assert ((calibrated >= 0) & (calibrated <= 1)).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("slope", "shift"), [(1.0, 0.0), (3.0, 0.0), (0.4, 1.0)])
def test_log_loss_is_never_worse_where_it_was_fitted(method, slope, shift):
    _, given_, targets = distorted(slope, shift, n=300)
    weights = np.ones(len(targets))
    before = log_loss(given_, targets, weights)
    after = log_loss(fit_calibration(method, given_, targets)(given_), targets, weights)
    assert after <= before + 1e-6
    if method != "none" and slope != 1:
        assert after < before - 0.01


def test_a_temperature_is_found_again():
    true, given_, targets = distorted(2.0, 0.0)
    fitted = fit_calibration("temperature", given_, targets)
    assert fitted.parameters[0] == pytest.approx(2.0, abs=0.15)
    assert fitted.parameters == (fitted.parameters[0], fitted.parameters[0], 0.0)
    assert np.abs(fitted(given_) - true).max() < 0.03


@pytest.mark.parametrize(("method", "most"), [("platt", 0.04), ("beta", 0.05), ("isotonic", 0.15)])
def test_slope_and_shift_are_undone(method, most):
    true, given_, targets = distorted(1.7, 0.8)
    assert np.abs(given_ - true).max() > 0.15
    assert np.abs(fit_calibration(method, given_, targets)(given_) - true).mean() < most / 2
    assert np.abs(fit_calibration(method, given_, targets)(given_) - true).max() < most


def test_a_temperature_does_not_move_the_middle():
    _, given_, targets = distorted(1.7, 0.8)
    assert fit_calibration("temperature", given_, targets)(np.array([0.5])) == pytest.approx(0.5)
    assert fit_calibration("platt", given_, targets)(np.array([0.5])) > 0.6


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("targets", [[False] * 3, [True] * 3, []])
def test_without_both_kinds_nothing_is_fitted(method, targets):
    probabilities = np.linspace(0.2, 0.8, len(targets))
    fitted = fit_calibration(method, probabilities, np.array(targets, dtype=bool))
    assert fitted == Calibration("none")
    assert np.array_equal(fitted(probabilities), probabilities)


@pytest.mark.parametrize("method", ["temperature", "platt", "beta"])
def test_probabilities_that_point_the_wrong_way_are_left_alone(method):
    _, given_, targets = distorted(1.0, 0.0)
    assert fit_calibration(method, 1 - given_, targets) == Calibration("none")


def test_a_beta_map_that_would_fall_gives_way_to_platt():
    """Most positives in the middle: the likeliest beta map falls at one end."""
    rng = np.random.default_rng(0)
    p = rng.uniform(0.01, 0.99, 2000)
    targets = rng.random(2000) < np.where(p < 0.3, 0.05, np.where(p < 0.8, 0.9, 0.6))
    a, b, _ = fit_calibration("beta", p, targets).parameters
    assert a == b > 0


def test_by_hand():
    p = np.array([[0.2, 0.5], [0.9, 0.999]])
    a, b, c = 0.7, 1.3, -0.2
    odds = p**a / (1 - p) ** b * np.exp(c)
    assert np.allclose(Calibration("beta", (a, b, c))(p), odds / (1 + odds))
    assert np.allclose(Calibration("platt", (1.0, 1.0, 0.0))(p), p)
    knots = Calibration("isotonic", (0.2, 0.6, 0.1, 0.5))
    assert np.allclose(knots(np.array([0.0, 0.2, 0.3, 0.6, 1.0])), [0.1, 0.1, 0.2, 0.5, 0.5])


@pytest.mark.parametrize("method", METHODS)
def test_no_number_stays_none_and_the_ends_are_numbers(method):
    _, given_, targets = distorted(2.0, 0.5, n=300)
    calibrated = fit_calibration(method, given_, targets)(np.array([np.nan, 0.0, 1.0]))
    assert np.isnan(calibrated[0])
    assert np.isfinite(calibrated[1:]).all()
    assert calibrated.dtype == np.float64


@pytest.mark.parametrize("method", METHODS)
def test_the_card_gives_it_back(method):
    _, given_, targets = distorted(2.0, 0.5, n=300)
    fitted = fit_calibration(method, given_, targets)
    assert fitted.method == method
    plain = json.loads(json.dumps(asdict(fitted)))
    assert Calibration(plain["method"], tuple(plain["parameters"])) == fitted


@pytest.mark.parametrize(
    ("method", "parameters", "told"),
    [
        ("plat", (1.0, 1.0, 0.0), "use one of none, temperature"),
        ("platt", (), "the 0 parameters of the calibration 'platt' are not valid"),
        ("beta", (1.0, 1.0), "2 parameters"),
        ("none", (1.0,), "1 parameters"),
        ("isotonic", (), "0 parameters"),
        ("isotonic", (0.1, 0.2, 0.3), "3 parameters"),
        ("platt", (1.0, 1.0, float("nan")), "not valid"),
        ("temperature", (float("inf"), 1.0, 0.0), "not valid"),
        ("platt", (-1.0, -1.0, 0.0), "decreases"),
        ("beta", (1.0, -0.1, 0.0), "decreases"),
        ("isotonic", (0.1, 0.9, 0.8, 0.2), "decreases"),
        ("isotonic", (0.9, 0.1, 0.2, 0.8), "decreases"),
    ],
)
def test_impossible_maps_are_refused(method, parameters, told):
    with pytest.raises(ConfigError, match=told):
        Calibration(method, parameters)
