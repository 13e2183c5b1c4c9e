"""The command line over folders and archives: a finding or a sentence of everything, and what was written before stays."""

import io
import json
import lzma
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib

import numpy as np
import pandas as pd
import pytest

import inference
from tasks.mi.labels import COLUMNS

MOST_MB = 500  # of a run that refuses an archive, the program and its libraries among them


def command(*arguments) -> int:
    return inference.main([str(argument) for argument in arguments])


def documents(out):
    return {
        each["record"]: each.get("error") for each in json.loads((out / "findings.json").read_text(encoding="utf-8"))
    }


@pytest.fixture
def folder(tmp_path, signal):
    """A good recording, a bad one, an archive of another in an archive, a bad one within, and what is passed over."""
    (tmp_path / "in/deep").mkdir(parents=True)
    np.save(tmp_path / "in/good.npy", signal)
    content = (tmp_path / "in/good.npy").read_bytes()
    (tmp_path / "in/bad.npy").write_bytes(b"junk")
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as file:
        file.writestr("within.npy", content)
        file.writestr("junk.npy", b"junk")
    with zipfile.ZipFile(tmp_path / "in/deep/outer.zip", "w") as file:
        file.writestr("inner.zip", inner.getvalue())
        file.writestr("locked.npy", content)
    packed = (tmp_path / "in/deep/outer.zip").read_bytes()
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = packed.rindex(mark) + place
        packed = packed[:at] + struct.pack("<H", 1) + packed[at + 2 :]
    (tmp_path / "in/deep/outer.zip").write_bytes(packed)
    for name in ("form.csv", "labels.csv"):
        (tmp_path / "in" / name).write_text("record_name,norm\na,1\n", encoding="ascii")
    (tmp_path / "in/readme.md").write_text("words", encoding="ascii")
    return tmp_path / "in"


def test_everything_is_told_of(folder, tmp_path, capsys):
    assert command(folder, "--out", tmp_path / "out") == 1
    told = documents(tmp_path / "out")
    assert {name for name, error in told.items() if error is None} == {"good", "within"}
    assert list(pd.read_csv(tmp_path / "out/submission.csv")["record_name"]) == ["good", "within"]
    printed = capsys.readouterr()
    lines = [line for line in printed.err.splitlines() if line.startswith("not read: ")]
    outer = "deep/outer.zip"
    assert [line.split(": ")[1] for line in lines] == ["bad.npy", f"{outer}/inner.zip/junk.npy", f"{outer}/locked.npy"]
    assert lines[2].endswith("is encrypted: pack it again without a password")
    assert printed.out.splitlines()[-1] == "3 files passed over: form.csv, labels.csv, readme.md"


def test_a_mistyped_path_leaves_earlier_results_as_they_were(folder, tmp_path, capsys):
    out = tmp_path / "out"
    assert command(folder / "good.npy", "--out", out) == 0
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in out.iterdir()}
    (tmp_path / "empty").mkdir()
    for paths, status in (([tmp_path / "god.npy"], 1), ([tmp_path / "no/folder"], 1), ([tmp_path / "empty"], 2),
                          ([tmp_path / "god.npy", tmp_path / "empty"], 1)):  # fmt: skip
        assert command(*paths, "--out", out) == status
        assert {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in out.iterdir()} == before
        assert command(*paths, "--out", tmp_path / "new") == status
        assert not (tmp_path / "new").exists()
    assert "god.npy: there is no such file: check the path" in capsys.readouterr().err


def test_a_mistyped_path_stops_none_of_the_others(folder, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    paths = [tmp_path / "god.npy", folder / "good.npy", tmp_path / "empty", tmp_path / "nowhere"]
    assert command(*paths, "--out", tmp_path / "out") == 1
    assert set(documents(tmp_path / "out")) == {"good", f"{tmp_path}/empty", "god.npy", "nowhere"}
    assert list(pd.read_csv(tmp_path / "out/submission.csv")["record_name"]) == ["good"]
    assert capsys.readouterr().err.count("not read: ") == 3


def test_an_archive_that_cannot_be_unpacked_is_an_error_and_stops_none(folder, tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        file.writestr("a.npy", bytes(1_000))
    (tmp_path / "x.zip").write_bytes((tmp_path / "x.zip").read_bytes()[:-30])
    assert command(tmp_path / "x.zip", folder / "good.npy", "--out", tmp_path / "out") == 1
    told = documents(tmp_path / "out")
    assert told["good"] is None
    assert told["x"].count("x.zip") == 1


def test_a_form_that_names_what_was_lost_is_filled_in(folder, tmp_path):
    table = pd.DataFrame({"record_name": ["good", "locked", "god"]})
    for column in COLUMNS.values():
        table[column] = 0
    table.to_csv(tmp_path / "form.csv", index=False)
    assert command(folder, tmp_path / "god.npy", "--template", tmp_path / "form.csv", "--out", tmp_path / "out") == 1
    assert list(pd.read_csv(tmp_path / "out/submission.csv")["record_name"]) == ["good"]


def packed(path, *pieces):
    """An .xz file of (content, how many times), each a stream of its own."""
    with path.open("wb") as file:
        for content, n in pieces:
            stream = lzma.compress(content, preset=1)
            for _ in range(n):
                file.write(stream)


def long_header(path, kind):
    """A few hundred kB whose first header claims a name or attributes of 2 GB, which are there."""
    member = tarfile.TarInfo("././@LongLink")
    member.type, member.size = kind, 2**31
    packed(path, (member.tobuf(tarfile.GNU_FORMAT), 1), (bytes(2**26), 33))


def sparse_map(path):
    """A map of holes without end (GNU sparse 1.0)."""
    member = tarfile.TarInfo("a.npy")
    member.size = 2**30
    member.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "1"}
    packed(path, (member.tobuf(tarfile.PAX_FORMAT) + b"900000000\n", 1), (b"1\n" * 2**25, 10))


def many_entries(path, n=1_500_000):
    """A zip whose directory lists so many empty files, all at one place."""
    local = struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, 0, 0, 0, 0, 0, 0, 0, 1, 0) + b"a"
    entry = struct.pack("<4s4B4HL2L5H2L", b"PK\x01\x02", 20, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    size, begin = n * len(entry), len(local)
    with path.open("wb") as file:
        file.write(local + entry * n)
        file.write(struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, n, n, size, begin))
        file.write(struct.pack("<4sLQL", b"PK\x06\x07", 0, begin + size, 1))
        file.write(struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 65535, 65535, size, begin, 0))


def large_dictionary(path):
    """An .xz whose header asks for a dictionary of 3 GiB (xz-file-format 1.1.0, 5.3.1)."""
    member = tarfile.TarInfo("a.npy")
    member.size = 2**20
    content = bytearray(lzma.compress(member.tobuf() + bytes(2**20)))
    end = 12 + 4 * (content[12] + 1) - 4  # of the first block's header, before its checksum
    content[content.index(b"\x21\x01", 12, end) + 2] = 39
    content[end : end + 4] = struct.pack("<L", zlib.crc32(content[12:end]))
    path.write_bytes(content)


def bomb(path):
    """Many times what is unpacked, packed twice."""
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        file.writestr("a.csv", bytes(150 * 2**20))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for place in range(10):
            file.writestr(f"{place}.zip", inner.getvalue())


PARTS, HEADER, MEMORY = "split it into parts", "claims more than a megabyte", "asks for too much memory"
HOSTILE = {
    "name.tar.xz": (lambda path: long_header(path, tarfile.GNUTYPE_LONGNAME), HEADER),
    "link.tar.xz": (lambda path: long_header(path, tarfile.GNUTYPE_LONGLINK), HEADER),
    "pax.tar.xz": (lambda path: long_header(path, tarfile.XHDTYPE), HEADER),
    "global.tar.xz": (lambda path: long_header(path, tarfile.XGLTYPE), HEADER),
    "sparse.tar.xz": (sparse_map, HEADER),
    "empties.tar.xz": (lambda path: packed(path, (tarfile.TarInfo("x").tobuf() * 100_000, 20)), PARTS),
    "entries.zip": (many_entries, PARTS),
    "dictionary.tar.xz": (large_dictionary, MEMORY),
    "bomb.zip": (bomb, PARTS),
}
MEASURE = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], check=False)
print("peak", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(done.returncode)
"""


@pytest.fixture(scope="module")
def hostile(root, tmp_path_factory):
    """What a run over all of them and one good recording says: status, sentences, errors by record, and its peak in MB."""
    place = tmp_path_factory.mktemp("hostile")
    for name, (write, _) in HOSTILE.items():
        write(place / name)
    paths = [str(place / name) for name in HOSTILE]
    run = [
        sys.executable,
        "inference.py",
        *paths,
        str(root / "public_data/test/sim_01.npy"),
        "--out",
        str(place / "out"),
    ]
    done = subprocess.run([sys.executable, "-c", MEASURE, *run], cwd=root, capture_output=True, text=True, check=False)
    peak = int(done.stdout.split("peak ")[1]) / (1_000 if sys.platform != "darwin" else 10**6)
    return done.returncode, done.stderr, documents(place / "out"), peak


def test_hostile_archives_stop_nothing_and_take_little_memory(hostile):
    status, printed, told, peak_mb = hostile
    assert status == 1
    assert "Traceback" not in printed
    assert told["sim_01"] is None
    assert len(told) == 1 + len(HOSTILE)
    assert peak_mb < MOST_MB


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_costs_one_sentence(name, hostile):
    _, printed, told, _ = hostile
    [line] = [line for line in printed.splitlines() if line.startswith(f"not read: {name}")]
    assert HOSTILE[name][1] in line
    assert line.count(name) == 1
    assert line.removeprefix("not read: ") in told.values()


def test_an_archive_by_a_relative_path_from_elsewhere(root, tmp_path):
    """The process that unpacks it is in another folder than the one that is asked from."""
    with zipfile.ZipFile(tmp_path / "some.zip", "w") as archive:
        archive.write(root / "public_data/test/sim_01.npy", "sim_01.npy")
    command = [sys.executable, str(root / "inference.py"), "some.zip", "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert '"record": "sim_01"' in done.stdout
