"""Leads' names on paper: where they usually stand if there is room, else near by, and never where a trace runs."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from cardiac.lead_names import AFTER_MM, USUAL_MM, Strip, draw_lead_name, free_place, wave_extents
from cardiac.paper import LEFT_MM, MM_PER_S, USUAL, paper_mm

FS_HZ, CELL_MM = 500.0, 62.5
BASE = USUAL.base_mm(1)


def strip_of(levels) -> Strip:
    return Strip(1, "V3", LEFT_MM, np.asarray(levels, float))


def flat(length_s: float = 2.5) -> np.ndarray:
    return np.full(round(length_s * FS_HZ), BASE)


def place(levels, *others: Strip, size=(8.0, 3.2)):
    strip = strip_of(levels)
    extents = wave_extents([strip, *others], FS_HZ, paper_mm()[0])
    return free_place(extents, strip, USUAL, CELL_MM, size)


def crosses(levels, at_mm, level, size=(8.0, 3.2)) -> bool:
    along = LEFT_MM + np.arange(len(levels)) / FS_HZ * MM_PER_S
    beside = (along[1:] > at_mm) & (along[:-1] < at_mm + size[0])
    low, high = np.minimum(levels[1:], levels[:-1]), np.maximum(levels[1:], levels[:-1])  # of each piece of the line
    return bool(((high > level) & (low < level + size[1]) & beside).any())


def test_extents_are_those_of_each_millimetre():
    levels = flat()
    levels[20:40] = BASE + 7  # the second millimetre
    levels[45] = BASE - 3
    extents = wave_extents([strip_of(levels)], FS_HZ, paper_mm()[0])
    assert extents.high[1, 15:19].tolist() == [BASE + 7, BASE + 7, BASE, BASE]  # and where the line goes on to
    assert extents.low[1, 15:19].tolist() == [BASE, BASE, BASE - 3, BASE]
    assert (extents.low[0] > extents.high[0]).all() and (extents.low[1, 80:] > extents.high[1, 80:]).all()


def test_where_there_is_room_it_stands_where_names_stand():
    assert place(flat()) == (LEFT_MM + AFTER_MM, BASE + USUAL_MM, True)


@pytest.mark.parametrize("height", [11.0, 14.0, 30.0, 90.0])
def test_it_leaves_a_wave_its_place(height):
    levels = flat()
    levels[60:80] = BASE + height  # 0.12 s behind the mark
    at_mm, level, is_free = place(levels)
    assert is_free and not crosses(levels, at_mm, level)
    assert crosses(levels, LEFT_MM + AFTER_MM, BASE + USUAL_MM)  # where it would have stood


def test_it_leaves_a_wave_of_the_next_row_its_place():
    levels = np.full(1_250, USUAL.base_mm(2))
    levels[60:80] += 45.0
    at_mm, level, is_free = place(flat(), Strip(2, "V6", LEFT_MM, levels))
    assert is_free and not crosses(levels, at_mm, level)


def test_where_no_place_is_free_it_stands_over_the_trace():
    rng = np.random.default_rng(0)
    assert place(rng.uniform(BASE - 15, BASE + 15, 1_250)) == (LEFT_MM + AFTER_MM, BASE + USUAL_MM, False)
    assert not place(flat(), size=(70.0, 3.2))[2]  # longer than its cell
    axes = Figure().add_axes((0, 0, 1, 1))
    draw_lead_name(axes, "V3", 20.0, 50.0, is_free=False)
    assert not axes.lines and axes.texts[0].get_zorder() > 2  # a trace's
    draw_lead_name(axes, "V3", 20.0, 50.0)
    assert axes.lines[0].get_zorder() <= axes.texts[1].get_zorder() < 2


def test_an_empty_recording_has_names():
    assert place(np.zeros(0))[2]
