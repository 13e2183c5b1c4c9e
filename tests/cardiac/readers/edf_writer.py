"""A writer of EDF and BDF files for the tests, straight from the standard's layout; it shares nothing with the reader."""

from dataclasses import dataclass, field

import numpy as np

from cardiac.leads import LEADS


@dataclass(frozen=True)
class Signal:
    """values : in `unit`.  ranges : physical and digital least and most, as they are to stand in the header."""

    label: str
    values: np.ndarray
    unit: str | bytes = "uV"
    ranges: tuple[str, str, str, str] = ("-3276.8", "3276.7", "-32768", "32767")


@dataclass(frozen=True)
class Form:
    """How a file is written. onsets : start of every data record, where it has annotations."""

    record_s: float = 1.0
    duration: str | None = None
    n_records: str | None = None
    reserved: str = ""
    patient: str = "X F 01-JAN-1960 X"
    onsets: list[str] | None = None
    is_bdf: bool = False
    others: list[Signal] = field(default_factory=list)
    others_first: bool = False
    tail: bytes = b""


def leads(signal, label="{}", **more):
    """The twelve leads, in microvolts where nothing else is said."""
    return [Signal(label.format(lead), row * 1000, **more) for lead, row in zip(LEADS, signal, strict=True)]


def write_edf(path, signals, n_records, form):
    """The file of these signals, whose samples are spread evenly over `n_records` data records."""
    signals = [*form.others, *signals] if form.others_first else [*signals, *form.others]
    parts = [_steps(each, form.is_bdf).reshape(n_records, -1) for each in signals]
    counts = [part.shape[1] for part in parts]
    width = 3 if form.is_bdf else 2
    if form.onsets is not None:
        signals = [
            *signals,
            Signal(f"{'BDF' if form.is_bdf else 'EDF'} Annotations", np.empty(0), "", ("-1", "1", "-32768", "32767")),
        ]
        counts.append(30)
    fields = [
        (16, [each.label for each in signals]),
        (80, [""] * len(signals)),
        (8, [each.unit for each in signals]),
        *((8, [each.ranges[place] for each in signals]) for place in range(4)),
        (80, [""] * len(signals)),
        (8, [str(count) for count in counts]),
        (32, [""] * len(signals)),
    ]
    content = b"".join(_field(text, size) for size, texts in fields for text in texts)
    for place in range(n_records):
        for part in parts:
            content += part[place].astype("<i4").view("u1").reshape(-1, 4)[:, :width].tobytes()
        if form.onsets is not None:
            content += (form.onsets[place].encode("latin-1") + b"\x14\x14\0").ljust(30 * width, b"\0")
    head = b"\xffBIOSEMI" if form.is_bdf else b"0       "
    head += _field(form.patient, 80) + _field("Startdate 01-JAN-2020 X X X", 80) + b"01.01.2012.30.00"
    head += _field(str(256 * (1 + len(signals))), 8) + _field(form.reserved, 44)
    head += _field(str(n_records) if form.n_records is None else form.n_records, 8)
    head += _field(f"{form.record_s:.7g}"[:8] if form.duration is None else form.duration, 8) + _field(
        str(len(signals)), 4
    )
    path.write_bytes(head + content + form.tail)
    return path


def _steps(each, is_bdf):
    low, high, least, most = (float(text.replace(",", ".")) for text in each.ranges)
    steps = (each.values - low) / (high - low) * (most - least) + least
    assert least <= steps.min() <= steps.max() <= most
    return steps.round().astype(int)


def _field(text, size):
    content = text if isinstance(text, bytes) else text.encode("latin-1")
    assert len(content) <= size
    return content.ljust(size)
