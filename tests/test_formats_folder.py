"""A folder of every format, and one of many files of which some are broken, by the command line."""

import json
import random
import zipfile
from pathlib import Path

import numpy as np
import pytest

from inference import main
from tests.writers import WRITERS


@pytest.fixture
def mixed(tmp_path, signal):
    folder = tmp_path / "mixed"
    for kind, write in WRITERS.items():
        (folder / kind).mkdir(parents=True)
        write(folder / kind / "".join(filter(str.isalnum, kind)), signal[:, :2500], 500)
    return folder


def read(out):
    return json.loads((out / "findings.json").read_text(encoding="utf-8"))


def test_a_mixed_folder_and_its_archive_are_read_alike(mixed, tmp_path, capsys):
    assert main([str(mixed), "--out", str(tmp_path / "out")]) == 0
    found = read(tmp_path / "out")
    assert len(found) == len(WRITERS)
    sites = [{site for site, told in each["localizations"].items() if told["present"]} for each in found]
    assert sites == [sites[0]] * len(sites)
    assert sites[0]
    probabilities = {each["record"]: each["mi"]["probability"] for each in found}
    coarse = [name for name in probabilities if "212" in name]
    assert np.ptp([value for name, value in probabilities.items() if name not in coarse]) < 2e-3
    with zipfile.ZipFile(tmp_path / "mixed.zip", "w") as file:
        for each in sorted(mixed.rglob("*")):
            file.write(each, each.relative_to(mixed))
    assert main([str(tmp_path / "mixed.zip"), "--out", str(tmp_path / "again")]) == 0
    pairs = zip(found, read(tmp_path / "again"), strict=True)
    assert all(
        (Path(one["record"]).name, one["mi"]) == (Path(other["record"]).name, other["mi"]) for one, other in pairs
    )
    assert "not read" not in capsys.readouterr().err


def test_broken_files_are_listed_and_all_others_done(tmp_path, signal, capsys):
    folder, rng = tmp_path / "many", random.Random(0)
    folder.mkdir()
    kinds = ["npy", "edf", "dicom", "muse", "challenge .mat"]
    for place in range(60):
        kind = kinds[place % len(kinds)]
        path = WRITERS[kind](folder / f"{place:03d}", signal[:, :1000], 500)
        if place < 37:
            content = path.read_bytes()
            path.write_bytes(content[: rng.randrange(1, len(content) // 2)])
    (folder / "broken.zip").write_bytes(b"PK\x03\x04")
    assert main([str(folder), str(folder / "broken.zip"), "--out", str(tmp_path / "out")]) == 1
    found = read(tmp_path / "out")
    assert [each["record"] for each in found if "error" in each] == [*(f"{place:03d}" for place in range(37)), "broken"]
    assert capsys.readouterr().err.count("not read: ") == 38
    assert sum("mi" in each for each in found) == 23


def test_what_is_wrong_with_a_tracing_is_told(tmp_path, inferior):
    """A dead lead is a warning beside the decision; noise on all leads is no decision at all."""
    rng = np.random.default_rng(0)
    dead, buried = inferior.record.signal.copy(), inferior.record.signal.copy()
    dead[8] = 0.0
    buried += rng.normal(0, 1.0, buried.shape)
    for name, signal in (("clean", inferior.record.signal), ("dead", dead), ("buried", buried)):
        np.save(tmp_path / f"{name}.npy", signal)
    assert main([str(tmp_path), "--fs-hz", "500", "--out", str(tmp_path / "out")]) == 1
    found = {each["record"]: each for each in read(tmp_path / "out")}
    assert found["clean"]["quality"] == {"status": "ok", "reasons": [], "details": [], "messages": []}
    assert 50 < found["clean"]["heart_rate_bpm"] < 90
    assert found["dead"]["quality"]["status"] == "warning"
    assert [(each["kind"], each["leads"]) for each in found["dead"]["quality"]["details"]] == [("flat", ["V3"])]
    assert "mi" in found["dead"]
    assert "mi" not in found["buried"]
    assert "too poor for a decision" in found["buried"]["error"]
    assert found["buried"]["quality"]["status"] == "rejected"
    assert found["buried"]["quality"]["details"]
    assert "buried" not in (tmp_path / "out/submission.csv").read_text(encoding="utf-8")


def test_ptb_xls_table_names_its_records(tmp_path, signal, capsys):
    names = ["records500/00000/00001_hr", "records500/00000/00002_hr"]
    (tmp_path / "records500/00000").mkdir(parents=True)
    for name in (*names, "records500/00000/00003_hr"):
        WRITERS["wfdb 16"](tmp_path / name, signal[:, :1000], 500)
    table = tmp_path / "ptbxl_database.csv"
    rows = [f"{place},{name},records100/x" for place, name in enumerate([*names, "records500/00000/00009_hr"])]
    table.write_text("\n".join(["ecg_id,filename_hr,filename_lr", *rows]) + "\n")
    assert main([str(table), "--out", str(tmp_path / "out")]) == 1
    found = read(tmp_path / "out")
    assert [each["record"] for each in found] == ["00001_hr", "00002_hr", "00009_hr"]
    assert "there is no such file" in found[2]["error"]
    table.write_text("ecg_id,filename_hr,filename_lr\n1,../../x,../../y\n")
    assert main([str(table), "--out", str(tmp_path / "out")]) == 2
    assert "points outside its folder" in capsys.readouterr().err
