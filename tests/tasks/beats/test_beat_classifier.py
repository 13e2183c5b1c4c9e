"""A classifier trained on made-up hearts: learns, is kept and read back, is refused where it was changed, is scored."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from cardiac.errors import BundleError, ConfigError
from tasks.beats import evaluate, train, treatments
from tasks.beats.classifier import CARD, SHIPPED, decide, load_classifier, to_probabilities
from tasks.beats.examples import Taught
from tasks.beats.labels import CLASSES
from tasks.beats.trees import choose_offsets, examples
from tests.tasks.beats.made_up_hearts import irregular_heart, made_up, write_database

N, S, V = range(3)
QUICK = [
    "trees.n_trees=12",
    "trees.learning_rate=0.3",
    "trees.one_normal_of=1",
    "trees.min_records=5",
    "data.n_folds=3",
]
RECORDS = ("101", "106", "108", "109", "112", "232")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The database, the bundle's folder, and what training printed."""
    folder = tmp_path_factory.mktemp("beats")
    data = write_database(folder / "mitdb", RECORDS)
    config = train.load_config(train.DEFAULTS, QUICK, train.DEFAULTS)
    fitted = train.fit(config, train.open_data(data, config, RECORDS), folder / "bundle")
    return data, folder / "bundle", train.table(fitted.figures).splitlines()


def test_early_and_wide_beats_of_a_heart_that_did_not_teach_are_told_apart(trained):
    classifier = load_classifier(trained[1])
    times, symbols = irregular_heart(seed=99)
    truth = np.array([{"N": N, "A": S, "V": V}[each] for each in symbols])
    record, positions = made_up(times, np.flatnonzero(truth == V), np.flatnonzero(truth == S), seed=99)
    probabilities = classifier(record, positions)
    assert probabilities.shape == (len(times), len(CLASSES))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (classifier.decide(probabilities) == truth).mean() > 0.97


def test_folds_are_of_whole_records_and_none_knows_its_own(trained):
    card = load_classifier(trained[1]).card
    assert sorted(card["training"]["folds"]) == sorted(RECORDS)
    known = train.read_folds(trained[1] / train.FOLDS)
    assert sorted(known) == sorted(RECORDS)
    for one, fold in card["training"]["folds"].items():
        for other, of_other in card["training"]["folds"].items():
            same = np.array_equal(known[one].trees.value, known[other].trees.value)
            assert same == (fold == of_other)


def test_both_operating_points_are_read_and_an_unknown_one_is_refused(trained):
    for prefer in ("f1", "recall"):
        assert load_classifier(trained[1], prefer).prefer == prefer
    with pytest.raises(ConfigError, match="no operating point is called 'precision'"):
        load_classifier(trained[1], "precision")


@pytest.mark.parametrize("name", [CARD, "trees.npz"])
def test_a_bundle_that_was_changed_is_refused(trained, tmp_path, name):
    for each in (CARD, "trees.npz"):
        (tmp_path / each).write_bytes((trained[1] / each).read_bytes())
    load_classifier(tmp_path)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content.replace(b"0.", b"1.", 1) if name == CARD else content[:-1] + b"!")
    with pytest.raises(BundleError, match="copy the bundle again"):
        load_classifier(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(BundleError, match="missing"):
        load_classifier(tmp_path)


def test_the_shipped_classifier_answers_one_lead_and_two():
    classifier = load_classifier(SHIPPED)
    times, _ = irregular_heart(seed=7, share=0)
    record, positions = made_up(times)
    for form in (record, replace(record, signal=record.signal[:1], leads=record.leads[:1])):
        assert (classifier.decide(classifier(form, positions)) == N).mean() > 0.9
        for few in ([], positions[:1], positions[:2]):
            assert classifier(form, np.array(few, int)).shape == (len(few), len(CLASSES))


def test_the_shipped_classifier_learnt_from_no_record_that_tests():
    from tasks.beats.labels import DS1

    assert json.loads((SHIPPED / CARD).read_text())["training"]["records"] == [*DS1]


def test_offsets_raise_what_was_said_too_rarely():
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 3, 600)
    logits = np.full((600, 5), -6.0)
    logits[np.arange(600), classes] = 1.0
    logits[:, S] -= 1.6 + 6 * (classes != S)
    logits[:, N] = np.where(classes == S, 0.0, logits[:, N])
    probabilities = to_probabilities(logits)
    assert (decide(probabilities, np.zeros(5)) == S).sum() == 0
    offsets = choose_offsets(probabilities, classes)
    assert (decide(probabilities, offsets["f1"]) == classes).all()


def test_what_cannot_be_trained_by_is_refused(tmp_path):
    for setting in ("data.n_folds=1", "trees.weights=[1.0]", "trees.n_trees=0"):
        config = train.load_config(train.DEFAULTS, [setting], train.DEFAULTS)
        with pytest.raises(ConfigError, match=setting.split("=")[0]):
            train.fit(config, [], tmp_path / "out")


def test_tables_of_the_protocol(trained):
    data, bundle, printed = trained
    classifier = load_classifier(bundle)
    by_record = evaluate.out_of_fold_classifiers(bundle, classifier)
    lines = evaluate.tables(evaluate.score_all(data, [*by_record], by_record.__getitem__))
    assert len(printed) == 2 + 3 * 2
    figures = [line for line in lines if line.startswith("| annotated, both, f1 |")]
    assert len(figures) == 2  # with 232 and without
    assert all(float(line.split("|")[2].split()[0]) > 0.95 for line in figures)
    assert sum(line.startswith("| 101 |") for line in lines) == 2  # annotated and found


def test_two_records_scored_by_hand(trained):
    n = np.zeros((6, 6), int)
    n[N, N], n[S, S], n[S, N], n[V, V], n[N, V] = 90, 3, 1, 4, 2
    scored = [evaluate.Scored(name, {("annotated", "both", "f1"): n}) for name in ("1", "2")]
    figures = evaluate.figures(scored, ("annotated", "both", "f1"))
    assert figures[1].value == pytest.approx(6 / 7) and figures[1].positives == 8 and figures[1].n == 2
    assert figures[5].value == pytest.approx(0.75) and figures[8].value == pytest.approx(4 / 6)
    assert (figures[1].low, figures[1].high) == (pytest.approx(6 / 7), pytest.approx(6 / 7))  # both records alike
    assert evaluate.records_table(scored, ("annotated", "both", "f1"))[2] == "| 1 | 4 | 3 | 3 | 4 | 4 | 6 |"


def test_command_lines(trained, capsys, monkeypatch):
    data, bundle, _ = trained
    monkeypatch.setattr(evaluate, "DS2", ("232",))
    assert evaluate.main(["--data", str(data), "--classifier", str(bundle), "--ds2"]) == 0
    assert "all 1 records" in capsys.readouterr().out
    assert evaluate.main(["--data", str(data / "none")]) == 1
    assert "there is no such folder" in capsys.readouterr().err
    assert train.main(["--data", str(data), "--set", "trees.nothing=1"]) == 2
    lines = evaluate.leak_lines(data, load_classifier(bundle), RECORDS)
    assert "leaks" in lines[0] and len(lines) == 7


def test_weights_balance_classes_within_records():
    settings = train.load_config(train.DEFAULTS, ["trees.record_balance=1.0"], train.DEFAULTS)["trees"]
    classes = np.repeat([N, S, V], [100, 20, 400])
    features = np.arange(520.0)[:, None]
    _, kept, weights = examples([Taught("1", (features, features), classes)], settings)
    assert [weights[kept == each].sum() for each in (N, S, V)] == pytest.approx(
        [150, 75, 75]
    )  # both leads, and one at half


def test_treatments_are_tabled_one_at_a_time(trained, monkeypatch, capsys):
    monkeypatch.setattr(treatments, "DS1", RECORDS)
    monkeypatch.setattr(treatments, "TREATMENTS", {"none": ["trees.record_balance=0.0"], "as it is": []})
    settings = [part for each in QUICK for part in ("--set", each)]
    assert treatments.main(["--data", str(trained[0]), *settings]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("|")[1].strip() for line in lines[:6]] == [
        "treatment",
        "---",
        "none",
        "none",
        "as it is",
        "as it is",
    ]
    assert all(float(line.split("|")[4]) > 0.9 for line in lines[2:6])
    assert re.match(r"\| \d stretches in which S outnumber|No record has S", lines[7])


@pytest.mark.parametrize("part", ["ds1", "ds2"])
def test_the_tables_in_docs_are_of_the_shipped_classifier(root, part):
    assert f"`{load_classifier(SHIPPED).sha256}`" in (root / f"docs/beats_{part}.md").read_text(encoding="utf-8")


def test_the_figures_in_docs_are_those_of_the_tables(root):
    tables = {part: (root / f"docs/beats_{part}.md").read_text(encoding="utf-8") for part in ("ds1", "ds2")}
    rows = [line.split("|")[1:-1] for line in (root / "docs/beats.md").read_text(encoding="utf-8").splitlines()]
    rows = [[cell.strip() for cell in row] for row in rows if row and row[0].strip()[:3] in ("DS1", "DS2")]
    assert len(rows) == 12
    for part, condition, *figures in rows:
        title = "without 232" if "without" in part else "all 22 records"
        table = tables[part[:3].lower()].split(f"| {title} (")[1].split("\n\n")[0]
        assert f"| {condition}, f1 | {' | '.join(figures)} |" in table
