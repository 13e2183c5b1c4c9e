"""Convolutions in integers are the same networks but for rounding, and what they lose is told in pairs."""

from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.int8 import ask, in_integers, losses
from bundles import GRAPH
from cardiac.windows import window_starts
from inference import BUNDLE, Detector
from runtimes import STARTS, onnx_forward


@pytest.fixture(scope="module")
def detector():
    return Detector.load()


def test_a_graph_in_integers_reads_nearly_alike(detector):
    pytest.importorskip("onnx")
    stages = [*detector.bundle.card.stages]
    signals = np.random.default_rng(0).normal(0, 0.3, (8, 12, 1000)).astype(np.float32)
    starts = [window_starts(1000, plan) for plan in detector.plans]
    graph = in_integers(BUNDLE / GRAPH, signals, dict(zip(map(STARTS.format, stages), starts, strict=True)))
    before, after = (
        ask(onnx_forward(each, stages), signals, detector)[0] for each in ((BUNDLE / GRAPH).read_bytes(), graph)
    )
    apart = np.abs(before - after).max()
    assert 1e-5 < apart < 0.1


def test_losses_are_zero_for_the_same_and_negative_where_ranks_are_turned(detector):
    rng = np.random.default_rng(1)
    mi, sites = rng.random(200) < 0.5, rng.random((200, 6)) < 0.5
    dataset = SimpleNamespace(infarction=mi, sites=sites & mi[:, None], patients=np.arange(200))
    before = np.column_stack([np.where(mi, 0.9, 0.1), np.where(sites, 0.8, 0.2)])
    assert all(
        figure.value == figure.low == figure.high == 0 for figure in losses(before, before, dataset, detector).values()
    )
    after = before.copy()
    after[:, 0] = 1 - after[:, 0]
    told = losses(before, after, dataset, detector)
    assert told["AUC, infarction"].value == -1
    assert told["F1, infarction"].value < -0.5
    assert told["AUC, septal"].value == 0
