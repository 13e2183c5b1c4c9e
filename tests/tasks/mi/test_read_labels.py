"""A table of labels beside recordings: what is used, and a counted sentence on all that is not."""

from contextlib import ExitStack

import numpy as np
import pandas as pd
import pytest

from cardiac.errors import DatasetError
from cardiac.sources import list_recordings
from tasks.mi.datasets import read_labels
from tasks.mi.labels import COLUMNS, RECORD_COLUMN, SITES
from tasks.mi.submission import submission_row


def read(folder):
    with ExitStack() as stack:
        return read_labels(folder / "labels.csv", list_recordings([folder], stack))


@pytest.fixture
def write(tmp_path, signal):
    """Writes recordings of these names and a table of these rows."""

    def make(recordings, rows, **columns):
        for name in recordings:
            np.save(tmp_path / f"{name}.npy", signal)
        table = pd.DataFrame([{RECORD_COLUMN: name, **cells} for name, cells in rows]).assign(**columns)
        table.to_csv(tmp_path / "labels.csv", index=False)
        return tmp_path

    return make


NORM = submission_row([], True)
INFERIOR = submission_row(["inferior"], False)


def test_labels_of_recordings(write):
    dataset, sentences = read(write("ab", [("b", INFERIOR), ("a", NORM)]))
    assert dataset.table["record_id"].to_list() == ["b", "a"]
    assert [path.name for path in dataset.sources] == ["b.npy", "a.npy"]
    assert dataset.infarction.tolist() == [True, False]
    assert [SITES[site] for site in np.flatnonzero(dataset.sites[0])] == ["inferior"]
    assert len(set(dataset.patients)) == 2
    assert sentences == ["No column patient_id: every record is taken for a patient of its own."]


def test_patients_are_those_of_the_table(write):
    folder = write("abcd", [(name, NORM) for name in "abcd"], patient_id=[7, 7, 8, None])
    dataset, sentences = read(folder)
    patients = dataset.patients
    assert patients[0] == patients[1] != patients[2]
    assert len(set(patients)) == 3
    assert sentences == ["2 patients by patient_id; 1 records without one are their own."]


EMPTY = dict.fromkeys(COLUMNS.values())
LEFT_OUT = {
    "1 row has no recording: left out (first 'x').": ("x", NORM, "agree"),
    "1 review says unreadable: left out (first 'a').": ("a", NORM, "Unreadable"),
    "1 row has no label: left out (first 'a').": ("a", EMPTY, "agree"),
    "1 row has a cell that is not 0 or 1: left out (first 'a').": ("a", NORM | {"норма": "yes"}, "agree"),
    "1 row has both a site and норма, or neither: left out (first 'a').": ("a", INFERIOR | {"норма": 1}, "agree"),
}


@pytest.mark.parametrize("sentence", LEFT_OUT)
def test_every_row_that_is_left_out_is_counted(write, sentence):
    name, cells, verdict = LEFT_OUT[sentence]
    dataset, sentences = read(write("ab", [(name, cells), ("b", INFERIOR)], verdict=[verdict, "correct"]))
    assert dataset.table["record_id"].to_list() == ["b"]
    assert dataset.sites[0, SITES.index("inferior")]
    assert sentence in sentences


def test_recordings_without_a_label_are_counted(write):
    _, sentences = read(write("abc", [("b", NORM)]))
    assert "2 recordings have no label: left out (first 'a')." in sentences


def test_names_as_the_site_writes_them(write):
    """An apostrophe before what a spreadsheet would run; a file's name in the site's zip is percent-encoded."""
    dataset, _ = read(write(["-b", "a%2Fc"], [("'-b", NORM), ("a/c", INFERIOR)]))
    assert dataset.table["record_id"].to_list() == ["-b", "a%2Fc"]


def test_no_label_of_any_recording_is_refused(write):
    with pytest.raises(DatasetError, match="none of its 1 rows is a label of one of 1 recordings"):
        read(write("a", [("b", NORM)]))


def test_a_name_that_is_listed_twice_is_refused(write):
    with pytest.raises(DatasetError, match="'a' is listed twice"):
        read(write("a", [("a", NORM), ("a", INFERIOR)]))
