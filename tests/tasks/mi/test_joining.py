import dataclasses
import json
import math

import numpy as np
import pytest

from cardiac.errors import ConfigError
from cardiac.windows import sigmoid
from tasks.mi.cross_fit import cross_fit
from tasks.mi.joining import Decisions, fit_decisions, fit_shares, joint

SETTINGS = {
    "calibration": "beta", "site_calibration": "platt", "shrink": 0.5, "site_shrink": 0.5, "npv": 0.98, "ppv": 0.9,
    "trees_reach": 1.5,
}  # fmt: skip


def records(n=400, seed=0, network=1.0, trees=1.0):
    """Outputs of a network and of trees that know so much of the truth, the truth, and folds."""
    rng = np.random.default_rng(seed)
    infarction = rng.random(n) < 0.4
    sites = (rng.random((n, 6)) < 0.4) & infarction[:, None]
    truth = np.column_stack([infarction, sites]) * 2.0 - 1
    own = network * truth + 1.5 * rng.standard_normal(truth.shape)
    theirs = trees * truth + 1.5 * rng.standard_normal(truth.shape)
    return sigmoid(own), theirs, infarction, sites, np.arange(n) % 4


def logit(p):
    return np.log(p / (1 - p))


def test_the_joint_logit_is_the_mean_by_the_shares():
    pooled, trees, *_ = records(5)
    shares = (0.5, 0.3, 0.3, 1.0, 0.3, 0.3, 0.0)
    mixed = joint(pooled, trees, shares)
    assert logit(mixed) == pytest.approx(np.array(shares) * logit(pooled) + (1 - np.array(shares)) * trees)
    assert joint(pooled, trees, (1.0,) * 7) == pytest.approx(pooled)
    assert joint(pooled, None, None) is pooled


def test_trees_move_infarction_no_further_than_their_reach():
    pooled, trees, *_ = records(200)
    free, bound = joint(pooled, trees, (0.2,) * 7), joint(pooled, trees, (0.2,) * 7, 0.8)
    moved = logit(bound) - logit(pooled)
    assert np.abs(moved[:, 0]).max() == pytest.approx(0.8)
    assert np.abs(logit(free) - logit(pooled))[:, 0].max() > 1.5
    near = np.abs(logit(free) - logit(pooled))[:, 0] < 0.8
    assert bound[near, 0] == pytest.approx(free[near, 0])
    assert bound[:, 1:] == pytest.approx(free[:, 1:])  # the sites are not bound


def test_where_nothing_was_measured_the_network_decides_alone_by_a_rule_of_its_own():
    pooled, trees, infarction, sites, folds = records()
    trees = trees.copy()
    trees[::7] = np.nan
    decisions = fit_decisions(pooled, trees, infarction, sites, SETTINGS)
    rule, probabilities = decisions.settle(pooled[0], None)
    assert rule is decisions.alone
    assert rule is not decisions.rule
    assert probabilities == pytest.approx(decisions.alone.calibrate(pooled[0]))
    without = fit_decisions(pooled, None, infarction, sites, SETTINGS)
    assert without.alone is None
    assert decisions.alone == without.rule
    fitted = cross_fit(pooled, infarction, sites, folds, SETTINGS, trees)
    alone = cross_fit(pooled, infarction, sites, folds, SETTINGS)
    assert fitted.probabilities[::7] == pytest.approx(alone.probabilities[::7])
    assert np.abs(fitted.probabilities - alone.probabilities)[1].max() > 1e-3


def test_who_knows_more_has_the_greater_share():
    for network, trees, low, high in ((2.0, 0.0, 0.8, 1.0), (0.0, 2.0, 0.0, 0.2), (1.0, 1.0, 0.3, 0.7)):
        pooled, said, infarction, sites, _ = records(2000, 1, network, trees)
        shares = fit_shares(pooled, said, infarction, sites)
        assert low <= shares[0] <= high
        assert all(low <= each <= high for each in shares[1:])


def test_a_site_with_few_positives_is_the_network_s_alone():
    pooled, said, infarction, sites, _ = records()
    sites = sites.copy()
    sites[:, 2] = False
    sites[np.flatnonzero(infarction)[:2], 2] = True
    shares = fit_shares(pooled, said, infarction, sites)
    assert shares[3] == 1.0
    assert shares[1] < 1.0


def test_no_fold_sees_itself_through_the_joining_rule():
    """One fold's truth upside down changes shares, calibration and thresholds of the others and not its own."""
    pooled, trees, infarction, sites, folds = records()
    held = folds == 1
    before = cross_fit(pooled, infarction, sites, folds, SETTINGS, trees)
    turned_sites = np.where(held[:, None], ~infarction[:, None], sites)
    turned = cross_fit(pooled, infarction ^ held, turned_sites, folds, SETTINGS, trees)
    for field in dataclasses.fields(before):
        was, became = getattr(before, field.name), getattr(turned, field.name)
        assert np.array_equal(was[held], became[held]), field.name
        assert not np.array_equal(was[~held], became[~held]), field.name


def test_decisions_are_read_as_they_were_written():
    pooled, trees, infarction, sites, _ = records()
    for decisions in (
        fit_decisions(pooled, trees, infarction, sites, SETTINGS),
        fit_decisions(pooled, None, infarction, sites, SETTINGS),
    ):
        assert Decisions.from_dict(json.loads(json.dumps(decisions.to_dict()))) == decisions


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda d: d.pop("network_alone"), "network_alone"),
        (lambda d: d.pop("network_share"), "network_share"),
        (lambda d: d["network_share"].pop("septal"), "network_share.septal"),
        (lambda d: d["network_share"].update(mi=1.5), "network_share"),
        (lambda d: d.update(trees_reach="far"), "trees_reach"),
        (lambda d: d["network_alone"].pop("doubt"), "doubt"),
    ],
)
def test_wrong_decisions_are_named(change, named):
    pooled, trees, infarction, sites, _ = records()
    document = json.loads(json.dumps(fit_decisions(pooled, trees, infarction, sites, SETTINGS).to_dict()))
    change(document)
    with pytest.raises(ConfigError, match=named):
        Decisions.from_dict(document)


def test_reach_may_be_endless_in_memory():
    assert Decisions(fit_decisions(*records()[:1], None, *records()[2:4], SETTINGS).rule).reach == math.inf
