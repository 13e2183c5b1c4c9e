"""Very many recordings: the same findings as by the command line, whatever is broken, killed, full or far away."""

import errno
import json
import os
import shutil
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ray", reason="requirements-scale.txt is not installed")

import fsspec
import pyarrow.dataset
import pyarrow.parquet

from bundles import bundle_checksum
from cardiac.errors import ConfigError
from cardiac.measurements.measure import VALUES
from cardiac.sources import Recording
from inference import predict_folder
from scale import batch, shards
from scale.cluster import cluster
from scale.manifest import brought_here, list_source
from tasks.mi import BUNDLE
from tasks.mi.labels import SITES
from tests.card_files import change_card, checksum_by_hand, read_card
from tests.test_bundles import WITHOUT
from tests.test_hostile_files import HOSTILE

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.*")  # of its own settings, in this process


@pytest.fixture
def source(root, tmp_path):
    """The demonstration records and a broken one."""
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    for place, path in enumerate(sorted((root / "public_data/test").glob("*.npy"))):
        os.link(path, folder / ("deep" if place % 2 else ".") / path.name)
    (folder / "bad.npy").write_bytes(b"junk")
    return folder


def run(root, *arguments, module="scale.batch"):
    return subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def store():
    """An S3-compatible object store on this machine, of which this process and those that it starts know."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    told = {
        "FSSPEC_S3_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "one",
        "AWS_SECRET_ACCESS_KEY": "two",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with pytest.MonkeyPatch.context() as during:
        for name, value in told.items():
            during.setenv(name, value)
        during.setitem(fsspec.config.conf, "s3", {"endpoint_url": told["FSSPEC_S3_ENDPOINT_URL"]})
        yield
    server.stop()


@pytest.fixture(scope="module")
def run_here(store):
    """Runs the command in this process, whose cluster is started once."""
    with cluster(n_cpus=2):
        yield lambda *arguments: batch.main([*map(str, arguments)])


def rows_of(out: Path) -> list[dict]:
    return pyarrow.dataset.dataset(out, partitioning="hive").to_table().to_pylist()


def test_findings_are_those_of_the_command_line(root, source, detector, tmp_path, run_here, capsys):
    out = tmp_path / "out"
    done = run(root, source, "--out", out, "--part-size", 6, "--workers", 2)
    assert done.returncode == 1, done.stderr
    assert "29 recordings in 5 parts, 1 of them not read" in done.stdout
    rows = {row["record_id"]: row for row in rows_of(out)}
    assert len(rows) == len(rows_of(out)) == 29
    schema = pyarrow.parquet.read_schema(shards.shard_file(out, 0))
    assert schema.metadata[b"bundle_sha256"].decode() == detector.bundle.sha256 == bundle_checksum(BUNDLE)
    assert rows["bad.npy"]["error"].startswith("bad.npy: is not a NumPy array")
    assert rows["bad.npy"]["norm"] is None
    assert rows["bad.npy"]["mi_probability"] is rows["bad.npy"]["qrs_ms"] is None
    for outcome in predict_folder([source], detector):
        row = rows[outcome.path.relative_to(source).as_posix()]
        if outcome.finding:
            assert row["mi_probability"] == pytest.approx(outcome.finding.mi.probability, abs=1e-6)
            assert tuple(site for site in SITES if row[f"{site}_present"]) == outcome.finding.sites
            assert row["norm"] == outcome.finding.norm
            assert {name: row[name] for name in VALUES[1:]} == {
                name: outcome.finding.measurements[name] for name in VALUES[1:]
            }
    before = {path: path.stat().st_mtime_ns for path in out.glob("part=*/*")}
    shards.shard_file(out, 3).unlink()
    run_here(source, "--out", out, "--part-size", 6)
    assert "6 recordings in 1 parts" in capsys.readouterr().out
    assert {path for path in out.glob("part=*/*") if path.stat().st_mtime_ns != before[path]} == {
        shards.shard_file(out, 3)
    }
    assert len(rows_of(out)) == 29


def test_a_worker_and_a_node_that_die_lose_and_double_nothing(root, tmp_path):
    folder, names = tmp_path / "in", set()
    folder.mkdir()
    for turn in range(4):
        for path in (root / "public_data/test").glob("*.npy"):
            os.link(path, folder / f"{turn}-{path.name}")
            names.add(f"{turn}-{path.name}")
    done = run(root, folder, tmp_path / "out", module="tests.scale.killed")
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))  # Ray may print as well
    assert told["killed"] > 0
    assert told["nodes"] == 1
    rows = rows_of(tmp_path / "out")
    assert sorted(row["record_id"] for row in rows) == sorted(names)
    assert all(row["error"] is None for row in rows)


def begun(out, recordings, shard_size=10):
    shards.open_folder(out)
    n_shards = shards.begin(out, {"source": "here"}, recordings, shard_size)
    return batch.Reader(str(out), str(BUNDLE), None), n_shards


def test_what_ends_its_worker_twice_is_an_error_row(root, tmp_path, monkeypatch):
    """The first time the part is read again record by record; the record at which that ends twice is not tried again."""
    paths = sorted((root / "public_data/test").glob("*.npy"))[:4]
    reader, _ = begun(tmp_path, [Recording(str(path), path.name) for path in paths])
    read, ends = reader._read, paths[2].name

    def deadly(recordings):
        if any(each.record_id == ends for each in recordings):
            raise SystemExit  # as a process that is killed: nothing is written
        return read(recordings)

    monkeypatch.setattr(reader, "_read", deadly)
    for _ in range(3):
        with pytest.raises(SystemExit):
            reader({"part": [0]})
        assert not shards.shard_file(tmp_path, 0).exists()
    assert reader({"part": [0]}) == {"part": [0], "rows": [4], "errors": [1], "failed": [""]}
    told = {row["record_id"]: row["error"] for row in rows_of(tmp_path)}
    assert [name for name, error in told.items() if error] == [ends]
    assert told[ends] == f"{ends}: {batch.CRASHED}"
    assert not list(tmp_path.glob(".part-*"))


def test_a_fault_of_ours_is_an_error_row_of_that_recording_alone(root, tmp_path, monkeypatch):
    paths = sorted((root / "public_data/test").glob("*.npy"))[:4]
    reader, _ = begun(tmp_path, [Recording(str(path), path.name) for path in paths])
    whole = batch.predict_all

    def faulty(recordings, *arguments):
        if any(each.record_id == paths[1].name for each in recordings):
            raise IndexError("a fault")
        return whole(recordings, *arguments)

    monkeypatch.setattr(batch, "predict_all", faulty)
    assert reader({"part": [0]})["errors"] == [1]
    told = [(row["record_id"], row["error"]) for row in rows_of(tmp_path) if row["error"]]
    name = paths[1].name
    assert told == [(name, f"internal error (IndexError) while reading {name}: please report it")]


def test_files_that_end_what_reads_them_are_error_rows_at_the_first_time(signal, tmp_path, run_here, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("far_column.xlsx", "beyond_excel.xlsx", "duration.edf"):
        HOSTILE[name](folder / name, signal)
    for name in ("a.npy", "z.npy"):
        np.save(folder / name, signal)
    assert run_here(folder, "--out", tmp_path / "out", "--workers", 1) == 1
    assert "5 recordings in 1 parts, 3 of them not read" in capsys.readouterr().out
    told = {row["record_id"]: row["error"] for row in rows_of(tmp_path / "out")}
    assert [name for name, error in told.items() if error is None] == ["a.npy", "z.npy"]
    assert not any(batch.CRASHED in (error or "") for error in told.values())


def test_a_full_disk_is_one_sentence_and_keeps_what_is_done(root, source, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    reader, _ = begun(tmp_path / "out", list_source(str(source)))
    assert reader({"part": [0]})["failed"] == [""]
    monkeypatch.setattr(batch, "write_shard", full)
    assert reader({"part": [1]}) == {"part": [1], "rows": [10], "errors": [0], "failed": ["No space left on device"]}
    assert not list((tmp_path / "out").glob("part=000001/.*"))
    monkeypatch.setattr(batch, "_run", lambda *_: iter([{"failed": "No space left on device"}]))
    monkeypatch.setattr(batch, "cluster", lambda *_: nullcontext(1))
    assert batch.main([str(source), "--out", str(tmp_path / "full")]) == 2
    monkeypatch.undo()
    assert reader({"part": [1]})["failed"] == [""]


def test_two_runs_in_one_folder(source, tmp_path, capsys):
    with shards.alone_in(tmp_path / "out"):
        assert batch.main([str(source), "--out", str(tmp_path / "out")]) == 2
    assert "another run is writing here" in capsys.readouterr().err


def test_a_folder_of_another_run_is_refused(source, tmp_path):
    out = shards.open_folder(tmp_path / "out")
    shards.begin(out, {"source": "a"}, list_source(str(source)), 10)
    with pytest.raises(ConfigError, match="begun with another source"):
        shards.begin(out, {"source": "b"}, [], 10)
    with pytest.raises(ConfigError, match="begun with another part_size"):
        shards.begin(out, {"source": "a"}, [], 20)
    (out / "_run.json").unlink()
    shards.shard_file(out, 0).parent.mkdir()
    with pytest.raises(ConfigError, match="not known here"):
        shards.begin(out, {"source": "a"}, [], 10)


def test_a_run_goes_on_by_the_same_bundle_alone(source, tmp_path, monkeypatch, capsys):
    """Where a threshold was changed meanwhile, its parts would say other things than those before."""
    monkeypatch.setattr(batch, "_run", lambda *_: iter(()))
    monkeypatch.setattr(batch, "cluster", lambda *_: nullcontext(1))
    bundle, out = shutil.copytree(BUNDLE, tmp_path / "bundle"), tmp_path / "out"
    command = [str(source), "--out", str(out), "--bundle", str(bundle)]
    assert batch.main(command) == batch.main(command) == 0
    noted = json.loads((out / "_run.json").read_text())
    assert noted["bundle_sha256"] == checksum_by_hand(read_card(bundle)) == bundle_checksum(out / "_bundle")
    change_card(bundle, lambda card: card["decisions"]["thresholds"].update(mi=0.25))
    assert batch.main(command) == 2
    assert f"was begun with another bundle_sha256 ('{noted['bundle_sha256']}')" in capsys.readouterr().err
    assert bundle_checksum(out / "_bundle") == noted.pop("bundle_sha256")
    (out / "_run.json").write_text(json.dumps(noted | {"weights_sha256": "0" * 64}))
    assert batch.main(command) == 2
    assert "was begun by another version of this program" in capsys.readouterr().err
    same = {"bundle_sha256": bundle_checksum(bundle), "columns": noted["columns"][:-1]}
    (out / "_run.json").write_text(json.dumps(noted | same))
    assert batch.main(command) == 2
    assert "was begun by another version of this program" in capsys.readouterr().err
    (bundle / "weights.safetensors").unlink()
    assert batch.main([*command[:2], str(tmp_path / "new"), *command[3:]]) == 2  # before a cluster is started
    assert "weights.safetensors is missing" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "nowhere"])
def test_no_cluster_at_the_address(address, source, tmp_path, capsys):
    assert batch.main([str(source), "--out", str(tmp_path / "out"), "--address", address]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"no Ray cluster answers at {address}")
    assert told.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_without_ray_the_requirements_are_named(root, source, tmp_path):
    arguments = [str(source), "--out", str(tmp_path / "out")]
    code = WITHOUT.replace("inference", "scale.batch").format(names=("ray",), arguments=arguments)
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.strip() == "the package ray is not installed: pip install -r requirements-scale.txt"


def test_a_manifest_names_rates_and_places(root, tmp_path, signal, detector):
    np.save(tmp_path / "slow.npy", signal[:, ::2])
    np.save(tmp_path / "quick.npy", signal)
    manifest = tmp_path / "list.csv"
    manifest.write_text(f"record_id,path,fs_hz\nfirst,slow.npy,250\n007,{tmp_path}/quick.npy,500\n", encoding="utf-8")
    recordings = list(list_source(str(manifest)))
    assert recordings == [
        Recording(str(tmp_path / "slow.npy"), "first", 250.0),
        Recording(str(tmp_path / "quick.npy"), "007", 500.0),
    ]
    table = pyarrow.csv.read_csv(manifest) if hasattr(pyarrow, "csv") else None
    assert table is None or table.num_rows == 2
    reader, n_shards = begun(tmp_path / "out", recordings)
    assert n_shards == 1
    reader({"part": [0]})
    assert {row["record_id"]: row["fs_hz"] for row in rows_of(tmp_path / "out")} == {"first": 250.0, "007": 500.0}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("file\na.npy\n", "column 'path' is missing"),
        ("path,record_id\na.npy,x\nb.npy,x\n", "'x' is listed twice"),
        ("path,fs_hz\na.npy,quick\n", "is not a number"),
        ("path,record_id\n,x\n", "names no path"),
        ("", "cannot be read as a manifest"),
    ],
)
def test_wrong_manifests(text, told, tmp_path):
    (tmp_path / "list.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=told):
        assert list(list_source(str(tmp_path / "list.csv"))) == ["nothing"]


def test_an_empty_manifest(tmp_path):
    (tmp_path / "list.csv").write_text("path\n", encoding="utf-8")
    shards.open_folder(tmp_path / "out")
    with pytest.raises(ConfigError, match="here: names no recording"):
        shards.begin(tmp_path / "out", {"source": "here"}, list_source(str(tmp_path / "list.csv")), 10)


def test_wrong_sources(tmp_path):
    for source in (tmp_path, tmp_path / "none", "nothing://here", "s4://bucket"):
        with pytest.raises(ConfigError):
            list(list_source(str(source)))


def test_an_object_store(source, run_here, tmp_path, signal, capsys):
    import wfdb

    wfdb.wrsamp(
        "w", 500, ["mV"] * 12, [*"abcdefghijkl"], signal.T.astype(float), fmt=["16"] * 12, write_dir=str(source)
    )
    text = (source / "w.hea").read_text()
    leads = ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"]
    for letter, lead in zip("abcdefghijkl", leads, strict=True):
        text = text.replace(f" {letter}\n", f" {lead}\n")
    (source / "w.hea").write_text(text)
    sent = [str(path) for path in sorted(source.glob("*.*"))]
    objects = fsspec.filesystem("s3")
    objects.mkdir("ecgs")
    for name in sent:
        objects.put_file(name, f"ecgs/day/{Path(name).name}")
    assert run_here("s3://ecgs/day", "--out", tmp_path / "out", "--workers", 1) == 1
    rows = {row["record_id"]: row for row in rows_of(tmp_path / "out")}
    assert set(rows) == {Path(name).name for name in sent if not name.endswith(".dat")}
    assert [name for name, row in rows.items() if row["error"]] == ["bad.npy"]
    assert rows["w.hea"]["place"] == "s3://ecgs/day/w.hea"
    capsys.readouterr()
    assert run_here("s3://nowhere/day", "--out", tmp_path / "none") == 2
    printed = capsys.readouterr().err
    assert "s3://nowhere/day" in printed
    assert "Traceback" not in printed


def test_a_name_that_is_not_utf8_is_an_error_row(tmp_path, signal):
    folder = tmp_path / "in"
    folder.mkdir()
    np.save(folder / "good.npy", signal)
    os.link(folder / "good.npy", os.fsdecode(os.fsencode(folder) + b"/a\xff.npy"))
    reader, _ = begun(tmp_path / "out", list_source(str(folder)))
    reader({"part": [0]})
    told = {row["record_id"]: row["error"] for row in rows_of(tmp_path / "out")}
    assert told["good.npy"] is None
    assert "there is no such file" in told["a\ufffd.npy"]


def test_an_object_that_is_gone_is_an_error_row(tmp_path):
    place = f"file://{tmp_path}/gone.npy"
    reader, _ = begun(tmp_path / "out", [Recording(place, "gone")])
    reader({"part": [0]})
    assert "gone: cannot be fetched" in rows_of(tmp_path / "out")[0]["error"]
    np.save(tmp_path / "here.npy", np.zeros(3))
    with brought_here(Recording(f"file://{tmp_path}/here.npy", "here", 250)) as here:
        assert np.load(here.path).shape == (3,)
        assert (here.record_id, here.fs_hz) == ("here", 250)
    assert not here.path.exists()
