"""The search over beats: a trial's score, a tiny search by the program, and one that is killed and goes on."""

import csv
import os
import signal
import subprocess
import sys

import pytest

pytest.importorskip("ray", reason="requirements-scale.txt is not installed")
pytest.importorskip("optuna", reason="requirements-scale.txt is not installed")

from scale import space, tune
from scale.detectors import find_detector
from tasks.beats import train
from tests.patience import wait_until
from tests.scale.asked import Asked
from utils import load_config

SMALL = ("trees.n_trees=6",)
SPACE = """
[trees]
n_leaves = { low = 3, high = 8 }
record_balance = { low = 0.0, high = 1.0 }
"""


def test_the_shipped_space_is_one():
    assert find_detector("beats") is train
    assert "trees.record_balance" in space.read_space(train.SPACE, train.DEFAULTS, train.DEFAULTS)


def test_a_trial_is_scored_by_all_folds_so_far(tmp_path, monkeypatch):
    """What it tells last is the score of the whole cross-validation; settings that cannot be score nothing and say why."""
    searched = tune.Searched("beats", train.DEMO, SMALL)
    asked = Asked(tmp_path / "trial")
    monkeypatch.setattr(tune, "ray_of", lambda _: asked)
    tune.run_trial({"trees.n_leaves": 6}, searched)
    config = load_config(train.DEMO, [*SMALL, "trees.n_leaves=6"], train.DEFAULTS)
    f1 = train.fit(config, train.demonstration(config), tmp_path / "alone", bundle=False).figures["both"]["f1"]
    assert [told["folds"] for told in asked.told] == [1, 2, 3]
    assert asked.told[-1]["score"] == pytest.approx(sum(f1[each] for each in "NSV") / 3)
    assert asked.told[-1]["others"] == {f"f1_{name}": f1[name] for name in "NSVF"}
    tune.run_trial({"trees.n_leaves": 6}, searched)
    assert len(asked.told) == 3  # it was whole
    refused = Asked(tmp_path / "refused")
    monkeypatch.setattr(tune, "ray_of", lambda _: refused)
    tune.run_trial({"trees.min_records": 0}, searched)
    assert "trees.min_records is 0" in refused.told[0]["refused"]


def test_a_network_is_searched_by_the_same_score(tmp_path, monkeypatch):
    net = find_detector("tasks.beats.train_net")
    assert "train.class_power" in space.read_space(net.SPACE, net.DEFAULTS, net.DEFAULTS)
    asked = Asked(tmp_path / "trial")
    monkeypatch.setattr(tune, "ray_of", lambda _: asked)
    searched = tune.Searched(
        "tasks.beats.train_net", net.DEMO, ("model.name=residual", "residual.epochs=1", "residual.thin=8")
    )
    tune.run_trial({"train.class_power": 0.5}, searched)
    assert [told["folds"] for told in asked.told] == [1, 2, 3]
    assert all(set(told["others"]) == {f"f1_{name}" for name in "NSVF"} for told in asked.told)
    last = asked.told[-1]
    assert last["score"] == pytest.approx(sum(last["others"][f"f1_{name}"] for name in "NSV") / 3)


def command(tmp_path):
    (tmp_path / "space.toml").write_text(SPACE, encoding="utf-8")
    more = ["--trials", "2", "--workers", "1", "--set", SMALL[0], "--set", "trees.seeds=8"]
    paths = ["--config", train.DEMO, "--space", tmp_path / "space.toml", "--out", tmp_path / "out"]
    return [sys.executable, "-m", "scale.tune", "--task", "beats", *more, *map(str, paths)]


@pytest.mark.slow
def test_a_search_of_two_trials_that_is_killed_goes_on(root, tmp_path):
    """Killed at once, parent and all, once a fold is kept; the same command ends with both trials.

    Two clusters of Ray: a minute. What a killed search does is tested with another detector too, see tests/scale/test_tune.py.
    """
    out, quiet = tmp_path / "out", subprocess.DEVNULL
    asked = command(tmp_path)
    with subprocess.Popen(asked, cwd=root, stdout=quiet, stderr=quiet, start_new_session=True) as process:
        wait_until(lambda: list(out.glob("trials/*/run/state/*.npz")) or process.poll() is not None)
        os.killpg(process.pid, signal.SIGKILL)
    assert list(out.glob("trials/*/run/state/*.npz"))
    assert not (out / tune.TABLE).exists()
    done = subprocess.run(asked, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    with (out / tune.TABLE).open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2
    assert [*rows[0]][:7] == ["folds", "score", "f1_N", "f1_S", "f1_V", "f1_F", "refused"]
    assert int(rows[0]["folds"]) == 3 and 0.5 < float(rows[0]["score"]) <= 1
    best = load_config(out / tune.BEST, [], train.DEFAULTS)
    assert best["trees"]["n_leaves"] == int(rows[0]["trees.n_leaves"])
    train.check_settings(best)
