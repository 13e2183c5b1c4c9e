"""The page of a recording: nothing overlaps, nothing is cut, every beat that is shown has its letter in its colour."""

from itertools import pairwise

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex

from cardiac import NOTICE
from cardiac.records import Record
from tasks.beats.pictures import COLOURS, draw_beats, write_picture
from tasks.beats.predict import predict_record

RHYTHM = "NNNNNNSNNNNNVNNNNVVNNNNNVVVVNNNNN"


def texts_of(figure):
    return [text for axes in figure.axes for text in axes.texts]


def lines_of(axes, colour):
    return [line for line in axes.lines if to_hex(line.get_color()) == colour]


@pytest.fixture
def page(make, rules):
    record = make(RHYTHM).record
    finding = predict_record(record, rules)
    return record, finding, draw_beats(record, finding)


def test_every_shown_beat_has_its_letter_in_its_colour(page):
    figure = page[2]
    strips = [axes for axes in figure.axes if any("from 0:" in text.get_text() for text in axes.texts)]
    letters = [text for axes in strips for text in axes.texts if text.get_text() in COLOURS]
    assert {text.get_text() for text in letters} == {"N", "S", "V"}
    assert all(to_hex(text.get_color()) == COLOURS[text.get_text()] for text in letters)
    first = [text.get_text() for text in strips[0].texts if text.get_text() in COLOURS]
    assert "".join(first).count("VVVV") == 1
    assert len(lines_of(strips[0], COLOURS["V"])) == 2 * first.count("V")  # in each of two leads


def test_the_legend_has_counts_and_burdens_and_the_foot_the_notice(page):
    texts = [text.get_text() for text in texts_of(page[2])]
    assert "N  normal 25" in texts
    assert "V  ventricular 7 (21.21 %)" in texts
    assert any(NOTICE in text for text in texts)


def test_no_letter_touches_another(page):
    figure = page[2]
    canvas = FigureCanvasAgg(figure)
    for axes in figure.axes:
        letters = [text for text in axes.texts if text.get_text() in COLOURS]
        boxes = [text.get_window_extent(canvas.get_renderer()) for text in letters]
        assert all(before.x1 < after.x0 for before, after in pairwise(boxes))


@pytest.mark.parametrize("factor", [1.0, 2.0, 5.0])
def test_no_wave_leaves_its_row_and_the_pulse_says_by_how_much_it_is_drawn_smaller(make, rules, factor):
    record = make(RHYTHM).record
    record = Record("tall", record.signal * np.float32(factor), 360.0, leads=record.leads)
    figure = draw_beats(record, predict_record(record, rules))
    strip = figure.axes[2]
    traces = [line.get_ydata() for line in strip.lines if len(line.get_ydata()) > 1_000]
    assert len(traces) == 2
    assert all(np.ptp(trace) <= 30 and trace.max() <= 60 and trace.min() >= 0 for trace in traces)
    named = [text.get_text() for text in strip.texts if text.get_text().endswith(" mV")]
    assert bool(named) == (factor > 1)


@pytest.mark.parametrize("kind", ["noise", "two beats", "one lead", "short"])
def test_odd_recordings_have_a_page_too(kind, make, rules, tmp_path):
    if kind == "noise":
        noise = np.random.default_rng(0).normal(0, 0.2, (2, 3_600)).astype(np.float32)
        record = Record("noise", noise, 360.0, leads=("a", "b"))
    else:
        rhythm = {"two beats": "N--N", "one lead": RHYTHM, "short": "NNN"}[kind]
        record = make(rhythm, n_leads=1 if kind == "one lead" else 2, begin_s=0.9, end_s=1.0).record
    finding = predict_record(record, rules)
    write_picture(record, finding, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert draw_beats(record, finding).axes


def test_a_pause_over_the_scale_is_an_arrow_with_its_seconds(make, rules):
    record = make("N" * 20 + "-" * 12 + "N" * 20).record
    figure = draw_beats(record, predict_record(record, rules))
    assert "10.4 s" in [text.get_text() for text in figure.axes[1].texts]
    assert any("pause of 10.4 s" in text.get_text() for text in texts_of(figure))


def test_the_same_page_is_the_same_bytes(page, tmp_path):
    record, finding, _ = page
    for name in ("a", "b"):
        write_picture(record, finding, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
