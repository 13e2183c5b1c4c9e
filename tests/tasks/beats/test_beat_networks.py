"""Networks of beats: what they learn from, that they can be stopped, and that they say the same everywhere."""

import copy
import json
import subprocess
import sys

import numpy as np
import pytest

from cardiac.errors import BundleError, ConfigError
from cardiac.records import Record
from scale.detectors import find_network_detector
from tasks.beats import net_blend, train_net
from tasks.beats.labels import CLASSES
from tasks.beats.net_blend import blend
from tasks.beats.net_bundle import CARD, GRAPH, WEIGHTS, read_card
from tasks.beats.net_classifier import load_net_classifier
from tasks.beats.net_decisions import cross_fitted, decide, fit_offsets, scores_of
from tasks.beats.net_examples import Beats, block_table, epoch_rows
from tasks.beats.net_inputs import WIDTH, Blocks, beat_inputs
from tasks.beats.net_training import NOTHING, BeatTraining
from tasks.beats.networks import NETWORKS, build_network
from utils import load_config

FS_HZ = 250.0
FEW = [
    "data.n_folds=2",
    "residual.epochs=2",
    "picture.epochs=2",
    "context.epochs=2",
    "context.batch_size=4",
]


def heart(seed: int, n_beats: int = 90, n_leads: int = 2) -> tuple[Record, np.ndarray, np.ndarray]:
    """A recording of narrow beats, early narrow ones and early wide ones; where they are, and which of CLASSES."""
    rng = np.random.default_rng(seed)
    classes = rng.choice(4, n_beats, p=[0.7, 0.1, 0.15, 0.05])
    rr = np.where(np.isin(classes, (1, 2)), 0.55, 0.85) + rng.normal(0, 0.02, n_beats)
    positions = np.round((0.3 + np.cumsum(rr)) * FS_HZ).astype(int)
    times = np.arange(positions[-1] + 60) / FS_HZ
    signal = rng.normal(0, 0.01, (n_leads, len(times)))
    for position, each in zip(positions, classes, strict=True):
        width, height = (0.04, -1.4) if each == 2 else (0.015, 1.0 if each < 3 else 0.6)
        signal[:, :] += height * np.exp(-0.5 * ((times - position / FS_HZ) / width) ** 2)
    leads = ("II", "V1")[:n_leads]
    return Record(f"made{seed}", signal.astype(np.float32), FS_HZ, leads=leads), positions, classes


@pytest.fixture(scope="module")
def beats() -> Beats:
    made = [heart(seed) for seed in range(4)]
    stretches = tuple(inputs for record, positions, _ in made for inputs in beat_inputs(record, positions))
    return Beats(
        stretches,
        np.concatenate([positions for _, positions, _ in made]),
        np.concatenate([classes for *_, classes in made]),
        tuple(record.record_id for record, *_ in made),
    )


@pytest.fixture(scope="module")
def config() -> dict:
    return load_config(train_net.DEFAULTS, FEW)


def of_model(config: dict, name: str) -> dict:
    return config | {"model": {"name": name}}


@pytest.fixture(scope="module", params=list(NETWORKS))
def bundle(request, config, beats, tmp_path_factory):
    pytest.importorskip("onnxscript", reason="requirements-export.txt is not installed")
    out = tmp_path_factory.mktemp(request.param) / "run"
    train_net.fit(of_model(config, request.param), beats, out)
    return out


def test_onnx_gives_what_torch_gives(bundle):
    record, positions, _ = heart(9)
    by_torch, by_graph = (load_net_classifier(bundle, runtime=each)(record, positions) for each in ("torch", "onnx"))
    assert by_torch.shape == (len(positions), len(CLASSES))
    assert np.allclose(by_torch.sum(axis=1), 1)
    assert np.abs(by_torch - by_graph).max() < 1e-5
    assert np.ptp(by_torch[:, 0]) > 1e-3  # beats differ, a hundred times more than the runtimes may


def test_it_classifies_without_torch(bundle):
    code = (
        "import sys, numpy as np\n"
        "from cardiac.records import Record\n"
        "from tasks.beats.net_classifier import load_net_classifier\n"
        "signal = np.random.default_rng(0).normal(0, 0.3, (1, 5000)).astype(np.float32)\n"
        f"classifier = load_net_classifier({str(bundle)!r})\n"
        "found = classifier(Record('a', signal, 250.0, leads=('II',)), np.arange(100, 4900, 200))\n"
        "assert found.shape == (24, 5) and classifier.decide(found).shape == (24,)\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("n_beats", [0, 1, 2, 25, 49])
def test_few_beats_and_those_at_the_ends(bundle, n_beats):
    record, positions, _ = heart(9)
    at = positions[:n_beats].copy()
    if n_beats > 1:
        at[0], at[-1] = 0, record.signal.shape[1] - 1
    found = load_net_classifier(bundle)(record, at)
    assert found.shape == (n_beats, len(CLASSES))
    assert np.isfinite(found).all()
    assert np.allclose(found.sum(axis=1), 1)


def test_one_lead_and_a_flat_one(bundle):
    classifier = load_net_classifier(bundle)
    record, positions, _ = heart(9, n_leads=1)
    two = Record("two", np.concatenate([record.signal, np.zeros_like(record.signal)]), FS_HZ, leads=("II", "V1"))
    flat = Record("flat", np.zeros_like(record.signal), FS_HZ, leads=("II",))
    for each in (record, two, flat):
        assert np.isfinite(classifier(each, positions)).all()


def test_a_block_alone_gives_what_it_gives_in_a_batch(bundle):
    classifier = load_net_classifier(bundle)
    inputs = next(beat_inputs(*heart(9)[:2]))
    whole = np.concatenate(list(classifier._logits(inputs)))
    blocks = classifier.card.blocks
    from tasks.beats.net_inputs import network_inputs

    for start in (0, blocks.hop, (len(inputs) - 1) // blocks.hop * blocks.hop):
        rows, present = blocks.rows(np.array([start]), len(inputs))
        taken = network_inputs(inputs.beats[rows], inputs.references[0], inputs.rhythm[rows], present)
        alone = classifier.forward(*taken)[0, blocks.around : blocks.around + blocks.hop]
        assert np.abs(alone - whole[start : start + blocks.hop]).max() < 1e-5


def test_a_bundle_that_was_changed_is_refused(bundle, tmp_path):
    def damaged(name: str, content: bytes) -> str:
        folder = tmp_path / name
        folder.mkdir()
        for each in (CARD, GRAPH, WEIGHTS):
            (folder / each).write_bytes((bundle / each).read_bytes())
        (folder / name).write_bytes(content)
        return folder

    card = json.loads((bundle / CARD).read_text())
    with pytest.raises(BundleError, match="was changed"):
        read_card(damaged(CARD, json.dumps(card | {"name": "another"}).encode()))
    graph = (bundle / GRAPH).read_bytes()
    with pytest.raises(BundleError, match="checksum"):
        load_net_classifier(damaged(GRAPH, graph[:-1] + bytes([graph[-1] ^ 1])), runtime="onnx")
    with pytest.raises(BundleError, match="checksum"):
        load_net_classifier(damaged(WEIGHTS, b"nothing"), runtime="torch")
    with pytest.raises(ConfigError, match="preferred"):
        load_net_classifier(bundle, prefer="luck")
    with pytest.raises(BundleError, match="missing"):
        load_net_classifier(tmp_path / "nowhere")


def test_what_a_run_writes(bundle, beats):
    with np.load(bundle / train_net.OUT_OF_FOLD) as file:
        assert np.array_equal(file["classes"], beats.classes)
        assert np.allclose(file["probabilities"].sum(axis=1), 1)
        assert all(len(set(file["folds"][file["record_ids"] == name])) == 1 for name in beats.record_ids)
    for name in ("loss.png", "accuracy.png"):
        assert (bundle / "plots" / name).read_bytes().startswith(b"\x89PNG")
    epochs = json.loads((bundle / train_net.ACCURACY).read_text())
    assert [*epochs] == ["fold0", "fold1", "all"]
    assert all([each["epoch"] for each in told] == [1, 2] for told in epochs.values())
    with pytest.raises(ConfigError, match="finished bundle"):
        train_net.fit({}, beats, bundle)


@pytest.mark.parametrize("model", list(NETWORKS))
def test_folds_are_of_whole_records(config, beats, model, tmp_path):
    training = train_net.make_training(of_model(config, model), beats, tmp_path)
    of_row = np.array(beats.record_ids)[training.table.stretch]
    for fold in range(2):
        learnt, held_out = set(of_row[training.rows(fold)]), set(of_row[training.folds == fold])
        assert learnt
        assert held_out
        assert not learnt & held_out
    assert set(of_row[training.rows(None)]) == set(beats.record_ids)


@pytest.mark.parametrize("model", list(NETWORKS))
def test_what_is_drawn_is_of_the_rows_own_records(config, beats, model, tmp_path):
    """However a row is exchanged or moved: were another record's beats drawn, folds would leak."""
    quiet = copy.deepcopy(config)
    quiet["train"] |= {"one_lead": 0.0, "other_reference": 0.0, "gain": 0.0}
    training = train_net.make_training(of_model(quiet, model), beats, tmp_path)
    rows = training.rows(0)[::5]
    shapes, _, present, _ = training.draw(rows, np.random.default_rng(0))
    for row, block, there in zip(rows, shapes, present, strict=True):
        own = beats.stretches[training.table.stretch[row]].beats
        for beat in block[there > 0][:3]:
            apart = [np.abs(np.roll(own, by, axis=-1) - beat[:2]).max(axis=(1, 2)).min() for by in range(-2, 3)]
            assert min(apart) < 1e-6


def test_blocks_answer_every_beat_once(config, beats, tmp_path):
    training = train_net.make_training(of_model(config, "context"), beats, tmp_path)
    network = build_network("context", **training.arguments)
    predicted = training.predict([network.eval()], np.arange(len(training.folds)))
    probabilities, which = training.by_beat(predicted, np.arange(len(training.folds)))
    assert np.array_equal(np.sort(which), np.arange(len(beats.classes)))
    assert np.allclose(probabilities.sum(axis=1), 1)


def test_the_network_of_training_is_that_of_the_classifier(bundle, config, beats, tmp_path):
    """One path: what `predict` says in training is what the classifier says of the recording."""
    classifier = load_net_classifier(bundle, runtime="torch")
    training = train_net.make_training(of_model(config, classifier.card.name), beats, tmp_path)
    from safetensors.torch import load

    network = build_network(**classifier.card.network)
    network.load_state_dict(load((bundle / WEIGHTS).read_bytes()))
    record, positions, _ = heart(2)
    rows = np.flatnonzero(training.table.stretch == 2)
    probabilities, _ = training.by_beat(training.predict([network.eval()], rows), rows)
    assert np.abs(classifier(record, positions)[:, :4] - probabilities).max() < 1e-5


def test_a_seed_is_a_pair(config, beats, tmp_path):
    def drawn(seed: int) -> np.ndarray:
        training = train_net.make_training(of_model(config, "context"), beats, tmp_path)
        return training.draw(training.rows(0), np.random.default_rng(seed))[0]

    assert np.array_equal(drawn(1), drawn(1))
    assert not np.array_equal(drawn(1), drawn(2))


def test_a_stopped_run_ends_as_one_that_was_not(config, beats, tmp_path):
    def weights(out, stop_after=None):
        class Stopped(Exception):
            pass

        def fit(resume):
            original = train_net.Reports.__call__
            seen = []

            def counting(self, told):
                original(self, told)
                seen.append(told)
                if stop_after and not resume and len(seen) == stop_after:
                    raise Stopped

            train_net.Reports.__call__ = counting
            try:
                return train_net.fit(of_model(config, "residual"), beats, out, resume, bundle=False)
            finally:
                train_net.Reports.__call__ = original

        if stop_after:
            with pytest.raises(Stopped):
                fit(False)
            with pytest.raises(ConfigError, match="stopped"):
                fit(False)
        fit(bool(stop_after))
        with np.load(out / train_net.OUT_OF_FOLD) as file:
            return file["probabilities"]

    assert np.array_equal(weights(tmp_path / "whole"), weights(tmp_path / "stopped", stop_after=1))


def test_q_and_what_lies_beyond_the_record_teach_nothing(config, beats):
    classes = beats.classes.copy()
    classes[:3] = CLASSES.index("Q")
    training = BeatTraining(config, "context", Beats(beats.stretches, beats.positions, classes, beats.record_ids), {})
    *_, rhythm, present, told = training._batch(np.array([0]), None)
    around = training.blocks.around
    assert (told[0, : around + 3] == NOTHING).all()
    assert (told[0, around + 3 :] >= 0).all()
    assert (present[0, :around] == 0).all()
    assert not rhythm[0, :around].any()


def test_balanced_sampling_takes_as_many_of_each(beats):
    table = block_table(beats, Blocks(1, 0))
    rows = epoch_rows(table, table.stretch != 0, 2, "balanced", np.random.default_rng(0))
    counts = np.bincount(table.rarest[rows], minlength=4)
    assert counts.min() == counts.max() > 0
    natural = epoch_rows(table, table.stretch != 0, 2, "natural", np.random.default_rng(0))
    assert len(np.unique(natural)) == len(natural)
    assert not (table.stretch[np.concatenate([rows, natural])] == 0).any()


def test_offsets_raise_what_they_are_fitted_for():
    rng = np.random.default_rng(0)
    classes = rng.choice(4, 4000, p=[0.9, 0.03, 0.05, 0.02])
    logits = rng.normal(0, 1, (4000, 4)) + 2.0 * np.eye(4)[classes] + np.log([0.97, 0.01, 0.01, 0.01])
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    plain = scores_of(decide(probabilities, np.zeros(4)), classes)
    fitted = scores_of(decide(probabilities, fit_offsets(probabilities, classes, "f1")), classes)
    assert fitted["macro"] > plain["macro"] + 0.02
    by_recall = decide(probabilities, fit_offsets(probabilities, classes, "recall"))
    by_f1 = decide(probabilities, fit_offsets(probabilities, classes, "f1"))
    assert (by_recall == 0).sum() < (by_f1 == 0).sum()
    folds = rng.integers(0, 3, 4000)
    kept = cross_fitted(probabilities, classes, folds, "f1")
    changed = classes.copy()
    changed[folds == 0] = 0
    assert np.array_equal(cross_fitted(probabilities, changed, folds, "f1")[folds == 0], kept[folds == 0])


def test_a_picture_is_the_beat_row_by_row():
    import torch

    from tasks.beats.networks import pictures_of

    shapes = torch.arange(4 * WIDTH, dtype=torch.float32).view(1, 4, WIDTH)
    pictures = pictures_of(shapes)
    assert pictures.shape == (1, 2, 16, 12)
    assert torch.equal(pictures[0, 0].flatten()[:96], shapes[0, 0, 2:98])
    assert torch.equal(pictures[0, 0].flatten()[96:], shapes[0, 1, 2:98])
    assert torch.equal(pictures[0, 1].flatten()[:96], shapes[0, 2, 2:98])


def test_the_command_line_names_a_setting_that_is_none(capsys, tmp_path):
    assert train_net.main(["--set", "context.epoch=2", "--out", str(tmp_path / "run")]) == 2
    assert "context.epochs" in capsys.readouterr().err


def test_a_blend_is_the_mean_of_logarithms():
    one, other = np.array([[0.8, 0.2], [0.5, 0.5]]), np.array([[0.2, 0.8], [0.9, 0.1]])
    together = blend([one, other])
    assert np.allclose(together, [[0.5, 0.5], [0.75, 0.25]])
    assert np.allclose(blend([one, one]), one)


def test_what_was_found_out_of_fold_is_compared(bundle, capsys):
    assert net_blend.main(["--nets", str(bundle / train_net.OUT_OF_FOLD)]) == 0
    assert "| run, threshold |" in capsys.readouterr().out
    assert net_blend.main(["--nets", str(bundle / CARD)]) == 1
    assert "train the network first" in capsys.readouterr().err


def test_curves_by_epoch_figures_and_pictures_are_tracked(tracked, config, beats, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(train_net, "open_data", lambda folder, config: beats)
    settings = [part for each in FEW for part in ("--set", each)]
    kept = ["--out", str(tmp_path / "run"), "--track", f"sqlite:///{tmp_path}/m.db"]
    assert train_net.main(["--model", "residual", *settings, *kept, "--folds-only"]) == 0
    assert "4 records of DS1" in capsys.readouterr().out
    assert tracked.name == "beats residual"
    assert tracked.params["model.name"] == "residual" and tracked.params["residual.epochs"] == "2"
    curves = {(f"fold{fold}.{name}", epoch) for fold in (0, 1) for name in train_net.CURVES for epoch in (1, 2)}
    assert curves | {("f1.f1.S", 0), ("so_far.score", 1)} <= set(tracked.metrics)
    assert tracked.pictures == ["accuracy.png", "loss.png"]
    assert tracked.tags["mlflow.source.git.commit"] and tracked.status == ["FINISHED"]


def test_the_score_so_far_is_of_all_beats_by_the_other_folds_offsets(config, beats, tmp_path):
    told = []
    scores = train_net.fit(of_model(config, "picture"), beats, tmp_path, report=told.append, bundle=False)
    last = [each["so_far"] for each in told if "fold" in each][-1]
    assert last == pytest.approx(
        {"score": np.mean([scores["f1"][name] for name in "NSV"])}
        | {f"f1_{name}": scores["f1"][name] for name in "NSVF"}
    )


def test_a_fold_alone_is_decided_by_the_likeliest_class_and_two_by_each_others_offsets(config, beats):
    """Every S and V is said to be half as likely as N, which offsets of S and V mend; F stays N."""
    training = BeatTraining(config, "picture", beats, {})
    probabilities = 0.3 * np.eye(4)[beats.classes] + np.array([0.6, 0.01, 0.01, 0.01])
    halves = np.array_split(np.arange(len(beats.classes)), 2)
    for fold, own in enumerate(halves):
        training.told[fold] = probabilities[own], own
        score = training.scores_so_far()["score"]
        assert score > 0.9 if fold else score < 0.5


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("model.name=resdual", "model.name is 'resdual'"),
        ("data.n_folds=1", "give at least 2"),
        ("data.sampling=all", "use one of natural"),
    ],
)
def test_settings_by_which_nothing_could_be_trained(setting, told, capsys, tmp_path):
    assert train_net.main(["--set", setting, "--out", str(tmp_path / "run")]) == 2
    assert told in capsys.readouterr().err


def test_the_demonstration_and_the_space_to_search():
    config = load_config(train_net.DEMO, [], train_net.DEFAULTS)
    train_net.check_settings(config)
    made = train_net.demonstration(config)
    assert len(set(made.record_ids)) == 9
    assert set(made.classes) == {0, 1, 2, 3}
    assert find_network_detector("tasks.beats.train_net") is train_net


def test_a_card_tells_the_code_that_trained_it(bundle):
    assert read_card(bundle).training["code_revision"]
