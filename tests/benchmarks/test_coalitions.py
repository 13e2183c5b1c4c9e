"""Exact values and values of orders, on games whose values are known, and that the detector's are no further off."""

from itertools import permutations

import numpy as np
import pytest

from benchmarks.coalitions import all_coalitions, coalitions_of_orders, draw_rows, errors, lead_orders, numbers_of
from tasks.mi.lead_values import balanced_coalitions

KEPT = all_coalitions().kept
WALLS = np.array([[1, 4, 10, 11], [1, 2, 5, 3], [6, 7, 8, 9]])  # leads that see the same


def test_exact_values_are_the_mean_over_all_orders():
    """Of four leads, order by order."""
    every = all_coalitions(4)
    logits = np.random.default_rng(0).standard_normal(16)
    by_kept = dict(zip(map(tuple, every.kept.tolist()), logits, strict=True))
    values = np.zeros(4)
    for order in permutations(range(4)):
        kept = [True] * 4
        for lead in order:
            before = by_kept[tuple(kept)]
            kept[lead] = False
            values[lead] += (before - by_kept[tuple(kept)]) / 24
    assert np.allclose(every.weights @ logits, values)
    assert every.kept[0].all()


def test_coalitions_stand_where_their_numbers_say():
    drawn = coalitions_of_orders(4).kept
    assert np.array_equal(KEPT[numbers_of(drawn)], drawn)


def test_orders_come_with_their_reverses_and_do_not_change():
    orders = lead_orders(4)
    assert (np.sort(orders, axis=1) == np.arange(12)).all()
    assert np.array_equal(orders[1], orders[0][::-1])
    assert not np.array_equal(orders[2], orders[0])
    assert np.array_equal(orders, lead_orders(4))


@pytest.mark.parametrize("n_orders", [1, 2, 4])
def test_values_of_orders_sum_to_all_leads_less_none(n_orders):
    coalitions = coalitions_of_orders(n_orders)
    logits = np.random.default_rng(0).standard_normal(4096)
    values = coalitions.weights @ logits[numbers_of(coalitions.kept)]
    assert coalitions.kept[0].all()
    assert values.sum() == pytest.approx(logits[0] - logits[-1])


def saturating(seed: int) -> np.ndarray:
    """Logits of every coalition, (4096, 7), where leads of a wall see the same: each adds less when others are left."""
    rng = np.random.default_rng(seed)
    strength = rng.exponential(1.0, (7, 12)) * rng.choice([-1, 1, 1], (7, 12))
    seen = np.stack([KEPT[:, wall] @ strength[:, wall].T for wall in WALLS])  # (3, 4096, 7)
    return 2 * np.tanh(seen / 2).sum(axis=0) + 0.5 * np.tanh(KEPT @ strength.T / 3)


def test_balanced_coalitions_are_no_further_off_than_four_orders():
    games = np.array([saturating(seed) for seed in range(20)])
    balanced = np.sqrt(np.mean(errors(games, balanced_coalitions()) ** 2))
    orders = np.sqrt(np.mean([errors(games, coalitions_of_orders(4, seed)) ** 2 for seed in range(5)]))
    assert 0.001 < balanced < orders


def test_of_every_three_rows_two_are_infarctions():
    class Drawn:
        infarction = np.arange(30) % 2 == 0

    rows = draw_rows(Drawn, 9)
    assert [row % 2 == 0 for row in rows] == [True, True, False] * 3
    assert len({*rows}) == 9
