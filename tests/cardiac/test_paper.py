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
    ROWS,
    Margins,
    draw_calibration,
    draw_grid,
    draw_parts,
    draw_trace,
    lead_levels,
    paper_mm,
    shown_part,
    wave_margins,
    wrap_parts,
)
from cardiac.print_out import Part
from cardiac.records import Record


@pytest.fixture
def axes():
    return Figure().add_axes((0, 0, 1, 1))


def test_every_lead_has_its_place():
    assert sorted(lead for row in ROWS for lead in row) == sorted(LEADS)
    assert RHYTHM in LEADS


def test_a_lead_is_drawn_to_scale(axes, inferior):
    """1 s is 25 mm, 1 mV is 10 mm, and the middle of the stretch lies on its line."""
    draw_trace(axes, lead_levels(inferior.record, "II", 2.0, 6.0, base=50.0), inferior.record.fs_hz, at_mm=LEFT_MM)
    along, up = axes.lines[0].get_data()
    assert len(along) == 3000
    assert (along[0], along[500] - along[0]) == (LEFT_MM, pytest.approx(25))
    part = inferior.record.signal[LEADS.index("II"), 1000:4000]
    assert np.allclose(up - up[0], (part - part[0]) * 10, atol=1e-3)
    assert np.median(up) == pytest.approx(50)


def test_a_trace_ends_at_the_edges_of_the_grid(inferior):
    """What no paper has room for runs neither through the lines over it nor through the words at the foot."""
    record = with_wave("V4", 90.0)
    record.signal[LEADS.index("V4"), 4600] = -90.0
    levels = lead_levels(record, "V4", 7.5, 2.5, 50.0, margins := wave_margins(record))
    assert (levels.min(), levels.max()) == margins.wave_mm and margins.wave_mm[1] == margins.grid_mm
    assert np.median(levels) == 50.0


def test_the_grid_has_a_line_every_millimetre_and_a_strong_one_every_fifth(axes):
    draw_grid(axes, 20.0, 10.0)
    fine, coarse = (
        [line for path in each.get_paths() for line in path.vertices.reshape(-1, 2, 2).tolist()]
        for each in axes.collections
    )
    assert (len(fine), len(coarse)) == (21 + 11, 5 + 3)
    assert sorted({segment[0][0] for segment in coarse if segment[0][1] != segment[1][1]}) == [0, 5, 10, 15, 20]
    assert axes.collections[0].get_linewidth() < axes.collections[1].get_linewidth()


def test_the_calibration_pulse_is_a_millivolt_high_and_a_fifth_of_a_second_long(axes):
    draw_calibration(axes, 40.0)
    along, up = axes.lines[0].get_data()
    assert (up.min(), up.max()) == (40, 50)
    assert np.ptp(along[up == 50]) == 0.2 * 25
    draw_calibration(axes, 40.0, mm_per_mv=5.0)
    assert axes.lines[1].get_ydata().max() == 45


def with_wave(lead: str, height_mv: float) -> Record:
    """Ten flat seconds but for a sample at 9 s."""
    signal = np.zeros((12, 5000), np.float32)
    signal[LEADS.index(lead), 4500] = height_mv
    return Record("a", signal, 500.0)


@pytest.mark.parametrize(
    ("lead", "height_mv", "over", "under"),
    [
        ("V4", 1.9, 0, 0),
        ("V4", 2.1, 5, 0),  # 15 mm to the end of its row and 5 mm of grid over that
        ("V4", 6.0, 40, 0),
        ("V4", 90.0, 50, 0),  # no heart's
        ("V5", 4.9, 0, 0),
        ("V5", 5.1, 5, 0),  # a row lower
        ("II", -1.7, 0, 0),
        ("II", -2.0, 0, 5),  # the words at the foot
        ("II", -90.0, 0, 30),
        ("I", 6.0, 0, 0),  # not in the seconds that are shown of it
    ],
)
def test_paper_grows_by_large_squares_where_waves_want_it(lead, height_mv, over, under):
    usual, grown = paper_mm(), paper_mm(margins := wave_margins(with_wave(lead, height_mv)))
    assert (margins.over, margins.under) == (over, under)
    assert grown == (usual[0], usual[1] + over + under)


@pytest.mark.parametrize(
    ("height_mv", "depth_mv", "lower", "gain"),
    [
        (1.9, 0, 0, 10),
        (2.4, 0, 5, 10),
        (1.4, -2.2, -5, 10),
        (2.4, -1.4, 0, 5),
        (4.4, 0, 5, 5),
        (9.0, -1.2, 5, 2.5),
        (90.0, 0, 0, 10),
    ],
)
def test_rows_are_lower_or_the_gain_is_on_paper_that_does_not_grow(height_mv, depth_mv, lower, gain):
    """A half or a quarter of the gain, as on any electrocardiograph; for what is no heart's the gain stays."""
    record = with_wave("V4", height_mv)
    record.signal[LEADS.index("II"), 100] = depth_mv
    margins = wave_margins(record, grows=False)
    assert (margins.over, margins.under, margins.mm_per_mv) == (lower, -lower, gain)
    assert paper_mm(margins) == paper_mm() and margins.grid_mm == Margins().grid_mm


def test_long_lines_are_broken_between_words_and_none_is_lost(wide_axes):
    words = [f"word{n}" for n in range(120)]
    parts = [Part("QRS 131 ms", outside=True), Part("(up to 110)", small=True), Part(" ".join(words))]
    lines = wrap_parts(parts, 7.5, 200)
    assert lines[0] == parts[:2] and len(lines) > 3
    assert " ".join(part.text for line in lines[1:] for part in line).split() == words
    for row, line in enumerate(lines):
        draw_parts(wide_axes, line, 5, 19 - row, 7.5, 200)
    assert all(right <= 205 for _, _, right, _ in shown(wide_axes))
    assert {text.get_fontsize() for text in wide_axes.texts if text.get_text().startswith("word")} == {7.5}
    assert wrap_parts([Part("W" * 500)], 7.5, 200) == [[Part("W" * 500)]]  # which `draw_parts` cuts


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
