"""Training on simulated records, small and short: what is written, what resumes, what is refused."""

import dataclasses
import json
import shutil

import numpy as np
import pandas as pd
import pytest
from safetensors.torch import load_file

import train
from cardiac.datasets import Dataset
from cardiac.errors import CardiacError, ConfigError
from cardiac.folds import check_folds
from cardiac.labels import SITES
from cardiac.simulate import simulate_dataset, simulate_record
from inference import Detector
from utils import load_config

SMALL = ["detect.epochs=2", "localize.epochs=2", "data.n_folds=2", "detect.hop=800", "localize.hop=700"]
SMALL += [f"{stage}_network.{key}" for stage in ("detect", "localize") for key in ("depth=1", "widths=[8, 8, 8]")]


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


def test_everything_is_written_and_nothing_else(fitted):
    out = fitted[0].out
    names = {path.name for path in out.iterdir()}
    assert names == {
        "card.json", "weights.safetensors", "metrics.json", "out_of_fold.csv", "folds.csv", "curves.png", "train.log",
    }  # fmt: skip


def test_card_says_what_inference_must_know(fitted, dataset):
    out = fitted[0].out
    card = json.loads((out / "card.json").read_text())
    assert card["signal"] == {"fs_hz": 500.0, "band_hz": [0.5, 45.0], "leads": card["signal"]["leads"], "unit": "mV"}
    assert card["stages"]["localize"]["outputs"] == list(SITES)
    assert card["training"]["infarctions"] == 18
    assert "not a medical device" in card["use"]
    finding = Detector.load(out).predict(dataset.sources[1].signal, 500)
    assert finding.mi.threshold == card["thresholds"]["mi"]


def test_every_record_is_scored_by_a_network_that_did_not_see_its_patient(fitted, dataset):
    table = pd.read_csv(fitted[0].out / "out_of_fold.csv", dtype={"record_id": str}).set_index("record_id")
    assert set(table.index) == set(dataset.table["record_id"])
    assert table[["mi", *SITES]].notna().all(axis=None)
    assert table[["mi", *SITES]].stack().between(0, 1).all()
    check_folds(table["fold"].reindex(dataset.table["record_id"]).to_numpy(), dataset.patients)
    _, told = fitted
    assert [each["part"] for each in told] == [
        f"{stage}-{part}" for stage in ("detect", "localize") for part in ("fold0", "fold1", "all") for _ in range(2)
    ]


def test_the_network_of_a_fold_is_taught_the_others_alone(small, dataset, tmp_path, monkeypatch):
    """The rows that each training draws from: none of its fold; the second stage's are infarctions."""
    seen = {}

    class Watched(train.NetworkTraining):
        def run(self, held=None, report=None):
            seen[self.part] = set(self.rows)
            self.n_epochs = 0
            return super().run(held, report)

    monkeypatch.setattr(train, "NetworkTraining", Watched)
    train.fit(small, dataset, tmp_path / "run")
    folds = pd.read_csv(tmp_path / "run/folds.csv").set_index("record_id")["fold"]
    folds = folds.reindex(dataset.table["record_id"]).to_numpy()
    for fold in (0, 1):
        assert seen[f"detect-fold{fold}"] == set(np.flatnonzero(folds != fold))
        assert seen[f"localize-fold{fold}"] == set(np.flatnonzero((folds != fold) & dataset.infarction))
    assert seen["localize-all"] == set(np.flatnonzero(dataset.infarction))


class Stop(Exception):
    """Stands for a kill between two epochs."""


def test_a_stopped_run_resumes_to_the_same_weights(small, dataset, fitted, tmp_path):
    out = tmp_path / "whole"

    def stop_at(part, epoch):
        def report(told):
            if (told["part"], told["epoch"]) == (part, epoch):
                raise Stop

        return report

    with pytest.raises(Stop):
        train.fit(small, dataset, out, report=stop_at("detect-fold1", 1))
    with pytest.raises(ConfigError, match="--resume"):
        train.fit(small, dataset, out)
    other = load_config("configs/mi.toml", [*SMALL, "train.gain=0.1"])
    with pytest.raises(ConfigError, match="other settings"):
        train.fit(other, dataset, out, resume=True)
    with pytest.raises(Stop):
        train.fit(small, dataset, out, resume=True, report=stop_at("localize-all", 1))
    told = []
    train.fit(small, dataset, out, resume=True, report=told.append)
    assert [(each["part"], each["epoch"]) for each in told] == [("localize-all", 2)]
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
    (tmp_path / "run/state/detect-fold0.pt").write_bytes(b"junk")
    with pytest.raises(CardiacError, match=r"detect-fold0\.pt: cannot be read"):
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
    with pytest.raises(CardiacError, match="has 700 samples and a window needs 800"):
        train.fit(small, short, tmp_path / "run")
    one = np.zeros_like(dataset.sites)
    one[1, 0] = True
    single = dataclasses.replace(dataset, sites=one, infarction=one.any(axis=1))
    with pytest.raises(CardiacError, match="no infarction left to learn from"):
        train.fit(small, single, tmp_path / "run")
    assert not (tmp_path / "run/state").exists()


def test_another_seed_gives_other_weights(root, dataset, fitted, tmp_path):
    shutil.copy(fitted[0].out / "folds.csv", tmp_path)
    (tmp_path / "run").mkdir()
    shutil.copy(tmp_path / "folds.csv", tmp_path / "run")
    config = load_config(root / "configs/mi.toml", [*SMALL, "train.seed=2"])
    train.fit(config, dataset, tmp_path / "run")
    one, other = (load_file(place / "weights.safetensors") for place in (fitted[0].out, tmp_path / "run"))
    assert not np.array_equal(one["detect.stem.0.weight"], other["detect.stem.0.weight"])


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
    with pytest.raises(CardiacError, match="stands in two folds"):
        train.fit(small, torn, tmp_path / "run")


def test_reference_network_trains(root, dataset, tmp_path):
    config = load_config(
        root / "configs/reference.toml",
        ["detect.epochs=1", "localize.epochs=1", "data.n_folds=2", "detect_network.window=800"],
        root / "configs/mi.toml",
    )
    stage = train._stages(config, dataset)[0]
    signals = [record.signal for record in dataset.sources]
    training = train._training(config, stage, "detect-all", signals, np.arange(6), tmp_path)
    assert not np.array_equal(training.network.mean, np.zeros((12, 800)))
    windows, targets = training.draw(np.arange(6), np.random.default_rng(0))
    assert windows.shape == (12, 12, 800)  # doubled by noisy copies
    assert targets.shape == (12, 1)
    network = training.run()
    assert len(training.history) == 1
    assert network is training.network  # its weights are not averaged


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["--set", "detect.epoch=3"], 2, "did you mean detect.epochs"),
        (["--data", "SIMULATED", "--set", "detect.hop=0"], 2, "above 0"),
        (["--data", "SIMULATED", "--set", "localize.pool=median"], 2, "mean, logit_mean, max"),
        (["--data", "SIMULATED", "--set", "signal.high_hz=400"], 2, "half of 500 Hz"),
        (["--data", "SIMULATED", "--set", "detect.epochs=0"], 2, "detect.epochs is 0: give a number from 1"),
        (["--data", "SIMULATED", "--set", "data.n_folds=1"], 2, "from 2 to"),
        (["--data", "SIMULATED", "--set", "train.learning_rate=nan"], 2, "train.learning_rate is nan"),
        (["--data", "SIMULATED", "--set", "detect.window=50"], 2, "cannot be built for windows of 50"),
        (["--data", "SIMULATED", "--set", "detect_network.heads=5"], 2, "cannot be built"),
        (["--data", "SIMULATED", "--set", "detect_network.name=reference"], 2, "window"),
        (["--data", "SIMULATED", "--seed", "-1"], 2, "train.seed is -1"),
        (["--config", "nowhere.toml"], 2, "cannot be read as TOML"),
        (["--data", "nowhere"], 1, "no such folder"),
    ],
)
def test_command_line_refusals(arguments, status, told, capsys, tmp_path, dataset, monkeypatch):
    """Each before the work and in one line."""
    if "SIMULATED" in arguments:
        monkeypatch.setattr(train, "_open_data", lambda *_: dataset)
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
    def pressed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(train, "fit", pressed)
    assert train.main(["--data", "public_data", "--out", str(tmp_path)]) == 1  # no labels there
    monkeypatch.setattr(train, "_open_data", lambda *_: simulate_dataset(2, 1))
    assert train.main(["--out", str(tmp_path)]) == 130
    assert "--resume" in capsys.readouterr().err
