"""Files in, a table out: the command line, and what is said of a file that cannot be used."""

import csv

import numpy as np
import pytest

from cardiac.errors import ConfigError, DatasetError
from tasks.ppg import predict, simulate
from tasks.ppg.dataset import RHYTHMS, read_segments
from tasks.ppg.filters import filter_segments
from tasks.ppg.stream import load


@pytest.fixture(scope="module")
def pulses(tmp_path_factory):
    path = tmp_path_factory.mktemp("pulses") / "pulses.csv"
    assert simulate.main(["--out", str(path), "--segments", "6", "--patients"]) == 0
    return path


def test_the_simulated_table_is_laid_out_as_the_originals(pulses, tmp_path, capsys):
    head = pulses.read_text(encoding="ascii").partition("\n")[0].split(",")
    assert head == ["Unnamed: 0", *map(str, range(2_000)), "Label", "patient"]
    own = read_segments(pulses, 200)
    assert own.values.shape == (6, 2_000)
    assert own.kinds == ("MI", "Normal")
    assert own.by_patient
    assert np.allclose(own.values, simulate.simulate_table(6)[0], atol=1e-4)
    assert simulate.main(["--out", str(tmp_path / "own.csv"), "--segments", "2"]) == 0
    assert "no recordings" in capsys.readouterr().out
    assert not read_segments(tmp_path / "own.csv", 200).by_patient


def test_the_command_line_says_what_the_reader_says(pulses, tmp_path, capsys):
    values = (np.clip(simulate.made_segments(5, 10.0), 0, 1) * 30_000).astype(np.int16)
    arrays = tmp_path / "five.npz"
    np.savez(arrays, segments=values)
    out = tmp_path / "out"
    assert predict.main([str(pulses), str(arrays), "--fs-hz", "200", "--out", str(out)]) == 1  # the arrays are 100 Hz
    capsys.readouterr()
    assert predict.main([str(arrays), "--out", str(out)]) == 0
    with (out / "segments.csv").open(encoding="utf-8") as file:
        rows = [*csv.DictReader(file)]
    reader = load()
    filtered = filter_segments(values.astype(np.float32) / np.float32(30_000), 100)
    for row, answer in zip(rows, reader.read([each[None] for each in filtered], 100), strict=True):
        assert row["kind"] == answer["label"]
        assert float(row[row["kind"]]) == float(row["probability"])
        assert [float(row[each]) for each in RHYTHMS] == pytest.approx(
            [answer["probabilities"][each] for each in RHYTHMS], abs=6e-5
        )
    assert [row["segment"] for row in rows] == [*"12345"]
    assert "five.npz: 5 segments" in capsys.readouterr().out


def test_a_flat_row_is_refused_and_the_others_answered(tmp_path):
    values = (np.clip(simulate.made_segments(3, 10.0), 0, 1) * 30_000).astype(np.int16)
    values[1] = 300
    np.savez(tmp_path / "three.npz", segments=values)
    answers = predict.predict_file(tmp_path / "three.npz", load())
    assert ["label" in each for each in answers] == [True, False, True]
    assert predict.summary_line("three.npz", answers, RHYTHMS).endswith("refused 1")


def written(tmp_path, text):
    path = tmp_path / "own.csv"
    path.write_text(text, encoding="utf-8")
    return path


HEAD = ",".join(map(str, range(250)))
ROW = ",".join(["0.5"] * 250)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "cannot be read as a CSV table"),
        (HEAD + "\n", "holds no samples"),
        ("a,b\n1,2\n", "2 samples a segment are too few"),
        (f"{HEAD}\n{ROW.replace('0.5', 'x', 1)}\n", "column '0' holds what is no number"),
        (f"{HEAD}\n{ROW}\n{ROW.replace('0.5', '', 1)}\n", "segment 2 holds what is no number"),
        (f"{HEAD},Label\n{ROW},MI\n{ROW},\n", "row 3 has no Label"),
    ],
)
def test_a_bad_table_is_one_sentence(text, sentence, tmp_path):
    with pytest.raises(DatasetError, match=sentence):
        read_segments(written(tmp_path, text), 200)


def test_bad_arrays_are_one_sentence(tmp_path):
    path = tmp_path / "own.npz"
    path.write_bytes(b"no archive")
    with pytest.raises(DatasetError, match=r"own\.npz: cannot be read"):
        read_segments(path)
    np.savez(path, segments=np.zeros((3, 1_000), np.int16), labels=np.array([0, 1, 6]))
    with pytest.raises(DatasetError, match="do not fit each other"):
        read_segments(path)
    np.savez(path, segments=np.array([{"a": 1}], dtype=object))  # would have to be unpickled
    with pytest.raises(DatasetError, match="cannot be read"):
        read_segments(path)


def test_a_table_needs_its_sampling_rate(pulses, capsys):
    with pytest.raises(ConfigError, match="give it with --fs-hz"):
        read_segments(pulses)
    with pytest.raises(ConfigError, match="--fs-hz is -1"):
        read_segments(pulses, -1)
    assert predict.main([str(pulses), "--fs-hz", "50"]) == 1
    assert "segments are 40 s long" in capsys.readouterr().err
