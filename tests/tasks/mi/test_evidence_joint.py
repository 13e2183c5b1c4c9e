"""Evidence of network and trees together: it adds up to the joint logit, and each takes part by its share."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from cardiac.assessment import assess_record
from cardiac.leads import LEADS
from cardiac.records import Record
from cardiac.trees import Trees, trees_of
from cardiac.windows import WindowPlan, pool_windows, sigmoid
from inference import Detector, predict_record
from tasks.mi.evidence import (
    BesideNetwork,
    LogitParts,
    evidence_document,
    evidence_of,
    gather_evidence,
    joined_parts,
    product_parts,
)
from tasks.mi.features import FEATURES, features_of
from tasks.mi.joining import Decisions, joint
from tasks.mi.labels import OUTPUTS
from tasks.mi.lead_values import lead_values

PLANS = [WindowPlan(160, 20, "shift", "mean"), WindowPlan(140, 10, "shift", "mean")]
WEIGHTS = np.random.default_rng(0).standard_normal((len(OUTPUTS), 12))
SIGNAL = np.random.default_rng(1).standard_normal((12, 1000)).astype(np.float32)
SHARES = (0.5, 0.3, 0.3, 1.0, 0.0, 0.4, 0.7)


def entangled(signals: np.ndarray) -> list[np.ndarray]:
    """Leads that count only together, and windows that differ."""
    present = (np.abs(signals).max(axis=2) > 0).astype(float)
    pairs = present[:, ::2] * present[:, 1::2]
    logits = (pairs @ WEIGHTS[:, :6].T)[:, None, None, :] + np.linspace(-1, 1, 43)[None, None, :, None]
    return [logits[..., :1], logits[..., 1:]]


def logit(p):
    return np.log(p) - np.log1p(-p)


@pytest.fixture(scope="module")
def trees() -> Trees:
    """Thirty trees an output, of two splits each, by any of the features."""
    rng = np.random.default_rng(2)

    def leaf():
        return {"leaf_value": float(rng.normal(scale=0.2)), "leaf_count": int(rng.integers(15, 90))}

    def split(left, right):
        at = {"split_feature": int(rng.integers(len(FEATURES))), "threshold": float(rng.normal(scale=0.3))}
        return {"decision_type": "<=", "left_child": left, "right_child": right, **at}

    def grown():
        return {"tree_structure": split(split(leaf(), leaf()), leaf())}

    boosters = [(output, {"tree_info": [grown() for _ in range(30)]}) for output in range(len(OUTPUTS))]
    return trees_of(boosters, np.linspace(-2, 1, len(OUTPUTS)))


@pytest.fixture(scope="module")
def beside(trees, inferior) -> BesideNetwork:
    measurements = assess_record(inferior.record).measurements
    return BesideNetwork(trees, SHARES, math.inf, measurements, features_of(measurements))


@pytest.fixture(scope="module")
def gathered(beside):
    return gather_evidence(SIGNAL, entangled, PLANS, 100.0, OUTPUTS, beside)


def joint_probabilities(signal: np.ndarray, beside: BesideNetwork) -> np.ndarray:
    """(7,), as the decision takes them before calibration."""
    pooled = np.concatenate([pool_windows(*each) for each in zip(entangled(signal[None]), PLANS, strict=True)], axis=1)
    return joint(pooled[0], beside.trees(beside.features)[0], beside.shares, beside.reach)


@pytest.mark.parametrize("reach", [math.inf, 1.5, 0.3, 0.01, 0.0])
def test_leads_and_record_and_base_are_the_joint_logit(beside, reach):
    beside = replace(beside, reach=reach)
    gathered = gather_evidence(SIGNAL, entangled, PLANS, 100.0, OUTPUTS, beside)
    p = joint_probabilities(SIGNAL, beside)
    for index, (name, evidence) in enumerate(gathered.items()):
        whole = evidence.parts.base + evidence.leads.sum() + evidence.parts.record
        assert whole == pytest.approx(logit(p[0] if name == "mi" else p[0] * p[index]), abs=1e-6)
        assert np.allclose(evidence.leads, evidence.parts.network + evidence.parts.trees)


def test_the_base_is_what_is_said_of_nothing(gathered, beside):
    """All leads flat, and of the trees the mean over their training records."""
    means = np.array([beside.trees.contributions(beside.features, output)[1] for output in range(len(OUTPUTS))])
    pooled = np.concatenate([pool_windows(*each)[0] for each in zip(entangled(0 * SIGNAL[None]), PLANS, strict=True)])
    p = joint(pooled, means, SHARES)
    assert gathered["mi"].parts.base == pytest.approx(logit(p[0]), abs=1e-6)
    assert gathered["inferior"].parts.base == pytest.approx(logit(p[0] * p[-1]), abs=1e-6)


def test_a_lead_has_what_its_features_contribute(gathered, beside):
    values = dict(zip(FEATURES, 0.5 * beside.trees.contributions(beside.features, 0)[0], strict=True))
    of_leads = [sum(value for name, value in values.items() if name.split("_")[0] == lead) for lead in LEADS]
    assert np.allclose(gathered["mi"].parts.trees, of_leads)
    assert gathered["mi"].parts.record == pytest.approx(sum(values.values()) - sum(of_leads))
    assert np.allclose(gathered["mi"].parts.network, 0.5 * lead_values(SIGNAL, entangled, PLANS)[0][0], atol=1e-6)


def test_with_the_whole_share_the_network_speaks_alone(beside):
    alone = gather_evidence(SIGNAL, entangled, PLANS, 100.0, ("mi",))["mi"]
    evidence = gather_evidence(SIGNAL, entangled, PLANS, 100.0, ("mi",), replace(beside, shares=(1.0,) * 7))["mi"]
    assert np.allclose(evidence.leads, alone.leads, atol=1e-6)
    assert not evidence.parts.trees.any()
    assert evidence.signs == ()
    assert np.array_equal(evidence.probabilities, alone.probabilities)


def test_moments_are_the_network_s(gathered):
    alone = gather_evidence(SIGNAL, entangled, PLANS, 100.0, OUTPUTS)
    for name, evidence in gathered.items():
        assert np.array_equal(evidence.probabilities, alone[name].probabilities)
        assert np.array_equal(evidence.starts_s, alone[name].starts_s)
        assert alone[name].parts is None


def test_within_their_reach_trees_have_their_share_and_beyond_it_less():
    network = LogitParts(-1.0, np.full(12, 0.25), np.zeros(0))  # up to 2
    inside = joined_parts(network, LogitParts(-2.0, np.zeros(0), np.full(4, 1.5)), 0.5, 1.5)  # to 4: moves it by 1
    assert np.allclose(inside.leads, 0.125)
    assert np.allclose(inside.features, 0.75)
    assert inside.base == -1.5
    beyond = joined_parts(
        network, LogitParts(-1.0, np.zeros(0), np.full(4, 2.25)), 0.5, 1.5
    )  # to 8: would move it by 3
    assert np.allclose(beyond.features, 0.25 * 2.25)
    assert np.allclose(beyond.leads, 0.75 * 0.25)
    assert beyond.logit == pytest.approx(2.0 + 1.5)
    downwards = joined_parts(network, LogitParts(-9.0, np.zeros(0), np.full(4, 0.75)), 0.5, 1.5)  # to -6: by -4
    assert downwards.logit == pytest.approx(2.0 - 1.5)
    assert np.allclose(downwards.features, 0.5 * 1.5 / 4 * 0.75)


@pytest.mark.parametrize("begin", [(-6.0, -4.0), (0.0, 3.0), (9.0, -9.0)])
@pytest.mark.parametrize("end", [(8.0, 9.0), (-7.0, 2.0), (9.0, 9.0)])
def test_a_product_is_taken_apart_without_a_rest(begin, end):
    moved = np.subtract(end, begin)
    mi, site = (
        LogitParts(base, np.full(12, 0.75 * by / 12), np.full(4, 0.25 * by / 4))
        for base, by in zip(begin, moved, strict=True)
    )
    parts = product_parts(mi, site)
    assert parts.base == pytest.approx(logit(sigmoid(np.array(begin)).prod()), abs=1e-5)
    assert parts.logit == pytest.approx(logit(sigmoid(np.array(end)).prod()), abs=1e-5)
    assert parts.leads.sum() == pytest.approx(3 * parts.features.sum())


def test_a_site_that_is_sure_leaves_the_infarction_s_own_parts():
    mi = LogitParts(-1.0, np.arange(12) / 10, np.ones(3))
    sure = LogitParts(40.0, np.zeros(12), np.zeros(3))
    parts = product_parts(mi, sure)
    assert parts.base == pytest.approx(-1.0)
    assert np.allclose(parts.leads, mi.leads)
    assert np.allclose(parts.features, mi.features)


def test_documents_there_and_back(gathered):
    document = json.loads(json.dumps(evidence_document(gathered)))
    again = evidence_of(document)
    assert json.loads(json.dumps(evidence_document(again))) == document
    assert list(document["mi"]) == ["leads", "windows", "base", "record", "network", "trees", "measurements"]
    assert document["mi"]["measurements"]
    assert [sign["text"] for sign in document["mi"]["measurements"]] == [sign.text for sign in gathered["mi"].signs]
    assert again["inferior"].parts.record == pytest.approx(gathered["inferior"].parts.record, abs=1e-4)


def test_a_document_of_a_network_alone_is_as_before():
    """As it was before there were trees, and it still reads."""
    alone = gather_evidence(SIGNAL, entangled, PLANS, 100.0, ("mi",))
    document = evidence_document(alone)
    assert list(document["mi"]) == ["leads", "windows"]
    assert evidence_of(document)["mi"].parts is None
    assert evidence_of(document)["mi"].signs == ()


@pytest.fixture(scope="module")
def with_trees(detector, trees) -> Detector:
    """The shipped networks with trees that know nothing beside them."""
    rule = detector.decisions.rule
    return Detector(replace(detector.bundle, trees=trees), Decisions(rule, SHARES, rule, 2.0))


def test_the_detector_explains_what_it_joins(with_trees, inferior):
    finding = predict_record(inferior.record, with_trees)
    gathered = with_trees.explain(inferior.record, finding)
    assert list(gathered) == ["mi", *finding.sites]
    mi = gathered["mi"]
    before_calibration = sigmoid(np.array(mi.parts.base + mi.leads.sum() + mi.parts.record))
    assert with_trees.decisions.rule.calibrations[0](before_calibration) == pytest.approx(
        finding.mi.probability, abs=1e-4
    )
    assert len(mi.signs) > 0


def test_of_a_record_without_measurable_beats_the_network_alone_is_explained(with_trees, detector, inferior):
    short = Record("two beats", inferior.record.signal[:, :1000], inferior.record.fs_hz)
    finding = predict_record(short, with_trees)
    gathered = with_trees.explain(short, finding)
    assert gathered["mi"].parts is None
    alone = replace(detector, bundle=replace(detector.bundle, trees=None)).explain(short, finding)
    assert np.array_equal(gathered["mi"].leads, alone["mi"].leads)
