"""What a training was given and what came of it, kept by MLflow beside its folder; optional. Knows no label.

    python -m tasks.NAME.train --track                            # into runs/mlflow.db, an SQLite file
    python -m tasks.NAME.train --track http://tracking.local:5000   # a server's

Looked at by `mlflow ui --backend-store-uri sqlite:///runs/mlflow.db` of the full package, which need not lie in this
environment: `mlflow-skinny` writes what it reads.
"""

import argparse
import logging
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bundles import ROOT
from cardiac.errors import ConfigError, extra, first_line
from cardiac.files import open_folder
from learning.run_folder import code_revision

log = logging.getLogger("train")
STORE = "sqlite:///runs/mlflow.db"
PICTURES = "plots"
MOST_TEXT = 500  # characters of a parameter that every store takes
MOST_PARAMETERS = 100  # in one request
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "GIT_PYTHON_REFRESH": "quiet"}


def add_track_argument(parser: argparse.ArgumentParser) -> None:
    """`--track [URI]`; None where it is not given."""
    parser.add_argument(
        "--track", nargs="?", const=STORE, metavar="URI", help=f"keep parameters, metrics, curves by MLflow ({STORE})"
    )


class Tracker:
    """What notes one training; nothing without a client. What cannot be noted is logged once, and the training goes on."""

    def __init__(self, client: Any = None, run_id: str = "") -> None:
        self._client, self._run_id, self._failed = client, run_id, False

    def log_metrics(self, metrics: Mapping[str, Any], step: int = 0) -> None:
        """Numbers by name, or by group and name, as "group.name"; what is no number is left out. step : an epoch, say."""
        if self._client is None:
            return
        entities = extra("mlflow.entities", "requirements-track.txt", ConfigError)
        numbers = {key: value for key, value in _flat(metrics).items() if _is_number(value)}
        now_ms = time.time_ns() // 1_000_000
        entries = [entities.Metric(key, float(value), now_ms, step) for key, value in numbers.items()]
        self._try("log_batch", self._run_id, entries)

    def log_picture(self, path: str | Path) -> None:
        """A picture, or whatever file, that lies there already."""
        self._try("log_artifact", self._run_id, str(path), PICTURES)

    def end(self, status: str) -> None:
        """FINISHED, FAILED or KILLED."""
        self._try("set_terminated", self._run_id, status)

    def _try(self, method: str, *arguments: Any) -> None:
        if self._client is None:
            return
        try:
            getattr(self._client, method)(*arguments)
        except Exception as error:  # MLflow's own, the database's, the network's: none is worth a training
            if not self._failed:
                log.warning("tracking: cannot be noted (%s): the training goes on without", first_line(error))
            self._failed = True


@contextmanager
def tracked(uri: str | None, name: str, parameters: Mapping[str, Any]) -> Iterator[Tracker]:
    """A run of the experiment `name`, with its parameters and the commit of the code; ended as the block inside ends.

    uri : an SQLite file as STORE, whose pictures lie in a folder beside it, or a server; None: nothing is tracked.
    parameters : settings by key, or by section and key.
    Raises ConfigError where MLflow is not installed, or the store cannot be opened.
    """
    if uri is None:
        yield Tracker()
        return
    tracker = _begin(uri, name, parameters)
    try:
        yield tracker
    except BaseException as error:
        tracker.end("FAILED" if isinstance(error, Exception) else "KILLED")
        raise
    tracker.end("FINISHED")


def _begin(uri: str, name: str, parameters: Mapping[str, Any]) -> Tracker:
    if "://" not in uri:
        raise ConfigError(f"--track {uri}: write a store's address, such as {STORE} or http://SERVER:5000")
    for key, value in QUIET.items():
        os.environ.setdefault(key, value)  # nothing is sent but to the store, and a server that is away is said soon
    mlflow = extra("mlflow", "requirements-track.txt", ConfigError)
    try:
        client = mlflow.MlflowClient(tracking_uri=_opened(uri))
        known = client.get_experiment_by_name(name)
        experiment = known.experiment_id if known else client.create_experiment(name, _pictures(uri))
        tags = {"mlflow.source.git.commit": code_revision(ROOT)}
        run_id = client.create_run(experiment, tags=tags).info.run_id
        params = [mlflow.entities.Param(key, str(value)[:MOST_TEXT]) for key, value in _flat(parameters).items()]
        for first in range(0, len(params), MOST_PARAMETERS):
            client.log_batch(run_id, params=params[first : first + MOST_PARAMETERS])
    except ConfigError:
        raise
    except Exception as error:  # MLflow's own, SQLAlchemy's, requests': they have no common parent
        reason = _without_password(first_line(error))
        raise ConfigError(
            f"--track {_without_password(uri)}: cannot be opened ({reason}): check the address"
        ) from error
    return Tracker(client, run_id)


def _opened(uri: str) -> str:
    """The address, once the folder of an SQLite file is there."""
    file = _file_of(uri)
    if file is not None:
        open_folder(file.parent)
    return uri


def _pictures(uri: str) -> str | None:
    """Where pictures are kept: beside an SQLite file; a server has a place of its own."""
    file = _file_of(uri)
    return None if file is None else file.resolve().with_suffix(".pictures").as_uri()


def _file_of(uri: str) -> Path | None:
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


def _without_password(text: str) -> str:
    return re.sub(r"://[^/@\s]*@", "://", text)


def _flat(values: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """By one name each, without what stands in the way of MLflow's names."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        name = before + re.sub(r"[^\w\-. /:]", "_", str(key))
        flat |= _flat(value, f"{name}.") if isinstance(value, Mapping) else {name: value}
    return flat


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return not isinstance(value, str)
