"""A search: what may be chosen, what is refused, one that is stopped and goes on, and that it never sees the test part."""

import csv
import json
import os
import signal
import subprocess
import sys

import pytest

pytest.importorskip("ray", reason="requirements-scale.txt is not installed")
pytest.importorskip("optuna", reason="requirements-scale.txt is not installed")

from cardiac.errors import ConfigError
from scale import space, tune
from scale.detectors import find_detector
from tests.patience import wait_until
from tests.scale.asked import Asked
from utils import load_config

SPACE = """
[train]
learning_rate = { low = 1e-4, high = 1e-2, log = true }
epochs = { low = 1, high = 2 }
[detect]
window = [120, 160]
[network]
depth = [1, 2]
"""


@pytest.fixture
def configs(root):
    return root / "configs/demo.toml", root / "configs/mi.toml"


def written(tmp_path, text):
    path = tmp_path / "space.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shipped_space_is_one(root, configs):
    found = space.read_space(root / "scale/search.toml", configs[1], configs[1])
    assert {"train.learning_rate", "detect.window", "network.depth"} <= found.keys()


def test_kinds_of_choices(tmp_path, configs):
    found = space.read_space(written(tmp_path, SPACE), *configs)
    assert {name: type(each).__name__ for name, each in found.items()} == {
        "train.learning_rate": "FloatDistribution",
        "train.epochs": "IntDistribution",
        "detect.window": "CategoricalDistribution",
        "network.depth": "CategoricalDistribution",
    }
    assert found["train.learning_rate"].log


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[train]\nlearning_rat = [1e-3]\n", "did you mean train.learning_rate"),
        ("[trian]\nepochs = [1]\n", "no section 'trian'.*did you mean train"),
        ("[network]\nwidht = [1]\n", "no setting network.widht"),
        ("[train]\nepochs = ['many']\n", "train.epochs is 'many'"),
        ("[train]\nmixup = { low = 0.5, high = 0.1 }\n", "holds nothing"),
        ("[train]\nmixup = { low = 0.5 }\n", "give a list of choices"),
        ("[train]\nmixup = 0.5\n", "give a list of choices"),
        ("mixup = [0.5]\n", "is not in a section"),
        ("", "names nothing to search"),
        ("[train\n", "cannot be read as TOML"),
        (f"[train]\nmixup = {5_000 * '['}", "cannot be read as TOML"),
    ],
)
def test_wrong_spaces(text, told, tmp_path, configs):
    with pytest.raises(ConfigError, match=told):
        space.read_space(written(tmp_path, text), *configs)


def test_written_settings_are_read_again(configs, tmp_path):
    chosen = {"train.learning_rate": 0.00123, "network.widths": [32, 64], "detect.window": 120}
    config = space.chosen_config(chosen, configs[0], ["train.epochs=3"], find_detector("mi"))
    path = tmp_path / "best.toml"
    path.write_text(space.config_text(config, "one\ntwo"), encoding="utf-8")
    assert load_config(path, [], configs[1]) == config
    assert config["train"]["epochs"] == 3


def test_a_trial_is_scored_fold_by_fold(configs, tmp_path, monkeypatch):
    """By the mean of both AUCs over the folds so far; settings that do not go together score nothing and say why."""
    searched = tune.Searched("mi", configs[0], ("train.epochs=1", "data.n_folds=2", "trees.n_trees=0"))
    for chosen, folds in (({"train.mixup": 0.1}, [1, 2]), ({"detect.window": 900}, [0])):
        asked = Asked(tmp_path / str(len(folds)))
        monkeypatch.setattr(tune, "ray_of", lambda _, each=asked: each)
        tune.run_trial(chosen, searched)
        assert [told["folds"] for told in asked.told] == folds
        for told in asked.told:
            aucs = [told["others"][name] for name in ("auc", "sites_auc") if folds != [0]]
            assert told["score"] == pytest.approx(sum(aucs) / 2)
    assert "train.crop is 500: give a number from 900" in asked.told[0]["refused"]
    again = Asked(tmp_path / "2")
    monkeypatch.setattr(tune, "ray_of", lambda _: again)
    tune.run_trial({"train.mixup": 0.1}, searched)
    assert again.told == []  # it was whole


def command(*arguments):
    return [sys.executable, "-m", "scale.tune", "--config", "configs/demo.toml", "--workers", "2", *map(str, arguments)]


@pytest.mark.slow
def test_a_search_that_is_killed_goes_on(root, tmp_path):
    """Killed at once, parent and all; the same command ends with every trial, and train.py takes what it wrote."""
    out = tmp_path / "out"
    asked = command("--trials", 3, "--space", written(tmp_path, SPACE), "--out", out)
    with subprocess.Popen(
        asked, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        wait_until(lambda: list(out.glob("trials/*/run/state/*.pt")) or process.poll() is not None)
        os.killpg(process.pid, signal.SIGKILL)
    assert list(out.glob("trials/*/run/state/*.pt"))
    assert not (out / tune.TABLE).exists()
    done = subprocess.run(asked, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "SIMULATED" in done.stdout
    with (out / tune.TABLE).open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert 1 <= len(rows) <= 3
    assert int(rows[0]["folds"]) == 3
    assert all(0 <= float(row["score"]) <= 1 for row in rows)
    best = load_config(out / tune.BEST, [], root / "configs/mi.toml")
    assert best["detect"]["window"] == int(rows[0]["detect.window"])
    assert (out / tune.PICTURE).stat().st_size > 5_000


def test_unknown_keys_and_detectors_are_one_sentence(root, tmp_path, capsys):
    wrong = written(tmp_path, "[train]\nlearning_rat = [1e-3]\n")
    assert tune.main(["--trials", "1", "--space", str(wrong), "--out", str(tmp_path / "out")]) == 2
    assert "did you mean train.learning_rate" in capsys.readouterr().err
    assert tune.main(["--trials", "1", "--detector", "none", "--out", str(tmp_path / "out")]) == 2
    assert "no detector 'none'" in capsys.readouterr().err


def test_rows_are_told_with_the_best_first():
    rows = [
        {"folds": 5, "score": 0.9, "auc": 0.95, "sites_auc": 0.85, "refused": "", "train.mixup": 0.25},
        {"folds": 0, "score": 0.0, "auc": 0.0, "sites_auc": 0.0, "refused": "too long", "train.mixup": 0.1},
    ]
    told = tune.format_rows(rows).splitlines()
    assert told[0] == "| folds | score | auc | sites_auc | settings |"
    assert told[2] == "| 5 | 0.9000 | 0.9500 | 0.8500 | train.mixup=0.25 |"
    assert told[3].endswith("| too long |")
    assert json.dumps(rows)


def test_a_trial_reads_the_training_part_alone(real_data):
    """What train.open_data gives to every trial names no file of the test part."""
    from train import open_data

    config = load_config("configs/mi.toml", ["data.weak_datasets=[]"], "configs/mi.toml")
    dataset = open_data(real_data / "aiijc", config)
    assert len(dataset.sources) == 1681
    assert {source.parent.name for source in dataset.sources} == {"train"}
