"""WFDB signal files of 16-bit words, formats 16 and 61 of signal(5): read by these few lines, as most long recordings are."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from cardiac.readers.byte_ranges import ByteRanges, Stamp
from cardiac.readers.wfdb_segments import Segment

WORDS = {"16": "<i2", "61": ">i2"}
MISSING_WORD = -32_768


def read_words(segment: Segment, first: int, last: int, stamps: Mapping[Path, Stamp]) -> list[np.ndarray]:
    """Frames `first` to `last` of every signal, as the header lists them: int16 (n,) each.

    stamps : of the files. Raises RecordError where one has changed since.
    """
    frames, begin = {}, {}
    for name, path in segment.files.items():
        signals = [each for each in segment.header.signals if each.file == name]
        width = sum(each.per_frame for each in signals)
        file, offset = ByteRanges(path, stamps[path]), signals[0].offset + 2 * first * width
        frames[name] = file.read(offset, (last - first, width), np.dtype(WORDS[signals[0].form]))
        begin[name] = 0
    rows = []
    for each in segment.header.signals:
        at = begin[each.file]
        begin[each.file] += each.per_frame
        rows.append(frames[each.file][:, at : begin[each.file]].reshape(-1))
    return rows
