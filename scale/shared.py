"""A search that many machines share: every process joins one study in a database and does trials until all are done.

A study has as many places as trials were asked for. A worker takes a place by putting a trial of Optuna's there, and does
it; of two trials of one place the first counts and the other is dropped before it begins, so no place is done twice or left
out, whoever asks at once. A trial that ended without a score (its worker was killed, stopped, or gave no sign of life for
too long) leaves its place free, and the next worker takes it with the same settings.
"""

import hashlib
import json
import logging
import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from cardiac.errors import CardiacError, ConfigError, extra
from cardiac.files import open_folder, replace_file
from scale.cluster import REQUIREMENTS
from scale.detectors import find_detector
from scale.shards import alone_in
from scale.study import ABOUT, ask, beating, fail_the_silent, in_sentences, open_study
from scale.trials import Searched, rows_of, train_trial

log = logging.getLogger("scale")
HEARTBEAT_S, BEATS, ATTEMPTS = 15, 4, 5
LOOK_AGAIN_S = 2.0  # for a place that has become free
PLACE, WORKER, TOLD, STOPPED, SURPLUS = "place", "worker", "told", "stopped", "surplus"  # what a trial is marked with
FOLDER, TOLD_FILE = "shared", "told.json"


def search_together(
    storage: str,
    study: str,
    out: Path,
    n_trials: int,
    searched: Searched,
    space: Mapping[str, Any],
    heartbeat_s: int = HEARTBEAT_S,
) -> list[dict[str, Any]]:
    """Join a study, do trials until `n_trials` of it are done by whomever, and give the rows of all, the best first.

    storage : the database, as SQLAlchemy takes it: `postgresql://user:password@host/name` or `sqlite:///FILE`.
    out : folder for the epochs of this machine's trials.  heartbeat_s : seconds between a worker's signs of life; one
    that gives none `BEATS` times as long has its trial taken over.
    Raises ConfigError where the database cannot be used or the study is another search's, CardiacError where the data
    cannot be read or no trial came to a score.
    """
    about = about_of(searched, space, heartbeat_s)
    open_folder(out)
    _open_data_once(searched)
    with in_sentences(storage):
        joined = open_study(storage, study, about, searched.n_folds, BEATS)
        worker = Worker(joined, out / FOLDER / study, n_trials, searched, space, about)
        worker.work()
        trials = worker.done()
    if worker.given_up:
        log.warning("%d trials ended their workers %d times and were given up", len(worker.given_up), ATTEMPTS)
    if not trials:
        raise CardiacError("no trial came to a score: look at what the workers said")
    return rows_of([(trial.user_attrs[TOLD], trial.params) for trial in trials], list(space))


def about_of(searched: Searched, space: Mapping[str, Any], heartbeat_s: int) -> dict[str, Any]:
    """What all workers of a study must have in common, as plain data."""
    to_json = extra("optuna.distributions", REQUIREMENTS, ConfigError).distribution_to_json
    about = {
        "task": searched.detector,
        "config": searched.chosen({}),
        "space": {name: json.loads(to_json(each)) for name, each in space.items()},
        "data": "recordings" if searched.data else "simulated",
        "heartbeat": heartbeat_s,
    }
    return json.loads(json.dumps(about))


def _open_data_once(searched: Searched) -> None:
    """Raise CardiacError for data that cannot be read before a trial is taken."""
    if searched.data:
        find_detector(searched.detector).open_data(searched.data, searched.chosen({}))


class Worker:
    """One process of a study."""

    def __init__(
        self, study: Any, folder: Path, n_trials: int, searched: Searched, space: Mapping[str, Any], about: Any
    ) -> None:
        self.study, self.folder, self.n_trials = study, folder, n_trials
        self.searched, self.space, self.about = searched, space, about
        self.optuna = extra("optuna", REQUIREMENTS, ConfigError)
        self.states = self.optuna.trial.TrialState
        self.name = f"{socket.gethostname()}-{os.getpid()}"
        self.given_up: set[int] = set()
        self._unbegun: dict[int, float] = {}

    def work(self) -> None:
        """Do trials until every place is done or given up."""
        while True:
            self._check_about()
            self._free_places()
            trials = self.study.get_trials(deepcopy=False)
            live = self._live(trials)
            free = self._free(trials, live)
            if free:
                place, chosen = free[0]
                self.study.enqueue_trial(chosen, user_attrs={PLACE: place})
            elif all(trial.state.is_finished() for place, trial in live.items() if place < self.n_trials):
                return
            elif not any(trial.state == self.states.WAITING for trial in live.values()):
                time.sleep(min(LOOK_AGAIN_S, self.about["heartbeat"]))  # others are at what is left, and may yet fail
                continue
            self._take()

    def done(self) -> list[Any]:
        """The trials that came to a score, one a place."""
        live = self._live(self.study.get_trials(deepcopy=False)).values()
        return [trial for trial in live if trial.state.is_finished() and TOLD in trial.user_attrs]

    def _check_about(self) -> None:
        """Raise ConfigError where another search has begun this study in the same moment."""
        if self.study.user_attrs[ABOUT] != self.about:
            raise ConfigError("another search has begun a study of this name meanwhile: choose another --study")

    def _live(self, trials: list[Any]) -> dict[int, Any]:
        """By place the first trial that has not failed."""
        live: dict[int, Any] = {}
        for trial in sorted(trials, key=lambda trial: trial.number):
            if PLACE in trial.user_attrs and trial.state != self.states.FAIL:
                live.setdefault(trial.user_attrs[PLACE], trial)
        return live

    def _free(self, trials: list[Any], live: Mapping[int, Any]) -> list[tuple[int, dict[str, Any]]]:
        """The places that nobody is at, with what was chosen where one was. Those that fail again and again are given up."""
        failed: dict[int, list[Any]] = {}
        for trial in trials:
            place = trial.user_attrs.get(PLACE)
            if place is not None and place not in live and SURPLUS not in trial.user_attrs:
                failed.setdefault(place, []).append(trial)
        n_failed = {place: sum(STOPPED not in each.user_attrs for each in tried) for place, tried in failed.items()}
        self.given_up = {place for place, n in n_failed.items() if n >= ATTEMPTS}
        return [
            (place, next((dict(each.params) for each in failed.get(place, []) if each.params), {}))
            for place in range(self.n_trials)
            if place not in live and place not in self.given_up
        ]

    def _free_places(self) -> None:
        """Fail the trials whose workers give no sign of life any more."""
        fail_the_silent(self.study)
        now = time.monotonic()
        for trial in self.study.get_trials(deepcopy=False, states=(self.states.RUNNING,)):
            if WORKER in trial.user_attrs:
                continue  # its worker has given a sign of life
            since = self._unbegun.setdefault(trial.number, now)
            if now - since > BEATS * self.about["heartbeat"]:
                self.study.tell(trial.number, state=self.states.FAIL, skip_if_finished=True)

    def _take(self) -> None:
        """Take the trial that waits longest, and do it unless another one has its place."""
        trial = ask(self.study)
        taken_over = self.optuna.exceptions.UpdateFinishedTrialError  # this process was silent for too long
        with suppress(taken_over), beating(trial, self.study, self.about["heartbeat"]):
            trial.set_user_attr(WORKER, self.name)
            first = self._live(self.study.get_trials(deepcopy=False)).get(trial.user_attrs.get(PLACE))
            if first is None or first.number != trial.number:
                trial.set_user_attr(SURPLUS, True)
                self._end(trial, self.states.FAIL)
            else:
                self._do(trial)

    def _do(self, trial: Any) -> None:
        """Train a trial and tell its score; one that is stopped on the way leaves its place to be taken again."""
        try:
            chosen = {name: suggest(trial, name, allowed) for name, allowed in self.space.items()}
            with self._folder(trial, chosen) as folder:
                state, score = self._train(trial, chosen, folder)
            self._end(trial, state, score)
        except KeyboardInterrupt:
            with suppress(self.optuna.exceptions.UpdateFinishedTrialError):
                trial.set_user_attr(STOPPED, True)
            self._end(trial, self.states.FAIL)
            raise
        except Exception:
            self._end(trial, self.states.FAIL)
            raise

    def _train(self, trial: Any, chosen: Mapping[str, object], folder: Path) -> tuple[Any, float | None]:
        """How the training ended, and its score where it was not stopped early."""
        pruned = self.optuna.TrialPruned

        def tell(told: dict[str, Any]) -> None:
            replace_file(folder / TOLD_FILE, json.dumps(told).encode())
            trial.set_user_attr(TOLD, told)
            if told["folds"]:
                trial.report(told["score"], told["folds"])
                if told["folds"] < self.about["config"]["data"]["n_folds"] and trial.should_prune():
                    raise pruned

        try:
            train_trial(chosen, self.searched, folder / "run", tell)
        except pruned:
            return self.states.PRUNED, None
        told = json.loads((folder / TOLD_FILE).read_text(encoding="utf-8"))
        trial.set_user_attr(TOLD, told)  # of a training that was whole when its worker ended, nothing was told now
        is_number = told["score"] == told["score"]
        return (self.states.COMPLETE, told["score"]) if is_number else (self.states.PRUNED, None)

    def _end(self, trial: Any, state: Any, score: float | None = None) -> None:
        self.study.tell(trial, score, state=state, skip_if_finished=True)

    @contextmanager
    def _folder(self, trial: Any, chosen: Mapping[str, object]) -> Iterator[Path]:
        """The folder in which these settings were begun on this machine; another one while a process is in there."""
        whole = [self.about["config"], chosen, str(self.searched.data)]
        sha256 = hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()
        folder = self.folder / f"{trial.user_attrs[PLACE]:04}-{sha256[:12]}"
        with ExitStack() as stack:
            try:
                stack.enter_context(alone_in(folder))
            except ConfigError:
                folder = folder.with_name(f"{folder.name}-{trial.number}")
                stack.enter_context(alone_in(folder))
            yield folder


def suggest(trial: Any, name: str, allowed: Any) -> Any:
    """What a trial chooses of a distribution of `scale.space`."""
    if hasattr(allowed, "choices"):
        return trial.suggest_categorical(name, allowed.choices)
    kind = trial.suggest_int if type(allowed).__name__ == "IntDistribution" else trial.suggest_float
    return kind(name, allowed.low, allowed.high, log=allowed.log)
