"""A trial of a search: one cross-validation, told fold by fold; and what a search writes of all of its trials."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cardiac.errors import ConfigError
from cardiac.files import png, replace_file
from learning.run_folder import is_finished
from scale.detectors import find_detector
from scale.space import chosen_config, config_text
from utils import Config

TABLE, PICTURE, BEST = "trials.csv", "trials.png", "best.toml"
REDUCTION = 2  # of the trials that have come to a rung, one in so many goes on
Tell = Callable[[dict[str, Any]], None]


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

    @property
    def n_folds(self) -> int:
        """Of every trial."""
        return int(self.chosen({})["data"]["n_folds"])


def first_rung(n_folds: int) -> int:
    """Folds after which trials are stopped for the first time."""
    return max(1, n_folds // 5)


def train_trial(chosen: Mapping[str, object], searched: Searched, out: Path, tell: Tell) -> None:
    """One cross-validation in `out`, on one thread. A stopped one goes on from its epoch; of a whole one nothing is told.

    tell : called after every fold with {"folds", "score", "others"}, of all folds so far; of settings that do not go
    together, such as a window longer than a section, it is {"folds": 0, "score": 0.0, "others": {}, "refused"}. What it
    raises ends the training.
    """
    import torch

    detector = find_detector(searched.detector)
    torch.set_num_threads(1)
    of_folds: list[dict[str, float]] = []

    def report(news: Mapping[str, Any]) -> None:
        if "fold" in news:
            of_folds.append({name: value for name, value in news.items() if name not in ("fold", "so_far")})
            means = {name: _mean([scores[name] for scores in of_folds]) for name in of_folds[0]}
            scores = dict(news.get("so_far", means))
            tell({"folds": len(of_folds), "score": scores.pop("score"), "others": scores})

    try:
        config = searched.chosen(chosen)
        data = detector.open_data(searched.data, config) if searched.data else detector.demonstration(config)
        if is_finished(out):
            return  # it was whole when the search was stopped
        detector.fit(config, data, out, resume=True, report=report, bundle=False)
    except ConfigError as error:
        tell({"folds": 0, "score": 0.0, "others": {}, "refused": str(error)[:200]})


def _mean(values: Sequence[float]) -> float:
    """The mean of the values that are numbers; NaN where none is."""
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def rows_of(
    scored: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]], names: Sequence[str]
) -> list[dict[str, Any]]:
    """One row a trial: the most folds first, then the greatest score.

    scored : of each what it told last, and what was chosen.  names : of what is chosen.
    """
    others = list(dict.fromkeys(name for told, _ in scored for name in told["others"]))
    rows = []
    for told, chosen in scored:
        row = {"folds": told["folds"], "score": told["score"]}
        row |= {name: told["others"].get(name, 0.0) for name in others}  # a refused trial has none
        rows.append(row | {"refused": told.get("refused", "")} | {name: chosen[name] for name in names})
    return sorted(rows, key=lambda row: (-row["folds"], -row["score"]))


def write_trials(out: Path, rows: Sequence[Mapping[str, Any]], space: Mapping[str, Any], searched: Searched) -> None:
    """Write trials.csv, trials.png and best.toml. rows : as `rows_of` gives them, at least one."""
    best = searched.chosen({name: rows[0][name] for name in space})
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
