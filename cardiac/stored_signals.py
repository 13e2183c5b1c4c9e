"""A record's samples in a file of ours: written and read back by the same hands."""

import hashlib
from pathlib import Path

import numpy as np

from cardiac.errors import CardiacError, RecordError, naming
from cardiac.leads import LEADS
from cardiac.long_signals import LongSignal
from cardiac.readers.arrays import read_npy
from cardiac.records import Record


def write_signal(record: Record, path: Path, piece: int = 300_000) -> str:
    """The record's samples as .npy, float32 (n_leads, n), mV, for `stored_record`; returns their SHA-256.

    The sum is that of shape, rate and samples. A long recording is written in pieces of so many samples.
    Raises CardiacError where the disk is full.
    """
    n_leads, n_samples = record.signal.shape
    checksum = hashlib.sha256(f"{n_samples} {record.fs_hz!r} ".encode())
    header = {"descr": "<f4", "fortran_order": False, "shape": (n_leads, n_samples)}
    try:
        with path.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            begin = file.tell()
            for first in range(0, n_samples, piece):
                part = np.ascontiguousarray(record.signal[:, first : first + piece], "<f4")
                checksum.update(part.tobytes())
                for row, lead in enumerate(part):  # a full disk is an error here, where a memory map would be killed
                    file.seek(begin + 4 * (row * n_samples + first))
                    file.write(lead.tobytes())
    except OSError as error:
        raise CardiacError(
            "samples cannot be stored ({reason}): make room on the disk", reason=error.strerror
        ) from error
    return checksum.hexdigest()


def stored_record(path: str | Path, record_id: str, fs_hz: float, leads: tuple[str, ...] = LEADS) -> Record:
    """The Record whose samples `write_signal` wrote; nothing about it is settled again.

    Raises RecordError where the file is gone or is not as it was written.
    """
    with naming(record_id):
        try:
            samples = read_npy(Path(path)).samples
        except (OSError, RecordError) as error:
            raise RecordError("its stored samples cannot be read: upload the recording again") from error
        if samples.dtype != np.float32 or samples.shape[0] != len(leads):
            count = "twelve" if leads == LEADS else len(leads)
            raise RecordError("its stored samples are not {count} leads: upload the recording again", count=count)
        signal = samples if isinstance(samples, np.ndarray) else LongSignal(samples, np.ascontiguousarray)
        return Record(record_id, signal, fs_hz, leads=leads)
