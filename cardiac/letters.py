"""Text as pixels: Matplotlib draws each letter once for its size, weight and place between two pixels; it is kept."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties

BETWEEN = 4  # places between one pixel and the next at which a letter is drawn
EDGE = 3  # pixels around a letter, which may reach over its box
PLAIN = re.compile(r"[\x20-\xffА-яЁё–—…“”„↑↓µ]*")  # each letter stands for itself; other scripts join or stack them
UNITS = re.compile(r"ff[il]?|f[il]|.", re.DOTALL)  # what the font has as one letter


class Lettering(NamedTuple):
    """How letters are drawn. points : their size.  dpi : pixels of an inch."""

    points: float
    bold: bool
    dpi: float

    @property
    def properties(self) -> FontProperties:
        return FontProperties(size=self.points, weight="bold" if self.bold else "normal")


@dataclass(frozen=True)
class Glyph:
    """What a letter covers, (height, width), 0 to 1. left, top : of its first pixel, from the pixel of its origin, down."""

    left: int
    top: int
    covered: np.ndarray


def text_width(text: str, lettering: Lettering) -> float:
    """How far a text reaches, pixels, as Matplotlib lays it out: letters are fitted to pixels and kerned."""
    return _places(text, lettering)[-1]


def draw_text(pixels: np.ndarray, right: float, down: float, text: str, lettering: Lettering, rgb: np.ndarray) -> None:
    """A text into a picture, in place, its base line beginning at this place; what leaves the picture is cut.

    pixels : (height, width, n) uint8, n at least 3.  right, down : pixels, of any fraction.  rgb : (3,), 0 to 255.
    """
    row, up = divmod(round(down * BETWEEN), BETWEEN)
    glyphs = []
    for unit, place in zip(_units(text), _places(text, lettering), strict=False):
        column, along = divmod(round((right + place) * BETWEEN), BETWEEN)
        glyph = _glyph(unit, lettering, along, up)
        if glyph.covered.size:
            glyphs.append((column + glyph.left, row + glyph.top, glyph.covered))
    if not glyphs:
        return
    left, top = min(each[0] for each in glyphs), min(each[1] for each in glyphs)
    width = max(at + covered.shape[1] for at, _, covered in glyphs) - left
    height = max(at + covered.shape[0] for _, at, covered in glyphs) - top
    line = np.zeros((height, width), np.float32)
    for at, under, covered in glyphs:
        area = line[under - top : under - top + covered.shape[0], at - left : at - left + covered.shape[1]]
        area += covered - area * covered  # as one letter over another
    _lay_over(pixels, left, top, line, rgb)


def _lay_over(pixels: np.ndarray, left: int, top: int, covered: np.ndarray, rgb: np.ndarray) -> None:
    cut_left, cut_top = max(0, -left), max(0, -top)
    area = pixels[top + cut_top : top + covered.shape[0], left + cut_left : left + covered.shape[1], :3]
    share = covered[cut_top : cut_top + area.shape[0], cut_left : cut_left + area.shape[1], None]
    area[:] = np.rint(area + (rgb.astype(np.float32) - area) * share)


def _units(text: str) -> list[str]:
    """The text in pieces that are drawn one by one: its letters, or all of it where letters change their neighbours."""
    return UNITS.findall(text) if PLAIN.fullmatch(text) else [text]


@lru_cache(maxsize=4096)
def _places(text: str, lettering: Lettering) -> list[float]:
    """Where each unit begins, and where the last one ends, pixels."""
    units, places = _units(text), [0.0]
    for unit, following in zip(units, [*units, ""][1:], strict=True):
        places.append(places[-1] + _advance(unit, following, lettering))
    return places


@lru_cache(maxsize=50_000)
def _advance(unit: str, following: str, lettering: Lettering) -> float:
    """From the beginning of a unit to that of the one after it: pairs are kerned."""
    if not following:
        return _box(unit, lettering)[0]
    return _box(unit + following, lettering)[0] - _box(following, lettering)[0]


@lru_cache(maxsize=20_000)
def _box(text: str, lettering: Lettering) -> tuple[float, float, float]:
    """Width, height and descent, pixels."""
    return RendererAgg(1, 1, lettering.dpi).get_text_width_height_descent(text, lettering.properties, False)


@lru_cache(maxsize=20_000)
def _glyph(unit: str, lettering: Lettering, along: int, up: int) -> Glyph:
    """A unit drawn so many places right of and under a pixel."""
    width, height, descent = _box(unit, lettering)
    base = EDGE + int(np.ceil(height - min(descent, 0)))
    renderer = RendererAgg(int(width) + 2 * EDGE + 2, base + int(np.ceil(max(descent, 0))) + EDGE, lettering.dpi)
    origin = (EDGE + along / BETWEEN, base + up / BETWEEN)
    renderer.draw_text(renderer.new_gc(), *origin, unit, lettering.properties, 0)
    covered = np.asarray(renderer.buffer_rgba())[..., 3].astype(np.float32) / 255
    rows, columns = np.flatnonzero(covered.any(axis=1)), np.flatnonzero(covered.any(axis=0))
    if not len(rows):
        return Glyph(0, 0, covered[:0, :0])
    inside = covered[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return Glyph(int(columns[0]) - EDGE, int(rows[0]) - base, inside.copy())
