import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from cardiac.errors import DatasetError
from cardiac.metrics import as_plain
from tasks.mi.evaluate import evaluate, format_figures, main
from tasks.mi.out_of_fold import OutOfFold
from tasks.mi.simulate import simulate_dataset
from utils import load_config

DATASET = simulate_dataset(120, seed=1)
FOLDS = np.arange(120) // 2 % 5
SETTINGS = load_config(Path(__file__).parents[3] / "configs/mi.toml")["decide"]
PLAIN = SETTINGS | {"calibration": "none", "site_calibration": "none"}


def by_truth(noise: float, seed: int = 0) -> OutOfFold:
    """Probabilities that know the truth under noise."""
    rng = np.random.default_rng(seed)

    def blurred(truth: np.ndarray) -> np.ndarray:
        return np.clip(0.2 + 0.6 * truth + noise * rng.standard_normal(truth.shape), 0.01, 0.99)

    return OutOfFold(FOLDS, blurred(DATASET.infarction), blurred(DATASET.sites), np.full(120, 0.1))


def test_perfect_probabilities_give_perfect_figures():
    figures = evaluate(DATASET, by_truth(0.0), PLAIN)
    assert figures["infarction"]["AUC"].value == 1
    assert figures["infarction"]["F1"].value == 1
    assert figures["infarction"]["F1"].low == 1
    assert figures["sites on true infarctions"]["macro-F1, six sites"].value == 1
    assert figures["end to end"]["macro-F1, seven columns"].value == 1
    assert figures["end to end"]["norm"].positives == 60


def test_baselines_by_hand():
    figures = evaluate(DATASET, by_truth(0.3), SETTINGS)
    assert figures["infarction"]["F1 of always infarction"].value == pytest.approx(2 / 3)  # half of them are
    every = figures["sites on true infarctions"]["macro-F1, six sites, of every site"]
    assert every.value == pytest.approx(2 * (1 / 6) / (1 / 6 + 1))
    assert (every.n, every.positives) == (60, 60)


def test_intervals_hold_their_figures_and_noise_costs():
    good, bad = (evaluate(DATASET, by_truth(noise), SETTINGS) for noise in (0.1, 0.5))
    for rows in bad.values():
        # not those of the baseline: a draw that is less even than the records themselves lowers its macro-F1
        # and not the calibration error: fewer different records stray further from any line
        figures = {name: figure for name, figure in rows.items() if not re.search("every site|calibration error", name)}
        assert [name for name, figure in figures.items() if not figure.low <= figure.value <= figure.high] == []
    assert bad["infarction"]["AUC"].value < good["infarction"]["AUC"].value


def test_thresholds_of_a_fold_come_from_the_others():
    """A fold whose probabilities lie lower is held against what the others set, and so finds none of its twelve."""
    mi = np.where(FOLDS == 0, 0.1, 0.2) * DATASET.infarction + np.where(FOLDS == 0, 0.0, 0.1)
    figures = evaluate(DATASET, dataclasses.replace(by_truth(0.0), mi=mi), PLAIN)
    assert figures["infarction"]["sensitivity"].value == pytest.approx(48 / 60)
    assert figures["infarction"]["specificity"].value == 1


def test_calibration_changes_brier_score_and_not_the_auc():
    """Squeezed probabilities: every calibration mends them, and the ranking is the networks' own."""
    squeezed = dataclasses.replace(by_truth(0.3), mi=0.45 + 0.1 * by_truth(0.3).mi)
    figures = evaluate(DATASET, squeezed, SETTINGS)
    assert figures["infarction"]["AUC"] == evaluate(DATASET, squeezed, PLAIN)["infarction"]["AUC"]
    told = {name: figure.value for name, figure in figures["calibration"].items()}
    for method in ("temperature", "platt", "beta", "isotonic"):
        for measure in ("Brier score", "log loss"):
            assert told[f"{measure}, {method}"] < told[f"{measure}, none"] - (0.02 if method != "temperature" else 0)
    assert figures["infarction"]["Brier score"].value == told["Brier score, beta"]


def test_the_band_of_doubt_by_hand():
    """Where probabilities say nothing the finding stays uncertain, and the rest is decided rightly."""
    block = np.arange(120) // 10  # of five healthy hearts and five infarctions, one of each in every fold
    vague = block < np.where(DATASET.infarction, 2, 6)
    mi = np.where(vague, 0.4, 0.1 + 0.8 * DATASET.infarction)
    settings = PLAIN | {"npv": 1.0, "ppv": 1.0, "shrink": 0.0}
    figures = evaluate(DATASET, dataclasses.replace(by_truth(0.0), mi=mi), settings)["doubt"]
    assert figures["share uncertain"].value == pytest.approx(40 / 120)
    under, over = (figures[f"share with{each} the band"] for each in ("out infarction under", " infarction over"))
    assert (under.value, under.n) == (1, 30)
    assert (over.value, over.n) == (1, 50)
    assert figures["F1 outside the band"].value == 1
    assert figures["F1 inside the band"].value == 0


def test_a_patient_in_two_folds_is_refused():
    torn = simulate_dataset(120, seed=1)
    torn.table.loc[1, "patient_id"] = torn.table.loc[119, "patient_id"]
    with pytest.raises(DatasetError, match="two folds"):
        evaluate(torn, by_truth(0.1), SETTINGS)


def test_tables_and_plain_data_hold_every_figure():
    figures = evaluate(DATASET, by_truth(0.2), SETTINGS)
    text, plain = format_figures(figures), as_plain(figures)
    assert text.count("\n| ") == sum(len(rows) + 1 for rows in figures.values())  # a head a group
    assert plain["infarction"]["F1"]["value"] == figures["infarction"]["F1"].value
    assert "| F1 |" in text


def test_command_line_says_what_is_missing(tmp_path, capsys):
    assert main(["--data", str(tmp_path)]) == 1
    assert "neither train_gts_final.csv" in capsys.readouterr().err
