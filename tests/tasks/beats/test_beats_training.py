"""The trees' training: stopped and gone on with, its folds, its curves and what is tracked of it; by made-up hearts."""

import json

import numpy as np
import pytest

from cardiac.errors import CardiacError, ConfigError
from learning.run_folder import LOG, RUN, STATE
from tasks.beats import train, tree_plots
from tasks.beats.classifier import CARD, decide, load_classifier, to_probabilities
from tasks.beats.examples import BOTH
from tasks.beats.labels import CLASSES, DS1
from tasks.beats.out_of_fold import decide_across, f1_of, offsets_across, search_scores
from tasks.beats.simulate import WAVES, simulate_heart
from tasks.beats.trees import choose_offsets
from utils import load_config


class Stopped(Exception):
    """In the place of Ctrl-C."""


@pytest.fixture(scope="module")
def config():
    return load_config(train.DEMO, ["trees.n_trees=8"], train.DEFAULTS)


@pytest.fixture(scope="module")
def hearts(config):
    return train.demonstration(config)


@pytest.fixture(scope="module")
def whole(config, hearts, tmp_path_factory):
    """The folder of a run that was not stopped, what came of it, and what it reported."""
    out, told = tmp_path_factory.mktemp("whole") / "run", []
    return out, train.fit(config, hearts, out, report=told.append), told


def stopping_after(n_folds):
    def report(told):
        if told["fold"] + 1 == n_folds:
            raise Stopped

    return report


def test_a_stopped_training_goes_on_and_ends_as_one_that_was_not(whole, config, hearts, tmp_path, monkeypatch):
    with pytest.raises(Stopped):
        train.fit(config, hearts, tmp_path, report=stopping_after(2))
    assert sorted(each.name for each in (tmp_path / STATE).iterdir()) == ["fold0.npz", "fold1.npz"]
    with pytest.raises(ConfigError, match="add --resume"):
        train.fit(config, hearts, tmp_path)
    with pytest.raises(ConfigError, match="other settings"):
        train.fit(load_config(train.DEMO, [], train.DEFAULTS), hearts, tmp_path, resume=True)
    with pytest.raises(ConfigError, match="other recordings"):
        train.fit(config, hearts[1:], tmp_path, resume=True)
    learnt, learn = [], train.learn
    monkeypatch.setattr(
        train, "learn", lambda records, settings: learnt.append(len(records)) or learn(records, settings)
    )
    told = []
    train.fit(config, hearts, tmp_path, resume=True, report=told.append)
    assert learnt == [6, 9]  # the last of three folds, and all nine hearts
    assert told == whole[2]
    for name in (CARD, "trees.npz", train.FOLDS):
        assert (tmp_path / name).read_bytes() == (whole[0] / name).read_bytes()
    assert not (tmp_path / STATE).exists() and not (tmp_path / RUN).exists() and (tmp_path / LOG).is_file()


def test_a_training_that_is_stopped_at_its_very_end_goes_on(config, hearts, tmp_path, monkeypatch):
    def saving(*arguments):
        save(*arguments)
        raise Stopped

    save = train.save_classifier
    monkeypatch.setattr(train, "save_classifier", saving)
    with pytest.raises(Stopped):
        train.fit(config, hearts, tmp_path)
    monkeypatch.setattr(train, "save_classifier", save)
    train.fit(config, hearts, tmp_path, resume=True)
    assert not (tmp_path / STATE).exists()


def test_a_damaged_fold_is_named(config, hearts, tmp_path):
    with pytest.raises(Stopped):
        train.fit(config, hearts, tmp_path, report=stopping_after(1))
    (tmp_path / STATE / "fold0.npz").write_bytes(b"half")
    with pytest.raises(CardiacError, match=r"fold0\.npz: cannot be read: delete it"):
        train.fit(config, hearts, tmp_path, resume=True)


def test_a_finished_bundle_is_not_overwritten(whole, config, hearts):
    with pytest.raises(ConfigError, match="finished bundle"):
        train.fit(config, hearts, whole[0])


def test_folds_are_disjoint_by_record(whole, config, hearts, tmp_path, monkeypatch):
    """What a fold's trees learn from and what they are asked about, as the training itself does it."""
    learnt, asked, learn, say = [], {}, train.learn, train.say

    def learning(records, settings):
        learnt.append({each.record_id for each in records})
        return learn(records, settings)

    def saying(trees, record, *rest):
        asked.setdefault(len(learnt) - 1, set()).add(record.record_id)
        return say(trees, record, *rest)

    monkeypatch.setattr(train, "learn", learning)
    monkeypatch.setattr(train, "say", saying)
    train.fit(config, hearts, tmp_path, bundle=False)
    everybody = {each.record_id for each in hearts}
    assert len(learnt) == len(asked) == 3
    for fold, held in asked.items():
        assert held and not held & learnt[fold]
        assert held | learnt[fold] == everybody
    assert set.union(*asked.values()) == everybody
    assert not (tmp_path / CARD).exists() and not (tmp_path / train.PLOTS).exists()


def test_the_reported_score_is_that_of_all_beats_so_far(whole, hearts):
    """By hand, from folds.npz: each record by the trees that did not learn from it, decided by the other folds' offsets."""
    out, fitted, told = whole
    known, folds = train.read_folds(out / train.FOLDS), load_classifier(out).card["training"]["folds"]
    probabilities = [to_probabilities(known[each.record_id].trees(each.forms[BOTH])) for each in hearts]
    decided = []
    for heart, own in zip(hearts, probabilities, strict=True):
        others = [index for index, each in enumerate(hearts) if folds[each.record_id] != folds[heart.record_id]]
        of_others = [probabilities[index] for index in others], [hearts[index].classes for index in others]
        assert known[heart.record_id].ectopic is None  # made-up hearts teach it nothing
        decided.append(decide(own, choose_offsets(*map(np.concatenate, of_others))["f1"]))
    decided, classes = np.concatenate(decided), np.concatenate([each.classes for each in hearts])
    f1 = {}
    for index, name in enumerate("NSVF"):
        right = ((decided == index) & (classes == index)).sum()
        f1[name] = 2 * right / ((decided == index).sum() + (classes == index).sum())
    assert [each["fold"] for each in told] == [0, 1, 2]
    assert told[-1]["so_far"] == pytest.approx(
        {"score": (f1["N"] + f1["S"] + f1["V"]) / 3} | {f"f1_{name}": f1[name] for name in f1}
    )
    assert fitted.figures["both"]["f1"] == pytest.approx(f1)
    assert told[0]["so_far"] != told[-1]["so_far"]
    assert f1["V"] > 0.9


def test_a_card_tells_code_folds_and_figures(whole):
    training = load_classifier(whole[0]).card["training"]
    assert training["code_revision"]
    assert training["out_of_fold_f1"]["both"]["f1"]["V"] == round(whole[1].figures["both"]["f1"]["V"], 4)
    assert len(training["folds"]) == 9


def test_pictures_lie_in_plots(whole):
    for name in ("loss", "accuracy", "precision_recall"):
        assert (whole[0] / train.PLOTS / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_curves_end_at_what_all_trees_say(whole, config, hearts):
    """The parts of the trees add up to the trees, of one model a class or of the mean of two."""
    for seeds in (1, 2):
        trees = train.learn(hearts[:3], config["trees"] | {"seeds": seeds})
        numbers, parts = tree_plots._parts(trees, seeds)
        assert numbers == [*range(1, 9)]
        features = hearts[5].forms[BOTH][:50]
        np.testing.assert_allclose(sum(part(features) for part in parts), trees(features), atol=1e-9)
        assert all(len(part.output) == len(trees.output) / 8 for part in parts)
    for history in whole[1].curves.values():
        assert [each["epoch"] for each in history] == numbers
        assert history[-1]["train_loss"] < history[0]["train_loss"]
        assert history[-1]["held_accuracy"] > 0.8


def test_precision_and_recall_by_hand():
    probabilities, truth = np.array([0.9, 0.8, 0.8, 0.1]), np.array([True, True, False, True])
    recall, precision = tree_plots.precision_recall(probabilities, truth)
    assert recall == pytest.approx([1 / 3, 2 / 3, 1])
    assert precision == pytest.approx([1, 2 / 3, 3 / 4])


def test_offsets_of_a_fold_know_nothing_of_it():
    classes, folds = np.array([0, 1, 0, 1, 2]), np.array([0, 0, 1, 1, 1])
    probabilities = np.full((5, 5), 0.2)

    def choose(_, others):
        return np.full(5, float(others.sum()))

    chosen = offsets_across(probabilities, classes, folds, choose)
    assert {fold: each[0] for fold, each in chosen.items()} == {0: 3.0, 1: 1.0}
    decided = decide_across(probabilities, folds, chosen, lambda some, offsets: np.full(len(some), int(offsets[0])))
    assert decided.tolist() == [3, 3, 1, 1, 1]
    assert not offsets_across(probabilities[:2], classes[:2], folds[:2], choose)[0].any()


def test_a_search_compares_by_n_s_and_v_where_they_are():
    f1 = f1_of(np.array([0, 0, 1, 3]), np.array([0, 0, 1, 0]))
    assert np.isnan(f1["V"]) and f1["F"] == 0
    assert search_scores(f1)["score"] == pytest.approx((0.8 + 1) / 2)


def test_made_up_hearts_are_pairs_by_their_seed():
    record, positions, classes = simulate_heart(4)
    again, other = simulate_heart(4)[0], simulate_heart(5)[0]
    assert np.array_equal(record.signal, again.signal)
    assert record.signal.shape != other.signal.shape or not np.array_equal(record.signal, other.signal)
    assert len(positions) == len(classes) == 240
    assert {CLASSES[each] for each in classes} == {*WAVES}
    r = np.abs(record.signal[0][positions[classes == 0]])
    assert (r > 0.4).mean() > 0.95  # a beat is where its position says


def test_what_is_opened_is_ds1_alone(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(train, "read_taught", lambda folder, record_id: asked.append(record_id))
    train.open_data(tmp_path, {})
    assert asked == [*DS1]


def test_parameters_metrics_curves_pictures_and_commit_are_tracked(tracked, hearts, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(train, "open_data", lambda folder, config: hearts)
    settings = ["--set", "trees.n_trees=4", "--config", str(train.DEMO)]
    assert train.main([*settings, "--out", str(tmp_path / "run"), "--track", f"sqlite:///{tmp_path}/m.db"]) == 0
    assert "| both | f1 |" in capsys.readouterr().out
    assert tracked.name == "beats"
    assert tracked.params["trees.n_trees"] == "4" and tracked.params["data.n_folds"] == "3"
    assert {("f1.both.f1.S", 0), ("f1.second.recall.V", 0), ("fold2.held_loss", 4)} <= set(tracked.metrics)
    assert tracked.pictures == ["accuracy.png", "loss.png", "precision_recall.png"]
    assert tracked.tags["mlflow.source.git.commit"]
    assert tracked.status == ["FINISHED"]


def test_a_setting_that_is_none_is_said_before_anything_is_read(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(train, "open_data", None)
    assert train.main(["--set", "data.n_folds=1", "--out", str(tmp_path / "run")]) == 2
    assert "data.n_folds is 1" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_shipped_configurations_are_read_and_are_sound():
    for path in (train.DEFAULTS, train.DEMO):
        train.check_settings(load_config(path, [], train.DEFAULTS))
    assert json.dumps(load_config(train.DEFAULTS))
