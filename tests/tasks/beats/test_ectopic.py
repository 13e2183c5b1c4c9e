"""Where many beats are supraventricular: told by the P waves of early and of late beats, learnt and answered."""

import numpy as np
import pytest

from tasks.beats.early import early_against_late
from tasks.beats.ectopic import ASKED, LEAST_S, Ectopic, ectopic_form, fit_ectopic, is_ectopic
from tasks.beats.features import FEATURES, beat_features
from tasks.beats.labels import CLASSES
from tests.tasks.beats.made_up_hearts import made_up

N, S = CLASSES.index("N"), CLASSES.index("S")


def runs(seed, n_runs=30, longest=6):
    """A heart of whose beats most come in runs of early ones without a P wave: features and classes."""
    rng, times, early, time = np.random.default_rng(seed), [], [], 1.0
    for _ in range(n_runs):
        for index in range(1 + rng.integers(2, longest + 1)):
            if index:
                early.append(len(times))
            times.append(time)
            time += 0.5 + rng.normal(0, 0.01)
        time += 0.5
    record, positions = made_up(times, premature=early, seed=seed)
    classes = np.full(len(times), N)
    classes[early] = S
    return beat_features(record, positions), classes


def fibrillation(seed, n_beats=150):
    """A heart that is never regular and has no P wave."""
    rng = np.random.default_rng(seed)
    times = 1 + np.cumsum(rng.gamma(20, 0.7 / 20, n_beats).clip(0.35))
    return beat_features(*made_up(times.tolist(), premature=range(n_beats), seed=seed))


def test_p_waves_tell_ectopic_beats_from_late_ones_and_nothing_else_does():
    rng = np.random.default_rng(0)
    to_long, apart = np.repeat([0.0, -0.4], 50), np.zeros(100)
    share, tells = early_against_late(to_long, apart, np.repeat([0.9, 0.2], 50) + rng.normal(0, 0.05, 100))
    assert share == 0.5 and tells > 0.9
    assert abs(early_against_late(to_long, apart, rng.normal(0, 1, 100))[1] - 0.5) < 0.12
    wide = np.repeat([0.0, 2.0], 50)
    assert early_against_late(to_long, wide, np.repeat([0.9, 0.2], 50)) == (0.0, 0.5)


def test_few_early_beats_tell_little():
    to_long, p_like = np.zeros(60), np.full(60, 0.9)
    to_long[:4], p_like[:4] = -0.4, 0.0
    few = early_against_late(to_long, np.zeros(60), p_like)[1]
    to_long[:30], p_like[:30] = -0.4, 0.0
    assert 0.5 < few < 0.75 < early_against_late(to_long, np.zeros(60), p_like)[1]
    to_long[:] = 0
    assert early_against_late(to_long, np.zeros(60), p_like)[1] == 0.5


@pytest.mark.parametrize("seed", range(3))
def test_a_stretch_of_runs_is_ectopic_and_fibrillation_and_a_regular_heart_are_not(seed):
    assert is_ectopic(runs(seed)[0]).all()
    assert not is_ectopic(fibrillation(seed)).any()
    record, positions = made_up((1 + 0.8 * np.arange(100)).tolist(), premature=(20, 50), seed=seed)
    assert not is_ectopic(beat_features(record, positions)).any()


def test_runs_of_another_heart_are_answered_and_the_other_stretches_are_left_alone():
    ectopic = fit_ectopic([runs(seed) for seed in range(4)])
    features, classes = runs(9)
    before = np.tile([0.96, 0.01, 0.01, 0.01, 0.01], (len(features), 1))
    joined = ectopic.joined(before, features)
    assert (joined.argmax(axis=1) == classes).mean() > 0.95
    np.testing.assert_allclose(joined.sum(axis=1), 1)
    np.testing.assert_array_equal(joined[:, 3:], before[:, 3:])
    others = fibrillation(1)
    assert ectopic.joined(before[: len(others)], others) is not joined
    np.testing.assert_array_equal(ectopic.joined(before[: len(others)], others), before[: len(others)])


def test_it_is_the_same_after_being_written_and_another_program_s_is_refused():
    ectopic, features = fit_ectopic([runs(0)]), runs(1)[0]
    again = Ectopic.from_dict(ectopic.to_dict())
    np.testing.assert_allclose(again(features), ectopic(features), atol=1e-4)
    for change in ({"asked": list(ASKED[1:])}, {"weights": ectopic.weights[:, 1:].tolist()}):
        with pytest.raises(ValueError, match="other features"):
            Ectopic.from_dict(ectopic.to_dict() | change)


def test_a_stretch_is_made_of_s_beats_with_what_is_beside_them():
    rng, n = np.random.default_rng(0), 300
    classes = np.where(np.arange(n) % 15 == 7, S, N)
    beats, rr = rng.normal(0, 1, (n, 2, 100)).astype(np.float32), rng.uniform(0.7, 0.9, n + 1)
    features, made = ectopic_form(beats, rr, classes, np.random.default_rng(1))
    assert (made == S).mean() > 0.4 and (made == N).sum() == 4 * (classes == S).sum()
    assert features.shape == (len(made), len(FEATURES))
    again = ectopic_form(beats, rr, classes, np.random.default_rng(1))
    np.testing.assert_array_equal(again[1], made)
    classes[np.flatnonzero(classes == S)[LEAST_S - 1 :]] = N
    assert ectopic_form(beats, rr, classes, rng) is None
    assert fit_ectopic([]) is None
