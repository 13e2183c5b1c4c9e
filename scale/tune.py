"""Search for better settings with Ray Tune: Optuna proposes, ASHA stops what is behind, train.fit trains.

python -m scale.tune --task mi --trials 40 --data data/aiijc --out runs/tune
python -m scale.tune --trials 40 --out runs/tune                 # goes on where it stopped
python -m scale.tune --trials 4                                  # without data: a demonstration on simulated records

Every trial is a whole cross-validation on the training part (the test part is never opened). A trial's score is the mean
over its held-out folds of what the detector calls its score (of mi: the mean of the AUC of infarction and that of the
sites among infarctions), or what it says of all of them together (of beats: the mean F1 of N, S and V); after a fifth of
the folds, and whenever they are twice as many, trials in the lower half are stopped. The best settings are written as
best.toml, which a training takes; its figures are the kinder for having been chosen by: retrain it with other seeds or on
other folds before you report it.
"""

import argparse
import csv
import io
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cardiac.errors import CardiacError, ConfigError
from cardiac.files import png, replace_file
from learning.run_folder import is_finished
from scale.cluster import check_address, cluster, ray_of
from scale.detectors import find_detector
from scale.shards import alone_in
from scale.space import chosen_config, config_text, read_space
from utils import Config, run_command

NAME, TABLE, PICTURE, BEST = "trials", "trials.csv", "trials.png", "best.toml"
REDUCTION = 2


@dataclass(frozen=True)
class Searched:
    """What every trial shares.

    detector : its name, see `scale.detectors`.  config : settings that are searched about.  settings :
    `section.key=value`, the same in every trial.  data : the data set's folder; None for simulated records.
    """

    detector: str
    config: Path
    settings: tuple[str, ...] = ()
    data: Path | None = None

    def chosen(self, values: Mapping[str, object]) -> Config:
        """The configuration of a trial. Raises ConfigError where its settings do not go together."""
        return chosen_config(values, self.config, self.settings, find_detector(self.detector))


def search(
    out: Path,
    n_trials: int,
    detector: str = "mi",
    data: Path | None = None,
    config: Path | None = None,
    space: Path | None = None,
    settings: Sequence[str] = (),
    seed: int = 1,
    address: str | None = None,
    workers: int | None = None,
) -> list[dict[str, Any]]:
    """Rows of trials, the best first, as they stand in trials.csv. What was begun in `out` is gone on with.

    config : the settings that are searched about (the detector's).  settings : `section.key=value`, the same in every
    trial.  space : what may be chosen (the detector's).  workers : trials at once, one processor each.
    Raises CardiacError for settings, data or a space that cannot be used.
    """
    ray_of()
    check_address(address)
    module = find_detector(detector)
    searched = Searched(
        detector, (config or module.DEFAULTS).resolve(), tuple(settings), data.resolve() if data else None
    )
    distributions = read_space(space or module.SPACE, searched.config, module.DEFAULTS)
    n_folds = searched.chosen({})["data"]["n_folds"]

    def trial(chosen: Mapping[str, object]) -> None:
        run_trial(chosen, searched)

    with alone_in(out), cluster(address, workers) as n_cpus:
        results = _tuner(
            trial, out.resolve(), n_trials, distributions, n_folds, seed, min(workers or n_cpus, n_trials)
        ).fit()
        rows = _rows(results, list(distributions))
    if not rows:
        failed = next((result.error for result in results if result.error), "none was run")
        raise CardiacError(f"no trial came to a score ({str(failed).strip().splitlines()[-1][:200]})")
    _write(out, rows, distributions, searched.chosen(_chosen(rows[0], list(distributions))))
    return rows


def run_trial(chosen: Mapping[str, object], searched: Searched) -> None:
    """In a worker: one cross-validation, whose score is reported after every fold. A stopped one goes on from its epoch."""
    import torch

    tune, detector = ray_of("ray.tune"), find_detector(searched.detector)
    torch.set_num_threads(1)
    out = Path(tune.get_context().get_trial_dir()) / "run"
    of_folds: list[dict[str, float]] = []

    def report(news: Mapping[str, Any]) -> None:
        if "fold" in news:
            of_folds.append({name: value for name, value in news.items() if name not in ("fold", "so_far")})
            means = {name: _mean([scores[name] for scores in of_folds]) for name in of_folds[0]}
            scores = dict(news.get("so_far", means))
            tune.report({"folds": len(of_folds), "score": scores.pop("score"), "others": scores})

    try:
        config = searched.chosen(chosen)
        data = detector.open_data(searched.data, config) if searched.data else detector.demonstration(config)
        if is_finished(out):
            return  # it was whole when the search was stopped
        detector.fit(config, data, out, resume=True, report=report, bundle=False)
    except ConfigError as error:  # settings that do not go together, such as a window longer than a section
        tune.report({"folds": 0, "score": 0.0, "others": {}, "refused": str(error)[:200]})


def _mean(values: Sequence[float]) -> float:
    """The mean of the values that are numbers; NaN where none is."""
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def _tuner(
    trial: Callable[[Mapping[str, object]], None],
    out: Path,
    n_trials: int,
    space: Mapping[str, Any],
    n_folds: int,
    seed: int,
    at_once: int,
) -> Any:
    """A new search, or the one that lies in `out`."""
    tune, schedulers = ray_of("ray.tune"), ray_of("ray.tune.schedulers")
    optuna, algorithms = ray_of("optuna"), ray_of("ray.tune.search.optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    for name in ("ray.tune", "ray.train"):
        logging.getLogger(name).setLevel(logging.ERROR)
    trainable = tune.with_resources(trial, {"cpu": 1})
    if tune.Tuner.can_restore(str(out / NAME)):
        return tune.Tuner.restore(str(out / NAME), trainable, resume_unfinished=True, restart_errored=True)
    return tune.Tuner(
        trainable,
        tune_config=tune.TuneConfig(
            search_alg=algorithms.OptunaSearch(dict(space), metric="score", mode="max", seed=seed),
            scheduler=schedulers.ASHAScheduler(
                "folds", "score", "max", max_t=n_folds, grace_period=max(1, n_folds // 5), reduction_factor=REDUCTION
            ),
            num_samples=n_trials,
            max_concurrent_trials=at_once,
        ),
        run_config=tune.RunConfig(name=NAME, storage_path=str(out), verbose=0),
    )


def _rows(results: Any, names: Sequence[str]) -> list[dict[str, Any]]:
    """One row a trial that came to a score: the most folds first, then the greatest score."""
    scored = [(result.metrics, result.config) for result in results if "score" in (result.metrics or {})]
    others = list(dict.fromkeys(name for metrics, _ in scored for name in metrics["others"]))
    rows = []
    for metrics, config in scored:
        row = {"folds": metrics["folds"], "score": metrics["score"]}
        row |= {name: metrics["others"].get(name, 0.0) for name in others}  # a refused trial has none
        rows.append(row | {"refused": metrics.get("refused", "")} | {name: config[name] for name in names})
    return sorted(rows, key=lambda row: (-row["folds"], -row["score"]))


def _chosen(row: Mapping[str, Any], names: Sequence[str]) -> dict[str, object]:
    return {name: row[name] for name in names}


def _write(out: Path, rows: Sequence[Mapping[str, Any]], space: Mapping[str, Any], best: Any) -> None:
    text = io.StringIO()
    table = csv.DictWriter(text, [*rows[0]], lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    replace_file(out / TABLE, text.getvalue().encode())
    head = f"Best of {len(rows)} trials by scale.tune: score {rows[0]['score']:.4f} over {rows[0]['folds']} folds."
    replace_file(
        out / BEST, config_text(best, f"{head}\nChosen by these folds: its figures on them are too kind.").encode()
    )
    replace_file(out / PICTURE, _picture(rows, space))


def _picture(rows: Sequence[Mapping[str, Any]], space: Mapping[str, Any]) -> bytes:
    """The score of every trial by each setting; pale where it was stopped early."""
    from matplotlib.figure import Figure

    across = min(4, len(space))
    down = -(-len(space) // across)
    figure = Figure(figsize=(3.2 * across, 2.4 * down), layout="constrained", dpi=110)
    whole = max(row["folds"] for row in rows)
    shown = [row for row in rows if not row["refused"]] or rows
    for index, name in enumerate(space):
        chart = figure.add_subplot(down, across, index + 1)
        values = [row[name] for row in shown]
        if not all(isinstance(value, int | float) for value in values):
            values = [str(value) for value in values]
        elif getattr(space[name], "log", False):
            chart.set_xscale("log")
        colours = ["C0" if row["folds"] == whole else "0.75" for row in shown]
        chart.scatter(values, [row["score"] for row in shown], c=colours, s=18)
        chart.scatter(values[:1], [shown[0]["score"]], c="C3", s=40, zorder=3)
        chart.set_title(name, fontsize=9)
        chart.tick_params(labelsize=8)
        if chart.get_xscale() == "linear" and not isinstance(values[0], str):
            chart.locator_params(axis="x", nbins=4)
    figure.suptitle("Score by setting: red the best, blue all folds, grey stopped early", fontsize=10)
    return png(figure)


def format_rows(rows: Sequence[Mapping[str, Any]], most: int = 10) -> str:
    """The best trials as a table."""
    names = [*rows[0]]
    scores = names[names.index("score") : names.index("refused")]
    lines = ["| folds | " + " | ".join(scores) + " | settings |", "|---" * (2 + len(scores)) + "|"]
    for row in rows[:most]:
        values = {name: f"{row[name]:.4g}" if isinstance(row[name], float) else row[name] for name in names}
        chosen = row["refused"] or ", ".join(f"{name}={value}" for name, value in values.items() if "." in name)
        figures = " | ".join(f"{row[name]:.4f}" for name in scores)
        lines.append(f"| {row['folds']} | {figures} | {chosen} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. 0; 2 for what cannot be carried out, 130 when stopped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--task", "--detector", dest="detector", default="mi", help="what is trained, as in tasks/, or its module (mi)"
    )
    parser.add_argument("--trials", dest="n_trials", type=int, required=True, help="how many settings are tried")
    parser.add_argument("--data", type=Path, help="the data set's folder; simulated records without it")
    parser.add_argument("--config", type=Path, help="settings that are searched about (the detector's)")
    parser.add_argument("--space", type=Path, help="what may be chosen (the detector's; of mi scale/search.toml)")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="section.key=value")
    parser.add_argument("--seed", type=int, default=1, help="of the proposals (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("runs/tune"), help="folder for the search (%(default)s)")
    parser.add_argument("--address", help="of a Ray cluster (without it, one on this machine)")
    parser.add_argument("--workers", type=int, help="trials at once")
    options = parser.parse_args(arguments)
    if options.n_trials < 1 or (options.workers is not None and options.workers < 1):
        parser.error("--trials and --workers must be at least 1")
    return run_command(
        lambda: _search_and_report(options), stopped="Stopped: the same command goes on.", written_to="--out"
    )


def _search_and_report(options: argparse.Namespace) -> int:
    rows = search(**vars(options))
    if options.data is None:
        print("Trained on SIMULATED records: these settings say nothing about real ones.")
    print(f"{format_rows(rows)}\n\n{options.out / TABLE}, {options.out / PICTURE}, {options.out / BEST}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
