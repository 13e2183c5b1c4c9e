"""Bars and strip of the evidence: one scale for all records, numbers, one strip, and colours with one meaning."""

import dataclasses

import numpy as np
import pytest
from matplotlib.colors import to_hex

from cardiac.leads import LEADS
from cardiac.paper import FREE_MM, LEFT_MM
from tasks.mi.evidence_drawing import (
    AGAINST,
    BAR_HIGH_MM,
    FOR,
    PROBABLE,
    STRIP_FREE_MM,
    STRIP_GROUND,
    STRIP_MM,
    bar_mm,
    signed,
)
from tasks.mi.pictures import draw_ecg
from tasks.mi.report_page import draw_report
from tests.tasks.mi.test_documents import BUNDLE, finding
from tests.tasks.mi.test_pictures import explained

VALUES = np.array([0.02, 1.0, -0.5, 2.0, 0.0, -1.0, 7.5, 0.1, 0.2, 0.3, -0.4, 0.6])


def drawn(record, values=VALUES, **changes):
    """The lines of one colour, (left, right, middle, width in mm) each, and the figure."""
    figure = draw_ecg(record, finding("a"), dataclasses.replace(explained(record), leads=values, **changes))
    found: dict[str, list] = {}
    for line in figure.axes[0].lines:
        (x, y), width = line.get_data(), line.get_linewidth() * 25.4 / 72
        if len(x) == 2 and y[0] == y[1]:
            found.setdefault(to_hex(line.get_color()), []).append((x[0], x[1], y[0], width))
    return found, figure


@pytest.mark.parametrize("factor", [1.0, 0.5])
def test_bars_have_one_scale_for_all_records(inferior, factor):
    """A large square to one unit of the logit, whatever the other leads say; what is longer has its number."""
    found, figure = drawn(inferior.record, VALUES * factor)
    for colour, values in ((FOR, VALUES[VALUES > 0]), (AGAINST, VALUES[VALUES <= 0])):
        bars = [each for each in found[colour] if each[3] == pytest.approx(BAR_HIGH_MM)]
        lengths = sorted(right - left for left, right, _, _ in bars)
        legend = 4.0
        assert np.allclose(sorted([legend, *np.clip(5 * np.abs(values * factor), 0.2, 15)]), lengths)
    texts = {text.get_text() for text in figure.axes[0].texts}
    assert {signed(value * factor) for value in VALUES} <= texts


def test_a_number_stands_with_each_name(inferior):
    _, figure = drawn(inferior.record)
    texts = [text.get_text() for text in figure.axes[0].texts]
    for lead, value in zip(LEADS, VALUES, strict=True):
        assert texts[texts.index(lead) + 1] == signed(value)
    assert (signed(-0.5), signed(0.0), signed(-0.001), signed(1.234)) == ("\u22120.50", "0.00", "0.00", "+1.23")
    assert bar_mm(1.0) == 5.0


def test_one_strip_stands_at_the_foot_and_no_wave_runs_through_it(inferior):
    signal = inferior.record.signal.copy()
    signal[LEADS.index("II"), 500:4500:400] = -2.4
    record = dataclasses.replace(inferior.record, signal=signal)
    starts_s = np.arange(0.0, 7.6, 2.5)
    probabilities = np.array([0.1, 0.9, 0.5, 0.0])
    found, figure = drawn(record, starts_s=starts_s, probabilities=probabilities)
    (ground,) = found[STRIP_GROUND]
    assert (ground[0], ground[1], ground[3]) == (LEFT_MM, LEFT_MM + 250, pytest.approx(STRIP_MM))
    steps = [each for each in found[PROBABLE] if each[0] >= LEFT_MM and each[3] != pytest.approx(BAR_HIGH_MM)]
    assert [round(each[3] / STRIP_MM, 2) for each in steps] == [0.1, 0.9, 0.5]
    assert [each[0] for each in steps] == [LEFT_MM, LEFT_MM + 62.5, LEFT_MM + 125]
    assert {round(each[2] - each[3] / 2, 6) for each in [*steps, ground]} == {round(FREE_MM + 0.8, 6)}
    traces = [line.get_ydata() for line in figure.axes[0].lines if len(line.get_xdata()) > 100]
    assert min(levels.min() for levels in traces) >= STRIP_FREE_MM > ground[2] + STRIP_MM / 2


def test_a_colour_means_one_thing(inferior):
    """Red speaks for, blue against; what is found has neither of them, in picture and report."""
    page = draw_report(inferior.record, finding("a"), BUNDLE)
    assert not {FOR, AGAINST} & {to_hex(line.get_color()) for axes in page.axes for line in axes.lines}
    found, figure = drawn(inferior.record)
    assert len(found[FOR]) + len(found[AGAINST]) == 12 + 2  # and the legend's
    words = " ".join(text.get_text() for text in figure.axes[0].texts)
    assert all(each in words for each in ("speaks for", "against (5 mm: 1 of the logit)", "probability by moments"))
