"""A backup that is damaged, hostile or newer is refused in a sentence, and nothing stays of it."""

import hashlib
import json
import stat
import zipfile

import pytest

from cardiac.errors import CardiacError
from tests.webapp.builders import ONE_DATABASE
from webapp import main as command
from webapp import restore
from webapp.backup import MANIFEST, make_backup
from webapp.restore import restore_backup
from webapp.settings import Settings
from webapp.storage.files import NoRoom

pytestmark = [ONE_DATABASE, pytest.mark.usefixtures("settings")]


@pytest.fixture
def members(site, npy, tmp_path):
    """What a backup holds, by name, which tests change."""
    site.read(("a.npy", npy["inferior"]))
    site.send(("b.npy", npy["healthy"]))
    make_backup(site.store.database, site.store.files, tmp_path / "good")
    with zipfile.ZipFile(tmp_path / "good") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(path, members, /, links=(), **told):
    """A backup of these members whose manifest fits them."""
    manifest = json.loads(members[MANIFEST]) | told
    others = {name: content for name, content in members.items() if name != MANIFEST}
    sums = {name: [len(content), hashlib.sha256(content).hexdigest()] for name, content in others.items()}
    manifest["members"] = told.get("members") or sums
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in others.items():
            about = zipfile.ZipInfo(name)
            about.compress_type = zipfile.ZIP_DEFLATED
            about.external_attr = (stat.S_IFLNK if name in links else stat.S_IFREG) << 16
            archive.writestr(about, content)
        archive.writestr(MANIFEST, json.dumps(manifest))
    return path


def refused(tmp_path, path, capsys):
    """The one sentence with which a backup is refused; nothing stays."""
    data = tmp_path / "data"
    assert command.main(["--data", str(data), "restore", str(path)]) == 2
    told = capsys.readouterr()
    assert told.err.splitlines()[-1:] and "Traceback" not in told.err and not data.exists()
    assert {each.name for each in tmp_path.iterdir()} <= {"good", "bad", "instance"}
    return told.err.splitlines()[-1]


def test_what_was_packed_again_is_taken(members, tmp_path, capsys):
    assert command.main(["--data", str(tmp_path / "x"), "restore", str(pack(tmp_path / "bad", members))]) == 0
    assert "unbroken" in capsys.readouterr().out


NAMES = [
    "../evil",
    "/etc/evil",
    "uploads/../evil",
    f"uploads/{'0' * 32}/given/../../../evil",
    f"uploads/{'0' * 32}/given/%2e%2e/evil",
    f"uploads/{'0' * 32}/given/%2e%2e%2f%2e%2e%2f%2e%2e%2fevil",
    f"uploads/{'0' * 32}/given//evil",
    f"uploads/{'0' * 32}/given/a%00b",
    f"signals/00/../{'0' * 64}.npy",
    "tables/../../evil.jsonl",
    "cardiac.db",
    "belongs_to/",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_member_that_leads_elsewhere(members, tmp_path, capsys, name):
    told = refused(tmp_path, pack(tmp_path / "bad", members | {name: b"evil"}), capsys)
    assert told.startswith("bad is damaged (") and "name" in told


def test_a_link(members, tmp_path, capsys):
    name = next(name for name in members if name.startswith("uploads/"))
    assert "is a link" in refused(tmp_path, pack(tmp_path / "bad", members, links={name}), capsys)


@pytest.mark.parametrize("kind", ["tables/records", "signals/", "uploads/", "secret_key"])
def test_a_member_that_was_changed_or_is_missing(members, tmp_path, capsys, kind):
    name = next(name for name in members if name.startswith(kind))
    sums = json.loads(members[MANIFEST])["members"]
    changed = members | {name: members[name][:-1] + bytes([members[name][-1] ^ 1])}
    assert f"{name} was changed" in refused(tmp_path, pack(tmp_path / "bad", changed, members=sums), capsys)
    members.pop(name)
    assert "missing" in refused(tmp_path, pack(tmp_path / "bad", members, members=sums), capsys)


def test_a_file_that_is_cut_off_or_flipped_anywhere(members, tmp_path, capsys):
    whole = pack(tmp_path / "bad", members).read_bytes()
    for place in range(0, len(whole), max(1, len(whole) // 20)):
        (tmp_path / "bad").write_bytes(whole[:place])
        assert "bad" in refused(tmp_path, tmp_path / "bad", capsys)
    (tmp_path / "bad").write_bytes(b"no zip at all")
    assert "no whole zip" in refused(tmp_path, tmp_path / "bad", capsys)


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ({"revision": "9999"}, "newer version"),
        ({"format": 2}, "newer version"),
        ({"made_at": []}, "no backup of this program"),
        ({"members": {"a": 1}}, "no backup of this program"),
        ({"members": {"a": [1, "b"]}}, "missing"),
        ({"members": {"a": [10**18, "b"]}}, "make room"),
    ],
)
def test_a_manifest_that_cannot_be(members, tmp_path, capsys, told, sentence):
    assert sentence in refused(tmp_path, pack(tmp_path / "bad", members, **told), capsys)


def test_a_zip_without_a_manifest(tmp_path, capsys):
    with zipfile.ZipFile(tmp_path / "bad", "w") as archive:
        archive.writestr("a", "b")
    assert "no backup of this program" in refused(tmp_path, tmp_path / "bad", capsys)
    assert "cannot be read" in refused(tmp_path, tmp_path / "nowhere", capsys)


@pytest.mark.parametrize(
    ("table", "content"),
    [
        ("records", b'["id"]\n[1]\n'),
        ("records", b"not json\n"),
        ("users", b"[]\n"),
        ("jobs", b""),
        ("settings", b'["key","value"]\n["a"]\n'),
        ("settings", b'["key","value"]\n["a","b"]\n["a","c"]\n'),
        ("settings", b'["key","value"]\n[["a"],{}]\n'),
        ("settings", b"[" * 100_000),
    ],
)
def test_tables_that_cannot_be(members, tmp_path, capsys, table, content):
    changed = members | {f"tables/{table}.jsonl": content}
    assert "damaged" in refused(tmp_path, pack(tmp_path / "bad", changed), capsys)


def test_a_table_too_many_or_too_few(members, tmp_path, capsys):
    changed = members | {"tables/more.jsonl": b'["a"]\n'}
    assert "damaged" in refused(tmp_path, pack(tmp_path / "bad", changed), capsys)
    members.pop("tables/users.jsonl")
    assert "damaged" in refused(tmp_path, pack(tmp_path / "bad", members), capsys)


SWOLLEN = 1_234_567  # bytes


def test_a_member_that_swells(members, tmp_path, monkeypatch):
    """One that the zip calls small is not unpacked beyond what it says."""
    sums = json.loads(members[MANIFEST])["members"] | {"secret_key": [5, hashlib.sha256(b"00000").hexdigest()]}
    path = pack(tmp_path / "bad", members | {"secret_key": b"0" * SWOLLEN}, members=sums)
    whole = path.read_bytes()
    said, small = SWOLLEN.to_bytes(4, "little"), (5).to_bytes(4, "little")
    assert whole.count(said) == 2  # in both of its headers
    path.write_bytes(whole.replace(said, small))
    monkeypatch.setattr(restore, "PIECE_BYTES", 2**10)
    with pytest.raises(CardiacError, match="no whole zip"):
        restore_backup(path, tmp_path / "data", Settings(data=tmp_path / "data").url)


def test_a_disk_that_is_full(members, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(restore, "_write_file", full)
    with pytest.raises(NoRoom, match="make room"):
        restore_backup(tmp_path / "good", tmp_path / "data", Settings(data=tmp_path / "data").url)
    assert not (tmp_path / "data").exists()
