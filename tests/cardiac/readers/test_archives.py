"""Archives: what is in them is read as from a folder, and nothing gets out of them."""

import io
import tarfile
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from cardiac.errors import RecordError
from cardiac.readers.archives import is_archive, unpacked
from cardiac.records import find_records, read_record
from tests.writers import WRITERS


@pytest.fixture
def folder(tmp_path, signal):
    """A recording as .npy, one of two files in a folder deeper, and what is no recording."""
    (tmp_path / "in/deep").mkdir(parents=True)
    WRITERS["npy"](tmp_path / "in/a", signal, 500)
    WRITERS["wfdb 16"](tmp_path / "in/deep/b", signal, 500)
    (tmp_path / "in/.hidden.npy").write_bytes(b"x")
    (tmp_path / "in/notes.txt").write_text("words")
    return tmp_path / "in"


def pack(folder, path):
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for each in sorted(folder.rglob("*")):
                file.write(each, each.relative_to(folder))
    else:
        with tarfile.open(path, f"w:{path.suffix[1:]}" if path.suffix != ".tar" else "w") as file:
            file.add(folder, "x")
    return path


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tar.xz", "a.tar.bz2"])
def test_an_archive_is_a_folder(name, folder, tmp_path, signal):
    path = pack(folder, tmp_path / name)
    assert is_archive(path)
    with unpacked(path) as place:
        found = find_records(place)
        assert [each.name for each in found] == ["a.npy", "b.hea"]
        assert all(np.abs(read_record(each).signal - signal).max() < 1e-3 for each in found)
    assert not place.exists()
    with pytest.raises(RecordError, match="is an archive and no single recording"):
        read_record(path)


def zip_of(path, names):
    with zipfile.ZipFile(path, "w") as file:
        for name in names:
            file.writestr(name, b"content")
    return path


def tar_of(path, members):
    with tarfile.open(path, "w") as file:
        for member in members:
            file.addfile(member, io.BytesIO(b"\0" * member.size) if member.size else None)
    return path


@pytest.mark.parametrize("name", ["../a.npy", "/a.npy", "x/../../a.npy", "..\\a.npy", "C:\\a.npy", "\\a.npy"])
def test_names_that_lead_out(name, tmp_path):
    before = sorted(Path(tempfile.gettempdir()).glob("*.npy"))
    for path in (zip_of(tmp_path / "a.zip", [name]), tar_of(tmp_path / "a.tar", [tarfile.TarInfo(name)])):
        with pytest.raises(RecordError, match=f"{path.name}: a name in it leads out of it"), unpacked(path):
            pass
    assert sorted(Path(tempfile.gettempdir()).glob("*.npy")) == before
    assert not (tmp_path / "a.npy").exists()


def test_links_and_devices_are_passed_over(tmp_path):
    members = []
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE):
        member = tarfile.TarInfo(f"{kind!r}.npy")
        member.type, member.linkname = kind, "/etc/passwd"
        members.append(member)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        link = zipfile.ZipInfo("a.npy")
        link.external_attr = 0o120777 << 16
        file.writestr(link, "/etc/passwd")
    for path in (tar_of(tmp_path / "a.tar", members), tmp_path / "a.zip"):
        with unpacked(path) as place:
            assert list(place.rglob("*")) == []
            with pytest.raises(RecordError, match=r"mine: no recording lies in it"):
                find_records(place, "mine")


def test_what_grows_beyond_its_worth(tmp_path, monkeypatch):
    monkeypatch.setattr("cardiac.readers.archives.FREE_BYTES", 1_000)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.npy", b"0" * 10_000_000)
    member = tarfile.TarInfo("a.npy")
    member.size = 10_000_000
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as file:
        file.addfile(member, io.BytesIO(bytes(member.size)))
    for name in ("a.zip", "a.tar.gz"):
        with pytest.raises(RecordError, match="give it in parts"), unpacked(tmp_path / name):
            pass
    monkeypatch.setattr("cardiac.readers.archives.MOST_FILES", 3)
    with pytest.raises(RecordError, match="more than 3 files"), unpacked(zip_of(tmp_path / "b.zip", "abcd")):
        pass


def test_damaged_and_doubled(tmp_path, folder):
    for name in ("a.zip", "a.tar.gz", "a.tar"):
        path = pack(folder, tmp_path / name)
        content = path.read_bytes()
        for end in (len(content) // 3, len(content) // 2):
            path.write_bytes(content[:end])
            with pytest.raises(RecordError, match=f"{name}: "), unpacked(path):
                pass
    with pytest.warns(UserWarning, match="Duplicate name"):
        zip_of(tmp_path / "two.zip", ["a.npy", "a.npy"])
    with pytest.raises(RecordError, match=r"two files named 'a\.npy'"), unpacked(tmp_path / "two.zip"):
        pass
    (tmp_path / "a.npy.gz").write_bytes(b"\x1f\x8b" + bytes(50))
    with pytest.raises(RecordError, match="cannot be unpacked"), unpacked(tmp_path / "a.npy.gz"):
        pass
