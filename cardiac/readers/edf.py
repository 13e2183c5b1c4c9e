"""EDF, EDF+ and BDF (edfplus.info, biosemi.com), by the edfio library: the signals whose labels name a lead."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cardiac.errors import RecordError, first_line
from cardiac.labels import lead_and_sign
from cardiac.readers.raw import LONG_S, SEXES, Raw, check_length
from cardiac.readers.xml_files import number_of

FIXED, EACH = 256, 256  # bytes of header, and a signal
MOST_SIGNALS = 512


def read_edf_file(path: Path) -> Raw:
    """The leads of an EDF or BDF file. Raises RecordError where it holds none, or is not whole."""
    import edfio  # needed for this format alone

    with path.open("rb") as file:
        is_bdf = file.read(1) == b"\xff"
    _check_header(path, 3 if is_bdf else 2)
    try:
        content = (edfio.read_bdf if is_bdf else edfio.read_edf)(path, header_encoding="latin-1")
        signals = [signal for signal in content.signals if lead_and_sign(signal.label) is not None]
        if not signals:
            labels = ", ".join(signal.label for signal in content.signals) or "annotations alone"
            raise RecordError(f"holds {labels[:120]} and no lead of an ECG: give a recording with twelve leads")
        rates = {float(signal.sampling_frequency) for signal in signals}
        if len(rates) > 1:
            raise RecordError(
                f"its leads are sampled at {', '.join(f'{rate:g}' for rate in sorted(rates))} Hz: give one rate"
            )
        n_samples, rate = _length(content, signals[0], path), rates.pop()
        check_length(n_samples, rate, at_once=is_bdf)
        units = tuple(signal.physical_dimension for signal in signals)
        samples = _Samples(signals, n_samples, rate)
        patient = content.local_patient_identification
    except RecordError:
        raise
    except Exception as error:  # edfio raises what its parsing of a header runs into
        raise RecordError(f"cannot be read as EDF ({first_line(error)}): export it again") from error
    sex = SEXES.get([*patient.split(), "", ""][1])
    is_short = n_samples / rate <= LONG_S
    return Raw(
        samples[:, :n_samples] if is_short else samples, rate, tuple(signal.label for signal in signals), units, sex=sex
    )


class _Samples:
    """Samples of all signals in their units, of which `[:, first:last]` reads a part."""

    def __init__(self, signals: Sequence[Any], n_samples: int, fs_hz: float) -> None:
        for signal in signals:
            low, high = signal.digital_range
            if high <= low or signal.physical_max == signal.physical_min:
                raise RecordError(f"states no gain for {signal.label[:20]} (a range of one value): export it again")
        self.signals, self.fs_hz, self.shape, self.dtype = signals, fs_hz, (len(signals), n_samples), np.dtype(float)

    def __getitem__(self, key: tuple[slice, slice]) -> np.ndarray:
        first, last, _ = key[1].indices(self.shape[1])
        return np.stack([signal.get_data_slice(first / self.fs_hz, last / self.fs_hz) for signal in self.signals])


def _length(content: Any, signal: Any, path: Path) -> int:
    """Samples of a signal, by the file's size where the header leaves the number of its records open."""
    n_records = content.num_data_records
    if n_records < 0:
        size = sum(each.samples_per_data_record for each in content.signals)
        n_records = (path.stat().st_size - content.bytes_in_header_record) // (size * signal.data.itemsize)
    return n_records * signal.samples_per_data_record


def _check_header(path: Path, width: int) -> None:
    """Refuse a header that claims other bytes than the file has, and a recording with gaps."""
    n_bytes = path.stat().st_size
    with path.open("rb") as file:
        fixed = file.read(FIXED).decode("latin-1")
        n_signals = round(number_of(fixed[252:256].strip(), "number of signals"))
        if len(fixed) < FIXED or not 1 <= n_signals <= MOST_SIGNALS or n_bytes < FIXED + EACH * n_signals:
            raise RecordError(f"its header states {n_signals} signals and is cut short: copy it again")
        labels = file.read(EACH * n_signals).decode("latin-1")
    if fixed[192:197] in ("EDF+D", "BDF+D"):
        raise RecordError("is a recording with gaps (EDF+D): export it as one piece (EDF+C)")
    n_records = round(number_of(fixed[236:244].strip(), "number of data records"))
    counts = [labels[216 * n_signals + 8 * place :][:8].strip() for place in range(n_signals)]
    size = width * sum(round(number_of(count, "number of samples")) for count in counts)
    present = n_bytes - FIXED - EACH * n_signals
    if size <= 0 or n_records == 0 or (n_records > 0 and n_records * size != present):
        raise RecordError(
            f"its header states {max(n_records, 0) * size} bytes of samples and {present} are there: copy it again"
        )
