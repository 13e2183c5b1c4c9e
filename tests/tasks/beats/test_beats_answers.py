"""What the page of beats is sent of a recording: samples in µV at a rate that fits, beats and files, or one sentence."""

import base64
import json
import shutil

import numpy as np
import pytest

from cardiac.errors import RecordError
from cardiac.records import Record
from tasks.beats import answers
from tasks.beats.answers import answer_document, read_one, shown_samples
from tasks.beats.apart import read_apart
from tasks.beats.findings import BeatsFinding
from tasks.beats.summary import summarize
from tests.tasks.beats.made_answer import made_answer

BY = {"name": "made", "sha256": "0" * 64}


def record_of(seconds=20.0, fs_hz=360.0, leads=("MLII", "V5")):
    """A ramp of 1 µV a sample in the first lead, and its half in the others."""
    ramp = np.arange(round(seconds * fs_hz)) % 5_000 / 1_000
    signal = np.stack([ramp / (row + 1) for row in range(len(leads))]).astype(np.float32)
    return Record("made", signal, fs_hz, leads=leads)


def finding_of(record, classes=(0, 2, 2, 2, 1)):
    positions = np.arange(1, len(classes) + 1) * 360
    classes = np.array(classes, int)
    probabilities = np.full((len(classes), 5), 0.02)
    probabilities[np.arange(len(classes)), classes] = 0.92
    summary = summarize(positions, classes, record.fs_hz, record.duration_s)
    return BeatsFinding(
        record.record_id, record.fs_hz, record.duration_s, record.leads, (), (), positions, classes, probabilities, summary
    )  # fmt: skip


def samples_of(texts):
    return [np.frombuffer(base64.b64decode(text), "<i2") for text in texts]


def test_it_has_what_the_page_shows():
    record = record_of()
    answer = answer_document(record, finding_of(record), BY)
    assert set(answer) >= set(made_answer()) and set(answer["shown"]) == set(made_answer()["shown"])
    assert set(answer["summary"]) >= set(made_answer()["summary"])
    assert json.loads(json.dumps(answer, allow_nan=False)) == answer
    first, second = samples_of(answer["shown"]["samples"])
    assert np.diff(first[:4]).tolist() == [1, 1, 1] and np.diff(second[:9:2]).tolist() == [1, 1, 1, 1]
    assert (len(first), answer["shown"]["fs_hz"]) == (7_200, 360.0)
    assert answer["beats"] == {
        "at_ms": [1_000, 2_000, 3_000, 4_000, 5_000],
        "classes": [0, 2, 2, 2, 1],
        "percent": [92] * 5,
    }
    assert answer["runs"] == [{"beat": "V", "first": 1, "n": 3, "rate_bpm": 60}]


def test_its_files_are_those_of_the_command_line():
    record = record_of()
    files = {
        ending: base64.b64decode(text)
        for ending, text in answer_document(record, finding_of(record), BY)["files"].items()
    }
    assert set(files) == {"csv", "json", "beats"}
    assert files["csv"].decode().splitlines()[1].startswith("made,360,1.000,N,0.92")
    assert b'"made"' in files["json"] and BY["sha256"].encode() in files["json"]


def test_only_the_leads_that_were_used_are_shown():
    record = record_of(leads=("I", "MLII", "V5"))
    finding = finding_of(record_of(leads=("MLII", "V5")))
    answer = answer_document(record, finding, BY)
    assert answer["shown"]["leads"] == ["MLII", "V5"]
    assert np.diff(samples_of(answer["shown"]["samples"])[0][:9:2]).tolist() == [1, 1, 1, 1]  # of the second row


def test_a_long_recording_is_shown_at_a_lower_rate_then_in_one_lead_then_not(monkeypatch):
    record = record_of()  # 2 leads of 7,200 samples
    monkeypatch.setattr(answers, "PIECE", 1_000)
    monkeypatch.setattr(answers, "MOST_SHOWN", 7_200)
    shown, fs_hz = shown_samples(record, [0, 1])
    assert ([len(each) for each in shown], fs_hz) == ([3_600, 3_600], 180.0)
    ramp = (np.arange(0, 7_200, 2) + 0.5) % 5_000  # means of pairs, in every piece
    assert np.ptp(shown[0] - ramp) <= 1
    monkeypatch.setattr(answers, "MOST_SHOWN", 3_000)  # 100 Hz and more are 2 x 2,400
    shown, fs_hz = shown_samples(record, [0, 1])
    assert ([len(each) for each in shown], fs_hz) == ([2_400], 120.0)
    monkeypatch.setattr(answers, "MOST_SHOWN", 2_000)
    with pytest.raises(RecordError, match=r"^made: is longer than a page shows"):
        shown_samples(record, [0, 1])


def test_what_is_beyond_the_paper_is_cut_off():
    record = Record("made", np.array([[-90.0, 0.0, 90.0] * 100], np.float32), 100.0, leads=("II",))
    assert shown_samples(record, [0])[0][0][:3].tolist() == [-32_768, 0, 32_767]


def test_a_lead_far_from_zero_is_shown_about_its_level():
    record = Record("made", np.array([[250.0, 251.0, 250.0, 250.0] * 100], np.float32), 100.0, leads=("II",))
    assert shown_samples(record, [0])[0][0][:4].tolist() == [0, 1_000, 0, 0]


def test_no_beats_are_an_answer():
    record = record_of()
    answer = answer_document(record, finding_of(record, ()), BY)
    assert answer["beats"] == {"at_ms": [], "classes": [], "percent": []} and answer["runs"] == []
    assert answer["no_beats"].startswith("no beats are found")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "given").mkdir()
    return tmp_path


def test_one_recording_at_a_time(folder):
    with pytest.raises(RecordError, match="no recording was among the files"):
        read_one(folder, None, None)
    (folder / "given/notes.pdf").write_bytes(b"%PDF-1.4")
    with pytest.raises(RecordError, match=r"^notes\.pdf"):
        read_one(folder, None, None)
    (folder / "given/notes.pdf").unlink()
    for name in ("a", "b"):
        np.save(folder / f"given/{name}.npy", record_of().signal)
    with pytest.raises(RecordError, match=r"^2 recordings were sent: send one at a time$"):
        read_one(folder, 360.0, None)


def test_the_whole_way_in_a_process_of_its_own(folder, real_data):
    for ending in (".hea", ".dat", ".atr"):
        shutil.copy(real_data / "mitdb" / f"106{ending}", folder / "given")
    answer = read_apart(folder)
    assert (answer["record"], answer["shown"]["leads"], answer["shown"]["fs_hz"]) == ("106", ["MLII", "V1"], 360.0)
    assert 1_900 < answer["summary"]["beats"] < 2_150  # 2,027 by the annotations
    assert len(answer["beats"]["at_ms"]) == len(answer["beats"]["classes"]) == answer["summary"]["beats"]


def test_what_cannot_be_read_is_a_sentence_of_that_process(folder, real_data):
    shutil.copy(real_data / "mitdb" / "106.hea", folder / "given")
    with pytest.raises(RecordError, match="106"):
        read_apart(folder)


def test_a_file_that_swells_costs_one_sentence(folder):
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (2, 10000000000), }"
    (folder / "given/a.npy").write_bytes(b"\x93NUMPY\x01\x00v\x00" + header.ljust(117) + b"\n" + bytes(64))
    with pytest.raises(RecordError, match=r"^a\.npy: "):
        read_apart(folder)
