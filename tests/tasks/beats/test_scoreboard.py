"""The scoreboard of made-up models on made-up recordings."""

import csv
import subprocess
import warnings

import numpy as np
import pytest
import wfdb
from sklearn import metrics as sklearn_metrics

from tasks.beats import scoreboard
from tasks.beats.labels import DS1, DS2
from tasks.beats.scoreboard import COLUMNS, METRICS, count, find_models, main, part_of, write_scores

SYMBOLS = ["N", "N", "A", "V", "N", "F", "N", "V"]
TRUTH = [0, 0, 1, 2, 0, 3, 0, 2]


class Made:
    """Calls every beat what its list says."""

    def __init__(self, classes):
        self.classes = classes

    def __call__(self, record, positions):
        return np.eye(5)[self.classes]

    def decide(self, probabilities):
        return probabilities.argmax(axis=1)


@pytest.fixture
def database(tmp_path):
    """Recordings 100 (nobody's teacher) and 101 (a teacher), with eight beats each, and two in flutter."""
    positions = np.arange(1, 9) * 400
    for name in ("100", "101"):
        signal = 0.1 * np.random.default_rng(0).standard_normal((4000, 1))
        wfdb.wrsamp(name, 360, ["mV"], ["MLII"], signal, fmt=["16"], write_dir=str(tmp_path))
        wfdb.wrann(name, "atr", positions, SYMBOLS, write_dir=str(tmp_path))
    return tmp_path


@pytest.fixture
def models(tmp_path, monkeypatch):
    """Two models with a card, and a folder without one."""
    classes = {"good": TRUTH, "poor": [0, 0, 0, 2, 2, 2, 0, 0]}
    for name in classes:
        (tmp_path / "models" / name).mkdir(parents=True)
        (tmp_path / "models" / name / "made.json").touch()
    (tmp_path / "models" / "other").mkdir()
    monkeypatch.setattr(scoreboard, "LOADERS", {"made.json": lambda folder: Made(classes[folder.name])})
    return tmp_path / "models"


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_names_of_columns():
    assert ",".join(COLUMNS) == (
        "modeltag,Accuracy,F1scoremicro,F1scoremacro,Precisionmicro,Recallmacro,TP_0,TP_1,TP_2,TP_3,TP_4"
    )


@pytest.mark.parametrize("seed", range(20))
def test_metrics_are_scikit_learns(seed):
    random = np.random.default_rng(seed)
    truth, called = random.integers(0, random.integers(1, 6), 30), random.integers(0, random.integers(1, 6), 30)
    counts = np.zeros((5, 5), int)
    np.add.at(counts, (truth, called), 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = [
            sklearn_metrics.accuracy_score(truth, called),
            sklearn_metrics.f1_score(truth, called, average="micro"),
            sklearn_metrics.f1_score(truth, called, average="macro", zero_division=0),
            sklearn_metrics.precision_score(truth, called, average="micro"),
            sklearn_metrics.recall_score(truth, called, average="macro", zero_division=0),
        ]
    assert [metric(counts) for metric in METRICS] == pytest.approx(expected)


def test_the_validation_part(database, models, tmp_path, capsys):
    out = tmp_path / "results" / "output.csv"
    assert main(["--data", str(database), "--records", "100", "--models", str(models), "--out", str(out)]) == 0
    good, poor = read(out)
    assert tuple(good) == COLUMNS
    assert (good["modeltag"], poor["modeltag"]) == ("good", "poor")
    assert {float(good[repr(metric)]) for metric in METRICS} == {1.0}
    assert [float(poor[f"TP_{index}"]) for index in range(4)] == [0.75, 0.0, 0.5, 0.0]
    assert good["TP_4"] == poor["TP_4"] == ""  # no Q among them
    assert float(poor["Accuracy"]) == 0.5
    assert "a part of your own: 100" in capsys.readouterr().out


def test_the_training_part_is_labelled(database, models, tmp_path, capsys):
    out = tmp_path / "output.csv"
    assert main(["--data", str(database), "--records", "100", "101", "--models", str(models), "--out", str(out)]) == 0
    assert [row["modeltag"] for row in read(out)] == ["good (training part)", "poor (training part)"]
    assert "training part, which says nothing of other patients: 1 of 2" in capsys.readouterr().out


def test_flutter_is_left_out(database, models):
    positions = np.arange(1, 9) * 400
    samples, symbols = [*positions, 2500, 3100], [*SYMBOLS, "[", "]"]
    order = np.argsort(samples)
    wfdb.wrann(
        "100", "atr", np.array(samples)[order], [symbols[each] for each in order], write_dir=str(database)
    )  # around the beat at 2800
    counts = count(find_models(models), database, ["100"])
    assert counts["good"].sum() == 7
    assert counts["good"][0, 0] == 3


def test_what_the_parts_are_called():
    assert part_of(DS2).startswith("validation part: DS2")
    assert part_of(DS1).startswith("training part")
    assert part_of(["100"]) == "a part of your own: 100"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--records", "102"], "102 is paced"),
        (["--records", "999"], "holds no record 999"),
        (["--records", "100", "--models", "nowhere"], "nowhere: holds no model of beats"),
    ],
)
def test_what_cannot_be_scored_is_one_sentence(arguments, message, database, models, tmp_path, capsys):
    given = ["--data", str(database), "--models", str(models), "--out", str(tmp_path / "output.csv"), *arguments]
    assert main(given) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "output.csv").exists()


def test_a_class_that_nobody_has_is_an_empty_cell(tmp_path):
    counts = np.zeros((5, 5), int)
    counts[0] = [3, 1, 0, 0, 0]
    write_scores({"a": counts}, tmp_path / "output.csv")
    (row,) = read(tmp_path / "output.csv")
    assert [row[f"TP_{index}"] for index in range(5)] == ["0.750000", "", "", "", ""]


def test_make_says_the_same_command(root):
    told = [
        subprocess.run(
            ["make", "-s", "-n", *where, "ARGS=--out /nowhere.csv"],
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        )
        for where in (["beats"], ["-C", "tasks/beats", "run"])
    ]
    lines = [[line for line in each.stdout.splitlines() if "-m tasks.beats" in line] for each in told]
    assert lines[0][0].endswith("python -m tasks.beats.scoreboard --out /nowhere.csv")
    assert lines[0][1].endswith("python -m tasks.beats.evaluate --ds2")
    assert lines[0] == lines[1]


def test_the_shipped_models_are_found_and_small(database):
    shipped = find_models()
    assert {"rows", "trees"} <= {*shipped}
    assert sum(each.stat().st_size for each in scoreboard.MODELS.rglob("*") if each.is_file()) < 5e6
    few = {name: shipped[name] for name in ("rows", "trees")}
    assert {name: own.sum() for name, own in count(few, database, ["100"]).items()} == {"rows": 8, "trees": 8}
