"""The lines over a tracing in picture and report: nothing covers another, nothing runs off the paper."""

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from cardiac.paper import TOP_MM, paper_mm
from cardiac.quality.reasons import Reason
from cardiac.records import Record
from tasks.mi.labels import SITES
from tasks.mi.pictures import draw_ecg
from tasks.mi.report_page import A4_MM, draw_report
from tests.cardiac.test_print_out import document
from tests.tasks.mi.test_documents import BUNDLE, finding

FLAT = Record("a", np.zeros((12, 5000), np.float32), 500.0)
LONG = "no signal in lead V2: check the electrode, the cable and the export, or record again at rest"
LEADS_OVER = ["II", "III", "aVF", "V2", "V3", "V4", "V5", "V6"]
FULL = document(
    dict.fromkeys(("p_axis_deg", "qt_ms", "t_axis_deg"), "the leads are not all there, or nothing is left of it in them"),
    {
        "heart_rate_bpm": {"low": 50, "high": 100}, "pr_ms": {"low": 120, "high": 200}, "qrs_ms": {"low": None, "high": 110},
        "qtc_fridericia_ms": {"low": 360, "high": 460}, "qrs_axis_deg": {"low": -30, "high": 90},
        "qrs_t_angle_deg": {"low": None, "high": 90}, "sokolow_lyon_mv": {"low": None, "high": 3.5},
        "cornell_mv": {"low": None, "high": 2.8},
    },
    dict.fromkeys(("pathological_q", "st_elevation", "st_depression", "t_inversion"), LEADS_OVER),
    (117, 131, 1770.0),
    heart_rate_bpm=133, pr_ms=262, qrs_ms=160, qtc_fridericia_ms=512, p_axis_deg=-170, qrs_axis_deg=-179, t_axis_deg=-112,
    qrs_t_angle_deg=169, sokolow_lyon_mv=4.1, cornell_mv=3.9,
)  # fmt: skip


def full_finding(n_reasons: int = 6):
    reasons = tuple(Reason("flat", ("V2",), "warning", LONG) for _ in range(n_reasons))
    return dataclasses.replace(finding("a"), measurements=FULL, reasons=reasons, rate_bpm=133.0)


def boxes(figure, axes) -> dict:
    """Where every text of some axes stands, mm of the axes: text -> (left, right, bottom, top)."""
    FigureCanvasAgg(figure).draw()
    found = {}
    for text in axes.texts:
        corners = axes.transData.inverted().transform(text.get_window_extent().get_points())
        found[text.get_text()] = (corners[0, 0], corners[1, 0], corners[0, 1], corners[1, 1])
    return found


def head_of(figure) -> dict:
    height = paper_mm()[1]
    return {text: box for text, box in boxes(figure, figure.axes[0]).items() if box[2] > height - TOP_MM}


def test_the_line_stands_over_the_tracing():
    told = dataclasses.replace(finding("a"), measurements=document(criteria={"pathological_q": ["III", "aVF"]}))
    texts = head_of(draw_ecg(FLAT, told))
    for part in (
        "Rate 63/min",
        "PR 160 ms",
        "QRS 92 ms",
        "QT/QTc 400/412 ms",
        "(Fridericia)",
        "P/QRS/T axis 45/30/50°",
    ):
        assert part in texts
    assert "Q waves over the limit (UDMI 2018): III, aVF" in texts
    line = [texts[part] for part in ("Rate 63/min", "PR 160 ms", "QRS 92 ms", "QT/QTc 400/412 ms", "(Fridericia)")]
    assert all(left[1] < right[0] for left, right in pairwise(line))


def test_values_outside_their_range_stand_out_without_colour():
    texts = {each.get_text(): each for each in draw_ecg(FLAT, full_finding()).axes[0].texts}
    assert texts["QRS 160 ms ↑"].get_fontweight() == "bold"
    assert texts["(up to 110)"].get_fontweight() == "normal"
    assert texts["(up to 110)"].get_fontsize() < texts["QRS 160 ms ↑"].get_fontsize()
    inside = dataclasses.replace(finding("a"), measurements=document())
    weights = {each.get_text(): each.get_fontweight() for each in draw_ecg(FLAT, inside).axes[0].texts}
    assert weights["QRS 92 ms"] == "normal"


@pytest.mark.parametrize("draw", [draw_ecg, lambda record, told: draw_report(record, told, BUNDLE)])
def test_the_longest_lines_stay_on_the_paper_and_apart(draw):
    width, height = paper_mm()
    texts = head_of(draw(FLAT, full_finding()))
    assert any(text.startswith("P/QRS/T axis -170/-179↓/-112°") for text in texts)
    assert "(QRS -30 to 90)" in texts  # the first line is never cut
    assert any(text.startswith(LONG) and text.endswith("...") for text in texts)
    assert all(left > 0 and right < width for left, right, _, _ in texts.values())
    for one, (left, right, bottom, top) in texts.items():
        assert top < height
        assert bottom > height - TOP_MM + 5, one  # over the grid
        for other, box in texts.items():
            if other != one:
                apart = right < box[0] or box[1] < left or top < box[2] or box[3] < bottom
                assert apart, (one, other)


@pytest.mark.parametrize("n_reasons", [0, 4, 9])
def test_the_report_has_room_for_its_words(n_reasons):
    figure = draw_report(FLAT, full_finding(n_reasons), BUNDLE)
    below = boxes(figure, figure.axes[1])
    assert all(box[2] > 0 for box in below.values())
    notice = next(box for text, box in below.items() if "must not be used" in text)
    others = [box for text, box in below.items() if "must not be used" not in text]
    assert min(box[2] for box in others) > notice[3]
    assert any(text.startswith("Bundle b") for text in below)
    named = "- and 7 more"  # the note too
    assert ((named in below), sum(text.startswith("- no signal") for text in below)) == (
        n_reasons == 9,
        min(n_reasons, 1),
    )
    size = figure.get_size_inches() * 25.4
    assert size == pytest.approx(A4_MM)


def test_findings_of_earlier_versions_have_no_such_line():
    texts = head_of(draw_ecg(FLAT, finding("a")))
    assert not any("QRS" in text for text in texts)
    assert len(finding("a").localizations) == len(SITES)
