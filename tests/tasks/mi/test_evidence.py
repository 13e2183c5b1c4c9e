import numpy as np
import pytest

from cardiac.leads import LEADS
from cardiac.windows import WindowPlan, sigmoid, window_starts
from tasks.mi.evidence import evidence_document, gather_evidence
from tasks.mi.evidence_drawing import moments
from tasks.mi.labels import OUTPUTS
from tasks.mi.lead_values import output_logits

PLANS = [WindowPlan(160, 20, "shift", "mean"), WindowPlan(140, 10, "shift", "mean")]
WEIGHTS = np.random.default_rng(0).standard_normal((len(OUTPUTS), 12))
SIGNAL = np.random.default_rng(1).standard_normal((12, 1000)).astype(np.float32)


def additive(signals: np.ndarray) -> list[np.ndarray]:
    """Each output's logit is a weighted sum over the leads that are not flat, alike in all windows."""
    present = (np.abs(signals).max(axis=2) > 0).astype(float)  # (b, 12)
    logits = present @ WEIGHTS.T * 0.5
    return [np.tile(logits[:, None, None, part], (1, 2, 40, 1)) for part in (slice(0, 1), slice(1, 7))]


def entangled(signals: np.ndarray) -> list[np.ndarray]:
    """Leads that count only together, and windows that differ."""
    present = (np.abs(signals).max(axis=2) > 0).astype(float)
    pairs = present[:, ::2] * present[:, 1::2]
    at = np.linspace(-1, 1, 43)[None, None, :, None]
    logits = (pairs @ WEIGHTS[:, :6].T)[:, None, None, :] + at
    return [logits[..., :1], logits[..., 1:]]


def test_a_site_is_an_infarction_there():
    logits = output_logits(additive(SIGNAL[None]), PLANS)[0]
    alone = sigmoid(0.5 * WEIGHTS.sum(axis=1))
    assert sigmoid(logits) == pytest.approx([alone[0], *(alone[0] * alone[1:])])


def test_evidence_of_what_was_asked_with_its_windows():
    gathered = gather_evidence(SIGNAL, entangled, PLANS, 100.0, ("mi", "inferior"))
    assert list(gathered) == ["mi", "inferior"]
    whole = sigmoid(output_logits(entangled(SIGNAL[None]), PLANS))[0]
    mi, inferior = (gathered[name].probabilities.mean() for name in ("mi", "inferior"))
    assert (mi, mi * inferior) == pytest.approx((whole[0], whole[OUTPUTS.index("inferior")]), abs=1e-6)
    assert gathered["mi"].leads.shape == (12,)
    assert gathered["mi"].window_s == 1.6
    assert np.array_equal(gathered["mi"].starts_s, window_starts(1000, PLANS[0]) / 100)
    document = evidence_document(gathered)
    assert list(document["inferior"]["leads"]) == list(LEADS)
    assert document["inferior"]["windows"]["length_s"] == 1.4


def test_moments_are_means_of_the_windows_that_hold_them():
    evidence = gather_evidence(SIGNAL, entangled, PLANS, 100.0, ("mi",))["mi"]
    told = moments(evidence, np.array([0.1, 0.3, 9.95, 10.5]))
    assert told[0] == evidence.probabilities[0]
    assert told[1] == pytest.approx(evidence.probabilities[:2].mean())
    assert told[2] == evidence.probabilities[-1]
    assert np.isnan(told[3])
