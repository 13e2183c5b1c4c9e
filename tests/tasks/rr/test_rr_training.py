"""The nested training: who teaches whom, stopped and gone on with, what is written, and what is refused; by made-up studies."""

import json

import numpy as np
import pytest

from bundles import TREES
from cardiac.errors import BundleError, ConfigError, RecordError
from learning.run_folder import STATE
from tasks.rr import detector, nested, train
from tasks.rr.detector import CARD, load_detector
from tasks.rr.nested import EVERY, Nested
from tasks.rr.simulate import simulate_study
from utils import load_config


class Stopped(Exception):
    """In the place of Ctrl-C."""


@pytest.fixture(scope="module")
def config():
    return load_config(train.DEMO, [], train.DEFAULTS)


@pytest.fixture(scope="module")
def studies(config):
    return train.demonstration(config)


@pytest.fixture(scope="module")
def whole(config, studies, tmp_path_factory):
    """The folder of a run that was not stopped, what came of it, and what it reported."""
    out, reported = tmp_path_factory.mktemp("whole") / "run", []
    return out, train.fit(config, studies, out, report=reported.append), reported


def test_nothing_learns_from_a_study_that_it_answers_for(config, studies, tmp_path, monkeypatch):
    """Studies are known again by their features, which no two share."""
    features = {nested.interval_features(each.intervals_ms).tobytes(): each.record_id for each in studies}
    taught, joined, asked = [], [], []

    def learn(of_studies, targets, settings):
        taught.append({features[each.tobytes()] for each in of_studies})
        return learn_trees(of_studies, targets, settings)

    def fit_joined(logits, targets, budget=True):
        joined.append({tuple(each) for each in targets})
        return joins(logits, targets, budget)

    learn_trees, joins = nested.learn_trees, nested.fit_joined
    monkeypatch.setattr(nested, "learn_trees", learn)
    monkeypatch.setattr(nested, "fit_joined", fit_joined)
    own = Nested(studies, config, tmp_path)
    real = Nested.logits

    def logits(self, rows, trees, networks, usual=False):
        asked.append({self.studies[index].record_id for index in rows})
        return real(self, rows, trees, networks, usual)

    monkeypatch.setattr(Nested, "logits", logits)
    learnt = own.learn(0)
    outer = {each.record_id for each, fold in zip(studies, own.outer, strict=True) if fold == 0}
    inner = range(config["data"]["inner_folds"])
    assert len(taught) == len(inner) + 1 and all(not each & outer for each in taught)
    assert all(not taught[index] & asked[2 * index] for index in inner)  # two questions a fold
    teaching = {each.record_id for each in studies} - outer
    assert set.union(*asked) == teaching == taught[-1]
    assert all(each == {tuple(own.targets) for own in studies if own.record_id in teaching} for each in joined)
    own.told_of(0, learnt)
    assert asked[-1] == outer


def test_every_study_is_answered_for_once(whole, studies):
    told = whole[1]
    assert set(told.probabilities) == {"trees", EVERY}
    assert set(told.probabilities["trees"]) == {each.record_id for each in studies}
    for each in studies:
        own = told.probabilities["trees"][each.record_id]
        assert own.shape == each.targets.shape and (own >= 0).all() and (own <= 1).all()


def test_made_up_spikes_are_learnt(whole, studies):
    assert train.pooled_f1(whole[1].answers("trees", studies)) > 0.75
    assert whole[2][-1]["score"] == train.pooled_f1(whole[1].answers("trees", studies))


def test_a_stopped_training_goes_on_and_ends_as_one_that_was_not(whole, config, studies, tmp_path, monkeypatch):
    def stop(told):
        if told["fold"] == 1:
            raise Stopped

    with pytest.raises(Stopped):
        train.fit(config, studies, tmp_path, report=stop)
    with pytest.raises(ConfigError, match="add --resume"):
        train.fit(config, studies, tmp_path)
    with pytest.raises(ConfigError, match="other recordings"):
        train.fit(config, studies[1:], tmp_path, resume=True)
    learnt, learn = [], nested.learn_trees
    monkeypatch.setattr(nested, "learn_trees", lambda *told: learnt.append(1) or learn(*told))
    train.fit(config, studies, tmp_path, resume=True)
    assert len(learnt) == 6  # of twelve: an outer fold of three, and what is shipped, two inner folds and all each
    assert (tmp_path / train.NESTED).read_bytes() == (whole[0] / train.NESTED).read_bytes()
    assert (tmp_path / TREES).read_bytes() == (whole[0] / TREES).read_bytes()
    assert not (tmp_path / STATE).exists()


def test_what_was_said_is_read_as_it_was_written(whole, studies):
    read = train.read_told(whole[0] / train.NESTED)
    assert read.folds == whole[1].folds and read.thresholds == whole[1].thresholds
    for name, of_studies in whole[1].probabilities.items():
        assert all(read.probabilities[name][key] == pytest.approx(own, abs=1e-6) for key, own in of_studies.items())
    (whole[0].parent / "bad.npz").write_bytes(b"junk")
    with pytest.raises(ConfigError, match="train again"):
        train.read_told(whole[0].parent / "bad.npz")


def test_the_shipped_detector_answers_as_the_stages_that_were_joined(whole, studies):
    own = load_detector(whole[0])
    told = own.probabilities([each.intervals_ms for each in studies])
    again = [own.probabilities([each.intervals_ms])[0] for each in studies]
    assert all(np.array_equal(*pair) for pair in zip(told, again, strict=True))  # none depends on the others
    f1 = np.mean([((each >= own.threshold) == study.targets).mean() for each, study in zip(told, studies, strict=True)])
    assert f1 > 0.9  # of what it learnt from


def test_without_a_budget_no_place_becomes_less_likely(whole):
    own = load_detector(whole[0])
    long = np.concatenate([simulate_study(seed, 250).intervals_ms for seed in range(30, 60)])
    kept, every = own.probabilities([long])[0], own.without_budget.probabilities([long])[0]
    assert kept.shape == every.shape == long.shape
    assert every.sum() > 2 * kept.sum()


def test_a_long_study_is_seen_in_parts_that_nobody_sees(whole, monkeypatch):
    """Away from its ends, a study of three parts is told what a study of one part is told."""
    own = load_detector(whole[0]).without_budget
    long = np.concatenate([simulate_study(seed, 200).intervals_ms for seed in range(30, 36)])
    at_once = own.probabilities([long])[0]
    monkeypatch.setattr(detector, "LONGEST", 400)
    in_parts = own.probabilities([long])[0]
    assert in_parts.shape == at_once.shape
    assert np.mean((in_parts >= own.threshold) != (at_once >= own.threshold)) < 0.02


@pytest.mark.parametrize("intervals", [[], [0, 800], [-5.0], [float("nan")], [float("inf")], [[800, 800]]])
def test_what_is_no_interval_is_refused(whole, intervals):
    with pytest.raises(RecordError, match="over 0"):
        load_detector(whole[0]).probabilities([np.array(intervals, float)])


def test_no_study_at_all_is_no_answer(whole):
    assert load_detector(whole[0]).probabilities([]) == []


def change_card(folder, **changes):
    card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    (folder / CARD).write_text(json.dumps(card | changes), encoding="utf-8")


def copy_of(whole, tmp_path):
    for name in (CARD, TREES):
        (tmp_path / name).write_bytes((whole[0] / name).read_bytes())
    return tmp_path


def test_a_damaged_bundle_is_refused_in_a_sentence(whole, tmp_path):
    folder = copy_of(whole, tmp_path)
    change_card(folder, use="another")
    with pytest.raises(BundleError, match="was changed"):
        load_detector(folder)
    folder = copy_of(whole, tmp_path)
    (folder / TREES).write_bytes((folder / TREES).read_bytes()[:-9])
    with pytest.raises(BundleError, match="checksum"):
        load_detector(folder)
    (folder / TREES).unlink()
    with pytest.raises(BundleError, match="cannot be read"):
        load_detector(folder)
    (folder / CARD).write_text("[" * 100_000, encoding="ascii")
    with pytest.raises(BundleError, match="not JSON"):
        load_detector(folder)


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("data.n_folds=1", "at least 2"),
        ("data.inner_folds=1", "at least 2"),
        ("trees.n_trees=0", "both 0"),
        ("trees.n_trees=-1", "both 0|or more"),
        ("networks.epochs=-1", "or more"),
    ],
)
def test_settings_that_train_nothing_are_refused(setting, sentence):
    with pytest.raises(ConfigError, match=sentence):
        train.check_settings(load_config(train.DEMO, [setting], train.DEFAULTS))
