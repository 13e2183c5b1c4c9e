"""Going on from a detector with labelled recordings, by the command line, on simulated records."""

import json
from functools import partial

import numpy as np
import pandas as pd
import pytest

import train
from bundles import bundle_checksum, load_bundle
from cardiac.records import read_record
from inference import Detector, predict_record
from learning.network import NetworkTraining
from tasks.mi import BUNDLE
from tasks.mi.compare import LOSS, compare
from tasks.mi.labels import COLUMNS, NORM, RECORD_COLUMN, SITES
from tasks.mi.ladder import decide_all
from tasks.mi.simulate import simulate_dataset
from utils import load_config

N = 60
SMALL = ["train.epochs=1", "data.n_folds=2", "network.widths=[8, 8, 8]", "network.depth=1", "train.crop=200"]
SMALL += ["trees.n_trees=0"]
FEW = ["--set", "trees.n_trees=5"]


def write_hospital(folder, seed, wrong=1):
    """Recordings in a folder, and a table of their labels, of which one in `wrong` (1: none) is the neighbour's."""
    dataset = simulate_dataset(N, seed)
    for record in dataset.sources:
        np.save(folder / f"{record.record_id}.npy", record.signal)
    table = pd.DataFrame(dataset.sites.astype(int), columns=[COLUMNS[site] for site in SITES])
    table[COLUMNS[NORM]] = (~dataset.infarction).astype(int)
    if wrong > 1:
        table.iloc[::wrong] = table.iloc[1::wrong].to_numpy()
    table.insert(0, RECORD_COLUMN, [record.record_id for record in dataset.sources])
    table.to_csv(folder / "labels.csv", index=False)
    return folder


@pytest.fixture(autouse=True)
def few_draws(monkeypatch):
    monkeypatch.setattr("tasks.mi.second_looks.compare", partial(compare, n_draws=100))


@pytest.fixture(scope="module")
def hospital(tmp_path_factory):
    return write_hospital(tmp_path_factory.mktemp("hospital"), seed=3)


@pytest.fixture(scope="module")
def small_bundle(root, tmp_path_factory):
    """A small network that learnt a little of other records, and no trees."""
    config = load_config(root / "configs/mi.toml", SMALL)
    return train.fit(config, simulate_dataset(30, seed=1), tmp_path_factory.mktemp("run") / "parent").out


def run(hospital, out, *arguments, labels=None):
    where = ["--labels", str(labels or hospital / "labels.csv"), "--data", str(hospital), "--out", str(out)]
    return train.main([*where, "--up-to", "trees", *arguments])  # the last of an option counts


def from_small(small_bundle):
    return ["--set", f"train.init_from={small_bundle}", "--set", "train.crop=200", "--set", "train.epochs=1", *FEW]


def test_a_bundle_is_offered_where_it_is_better(hospital, tmp_path, capsys):
    """No shipped network has seen a simulated heart: what it says of these is easily bettered."""
    assert run(hospital, tmp_path / "new") == 0
    told = capsys.readouterr().out
    assert f"Better than the shipped detector on these records, {LOSS} -" in told
    assert "30" in told.split("| AUC |")[1].splitlines()[0]  # positives
    assert "every record is taken for a patient of its own" in told
    assert "It took " in told
    assert {path.name for path in (tmp_path / "new").iterdir()} == {
        "card.json", "weights.safetensors", "network.onnx", "trees.npz", "README.md", "out_of_fold.csv", "second_looks.md",
        "train.log",
    }  # fmt: skip
    shipped, new = load_bundle(BUNDLE), load_bundle(tmp_path / "new")
    training = new.card.training
    assert training["parent_sha256"] == bundle_checksum(BUNDLE)
    assert (training["records"], training["infarctions"], training["layout"]) == (N, 30, "labels")
    assert new.card.weights_sha256 == shipped.card.weights_sha256
    assert "Better than" in (tmp_path / "new/second_looks.md").read_text(encoding="utf-8")
    right = {}
    for name, folder in (("shipped", BUNDLE), ("new", tmp_path / "new")):
        detector, fresh = Detector.load(folder), simulate_dataset(40, seed=9)
        found = [detector.predict(record.signal, record.fs_hz).mi.present for record in fresh.sources]
        right[name] = (np.array(found) == fresh.infarction).mean()
    assert right["new"] >= right["shipped"]


def test_what_is_not_better_is_not_written_unless_it_is_asked_for(tmp_path, capsys):
    """A detector whose decisions are fitted to one hospital's readers has nothing to learn from more of their labels."""
    folders = [tmp_path / "others", tmp_path / "hospital"]
    for seed, folder in enumerate(folders, 4):
        folder.mkdir()
        write_hospital(folder, seed, wrong=4)
    others, hospital = folders
    assert run(others, tmp_path / "first", "--anyway", "--up-to", "decisions") == 0
    fitted = ["--set", f"train.init_from={tmp_path / 'first'}", "--up-to", "decisions"]
    capsys.readouterr()
    assert run(hospital, tmp_path / "second", *fitted) == 0
    told = capsys.readouterr().out
    assert "Not better than the shipped detector on these records" in told
    assert "no bundle was written" in told
    assert {path.name for path in (tmp_path / "second").iterdir()} == {"second_looks.md", "train.log"}
    assert run(hospital, tmp_path / "second", *fitted, "--anyway") == 0
    assert "Written anyway into" in capsys.readouterr().out
    assert (tmp_path / "second/card.json").is_file()


def test_the_records_of_the_bundle_itself_are_refused(hospital, tmp_path, capsys):
    """By their names, and where these are not known by their content."""
    assert run(hospital, tmp_path / "first", "--anyway", "--up-to", "decisions") == 0
    again = ["--set", f"train.init_from={tmp_path / 'first'}", "--up-to", "decisions"]
    assert run(hospital, tmp_path / "second", *again) == 1
    assert "0 labelled records" in capsys.readouterr().err
    (tmp_path / "first/out_of_fold.csv").unlink()
    assert run(hospital, tmp_path / "second", *again) == 2
    told = capsys.readouterr()
    assert "Which records taught the shipped network is not known" in told.out
    assert "it learnt from these recordings" in told.err


def test_the_network_goes_on_and_a_stopped_run_is_gone_on_with(hospital, small_bundle, tmp_path, monkeypatch, capsys):
    """Fifteen trainings to choose by, and one for the bundle; a kill in the eighth loses none of the seven before it."""
    more = ["--up-to", "network", "--anyway", *from_small(small_bundle)]
    learnt, rows, epoch = [], {}, NetworkTraining._epoch

    def counted(self, number):
        if len(learnt) == stop_at:
            raise KeyboardInterrupt
        learnt.append(self.part)
        rows[self.part] = self.rows
        return epoch(self, number)

    monkeypatch.setattr(NetworkTraining, "_epoch", counted)
    stop_at = 7
    assert run(hospital, tmp_path / "new", *more) == 130
    assert "--resume" in capsys.readouterr().err
    assert run(hospital, tmp_path / "new", *more) == 2
    assert "--resume" in capsys.readouterr().err
    stop_at = None
    assert run(hospital, tmp_path / "new", *more, "--resume") == 0
    assert len(learnt) == len(set(learnt)) == 15 + (told_step(tmp_path / "new") == "network")
    pairs = {f"without-{one}-{other}" for one in range(5) for other in range(one + 1, 5)}
    assert set(learnt) - {"all"} == pairs | {f"without-{fold}" for fold in range(5)}
    folds = pd.read_csv(tmp_path / "new/out_of_fold.csv").set_index("record_id")["fold"]
    folds = folds.loc[pd.read_csv(hospital / "labels.csv")[RECORD_COLUMN]].to_numpy()
    for part in pairs:
        left_out = [int(fold) for fold in part.split("-")[1:]]
        assert set(rows[part]) == set(np.flatnonzero(~np.isin(folds, left_out)))
    assert "network 0." in capsys.readouterr().out.split("out of fold: ")[1].splitlines()[0]


def told_step(out):
    return json.loads((out / "card.json").read_text(encoding="utf-8"))["training"]["step"]


def test_trees_are_put_beside_a_network_that_had_none(hospital, small_bundle, tmp_path, monkeypatch):
    """And the bundle says of a recording what the step said: read, decided and explained as by any other."""
    taken = {}

    def take_trees(steps, looks, *_):
        taken["said"], taken["looks"] = steps[1].said(frozenset()), looks
        return steps[1], {step.name: 0.0 for step in steps}

    monkeypatch.setattr("tasks.mi.second_looks.choose_step", take_trees)
    assert run(hospital, tmp_path / "new", "--anyway", *from_small(small_bundle)) == 0
    assert told_step(tmp_path / "new") == "trees"
    detector = Detector.load(tmp_path / "new")
    said, decisions = taken["said"], detector.decisions
    expected = decide_all(decisions, said.pooled, said.trees).probabilities[:2, 0]
    for name, probability in zip(pd.read_csv(hospital / "labels.csv")[RECORD_COLUMN], expected, strict=False):
        record = read_record(hospital / f"{name}.npy")
        finding = predict_record(record, detector)
        assert finding.mi.probability == pytest.approx(probability, abs=1e-4)
    assert "mi" in detector.explain(record, finding)


def test_records_that_taught_the_network_are_left_out_and_too_few_are_refused(hospital, tmp_path, capsys):
    """Eleven of the sixty have names of records that taught the shipped network, at the other sampling rate."""
    taught = pd.read_csv(BUNDLE / "out_of_fold.csv")["record_id"].str.replace("_hr", "_lr")[:11]
    table = pd.read_csv(hospital / "labels.csv")
    folder = tmp_path / "hospital"
    folder.mkdir()
    for index, name in enumerate(table[RECORD_COLUMN]):
        new = taught[index] if index < 11 else name
        (folder / f"{new}.npy").symlink_to(hospital / f"{name}.npy")
        table.loc[index, RECORD_COLUMN] = new
    table.to_csv(folder / "labels.csv", index=False)
    assert run(folder, tmp_path / "new") == 1
    error = capsys.readouterr().err
    assert "49 labelled records" in error
    assert "at least 50 records are needed" in error
    assert not (tmp_path / "new").exists()


def test_too_few_are_refused_before_anything_is_read(hospital, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("tasks.mi.second_looks.load_bundle", lambda *_: pytest.fail("the work began"))
    table = pd.read_csv(hospital / "labels.csv")
    table[table[COLUMNS[NORM]] == 1].to_csv(tmp_path / "labels.csv", index=False)
    assert run(hospital, tmp_path / "new", labels=tmp_path / "labels.csv") == 1
    told = capsys.readouterr()
    assert "30 labelled records, 0 patients with an infarction and 30 without" in told.err
    assert "30 recordings have no label: left out" in told.out
    assert not (tmp_path / "new").exists()


def test_a_recording_that_cannot_be_read_is_counted(hospital, tmp_path, capsys):
    folder = tmp_path / "hospital"
    folder.mkdir()
    for path in hospital.iterdir():
        (folder / path.name).symlink_to(path)
    first = pd.read_csv(hospital / "labels.csv")[RECORD_COLUMN][0]
    (folder / f"{first}.npy").unlink()
    np.save(
        folder / f"{first}.npy", np.random.default_rng(1).normal(0, 0.2, (12, 5000)).astype(np.float32)
    )  # noise alone
    assert run(folder, tmp_path / "new", "--up-to", "decisions") == 0
    told = capsys.readouterr().out
    assert f"1 recording cannot be decided on: left out (first: {first}" in told
    assert f"| {N - 1} records of {N - 1} patients |" in told


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["--labels", "nowhere.csv"], 1, "cannot be read as a CSV table"),
        (["--data", "nowhere"], 1, "nowhere: there is no such file"),
        (["--set", "trees.n_tree=3"], 2, "did you mean trees.n_trees"),
        (["--set", "train.init_from=nowhere"], 1, "card.json is missing"),
    ],
)
def test_refusals(hospital, tmp_path, capsys, arguments, status, told):
    base = ["--labels", str(hospital / "labels.csv"), "--data", str(hospital), "--out", str(tmp_path / "new")]
    assert train.main([*base, *arguments]) == status
    assert told in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("arguments", [["--anyway"], ["--up-to", "trees"], ["--labels", "labels.csv", "--jobs", "2"]])
def test_options_that_do_not_go_together(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        train.main(arguments)
    assert stopped.value.code == 2
    assert "--labels" in capsys.readouterr().err


def test_a_finished_bundle_is_not_overwritten(hospital, capsys, small_bundle):
    before = (small_bundle / "card.json").read_bytes()
    assert run(hospital, small_bundle, *from_small(small_bundle)) == 2
    assert "finished bundle" in capsys.readouterr().err
    assert (small_bundle / "card.json").read_bytes() == before
