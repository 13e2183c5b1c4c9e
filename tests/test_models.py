import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models import BandedAttention, ReferenceNet, WindowHead, build_model, highest_in_windows, sliding_max

WINDOWS = [160, 140]


def hybrid(**changes) -> torch.nn.Module:
    torch.manual_seed(0)
    return build_model("hybrid", **{"n_leads": 12, "n_outputs": [1, 6], "windows": WINDOWS, **changes}).eval()


def starts_of(n_samples: int) -> list[torch.Tensor]:
    """First and last window of both stages, and some between."""
    return [torch.tensor(sorted({0, (n_samples - window) // 2, n_samples - window})) for window in WINDOWS]


@pytest.mark.parametrize("changes", [{}, {"stem_stride": 4}, {"with_shapes": True}])
@pytest.mark.parametrize("n_samples", [160, 161, 203, 500, 1000, 1003])
def test_hybrid_takes_any_length(n_samples, changes):
    network, starts = hybrid(**changes), starts_of(n_samples)
    a_frame = 2 * changes.get("stem_stride", 2)
    signals = torch.randn(3, 12, n_samples)
    with torch.inference_mode():
        logits = network(signals, starts)
        frames = network.frames(signals)
    assert [each.shape for each in logits] == [(3, len(starts[0]), 1), (3, len(starts[1]), 6)]
    assert all(each.dtype == torch.float32 and torch.isfinite(each).all() for each in logits)
    assert frames.shape[:2] == (3, 64)
    assert frames.shape[2] >= n_samples / a_frame > frames.shape[2] - 2


def test_hybrid_is_under_two_million_parameters():
    assert sum(parameter.numel() for parameter in hybrid(n_auxiliary=44).parameters()) < 2_000_000


def test_shapes_of_leads_reach_the_trunk():
    """With them it can tell a small lead's form; a blank lead is no number divided by nothing."""
    network, signals, starts = hybrid(with_shapes=True), torch.randn(2, 12, 300), starts_of(300)
    signals[0, 3] = 0
    with torch.inference_mode():
        whole = network(signals, starts)
        assert all(torch.isfinite(each).all() for each in whole)
        network.stem[0].weight[:, 12:] = 0
        assert not torch.allclose(network(signals, starts)[0], whole[0], atol=1e-5)


def test_both_branches_reach_the_output():
    """Silencing either branch's part of the joint layer changes the logits."""
    network, signals, starts = hybrid(), torch.randn(4, 12, 500), starts_of(500)
    with torch.inference_mode():
        whole = network(signals, starts)
        weight = network.join[0].weight
        for part in (slice(None, 128), slice(128, None)):
            kept = weight[:, part].clone()
            weight[:, part] = 0
            for before, after in zip(whole, network(signals, starts), strict=True):
                assert not torch.allclose(before, after, atol=1e-4)
            weight[:, part] = kept
        assert all(torch.equal(*each) for each in zip(whole, network(signals, starts), strict=True))


def test_auxiliary_outputs_are_learnt_and_nowhere_else_seen():
    network, signals, starts = hybrid(n_auxiliary=44), torch.randn(2, 12, 300), starts_of(300)
    with torch.inference_mode():
        given_, learnt = network(signals, starts), network.learn(signals, starts)
        assert [each.shape[2] for each in learnt] == [1, 6, 44]
        assert learnt[2].shape[1] == len(starts[1][::4])
        assert all(torch.equal(*each) for each in zip(given_, learnt[:2], strict=True))
        assert len(hybrid().learn(signals, starts)) == 2


def test_a_record_is_read_alone_as_in_a_batch():
    network, signals, starts = hybrid(), torch.randn(5, 12, 400), starts_of(400)
    with torch.inference_mode():
        together = network(signals, starts)
        for place in range(5):
            for whole, alone in zip(together, network(signals[place : place + 1], starts), strict=True):
                assert torch.allclose(whole[place], alone[0], atol=1e-5)


def test_a_window_is_read_alone_as_among_others():
    network, signals, starts = hybrid(), torch.randn(2, 12, 400), starts_of(400)
    with torch.inference_mode():
        together = network(signals, starts)
        for place in range(3):
            alone = network(signals, [at[place : place + 1] for at in starts])
            for whole, one in zip(together, alone, strict=True):
                assert torch.allclose(whole[:, place : place + 1], one, atol=1e-5)


def test_the_order_of_beats_matters():
    """A signal that runs backwards is read otherwise, by the transformer too."""
    network, signals = hybrid(), torch.randn(2, 12, 160)
    with torch.inference_mode():
        there, back = (network(each, [torch.tensor([0])] * 2)[0] for each in (signals, signals.flip(2)))
        assert not torch.allclose(there, back, atol=1e-4)
        features = torch.randn(1, 48, 1, 80)
        torch.nn.init.normal_(network.transformer.layers[0].distance)
        turned = features.unflatten(3, (20, 4)).flip(3).flatten(3)  # whole tokens change places
        there, back = (network.transformer(each) for each in (features, turned))
        assert not torch.allclose(there.mean(dim=3), back.mean(dim=3), atol=1e-4)


@given(length=st.integers(1, 70), extra=st.integers(0, 90))
def test_sliding_max_against_unfold(length, extra):
    frames = torch.randn(2, 3, length + extra)
    assert torch.equal(sliding_max(frames, length), frames.unfold(2, length, 1).amax(dim=3))


def test_highest_in_windows_is_one_value_and_learns_by_its_place():
    frames = torch.randn(2, 3, 30, requires_grad=True)
    first = torch.tensor([0, 4, 5, 20])
    learnt = highest_in_windows(frames, first, 10)
    with torch.inference_mode():
        assert torch.equal(highest_in_windows(frames.detach(), first, 10), learnt)
    learnt.sum().backward()
    there, _ = frames.detach().unfold(2, 10, 1)[:, :, first].max(dim=3)
    assert torch.equal(learnt, there)
    assert frames.grad.sum() == learnt.numel()
    assert (frames.detach()[frames.grad > 0][:, None] == there.ravel()).any(dim=1).all()


def test_attention_looks_no_further_than_its_span():
    torch.manual_seed(0)
    layer, tokens = BandedAttention(16, heads=4, span=3).eval(), torch.randn(1, 20, 16)
    changed = tokens.clone()
    changed[0, 10] = torch.randn(16)
    with torch.inference_mode():
        differs = (layer(tokens) - layer(changed)).abs().amax(dim=2)[0] > 1e-6
    assert differs.nonzero().flatten().tolist() == [7, 8, 9, 10, 11, 12, 13]


@pytest.mark.parametrize("n_tokens", [1, 4, 5, 6, 23])
@pytest.mark.parametrize("exported", [False, True])
def test_attention_by_blocks_is_that_over_all_tokens_with_a_band(n_tokens, exported, monkeypatch):
    torch.manual_seed(0)
    monkeypatch.setattr(torch.compiler, "is_exporting", lambda: exported)
    layer, tokens = BandedAttention(16, heads=4, span=5).eval(), 3 * torch.randn(2, n_tokens, 16)
    torch.nn.init.normal_(layer.distance, std=20)  # scores so far apart that exponentials of some are next to nothing
    with torch.inference_mode():
        split = layer.queries_keys_values(layer.before(tokens)).view(2, n_tokens, 3, 4, 4)
        apart = torch.arange(n_tokens) - torch.arange(n_tokens)[:, None]
        scores = torch.einsum("bihc,bjhc->bhij", split[:, :, 0], split[:, :, 1]) / 2
        scores += layer.distance[:, apart.clamp(-5, 5) + 5].masked_fill(apart.abs() > 5, -torch.inf)
        seen = torch.einsum("bhij,bjhc->bihc", scores.double().softmax(dim=3).float(), split[:, :, 2]).flatten(2)
        expected = tokens + layer.out(seen)
        assert torch.allclose(layer(tokens), expected + layer.mix(expected), atol=1e-5)


def test_attention_reads_a_pattern_alike_wherever_it_lies():
    torch.manual_seed(0)
    layer, tokens = BandedAttention(16, heads=4, span=3).eval(), torch.randn(1, 30, 16)
    torch.nn.init.normal_(layer.distance)
    with torch.inference_mode():
        whole, later = layer(tokens), layer(tokens[:, 5:])
    assert torch.allclose(whole[:, 8:], later[:, 3:], atol=1e-5)  # beyond the reach of what was taken away


@given(start=st.integers(0, 360), place=st.integers(0, 99))
def test_a_window_reads_the_frames_inside_it_and_no_others(start, place):
    torch.manual_seed(0)
    head, frames = WindowHead(8, 2, n_frames=10, stride=4, dropout=0.0).eval(), torch.randn(1, 8, 100)
    changed = frames.clone()
    changed[0, :, place] += 3
    with torch.inference_mode():
        before, after = (head(each, torch.tensor([start])) for each in (frames, changed))
    inside = 0 <= place - start // 4 < 10
    assert torch.allclose(before, after, atol=1e-4) is not inside


def test_a_window_head_by_hand():
    """Mean, maximum and attention-weighted mean of the frames inside."""
    torch.manual_seed(0)
    head, frames = WindowHead(8, 2, n_frames=5, stride=4, dropout=0.5).eval(), torch.randn(2, 8, 30)
    starts = torch.tensor([0, 13, 100])
    with torch.inference_mode():
        found = head(frames, starts)
        for place, start in enumerate(starts):
            inside = frames[:, :, start // 4 : start // 4 + 5]
            weights = head.attention(inside).softmax(dim=2)
            parts = [inside.mean(dim=2), inside.amax(dim=2), (weights * inside).sum(dim=2)]
            assert torch.allclose(found[:, place], head.classifier(torch.cat(parts, dim=1)), atol=1e-5)


def test_reference_is_as_described():
    """One linear layer of 268 x window x 128 weights holds nearly all of 27.6 million."""
    network = ReferenceNet(12, 1, window=800, heads=3)
    assert network.classifier[0].weight.shape == (128, 268 * 800)
    assert round(sum(parameter.numel() for parameter in network.parameters()) / 1e6, 1) == 27.6


def reference() -> torch.nn.Module:
    torch.manual_seed(0)
    given_ = {"n_leads": 12, "n_outputs": [1, 6], "windows": [80, 70], "heads": [3, 2]}
    return build_model("reference", **given_).eval()


def test_reference_pair_reads_windows_as_its_networks_alone():
    network, signals = reference(), torch.randn(3, 12, 300)
    starts = [torch.tensor([0, 33, 220]), torch.tensor([5, 230])]
    with torch.inference_mode():
        logits = network(signals, starts)
        assert [each.shape for each in logits] == [(3, 3, 1), (3, 2, 6)]
        for stage, window, at, found in zip(network.stages, (80, 70), starts, logits, strict=True):
            for place, start in enumerate(at):
                assert torch.allclose(found[:, place], stage(signals[:, :, start : start + window]), atol=1e-5)
        assert all(torch.equal(*each) for each in zip(logits, network.learn(signals, starts), strict=True))


def test_reference_scales_by_lead_and_sample_index():
    network = reference()
    signals = torch.randn(50, 12, 100) * 3 + torch.arange(100)
    network.set_scaling(signals, [torch.tensor([10]), torch.tensor([0, 30])])
    first, second = network.stages
    windows = signals[:, :, 10:90]
    scaled = (windows - first.mean) / first.deviation
    assert torch.allclose(scaled.mean(dim=0), torch.zeros(12, 80), atol=1e-4)
    assert torch.allclose(scaled.std(dim=0), torch.ones(12, 80), atol=1e-4)
    both = torch.cat([signals[:, :, :70], signals[:, :, 30:]])
    assert torch.allclose(second.mean, both.mean(dim=0), atol=1e-4)
    assert torch.isfinite(second.deviation).all()


def test_every_network_answers_the_same():
    """The trainer asks of each whether it takes a scaling, and may give it one."""
    signals, starts = torch.randn(20, 12, 200), [torch.tensor([0, 40])] * 2
    for network, takes in ((hybrid(), False), (reference(), True)):
        assert network.takes_scaling is takes
        before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        network.set_scaling(signals, starts)
        changed = [name for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])]
        assert bool(changed) is takes
        assert len(network.learn(signals, starts)) == 2


def test_reference_has_no_auxiliary_outputs():
    given_ = {"n_leads": 12, "n_outputs": [1, 6], "windows": [80, 70], "heads": [3, 2]}
    assert build_model("reference", **given_, n_auxiliary=0)
    with pytest.raises(ValueError, match="no auxiliary outputs"):
        build_model("reference", **given_, n_auxiliary=44)


def test_a_stage_without_its_starts_is_an_error():
    """No head is left out in silence."""
    network, signals = hybrid(n_auxiliary=44), torch.randn(2, 12, 300)
    for starts in ([torch.tensor([0])], [torch.tensor([0])] * 3):
        for run in (network, network.learn):
            with pytest.raises(ValueError, match="zip"):
                run(signals, starts)


def test_unknown_network_is_refused():
    with pytest.raises(ValueError, match="hybrid, reference"):
        build_model("hybird")
