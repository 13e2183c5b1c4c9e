"""By a stand-in of MLflow wherever it is not installed, and by itself where it is."""

import argparse
import logging
import sqlite3
import sys
from types import SimpleNamespace
from typing import ClassVar

import pytest

from cardiac.errors import ConfigError
from learning.tracking import STORE, add_track_argument, tracked


class StandInClient:
    """Notes what it is asked to."""

    made: ClassVar[list] = []

    def __init__(self, tracking_uri):
        self.uri, self.params, self.metrics, self.artifacts, self.status, self.tags = tracking_uri, {}, [], [], None, {}
        StandInClient.made.append(self)

    def get_experiment_by_name(self, name):
        return None

    def create_experiment(self, name, artifact_location=None):
        if "away" in self.uri:
            raise OSError(f"no answer from {self.uri}")
        self.name, self.location = name, artifact_location
        return "1"

    def create_run(self, experiment_id, tags):
        self.tags = tags
        return SimpleNamespace(info=SimpleNamespace(run_id="r"))

    def log_batch(self, run_id, metrics=(), params=()):
        if any(each[0] == "breaks" for each in metrics):
            raise OSError("disk full")
        assert len(params) <= 100
        self.params |= dict(params)
        self.metrics += [(key, value, step) for key, value, _, step in metrics]

    def log_artifact(self, run_id, path, folder):
        self.artifacts.append((path, folder))

    def set_terminated(self, run_id, status):
        self.status = status


@pytest.fixture
def stand_in(monkeypatch):
    entities = SimpleNamespace(Param=lambda key, value: (key, value), Metric=lambda *parts: parts)
    monkeypatch.setitem(sys.modules, "mlflow", SimpleNamespace(MlflowClient=StandInClient, entities=entities))
    monkeypatch.setitem(sys.modules, "mlflow.entities", entities)
    monkeypatch.setattr(StandInClient, "made", [])
    return StandInClient


def test_without_an_address_nothing_is_tracked(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with tracked(None, "beats", {"a": 1}) as tracker:
        tracker.log_metrics({"loss": 1.0})
        tracker.log_picture("nowhere.png")


def test_where_mlflow_is_missing_it_is_said(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with (
        pytest.raises(ConfigError, match=r"mlflow is not installed: pip install -r requirements-track\.txt"),
        tracked(f"sqlite:///{tmp_path}/m.db", "beats", {}),
    ):
        raise AssertionError("nothing may run untracked that was to be tracked")


def test_what_is_noted_of_a_training(stand_in, tmp_path):
    parameters = {"train": {"seed": 1, "a(b)": "x"}, "many": {str(index): index for index in range(130)}}
    with tracked(f"sqlite:///{tmp_path}/new/m.db", "beats", parameters) as tracker:
        tracker.log_metrics({"loss": 0.5, "name": "7", "f1": {"S": 0.25}, "none": None}, step=3)
        tracker.log_picture(tmp_path / "loss.png")
    (client,) = stand_in.made
    assert client.params["train.seed"] == "1"
    assert client.params["train.a_b_"] == "x"
    assert len(client.params) == 132
    assert client.metrics == [("loss", 0.5, 3), ("f1.S", 0.25, 3)]
    assert client.artifacts == [(str(tmp_path / "loss.png"), "plots")]
    assert client.status == "FINISHED"
    assert client.location == (tmp_path / "new" / "m.pictures").as_uri()
    assert (tmp_path / "new").is_dir()
    assert set(client.tags) == {"mlflow.source.git.commit"}


@pytest.mark.parametrize(("error", "status"), [(ValueError, "FAILED"), (KeyboardInterrupt, "KILLED")])
def test_a_training_that_ends_badly_is_noted_as_such(stand_in, error, status):
    with pytest.raises(error), tracked("http://server:5000", "beats", {}):
        raise error
    assert stand_in.made[0].status == status
    assert stand_in.made[0].location is None


def test_a_full_disk_does_not_end_a_training_and_is_said_once(stand_in, caplog):
    with caplog.at_level(logging.WARNING, "train"), tracked("http://server:5000", "beats", {}) as tracker:
        tracker.log_metrics({"breaks": 1.0})
        tracker.log_metrics({"breaks": 1.0})
        tracker.log_metrics({"loss": 1.0})
    assert caplog.messages == ["tracking: cannot be noted (disk full): the training goes on without"]
    assert stand_in.made[0].metrics == [("loss", 1.0, 0)]


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("runs/mlflow.db", r"--track runs/mlflow\.db: write a store's address"),
        (
            "http://me:secret@away:5000",
            r"--track http://away:5000: cannot be opened \(no answer from http://away:5000\)",
        ),
    ],
)
def test_an_address_that_is_none(stand_in, uri, message):
    with pytest.raises(ConfigError, match=message), tracked(uri, "beats", {}):
        raise AssertionError("it must not begin")


def test_the_option():
    parser = argparse.ArgumentParser()
    add_track_argument(parser)
    assert [parser.parse_args(each).track for each in ([], ["--track"], ["--track", "http://a"])] == [
        None,
        STORE,
        "http://a",
    ]


@pytest.mark.filterwarnings("ignore")  # what MLflow uses of SQLAlchemy is deprecated
def test_mlflow_itself_reads_what_was_noted(tmp_path):
    mlflow = pytest.importorskip("mlflow", reason="mlflow-skinny is not installed (requirements-track.txt)")
    picture, uri = tmp_path / "loss.png", f"sqlite:///{tmp_path}/m.db"
    picture.write_bytes(b"a picture")
    for seed in (1, 2):
        with tracked(uri, "beats", {"train": {"seed": seed}}) as tracker:
            for step, loss in enumerate((0.5, 0.25, float("nan"))):
                tracker.log_metrics({"loss": loss, "f1": {"S": 1}}, step)
            tracker.log_picture(picture)
    client = mlflow.MlflowClient(uri)
    runs = client.search_runs([client.get_experiment_by_name("beats").experiment_id])
    assert {run.data.params["train.seed"] for run in runs} == {"1", "2"}
    assert [each.value for each in client.get_metric_history(runs[0].info.run_id, "loss")][:2] == [0.5, 0.25]
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert runs[0].data.tags["mlflow.source.git.commit"]
    assert [each.path for each in client.list_artifacts(runs[0].info.run_id, "plots")] == ["plots/loss.png"]
    with sqlite3.connect(tmp_path / "m.db") as database:
        assert database.execute("select count(*) from runs").fetchone() == (2,)
    database.close()
