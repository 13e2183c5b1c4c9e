"""Values of leads: exact where leads act by themselves or in pairs, from 24 coalitions, whatever is asked beside them."""

from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pytest

from cardiac.signals import prepare_signal
from cardiac.windows import WindowPlan
from inference import predict_record
from tasks.mi.labels import OUTPUTS
from tasks.mi.lead_values import balanced_coalitions, lead_values, output_logits

PLANS = [WindowPlan(160, 20, "shift", "mean"), WindowPlan(140, 10, "shift", "mean")]
RNG = np.random.default_rng(0)
ALONE = 0.3 * RNG.standard_normal((len(OUTPUTS), 12))
PAIRS = 0.1 * np.triu(RNG.standard_normal((len(OUTPUTS), 12, 12)), 1)
SIGNAL = np.random.default_rng(1).standard_normal((12, 1000)).astype(np.float32)


def present(signals):
    return (np.abs(signals).max(axis=2) > 0).astype(float)  # (b, 12)


def staged(logits):
    """An output's logit, (b, 7), alike in all windows of both networks."""
    return [np.tile(logits[:, None, None, part], (1, 2, 40, 1)) for part in (slice(0, 1), slice(1, 7))]


def in_pairs(signals):
    there = present(signals)
    return staged(there @ ALONE.T + np.einsum("bi,oij,bj->bo", there, PAIRS, there))


def entangled(signals):
    """Leads that count only together, three and four of them, and windows that differ."""
    there = present(signals)
    chains = there[:, :10] * there[:, 1:11] * there[:, 2:]
    logits = (chains @ ALONE[:, :10].T)[:, None, None, :] + np.linspace(-1, 1, 43)[None, None, :, None]
    return [logits[..., :1], logits[..., 1:]]


def test_every_two_and_three_leads_are_left_in_all_ways_equally_often():
    kept = balanced_coalitions().kept
    assert kept.shape == (24, 12)
    assert kept[0].all()
    assert not kept[-1].any()
    for n in (1, 2, 3):
        for leads in combinations(range(12), n):
            for way in product((False, True), repeat=n):
                assert (kept[:, leads] == way).all(axis=1).sum() == 24 / 2**n


def test_values_are_exact_where_leads_act_alone_or_in_pairs():
    """What two leads do only together is half of each: Shapley 1953."""
    values, _ = lead_values(SIGNAL, in_pairs, PLANS, together=False)
    assert np.allclose(values, ALONE + (PAIRS + PAIRS.swapaxes(1, 2)).sum(axis=2) / 2, atol=1e-6)


@pytest.mark.parametrize("n_flat", [0, 1, 5, 11, 12])
@pytest.mark.parametrize("together", [True, False])
def test_values_sum_to_all_leads_less_none(n_flat, together):
    signal = SIGNAL.copy()
    signal[:n_flat] = 0
    values, found = lead_values(signal, entangled, PLANS, together=together)
    whole, none = output_logits(entangled(np.stack([signal, 0 * signal])), PLANS, together)
    assert values.shape == (7, 12)
    assert np.allclose(values.sum(axis=1), whole - none, atol=1e-6)
    for mine, theirs in zip(found, entangled(signal[None]), strict=True):
        assert np.allclose(mine, theirs[0])


def test_a_lead_without_signal_has_no_value_and_the_others_theirs():
    """Leads 0 to 2 act in a chain of three, of which one is flat: nothing of it is left, and the other pairs are exact."""
    signal = SIGNAL.copy()
    signal[3] = 0
    values, _ = lead_values(signal, entangled, PLANS, together=False)
    assert (values[:, 3] == 0).all()
    assert np.abs(values[:, [0, 1, 2, 4]]).max() > 0.01
    signal[3] = 5e-4  # mV: of an offset that is filtered away
    assert (lead_values(signal, entangled, PLANS)[0][:, 3] == 0).all()
    signal = SIGNAL.copy()
    signal[7] = 0
    of_pairs, _ = lead_values(signal, in_pairs, PLANS, together=False)
    there = np.arange(12) != 7
    left = (ALONE + (PAIRS + PAIRS.swapaxes(1, 2))[:, :, there].sum(axis=2) / 2) * there
    assert np.allclose(of_pairs, left, atol=1e-6)


@pytest.fixture(scope="module")
def prepared(detector, inferior):
    return prepare_signal(inferior.record.signal, inferior.record.fs_hz, detector.spec)


def test_the_networks_are_asked_about_24_signals_a_record(detector, inferior):
    finding, asked = predict_record(inferior.record, detector), []

    def forward(signals, starts):
        asked.append(len(signals))
        return detector.bundle.forward(signals, starts)

    counted = replace(detector, bundle=replace(detector.bundle, forward=forward))
    counted.explain(inferior.record, finding)
    assert finding.sites
    assert sum(asked) == 24


def test_a_coalition_asked_by_itself_gives_the_same_values(detector, prepared):
    def one_by_one(signals):
        alone = [detector.logits(each[None]) for each in signals]
        return [np.concatenate(of_stage) for of_stage in zip(*alone, strict=True)]

    values, whole = lead_values(prepared, detector.logits, detector.plans)
    again, _ = lead_values(prepared, detector.logits, detector.plans)
    alone, whole_alone = lead_values(prepared, one_by_one, detector.plans)
    assert np.array_equal(values, again)
    assert np.allclose(values, alone, atol=1e-4)
    for mine, theirs in zip(whole, whole_alone, strict=True):
        assert np.allclose(mine, theirs, atol=1e-4)
