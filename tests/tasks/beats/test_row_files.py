"""Rows there and back, and files that are none."""

import numpy as np
import pandas as pd
import pytest

from cardiac.errors import DatasetError, RecordError
from tasks.beats.row_files import read_rows, write_rows
from tasks.beats.row_recipe import WIDTH, Rows


def some_rows(n=7):
    values = np.random.default_rng(0).random((n, WIDTH)).astype(np.float32)
    values[:, 150:] = 0
    values[:, 0] = 1
    return Rows(values, np.arange(n) % 5)


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet", "ROWS.CSV"])
def test_there_and_back(name, tmp_path):
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    rows = some_rows()
    write_rows(rows, tmp_path / name)
    back = read_rows(tmp_path / name)
    np.testing.assert_allclose(back.values, rows.values, atol=1e-6)
    assert back.targets.tolist() == rows.targets.tolist()
    write_rows(Rows(rows.values), tmp_path / name)
    assert read_rows(tmp_path / name).targets is None


def test_the_published_form_has_no_head(tmp_path):
    rows = some_rows(1)
    table = np.column_stack([rows.values, [3.0]])
    np.savetxt(tmp_path / "a.csv", table, delimiter=",", fmt="%.18e")
    back = read_rows(tmp_path / "a.csv")
    assert len(back) == 1
    assert back.targets.tolist() == [3]
    np.testing.assert_allclose(back.values, rows.values, atol=1e-6)


def test_the_target_may_stand_in_any_column(tmp_path):
    rows = some_rows(3)
    table = pd.DataFrame(rows.values)
    table.insert(0, "target", [0.0, 4.0, 1.0])
    table.to_csv(tmp_path / "a.csv", index=False)
    back = read_rows(tmp_path / "a.csv")
    assert back.targets.tolist() == [0, 4, 1]
    np.testing.assert_allclose(back.values, rows.values, atol=1e-6)


def test_single_beats(tmp_path):
    rows = some_rows(2)
    np.save(tmp_path / "one.npy", rows.values[:1].reshape(1, 1, WIDTH))
    np.save(tmp_path / "two.npy", rows.values)
    np.testing.assert_array_equal(read_rows(tmp_path / "one.npy").values, rows.values[:1])
    assert read_rows(tmp_path / "one.npy").targets is None
    assert len(read_rows(tmp_path / "two.npy")) == 2


def changed(table, row, column, value):
    table = table.astype(object)
    table.loc[row, column] = value
    return table


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="5"), r"a\.csv: has 186 samples in a row besides the target instead of 187"),
        (lambda t: changed(t, 2, "5", 1.5), r"a\.csv: row 3 has a sample outside of 0 to 1: scale them"),
        (lambda t: changed(t, 2, "5", -0.01), r"a\.csv: row 3 has a sample outside of 0 to 1"),
        (lambda t: changed(t, 1, "5", np.nan), r"a\.csv: row 2 has a sample that is no number"),
        (lambda t: changed(t, 1, "5", "much"), r"a\.csv: holds what is no number"),
        (lambda t: changed(t, 0, "target", 5), r"a\.csv: row 1 has the target 5: use 0 to 4 for N, S, V, F, Q"),
        (lambda t: changed(t, 0, "target", 0.5), r"a\.csv: row 1 has the target 0\.5"),
        (lambda t: changed(t, 0, "target", np.nan), r"a\.csv: row 1 has the target nan"),
        (lambda t: t.iloc[:0], r"a\.csv: has no rows"),
    ],
)
def test_a_table_that_is_none(change, message, tmp_path):
    rows = some_rows(4)
    table = pd.DataFrame(rows.values, columns=[str(each) for each in range(WIDTH)]).assign(target=rows.targets)
    change(table).to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(DatasetError, match=message):
        read_rows(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((1, 1, 186)), r"has the shape \(1, 1, 186\): a beat has \(1, 1, 187\)"),
        (np.zeros(187), r"has the shape \(187,\)"),
        (np.full((1, 1, 187), 2.0), "row 1 has a sample outside of 0 to 1"),
        (np.full((1, 1, 187), np.nan), "row 1 has a sample that is no number"),
        (np.full((1, 1, 187), "a"), "holds no numbers"),
        (np.array([{}], dtype=object), "cannot be read"),
    ],
)
def test_a_beat_that_is_none(array, message, tmp_path):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(RecordError, match=message):
        read_rows(tmp_path / "a.npy")


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.csv", b""), ("a.csv", b"\xff\xfe\x00"), ("a.parquet", b"PAR1"), ("a.npy", b""), ("a.txt", b"1")],
)
def test_files_of_something_else(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises((DatasetError, RecordError), match=rf"^{name}: "):
        read_rows(tmp_path / name)
    with pytest.raises((DatasetError, RecordError)):
        read_rows(tmp_path / f"missing{name}")


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(DatasetError, match=r"rows\.txt: rows are written as \.csv or \.parquet"):
        write_rows(some_rows(), tmp_path / "rows.txt")
