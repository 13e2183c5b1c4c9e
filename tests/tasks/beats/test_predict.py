"""From recordings of many kinds to their beats, with a classifier by two rules; what the command line writes."""

import csv
import json
import shutil

import numpy as np
import pytest
import wfdb

from cardiac import NOTICE
from cardiac.errors import RecordError
from cardiac.records import Record
from cardiac.simulate import simulate_record
from tasks.beats import predict
from tasks.beats.classifier import SHIPPED, load_classifier
from tasks.beats.leads import PACED
from tasks.beats.predict import main, predict_record

RHYTHM = "NNNNNNSNNNNNVNNNNVVNNNNNVVVVNNNNN"


@pytest.fixture
def shipped(monkeypatch, rules):
    """The two rules in place of what is shipped; what was asked for is kept."""
    asked = []

    def load_classifier(*arguments):
        asked.append(arguments)
        return rules

    monkeypatch.setattr(predict, "load_classifier", load_classifier)
    return asked


def near(found, truth_s, fs_hz):
    assert len(found) == len(truth_s)
    assert np.abs(found / fs_hz - truth_s).max() < 0.03


@pytest.mark.parametrize(("fs_hz", "n_leads"), [(360.0, 2), (360.0, 1), (128.0, 2), (1000.0, 1), (250.5, 2)])
def test_every_beat_and_its_class(make, rules, fs_hz, n_leads):
    made = make(RHYTHM, fs_hz, n_leads)
    finding = predict_record(made.record, rules)
    near(finding.positions, made.at_s, fs_hz)
    assert finding.letters == made.letters
    assert finding.probabilities.shape == (len(made.letters), 5)
    summary = finding.to_dict()["summary"]
    assert summary["counts"] == {"N": 25, "S": 1, "V": 7, "F": 0, "Q": 0}
    assert (summary["couplets"]["V"], summary["runs"]["V"]) == (1, 1)
    assert finding.without_beats is None
    assert finding.quality == "ok"


def test_a_beat_at_the_very_beginning_and_at_the_end(make, rules):
    made = make("N" * 12, begin_s=0.02, end_s=0.02)
    finding = predict_record(made.record, rules)
    near(finding.positions, made.at_s, 360.0)
    assert finding.positions[0] >= 0 and finding.positions[-1] < made.signal.shape[1]


def test_a_recording_of_two_beats(make, rules):
    finding = predict_record(make("N--N", begin_s=1.0, end_s=1.5).record, rules)
    assert finding.letters == ["N", "N"]
    assert finding.to_dict()["summary"]["longest_rr_s"] == pytest.approx(2.4, abs=0.01)


def test_a_pause_of_ten_seconds_is_told_and_counts_as_no_interval_of_the_rate(make, rules):
    finding = predict_record(make("N" * 20 + "-" * 12 + "N" * 20).record, rules)
    told = finding.to_dict()["summary"]
    assert told["pauses"] == 1
    assert told["longest_rr_s"] == pytest.approx(10.4, abs=0.01)
    assert told["longest_rr_at_s"] == pytest.approx(0.5 + 19 * 0.8, abs=0.02)
    assert told["rate_bpm"]["mean"] == pytest.approx(75, abs=0.5)
    assert any("no beats are found from" in text for text in finding.remarks)


def test_fibrillation_is_told_to_make_early_beats_doubtful(draw, rules):
    at_s = np.cumsum(np.random.default_rng(2).gamma(16, 0.6 / 16, 400)) + 0.5
    record = Record("af", draw(at_s, "N" * 400, at_s[-1] + 1), 360.0, leads=("II", "V1"))
    finding = predict_record(record, rules)
    assert any("irregular" in note.text for note in finding.notes)
    assert finding.quality == "warning"


def test_pacing_is_told(rules):
    made = simulate_record(4, duration_s=20)
    signal = made.record.signal.copy()
    for peak in made.r_peaks[1:]:
        signal[:, peak - 60 : peak - 58] += 3.0
    finding = predict_record(Record("paced", signal, 500.0), rules)
    assert PACED in finding.remarks
    assert len(finding.leads) == 2


@pytest.mark.parametrize("value", [0.25, np.nan])
def test_one_lead_without_a_signal_leaves_the_other(make, rules, value):
    made = make(RHYTHM)
    made.signal[1] = value
    finding = predict_record(Record("r", made.signal, 360.0, leads=("II", "V1")), rules)
    assert finding.leads == ("II",)
    assert finding.letters == made.letters


@pytest.mark.parametrize(
    ("seconds", "why"),
    [(10.0, "no beats are found: it is no ECG, a heart without beats, or noise alone"), (3.0, "are too short")],
)
def test_where_no_beats_are_found_the_reason_is_told(rules, seconds, why):
    noise = np.random.default_rng(0).normal(0, 0.2, (2, round(360 * seconds))).astype(np.float32)
    finding = predict_record(Record("noise", noise, 360.0, leads=("a", "b")), rules)
    assert len(finding.positions) == 0
    assert why in finding.without_beats
    told = finding.to_dict()
    assert told["no_beats"] == finding.without_beats
    assert told["summary"]["beats"] == 0
    json.dumps(told, allow_nan=False)


def test_too_poor_a_tracing_is_told_first(make, rules):
    made = make("N" * 20 + "-" * 80)
    made.signal[1, 100:110] = np.nan  # of which a note is older
    finding = predict_record(Record("r", made.signal, 360.0, leads=("II", "V1")), rules)
    assert len(finding.notes) == 2
    assert finding.quality == "rejected"
    assert finding.notes[0].text == "the tracing is too poor for its beats to be trusted"


def test_what_cannot_be_read_is_an_error_and_never_no_beats(tmp_path, rules):
    (tmp_path / "a.npy").write_bytes(b"junk")
    np.save(tmp_path / "b.npy", np.zeros((2, 3600), np.float32))
    np.save(tmp_path / "c.npy", np.full((2, 3600), np.nan, np.float32))
    for name in ("a", "b", "c", "d"):
        with pytest.raises(RecordError, match=rf"^{name}\.npy: "):
            predict_record(tmp_path / f"{name}.npy", rules, 360.0)


def read_rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_command_line_writes_csv_json_annotations_summary_and_pictures(tmp_path, make, shipped, capsys):
    made = make(RHYTHM)
    folder = tmp_path / "in"
    folder.mkdir()
    np.save(folder / "a.npy", made.signal)
    wfdb.wrsamp(
        "w", 360, ["mV", "mV"], ["MLII", "V1"], made.signal.T.astype(float), fmt=["16"] * 2, write_dir=str(folder)
    )
    np.savetxt(folder / "t.csv", made.signal.T, delimiter=",", header="II,V1", comments="", fmt="%.4f")
    (folder / "bad.npy").write_bytes(b"junk")
    out = tmp_path / "out"
    assert main([str(folder), "--out", str(out), "--fs", "360", "--plots"]) == 1
    assert shipped == [(SHIPPED, "f1", None)]
    printed = capsys.readouterr()
    assert "not read: bad.npy" in printed.err
    assert NOTICE in printed.out

    rows = read_rows(out / "beats.csv")
    assert list(rows[0]) == ["record", "sample", "time_s", "beat", "p_N", "p_S", "p_V", "p_F", "p_Q"]
    for name in ("a", "w", "t"):
        own = [row for row in rows if row["record"] == name]
        assert [row["beat"] for row in own] == made.letters
        assert np.abs(np.array([float(row["time_s"]) for row in own]) - made.at_s).max() < 0.03
        annotation = wfdb.rdann(str(out / name), "beats")
        assert annotation.sample.tolist() == [int(row["sample"]) for row in own]
        assert annotation.symbol == made.letters
        assert annotation.aux_note[0] == NOTICE
    documents = {each["record"]: each for each in json.loads((out / "beats.json").read_text(encoding="utf-8"))}
    assert set(documents) == {"a", "w", "t", "bad"}
    assert documents["w"]["leads"] == ["MLII", "V1"]
    assert documents["w"]["bundle"] == {"name": "trees", "sha256": "0" * 64, "prefer": "f1"}
    assert set(documents["bad"]) == {"record", "error", "notice"}
    assert all(each["notice"] == NOTICE for each in documents.values())
    summary = (out / "summary.txt").read_text(encoding="utf-8")
    assert "33 beats: N 25, S 1, V 7" in summary
    assert "  not read: bad.npy" in summary
    assert summary.endswith(f"{NOTICE}\n")
    assert sorted(path.name for path in (out / "plots").iterdir()) == ["a.png", "t.png", "w.png"]
    assert sorted(path.suffix for path in out.iterdir() if path.is_file()) == [
        ".beats", ".beats", ".beats", ".csv", ".json", ".txt",
    ]  # fmt: skip


def test_an_archive_and_names_that_are_no_file_names(tmp_path, make, shipped):
    made = make(RHYTHM)
    for part in ("x", "y"):
        (tmp_path / "in" / part).mkdir(parents=True)
        np.save(tmp_path / "in" / part / "same.npy", made.signal)
    shutil.make_archive(str(tmp_path / "all"), "zip", tmp_path / "in")
    out = tmp_path / "out"
    assert main([str(tmp_path / "all.zip"), "--out", str(out), "--fs", "360"]) == 0
    names = {row["record"] for row in read_rows(out / "beats.csv")}
    assert len(names) == 2 and all("/" in name for name in names)
    assert len(list(out.glob("*.beats"))) == 2


def test_without_any_recording_what_was_written_stays(tmp_path, shipped, capsys):
    out = tmp_path / "out"
    assert main([str(tmp_path / "none.npy"), "--out", str(out)]) == 1
    assert "there is no such file" in capsys.readouterr().err
    assert not out.exists()


def test_a_rate_that_is_missing_or_impossible_is_asked_for(tmp_path, make, shipped, capsys):
    np.save(tmp_path / "a.npy", make(RHYTHM).signal)
    assert main([str(tmp_path / "a.npy"), "--out", str(tmp_path / "out")]) == 1
    assert "states no sampling rate" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([str(tmp_path / "a.npy"), "--fs", "3"])


def test_a_file_gives_what_its_samples_give_and_a_copy_of_a_lead_changes_no_beat(make, rules, tmp_path):
    made = make(RHYTHM)
    np.save(tmp_path / "a.npy", made.signal)
    from_file, from_memory = predict_record(tmp_path / "a.npy", rules, 360.0), predict_record(made.record, rules)
    assert np.array_equal(from_file.positions, from_memory.positions)
    assert from_file.letters == from_memory.letters


def test_a_long_recording_gives_the_beats_of_its_rhythm(tmp_path, make, rules):
    made = make(RHYTHM * 32, fs_hz=128.0)
    assert made.record.duration_s > 700
    np.save(tmp_path / "long.npy", made.signal)
    finding = predict_record(tmp_path / "long.npy", rules, 128.0)
    near(finding.positions, made.at_s, 128.0)
    assert finding.letters == made.letters
    assert finding.summary.to_dict()["runs"] == {"S": 0, "V": 32}


@pytest.mark.parametrize("prefer", ["f1", "recall"])
def test_the_shipped_classifier_finds_what_is_plain_to_see(make, prefer):
    made = make(RHYTHM * 4)
    finding = predict_record(made.record, load_classifier(prefer=prefer))
    near(finding.positions, made.at_s, 360.0)
    is_v = np.array(made.letters) == "V"
    assert (np.array(finding.letters)[is_v] == "V").mean() > 0.8
    assert (np.array(finding.letters)[~is_v] != "V").mean() > 0.95
    assert finding.probabilities.sum(axis=1) == pytest.approx(1)


@pytest.mark.parametrize("rhythm", ["N--N", "NNN", "N" * 20 + "-" * 12 + "N" * 20])
def test_the_shipped_classifier_answers_odd_recordings(make, rhythm):
    made = make(rhythm, begin_s=1.5, end_s=1.5)
    finding = predict_record(made.record, load_classifier())
    near(finding.positions, made.at_s, 360.0)
    assert np.isfinite(finding.probabilities).all()


def test_what_was_asked_for_reaches_the_classifier(tmp_path, make, shipped):
    np.save(tmp_path / "a.npy", make(RHYTHM).signal)
    arguments = ["--out", str(tmp_path / "out"), "--fs", "360", "--prefer", "recall", "--bundle", str(tmp_path)]
    assert main([str(tmp_path / "a.npy"), *arguments, "--runtime", "onnx"]) == 0
    assert shipped == [(tmp_path, "recall", "onnx")]
