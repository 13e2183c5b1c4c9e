"""Lines on a sheet, to the pixel as Matplotlib's axes have them."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from cardiac.sheet import MM_PER_INCH, Sheet

DPI, WIDTH, HEIGHT = 110, 120, 40  # mm


def in_axes(draw) -> np.ndarray:
    figure = Figure(figsize=(WIDTH / MM_PER_INCH, HEIGHT / MM_PER_INCH), dpi=DPI, facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(0, HEIGHT))
    axes.axis("off")
    draw(axes)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.array(canvas.buffer_rgba())


def on_sheet(draw) -> np.ndarray:
    sheet = Sheet(in_axes(lambda axes: None), DPI)
    draw(sheet)
    return sheet.pixels()


def trace(axes):
    along = np.arange(2000) / 20
    axes.plot(along, 20 + 8 * np.sin(along**2), color="#1b1b1f", linewidth=0.8, solid_joinstyle="round")


def bar(axes):
    axes.plot([3, 17.3], [9.1, 9.1], color="#b3261e", linewidth=3, solid_capstyle="butt", zorder=1)


def strips(axes):
    colours = [(0.7, 0.1, 0.1, 0.2), (0.7, 0.1, 0.1, 0.9)]
    axes.hlines([5.2, 5.2], [3, 8.7], [8.7, 50], colors=colours, linewidth=3.5, capstyle="butt", zorder=1)


def crossing(axes):
    axes.plot([0, 100], [0, 40], color="red", linewidth=4)
    axes.plot([0, 100], [40, 0], color="blue", linewidth=9, zorder=1)


@pytest.mark.parametrize("draw", [trace, bar, strips, crossing])
def test_lines_are_those_of_axes(draw):
    drawn, truth = on_sheet(draw), in_axes(draw)
    assert (truth != in_axes(lambda axes: None)).any()
    assert np.abs(drawn.astype(int) - truth).max() <= 1


def test_texts_stand_where_axes_have_them():
    def draw(axes):
        style = {"color": "black", "fontsize": 9.5}
        first = axes.text(5.0, 20.0, "QRS 131 ms", fontweight="bold", **style)
        after = {"xycoords": (first, "data"), "textcoords": "offset points", "va": "baseline"}
        axes.annotate("axis 3", (1, 20.0), (12.35, 0), **after, **style)
        axes.text(115.0, 20.0, "10.0 s", ha="right", **style)

    dark = [
        np.flatnonzero((each[..., 0] < 128).any(axis=side))
        for side in (0, 1)
        for each in (on_sheet(draw), in_axes(draw))
    ]
    for drawn, truth in (dark[:2], dark[2:]):
        assert np.abs(drawn[[0, -1]] - truth[[0, -1]]).max() <= 1
        assert len(set(drawn) ^ set(truth)) <= 0.15 * len(truth)


def test_what_is_not_drawn_as_axes_would_is_refused():
    sheet = Sheet(np.zeros((10, 10, 4), np.uint8), DPI)
    with pytest.raises(ValueError, match="base line"):
        sheet.text(1, 1, "a", color="red", fontsize=9, va="center")
    first = sheet.text(1, 1, "a", color="red", fontsize=9)
    with pytest.raises(ValueError, match="base line"):
        sheet.annotate("b", (0, 1), (1, 0), (first, "data"), color="red", fontsize=9)
