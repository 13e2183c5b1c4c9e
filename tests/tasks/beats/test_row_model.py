"""A row classifier from training to its answers, on made-up recordings whose V beats are broad and low."""

import json

import numpy as np
import pytest
import wfdb

from cardiac.errors import BundleError, ConfigError
from cardiac.records import read_record
from tasks.beats import train_rows
from tasks.beats.annotations import read_annotations
from tasks.beats.labels import CLASSES
from tasks.beats.row_files import read_rows
from tasks.beats.row_model import N_FEATURES, load_row_classifier, row_features
from tasks.beats.row_recipe import WIDTH
from tasks.beats.rows import main, make_rows, predict_rows

N, V = 0, 2


def write_recording(folder, name, seed, seconds=120, every=4):
    """A lead at 360 Hz, one beat in so many broad; its annotations beside it."""
    random = np.random.default_rng(seed)
    fs, time = 360, np.arange(360 * seconds)
    places = np.cumsum(random.integers(250, 330, seconds))
    places = places[places < fs * seconds - 100]
    broad = np.arange(len(places)) % every == every - 1
    signal = 0.01 * random.standard_normal(len(time))
    for place, own in zip(places, broad, strict=True):
        around = slice(max(0, place - 200), place + 200)
        signal[around] += 0.97 * np.exp(-(((time[around] - place) / (40.0 if own else 8.0)) ** 2))
    wfdb.wrsamp(name, fs, ["mV"], ["MLII"], signal[:, None], fmt=["16"], write_dir=str(folder))
    wfdb.wrann(name, "atr", places, np.where(broad, "V", "N").tolist(), write_dir=str(folder))


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mitdb")
    for seed, name in enumerate(["101", "106", "108", "100"]):
        write_recording(folder, name, seed)
    return folder


@pytest.fixture(scope="module")
def bundle(database, tmp_path_factory):
    """Taught by three of the four, with few trees."""
    out = tmp_path_factory.mktemp("models") / "rows"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train_rows, "SETTINGS", train_rows.SETTINGS | {"n_trees": 20, "min_records": 5})
        patch.setattr(train_rows, "ONE_NORMAL_OF", 2)
        figures = train_rows.train(database, ["101", "106", "108"], out)
    assert figures["annotated f1"]["V"] > 0.9
    return out


def test_a_patient_who_taught_nothing(database, bundle):
    record, beats = read_record(database / "100.hea", leads=None), read_annotations(database / "100.hea")
    classifier = load_row_classifier(bundle)
    probabilities = classifier(record, beats.positions)
    assert probabilities.shape == (len(beats.positions), 5)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (classifier.decide(probabilities) == beats.classes).mean() > 0.95
    assert classifier(record, np.array([], int)).shape == (0, 5)


def test_files_of_rows_get_what_the_recording_gets(database, bundle, tmp_path, capsys):
    record, beats = read_record(database / "100.hea", leads=None), read_annotations(database / "100.hea")
    made = make_rows(database, ["100"], tmp_path / "rows.csv", peaks="annotated")
    classes, probabilities, rows = predict_rows(tmp_path / "rows.csv", bundle)
    assert rows.targets.tolist() == made.targets.tolist() == beats.classes.tolist()
    of_record = load_row_classifier(bundle)(record, beats.positions)
    assert np.quantile(np.abs(probabilities - of_record), 0.99) < 1e-6  # six digits in a file
    np.save(tmp_path / "one.npy", made.values[3].reshape(1, 1, WIDTH))
    assert predict_rows(tmp_path / "one.npy", bundle)[0].tolist() == classes[3:4].tolist()
    capsys.readouterr()
    assert main(["--predict", str(tmp_path / "one.npy"), "--bundle", str(bundle)]) == 0
    assert capsys.readouterr().out.startswith(f"{CLASSES[classes[3]]} (N ")


def test_the_command_makes_rows_and_tells_them_apart(database, bundle, tmp_path, capsys):
    out = tmp_path / "new" / "rows.csv"
    assert main(["--data", str(database), "--records", "100", "101", "--out", str(out)]) == 0
    rows = read_rows(out)
    assert set(rows.targets) == {N, V}
    told = tmp_path / "classes.csv"
    assert main(["--predict", str(out), "--bundle", str(bundle), "--out", str(told)]) == 0
    lines = told.read_text().splitlines()
    assert lines[0] == "row,beat,N,S,V,F,Q"
    assert len(lines) == len(rows) + 1
    assert "as the targets have it" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ([], 2, "give either --records"),
        (["--records", "100"], 2, "rows have nowhere to go"),
        (["--records", "100", "--predict", "a.csv"], 2, "give either --records"),
        (["--records", "999", "--out", "rows.csv"], 1, "holds no record 999"),
        (["--records", "100", "--out", "rows.txt"], 1, "choose one of these endings"),
        (["--predict", "missing.csv", "--bundle", "BUNDLE"], 1, "missing.csv: cannot be read"),
        (["--predict", "a.csv", "--bundle", "nowhere"], 1, "nowhere: rows.json is missing"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    arguments, status, message, database, bundle, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    arguments = [str(bundle) if each == "BUNDLE" else each for each in arguments]
    assert main(["--data", str(database), *arguments]) == status
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1


def test_a_damaged_bundle_is_refused(bundle, tmp_path):
    def copy(name, change):
        folder = tmp_path / name
        folder.mkdir()
        for file in bundle.iterdir():
            (folder / file.name).write_bytes(file.read_bytes())
        change(folder)
        return folder

    def offset(folder):
        card = json.loads((folder / "rows.json").read_text())
        card["offsets"]["f1"]["V"] += 1
        (folder / "rows.json").write_text(json.dumps(card))

    for name, change, message in [
        ("a", offset, "was changed"),
        ("b", lambda folder: (folder / "trees.npz").write_bytes(b"x"), r"trees\.npz does not match"),
        ("c", lambda folder: (folder / "trees.npz").unlink(), r"trees\.npz is missing"),
        ("d", lambda folder: (folder / "rows.json").write_text("{"), "is not JSON"),
    ]:
        with pytest.raises(BundleError, match=message):
            load_row_classifier(copy(name, change))
    with pytest.raises(ConfigError, match="no operating point"):
        load_row_classifier(bundle, prefer="speed")


def test_features_know_no_scale_and_no_level():
    random = np.random.default_rng(0)
    rows = random.random((30, WIDTH)) * 0.5 + 0.2
    rows[:, 120:] = 0
    scaled = np.where(rows > 0, (rows - 0.1) * 1.4, 0)
    np.testing.assert_allclose(row_features(rows), row_features(scaled), atol=1e-5)
    assert row_features(rows).shape == (30, N_FEATURES)
    assert not np.allclose(row_features(rows), row_features(1 - rows), atol=0.1)
    assert np.isfinite(row_features(np.zeros((2, WIDTH)))).all()
    assert row_features(np.zeros((0, WIDTH))).shape == (0, N_FEATURES)


def test_no_record_is_told_by_trees_that_saw_it(monkeypatch):
    saw = []

    def fit(records):
        names = {each.record_id for each in records}
        saw.append(names)
        index = float(len(saw) - 1)
        return lambda form: np.full((len(form), 5), index)

    records = [train_rows.TaughtRows(str(n), (np.zeros((n, 1)),) * 2, (np.full(n, n % 2),) * 2) for n in range(1, 12)]
    monkeypatch.setattr(train_rows, "fit", fit)
    monkeypatch.setattr(train_rows, "say", lambda trees, record: tuple(trees(form) for form in record.forms))
    told = train_rows.out_of_fold(records)
    assert len(saw) == train_rows.N_FOLDS
    for record, (probabilities, _) in zip(records, told, strict=True):
        assert len(probabilities) == len(record.classes)
        assert record.record_id not in saw[int(probabilities[0, 0])]


def test_a_split_that_leaks_deals_every_annotated_beat_once(monkeypatch):
    truth = np.array([0, 1, 2, 2] * 10)
    records = [train_rows.TaughtRows(str(n), (truth[:, None].astype(float),) * 2, (truth,) * 2) for n in range(3)]
    n_learnt = []
    monkeypatch.setattr(train_rows, "fit", lambda some: n_learnt.append(sum(len(each.classes) for each in some)))
    monkeypatch.setattr(train_rows, "say", lambda _, record: (np.eye(5)[record.forms[0][:, 0].astype(int)],))
    assert train_rows.leaking(records) == {"N": 1, "S": 1, "V": 1, "macro": 1}
    assert sum(120 - each for each in n_learnt) == 120


def test_a_training_overwrites_no_bundle(bundle, database):
    with pytest.raises(ConfigError, match="holds a finished bundle"):
        train_rows.train(database, ["101"], bundle)
    assert train_rows.main(["--data", str(database / "none")]) == 1
