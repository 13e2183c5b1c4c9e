"""Annotation files there and back, by wfdb."""

from pathlib import Path

import numpy as np
import pytest
import wfdb

from cardiac import NOTICE
from cardiac.errors import CardiacError, RecordError
from tasks.beats.annotations import read_annotations, write_annotations


@pytest.mark.parametrize(("positions", "classes"), [([], []), ([0], [1]), ([3, 900, 400_000], [0, 2, 4])])
def test_there_and_back(tmp_path, positions, classes):
    path = write_annotations(tmp_path, "a", np.array(positions, int), classes, 360.0)
    assert path == tmp_path / "a.beats"
    if positions:
        back = read_annotations(tmp_path / "a", "beats")
        assert back.positions.tolist() == positions
        assert back.classes.tolist() == classes
        assert wfdb.rdann(str(tmp_path / "a"), "beats").fs == 360
    assert [each.name for each in tmp_path.iterdir()] == ["a.beats"]


def test_what_is_no_beat_is_left_out_and_flutter_is_told(tmp_path):
    samples, symbols = np.array([5, 10, 20, 30, 40, 50, 60]), ["+", "N", "[", "!", "]", "~", "V"]
    wfdb.wrann("b", "atr", samples, symbols, write_dir=str(tmp_path))
    told = read_annotations(tmp_path / "b")
    assert told.positions.tolist() == [10, 60]
    assert told.symbols == ("N", "V")
    assert told.flutter == ((20, 40),)


def test_without_annotations_it_is_said(tmp_path):
    with pytest.raises(RecordError, match=r"c\.atr: cannot be read .*: put the annotations beside the recording"):
        read_annotations(tmp_path / "c.hea")


def test_the_whole_database(real_data):
    counts = np.zeros(5, int)
    for path in sorted((real_data / "mitdb").glob("*.hea")):
        counts += np.bincount(read_annotations(path).classes, minlength=5)
    assert counts.tolist() == [90_631, 2_781, 7_236, 803, 8_043]  # of 48 records, as published (Moody and Mark 2001)


def test_any_name_and_far_apart_beats_and_the_notice_on_the_first(tmp_path):
    positions = np.array([0, 1, 70_000, 31_000_000])
    write_annotations(tmp_path, "Frau Müller 3.beat", positions, [0, 1, 2, 3], 360.0)
    back = wfdb.rdann(str(tmp_path / "Frau Müller 3.beat"), "beats")
    assert back.sample.tolist() == positions.tolist()
    assert back.symbol == ["N", "S", "V", "F"]
    assert back.aux_note == [NOTICE, "", "", ""]


def test_the_old_file_stays_whole_where_writing_fails(tmp_path, monkeypatch):
    path = write_annotations(tmp_path, "a", np.array([10, 20]), [0, 0], 360.0)
    before = path.read_bytes()

    def fails(*_, write_dir, **__):
        (Path(write_dir) / "record.beats").write_bytes(before[:3])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(wfdb, "wrann", fails)
    with pytest.raises(CardiacError, match="No space left on device"):
        write_annotations(tmp_path, "a", np.array([30]), [2], 360.0)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["a.beats"]
