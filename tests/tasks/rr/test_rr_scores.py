"""The figures of decisions, against counts made by hand, and against scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score

from cardiac.metrics import average_precision, bootstrap_weights, calibration_error
from tasks.rr import scores
from tasks.rr.scores import Answers


def row(text):
    return np.array([letter == "x" for letter in text])


def test_counts_by_hand():
    marked, decided = row("..xxxx....xx"), row("...xxxxx....")
    assert scores.counts_of(marked, decided) == (3, 2, 3)
    assert scores.event_counts(marked, decided) == (1, 2, 1, 1)
    assert scores.runs_of(marked).tolist() == [[2, 6], [10, 12]]


def test_the_ends_of_a_run_do_not_count_where_they_are_forgiven():
    marked, late = row("....xxxxxx...."), row("......xxxxxx..")
    assert scores.tolerant_counts(marked, late) == (2, 0, 0)
    assert scores.tolerant_counts(marked, row("xx............")) == (0, 2, 2)


@pytest.fixture
def answers():
    rng = np.random.default_rng(0)
    lengths = rng.integers(30, 90, 12)
    targets = [rng.random(n) < 0.2 for n in lengths]
    told = [np.clip(0.4 * each + 0.6 * rng.random(len(each)), 0, 1) for each in targets]
    return Answers([str(each) for each in range(12)], targets, told, [each > 0.45 for each in told])


def test_pooled_figures_are_scikit_learn_s(answers):
    figures = scores.scores_of(answers, 20).figures
    targets, told, decided = (
        np.concatenate(part) for part in (answers.targets, answers.probabilities, answers.decided)
    )
    assert figures["f1"][0] == pytest.approx(f1_score(targets, decided))
    assert figures["average_precision"][0] == pytest.approx(average_precision_score(targets, told))
    assert figures["calibration"][0] == pytest.approx(calibration_error(told, targets, np.ones(len(told))))
    assert all(low <= value <= high for name, (value, low, high) in figures.items() if name in ("f1", "precision"))


def test_the_worst_studies_come_first_and_one_can_be_left_out(answers):
    worst = scores.worst_studies(answers, 3)
    mistakes = [each.wrong + each.missed for each in worst]
    assert mistakes == sorted(mistakes, reverse=True) and len(worst) == 3
    rest = answers.without(worst[0].record_id)
    assert len(rest.targets) == 11 and worst[0].record_id not in rest.record_ids


def test_an_interval_is_drawn_by_study_and_not_by_row(answers):
    """Twenty copies of one study say no more than one: the interval of the same studies repeated is no narrower."""
    one = Answers(["a"], answers.targets[:1], answers.probabilities[:1], answers.decided[:1])
    value, low, high = scores.scores_of(one, 50).figures["f1"]
    assert low == high == pytest.approx(value)


def test_draws_of_studies_weigh_intervals_as_the_core_s_metrics_do(answers):
    targets, told = np.concatenate(answers.targets), np.round(np.concatenate(answers.probabilities), 1)  # with ties
    study = np.repeat(np.arange(12), [len(each) for each in answers.targets])
    own = scores._average_precision(told, targets, study)
    for weights in bootstrap_weights(np.arange(12), 20):
        assert own(weights) == pytest.approx(average_precision(told, targets, weights[study]))
        of_core = calibration_error(np.concatenate(answers.probabilities), targets, weights[study])
        assert scores._calibration_error(answers)(weights) == pytest.approx(of_core)
