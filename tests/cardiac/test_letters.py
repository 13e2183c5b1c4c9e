"""Letters that are kept, against those that Matplotlib draws anew."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import RendererAgg

from cardiac import letters
from cardiac.letters import Lettering, draw_text, text_width

BLACK = np.zeros(3)
TEXTS = [
    "Infarction (probability 0.876, threshold 0.495; uncertain)", "AV To fi ffl office", "QT/QTc 353/375 ms", "P 58↑/63–°",
    "Больной Ёлкин", "e\u0301te\u0301", " ", "",
]  # fmt: skip


def drawn_anew(text: str, lettering: Lettering, right: float, down: float) -> np.ndarray:
    """How dark Matplotlib's own drawing is, (60, 500)."""
    renderer = RendererAgg(500, 60, lettering.dpi)
    renderer.draw_text(renderer.new_gc(), right, down, text, lettering.properties, 0)
    return np.asarray(renderer.buffer_rgba())[..., 3].astype(float)


def drawn_kept(text: str, lettering: Lettering, right: float, down: float) -> np.ndarray:
    white = np.full((60, 500, 4), 255, np.uint8)
    draw_text(white, right, down, text, lettering, BLACK)
    assert (white[..., 3] == 255).all()
    return 255.0 - white[..., 0]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize(
    "lettering", [Lettering(7.5, False, 110), Lettering(12, True, 110), Lettering(6.25, False, 300)]
)
def test_letters_are_as_wide_and_as_dark_as_when_drawn_anew(text, lettering):
    width = RendererAgg(1, 1, lettering.dpi).get_text_width_height_descent(text, lettering.properties, False)[0]
    assert text_width(text, lettering) == pytest.approx(width, abs=1 / 16)
    anew, kept = (draw(text, lettering, 10.0, 40.0) for draw in (drawn_anew, drawn_kept))
    assert np.abs(anew - kept).mean() < 0.35 * anew.mean() + 1e-9  # kerned letters may stand a quarter of a pixel aside
    aside = drawn_anew(text, lettering, 12.0, 40.0)
    assert not text.strip() or np.abs(aside - kept).mean() > 2 * np.abs(anew - kept).mean()


def test_a_letter_is_drawn_once():
    lettering = Lettering(9.125, False, 110)
    drawn_kept("hello", lettering, 10.0, 40.0)
    before = letters._glyph.cache_info().misses
    drawn_kept("hollow hell".replace("w", "o"), lettering, 10.0, 20.0)
    assert letters._glyph.cache_info().misses == before + 1  # the space


@pytest.mark.parametrize(
    ("right", "down"), [(-20.25, 30.0), (480.0, 30.0), (10.0, 4.0), (10.0, 62.0), (-900.0, 30.0), (10.0, 900.0)]
)
def test_what_leaves_the_picture_is_cut(right, down):
    lettering = Lettering(10, False, 110)
    whole = np.full((1200, 2000, 4), 255, np.uint8)
    draw_text(whole, right + 950, down + 200, "some words", lettering, BLACK)
    cut = np.full((60, 500, 4), 255, np.uint8)
    draw_text(cut, right, down, "some words", lettering, BLACK)
    assert np.array_equal(cut, whole[200:260, 950:1450])
