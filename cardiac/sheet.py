"""Paper as pixels, for many pictures alike: takes the calls that `paper` makes of Matplotlib's axes, and costs a tenth."""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.path import Path
from matplotlib.transforms import Affine2D

from cardiac.letters import Lettering, draw_text, text_width
from cardiac.pixels import MM_PER_INCH

POINTS_PER_INCH = 72.0
LINE_ZORDER, TEXT_ZORDER = 2, 3  # Matplotlib's


@dataclass(frozen=True)
class PlacedText:
    """A text on the sheet. right : where it ends, down : its base line, both in pixels."""

    right: float
    down: float


class Sheet:
    """A picture to draw into, one unit of it a millimetre from its lower left corner.

    background : (height, width, 4) uint8, which is copied.  What is drawn is put down by `pixels`, in the order of `zorder`.
    """

    def __init__(self, background: np.ndarray, dpi: float) -> None:
        self._height, self._width = background.shape[:2]
        self._dpi, self._scale = dpi, dpi / MM_PER_INCH
        self._background = background
        self._renderer = RendererAgg(self._width, self._height, dpi)
        self._to_pixels = Affine2D().scale(self._scale)
        self._waiting: list[tuple[float, Any]] = []

    def pixels(self) -> np.ndarray:
        """The background with all that was drawn on it, (height, width, 4) uint8."""
        pixels = np.asarray(self._renderer.buffer_rgba())
        pixels[:] = self._background
        for _, draw in sorted(self._waiting, key=itemgetter(0)):
            draw(pixels)
        return pixels

    def plot(
        self,
        x: Sequence[float] | np.ndarray,
        y: Sequence[float] | np.ndarray,
        color: Any,
        linewidth: float,
        solid_joinstyle: str = "round",
        solid_capstyle: str = "projecting",
        zorder: float = LINE_ZORDER,
    ) -> None:
        """A line through points, mm. linewidth : points."""
        gc = self._renderer.new_gc()
        gc.set_foreground(to_rgba(color), isRGBA=True)
        gc.set_linewidth(linewidth)
        gc.set_joinstyle(solid_joinstyle)
        gc.set_capstyle(solid_capstyle)
        path = Path(np.column_stack((x, y)))
        self._waiting.append((zorder, lambda _: self._renderer.draw_path(gc, path, self._to_pixels)))

    def hlines(
        self,
        y: Sequence[float] | np.ndarray,
        xmin: Sequence[float] | np.ndarray,
        xmax: Sequence[float] | np.ndarray,
        colors: Sequence[Any],
        linewidth: float,
        capstyle: str = "butt",
        zorder: float = LINE_ZORDER,
    ) -> None:
        """Level lines, mm, each with its colour."""
        for level, left, right, colour in zip(y, xmin, xmax, colors, strict=True):
            self.plot([left, right], [level, level], colour, linewidth, solid_capstyle=capstyle, zorder=zorder)

    def text(
        self,
        x: float,
        y: float,
        s: str,
        color: Any,
        fontsize: float,
        fontweight: str = "normal",
        ha: str = "left",
        va: str = "baseline",
        parse_math: bool = False,
        zorder: float = TEXT_ZORDER,
    ) -> PlacedText:
        """A text whose base line begins or ends (`ha`) at a point, mm."""
        if va != "baseline" or parse_math:
            raise ValueError("a sheet has plain texts alone, on their base line")
        lettering = Lettering(fontsize, fontweight == "bold", self._dpi)
        width = text_width(s, lettering)
        left = x * self._scale - (width if ha == "right" else 0.0)
        return self._put(left, self._height - y * self._scale, s, width, lettering, color, zorder)

    def annotate(
        self,
        text: str,
        xy: tuple[float, float],
        xytext: tuple[float, float],
        xycoords: tuple[PlacedText, str],
        textcoords: str = "offset points",
        *,
        color: Any,
        fontsize: float,
        fontweight: str = "normal",
        va: str = "baseline",
        parse_math: bool = False,
        zorder: float = TEXT_ZORDER,
    ) -> PlacedText:
        """A text behind another, on its base line. xytext : how far behind it, points."""
        if (xy[0], xytext[1], xycoords[1], textcoords, va) != (1, 0, "data", "offset points", "baseline") or parse_math:
            raise ValueError("a sheet has plain texts behind others alone, on their base line")
        before = xycoords[0]
        left = before.right + xytext[0] * self._dpi / POINTS_PER_INCH
        lettering = Lettering(fontsize, fontweight == "bold", self._dpi)
        return self._put(left, before.down, text, text_width(text, lettering), lettering, color, zorder)

    def _put(
        self, left: float, down: float, text: str, width: float, lettering: Lettering, color: Any, zorder: float
    ) -> PlacedText:
        rgb = np.array(to_rgb(color)) * 255
        self._waiting.append((zorder, lambda pixels: draw_text(pixels, left, down, text, lettering, rgb)))
        return PlacedText(left + width, down)
