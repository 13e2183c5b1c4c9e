"""The figures: by scikit-learn's, by patients drawn one by one; the documents and the card say what the stored answers give."""

import re

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, recall_score

from bundles import ROOT
from cardiac.errors import ConfigError
from tasks.ppg import evaluate, scores
from tasks.ppg.bundle import SHIPPED, load_bundle
from tasks.ppg.dataset import find_data, read_segments
from tasks.ppg.families import families_of
from tasks.ppg.out_of_fold import OutOfFold, read_out_of_fold, write_out_of_fold
from tasks.ppg.train import macro_f1
from utils import load_config


@pytest.fixture
def said():
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 4, 600)
    return np.where(rng.random(600) < 0.6, targets, rng.integers(0, 4, 600)), targets, rng.integers(0, 12, 600)


def test_figures_are_scikit_learns(said):
    answers, targets, patients = said
    own = scores.scores_of(answers, targets, patients, 4)
    assert np.array_equal(own.counts, confusion_matrix(targets, answers))
    assert own.macro_f1[0] == pytest.approx(f1_score(targets, answers, average="macro"))
    assert macro_f1(answers, targets, 4) == pytest.approx(own.macro_f1[0])
    assert own.accuracy[0] == pytest.approx(accuracy_score(targets, answers))
    assert [each[0] for each in own.sensitivity] == pytest.approx(recall_score(targets, answers, average=None).tolist())


def test_intervals_are_of_patients_and_not_of_segments(said):
    answers, targets, patients = said
    drawn, rng = [], np.random.default_rng(5)
    for _ in range(400):
        rows = np.concatenate([np.flatnonzero(patients == each) for each in rng.integers(0, 12, 12)])
        drawn.append(accuracy_score(targets[rows], answers[rows]))
    low, high = np.percentile(drawn, [2.5, 97.5])
    own = scores.scores_of(answers, targets, patients, 4)
    assert own.accuracy[1:] == pytest.approx((low, high), abs=0.012)
    together = scores.scores_of(np.repeat(answers, 5), np.repeat(targets, 5), np.repeat(patients, 5), 4)
    assert together.macro_f1 == pytest.approx(own.macro_f1)  # five times the segments of a patient are no more patients


def test_a_kind_that_is_never_there_or_said_has_no_f1():
    own = scores.scores_of(np.zeros(4, int), np.zeros(4, int), np.arange(4), 2)
    assert [each[0] for each in own.f1] == [1.0, 0.0]


def test_what_was_said_is_read_as_it_was_written(said, tmp_path):
    answers, targets, patients = said
    told = OutOfFold(np.eye(4, dtype=np.float32)[answers], targets, patients, patients % 3, {"trees": answers})
    write_out_of_fold(tmp_path, told)
    own = read_out_of_fold(tmp_path)
    for name in ("probabilities", "targets", "patients", "folds"):
        assert np.array_equal(getattr(own, name), getattr(told, name))
    assert np.array_equal(own.said["trees"], answers)
    text = evaluate.report(own, tuple("abcd"), 12)
    assert f"| trees and ridge, joined | {accuracy_score(targets, answers):.3f}"[:27] in text
    with pytest.raises(ConfigError, match="give the folder of a training"):
        read_out_of_fold(tmp_path / "none")


def test_the_document_holds_the_tables_of_the_shipped_classifier():
    written = (ROOT / "docs" / "ppg_tables.md").read_text(encoding="utf-8")
    assert written == evaluate.bundle_report(SHIPPED) + "\n"
    page = (ROOT / "docs" / "ppg.md").read_text(encoding="utf-8")
    families = (*evaluate.FAMILIES.values(), *evaluate.MORE.values(), evaluate.JOINED)
    rows = [each for each in written.splitlines() if each.startswith(tuple(f"| {name} | " for name in families))]
    assert len(rows) == 7
    for row in rows:
        value = re.match(r"\| [^|]+ \| ([^|]+) \|", row).group(1)
        assert value in page, row


def test_the_card_says_what_the_stored_answers_give():
    told, training = read_out_of_fold(SHIPPED), load_bundle().card["training"]
    figure = macro_f1(told.probabilities.argmax(axis=1), told.targets, 6)
    assert training["out_of_fold_macro_f1"] == round(figure, 4)
    assert "dirty" not in training["code"]
    settings = load_config(ROOT / "configs" / "ppg.toml", [], ROOT / "configs" / "ppg.toml")
    assert training["settings"] == {key: dict(section) for key, section in settings.items()}


def test_the_stored_answers_are_of_these_recordings_by_patient(real_data):
    segments, told = read_segments(find_data(real_data / "ppg")), read_out_of_fold(SHIPPED)
    assert np.array_equal(told.targets, segments.targets)
    assert np.array_equal(told.patients, np.unique(segments.patients, return_inverse=True)[1])
    assert len(np.unique(told.patients)) == 40
    assert len(np.unique(np.column_stack([told.patients, told.folds]), axis=0)) == 40  # nobody in two


def test_other_families_are_answered_by_what_did_not_see_the_fold(monkeypatch):
    from tasks.ppg import families

    taught = []

    def features(teaches, targets, asked):
        taught.append((set(teaches[:, 0, 0]), set(asked[:, 0, 0])))
        return teaches[:, 0, :5], asked[:, 0, :5]

    monkeypatch.setitem(families.FAMILIES, "mini", features)
    rng = np.random.default_rng(0)
    targets = np.arange(60) % 2
    steps = (np.arange(60)[:, None] + 100 * targets[:, None] + rng.integers(0, 9, (60, 20)) * [0, *[1] * 19]).astype(
        np.int16
    )
    told = OutOfFold(np.zeros((60, 2)), targets, np.arange(60) // 4, np.arange(60) // 4 % 3, {})
    own = families_of(steps, told, ["mini"])
    assert len(taught) == 3 and not any(teaches & asked for teaches, asked in taught)
    assert np.mean(own.said["mini"] == targets) > 0.9
