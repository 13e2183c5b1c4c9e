"""Long recordings are read in byte ranges: every layout gives the same, nothing is mapped, what changes is refused."""

import gc
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from cardiac.errors import RecordError
from cardiac.long_signals import LongSignal
from cardiac.readers.byte_ranges import ByteRanges, StoredArray
from cardiac.records import read_record
from tests.cardiac.readers.edf_writer import Form, leads, write_edf
from tests.writers import WRITERS, twelve_minutes

PROC = Path("/proc/self")
CHANGED = "long: was changed or cut short while it was read: read it again once it is complete"
PARTS = ((0, 1_000), (77_777, 78_000), (20_000, 150_001), (179_000, 180_000), (5, 5))


@pytest.fixture(scope="module")
def minutes(inferior):
    """Twelve minutes at 250 Hz, in steps of 5 µV."""
    return twelve_minutes(inferior.record.signal)


@pytest.fixture(autouse=True)
def in_parts(monkeypatch):
    monkeypatch.setattr("cardiac.readers.arrays.MOST_AT_ONCE", 100_000)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", "<i2", ">i2", "<i4", ">u2"])
def test_every_layout_gives_what_was_stored(order, turned, dtype, minutes, tmp_path):
    is_whole = np.dtype(dtype).kind in "iu"
    stored = (minutes * 1_000).round() if is_whole else minutes  # whole numbers are read as microvolts
    stored = stored - stored.min() if dtype[1] == "u" else stored
    np.save(tmp_path / "long.npy", np.asarray(stored.T if turned else stored, dtype, order=order))
    record = read_record(tmp_path / "long.npy", fs_hz=250)
    assert isinstance(record.signal, LongSignal)
    expected = (stored / 1_000 if is_whole else stored).astype(np.float32)
    for first, last in PARTS:
        part = record.signal[:, first:last]
        assert part.dtype == np.float32
        assert part.flags.c_contiguous
        assert np.abs(part - expected[:, first:last]).max(initial=0) < 1e-6


def test_an_array_turned_is_of_the_same_bytes(minutes, tmp_path):
    minutes.astype("<f8").tofile(tmp_path / "a")
    array = StoredArray(ByteRanges(tmp_path / "a"), 0, minutes.shape, np.dtype("<f8"), "C")
    assert array.T.shape == minutes.T.shape
    assert np.array_equal(array.T[:, 3:5], minutes.T[:, 3:5])
    assert np.array_equal(array.T.T[:, 300:305], minutes[:, 300:305])


@pytest.mark.parametrize("record_s", [1.0, 6.0, 360.0])
def test_data_records_of_any_length(record_s, minutes, tmp_path):
    """Of EDF, and of BDF with its three bytes a sample."""
    for is_bdf in (False, True):
        form = Form(record_s, is_bdf=is_bdf)
        path = write_edf(tmp_path / "long.edf", leads(minutes), round(720 / record_s), form)
        signal = read_record(path).signal
        assert isinstance(signal, LongSignal)
        for first, last in PARTS:
            assert np.abs(signal[:, first:last] - minutes[:, first:last]).max(initial=0) < 1e-4


KINDS = ("npy", "wfdb 16", "wfdb 212", "edf")


def files_of(path):
    return [each for each in path.parent.iterdir() if each.suffix != ".hea"]


@pytest.mark.skipif(not PROC.is_dir(), reason="needs /proc")
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_mapped_and_files_are_closed(kind, minutes, tmp_path):
    record = read_record(WRITERS[kind](tmp_path / "long", minutes, 250), fs_hz=250)
    part = record.signal[:, 1_000:100_000]
    assert str(tmp_path) not in (PROC / "maps").read_text()
    del record
    gc.collect()
    assert part.shape == (12, 99_000)
    assert not any(str(tmp_path) in str(each.readlink()) for each in (PROC / "fd").iterdir() if each.is_symlink())


def test_no_reader_maps_a_file(root):
    sources = {path: path.read_text(encoding="utf-8") for path in (root / "cardiac").rglob("*.py")}
    assert len(sources) > 50
    assert [path.name for path, text in sources.items() if "memmap" in text or "mmap_mode" in text] == []


def cut(path):
    os.truncate(path, path.stat().st_size // 2)


def write_over(path):
    with path.open("r+b") as file:
        file.seek(-1_000, os.SEEK_END)
        file.write(bytes(1_000))


def append(path):
    with path.open("ab") as file:
        file.write(bytes(1_000))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", [cut, write_over, append])
def test_a_file_that_changes_is_refused(kind, change, minutes, tmp_path):
    path = WRITERS[kind](tmp_path / "long", minutes, 250)
    signal = read_record(path, fs_hz=250).signal
    assert signal[:, :1_000].shape == (12, 1_000)
    (stored,) = files_of(path)
    change(stored)
    for first in (0, 170_000):
        with pytest.raises(RecordError) as caught:
            signal[:, first : first + 1_000]
        assert str(caught.value) == CHANGED


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_replaced_gives_no_wrong_value(kind, minutes, tmp_path):
    """The old file's values, where it is still open; else a sentence."""
    path = WRITERS[kind](tmp_path / "long", minutes, 250)
    signal = read_record(path, fs_hz=250).signal
    expected = signal[:, 500:600]
    (stored,) = files_of(path)
    (tmp_path / "other").write_bytes(bytes(stored.stat().st_size))
    (tmp_path / "other").replace(stored)
    if kind.startswith("wfdb"):
        with pytest.raises(RecordError, match=CHANGED):
            signal[:, 500:600]
    else:
        assert np.array_equal(signal[:, 500:600], expected)


@pytest.mark.parametrize("has_preadv", [True, False])
def test_threads_read_beside_each_other(has_preadv, tmp_path, monkeypatch):
    """With one position for all, as on Windows, too."""
    if not has_preadv:
        monkeypatch.delattr(os, "preadv", raising=False)
    numbers = np.arange(1_000_000)
    numbers.tofile(tmp_path / "a")
    file = ByteRanges(tmp_path / "a")
    places = np.random.default_rng(0).integers(0, len(numbers) - 5_000, 400).tolist()
    with ThreadPoolExecutor(8) as pool:
        parts = pool.map(lambda place: file.read(8 * place, (5_000,), numbers.dtype), places)
        assert all(np.array_equal(part, numbers[at : at + 5_000]) for part, at in zip(parts, places, strict=True))


def test_a_sentence_names_the_sample_of_the_recording(minutes, tmp_path):
    """In a stretch that is looked at when the file is opened, and in one that is not."""
    for sample in (100_321, 172):
        torn = minutes.astype("<f4")
        torn[4, sample] = np.nan
        np.save(tmp_path / "torn.npy", torn)
        with pytest.raises(RecordError) as caught:
            read_record(tmp_path / "torn.npy", fs_hz=250).signal[:, 90_000:120_000]
        assert str(caught.value).endswith(
            f"1 samples are NaN or infinite, the first in lead aVL at sample {sample}: export the recording without gaps"
        )
