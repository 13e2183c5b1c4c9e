"""Training on simulated records, small and short: what is written, what resumes, what is refused."""

import dataclasses
import json
import shutil
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from sklearn.metrics import roc_auc_score

import train
from cardiac import metrics
from cardiac.errors import CardiacError, ConfigError
from cardiac.folds import check_folds
from inference import Detector
from learning.cross_validate import network_training
from learning.network import NetworkTraining
from learning.run_folder import stop_without_parent
from tasks.mi.datasets import Dataset
from tasks.mi.features import FEATURES
from tasks.mi.labels import AUXILIARY, SITES
from tasks.mi.simulate import simulate_dataset, simulate_record
from tasks.mi.training import make_training
from utils import load_config

SMALL = [
    "train.members=1",
    "train.epochs=2",
    "data.n_folds=2",
    "network.widths=[8, 8, 8]",
    "network.depth=1",
    "train.crop=200",
    "train.precision=float32",  # two runs are compared, and under auto the clock would choose
    "trees.n_trees=20",
]
N_OUTPUTS = 1 + len(SITES) + len(AUXILIARY)


@pytest.fixture(scope="module", autouse=True)
def few_draws():
    """The intervals of the figures that every training writes are from few draws: nothing is said of them here."""
    with pytest.MonkeyPatch.context() as during:
        during.setattr(metrics, "bootstrap_weights", partial(metrics.bootstrap_weights, n_draws=50))
        yield


@pytest.fixture(scope="module")
def small(root):
    return load_config(root / "configs/mi.toml", SMALL)


@pytest.fixture(scope="module")
def dataset():
    return simulate_dataset(36, seed=1)


@pytest.fixture(scope="module")
def fitted(small, dataset, tmp_path_factory):
    """A run from start to end, and the epochs it told of."""
    told = []
    result = train.fit(small, dataset, tmp_path_factory.mktemp("run") / "whole", report=told.append)
    return result, told


def epochs(told):
    """What was told of epochs, without what was told of folds."""
    return [each for each in told if "epoch" in each]


def test_every_fold_is_told_with_how_it_ranks(fitted, dataset):
    """By the probabilities that are written: the AUC of the fold's own records."""
    folds = [each for each in fitted[1] if "fold" in each]
    assert [each["fold"] for each in folds] == [0, 1]
    table = pd.read_csv(fitted[0].out / "out_of_fold.csv").set_index("record_id").loc[dataset.table["record_id"]]
    for each in folds:
        held = table["fold"].to_numpy() == each["fold"]
        expected = roc_auc_score(dataset.infarction[held], table["mi"].to_numpy()[held])
        assert each["auc"] == pytest.approx(expected, abs=0.01)
        assert 0 <= each["sites_auc"] <= 1
        assert each["score"] == pytest.approx((each["auc"] + each["sites_auc"]) / 2)


def test_everything_is_written_and_nothing_else(fitted):
    out = fitted[0].out
    names = {path.name for path in out.iterdir()}
    assert names == {
        "card.json", "weights.safetensors", "metrics.json", "out_of_fold.csv", "folds.csv", "curves.png", "train.log",
        "README.md", "trees.npz",
    }  # fmt: skip


def test_card_says_what_inference_must_know(fitted, dataset, small):
    out = fitted[0].out
    card = json.loads((out / "card.json").read_text(encoding="utf-8"))
    assert {key: card["signal"][key] for key in ("fs_hz", "band_hz", "unit", "scale", "section")} == {
        "fs_hz": 100.0, "band_hz": [0.5, 45.0], "unit": "mV", "scale": small["signal"]["scale"], "section": 1000,
    }  # fmt: skip
    assert card["network"]["windows"] == [160, 140]
    assert card["members"] == 1
    assert card["stages"]["localize"]["outputs"] == list(SITES)
    joined = {"network_share", "network_alone", "trees_reach"}
    assert set(card["decisions"]) == {"calibration", "thresholds", "doubt"} | joined
    assert card["format"] == 2
    assert card["trees"]["features"] == [*FEATURES]
    assert card["training"]["infarctions"] == 18
    assert card["training"]["companions"] == {}
    assert card["training"]["config"]["decide"] == small["decide"]
    assert "not a medical device" in card["use"]
    finding = Detector.load(out).predict(dataset.sources[1].signal, 500)
    assert finding.mi.threshold == card["decisions"]["thresholds"]["mi"]


def test_every_record_is_scored_by_a_network_that_did_not_see_its_patient(fitted, dataset):
    table = pd.read_csv(fitted[0].out / "out_of_fold.csv", dtype={"record_id": str}).set_index("record_id")
    assert set(table.index) == set(dataset.table["record_id"])
    assert table[["mi", *SITES, "spread"]].notna().all(axis=None)
    assert table[["mi", *SITES, "spread"]].stack().between(0, 1).all()
    check_folds(table["fold"].reindex(dataset.table["record_id"]).to_numpy(), dataset.patients)
    _, told = fitted
    assert [each["part"] for each in epochs(told)] == ["fold0", "fold0", "fold1", "fold1", "all", "all"]
    assert [each["held_loss"] is None for each in epochs(told)] == [False] * 4 + [True] * 2


def watch(monkeypatch) -> dict[str, np.ndarray]:
    """The rows that each training would draw from; none learns."""
    seen = {}

    class Watched(NetworkTraining):
        def run(self, held_out=None, report=None):
            seen[self.part] = self.rows
            self.n_epochs = 0
            return super().run(held_out, report)

    monkeypatch.setattr("learning.cross_validate.NetworkTraining", Watched)
    return seen


def folds_of(dataset, out) -> np.ndarray:
    folds = pd.read_csv(out / "folds.csv").set_index("record_id")["fold"]
    return folds.reindex(dataset.table["record_id"]).to_numpy()


def test_the_network_of_a_fold_is_taught_the_others_alone(small, dataset, tmp_path, monkeypatch):
    """The rows that each training draws from: none of its fold; an infarction as often as is asked."""
    seen = watch(monkeypatch)
    train.fit(small, dataset, tmp_path / "run")
    folds = folds_of(dataset, tmp_path / "run")
    for part, taught in (("fold0", folds != 0), ("fold1", folds != 1), ("all", folds >= 0)):
        counts = np.bincount(seen[part], minlength=36)
        assert np.array_equal(counts, taught * np.where(dataset.infarction, 3, 1))


def test_no_weak_record_of_a_folds_patient_teaches_that_folds_network(small, dataset, tmp_path, monkeypatch):
    """Nine weak records of the data set's patients and three of others, who teach in every fold."""
    others = simulate_dataset(12, seed=2)
    others.table["patient_id"] = [*range(0, 36, 4), 100, 101, 102]
    together = dataclasses.replace(dataset, weak_datasets=(others,))
    seen = watch(monkeypatch)
    train.fit(small, together, tmp_path / "run")
    folds = folds_of(dataset, tmp_path / "run")
    patients = np.concatenate([dataset.patients, others.patients])
    for fold in (0, 1):
        rows = seen[f"fold{fold}"]
        assert not set(patients[rows]) & set(dataset.patients[folds == fold])
        weak = rows[rows >= 36] - 36
        assert len(weak) == len(set(weak))  # no infarction among them is repeated: they locate nothing
        assert set(others.patients[weak]) == set(others.patients) - set(dataset.patients[folds == fold])
        assert {100, 101, 102} < set(patients[rows])
    assert set(seen["all"]) == set(range(48))


def test_weak_datasets_teach_and_are_not_scored(small, dataset, tmp_path):
    others = dataclasses.replace(simulate_dataset(6, seed=2), codes=np.ones((6, len(AUXILIARY)), np.float32))
    others.table["patient_id"] = range(100, 106)
    out = train.fit(small, dataclasses.replace(dataset, weak_datasets=(others,)), tmp_path / "run").out
    assert set(pd.read_csv(out / "out_of_fold.csv")["record_id"]) == set(dataset.table["record_id"])
    card = json.loads((out / "card.json").read_text(encoding="utf-8"))
    assert card["training"]["companions"] == {"simulated": 6}
    assert card["training"]["records"] == 36


def test_two_members_are_trained_for_every_fold(small, dataset, tmp_path, monkeypatch):
    seen = watch(monkeypatch)
    config = {**small, "train": {**small["train"], "members": 2}}
    out = train.fit(config, dataset, tmp_path / "run").out
    assert list(seen) == ["fold0", "fold0-1", "fold1", "fold1-1", "all", "all-1"]
    assert np.array_equal(seen["fold0"], seen["fold0-1"])
    one, other = Detector.load(out).bundle.networks
    assert not torch.equal(one.stem[0].weight, other.stem[0].weight)
    assert json.loads((out / "card.json").read_text(encoding="utf-8"))["members"] == 2


def test_folds_alone_make_no_bundle(small, dataset, fitted, tmp_path):
    """What settings are compared by: the same probabilities out of fold, and no network of all records."""
    told = []
    result = train.fit(small, dataset, tmp_path / "run", report=told.append, bundle=False)
    assert {each["part"] for each in epochs(told)} == {"fold0", "fold1"}
    assert not list((tmp_path / "run").glob("*.safetensors")) + list((tmp_path / "run").glob("card.json"))
    of_both = [(out / "out_of_fold.csv").read_bytes() for out in (result.out, fitted[0].out)]
    assert of_both[0] == of_both[1]


class Stop(Exception):
    """Stands for a kill between two epochs."""


def test_a_stopped_run_resumes_to_the_same_weights(small, dataset, fitted, tmp_path):
    out = tmp_path / "whole"

    def stop_at(part, epoch):
        def report(told):
            if (told.get("part"), told.get("epoch")) == (part, epoch):
                raise Stop

        return report

    with pytest.raises(Stop):
        train.fit(small, dataset, out, report=stop_at("fold1", 1))
    with pytest.raises(ConfigError, match="--resume"):
        train.fit(small, dataset, out)
    other = {**small, "train": {**small["train"], "gain": 0.1}}
    with pytest.raises(ConfigError, match="other settings"):
        train.fit(other, dataset, out, resume=True)
    with pytest.raises(Stop):
        train.fit(small, dataset, out, resume=True, report=stop_at("all", 1))
    told = []
    train.fit(small, dataset, out, resume=True, report=told.append)
    assert [(each["part"], each["epoch"]) for each in epochs(told)] == [("all", 2)]
    whole, resumed = (load_file(place / "weights.safetensors") for place in (fitted[0].out, out))
    assert whole.keys() == resumed.keys()
    assert all(np.array_equal(whole[name], resumed[name]) for name in whole)
    assert (out / "out_of_fold.csv").read_bytes() == (fitted[0].out / "out_of_fold.csv").read_bytes()


def test_a_run_goes_on_with_the_same_recordings_only(small, dataset, tmp_path):
    def stop(_):
        raise Stop

    with pytest.raises(Stop):
        train.fit(small, dataset, tmp_path / "run", report=stop)
    changed = dataclasses.replace(dataset, sources=[simulate_record(99).record, *dataset.sources[1:]])
    with pytest.raises(ConfigError, match="other recordings"):
        train.fit(small, changed, tmp_path / "run", resume=True)
    (tmp_path / "run/state/fold0.pt").write_bytes(b"junk")
    with pytest.raises(CardiacError, match=r"fold0\.pt: cannot be read"):
        train.fit(small, dataset, tmp_path / "run", resume=True)
    (tmp_path / "run/run.json").unlink()
    with pytest.raises(ConfigError, match=r"run\.json: cannot be read"):
        train.fit(small, dataset, tmp_path / "run", resume=True)


def test_data_that_cannot_be_learnt_from(small, dataset, tmp_path):
    short = dataclasses.replace(
        dataset,
        sources=[
            dataclasses.replace(dataset.sources[0], signal=dataset.sources[0].signal[:, :700]),
            *dataset.sources[1:],
        ],
    )
    with pytest.raises(CardiacError, match="has 140 samples of 200 needed"):
        train.fit(small, short, tmp_path / "run")
    one = np.zeros_like(dataset.sites)
    one[1, 0] = True
    single = dataclasses.replace(dataset, sites=one, infarction=one.any(axis=1))
    with pytest.raises(CardiacError, match="no infarction left to learn from"):
        train.fit(small, single, tmp_path / "run")
    assert not (tmp_path / "run/state").exists()


def test_side_by_side_is_the_same_training(small, dataset, fitted, tmp_path):
    """Two processes of one thread each: the same records by the same draws, equal but for rounding."""
    (tmp_path / "run").mkdir()
    shutil.copy(fitted[0].out / "folds.csv", tmp_path / "run")
    told = []
    train.fit(small, dataset, tmp_path / "run", report=told.append, jobs=2)
    assert epochs(told) == []  # all was trained by the processes
    one, other = (
        pd.read_csv(out / "out_of_fold.csv").set_index("record_id") for out in (fitted[0].out, tmp_path / "run")
    )
    assert np.abs(one - other).max(axis=None) < 0.02
    with pytest.raises(ConfigError, match="at least 1"):
        train.fit(small, dataset, tmp_path / "other", jobs=0)


def test_a_process_ends_with_the_one_that_began_it(monkeypatch):
    class Gone:
        @staticmethod
        def is_alive() -> bool:
            return False

    stop_without_parent({})  # no process of another: nothing happens
    monkeypatch.setattr("learning.run_folder.parent_process", Gone)
    with pytest.raises(SystemExit):
        stop_without_parent({})


def test_another_seed_gives_other_weights(root, dataset, fitted, tmp_path):
    shutil.copy(fitted[0].out / "folds.csv", tmp_path)
    (tmp_path / "run").mkdir()
    shutil.copy(tmp_path / "folds.csv", tmp_path / "run")
    config = load_config(root / "configs/mi.toml", [*SMALL, "train.seed=2"])
    train.fit(config, dataset, tmp_path / "run")
    one, other = (load_file(place / "weights.safetensors") for place in (fitted[0].out, tmp_path / "run"))
    assert not np.array_equal(one["0.stem.0.weight"], other["0.stem.0.weight"])


def test_a_finished_bundle_is_not_overwritten(small, dataset, fitted):
    before = (fitted[0].out / "weights.safetensors").read_bytes()
    with pytest.raises(ConfigError, match="finished bundle"):
        train.fit(small, dataset, fitted[0].out)
    assert (fitted[0].out / "weights.safetensors").read_bytes() == before


def test_out_that_cannot_be_written_is_found_before_the_work(small, dataset, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be written"):
        train.fit(small, dataset, tmp_path / "file/run", report=pytest.fail)


def test_folds_that_leak_are_refused(small, dataset, tmp_path):
    torn = Dataset(dataset.table.copy(), dataset.sources, dataset.infarction, dataset.sites, "simulated")
    torn.table["patient_id"] = np.arange(36) // 18
    (tmp_path / "run").mkdir()
    folds = pd.DataFrame({"record_id": torn.table["record_id"], "fold": np.arange(36) % 2})
    folds.to_csv(tmp_path / "run/folds.csv", index=False)
    with pytest.raises(CardiacError, match="is in two folds"):
        train.fit(small, torn, tmp_path / "run")


def test_reference_network_trains(root, dataset, tmp_path):
    """At 100 Hz, for the quick: windows a fifth as long."""
    settings = ["train.epochs=1", "data.n_folds=2", "signal.fs_hz=100", "train.crop=320"]
    settings += ["detect.window=160", "detect.hop=140", "localize.window=140", "localize.hop=137"]
    config = load_config(root / "configs/reference.toml", settings, root / "configs/mi.toml")
    training = network_training(make_training(config, dataset, tmp_path), "all", np.arange(6), tmp_path)
    for network, window in zip(training.network.stages, (160, 140), strict=True):
        assert network.mean.shape == (12, window)
        assert network.mean.any()
    sections, targets, weights = training.draw(np.arange(6), np.random.default_rng(0))
    assert sections.shape == (12, 12, 320)  # doubled by noisy copies
    assert targets.shape == weights.shape == (12, N_OUTPUTS)
    network = training.run()
    assert len(training.history) == 1
    assert network is training.network  # its weights are not averaged


def test_codes_that_the_reference_cannot_learn_are_refused(root, dataset, tmp_path):
    """It has no head for them: they would be left out of the training in silence."""
    settings = ["train.auxiliary_weight=1.5", "data.n_folds=2"]
    config = load_config(root / "configs/reference.toml", settings, root / "configs/mi.toml")
    with pytest.raises(ConfigError, match="no auxiliary outputs"):
        make_training(config, dataset, tmp_path)


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["--set", "train.epoch=3"], 2, "did you mean train.epochs"),
        (["--data", "SIMULATED", "--set", "detect.hop=0"], 2, "above 0"),
        (["--data", "SIMULATED", "--set", "localize.pool=median"], 2, "mean, logit_mean, max, top"),
        (["--data", "SIMULATED", "--set", "signal.high_hz=400"], 2, "half the sampling rate of 100 Hz"),
        (["--data", "SIMULATED", "--set", "signal.scale=record"], 2, "mV, lead"),
        (["--data", "SIMULATED", "--set", "train.epochs=0"], 2, "train.epochs is 0: give a number from 1"),
        (["--data", "SIMULATED", "--set", "train.members=0"], 2, "train.members is 0"),
        (["--data", "SIMULATED", "--set", "data.n_folds=1"], 2, "from 2 to"),
        (["--data", "SIMULATED", "--set", "data.weak_present=1.5"], 2, "from 0 to 1"),
        (["--data", "SIMULATED", "--set", "train.learning_rate=nan"], 2, "train.learning_rate is nan"),
        (["--data", "SIMULATED", "--set", "train.precision=float16"], 2, "auto, float32, bfloat16"),
        (["--data", "SIMULATED", "--set", "train.crop=150"], 2, "from 160"),
        (["--data", "SIMULATED", "--set", "train.crop=1001"], 2, "to signal.section"),
        (["--data", "SIMULATED", "--set", "signal.section=150"], 2, "signal.section"),
        (["--data", "SIMULATED", "--set", "detect.window=3"], 2, "must hold a frame"),
        (["--data", "SIMULATED", "--set", "network.heads=5"], 2, "cannot be built"),
        (["--data", "SIMULATED", "--set", "network.span=-1"], 2, "cannot be built"),
        (["--data", "SIMULATED", "--set", "network.name=reference"], 2, "cannot be built"),
        (["--data", "SIMULATED", "--set", "decide.calibration=plat"], 2, "none, temperature, platt, beta, isotonic"),
        (["--data", "SIMULATED", "--set", "decide.site_calibration=plat"], 2, "none, temperature"),
        (["--data", "SIMULATED", "--set", "decide.shrink=5.0"], 2, "decide.shrink is 5.0"),
        (["--data", "SIMULATED", "--set", "decide.npv=2.0"], 2, "decide.npv is 2.0"),
        (["--data", "SIMULATED", "--seed", "-1"], 2, "train.seed is -1"),
        (["--config", "nowhere.toml"], 2, "cannot be read as TOML"),
        (["--data", "nowhere"], 1, "no such folder"),
    ],
)
def test_command_line_refusals(arguments, status, told, capsys, tmp_path, dataset, monkeypatch):
    """Each before the work and in one line."""
    monkeypatch.setattr(NetworkTraining, "run", lambda *_: pytest.fail("the work began"))
    if "SIMULATED" in arguments:
        monkeypatch.setattr(train, "open_data", lambda *_: dataset)
    assert train.main([*arguments, "--out", str(tmp_path / "out")]) == status
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out/state").exists()  # a corrected command may use the same folder


def test_without_data_a_demonstration_is_trained_and_said(monkeypatch, capsys, tmp_path, root):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ECG_DATA", raising=False)
    shipped = {path: path.stat().st_mtime_ns for path in (root / "checkpoints").rglob("*")}
    arguments = [part for text in SMALL for part in ("--set", text)]
    assert train.main(arguments) == 0
    told = capsys.readouterr().out
    assert "SIMULATED" in told
    assert (tmp_path / "runs/demo/card.json").is_file()
    assert json.loads((tmp_path / "runs/demo/card.json").read_text())["training"]["layout"] == "simulated"
    assert {path: path.stat().st_mtime_ns for path in (root / "checkpoints").rglob("*")} == shipped


def test_ctrl_c_leaves_a_run_that_can_be_resumed(monkeypatch, capsys, tmp_path):
    def pressed(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(train, "fit", pressed)
    assert train.main(["--data", "public_data", "--out", str(tmp_path)]) == 1  # no labels there
    monkeypatch.setattr(train, "open_data", lambda *_: simulate_dataset(2, 1))
    assert train.main(["--out", str(tmp_path)]) == 130
    assert "--resume" in capsys.readouterr().err
