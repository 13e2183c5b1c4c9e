import numpy as np
import pytest
import torch

from cardiac.windows import WindowPlan, cut_windows
from models import ReferenceNet, build_model, sinusoidal_positions


def hybrid(n_outputs: int = 1) -> torch.nn.Module:
    torch.manual_seed(0)
    return build_model("hybrid", n_leads=12, n_outputs=n_outputs).eval()


@pytest.mark.parametrize("window", [700, 800, 1234])
def test_hybrid_takes_any_window(window):
    with torch.inference_mode():
        assert hybrid(6)(torch.randn(3, 12, window)).shape == (3, 6)


def test_hybrid_is_under_two_million_parameters():
    assert sum(parameter.numel() for parameter in hybrid(6).parameters()) < 2_000_000


def test_both_branches_reach_the_output():
    """Silencing either branch's part of the classifier changes the logits."""
    network, windows = hybrid(), torch.randn(4, 12, 800)
    with torch.inference_mode():
        whole = network(windows)
        weight = network.classifier[1].weight
        for part in (slice(None, -96), slice(-96, None)):
            kept = weight[:, part].clone()
            weight[:, part] = 0
            assert not torch.allclose(network(windows), whole)
            weight[:, part] = kept
        assert torch.equal(network(windows), whole)


def test_the_order_of_beats_reaches_the_transformer():
    """Positions are used: the same tokens in another order pool to another vector."""
    branch = hybrid().transformer
    features = torch.randn(1, 64, 76)
    turned = features.reshape(1, 64, 19, 4).flip(2).reshape(1, 64, 76)  # whole tokens of four features change places
    with torch.inference_mode():
        assert not torch.allclose(branch(features), branch(turned), atol=1e-5)


def test_stem_features_of_windows_are_those_of_the_record():
    """No padding in the stem: windows may be cut before it or after it."""
    network = hybrid()
    record = torch.randn(12, 5000)
    windows, starts = cut_windows(record.numpy(), WindowPlan(800, 100, "shift", "mean"))
    with torch.inference_mode():
        of_windows = network.stem(torch.from_numpy(windows))
        of_record = network.stem(record[None])[0]
    for window, start in zip(of_windows, starts // 10, strict=True):
        assert torch.allclose(window, of_record[:, start : start + window.shape[1]], atol=1e-5)


def test_positions_are_those_of_vaswani():
    positions = sinusoidal_positions(5, 8).numpy()
    assert positions.shape == (5, 8)
    assert np.allclose(positions[0], [0, 1] * 4)
    assert np.isclose(positions[3, 0], np.sin(3.0))
    assert np.isclose(positions[3, 3], np.cos(3.0 / 10_000 ** (2 / 8)), atol=1e-6)


def test_reference_is_as_described():
    """One linear layer of 268 x window x 128 weights holds nearly all of 27.6 million."""
    network = build_model("reference", n_leads=12, n_outputs=1, window=800, heads=3)
    assert network.classifier[0].weight.shape == (128, 268 * 800)
    assert round(sum(parameter.numel() for parameter in network.parameters()) / 1e6, 1) == 27.6


def test_reference_scales_by_lead_and_sample_index():
    network = ReferenceNet(12, 6, window=70, heads=2)
    windows = torch.randn(50, 12, 70) * 3 + torch.arange(70)
    network.set_scaling(windows)
    scaled = (windows - network.mean) / network.deviation
    assert torch.allclose(scaled.mean(dim=0), torch.zeros(12, 70), atol=1e-5)
    assert torch.allclose(scaled.std(dim=0), torch.ones(12, 70), atol=1e-5)
    assert network.eval()(windows).shape == (50, 6)


def test_unknown_network_is_refused():
    with pytest.raises(ValueError, match="hybrid, reference"):
        build_model("hybird")
