"""Files that are meant to do harm: each is refused in a sentence, nothing leaves the data folder, nothing stays in it."""

import gzip
import io
import itertools
import pickle
import random
import struct
import tarfile
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from cardiac.isolation import in_process
from tests.webapp.builders import ONE_DATABASE, npy_bytes, zip_bytes

LEADING_OUT = [
    "../out.npy",
    "/out.npy",
    "a/../../out.npy",
    "..\\out.npy",
    "C:\\out.npy",
    "\\\\host\\out.npy",
    "c:out.npy",
]
FORM = "multipart/form-data; boundary=b"


@pytest.fixture
def good(npy):
    return npy["inferior"]


@pytest.fixture
def in_this_process():
    """Unpacks here, where a test has changed the limits."""
    with in_process():
        yield


@pytest.fixture(autouse=True)
def _nothing_gets_out(tmp_path, monkeypatch):
    """Whatever a test does, no file appears beside the data folder or among temporary ones."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.chdir(tmp_path / "temporary")
    (tmp_path / "secret.dat").write_bytes(b"secret" * 20_000)
    yield
    assert sorted(path.name for path in tmp_path.iterdir()) == ["instance", "secret.dat", "temporary"]
    assert list((tmp_path / "temporary").iterdir()) == []
    assert not Path("/out.npy").exists()


def tar_bytes(*members, mode="w", **options):
    """A tar of (name or member, content)."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=mode, **options) as file:
        for member, each in members:
            member = tarfile.TarInfo(member) if isinstance(member, str) else member
            member.size = len(each)
            file.addfile(member, io.BytesIO(each))
    return content.getvalue()


def zip_of(*members):
    """A zip of (ZipInfo or name, content)."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for member, each in members:
            file.writestr(member, each)
    return content.getvalue()


def refused(site, *files, records=(), **fields):
    """What was refused of an upload that is read to its end, by name; `records` were read, and nothing else is left."""
    before = site.files()
    job = site.read(*files, **fields)
    assert (job["state"], job["error"], sorted(job["records"])) == ("done", None, sorted(records))
    assert job["done"] == job["total"] == len(job["records"]) + len(job["refused"])
    for each in job["refused"]:
        assert each["name"] and each["reason"].isprintable() and len(each["reason"]) < 500, each
        assert str(site.store.files.folder) not in each["reason"], each
    assert {path for path in {*site.files()} - {*before} if not path.startswith("signals/")} == set()
    assert len(site.files()) <= len(before) + len(records)
    assert site.client.get("/").status_code == site.client.get("/patients").status_code == 200
    return {each["name"]: each["reason"] for each in job["refused"]}


@ONE_DATABASE
def test_names_that_lead_out_are_read_where_they_do_not(site, good):
    files = [(f"{place}.zip", zip_of((name, good))) for place, name in enumerate(LEADING_OUT)]
    files += [(f"{place}.tar", tar_bytes((name, good))) for place, name in enumerate(LEADING_OUT)]
    job = site.read(("good.npy", good), *files)
    assert (job["state"], len(job["records"]), job["refused"]) == ("done", 1 + len(files), [])


@ONE_DATABASE
def test_links_and_devices_are_passed_over(site, good):
    members = []
    for kind, name in itertools.product(
        (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE), ("x.npy", "way")
    ):
        member = tarfile.TarInfo(f"{kind.decode()}{name}")
        member.type, member.linkname = kind, "../../../../secret.dat" if name == "x.npy" else "../.."
        members.append((member, b""))
    link = zipfile.ZipInfo("link.npy")
    link.external_attr = 0o120777 << 16
    through = tar_bytes(*members, ("2way/out.npy", good))
    assert refused(site, ("a.tar", through), ("b.zip", zip_of((link, "../../secret.dat"), ("b.npy", good))),
                   records=["out", "b"]) == {}  # fmt: skip


@ONE_DATABASE
def test_a_header_that_names_a_file_elsewhere(site, tmp_path):
    """A WFDB header says where its samples lie."""
    files = []
    for place, named in enumerate(["../../secret", "../../../../secret.dat", str(tmp_path / "secret.dat"), "/etc/passwd",
                                   "http://127.0.0.1:9/a.dat", "file:///etc/passwd"]):  # fmt: skip
        lines = [f"h{place} 12 500 5000", *(f"{named} 16 1000/mV 16 0 0 0 0 {lead}" for lead in range(12))]
        files.append((f"h{place}.hea", "\n".join(lines).encode()))
    told = refused(site, *files, ("h.zip", zip_bytes(dict(files))))
    assert len(told) == 2 * len(files)
    assert not any("secret" * 3 in reason or "root:" in reason for reason in told.values())


@ONE_DATABASE
@pytest.mark.usefixtures("in_this_process")
def test_too_many_and_too_much(site, good, monkeypatch):
    monkeypatch.setattr("cardiac.readers.archives.MOST_FILES", 3)
    few = [(f"{place}.txt", b"") for place in range(4)]
    told = refused(site, ("many.zip", zip_of(*few)), ("many.tar", tar_bytes(*few)))
    assert all("more than 3 files" in told[name] for name in ("many.zip", "many.tar"))
    monkeypatch.setattr("cardiac.readers.archives.MOST_BYTES", 1_000_000)
    one, halves = bytes(1_000_001), [("a.npy", bytes(600_000)), ("b.npy", bytes(600_000))]
    files = [("one.zip", zip_bytes({"a.npy": one})), ("one.tar.gz", tar_bytes(("a.npy", one), mode="w:gz")),
             ("sum.zip", zip_bytes(dict(halves))), ("sum.tar.xz", tar_bytes(*halves, mode="w:xz"))]  # fmt: skip
    told = refused(site, *files, ("good.npy", good), records=["good"])
    assert sorted(told) == sorted(name for name, _ in files)
    assert all("split it into parts" in reason for reason in told.values()), told


@ONE_DATABASE
@pytest.mark.usefixtures("in_this_process")
def test_headers_that_lie_about_sizes(site, monkeypatch):
    """The limit holds for what comes out, whatever was stated."""
    monkeypatch.setattr("cardiac.readers.archives.MOST_BYTES", 1_000_000)
    written = []
    monkeypatch.setattr("cardiac.readers.archives.shutil.copyfileobj", watched(written))
    content = zip_bytes({"a.npy": bytes(10_000_000)})
    for stated in (0, 100, 999_999):
        for field in (b"PK\x03\x04", b"PK\x01\x02"):
            place = content.index(field) + {b"PK\x03\x04": 22, b"PK\x01\x02": 24}[field]
            content = content[:place] + struct.pack("<I", stated) + content[place + 4 :]
        assert "a.zip" in refused(site, ("a.zip", content))
    sparse = tarfile.TarInfo("s.npy")
    sparse.pax_headers = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.size": str(10**12),
                          "GNU.sparse.map": f"0,512,{10**12},0"}  # fmt: skip
    assert "s.tar" in refused(site, ("s.tar", tar_bytes((sparse, bytes(512)), format=tarfile.PAX_FORMAT)))
    assert sum(written) < 1_100_000


def watched(written):
    def copy(source, target, length):
        while piece := source.read(length):
            target.write(piece)
            written.append(len(piece))

    return copy


@ONE_DATABASE
def test_nested(site, archive, good):
    packed = gzip.compress(good)
    outer = zip_bytes({"good.npy": good, "deep/inner.zip": archive, "single.npy.gz": packed})
    names = ["anterior", "good", "healthy", "inferior", "single"]
    assert refused(site, ("outer.zip", outer), records=names) == {}
    assert refused(site, ("alone.npy.gz", packed), records=["alone"]) == {}
    deep = outer
    for depth in range(3):
        deep = zip_bytes({f"{depth}.zip": deep, f"{depth}.npy": good})
    told = refused(site, ("deep.zip", deep), records=["0", "1", "2"])
    [(name, reason)] = told.items()
    assert name == "deep.zip/2.zip/1.zip/0.zip" and "an archive inside 3 others" in reason
    nothing = zip_bytes({"inner.tar.gz": tar_bytes(("a", b"b"), mode="w:gz")})
    told = refused(site, ("only.zip", nothing))
    assert told["only.zip"] == (
        "only.zip: contains no recording (1 file passed over: only.zip/inner.tar.gz/a): check the path"
    )


@ONE_DATABASE
def test_encrypted_damaged_and_cut(site, good):
    plain = zip_of(("a.npy", good))
    encrypted = bytearray(plain)
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        encrypted[plain.index(mark) + place] |= 1
    wrong = bytearray(plain)
    wrong[len(wrong) // 2] ^= 1
    other = bytearray(plain)
    for mark, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        other[plain.index(mark) + place] = 99  # a way of packing that nobody knows
    packed = gzip.compress(tar_bytes(("a.npy", good)))
    files = {"encrypted.zip": bytes(encrypted), "wrong.zip": bytes(wrong), "other.zip": bytes(other),
             "cut": plain[: len(plain) // 2], "cut.tar.gz": packed[: len(packed) // 2],
             "cut.tar": tar_bytes(("a.npy", good))[:9_000]}  # fmt: skip
    told = refused(site, *files.items(), ("good.zip", plain), records=["a"])
    assert sorted(told) == sorted(files), told


@ONE_DATABASE
def test_doubled_and_colliding(site, npy):
    with pytest.warns(UserWarning, match="Duplicate name"):
        doubled = zip_of(("a.npy", npy["inferior"]), ("a.npy", npy["anterior"]))
    assert refused(site, ("doubled.zip", doubled), records=["doubled.zip_a.npy", "doubled.zip_a.npy (2)"]) == {}
    folder = zip_of(("a.npy", npy["inferior"]), ("a.npy/b.npy", npy["anterior"]))
    assert refused(site, ("folder.zip", folder), records=["a", "b"]) == {}
    colliding = zip_bytes({"A.npy": npy["inferior"], "a.npy": npy["anterior"], "b/a.npy": npy["healthy"]})
    names = ["A", "colliding.zip_a.npy", "colliding.zip_b_a.npy"]
    assert refused(site, ("colliding.zip", colliding), records=names) == {}


@ONE_DATABASE
def test_one_bad_member_is_lost_alone(site, npy):
    content = bytearray(zip_of(("a.npy", npy["inferior"]), ("b.npy", npy["anterior"]), ("c.npy", npy["healthy"])))
    content[content.index(b"b.npy") + 5_000] ^= 255
    told = refused(site, ("x.zip", bytes(content)), records=["a", "c"])
    assert list(told) == ["x.zip/b.npy"]
    assert told["x.zip/b.npy"].startswith("x.zip/b.npy: is damaged")


def test_names_of_all_kinds_in_an_archive(site, npy):
    latin = tarfile.TarInfo("Müller.npy")
    half = tarfile.TarInfo("\udcff\udcfe.npy")
    raw = tar_bytes((latin, npy["inferior"]), format=tarfile.USTAR_FORMAT, encoding="latin-1")
    bytes_alone = tar_bytes((half, npy["anterior"]), format=tarfile.GNU_FORMAT, errors="surrogateescape")
    assert refused(site, ("raw.tar", raw), ("bytes.tar", bytes_alone), records=["M\N{REPLACEMENT CHARACTER}ller",
                   2 * "\N{REPLACEMENT CHARACTER}"]) == {}  # fmt: skip
    longest = {f"{letter * 251}.npy": npy["healthy"] for letter in "xy"}
    assert refused(site, ("longest.zip", zip_bytes(longest)), records=["x" * 251, "y" * 251]) == {}
    told = refused(site, ("longer.zip", zip_bytes({f"{'x' * 252}.npy": b"x"})),
                   ("deeper.zip", zip_bytes({f"{'x/' * 3_000}a.npy": b"x"})),
                   ("half.tar", tar_bytes((half, b"no array"), format=tarfile.GNU_FORMAT, errors="surrogateescape")),
                   ("turned.zip", zip_bytes({"\u202eyp.\u2066n\n.npy": b"no array"})))  # fmt: skip
    assert sorted(map(len, told)) == [1, 2, 7, 252]
    mac = zip_bytes({"a.npy": npy["inferior"], "__MACOSX/._a.npy": b"\0\5\x16\7", "__MACOSX/.DS_Store": b"x"})
    assert refused(site, ("mac.zip", mac), records=["a"]) == {}


def named(*names):
    """The body of a form whose files have just these bytes as names."""
    part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\nx\r\n'
    return b"".join(part % name for name in names) + b"--b--\r\n"


def test_names_that_a_client_gives(site):
    answer = site.client.post("/api/v1/records", data=named(b"\xff\xfe.npy"), content_type=FORM)
    assert answer.status_code == 400 and "not UTF-8" in answer.json["detail"]
    names = [b"x" * 255, "ж".encode() * 300 + b".npy", b"../../out.npy", b"..\\..\\out.npy", b"C:\\out.npy",
             b"/out.npy", b".", b"..", b"...", b".hidden", b"a\0b.npy", "\u202eyp.npy".encode(), b"<script>alert(1)</script>",
             b"2", b"17", b"x.npy", b"x.npy", b"x.npy", b"CON", b"a:b", b"%2e%2e%2fout.npy", b" ", b"{{7*7}}.npy",
             b"=1+1.npy"]  # fmt: skip
    answer = site.client.post("/api/v1/records", data=named(*names), content_type=FORM)
    assert answer.status_code == 202, answer.text
    site.worker.work_until_idle()
    job = site.job(answer.json["job"])
    assert (job["state"], job["records"], len(job["refused"]), site.files()) == ("done", [], len(names), [])
    shown = [job["name"], *(text for each in job["refused"] for text in each.values())]
    assert all(text.isprintable() for text in shown) and not any(
        ".." in each["name"].split("/") for each in job["refused"]
    )
    assert site.client.get("/").status_code == 200


class Harm:
    def __reduce__(self):
        return Path.touch, (Path("ran"),)


@ONE_DATABASE
def test_arrays_that_are_pickled_or_forged(site, good):
    pickled = io.BytesIO()
    np.save(pickled, np.array([Harm()], dtype=object), allow_pickle=True)
    head = b"\x93NUMPY\x01\x00" + struct.pack("<H", 118)

    def forged(shape, dtype="'<f4'"):
        text = f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}, }}"
        return head + text.ljust(117).encode() + b"\n" + bytes(1_000)

    packed = io.BytesIO()
    np.savez_compressed(packed, bomb=np.zeros((12, 3_000_000), np.float32))
    files = {
        "pickled.npy": pickled.getvalue(), "bare.npy": pickle.dumps(Harm()), "huge.npy": forged((12, 10**12)),
        "less.npy": forged((12, -5)), "code.npy": forged("__import__('os').abort()"), "object.npy": forged((12, 5), "'|O'"),
        "long.npy": b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**32 - 1) + bytes(100), "empty.npy": b"",
        "packed.npz": packed.getvalue(), "nan.npy": npy_bytes(np.full((12, 5_000), np.nan)),
        "entity.xml": b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><AnnotatedECG>&x;</AnnotatedECG>',
    }  # fmt: skip
    told = refused(site, *files.items(), ("all.zip", zip_bytes(files)), ("good.npy", good), records=["good"])
    assert len(told) == 2 * len(files)
    assert not list(Path().iterdir())


@ONE_DATABASE
def test_an_archive_of_which_nothing_can_be_read(site):
    job = site.read(("bad.zip", zip_bytes({"a.npy": b"x", "b.npy": b"y"})))
    assert (job["state"], job["records"], job["error"]) == ("done", [], None)
    assert sorted(each["name"] for each in job["refused"]) == ["a", "b"]
    assert "bad.zip" in refused(site, ("bad.zip", zip_bytes({"notes.md": b"x"})))
    assert "no.zip" in refused(site, ("no.zip", b"PK\x05\x06" + bytes(18)))
    assert site.client.get("/api/v1/jobs").json["items"][0]["state"] == "done"


@ONE_DATABASE
def test_archives_broken_anywhere(site):
    """Every upload ends, whatever bytes are changed in it."""
    letters = random.Random(0)
    small = zip_bytes({"a.npy": b"\x93NUMPY" + bytes(100), "b/c.npy": bytes(300)})
    kinds = {"zip": small, "tar": tar_bytes(("a.npy", bytes(300)), ("b/c.npy", b"x"), format=tarfile.PAX_FORMAT)}
    for ending, mode in (("tar.gz", "w:gz"), ("tar.xz", "w:xz"), ("tar.bz2", "w:bz2")):
        kinds[ending] = tar_bytes(("a.npy", bytes(300)), mode=mode)
    files = []
    for ending, content in kinds.items():
        for place in range(40):
            broken = bytearray(content[: letters.randrange(len(content) // 2, len(content) + 1)])
            for _ in range(letters.randrange(1, 6)):
                broken[letters.randrange(len(broken))] = letters.randrange(256)
            files.append((f"{place}.{ending}", bytes(broken)))
    assert len(refused(site, *files)) >= len(files) // 2
