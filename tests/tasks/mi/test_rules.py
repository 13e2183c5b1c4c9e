import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cardiac.assessment import Assessment
from cardiac.calibration import Calibration
from cardiac.errors import ConfigError, RecordError
from cardiac.measurements.measure import measure_record
from cardiac.quality.assess import Quality
from cardiac.records import Note, Record
from tasks.mi.cross_fit import cross_fit
from tasks.mi.findings import decide
from tasks.mi.rules import Rule, Thresholds, columns, decide_sites, fit_rule

SETTINGS = {
    "calibration": "beta", "site_calibration": "platt", "shrink": 0.0, "site_shrink": 0.0, "npv": 0.95, "ppv": 0.8,
}  # fmt: skip
AS_IT_IS = (Calibration("none"),) * 7
unit = st.floats(0.001, 0.999)
RECORD = Record("r", np.zeros((12, 5000), np.float32), 500.0, (Note("info", "as usual"),))


def records(seed: int = 1, n: int = 300):
    """Pooled probabilities (n, 7) that know something, infarctions, sites and three folds."""
    rng = np.random.default_rng(seed)
    infarction = rng.random(n) < 0.5
    sites = (rng.random((n, 6)) < 0.35) & infarction[:, None]
    truth = np.column_stack([infarction, sites])
    return np.clip(0.3 * truth + 0.65 * rng.random((n, 7)) + 0.01, 0, 1), infarction, sites, np.arange(n) % 3


@pytest.mark.parametrize("method", ["none", "temperature", "platt", "beta", "isotonic"])
def test_nothing_that_is_fitted_sees_the_fold_it_is_applied_to(method):
    """Turning one fold's truth upside down changes calibration, thresholds and doubt of the others and not its own."""
    settings = {**SETTINGS, "calibration": method, "site_calibration": method, "shrink": 0.5, "site_shrink": 0.5}
    pooled, infarction, sites, folds = records()
    held = folds == 1
    before = cross_fit(pooled, infarction, sites, folds, settings)
    turned = cross_fit(pooled, infarction ^ held, np.where(held[:, None], ~infarction[:, None], sites), folds, settings)
    for field in dataclasses.fields(before):
        was, became = getattr(before, field.name), getattr(turned, field.name)
        assert field.name == "rules" or np.isfinite(was).all()
        assert np.array_equal(was[held], became[held]), field.name
        if field.name != "scores" and (field.name != "probabilities" or method != "none"):  # nothing that could change
            assert not np.array_equal(was[~held], became[~held]), field.name


def test_cross_fit_applies_the_rule_of_the_other_folds():
    pooled, infarction, sites, folds = records()
    fitted = cross_fit(pooled, infarction, sites, folds, SETTINGS)
    assert fitted.probabilities.shape == (300, 7)
    assert fitted.doubt.shape == (300, 2)
    for fold in range(3):
        held = folds == fold
        rule = fit_rule(pooled[~held], infarction[~held], sites[~held], SETTINGS)
        assert np.array_equal(fitted.probabilities[held], rule.calibrate(pooled[held]))
        assert set(fitted.mi_threshold[held]) == {rule.thresholds.mi}
        assert (fitted.site_thresholds[held] == rule.thresholds.sites).all()
        assert (fitted.doubt[held] == rule.doubt).all()


def test_sites_are_calibrated_on_infarctions_alone():
    """What a record without an infarction is told of its sites changes nothing."""
    pooled, infarction, sites, _ = records()
    spoilt = pooled.copy()
    spoilt[~infarction, 1:] = 0.99
    assert fit_rule(spoilt, infarction, sites, SETTINGS) == fit_rule(pooled, infarction, sites, SETTINGS)


def test_rare_sites_take_the_shared_calibration():
    pooled, infarction, sites, _ = records()
    sites[:, 2] = False
    sites[np.flatnonzero(infarction)[:9], 2] = True
    rule = fit_rule(pooled, infarction, sites, SETTINGS)
    assert len(set(rule.calibrations[1:])) == 6
    sites[np.flatnonzero(infarction)[9], 2] = True
    assert fit_rule(pooled, infarction, sites, SETTINGS).calibrations[3] != rule.calibrations[3]
    sites[:, 4] = sites[:, 2] = np.arange(300) == np.flatnonzero(infarction)[0]
    rule = fit_rule(pooled, infarction, sites, SETTINGS)
    assert rule.calibrations[3] == rule.calibrations[5]


@pytest.mark.parametrize("method", ["none", "temperature", "platt", "beta", "isotonic"])
def test_the_card_gives_the_rule_back(method):
    pooled, infarction, sites, _ = records()
    rule = fit_rule(pooled, infarction, sites, {**SETTINGS, "calibration": method, "site_calibration": method})
    assert rule.calibrations[0].method == method
    assert Rule.from_dict(rule.to_dict()) == rule
    again = Rule.from_dict(json.loads(json.dumps(rule.to_dict())))
    assert again == rule
    assert np.array_equal(again.calibrate(pooled), rule.calibrate(pooled))


def test_calibrate_takes_one_record_or_many():
    rule = Rule(
        (Calibration("platt", (2.0, 2.0, 1.0)), *AS_IT_IS[1:]), Thresholds(0.4, (0.5,) * 6, (0.5,) * 6), (0.2, 0.7)
    )
    pooled = np.full((3, 7), 0.5)
    assert rule.calibrate(pooled).shape == (3, 7)
    assert rule.calibrate(pooled[0]).tolist() == pytest.approx([1 / (1 + np.exp(-1)), *[0.5] * 6])


@pytest.mark.parametrize(
    "doubt", [(0.5, 0.7), (0.1, 0.3), (0.7, 0.2), (-0.1, 0.7), (0.2, 1.1), (float("nan"), 0.7), (0.2, float("nan"))]
)
def test_a_band_that_does_not_hold_the_threshold_is_refused(doubt):
    with pytest.raises(ConfigError, match="does not hold the threshold"):
        Rule(AS_IT_IS, Thresholds(0.4, (0.5,) * 6, (0.5,) * 6), doubt)


@pytest.mark.parametrize("value", [0, -0.1, 1.1, float("nan"), "0.4", True, None])
def test_a_threshold_that_is_none_is_named(value):
    with pytest.raises(ConfigError, match=r"^thresholds\.mi is .* above 0"):
        Thresholds(value, (0.5,) * 6, (0.5,) * 6)
    with pytest.raises(ConfigError, match=r"^thresholds\.sites\.inferior is .* above 0"):
        Thresholds(0.4, (*(0.5,) * 5, value), (0.5,) * 6)
    with pytest.raises(ConfigError, match=r"^thresholds\.site_scale\.septal is .* above 0"):
        Thresholds(0.4, (0.5,) * 6, (value, *(0.5,) * 5))


def test_a_rule_calibrates_every_output():
    with pytest.raises(ConfigError):
        Rule(AS_IT_IS[:6], Thresholds(0.4, (0.5,) * 6, (0.5,) * 6), (0.2, 0.7))


@given(
    arrays(float, (5, 6), elements=unit),
    arrays(float, 6, elements=unit),
    arrays(float, 6, elements=unit),
    st.integers(0, 5),
)
def test_raising_a_threshold_never_adds_a_site(probabilities, thresholds, scale, place):
    before = decide_sites(probabilities, thresholds, scale)
    raised = thresholds.copy()
    raised[place] = (1 + raised[place]) / 2
    after = decide_sites(probabilities, raised, scale)
    assert not (after & ~before).any()
    assert before.any(axis=1).all()
    assert after.any(axis=1).all()


@given(arrays(float, (5, 6), elements=unit), arrays(float, 6, elements=unit))
def test_with_fitted_thresholds_a_site_is_added_only_where_none_passed(probabilities, thresholds):
    present = decide_sites(probabilities, thresholds, thresholds)
    over = probabilities >= thresholds
    some = over.any(axis=1)
    assert np.array_equal(present[some], over[some])
    assert (present[~some].sum(axis=1) == 1).all()


def finding(mi: float, sites: list[float], spread: float = 0.1, doubt: tuple[float, float] = (0.3, 0.7)):
    rule = Rule(AS_IT_IS, Thresholds(0.4, (0.5,) * 6, (0.5,) * 6), doubt)
    return decide(RECORD, np.array([mi, *sites]), spread, rule)


@given(unit)
def test_a_finding_is_uncertain_just_inside_the_band(mi):
    found = finding(mi, [0.1] * 6)
    assert found.uncertain is (0.3 <= mi < 0.7)
    assert found.mi.present is (mi >= 0.4)


def test_the_ends_of_the_band():
    """From its lower end up to under its upper one; a band of nothing leaves nothing uncertain."""
    for mi, uncertain in ((0.2999, False), (0.3, True), (0.4, True), (0.6999, True), (0.7, False)):
        assert finding(mi, [0.1] * 6).uncertain is uncertain
    assert not finding(0.4, [0.1] * 6, doubt=(0.4, 0.4)).uncertain


def test_an_infarction_with_two_sites():
    found = finding(0.4, [0.1, 0.6, 0.0, 0.0, 0.2, 0.5])
    assert found.mi.present
    assert not found.norm
    assert found.sites == ("anterior", "inferior")
    assert found.notes == RECORD.notes
    assert found.spread == 0.1
    assert (found.fs_hz, found.duration_s) == (500, 10)


def test_without_an_infarction_no_site_is_present():
    found = finding(0.39, [0.9] * 6)
    assert found.norm
    assert found.sites == ()
    assert found.localizations["septal"].probability == 0.9


def test_an_infarction_without_a_site_over_its_threshold_names_the_closest_and_says_so():
    found = finding(0.8, [0.1, 0.2, 0.0, 0.0, 0.3, 0.2])
    assert (found.sites, found.sites_by) == (("anteroseptal",), "closest")
    assert finding(0.8, [0.1, 0.5, 0.0, 0.0, 0.3, 0.2]).sites_by == "threshold"
    assert finding(0.39, [0.9] * 6).sites_by is None


def test_the_closest_site_is_not_the_most_probable_one():
    """Half of its threshold is closer than a third of a higher one, whatever the probabilities themselves are."""
    thresholds = (0.2, 0.9, 0.9, 0.9, 0.9, 0.9)
    rule = Rule(AS_IT_IS, Thresholds(0.4, thresholds, thresholds), (0.3, 0.7))
    found = decide(RECORD, np.array([0.8, 0.1, 0.3, 0.0, 0.0, 0.0, 0.0]), 0.1, rule)
    assert (found.sites, found.sites_by) == (("septal",), "closest")


def test_no_number_is_no_decision():
    with pytest.raises(RecordError, match="gave no number"):
        finding(float("nan"), [0.1] * 6)
    with pytest.raises(RecordError, match="gave no number"):
        finding(0.9, [0.1] * 5 + [float("nan")])
    with pytest.raises(RecordError, match="gave no number"):
        finding(0.9, [0.1] * 6, spread=float("nan"))


def test_columns_always_hold_a_decision():
    mi = np.array([True, False])
    sites = np.array([[True, False] * 3, [True] * 6])
    assert columns(mi, sites).tolist() == [[True, False] * 3 + [False], [False] * 6 + [True]]


@pytest.mark.parametrize("rate_bpm", [None, 56.0])
def test_the_heart_rate_is_that_of_the_quality(rate_bpm):
    """Not known is no number, whether the quality says so or there is none."""
    rule = Rule(AS_IT_IS, Thresholds(0.5, (0.5,) * 6, (0.5,) * 6), (0.3, 0.7))
    quality = Quality((), np.zeros(0, int), rate_bpm)
    assessment = Assessment(quality, measure_record(RECORD, quality))
    assert decide(RECORD, np.full(7, 0.2), 0.0, rule, assessment).rate_bpm == rate_bpm
    assert decide(RECORD, np.full(7, 0.2), 0.0, rule).rate_bpm is None
