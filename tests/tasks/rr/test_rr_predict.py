"""The command line: what is written of tables and of recordings, refusals beside answers, errors, runs and pictures."""

import io
import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cardiac import NOTICE
from cardiac.errors import CardiacError
from cardiac.simulate import gaussians
from tasks.rr import pictures, predict
from tasks.rr.detector import load_detector
from tasks.rr.documents import INTERVAL_COLUMNS, RUN_COLUMNS, safe_id
from tasks.rr.errors import interval_errors
from tasks.rr.findings import RRFinding, find_anomalies
from tasks.rr.pictures import draw_study, file_stem
from tasks.rr.runs import find_runs
from tasks.rr.simulate import simulate_study
from tasks.rr.studies import Study


@pytest.fixture(scope="module")
def detector():
    return load_detector()


@pytest.fixture(scope="module")
def studies():
    return [simulate_study(seed) for seed in (1, 2, 3)]


@pytest.fixture
def table(tmp_path, studies):
    rows = [
        (each.record_id, time, x) for each in studies for time, x in zip(each.time_ms, each.intervals_ms, strict=True)
    ]
    path = tmp_path / "studies.csv"
    pd.DataFrame(rows, columns=["id", "time", "x"]).to_csv(path, index=False)
    return path


def run(*arguments):
    return predict.main([str(each) for each in arguments])


def test_a_table_s_studies_are_written(table, studies, detector, tmp_path, capsys):
    assert run(table, "--out", tmp_path / "out") == 0
    intervals, runs = (pd.read_csv(tmp_path / "out" / name) for name in ("intervals.csv", "runs.csv"))
    assert tuple(intervals.columns) == INTERVAL_COLUMNS and tuple(runs.columns) == RUN_COLUMNS
    told = detector.probabilities([each.intervals_ms for each in studies])
    assert intervals["probability"].to_numpy() == pytest.approx(np.concatenate(told), abs=1e-4)
    assert intervals["anomaly"].sum() == (np.concatenate(told) >= detector.threshold).sum() == runs["number"].sum()
    assert intervals["x"].tolist() == np.concatenate([each.intervals_ms for each in studies]).tolist()
    documents = json.loads((tmp_path / "out/rr.json").read_text(encoding="utf-8"))
    assert [each["record"] for each in documents] == [each.record_id for each in studies]
    assert {each["bundle"]["sha256"] for each in documents} == {detector.sha256}
    assert {each["notice"] for each in documents} == {NOTICE}
    of_runs = [(each["record"], run["start"], run["end"], run["number"]) for each in documents for run in each["runs"]]
    assert of_runs == [*runs[["id", "start", "end", "number"]].itertuples(index=False, name=None)]
    assert len([*(tmp_path / "out/plots").glob("*.png")]) == 3
    assert NOTICE in capsys.readouterr().out


def test_a_run_begins_and_ends_at_intervals_of_its_study(detector, studies):
    for finding in find_anomalies(studies, detector):
        for row, own in zip(finding.to_dict()["runs"], finding.runs, strict=True):
            assert row["start"] == finding.time_ms[own.first] and row["end"] == finding.time_ms[own.first + own.n - 1]


def test_a_file_that_cannot_be_read_stops_no_other(table, tmp_path, capsys):
    (tmp_path / "bad.csv").write_text("id,x\n1,abc\n", encoding="ascii")
    assert run(tmp_path / "bad.csv", table, tmp_path / "none.csv", "--out", tmp_path / "out", "--no-plots") == 1
    documents = json.loads((tmp_path / "out/rr.json").read_text(encoding="utf-8"))
    assert "error" in documents[0] and "n_anomalies" not in documents[0]
    assert len(documents) == 5 and not (tmp_path / "out/plots").exists()
    said = capsys.readouterr().err
    assert "line 2: 'abc' is no number" in said and "none.csv" in said


def test_studies_of_one_name_in_two_files_are_kept_apart(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text("id,x\n1,800\n1,810\n", encoding="ascii")
    assert run(tmp_path / "a.csv", tmp_path / "b.csv", "--out", tmp_path / "out") == 0
    assert pd.read_csv(tmp_path / "out/intervals.csv", dtype=str)["id"].unique().tolist() == ["1", "b/1"]
    first, second = json.loads((tmp_path / "out/rr.json").read_text(encoding="utf-8"))
    assert "another file" in second["notes"][-1] and first["notes"] == []
    assert len([*(tmp_path / "out/plots").iterdir()]) == 2


def test_tables_in_a_folder_are_read_however_short(tmp_path, capsys):
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep/short.csv").write_text("subject,age,label,rr_ms\n1,54,0,800\n1,54,0,810\n", encoding="ascii")
    (folder / "one.csv").write_text("id,x\n2,800\n", encoding="ascii")
    (folder / "ages.txt").write_text("101\n102\n", encoding="ascii")
    assert run(folder, "--out", tmp_path / "out", "--no-plots") == 0
    assert sorted(pd.read_csv(tmp_path / "out/intervals.csv")["id"]) == [1, 1, 2]
    assert "1 file passed over: ages.txt" in capsys.readouterr().out


def test_numbers_alone_with_a_rate_are_no_table(tmp_path, capsys):
    (tmp_path / "a.txt").write_text("1024\n1030\n1022\n" * 9, encoding="ascii")
    assert run(tmp_path / "a.txt", "--out", tmp_path / "out", "--no-plots") == 0
    assert run(tmp_path / "a.txt", "--fs", 250, "--out", tmp_path / "out", "--no-plots") == 1


def test_an_anomaly_is_inside_the_picture_however_rare():
    intervals = np.r_[np.full(2000, 800.0), 930, np.full(2000, 800.0)]
    told = np.where(intervals == 930, 0.9, 0.0)
    finding = RRFinding("a", np.cumsum(intervals), intervals, told, interval_errors(intervals), 0.5)
    low, high = pictures._scale(finding)
    assert low < 800 and high >= 930


@pytest.mark.parametrize("n", [1, 220, 221, 1321])
def test_no_row_of_a_picture_is_left_with_a_few(n):
    finding = RRFinding("a", np.arange(n), np.full(n, 800.0), np.zeros(n), np.zeros(n, bool), 0.5)
    firsts = [*pictures._rows(finding), n]
    assert firsts[0] == 0 and max(np.diff(firsts)) <= pictures.ROW
    assert min(np.diff(firsts)) >= max(np.diff(firsts)) - len(firsts)


def test_a_picture_that_cannot_be_written_keeps_nobody_from_the_tables(table, tmp_path, monkeypatch, capsys):
    def full(path, content):
        raise CardiacError("the disk is full: make room")

    monkeypatch.setattr(predict, "replace_file", full)
    assert run(table, "--out", tmp_path / "out") == 2
    assert len(pd.read_csv(tmp_path / "out/intervals.csv")["id"].unique()) == 3
    assert capsys.readouterr().err.count("the disk is full") == 3


def test_nothing_to_read_leaves_what_was_written(table, tmp_path):
    assert run(table, "--out", tmp_path / "out", "--no-plots") == 0
    before = (tmp_path / "out/intervals.csv").read_bytes()
    assert run(tmp_path / "none.csv", "--out", tmp_path / "out") == 1
    assert (tmp_path / "out/intervals.csv").read_bytes() == before


def test_stopped_it_keeps_what_it_has(table, tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(predict, "_draw", stop)
    assert run(table, "--out", tmp_path / "out") == 130
    assert len(pd.read_csv(tmp_path / "out/intervals.csv")["id"].unique()) == 1


def test_a_recording_gives_its_own_intervals(tmp_path):
    rng = np.random.default_rng(0)
    at_s = 0.6 + np.cumsum(0.8 + 0.02 * rng.standard_normal(90))
    signal = gaussians(at_s, np.full(len(at_s), 0.012), round(250 * (at_s[-1] + 1)), 250)
    np.save(tmp_path / "lead.npy", np.stack([signal, -0.5 * signal]).astype(np.float32))
    assert run(tmp_path / "lead.npy", "--fs", 250, "--out", tmp_path / "out", "--no-plots") == 0
    found = pd.read_csv(tmp_path / "out/intervals.csv")
    assert found["x"].to_numpy() == pytest.approx(1000 * np.diff(at_s), abs=8)
    assert found["time"].to_numpy() == pytest.approx(1000 * at_s[1:], abs=8)
    assert "from beat to beat" in json.loads((tmp_path / "out/rr.json").read_text(encoding="utf-8"))[0]["notes"][0]


def test_a_recording_without_beats_is_no_calm_rhythm(tmp_path, capsys):
    np.save(tmp_path / "flat.npy", np.zeros((2, 3000), np.float32))
    assert run(tmp_path / "flat.npy", "--fs", 250, "--out", tmp_path / "out") == 1
    assert "flat" in capsys.readouterr().err
    assert pd.read_csv(tmp_path / "out/intervals.csv").empty


def test_every_place_is_called_where_it_is_asked_for(detector):
    long = Study(
        "long", np.arange(6000), np.concatenate([simulate_study(seed, 200).intervals_ms for seed in range(30)])
    )
    (kept,), (every,) = (list(predict.predict_studies([long], detector, every)) for every in (False, True))
    assert every.anomalies.sum() > 2 * kept.anomalies.sum() > 0
    assert "--every" in kept.notes[0] and every.notes == ()


def test_only_what_the_budget_binds_is_answered_twice(detector, monkeypatch):
    long = Study(
        "long", np.arange(6000), np.concatenate([simulate_study(seed, 200).intervals_ms for seed in range(30)])
    )
    asked = []

    def spy(studies, by):
        asked.append([each.record_id for each in studies])
        return find_anomalies(studies, by)

    monkeypatch.setattr(predict, "find_anomalies", spy)
    calm = Study("calm", np.arange(300), np.full(300, 800))
    kept = list(predict.predict_studies([calm, long], detector))
    assert asked == [["calm", "long"], ["long"]]
    assert kept[0].notes == () and "--every" in kept[1].notes[0]


def test_errors_are_what_lies_outside_or_off():
    calm = np.full(30, 800.0)
    calm[[5, 12, 20]] = 299, 1401, 1000
    assert np.flatnonzero(interval_errors(calm)).tolist() == [5, 12, 20]
    assert np.flatnonzero(interval_errors(calm, threshold=0.3)).tolist() == [5, 12]
    assert interval_errors(np.array([12.0])).tolist() == [True]


def test_a_spike_that_is_looked_for_is_no_error():
    for seed in range(20):
        study = simulate_study(seed)
        assert interval_errors(study.intervals_ms)[study.targets].mean() < 0.02


def test_runs_by_hand():
    told = np.array([0.9, 0.1, 0.4, 0.6, 0.5, 0.2, 0.5])
    assert [(run.first, run.n) for run in find_runs(told, 0.5)] == [(0, 1), (3, 2), (6, 1)]
    assert find_runs(told, 0.5)[1].mean_probability == pytest.approx(0.55)
    assert find_runs(np.zeros(0), 0.5) == []


@pytest.mark.parametrize(
    ("name", "written"), [("7", "7"), ("-3", "-3"), ("+4e2", "+4e2"), ("=1+1", "'=1+1"), ("@a", "'@a"), ("b", "b")]
)
def test_no_name_is_run_by_a_spreadsheet(name, written):
    assert safe_id(name) == written


def test_names_of_pictures_stay_in_their_folder():
    names = ["a/b", "..", "", "a\\b", "x" * 400, "%2F", "a\0b", ".hidden"]
    stems = [file_stem(each) for each in names]
    assert len(set(stems)) == len(stems)
    assert all(
        each and "/" not in each and "\0" not in each and not each.startswith(".") and len(each) <= 150
        for each in stems
    )


@pytest.mark.parametrize("n", [1, 2, 219, 6000])
def test_a_study_of_any_length_is_drawn(detector, n):
    (finding,) = find_anomalies(
        [simulate_study(5, n)] if n > 20 else [Study("a $x$", np.arange(n), np.full(n, 800))], detector
    )
    picture = Image.open(io.BytesIO(draw_study(finding, np.zeros(n, bool))))
    assert picture.width == 1200 and picture.height < 3000
