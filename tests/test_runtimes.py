"""Networks over windows, and bundles as they are written and read again."""

import hashlib

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from bundles import CARD, WEIGHTS, load_bundle, run_networks, save_bundle
from cardiac.errors import BundleError
from cardiac.signals import SignalSpec
from cardiac.windows import WindowPlan
from cards import Card, Stage
from models import build_model
from tests.card_files import change_card, checksum_by_hand, read_card

NETWORK = {"name": "hybrid", "n_leads": 12, "n_outputs": [1, 6], "windows": [160, 140], "widths": [8, 8, 8], "depth": 1}
PLANS = [WindowPlan(160, 50, "shift", "mean"), WindowPlan(140, 33, "shift", "mean")]


def fresh(seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    return build_model(**NETWORK)


@pytest.fixture
def bundle(tmp_path):
    """A small bundle of two members with fresh weights."""
    outputs = {"is": ("any",), "which": tuple("abcdef")}
    stages = {name: Stage(each, plan) for (name, each), plan in zip(outputs.items(), PLANS, strict=True)}
    card = Card("small", SignalSpec(100.0, (0.5, 45.0)), 1000, NETWORK, 2, stages)
    save_bundle(tmp_path, [fresh(0), fresh(1)], card)
    return tmp_path


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def test_networks_give_the_same_for_a_signal_alone_and_in_a_batch():
    networks, signals = [fresh(0), fresh(1)], noise(3, 12, 500)
    together = run_networks(networks, signals, PLANS, 1000)
    assert [each.shape for each in together] == [(3, 2, 8, 1), (3, 2, 12, 6)]
    assert all(each.dtype == np.float32 for each in together)
    for place, signal in enumerate(signals):
        alone = run_networks(networks, signal, PLANS, 1000)
        assert [each.shape for each in alone] == [(2, 8, 1), (2, 12, 6)]
        for whole, one in zip(together, alone, strict=True):
            assert np.allclose(whole[place], one, atol=1e-5)


def test_members_stand_in_their_order_and_are_run_in_evaluation_mode():
    networks, signal = [fresh(0).train(), fresh(1).train()], noise(12, 400)
    together = run_networks(networks, signal, PLANS, 1000)
    for member, network in enumerate(networks):
        for both, one in zip(together, run_networks([network], signal, PLANS, 1000), strict=True):
            assert np.allclose(both[member], one[0], atol=1e-6)
    assert not np.allclose(together[0][0], together[0][1])


def test_a_long_signal_is_run_in_sections():
    """Its windows come in order, each as from the section that it lies in."""
    network, signal = fresh(), noise(12, 1300)
    found = run_networks([network], signal, PLANS, 500)
    whole = run_networks([network], signal, PLANS, 2000)
    assert [each.shape for each in found] == [each.shape for each in whole] == [(1, 24, 1), (1, 37, 6)]
    first = run_networks([network], signal[:, :500], PLANS, 500)
    assert np.allclose(found[0][0, :7], first[0][0, :7], atol=1e-5)  # they start at 0, 50, ... 300
    last = run_networks([network], signal[:, -500:], [WindowPlan(160, 340, "shift", "mean")] * 2, 500)
    assert np.allclose(found[0][0, -1], last[0][0, -1], atol=1e-5)
    assert np.corrcoef(found[0].ravel(), whole[0].ravel())[0, 1] > 0.5


def test_bundle_comes_back_as_it_was_written(bundle):
    loaded = load_bundle(bundle)
    again = bundle / "again"
    save_bundle(again, loaded.networks, loaded.card)
    assert (again / WEIGHTS).read_bytes() == (bundle / WEIGHTS).read_bytes()
    assert load_bundle(again).sha256 == loaded.sha256 == checksum_by_hand(read_card(bundle))
    assert len(loaded.networks) == 2
    assert not loaded.networks[0].training
    one, other = (next(network.parameters()).detach().cpu().numpy() for network in loaded.networks)
    assert np.array_equal(one, next(fresh(0).parameters()).detach().numpy())
    assert not np.array_equal(one, other)


def test_changed_weights_are_refused(bundle):
    content = bytearray((bundle / WEIGHTS).read_bytes())
    content[-1] ^= 1
    (bundle / WEIGHTS).write_bytes(content)
    with pytest.raises(BundleError, match="checksum"):
        load_bundle(bundle)


@pytest.mark.parametrize(
    "change",
    [
        lambda card: card["network"].update(n_outputs=[6, 6]),
        lambda card: card["network"].update(name="unheard"),
        lambda card: card["network"].update(unheard=1),
        lambda card: card["network"].update(windows=[160]),
        lambda card: card["network"].update(heads=0),
        lambda card: card["network"].pop("name"),
        lambda card: card.update(network=[]),
        lambda card: card.update(members=0),
        lambda card: card.update(members=3),
        lambda card: card.update(members="two"),
        lambda card: card.pop("decisions"),
        lambda card: card.pop("members"),
    ],
)
def test_a_card_for_another_network_is_refused(bundle, change):
    change_card(bundle, change)
    with pytest.raises(BundleError, match="copy the bundle again"):
        load_bundle(bundle)


def test_missing_and_broken_files_are_named(bundle, tmp_path):
    with pytest.raises(BundleError, match=CARD):
        load_bundle(tmp_path / "nowhere")
    (bundle / WEIGHTS).unlink()
    with pytest.raises(BundleError, match=WEIGHTS):
        load_bundle(bundle)
    (bundle / CARD).write_text("{")
    with pytest.raises(BundleError, match="not JSON"):
        load_bundle(bundle)


def test_a_tensor_too_many_is_refused(bundle):
    tensors = load_file(bundle / WEIGHTS)
    save_file(tensors | {"0.extra": torch.zeros(1)}, bundle / WEIGHTS)
    sha256 = hashlib.sha256((bundle / WEIGHTS).read_bytes()).hexdigest()
    change_card(bundle, lambda card: card.update(weights_sha256=sha256))
    with pytest.raises(BundleError, match="do not fit"):
        load_bundle(bundle)
