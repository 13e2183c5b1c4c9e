"""Search for better settings with Ray Tune: Optuna proposes, ASHA stops what is behind, train.fit trains.

python -m scale.tune --detector mi --trials 40 --data data/aiijc --out runs/tune
python -m scale.tune --trials 40 --out runs/tune                 # goes on where it stopped
python -m scale.tune --trials 4                                  # without data: a demonstration on simulated records

Every trial is a whole cross-validation on the training part (the test part is never opened). A trial's score is the mean
of the AUC of infarction and that of the sites among infarctions, over its held-out folds; after one fold and after two,
trials in the lower half are stopped. The best settings are written as best.toml, which train.py takes; its figures are
the kinder for having been chosen by: retrain it with other seeds or on other folds before you report it.
"""

import argparse
import csv
import io
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bundles import ROOT
from cardiac.errors import CardiacError, ConfigError
from cardiac.files import png, replace_file
from scale.cluster import check_address, cluster, ray_of
from scale.parts import alone_in
from scale.space import chosen_config, config_text, read_space
from utils import run_command

NAME, TABLE, PICTURE, BEST = "trials", "trials.csv", "trials.png", "best.toml"
REDUCTION = 2


def search(
    out: Path,
    n_trials: int,
    detector: str = "mi",
    data: Path | None = None,
    space: Path | None = None,
    settings: Sequence[str] = (),
    seed: int = 1,
    address: str | None = None,
    workers: int | None = None,
) -> list[dict[str, Any]]:
    """Rows of trials, the best first, as they stand in trials.csv. What was begun in `out` is gone on with.

    settings : `section.key=value`, the same in every trial.  workers : trials at once, one processor each.
    Raises CardiacError for settings, data or a space that cannot be used.
    """
    ray_of()
    check_address(address)
    defaults = ROOT / "configs/mi.toml"
    path = ROOT / f"configs/{detector}.toml"
    if not path.is_file():
        raise ConfigError(f"there is no detector {detector!r}: configs/ has none of that name")
    given = read_space(space or ROOT / "scale/search.toml", path, defaults)
    n_folds = chosen_config({}, path, list(settings), defaults)["data"]["n_folds"]

    def trial(chosen: Mapping[str, object]) -> None:
        _run_trial(chosen, path, list(settings), defaults, data.resolve() if data else None)

    with alone_in(out), cluster(address, workers) as n_cpus:
        found = _tuner(trial, out.resolve(), n_trials, given, n_folds, seed, min(workers or n_cpus, n_trials)).fit()
        rows = _rows(found, list(given))
    if not rows:
        failed = next((result.error for result in found if result.error), "none was run")
        raise CardiacError(f"no trial came to a score ({str(failed).strip().splitlines()[-1][:200]})")
    _write(out, rows, given, chosen_config(_chosen(rows[0], list(given)), path, list(settings), defaults))
    return rows


def _run_trial(
    chosen: Mapping[str, object], path: Path, settings: list[str], defaults: Path, data: Path | None
) -> None:
    """In a worker: one cross-validation, whose score is told after every fold. A stopped one goes on from its epoch."""
    import torch

    from train import demonstration, fit, open_data

    tune = ray_of("ray.tune")
    torch.set_num_threads(1)
    out = Path(tune.get_context().get_trial_dir()) / "run"
    scores: list[tuple[float, float]] = []

    def report(told: Mapping[str, Any]) -> None:
        if "fold" not in told:
            return
        scores.append((told["auc"], told["sites_auc"]))
        auc, sites = (float(np.nanmean(each)) for each in zip(*scores, strict=True))
        tune.report({"folds": len(scores), "score": (auc + sites) / 2, "auc": auc, "sites_auc": sites})

    try:
        config = chosen_config(chosen, path, settings, defaults)
        dataset = open_data(data, config) if data else demonstration(config)
        if (out / "metrics.json").is_file():
            return  # it was whole when the search was stopped
        fit(config, dataset, out, resume=True, report=report, bundle=False)
    except ConfigError as error:  # settings that do not go together, such as a window longer than a section
        tune.report({"folds": 0, "score": 0.0, "auc": 0.0, "sites_auc": 0.0, "refused": str(error)[:200]})


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
                "folds", "score", "max", max_t=n_folds, grace_period=1, reduction_factor=REDUCTION
            ),
            num_samples=n_trials,
            max_concurrent_trials=at_once,
        ),
        run_config=tune.RunConfig(name=NAME, storage_path=str(out), verbose=0),
    )


def _rows(found: Any, names: Sequence[str]) -> list[dict[str, Any]]:
    """One row a trial that came to a score: the most folds first, then the greatest score."""
    rows = []
    for result in found:
        told = result.metrics or {}
        if "score" in told:
            row = {name: told[name] for name in ("folds", "score", "auc", "sites_auc")}
            rows.append(row | {"refused": told.get("refused", "")} | {name: result.config[name] for name in names})
    return sorted(rows, key=lambda row: (-row["folds"], -row["score"]))


def _chosen(row: Mapping[str, Any], names: Sequence[str]) -> dict[str, object]:
    return {name: row[name] for name in names}


def _write(out: Path, rows: Sequence[Mapping[str, Any]], space: Mapping[str, Any], best: Any) -> None:
    text = io.StringIO()
    table = csv.DictWriter(text, [*rows[0]], lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    replace_file(out / TABLE, text.getvalue().encode())
    told = f"Best of {len(rows)} trials by scale.tune: score {rows[0]['score']:.4f} over {rows[0]['folds']} folds."
    replace_file(
        out / BEST, config_text(best, f"{told}\nChosen by these folds: its figures on them are too kind.").encode()
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
    for place, name in enumerate(space):
        chart = figure.add_subplot(down, across, place + 1)
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
    lines = ["| folds | score | AUC | sites' AUC | settings |", "|---|---|---|---|---|"]
    for row in rows[:most]:
        told = [f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}" for name, value in row.items()]
        chosen = row["refused"] or ", ".join(each for each in told if "." in each.partition("=")[0])
        figures = " | ".join(f"{row[name]:.4f}" for name in ("score", "auc", "sites_auc"))
        lines.append(f"| {row['folds']} | {figures} | {chosen} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. 0; 2 for what cannot be carried out, 130 when stopped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detector", default="mi", help="whose configs/NAME.toml is searched about (%(default)s)")
    parser.add_argument("--trials", dest="n_trials", type=int, required=True, help="how many settings are tried")
    parser.add_argument("--data", type=Path, help="the data set's folder; simulated records without it")
    parser.add_argument("--space", type=Path, help="what may be chosen (scale/search.toml)")
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
