"""From an upload to the finding: the same by command line, API and page; and gone when it is deleted."""

import csv
import json

import numpy as np
import pytest
from sqlalchemy import select

from cardiac.leads import LEADS
from inference import main as read_by_command_line
from webapp.storage.tables import Record, Signal


@pytest.fixture
def by_command_line(tmp_path, npy):
    """What inference.py writes for the same recordings."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    for name, content in npy.items():
        (folder / f"{name}.npy").write_bytes(content)
    assert read_by_command_line([str(folder), "--out", str(tmp_path / "results")]) == 0
    return tmp_path / "results"


def test_the_same_finding_by_command_line_and_site(site, archive, by_command_line):
    job = site.read(("demo.zip", archive))
    assert (job["state"], job["done"], job["total"]) == ("done", 3, 3)
    assert (sorted(job["records"]), job["refused"]) == (["anterior", "healthy", "inferior"], [])
    written = json.loads((by_command_line / "findings.json").read_text())
    assert [site.client.get(f"/api/v1/records/{each['record']}").json for each in written] == written
    assert site.client.get("/api/v1/export.json").text == (by_command_line / "findings.json").read_text()
    assert site.client.get("/api/v1/export.csv").data == (by_command_line / "submission.csv").read_bytes()
    page = site.client.get("/patients/inferior").text
    assert f"{written[2]['mi']['probability']:.2f}" in page and "inferior" in page


def test_samples_come_back_as_they_were_sent(site, npy, recordings):
    site.read(("inferior.npy", npy["inferior"]))
    document = site.client.get("/api/v1/records/inferior/samples").json
    assert (document["fs_hz"], document["unit"], tuple(document["leads"])) == (500.0, "mV", LEADS)
    assert np.abs(np.array(document["samples"]) - recordings["inferior"]).max() <= 0.5e-4 + 1e-9
    part = site.client.get("/api/v1/records/inferior/samples?start_s=2&length_s=1.5").json["samples"]
    assert np.array(part).shape == (12, 750) and part[0][0] == document["samples"][0][1_000]


def test_json_samples_are_read_like_a_file(site, npy, recordings):
    site.read(("inferior.npy", npy["inferior"]))
    order = [*reversed(range(12))]
    sent = {
        "samples": recordings["inferior"][order].astype(float).tolist(),
        "fs_hz": 500,
        "leads": [LEADS[place] for place in order],
        "record": "by hand",
    }
    answer = site.client.post("/api/v1/records", json=sent)
    assert answer.status_code == 202
    site.worker.work_until_idle()
    assert site.job(answer.json["job"])["records"] == ["by hand"]
    found, other = (site.client.get(f"/api/v1/records/{name}").json for name in ("by hand", "inferior"))
    assert found["mi"] == other["mi"] and found["localizations"] == other["localizations"]


def test_evidence_is_gathered_when_it_is_asked_for(site, npy):
    site.read(("inferior.npy", npy["inferior"]))
    address = "/api/v1/records/inferior/evidence"
    first = site.client.get(address)
    assert (first.status_code, first.json) == (202, {"state": "queued"})
    assert site.client.get(address).status_code == 202  # asked twice, done once
    assert site.worker.work_until_idle() == 1
    gathered = site.client.get(address)
    assert gathered.status_code == 200
    sites = site.client.get("/api/v1/records/inferior").json["localizations"]
    assert set(gathered.json["evidence"]) == {"mi", *(name for name, each in sites.items() if each["present"])}
    assert list(gathered.json["evidence"]["mi"]["leads"]) == list(LEADS)


def test_deleted_is_gone(site, npy, archive):
    site.read(("demo.zip", archive), ("twin.npy", npy["healthy"]))
    assert len(site.files()) == 3  # the twin has the healthy one's samples
    site.client.post("/api/v1/records/healthy/review", json={"verdict": "agree"})
    assert site.client.delete("/api/v1/records/healthy").status_code == 204
    assert len(site.files()) == 3  # which the twin still needs
    assert site.client.delete("/api/v1/records/twin").status_code == 204
    assert len(site.files()) == 2
    for rest in ("", "/samples", "/samples.npy", "/beat", "/evidence", "/report.pdf", "/picture.png"):
        assert site.client.get(f"/api/v1/records/healthy{rest}").status_code == 404
    assert site.client.get("/patients/healthy").status_code == 404
    assert "healthy" not in site.client.get("/api/v1/export.csv").text
    assert "healthy" not in site.client.get("/").text  # nor does the upload name it any more
    assert site.names() == ["anterior", "inferior"]


def test_everything_is_deleted_with_jobs_and_form(site, archive):
    site.read(("demo.zip", archive))
    site.send(("again.zip", archive))
    assert (
        "Nothing was deleted"
        in site.client.post("/patients/delete", data={"confirm": "yes"}, follow_redirects=True).text
    )
    assert len(site.names()) == 3
    told = site.client.post("/patients/delete", data={"confirm": "delete"}, follow_redirects=True).text
    assert "3 records were deleted" in told
    assert site.worker.work_until_idle() == 0  # the upload that waited is gone as well
    assert (site.names(), site.files(), site.client.get("/api/v1/jobs").json["items"]) == ([], [], [])
    with site.store.database.reading() as session:
        assert session.query(Signal).count() == 0


def test_two_recordings_of_one_name_are_both_kept(site, npy):
    assert site.read(("a.npy", npy["healthy"]))["records"] == ["a"]
    assert site.read(("a.npy", npy["healthy"]))["records"] == ["a"]  # the same one
    assert site.read(("a.npy", npy["inferior"]))["records"] == ["a (2)"]
    assert site.read(("a.npy", npy["inferior"]))["records"] == ["a (2)"]
    assert site.names() == ["a", "a (2)"]
    assert site.client.get("/api/v1/records/a (2)").json["record"] == "a (2)"


def test_a_header_and_its_samples_are_one_recording(site, tmp_path, recordings):
    import wfdb

    wfdb.wrsamp(
        "rec",
        fs=500,
        units=["mV"] * 12,
        sig_name=list(LEADS),
        p_signal=recordings["inferior"].T.astype(float),
        fmt=["16"] * 12,
        write_dir=str(tmp_path),
    )
    files = [(name, (tmp_path / name).read_bytes()) for name in ("rec.dat", "rec.hea")]
    assert site.read(*files)["records"] == ["rec"]
    assert site.client.get("/api/v1/records/rec").json["fs_hz"] == 500


@pytest.mark.parametrize("rate", [None, 0])
def test_a_heart_rate_that_is_not_known(site, npy, rate):
    """Nowhere a number: on the page in both languages, in the list, in the report, in the table."""
    site.read(("a.npy", npy["inferior"]))
    with site.store.database.writing() as session:
        row = session.scalar(select(Record))
        row.document = row.document | {"heart_rate_bpm": rate}
    for language, told in (("en", "heart rate not known"), ("ru", "ЧСС неизвестна")):
        page = site.client.get("/patients/a", headers={"Accept-Language": language}).text
        assert told in page and "None" not in page
    assert site.client.get("/patients?sort=name").status_code == 200
    assert site.client.get("/api/v1/records").json["items"][0]["heart_rate_bpm"] == rate
    for kind in ("report.pdf", "picture.png"):
        assert site.drawn(f"/api/v1/records/a/{kind}").status_code == 200
    [row] = csv.DictReader(site.client.get("/api/v1/export/findings.csv").text.splitlines())
    assert row["heart_rate_bpm"] == ""
