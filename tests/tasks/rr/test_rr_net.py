"""The network of spikes: its inputs, that it learns, that a training can be stopped, and that it says the same everywhere."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from cardiac.errors import BundleError, CardiacError
from learning.run_folder import STATE
from tasks.rr.net_bundle import GRAPH, WEIGHTS, load_networks, torch_forward, write_networks
from tasks.rr.net_examples import Examples
from tasks.rr.net_inputs import (
    CHANNELS,
    HOP,
    N_CHANNELS,
    WIDTH,
    answer,
    chunk_starts,
    cut_chunks,
    inputs_of,
    join_chunks,
)
from tasks.rr.net_training import SETTINGS, StoppedTraining, fit_network
from tasks.rr.networks import build_network
from tasks.rr.studies import Study

SMALL = {"width": 8, "dilations": (1, 3), "recurrent": 4, "heads": 2, "span": 6}
LENGTH = CHANNELS.index("study_length")
QUICK = {"epochs": 3, "batch_size": 4, "network": SMALL}


def made_study(seed: int, n: int = 300) -> Study:
    """A calm rhythm with spikes, long and then short, each marked four intervals to either side; and some artefacts."""
    rng = np.random.default_rng(seed)
    intervals = 800 + 8 * rng.standard_normal(n)
    targets = np.zeros(n, bool)
    for at in range(15, n - 15, 40):
        at += int(rng.integers(10))
        intervals[at : at + 2] += (90, -90)
        targets[at - 4 : at + 5] = True
    intervals[rng.choice(n, 3)] = 12, 2000, 40900
    return Study(f"made{seed}", np.cumsum(intervals).astype(int), intervals, targets)


@pytest.fixture(scope="module")
def studies() -> list[Study]:
    return [made_study(seed) for seed in range(6)]


@pytest.fixture(scope="module")
def networks() -> list[torch.nn.Module]:
    torch.manual_seed(0)
    return [build_network(n_channels=N_CHANNELS, **SMALL).eval() for _ in range(2)]


@pytest.fixture(scope="module")
def written(networks, tmp_path_factory):
    folder = tmp_path_factory.mktemp("networks")
    return folder, write_networks(folder, networks, {"n_channels": N_CHANNELS, **SMALL})


ODD = {
    "one": [800.0],
    "two": [12.0, 40900.0],
    "all artefacts": [12.0] * 40 + [40900.0] * 41,
    "least and most": [5e-324, 1.7e308] * 20,
    "all alike": [700] * 500,
}


@pytest.mark.parametrize("intervals", ODD.values(), ids=ODD)
def test_inputs_are_small_numbers_whatever_the_intervals_are(intervals, networks):
    inputs = inputs_of(np.array(intervals))
    assert inputs.shape == (N_CHANNELS, len(intervals))
    assert inputs.dtype == np.float32
    assert np.abs(inputs).max() <= 6
    (logits,) = answer(torch_forward(networks), [np.array(intervals)])
    assert logits.shape == (len(intervals),)
    assert np.isfinite(logits).all()


def test_an_artefact_changes_little_of_what_is_said_of_other_intervals():
    study = made_study(0)
    hit = study.intervals_ms.copy()
    hit[150] = 40900
    before, after = inputs_of(study.intervals_ms), inputs_of(hit)
    others = np.delete(np.arange(len(hit)), [149, 150, 151])
    assert np.abs(before - after)[:, others].max() < 0.3
    assert np.abs(before - after)[:, 150].max() > 2


@pytest.mark.parametrize("n", [1, WIDTH - 1, WIDTH, WIDTH + 1, WIDTH + HOP, 3 * WIDTH + 7])
def test_every_interval_is_answered_by_what_the_chunks_say_of_it(n):
    inputs = np.zeros((N_CHANNELS, n), np.float32)
    inputs[0], inputs[-1] = np.arange(n), 1
    chunks = cut_chunks(inputs)
    assert len(chunks) == len(chunk_starts(n))
    np.testing.assert_allclose(join_chunks(chunks[:, 0], n), np.arange(n), atol=1e-9)


@pytest.mark.parametrize("runtime", ["torch", "onnx"])
def test_a_study_is_answered_alike_beside_others_and_alone(written, studies, runtime):
    loaded = load_networks(*written, runtime)
    several = [each.intervals_ms for each in (studies[0], made_study(9, 40), made_study(10, 700))]
    alone = [loaded.logits([each])[0] for each in several]
    for one, beside in zip(alone, loaded.logits(several), strict=True):
        np.testing.assert_allclose(one, beside, atol=1e-5)
    assert loaded.logits([]) == []


def test_a_study_can_count_as_longer_than_it_is(written, studies):
    loaded, intervals = load_networks(*written, "onnx"), [studies[0].intervals_ms]
    as_it_is, same, longer = (loaded.logits(intervals, n)[0] for n in (None, len(intervals[0]), 3000))
    np.testing.assert_array_equal(as_it_is, same)
    assert np.abs(longer - as_it_is).max() > 1e-3


def test_onnx_and_torch_give_the_same_and_so_does_the_network_before_it_was_written(written, networks, studies):
    intervals = [each.intervals_ms for each in studies[:3]]
    by_torch, by_onnx = (load_networks(*written, runtime).logits(intervals) for runtime in ("torch", "onnx"))
    first = answer(torch_forward(networks), intervals)
    assert np.ptp(first[0]) > 0.01
    for each in zip(by_torch, by_onnx, first, strict=True):
        np.testing.assert_allclose(each[1], each[0], atol=1e-4)
        np.testing.assert_array_equal(each[2], each[0])


def test_onnx_runs_without_torch(written):
    folder, described = written
    program = f"""
import sys
from pathlib import Path
import numpy as np
from tasks.rr.net_bundle import load_networks
print(len(load_networks(Path({str(folder)!r}), {described!r}, "onnx").logits([np.full(250, 800)])[0]))
print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["250", "False"], done.stderr


@pytest.mark.parametrize(
    ("name", "runtime", "change", "words"),
    [
        (WEIGHTS, "torch", lambda content: content[:-1] + b"x", "checksum"),
        (GRAPH, "onnx", lambda content: content[: len(content) // 2], "checksum"),
        (WEIGHTS, "torch", None, "missing"),
        (GRAPH, "onnx", None, "missing"),
    ],
)
def test_damaged_weights_are_refused_in_one_sentence(networks, tmp_path, written, name, runtime, change, words):
    for each in (WEIGHTS, GRAPH):
        (tmp_path / each).write_bytes((written[0] / each).read_bytes())
    load_networks(tmp_path, written[1], runtime)
    path = tmp_path / name
    if change:
        path.write_bytes(change(path.read_bytes()))
    else:
        path.unlink()
    with pytest.raises(BundleError, match=words) as caught:
        load_networks(tmp_path, written[1], runtime)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sha256": {}}, "card cannot be used"),
        ({"channels": ["x"]}, "other inputs"),
        ({"network": {"n_channels": 3}}, "cannot be run"),
        ({"members": 0}, "cannot be run"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(written, change, words):
    with pytest.raises(BundleError, match=words):
        load_networks(written[0], written[1] | change, "torch")


def test_an_unknown_runtime_is_refused(written):
    with pytest.raises(BundleError, match="use one of onnx, torch"):
        load_networks(*written, "tpu")


def test_the_network_learns_to_see_spikes_within_seconds(studies, tmp_path):
    settings = {"epochs": 25, "batch_size": 4, "learning_rate": 1e-2, "average_decay": 0.9, "network": SMALL}
    fitted = fit_network(studies[:4], studies[4:5], settings, tmp_path, False, seed=0)
    (logits,) = fitted.logits([studies[5].intervals_ms])
    targets = studies[5].targets
    assert (logits[targets] > 0).mean() > 0.8
    assert (logits[~targets] > 0).mean() < 0.05


def weights(fitted) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in fitted.network.state_dict().items()}


def same(one, other) -> bool:
    pairs = zip(weights(one).values(), weights(other).values(), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def test_a_seed_gives_the_same_network_and_another_seed_another(studies, tmp_path):
    first, again, other = (
        fit_network(studies[:3], studies[3:], QUICK, tmp_path / name, False, seed)
        for name, seed in (("first", 1), ("again", 1), ("other", 2))
    )
    assert same(first, again)
    assert not same(first, other)


@pytest.mark.parametrize("at", [1, 2])
def test_a_training_that_was_stopped_ends_as_one_that_was_not(studies, tmp_path, monkeypatch, at):
    whole = fit_network(studies[:3], studies[3:], QUICK, tmp_path / "whole", False, seed=1)
    save = StoppedTraining._save

    def stop(training):
        if len(training.history) > at:
            raise KeyboardInterrupt
        save(training)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(StoppedTraining, "_save", stop)
        fit_network(studies[:3], studies[3:], QUICK, tmp_path / "stopped", False, seed=1)
    resumed = fit_network(studies[:3], studies[3:], QUICK, tmp_path / "stopped", True, seed=1)
    assert [each["epoch"] for each in resumed.history] == [1, 2, 3]
    assert same(whole, resumed)


def test_a_training_out_of_patience_is_given_back_and_not_gone_on_with(studies, tmp_path, monkeypatch):
    settings = QUICK | {"epochs": 9, "patience": 2}
    losses = iter([3.0, 1.0, 2.0, 2.0])
    monkeypatch.setattr(StoppedTraining, "_held_out_loss", lambda *_: next(losses))
    first = fit_network(studies[:3], studies[3:], settings, tmp_path, False, seed=1)
    assert [each["held_loss"] for each in first.history] == [3, 1, 2, 2]
    monkeypatch.setattr(StoppedTraining, "_epoch", lambda *_: pytest.fail("learns again"))
    assert same(first, fit_network(studies[:3], studies[3:], settings, tmp_path, True, seed=1))


def test_the_network_is_that_of_the_best_epoch(studies, tmp_path, monkeypatch):
    after = []

    def loss(training, _):
        after.append({name: tensor.clone().numpy() for name, tensor in training.trained.state_dict().items()})
        return (3.0, 1.0, 2.0)[len(after) - 1]

    monkeypatch.setattr(StoppedTraining, "_held_out_loss", loss)
    fitted = fit_network(studies[:3], studies[3:], QUICK, tmp_path, False, seed=1)
    matches = [all(np.array_equal(each[name], own) for name, own in weights(fitted).items()) for each in after]
    assert matches == [False, True, False]


def test_training_stops_by_the_loss_on_the_other_studies(studies, tmp_path):
    fitted = fit_network(studies[:3], studies[3:], QUICK, tmp_path, False, seed=1)
    least = min(each["held_loss"] for each in fitted.history)
    logits = np.concatenate(fitted.logits([each.intervals_ms for each in studies[3:]]))
    targets = np.concatenate([each.targets for each in studies[3:]])
    assert (np.logaddexp(0, logits) - targets * logits).mean() == pytest.approx(least)


def test_a_damaged_state_is_refused_in_one_sentence(studies, tmp_path):
    fit_network(studies[:3], studies[3:], QUICK, tmp_path, False, seed=1)
    for path in (tmp_path / STATE).iterdir():
        content = path.read_bytes()
        path.write_bytes(content[:100])
        with pytest.raises(CardiacError, match="delete it") as caught:
            fit_network(studies[:3], studies[3:], QUICK, tmp_path, True, seed=1)
        assert "\n" not in str(caught.value)
        path.write_bytes(content)


def test_examples_are_changed_but_their_targets_stay_with_them():
    n = 400
    intervals = np.full(n, 800.0)
    targets = np.zeros(n, bool)
    intervals[200], targets[200] = 880, True
    examples = Examples([Study("one", np.arange(n), intervals, targets)], SETTINGS | {"jitter_ms": 0, "artefacts": 0})
    for seed in range(5):
        inputs, expected, _ = examples.draw(np.arange(len(examples.places)), np.random.default_rng(seed))
        assert inputs.shape == (len(examples.places), N_CHANNELS, WIDTH)
        for chunk, of_chunk in zip(inputs, expected, strict=True):
            np.testing.assert_array_equal(chunk[0] > 0.5, of_chunk == 1)
            assert chunk[LENGTH, 0] == pytest.approx(np.log(n / 150))
    other, *_ = examples.draw(np.arange(len(examples.places)), np.random.default_rng(7))
    assert not np.array_equal(inputs, other)


def test_what_is_far_from_every_mark_counts_less_and_what_is_not_there_nothing():
    n = 150
    targets = np.arange(n) == 20
    examples = Examples([Study("one", np.arange(n), np.full(n, 800.0), targets)], SETTINGS | {"reach": 10})
    *_, weights = examples.draw(np.array([0]), np.random.default_rng(0))
    expected = np.where(np.abs(np.arange(WIDTH) - 20) <= 10, 1, SETTINGS["unmarked"]) * (np.arange(WIDTH) < n)
    np.testing.assert_allclose(weights[0], expected)
