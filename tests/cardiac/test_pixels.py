"""PNG of pixels, against Pillow, which reads it."""

import io

import numpy as np
import pytest
from PIL import Image

from cardiac.pixels import pixels_png


@pytest.mark.parametrize("n_colours", [3, 4])
def test_pillow_reads_what_was_written(n_colours):
    pixels = np.random.default_rng(0).integers(0, 256, (13, 7, n_colours), np.uint8)
    with Image.open(io.BytesIO(pixels_png(pixels, 110))) as read:
        read.verify()  # of every chunk's checksum
    with Image.open(io.BytesIO(pixels_png(pixels, 110))) as read:
        assert read.mode == "RGB"
        assert read.info["dpi"] == pytest.approx((110, 110), abs=0.02)
        assert np.array_equal(np.asarray(read), pixels[..., :3])
