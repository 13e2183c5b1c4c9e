"""Faithfulness: what is measured is what the tables say, on a detector whose answer is known."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import evidence
from benchmarks.evidence import FlatLeads, SiteSigns
from cardiac.assessment import assess_record
from cardiac.records import Record
from cardiac.windows import WindowPlan, sigmoid, window_starts
from inference import Detector
from tasks.mi.features import FEATURES
from tasks.mi.signs import Sign

PLAN = WindowPlan(160, 20, "shift", "mean")


def read(signals):
    """Logits of windows: the mean of aVF and III in them, whatever the other leads show."""
    cut = [signals[:, :, start : start + 160].mean(axis=2) for start in window_starts(signals.shape[2], PLAN)]
    of_windows = np.stack(cut, axis=1)[..., [2, 5]].sum(axis=2)  # (b, n_windows)
    return [of_windows[:, None, :, None], np.repeat(of_windows[:, None, :, None], 6, axis=3)]


DETECTOR = SimpleNamespace(
    plans=[PLAN, PLAN],
    spec=SimpleNamespace(fs_hz=100.0),
    logits=lambda signals: read(signals if signals.ndim == 3 else signals[None]),
    bundle=SimpleNamespace(trees=None),
    decisions=SimpleNamespace(shares=None, reach=math.inf),
)


def flat_leads(signal: np.ndarray) -> FlatLeads:
    return FlatLeads(DETECTOR, Record("a", signal, 100.0), signal, None)


def test_pieces_are_told_by_their_own_windows_and_read_alone():
    signal = np.zeros((12, 1000), np.float32)
    signal[5, 250:500], signal[5, 750:] = 2.0, -1.0
    told, alone = evidence.probability_of_pieces(signal, DETECTOR)
    assert np.allclose(told, sigmoid(np.array([0.0, 2.0, 0.0, -1.0])))
    assert np.allclose(alone, told)


def test_leads_that_speak_are_named_and_their_loss_is_told():
    signal = np.zeros((12, 1000), np.float32)
    signal[2], signal[5] = 1.0, 3.0
    leads = flat_leads(signal)
    for values in (evidence.occlusion_values(leads), evidence.shapley_values(leads, None)):
        order = np.argsort(-values[0])
        assert list(order[:2]) == [5, 2]
        left = evidence.probability_without(np.array([order, order[::-1]]), leads)
        assert np.allclose(left[0], sigmoid(np.array([1.0, 0.0, 0.0, 0.0, 0.0])))
        assert np.allclose(left[1], sigmoid(4.0))


def test_trees_measure_the_record_again_without_the_leads(inferior):
    """Trees that say the height of R in V2 and the Q of III, beside networks that say nothing."""
    asked: list[np.ndarray] = []

    def trees(features):
        asked.append(features)
        said = features[FEATURES.index("V2_r")] - features[FEATURES.index("III_q")]
        return np.full((1, 7), said)

    shares = SimpleNamespace(shares=(0.0,) * 7, reach=math.inf)
    detector = SimpleNamespace(**{**vars(DETECTOR), "bundle": SimpleNamespace(trees=trees), "decisions": shares})
    quality = assess_record(inferior.record).quality
    leads = FlatLeads(detector, inferior.record, np.zeros((12, 1000), np.float32), quality)
    kept = np.ones((4, 12), bool)
    kept[1, 7] = kept[2, 2] = kept[3] = False
    p = leads.probabilities(kept)
    whole, no_v2, no_iii = asked
    assert whole[FEATURES.index("V2_r")] > 0.1
    assert no_v2[FEATURES.index("V2_r")] == 0
    assert whole[FEATURES.index("III_q")] > 0.1
    assert no_iii[FEATURES.index("III_q")] == 0
    for row, features in enumerate(asked):
        said = features[FEATURES.index("V2_r")] - features[FEATURES.index("III_q")]
        assert p[row] == pytest.approx(sigmoid(np.full(7, said)))
    assert p[3] == pytest.approx(0.5)  # nothing is left to be measured: the network alone
    joint = leads.logits(kept[:1])[0]
    assert joint[0] == pytest.approx(math.log(p[0, 0] / (1 - p[0, 0])))
    assert joint[1] == pytest.approx(math.log(p[0, 0] ** 2 / (1 - p[0, 0] ** 2)))


def test_values_are_those_that_the_detector_explains(inferior):
    """For all that it finds."""
    detector = Detector.load()
    finding = detector.predict(inferior.record.signal, inferior.record.fs_hz)
    explained = detector.explain(inferior.record, finding)
    signal = evidence.prepare_signal(inferior.record.signal, inferior.record.fs_hz, detector.spec)
    leads = FlatLeads(detector, inferior.record, signal, None)
    values = evidence.shapley_values(leads, detector.beside_network(inferior.record))
    assert finding.sites
    for name, each in explained.items():
        assert np.allclose(values[evidence.OUTPUTS.index(name)], each.leads, atol=1e-4)


CRITERIA = {"pathological_q": ["III", "aVF"], "t_inversion": ["V2", "V3"], "st_elevation": [], "st_depression": []}
Q = Sign("q_over", ("II", "III"), "", 0.5)


@pytest.mark.parametrize(
    ("sign", "is_named"),
    [
        (Q, True),
        (replace(Q, leads=("V4",)), False),  # not where the infarction is
        (replace(Q, value=-0.5), False),  # speaks against it
        (replace(Q, message="q_under"), False),
        (replace(Q, message="qs"), True),
    ],
)
def test_a_sign_is_named_for_a_site_in_its_territory(sign, is_named):
    of = SiteSigns(0, "inferior", (Sign("t_flat", ("II",), "", 0.9), sign), CRITERIA)
    assert of.is_named(evidence.NAMED["pathological_q"]) == is_named
    assert of.is_over("pathological_q")
    assert not of.is_over("t_inversion")
    assert replace(of, site="anterior").is_over("t_inversion")


@pytest.mark.parametrize(
    ("signs", "is_there"),
    [
        ((Q,), True),
        ((replace(Q, leads=("II", "V4")), Q), True),
        ((replace(Q, leads=("II", "V4", "V5")), Q), False),  # most of it elsewhere
        ((replace(Q, leads=()), Q), False),  # of the record
        ((replace(Q, value=-0.5),), False),
        ((), False),
    ],
)
def test_the_strongest_sign_is_where_the_infarction_is(signs, is_there):
    assert SiteSigns(0, "inferior", signs, CRITERIA).is_strongest_there == is_there


def test_signs_of_each_site_are_counted(capsys):
    signs = [
        SiteSigns(0, "inferior", (Q,), CRITERIA),
        SiteSigns(1, "inferior", (), CRITERIA),
        SiteSigns(2, "septal", (Sign("r_hardly", ("V2",), "", 0.5),), CRITERIA),
    ]
    evidence.print_signs(signs, np.array([10, 11, 12]))
    rows = {line.split(" | ")[0].strip("| "): line.split(" | ") for line in capsys.readouterr().out.splitlines()[2:]}
    assert [rows["inferior"][1], rows["inferior"][3]] == ["2", "2"]
    assert rows["inferior"][2].startswith("0.500 ")
    assert rows["inferior"][4].startswith("0.500 ")
    assert [rows["septal"][1], *rows["septal"][3:6]] == ["1", "0", "", "1"]
    assert rows["septal"][2].startswith("1.000 ")
    assert rows["septal"][6].startswith("1.000 ")
    assert rows["lateral"][1] == "0"
