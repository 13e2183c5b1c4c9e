"""Files that end whatever reads them, sent to the site: a sentence each, and what is sent beside them is read."""

import pytest

from tests.test_hostile_files import HOSTILE

SENT = ("far_column.xlsx", "beyond_excel.xlsx", "duration.edf", "samples.dcm", "header.npy", "deep.xml")


@pytest.mark.parametrize("name", SENT)
def test_one_sentence_and_the_others_are_read(name, site, npy, signal, tmp_path):
    HOSTILE[name](tmp_path / name, signal)
    found = site.read((name, (tmp_path / name).read_bytes()), ("good.npy", npy["healthy"]))
    assert (found["state"], found["records"]) == ("done", ["good"])
    (refused,) = found["refused"]
    assert name in refused["reason"] and "Error" not in refused["reason"].replace("(ValueError)", "")
