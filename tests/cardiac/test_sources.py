"""Folders and archives: of everything in them there is a recording to read or a sentence, by a name of its own."""

import gzip
import os
import signal as signals
import subprocess
import sys
import tempfile
import zipfile
from contextlib import ExitStack

import numpy as np
import pytest

from cardiac.errors import ConfigError, RecordError
from cardiac.readers import scratch
from cardiac.records import read_record
from cardiac.sources import (
    Recording,
    list_folder,
    list_manifest,
    list_recordings,
    list_upload,
    size_on_disk,
    stored_recordings,
    unpack_apart,
)
from tests.cardiac.readers.test_looks import listed, names, numbers, zipped
from tests.writers import WRITERS


def test_companions_of_a_header_are_part_of_it(tmp_path, signal):
    WRITERS["wfdb 16"](tmp_path / "a", signal, 500)
    WRITERS["wfdb 16"](tmp_path / "b", signal, 500)
    (tmp_path / "b.dat").rename(tmp_path / "other.dat")
    text = (tmp_path / "b.hea").read_text(encoding="ascii").replace("b.dat", "other.dat")
    (tmp_path / "b.hea").write_text(text, encoding="ascii")
    for name in ("a.atr", "a.qrs", "a.avr", "a.i"):
        (tmp_path / name).write_bytes(b"\0\1\2\3" * 40)
    (tmp_path / "lone.dat").write_bytes(bytes(100))
    np.save(tmp_path / "a.npy", signal)
    (tmp_path / "a.csv").write_text(numbers(), encoding="ascii")
    assert [each.path.name for each in listed(tmp_path).recordings] == ["a.csv", "a.hea", "a.npy", "b.hea", "lone.dat"]
    assert names(listed(*sorted(tmp_path.glob("b.*")), tmp_path / "other.dat", tmp_path / "a.hea", tmp_path / "a.dat"))[
        :2
    ]
    assert names(listed(tmp_path / "a.hea", tmp_path / "a.dat")) == ["a"]


def test_links_pipes_and_what_cannot_be_opened(tmp_path, signal):
    (tmp_path / "in/deep").mkdir(parents=True)
    np.save(tmp_path / "in/deep/a.npy", signal)
    (tmp_path / "elsewhere").mkdir()
    np.save(tmp_path / "elsewhere/b.npy", signal)
    (tmp_path / "in/deep/round").symlink_to(tmp_path / "in")
    (tmp_path / "in/self").symlink_to(tmp_path / "in/self")
    (tmp_path / "in/linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in/linked again").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in/gone.npy").symlink_to(tmp_path / "nothing.npy")
    os.mkfifo(tmp_path / "in/pipe.csv")
    listing = listed(tmp_path / "in")
    assert sorted(names(listing)) == ["a", "b", "pipe"]
    assert sorted(name for name, _ in listing.refused) == ["gone.npy", "self"]
    assert all("is a broken link" in told for _, told in listing.refused)
    assert [told for _, told in listed(tmp_path / "in/gone.npy").refused] == [dict(listing.refused)["gone.npy"]]
    with pytest.raises(RecordError, match="is not a plain file"):
        read_record(tmp_path / "in/pipe.csv")


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not hold for root")
def test_a_folder_without_permission_is_told_about(tmp_path, signal):
    np.save(tmp_path / "a.npy", signal)
    (tmp_path / "closed").mkdir(mode=0)
    assert "cannot be opened (Permission denied)" in listed(tmp_path).refused[0][1]


def test_missing_and_empty_paths_stop_none_of_the_others(tmp_path, signal):
    np.save(tmp_path / "a.npy", signal)
    (tmp_path / "empty").mkdir()
    long = "x" * 300
    listing = listed(
        tmp_path / "a.npy", tmp_path / "nothing.npy", tmp_path / "no/where", tmp_path / "empty", tmp_path / long
    )
    assert names(listing) == ["a"]
    assert [told for _, told in listing.missing] == [f"{name}: there is no such file: check the path"
                                                     for name in ("nothing.npy", "where", long)]  # fmt: skip
    assert [told for _, told in listing.empty] == [f"{tmp_path}/empty: contains no recording: check the path"]


def test_what_is_given_twice_is_read_once(tmp_path, signal):
    (tmp_path / "in").mkdir()
    np.save(tmp_path / "in/a.npy", signal)
    with zipfile.ZipFile(tmp_path / "in/x.zip", "w") as file:
        file.write(tmp_path / "in/a.npy", "b.npy")
    (tmp_path / "link").symlink_to(tmp_path / "in")
    listing = listed(tmp_path / "in", tmp_path / "in", tmp_path / "link", tmp_path / "in/x.zip", tmp_path / "in/a.npy")
    assert (sorted(names(listing)), listing.unread) == (["a", "b"], [])


def test_archives_in_folders_show_the_whole_way(tmp_path, signal):
    (tmp_path / "in/deep").mkdir(parents=True)
    np.save(tmp_path / "a.npy", signal)
    content = (tmp_path / "a.npy").read_bytes()
    inner = zipped(**{"rec.npy": content, "bad.npy": b"junk", "readme.md": b"x"})
    (tmp_path / "in/deep/outer.zip").write_bytes(zipped(**{"d__inner.zip": inner}))
    (tmp_path / "in/b.npy.gz").write_bytes(gzip.compress(content))
    with ExitStack() as stack:
        listing = list_recordings([tmp_path / "in"], stack)
        assert names(listing) == ["b", "bad", "rec"]
        ways = {each.record_id: listing.shown[each.path] for each in listing.recordings}
        assert ways == {
            "b": "b.npy.gz/b.npy",
            **{name: f"deep/outer.zip/d/inner.zip/{name}.npy" for name in ("bad", "rec")},
        }
        assert listing.passed_over == ["deep/outer.zip/d/inner.zip/readme.md"]
        paths = {each.record_id: each.path for each in listing.recordings}
        for name in ("b", "rec"):
            assert np.array_equal(read_record(paths[name]).signal, signal)
        with pytest.raises(RecordError) as caught:
            read_record(paths["bad"])
        message = str(listing.with_full_path(caught.value, paths["bad"], "bad"))
        assert message.startswith("deep/outer.zip/d/inner.zip/bad.npy: ") and message.count("bad") == 1
    assert not any(path.exists() for path in paths.values())


def test_a_folder_for_the_cluster_lists_archives_and_opens_none(tmp_path, signal):
    np.save(tmp_path / "a.npy", signal)
    (tmp_path / "x.zip").write_bytes(zipped(**{"b.npy": b"x"}))
    (tmp_path / "gone.npy").symlink_to(tmp_path / "nothing")
    (tmp_path / "readme.md").touch()
    assert [each.record_id for each in list_folder(tmp_path)] == ["a.npy", "gone.npy", "x.zip"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(RecordError, match="contains no recording"):
        list_folder(tmp_path / "empty")


KILLED = """
import sys, time
from contextlib import ExitStack
from cardiac.sources import list_recordings
with ExitStack() as stack:
    list_recordings(sys.argv[1:], stack)
    print("ready", flush=True)
    sys.stdin.read()
"""


def test_folders_of_killed_runs_are_cleaned_and_those_of_others_stay(tmp_path, root, monkeypatch):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    (tmp_path / "x.zip").write_bytes(zipped(**{"b.npy": b"x"}))
    environment = {**os.environ, "TMPDIR": str(temporary)}
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path / "x.zip")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root, env=environment,
        )
        for _ in range(2)
    ]  # fmt: skip
    assert [run.stdout.readline() for run in runs] == [b"ready\n"] * 2
    assert len(list(temporary.iterdir())) == 2
    runs[0].send_signal(signals.SIGKILL)
    runs[0].communicate()
    kept = [f"{scratch.PREFIX}of-mine", "ecg-abcdefgh"]
    for name in kept:
        (temporary / name).mkdir()
    (temporary / f"{scratch.PREFIX}abcdefgh").symlink_to(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    scratch.clean_scratch()
    left = {path.name for path in temporary.iterdir()} - {*kept, f"{scratch.PREFIX}abcdefgh"}
    assert len(left) == 1  # the other run's
    runs[1].communicate()
    assert {path.name for path in temporary.iterdir()} == {*kept, f"{scratch.PREFIX}abcdefgh"}
    assert (tmp_path / "x.zip").exists()


def write_index(folder, signal):
    """PTB-XL's table of two records, and these."""
    (folder / "records500").mkdir(parents=True)
    names = ["records500/00001_hr", "records500/00002_hr"]
    for name in names:
        WRITERS["wfdb 16"](folder / name, signal, 500)
    rows = [f"{name},x" for name in names]
    (folder / "ptbxl_database.csv").write_text("\n".join(["filename_hr,filename_lr", *rows]) + "\n", encoding="ascii")


def test_ptb_xls_table_names_the_records_beside_it(tmp_path, signal):
    write_index(tmp_path, signal)
    assert names(listed(tmp_path / "ptbxl_database.csv")) == ["00001_hr", "00002_hr"]


def upload(folder):
    return list_upload(folder, lambda: pytest.fail("nothing is packed here"), unpack_apart, fs_hz=250)


def test_an_upload_is_listed_as_what_was_sent(tmp_path, signal):
    """Its files are called by what they were sent as, wherever they lie; what a header brings along is part of it."""
    given = tmp_path / "given"
    for folder in ("one", "two"):
        (given / folder).mkdir(parents=True)
        WRITERS["wfdb 16"](given / folder / "a", signal, 500)
    for name in ("one/a.atr", "one/b.atr", "one/note.csv"):
        (given / name).write_bytes(b"\0\1\2\3" * 40)
    listing = upload(given)
    assert [(each.record_id, each.path, each.fs_hz) for each in listing.recordings] == [
        ("one/a.hea", given / "one/a.hea", 250),
        ("b", given / "one/b.atr", 250),
        ("note", given / "one/note.csv", 250),
        ("two/a.hea", given / "two/a.hea", 250),
    ]
    assert listing.unread == listing.passed_over == []


def test_ptb_xls_table_in_an_upload_is_a_file_like_any_other(tmp_path, signal):
    """The records that were sent with it are listed by themselves, and those that were not are not missed."""
    write_index(tmp_path / "given", signal)
    (tmp_path / "given/records500/00002_hr.hea").unlink()
    (tmp_path / "given/records500/00002_hr.dat").unlink()
    listing = upload(tmp_path / "given")
    assert [each.record_id for each in listing.recordings] == ["ptbxl_database", "00001_hr"]
    with pytest.raises(RecordError):
        read_record(listing.recordings[0].path)


def test_a_manifest_names_paths_urls_and_rates(tmp_path):
    rows = [
        {"path": "a.npy", "fs_hz": None},
        {"path": " deep/../b.npy ", "record_id": "b", "fs_hz": "250"},
        {"path": "s3://ecgs/c.npy", "record_id": "", "fs_hz": 0.0},
    ]
    assert list(list_manifest(tmp_path / "list.csv", rows)) == [
        Recording(str(tmp_path / "a.npy"), "a.npy", None),
        Recording(str(tmp_path / "b.npy"), "b", 250.0),
        Recording("s3://ecgs/c.npy", "s3://ecgs/c.npy", 0.0),
    ]


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([{"path": "a"}, {"path": "b", "record_id": "a"}], "list.csv: 'a' is listed twice"),
        ([{"path": "  "}], "list.csv: a row names no path"),
        ([{"path": None}], "list.csv: a row names no path"),
        ([{"path": "a", "fs_hz": "quick"}], "list.csv: the fs_hz of 'a' is 'quick', which is not a number"),
    ],
)
def test_a_manifest_that_leaves_something_open_is_refused(rows, sentence, tmp_path):
    with pytest.raises(ConfigError, match=sentence):
        list(list_manifest(tmp_path / "list.csv", rows))


def test_objects_of_a_store_are_known_by_their_endings():
    recordings = ["a.npy", "b/c.hea", "D.SCP", "e.xml", "f.dcm"]
    assert stored_recordings([*recordings, "c.dat", "c.mat", "list.csv", "readme.md", "g"]) == recordings


def test_the_size_of_a_recording_is_that_of_all_its_files(tmp_path):
    for name, size in (("a.hea", 1), ("a.dat", 20), ("a.mat", 300), ("a.npy", 4_000), ("b.hea", 50_000)):
        (tmp_path / name).write_bytes(bytes(size))
    sizes = {path.name: size_on_disk(path) for path in tmp_path.iterdir()}
    assert sizes == {"a.hea": 321, "a.dat": 20, "a.mat": 300, "a.npy": 4_000, "b.hea": 50_000}
    assert size_on_disk(tmp_path / "gone.npy") == 0
