"""Steps from a shipped detector towards a hospital's records, on outputs and labels whose truth is known."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from cardiac.calibration import Calibration
from cardiac.windows import sigmoid
from learning.trees import fit_trees
from tasks.mi.compare import F1, LOSS, auc_within_folds, compare, is_better
from tasks.mi.features import FEATURES
from tasks.mi.joining import Decisions, joint
from tasks.mi.ladder import (
    AS_SHIPPED,
    AddTrees,
    KeepModels,
    Looks,
    choose_step,
    decide_all,
    fit_step,
    logit,
    nested,
    out_of_fold,
)
from tasks.mi.more_trees import scaled, together, without_output
from tasks.mi.recalibrate import around, recalibrate, refit_rule, slope_and_offset
from tasks.mi.rules import Rule, Thresholds
from utils import load_config

N, N_SITES, DRAWS = 400, 6, 200
PLAIN = Rule((Calibration("none"),) * 7, Thresholds(0.4, (0.3,) * 6, (0.3,) * 6), (0.1, 0.9))
ALONE = Decisions(PLAIN)
WITH_TREES = Decisions(PLAIN, (0.3, *(0.5,) * 6), PLAIN, reach=1.5)
TREES_OF_SITES = Decisions(PLAIN, (1.0, *(0.5,) * 6), PLAIN)


@pytest.fixture(scope="module")
def settings(root):
    return load_config(root / "configs/second_looks.toml", (), root / "configs/mi.toml")


def make_looks(offset=0.0, by_feature=0.0, seed=0, n=N):
    """Records of which the network's logit says all there is to know, but for an offset and one feature."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(-1.0, 2.0, (n, 7))
    features = rng.normal(size=(n, len(FEATURES)))
    infarction = rng.random(n) < sigmoid(scores[:, 0] + offset + by_feature * np.sign(features[:, 0]))
    sites = (rng.random((n, N_SITES)) < sigmoid(scores[:, 1:])) & infarction[:, None]
    features[::17] = np.nan  # where nothing could be measured
    return Looks(np.arange(n), infarction, sites, np.arange(n) % 5, sigmoid(scores), features)


def shipped_trees(features, seed=1):
    """Trees of seven outputs, of whatever they learnt."""
    rows = np.flatnonzero(~np.isnan(features).any(axis=1))
    rng = np.random.default_rng(seed)
    targets = [(rows, features[rows, output] + rng.normal(size=len(rows)) > 0) for output in range(7)]
    small = {"n_trees": 5, "seeds": 1, "n_leaves": 4, "learning_rate": 0.2, "min_records": 15, "l2": 1.0}
    return fit_trees(features, targets, [small | {"feature_share": 0.5, "seed": 1}] * 7)


def with_trees(looks, trees):
    said = np.full((len(looks.folds), 7), np.nan)
    said[looks.measured] = trees(looks.features[looks.measured])
    return replace(looks, trees=said)


def steps_of(looks, shipped, settings):
    return [KeepModels(looks, shipped), AddTrees(looks, shipped, settings["trees"])]


def test_slope_and_offset_are_those_of_a_logistic_regression_where_records_are_many():
    rng = np.random.default_rng(3)
    logits = rng.normal(0, 2, 200_000)
    targets = rng.random(len(logits)) < sigmoid(0.6 * logits - 1.5)
    expected = LogisticRegression(C=np.inf).fit(logits[:, None], targets)
    slope, offset = slope_and_offset(logits, targets)
    assert slope == pytest.approx(expected.coef_[0, 0], abs=1e-3)
    assert offset == pytest.approx(expected.intercept_[0], abs=1e-3)


def test_without_records_of_one_kind_the_calibration_moves_a_little_and_stays_finite():
    slope, offset = slope_and_offset(np.linspace(-3, 3, 50), np.zeros(50, bool))
    assert slope > 0
    assert -12 < offset < -1
    assert slope_and_offset(np.array([]), np.array([], dtype=bool)) == (1.0, 0.0)


def test_what_is_put_around_a_calibration_moves_its_logit_straight():
    before = Calibration("beta", (1.6, 1.3, 0.1))
    chances = np.linspace(0.01, 0.99, 50)
    after = around(before, 0.7, -0.4)(chances)
    assert np.allclose(logit(after), 0.7 * logit(before(chances)) - 0.4)
    assert np.allclose(around(Calibration("none"), 1.0, 0.0)(chances), chances)


def test_a_site_with_too_few_infarctions_keeps_its_rule(settings):
    looks = make_looks()
    sites = looks.sites.copy()
    sites[np.flatnonzero(sites[:, 2])[9:], 2] = False  # nine are left
    rule = refit_rule(PLAIN, looks.pooled, looks.infarction, sites, settings["decide"])
    assert rule.calibrations[3] == Calibration("none")
    assert (rule.thresholds.sites[2], rule.thresholds.site_scale[2]) == (0.3, 0.3)
    assert rule.calibrations[1] != Calibration("none")
    assert rule.thresholds.sites[0] != 0.3


def test_labels_that_are_rarer_than_at_home_move_calibration_and_threshold_alone(settings):
    """The network ranks as well as ever: an offset of -2 is all that its logits lack, and the trees have nothing to find."""
    looks = make_looks(offset=-2.0)
    step, losses = choose_step(steps_of(looks, ALONE, settings), looks, ALONE, settings["decide"])
    assert step.name == "decisions"
    assert losses["decisions"] < losses["trees"]
    decisions = fit_step(out_of_fold(step, looks), looks, np.ones(N, bool), settings["decide"])
    slope, _, offset = decisions.rule.calibrations[0].parameters
    assert slope == pytest.approx(1.0, abs=0.25)
    assert offset == pytest.approx(-2.0, abs=0.5)
    before = decide_all(ALONE, looks.pooled, None)
    decided, taken = nested(steps_of(looks, ALONE, settings), looks, ALONE, settings["decide"])
    assert AS_SHIPPED not in taken
    compared = compare(before, decided, looks, DRAWS)
    assert is_better(compared)
    assert compared["calibration error"].new.value < compared["calibration error"].shipped.value / 2
    assert compared["specificity"].difference.low > 0


def test_what_the_network_cannot_see_is_learnt_by_trees(settings):
    looks = make_looks(by_feature=2.5)
    settings = settings | {"trees": settings["trees"] | {"seeds": 1}}
    step, _ = choose_step(steps_of(looks, ALONE, settings), looks, ALONE, settings["decide"])
    assert step.name == "trees"
    decided, taken = nested(steps_of(looks, ALONE, settings), looks, ALONE, settings["decide"])
    assert set(taken) == {"trees"}
    compared = compare(decide_all(ALONE, looks.pooled, None), decided, looks, DRAWS)
    assert is_better(compared)
    assert compared["AUC"].difference.low > 0


def test_where_nothing_is_wrong_nothing_is_better(settings):
    """Of ten hospitals at which the shipped detector is as it should be."""
    better = 0
    for seed in range(10):
        looks = make_looks(seed=seed, n=120)
        steps = [KeepModels(looks, ALONE)]
        decided, _ = nested(steps, looks, ALONE, settings["decide"])
        better += is_better(compare(decide_all(ALONE, looks.pooled, None), decided, looks, DRAWS))
    assert better <= 1


@pytest.mark.parametrize("shipped", [ALONE, WITH_TREES], ids=["network", "network and trees"])
def test_no_records_own_label_changes_what_is_said_about_it(settings, shipped):
    """Nor that of another record of its fold; of the other folds' records much changes."""
    looks = make_looks(by_feature=1.5, n=150)
    settings = settings | {"trees": settings["trees"] | {"n_trees": 20, "seeds": 1, "learning_rate": 0.2}}
    if shipped.shares is not None:
        looks = with_trees(looks, shipped_trees(looks.features))
    infarction, sites, row = looks.infarction.copy(), looks.sites.copy(), 8
    infarction[row] ^= True
    sites[row] = infarction[row]
    changed = replace(looks, infarction=infarction, sites=sites)
    own = looks.folds == looks.folds[row]
    one, other = (
        nested(steps_of(each, shipped, settings), each, shipped, settings["decide"])[0] for each in (looks, changed)
    )
    assert np.array_equal(one.probabilities[own], other.probabilities[own])
    assert np.array_equal(one.thresholds[own], other.thresholds[own])
    assert (one.probabilities[~own, 0] != other.probabilities[~own, 0]).any()


@pytest.mark.parametrize(
    "shipped", [ALONE, WITH_TREES, TREES_OF_SITES], ids=["no trees", "trees", "trees of sites alone"]
)
def test_the_bundles_trees_say_what_the_step_said(settings, shipped):
    """Joined by its shares: what was scored and what is shipped are one."""
    looks, before = make_looks(by_feature=2.0), None
    if shipped.shares is not None:
        before = shipped_trees(looks.features)
        looks = with_trees(looks, before)
    step = AddTrees(looks, shipped, settings["trees"])
    said, measured = step.said(frozenset()), looks.measured
    of_bundle = step.bundle_trees(before)(looks.features[measured])
    assert np.allclose(of_bundle, said.trees[measured])
    assert np.isnan(said.trees[~measured]).all()
    scores = joint(looks.pooled, said.trees, said.before.shares, said.before.reach)
    sites_before = joint(looks.pooled, looks.trees, shipped.shares, shipped.reach)[:, 1:]
    assert np.allclose(scores[:, 1:], sites_before)  # the sites are as they were
    ranked = [
        auc_within_folds(each[:, 0], looks.infarction, looks.folds, np.ones(N)) for each in (scores, looks.pooled)
    ]
    assert ranked[0] > ranked[1] + 0.02


def test_trees_that_learnt_nothing_leave_the_decision_as_it_was(settings):
    """Before any calibration is refitted: the joint probability, as the step's own calibration has it, is the shipped one."""
    looks = make_looks()
    still = {**settings["trees"], "learning_rate": 1e-9}
    for shipped in (ALONE, WITH_TREES):
        of = looks if shipped.shares is None else with_trees(looks, shipped_trees(looks.features))
        said = AddTrees(of, shipped, still).said(frozenset())
        after = decide_all(said.before, said.pooled, said.trees).probabilities
        assert np.allclose(after, decide_all(shipped, of.pooled, of.trees).probabilities, atol=1e-6)


def test_recalibration_is_of_the_shipped_calibration(settings):
    looks = make_looks(n=5_000)
    shipped = Calibration("beta", (0.5, 0.5, 1.0))  # at home the network is too sure, and says too little
    after = recalibrate(shipped, looks.pooled[:, 0], looks.infarction)
    assert after.parameters == pytest.approx((1.0, 1.0, 0.0), abs=0.15)


def test_better_needs_the_loss_and_no_loss_of_f1():
    looks = make_looks(n=300)
    good = decide_all(ALONE, looks.pooled, None)
    bad = decide_all(
        Decisions(replace(PLAIN, calibrations=(Calibration("platt", (1, 1, 2.0)),) * 7)), looks.pooled, None
    )
    assert is_better(compare(bad, good, looks, DRAWS))
    assert not is_better(compare(good, bad, looks, DRAWS))
    blind = replace(good, thresholds=np.full_like(good.thresholds, 0.999))
    compared = compare(bad, blind, looks, DRAWS)
    assert compared[LOSS].difference.high < 0
    assert compared[F1].difference.high < 0
    assert not is_better(compared)


def test_nothing_is_chosen_where_every_step_loses(settings):
    looks = make_looks(n=100, seed=4)
    step, losses = choose_step(steps_of(looks, ALONE, settings), looks, ALONE, settings["decide"])
    best = min(losses, key=losses.get)
    assert (AS_SHIPPED if step is None else step.name) == best


def test_thresholds_stay_where_they_are_on_the_scores_until_another_one_is_surely_better(settings):
    """Shipped for these readers, the threshold keeps the same records over it; for others it moves, and finds more of them."""
    looks = make_looks(n=300, seed=2)
    fitted = refit_rule(PLAIN, looks.pooled, looks.infarction, looks.sites, settings["decide"])
    over = fitted.calibrate(looks.pooled)[:, 0] >= fitted.thresholds.mi
    assert fitted.calibrations[0] != PLAIN.calibrations[0]
    assert np.array_equal(over, looks.pooled[:, 0] >= 0.4)
    strict = replace(PLAIN, thresholds=replace(PLAIN.thresholds, mi=0.9))
    moved = refit_rule(strict, looks.pooled, looks.infarction, looks.sites, settings["decide"])
    assert (moved.calibrate(looks.pooled)[:, 0] >= moved.thresholds.mi).mean() > (
        looks.pooled[:, 0] >= 0.9
    ).mean() + 0.1


def test_the_choice_without_a_fold_does_not_look_at_its_labels(settings):
    looks = make_looks(by_feature=1.5, n=150)
    own = looks.folds == 2
    changed = replace(looks, infarction=looks.infarction ^ own, sites=looks.sites & ~own[:, None])
    steps = [{"trees": settings["trees"] | {"n_trees": 5}}] * 2
    one, other = (
        choose_step(steps_of(each, ALONE, trees), each, ALONE, settings["decide"], frozenset({2}))[1]
        for each, trees in zip((looks, changed), steps, strict=True)
    )
    assert one == other
    assert one != choose_step(steps_of(looks, ALONE, steps[0]), looks, ALONE, settings["decide"])[1]


def test_the_procedure_chooses_without_the_fold_that_it_scores(settings, monkeypatch):
    asked = []

    def watched(steps, looks, shipped, settings, left_out=frozenset()):
        asked.append(left_out)
        return None, {}

    monkeypatch.setattr("tasks.mi.ladder.choose_step", watched)
    nested([], make_looks(), ALONE, settings["decide"])
    assert asked == [frozenset({fold}) for fold in range(5)]


def test_sums_of_trees_put_together_are_added():
    """Of trees with fewer splits and one output to those of seven; an output of which nothing was learnt has a base."""
    looks = make_looks()
    features = looks.features[looks.measured]
    first, rows = shipped_trees(looks.features), np.flatnonzero(looks.measured)
    rare = np.zeros(len(rows), bool)
    small = {"n_trees": 3, "seeds": 1, "n_leaves": 2, "learning_rate": 0.2, "min_records": 15, "l2": 1.0}
    small |= {"feature_share": 0.5, "seed": 1}
    more = [fit_trees(looks.features, [(rows, truth)], [small]) for truth in (looks.infarction[rows], rare)]
    for each in more:
        expected = first(features)
        expected[:, 0] += each(features)[:, 0]
        assert np.allclose(together(first, each)(features), expected)
    bare = without_output(first, 0)
    assert np.array_equal(bare(features)[:, 0], np.zeros(len(features)))
    assert np.allclose(bare(features)[:, 1:], first(features)[:, 1:])
    assert np.allclose(scaled(first, -2.0)(features), -2 * first(features))
