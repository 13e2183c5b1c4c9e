import numpy as np
import pytest

from cardiac.errors import DatasetError
from cardiac.evaluate import OutOfFold, as_plain, evaluate, format_figures, main
from cardiac.simulate import simulate_dataset

DATASET = simulate_dataset(120, seed=1)
FOLDS = np.arange(120) // 2 % 5


def by_truth(noise: float, seed: int = 0) -> OutOfFold:
    """Probabilities that know the truth under noise."""
    rng = np.random.default_rng(seed)

    def blurred(truth: np.ndarray) -> np.ndarray:
        return np.clip(0.2 + 0.6 * truth + noise * rng.standard_normal(truth.shape), 0.01, 0.99)

    return OutOfFold(FOLDS, blurred(DATASET.infarction), blurred(DATASET.sites))


def test_perfect_probabilities_give_perfect_figures():
    figures = evaluate(DATASET, by_truth(0.0))
    assert figures["infarction"]["AUC"].value == 1
    assert figures["infarction"]["F1"].value == 1
    assert figures["infarction"]["F1"].low == 1
    assert figures["sites on true infarctions"]["macro-F1, six sites"].value == 1
    assert figures["end to end"]["macro-F1, seven columns"].value == 1
    assert figures["end to end"]["norm"].positives == 60


def test_baselines_by_hand():
    figures = evaluate(DATASET, by_truth(0.3))
    assert figures["infarction"]["F1 of always infarction"].value == pytest.approx(2 / 3)  # half of them are
    every = figures["sites on true infarctions"]["macro-F1, six sites, of every site"]
    assert every.value == pytest.approx(2 * (1 / 6) / (1 / 6 + 1))
    assert (every.n, every.positives) == (60, 60)


def test_intervals_hold_their_figures_and_noise_costs():
    good, bad = evaluate(DATASET, by_truth(0.1)), evaluate(DATASET, by_truth(0.5))
    for rows in bad.values():
        # not those of the baseline: a draw that is less even than the records themselves lowers its macro-F1
        figures = [figure for name, figure in rows.items() if "every site" not in name]
        assert all(figure.low <= figure.value <= figure.high for figure in figures)
    assert bad["infarction"]["AUC"].value < good["infarction"]["AUC"].value


def test_thresholds_of_a_fold_come_from_the_others():
    """A fold whose probabilities lie lower is held against what the others set, and so finds none of its twelve."""
    mi = np.where(FOLDS == 0, 0.1, 0.2) * DATASET.infarction + np.where(FOLDS == 0, 0.0, 0.1)
    figures = evaluate(DATASET, OutOfFold(FOLDS, mi, by_truth(0.0).sites))
    assert figures["infarction"]["sensitivity"].value == pytest.approx(48 / 60)
    assert figures["infarction"]["specificity"].value == 1


def test_a_patient_in_two_folds_is_refused():
    torn = simulate_dataset(120, seed=1)
    torn.table.loc[1, "patient_id"] = torn.table.loc[119, "patient_id"]
    with pytest.raises(DatasetError, match="two folds"):
        evaluate(torn, by_truth(0.1))


def test_tables_and_plain_data_hold_every_figure():
    figures = evaluate(DATASET, by_truth(0.2))
    text, plain = format_figures(figures), as_plain(figures)
    assert text.count("\n| ") == sum(len(rows) + 1 for rows in figures.values())  # a head a group
    assert plain["infarction"]["F1"]["value"] == figures["infarction"]["F1"].value
    assert "| F1 |" in text


def test_command_line_says_what_is_missing(tmp_path, capsys):
    assert main(["--data", str(tmp_path)]) == 1
    assert "neither train_gts_final.csv" in capsys.readouterr().err
