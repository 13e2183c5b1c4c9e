"""The report's page, its charts, and the model card."""

import dataclasses
import re

import numpy as np
import pytest

from cardiac.metrics import f1_score
from cardiac.signals import SignalSpec
from cardiac.windows import WindowPlan
from cards import Card, Stage
from tasks.mi.charts import Scored, abstention_curve, certainty, draw_all
from tasks.mi.cross_fit import cross_fit
from tasks.mi.evaluate import evaluate
from tasks.mi.evaluation_page import build_page, worst_errors
from tasks.mi.model_card import model_card
from tasks.mi.out_of_fold import OutOfFold
from tasks.mi.simulate import simulate_dataset

SETTINGS = {
    "calibration": "beta",
    "site_calibration": "platt",
    "shrink": 0.5,
    "site_shrink": 0.5,
    "npv": 0.98,
    "ppv": 0.9,
}
DATASET = simulate_dataset(60, seed=1)


@pytest.fixture(scope="module")
def found() -> OutOfFold:
    rng = np.random.default_rng(0)

    def blurred(truth: np.ndarray) -> np.ndarray:
        return np.clip(0.3 + 0.4 * truth + 0.25 * rng.standard_normal(truth.shape), 0.01, 0.99)

    return OutOfFold(np.arange(60) // 2 % 5, blurred(DATASET.infarction), blurred(DATASET.sites), rng.random(60) / 5)


@pytest.fixture(scope="module")
def scored(found) -> Scored:
    fitted = cross_fit(found.pooled, DATASET.infarction, DATASET.sites, found.fold, SETTINGS)
    return Scored(DATASET.infarction, DATASET.sites, found.mi, found.spread, fitted)


def test_every_chart_is_drawn(scored):
    for title, chart in draw_all(scored).items():
        assert chart.axes[0].lines or chart.axes[0].images, title


def test_the_worst_errors_are_errors_and_the_worst(scored):
    worst = worst_errors(scored, 5)
    assert (scored.present[worst] != scored.infarction[worst]).all()
    distance = np.abs(scored.mi - scored.infarction)
    others = np.setdiff1d(np.flatnonzero(scored.present != scored.infarction), worst)
    assert distance[worst].min() >= distance[others].max()
    assert (np.diff(distance[worst]) <= 0).all()


def test_leaving_the_least_certain_undecided(scored):
    order = np.argsort(certainty(scored))
    whole, half = abstention_curve(scored, order, np.array([0.0, 0.5]))
    assert whole == f1_score(scored.present, scored.infarction, np.ones(60))
    assert half > whole
    assert certainty(scored, 5.0)[0] == pytest.approx(certainty(scored)[0] - 5 * scored.spread[0])


def test_page_holds_charts_tables_and_errors_and_no_foreign_markup(found, scored):
    named = DATASET.table.assign(report="<script>alert(1)</script>", ptbxl_codes="IMI 100")
    hostile = dataclasses.replace(DATASET, table=named)
    page = build_page("<b>", hostile, scored, evaluate(DATASET, found, SETTINGS), iter, 2)
    assert len(re.findall(r"<img ", page)) == 6 + 2
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "“&lt;b&gt;”" in page
    assert "not a medical device" in page
    assert "IMI 100" in page


@pytest.mark.parametrize(
    ("layout", "told"), [("task", "AIIJC 2023"), ("simulated", "of no use on people"), ("x", "Other")]
)
def test_model_card_says_what_it_was_taught_by(found, layout, told):
    figures = evaluate(DATASET, found, SETTINGS)
    card = Card(
        name="n",
        use="An aid.",
        signal=SignalSpec(100, (0.5, 45)),
        section=1000,
        network={"name": "hybrid"},
        members=2,
        stages={"detect": Stage(("mi",), WindowPlan(160, 20, "shift", "mean"))},
        decisions={"thresholds": {"mi": 0.4}, "doubt": {"low": 0.1, "high": 0.6}},
        training={
            "layout": layout, "companions": {"ptb-xl": 428}, "records": 60, "infarctions": 30, "training_s": 60,
            "threads": 1, "device": "cpu", "torch": "2", "config": {"train": {"seed": 1}}, "code_revision": "r",
        },
    )  # fmt: skip
    text = model_card(card, figures)
    assert told in text
    assert "must not be used" in text
    assert "windows of 1.6 s every 0.2 s" in text
    assert f"| AUC | {figures['infarction']['AUC'].value:.3f} |" in text
    assert "428 of ptb-xl" in text
