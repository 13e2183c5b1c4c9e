"""Archives: what is in them is read as from a folder, nothing gets out of them, and a bad member is lost alone."""

import bz2
import gzip
import io
import lzma
import re
import struct
import tarfile
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from cardiac.errors import RecordError
from cardiac.readers import archives, zips
from cardiac.readers.archives import is_archive, unpack
from cardiac.records import read_record
from tests.writers import WRITERS

KINDS = ("zip", "tar", "tar.gz", "tar.xz", "tar.bz2")


def npy(value=1.0):
    content = io.BytesIO()
    np.save(content, np.full((12, 10), value))
    return content.getvalue()


def packed(path, members):
    """An archive of (name, content) by the ending of its path."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for name, content in members:
                file.writestr(name, content)
    else:
        with tarfile.open(path, f"w:{path.suffix[1:]}" if path.suffix != ".tar" else "w") as file:
            for name, content in members:
                member = tarfile.TarInfo(name)
                member.size = len(content)
                file.addfile(member, io.BytesIO(content))
    return path


@pytest.fixture
def target(tmp_path):
    """An empty folder, and at the end nothing has been written beside it."""
    (tmp_path / "within/target").mkdir(parents=True)
    yield tmp_path / "within/target"
    assert [each.name for each in (tmp_path / "within").iterdir()] == ["target"]


def contents(path, target):
    """Shown name -> content of all that an archive holds."""
    held = unpack(path, target)
    return [(name, (target / place).read_bytes()) for place, name in held["files"]], held


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_is_a_folder(kind, tmp_path, target, signal):
    (tmp_path / "in/deep").mkdir(parents=True)
    WRITERS["npy"](tmp_path / "in/a", signal, 500)
    WRITERS["wfdb 16"](tmp_path / "in/deep/b", signal, 500)
    files = [path for path in sorted((tmp_path / "in").rglob("*")) if path.is_file()]
    members = [(path.relative_to(tmp_path / "in").as_posix(), path.read_bytes()) for path in files]
    path = packed(tmp_path / f"x.{kind}", [*members, (".hidden.npy", b"x")])
    assert is_archive(path)
    held = unpack(path, target)
    assert held["refused"] == []
    assert held["passed_over"] == [f"x.{kind}/.hidden.npy"]
    assert sorted(name for _, name in held["files"]) == [f"x.{kind}/{name}" for name, _ in members]
    for place, name in held["files"]:
        if name.endswith((".npy", ".hea")):
            assert np.abs(read_record(target / place).signal - signal).max() < 1e-3
    with pytest.raises(RecordError, match="is an archive, not a single recording"):
        read_record(path)


ODD = ["../a.npy", "/a.npy", "x/../../a.npy", "..\\a.npy", "C:\\a.npy", "\\a.npy", "\\\\host\\a.npy", "c:a.npy",
       "10:30.npy", "P 1 2024-01-02 10:30:00.npy", "a?*<>|.npy", "con.npy", "a\tb\n.npy", "\u202eyp.npy", f"{'x' * 300}.npy",
       f"{'ж' * 200}.npy", f"{'x/' * 3_000}a.npy", "a .npy", "...npy/..../a.npy", "-rf.npy", "a;b.npy", "нет.npy"]  # fmt: skip


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_odd_names_are_read_and_stay_in_their_folder(name, kind, tmp_path, target):
    before = sorted(Path(tempfile.gettempdir()).glob("*.npy"))
    path = packed(tmp_path / f"x.{kind}", [("plain.npy", npy(0.0)), (name, npy())])
    found, held = contents(path, target)
    hidden = any(part.startswith(".") and part.strip(".") for part in name.replace("\\", "/").split("/"))
    assert [content for _, content in found] == [npy(0.0), *[npy()] * (not hidden)]
    assert held["refused"] == [] and len(held["passed_over"]) == hidden
    assert all(
        shown.startswith(f"x.{kind}/") and shown.isprintable() and ".." not in shown.split("/") for shown, _ in found
    )
    assert all((target / place).resolve().is_relative_to(target.resolve()) for place, _ in held["files"])
    assert sorted(Path(tempfile.gettempdir()).glob("*.npy")) == before
    assert not Path("/a.npy").exists()


def zip_with_names(path, *names):
    """A zip whose entries have just these bytes as names, without the flag of UTF-8."""
    plain = [f"{place:0{len(name)}d}"[: len(name)] for place, name in enumerate(names)]
    packed(path, [(each, npy()) for each in plain])
    content = path.read_bytes()
    for each, name in zip(plain, names, strict=True):
        content = content.replace(each.encode(), name)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("запись.npy".encode(), "запись.npy"),
        ("запись.npy".encode("cp866"), "запись.npy"),
        ("Müller.npy".encode("cp437"), "Müller.npy"),
        ("Müller.npy".encode(), "Müller.npy"),
        ("心電図.npy".encode(), "心電図.npy"),
    ],
)
def test_names_are_shown_as_they_were_written(name, shown, tmp_path, target):
    found, _ = contents(zip_with_names(tmp_path / "x.zip", name), target)
    assert [each for each, _ in found] == [f"x.zip/{shown}"]


@pytest.mark.parametrize("name", [b"\0bcdef.npy", b"abc\0ef.npy", b"\0\0\0\0\0\0", b"abcdef.np\0"])
def test_a_name_with_nul_takes_no_other_with_it(name, tmp_path, target):
    found, held = contents(zip_with_names(tmp_path / "x.zip", b"good12345.npy", name), target)
    assert found[0] == ("x.zip/good12345.npy", npy())
    assert len(found) + len(held["refused"]) == 2


def test_two_of_one_name_are_both_read_and_pairs_stay_together(tmp_path, target):
    members = [("b.hea", b"1"), ("b.dat", b"2"), ("b.hea", b"3"), ("b.dat", b"4"), ("B.hea", b"5"), ("B.dat", b"6"),
               ("b.dat/c.npy", b"7")]  # fmt: skip
    for kind in ("zip", "tar"):
        folder = target / kind
        folder.mkdir()
        path = tmp_path / f"x.{kind}"
        if kind == "zip":
            with pytest.warns(UserWarning, match="Duplicate name"):
                packed(path, members)
        else:
            packed(path, members)
        held = unpack(path, folder)
        pairs = {}
        for place, _ in held["files"]:
            pairs.setdefault(str((folder / place).with_suffix("")), []).append((folder / place).read_bytes())
        assert sorted(pairs.values()) == [[b"1", b"2"], [b"3", b"4"], [b"5", b"6"], [b"7"]]


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_pairs_of_odd_names_stay_together(kind, tmp_path, target):
    for stem in ("10:30", "../b", "C:\\d\\b", "x" * 300, "x/" * 2_000 + "b"):
        folder = target / str(len(list(target.iterdir())))
        folder.mkdir()
        held = unpack(packed(tmp_path / f"x.{kind}", [(f"{stem}.hea", b"h"), (f"{stem}.dat", b"d")]), folder)
        first, second = (Path(place) for place, _ in held["files"])
        assert first.with_suffix("") == second.with_suffix(""), stem


def test_links_and_devices_are_passed_over(tmp_path, target):
    members = []
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE):
        member = tarfile.TarInfo(f"{kind.decode()}.npy")
        member.type, member.linkname = kind, "/etc/passwd"
        members.append(member)
    with tarfile.open(tmp_path / "a.tar", "w") as file:
        for member in members:
            file.addfile(member)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        link = zipfile.ZipInfo("a.npy")
        link.external_attr = 0o120777 << 16
        file.writestr(link, "/etc/passwd")
    for name, n in (("a.tar", 4), ("a.zip", 1)):
        held = unpack(tmp_path / name, target)
        assert (held["files"], held["refused"], len(held["passed_over"])) == ([], [], n)
    assert list(target.rglob("*")) == []


def flipped(content, name):
    """The zip with one byte of a member's packed content changed."""
    place = content.index(name) + len(name) + 20
    return content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :]


def with_field(content, name, local, central, value):
    """The zip with a two-byte field of one entry changed, in both of its headers."""
    content = bytearray(content)
    first, last = content.index(name) - 30, content.rindex(name) - 46
    content[first + local : first + local + 2] = content[last + central : last + central + 2] = struct.pack("<H", value)
    return bytes(content)


BAD_MEMBERS = {
    "damaged": (lambda content: flipped(content, b"bad.npy"), "is damaged or cut short"),
    "encrypted": (lambda content: with_field(content, b"bad.npy", 6, 8, 1), "is encrypted"),
    "unknown way": (lambda content: with_field(content, b"bad.npy", 8, 10, 99), r"is packed .* not supported \(AES\)"),
    "Deflate64": (
        lambda content: with_field(content, b"bad.npy", 8, 10, 9),
        r"is packed .* not supported \(Deflate64\)",
    ),
    "another name": (lambda content: content.replace(b"bad.npy", b"sad.npy", 1), "is damaged or cut short"),
}


@pytest.mark.parametrize("kind", BAD_MEMBERS)
def test_a_bad_member_of_a_zip_is_lost_alone(kind, tmp_path, target):
    spoil, sentence = BAD_MEMBERS[kind]
    path = packed(tmp_path / "x.zip", [("a.npy", npy(0.0)), ("bad.npy", npy(1.0)), ("c.npy", npy(2.0))])
    path.write_bytes(spoil(path.read_bytes()))
    found, held = contents(path, target)
    assert [name for name, _ in found] == ["x.zip/a.npy", "x.zip/c.npy"]
    [(name, told)] = held["refused"]
    assert name == "x.zip/bad.npy"
    assert re.match(f"x.zip/bad.npy: {sentence}", told)
    only = packed(tmp_path / "y.zip", [("bad.npy", npy())])
    only.write_bytes(spoil(only.read_bytes()))
    with pytest.raises(RecordError, match=f"^y.zip: {sentence}"):  # of all of it, once
        unpack(only, target)


@pytest.mark.parametrize("kind", KINDS[1:])
def test_a_tar_that_is_cut_short_gives_what_came_before(kind, tmp_path, target):
    rng = np.random.default_rng(0)
    members = [(f"{place}.npy", rng.bytes(400_000)) for place in range(8)]  # of which bzip2 packs two at once
    path = packed(tmp_path / f"x.{kind}", members)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 3 // 5])
    found, held = contents(path, target)
    assert 0 < len(found) < 8
    assert dict(found).items() <= {f"x.{kind}/{name}": each for name, each in members}.items()
    assert any(name == f"x.{kind}" and "the rest is lost" in told for name, told in held["refused"])
    path.write_bytes(content[:60])
    with pytest.raises(RecordError, match=f"^x.{kind}: "):
        unpack(path, target)


def test_a_tar_with_a_damaged_header_or_without_its_end_is_told_about(tmp_path, target):
    path = packed(tmp_path / "x.tar", [(f"{place}.npy", bytes(512)) for place in range(4)])
    content = path.read_bytes()
    for broken in (content[:2_048] + b"\xff" * 512 + content[2_560:], content[:2_048]):
        path.write_bytes(broken)
        found, held = contents(path, target)
        assert [name for name, _ in found] == ["x.tar/0.npy", "x.tar/1.npy"]
        assert [name for name, _ in held["refused"]] == ["x.tar"]
        for each in target.iterdir():
            each.unlink()


@pytest.mark.parametrize(
    "content", [b"PK\x03\x04", b"PK\x03\x04" + bytes(500), b"\x1f\x8b\x08" + bytes(50), b"BZh9" + bytes(50)]
)
def test_what_is_no_archive_inside(content, tmp_path, target):
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(RecordError, match=r"^a\.zip: is .*damaged"):
        unpack(tmp_path / "a.zip", target)


@pytest.mark.parametrize(("ending", "pack"), [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)])
def test_single_files_that_are_packed(ending, pack, tmp_path, target):
    (tmp_path / f"a.npy.{ending}").write_bytes(pack(npy()))
    (tmp_path / "b.zip").write_bytes(packed(tmp_path / "x.zip", [(f"in/c.csv.{ending}", pack(b"1,2"))]).read_bytes())
    assert contents(tmp_path / f"a.npy.{ending}", target)[0] == [(f"a.npy.{ending}/a.npy", npy())]
    assert contents(tmp_path / "b.zip", target)[0] == [(f"b.zip/in/c.csv.{ending}/c.csv", b"1,2")]


def test_two_streams_of_xz_one_after_another_are_one_file(tmp_path, target):
    (tmp_path / "a.npy.xz").write_bytes(lzma.compress(npy()[:50]) + bytes(8) + lzma.compress(npy()[50:]))
    assert contents(tmp_path / "a.npy.xz", target)[0][0][1] == npy()


@pytest.mark.parametrize("outer", KINDS)
@pytest.mark.parametrize("inner", KINDS)
def test_archives_in_archives(outer, inner, tmp_path, target):
    path = packed(tmp_path / f"i.{inner}", [("a.npy", npy())])
    path = packed(tmp_path / f"o.{outer}", [(f"d/i.{inner}", path.read_bytes()), ("b.npy", npy(2.0))])
    found, held = contents(path, target)
    assert sorted(found) == [(f"o.{outer}/b.npy", npy(2.0)), (f"o.{outer}/d/i.{inner}/a.npy", npy())]
    assert held["refused"] == []


def test_an_archive_within_too_many_is_refused_alone(tmp_path, target):
    path = packed(tmp_path / "4.zip", [("lost.npy", npy())])
    for depth in (3, 2, 1):
        path = packed(tmp_path / f"{depth}.zip", [(path.name, path.read_bytes()), (f"{depth}.npy", npy())])
    found, held = contents(path, target)
    assert sorted(name.rpartition("/")[2] for name, _ in found) == ["1.npy", "2.npy", "3.npy"]
    [(name, told)] = held["refused"]
    assert name == "1.zip/2.zip/3.zip/4.zip"
    assert told == f"{name}: is an archive inside 3 others: unpack it and give that archive alone"


def test_a_damaged_archive_within_another_is_lost_alone(tmp_path, target):
    found, held = contents(
        packed(tmp_path / "o.tar", [("i.tar.gz", gzip.compress(bytes(5))[:-3]), ("b.npy", npy())]), target
    )
    assert [name for name, _ in found] == ["o.tar/b.npy"]
    [(name, told)] = held["refused"]
    assert name == "o.tar/i.tar.gz" and told.count("o.tar") == 1 and "is damaged" in told


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_limits_on_files_and_bytes_hold_over_the_whole_nest(kind, tmp_path, target, monkeypatch):
    monkeypatch.setattr(archives, "FREE_BYTES", 1_000)
    path = packed(tmp_path / f"a.{kind}", [("a.npy", b"0" * 10_000_000)])
    with pytest.raises(RecordError, match=f"^a.{kind}: holds more than .* split it into parts"):
        unpack(path, target)
    assert list(target.rglob("*.npy")) == []
    inner = packed(tmp_path / f"b.{kind}", [("a.npy", bytes(10**6)), ("b.npy", b"x")]).read_bytes()
    found, held = contents(packed(tmp_path / f"c.{kind}", [(f"b.{kind}", inner), ("c.npy", b"y")]), target)
    assert found == [(f"c.{kind}/c.npy", b"y")]
    assert [name for name, _ in held["refused"]] == [f"c.{kind}/b.{kind}"]
    monkeypatch.setattr(archives, "MOST_FILES", 3)
    with pytest.raises(RecordError, match="more than 3 files"):
        unpack(packed(tmp_path / f"d.{kind}", [(name, b"") for name in "abcd"]), target)
    inner = packed(tmp_path / f"e.{kind}", [("a", b"x"), ("b", b"x")]).read_bytes()
    held = unpack(packed(tmp_path / f"f.{kind}", [("one", b"x"), (f"e.{kind}", inner)]), target)
    assert [name for name, _ in held["refused"]] == [f"f.{kind}/e.{kind}"]


def test_the_directory_is_measured_before_it_is_read(tmp_path, target, monkeypatch):
    monkeypatch.setattr(zips, "MOST_ENTRIES", 10)
    few, many = ([(str(place), b"") for place in range(n)] for n in (10, 11))
    assert len(unpack(packed(tmp_path / "a.zip", few), target)["files"]) == 10
    with pytest.raises(RecordError, match=r"^b\.zip: lists more than 10 files"):
        unpack(packed(tmp_path / "b.zip", many), target)
    monkeypatch.setattr(zips, "MOST_DIRECTORY", 1_000)
    with pytest.raises(RecordError, match="lists more than"):
        unpack(packed(tmp_path / "c.zip", [("x" * 1_000, b"")]), target)
