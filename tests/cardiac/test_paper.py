"""ECG paper: one unit of the axes is one millimetre, 25 of them a second and 10 a millivolt."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from cardiac.leads import LEADS
from cardiac.paper import (
    LEFT_MM,
    MM_PER_INCH,
    RHYTHM,
    ROW_MM,
    ROWS,
    draw_calibration,
    draw_grid,
    draw_lead,
    draw_parts,
    paper_mm,
    shown_part,
)
from cardiac.print_out import Part


@pytest.fixture
def axes():
    return Figure().add_axes((0, 0, 1, 1))


def test_every_lead_has_its_place():
    assert sorted(lead for row in ROWS for lead in row) == sorted(LEADS)
    assert RHYTHM in LEADS


def test_a_lead_is_drawn_to_scale(axes, inferior):
    """1 s is 25 mm, 1 mV is 10 mm, and the middle of the stretch lies on its line."""
    draw_lead(axes, inferior.record, "II", 2.0, 6.0, at_mm=LEFT_MM, base=50.0)
    along, up = axes.lines[0].get_data()
    assert len(along) == 3000
    assert (along[0], along[500] - along[0]) == (LEFT_MM, pytest.approx(25))
    part = inferior.record.signal[LEADS.index("II"), 1000:4000]
    assert np.allclose(up - up[0], (part - part[0]) * 10, atol=1e-3)
    assert np.median(up) == pytest.approx(50)


def test_a_leads_name_hides_no_wave(axes, inferior):
    """It stands above the grid and under the trace."""
    width, height = paper_mm()
    draw_grid(axes, width, height)
    draw_lead(axes, inferior.record, "V1", 0.0, 2.5, LEFT_MM, 50.0)
    (name,) = axes.texts
    assert name.get_text() == "V1"
    assert name.get_bbox_patch() is not None
    assert max(each.get_zorder() for each in axes.collections) < name.get_zorder()
    assert name.get_zorder() < min(line.get_zorder() for line in axes.lines)
    assert 50 < name.get_position()[1] < 50 + ROW_MM / 2


def test_the_grid_has_a_line_every_millimetre_and_a_strong_one_every_fifth(axes):
    draw_grid(axes, 20.0, 10.0)
    fine, coarse = (each.get_segments() for each in axes.collections)
    assert (len(fine), len(coarse)) == (21 + 11, 5 + 3)
    assert sorted({segment[0][0] for segment in coarse if segment[0][1] != segment[1][1]}) == [0, 5, 10, 15, 20]
    assert axes.collections[0].get_linewidth() < axes.collections[1].get_linewidth()


def test_the_calibration_pulse_is_a_millivolt_high_and_a_fifth_of_a_second_long(axes):
    draw_calibration(axes, 40.0)
    along, up = axes.lines[0].get_data()
    assert (up.min(), up.max()) == (40, 50)
    assert np.ptp(along[up == 50]) == 0.2 * 25


@pytest.mark.parametrize(("begin_s", "first", "n_samples"), [(0.0, 0, 5000), (7.5, 3750, 1250)])
def test_ten_seconds_are_shown_or_what_there_is_of_them(begin_s, first, n_samples, inferior):
    shown = shown_part(inferior.record, begin_s)
    assert np.array_equal(shown.signal, inferior.record.signal[:, first : first + n_samples])
    assert shown.record_id == inferior.record.record_id


def shown(axes):
    FigureCanvasAgg(axes.figure).draw()
    found = []
    for text in axes.texts:
        (left, bottom), (right, _) = axes.transData.inverted().transform(text.get_window_extent().get_points())
        found.append((text.get_text(), left, right, bottom))
    return found


@pytest.fixture
def wide_axes():
    axes = Figure(figsize=(260 / MM_PER_INCH, 20 / MM_PER_INCH)).add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 260), ylim=(0, 20))
    return axes


def test_parts_follow_one_another_on_one_line(wide_axes):
    draw_parts(
        wide_axes, [Part("QRS 131 ms"), Part("(up to 110)", small=True), Part("axis 3", outside=True)], 5, 10, 9, 200
    )
    (_, first, end, _), (_, small, small_end, _), (_, last, _, _) = shown(wide_axes)
    assert first == pytest.approx(5, abs=0.5)
    assert 0 < small - end < last - small_end < 5
    sizes = [text.get_fontsize() for text in wide_axes.texts]
    assert sizes[0] == sizes[2] == 9 > sizes[1]
    assert [text.get_fontweight() for text in wide_axes.texts] == ["normal", "normal", "bold"]


@pytest.mark.parametrize("n_letters", [10, 180, 200, 400, 5000])
@pytest.mark.parametrize("letter", ["W", "n ", "lead V2; "])
@pytest.mark.parametrize("dpi", [100, 110, 300])
def test_a_line_never_runs_off_and_is_cut_only_where_it_must_be(wide_axes, n_letters, letter, dpi):
    wide_axes.figure.set_dpi(dpi)
    parts = [Part("Rate 63/min ↑", outside=True), Part(letter * n_letters)]
    draw_parts(wide_axes, parts, 5, 10, 7.5, 200)
    (_, _, first_end, _), (text, left, right, _) = shown(wide_axes)
    assert first_end < left
    assert right <= 205
    assert text == parts[1].text or (text.endswith("...") and right > 170)
    assert wide_axes.texts[0].get_fontsize() >= 6
