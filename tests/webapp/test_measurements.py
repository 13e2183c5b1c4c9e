"""Measurements on the site: the page's panel, the API's document and median beat, and records that have none."""

import io

import numpy as np
import pytest
from sqlalchemy import select

from cardiac.measurements.wave_network import FIDUCIALS
from tests.webapp.builders import ONE_DATABASE, npy_bytes
from webapp.api.findings import FIDUCIALS as DESCRIBED
from webapp.api.findings import FindingSchema, MeasurementsSchema, MedianBeatSchema
from webapp.storage.tables import Record

FS_HZ = 500.0


def forget_measurements(site, name):
    """Make a record one that an earlier version read."""
    with site.store.database.writing() as db:
        row = db.scalar(select(Record).where(Record.name == name))
        row.document = {key: value for key, value in row.document.items() if key != "measurements"}


@pytest.fixture
def read(site, npy):
    site.read(("inferior.npy", npy["inferior"]), ("short.npy", npy_bytes(short_of(npy))))
    return site


def short_of(npy):
    """Three seconds: too short for beats to be found."""
    return np.load(io.BytesIO(npy["healthy"]))[:, 500:2000]


def test_the_document_is_as_the_api_describes_it(read):
    for name in ("inferior", "short"):
        document = read.client.get(f"/api/v1/records/{name}").json
        assert FindingSchema().validate(document) == {}
        assert MeasurementsSchema().validate(document["measurements"]) == {}
    assert DESCRIBED == FIDUCIALS
    described = read.client.get("/api/v1/openapi.json").json["components"]["schemas"]
    values = described["Measurements"]["properties"]
    assert values["pr_ms"] == {"type": "integer", "nullable": True, "description": "PR, ms"}
    example = described["Finding"]["properties"]["measurements"]["example"]
    assert set(example) == set(document["measurements"]) and MeasurementsSchema().validate(example) == {}


def test_the_median_beat_is_that_of_the_samples(read, recordings):
    answer = read.client.get("/api/v1/records/inferior/beat").json
    assert MedianBeatSchema().validate(answer) == {} and answer["record"] == "inferior"
    beat, measured = answer["beat"], read.client.get("/api/v1/records/inferior").json["measurements"]
    assert len(beat["at_s"]) == measured["beats"]["measured"]
    places = beat["fiducials_ms"]
    assert places["qrs_end"] - places["qrs_onset"] == pytest.approx(measured["qrs_ms"], abs=1)
    assert places["t_end"] - places["qrs_onset"] == pytest.approx(measured["qt_ms"], abs=1)
    at = np.round(np.array(beat["at_s"][1:-1]) * FS_HZ).astype(int)
    around = np.median([recordings["inferior"][:, each - 10 : each + 11] for each in at], axis=0)
    shown = np.array([*beat["leads"].values()])[:, beat["before"] - 5 : beat["before"] + 6]
    assert np.ptp(around, axis=1) == pytest.approx(np.ptp(shown, axis=1), abs=0.2)


def test_too_few_beats_have_no_median(read):
    assert read.client.get("/api/v1/records/short/beat").json == {"record": "short", "beat": None}
    measured = read.client.get("/api/v1/records/short").json["measurements"]
    assert measured["beats"]["measured"] == 0 and measured["qrs_ms"] is None and measured["reasons"]["qrs_ms"]


def test_records_of_an_earlier_version_are_shown_listed_exported_and_read_again(read, npy):
    document = read.client.get("/api/v1/records/inferior").json
    rows = read.client.get("/api/v1/export/findings.csv").data
    forget_measurements(read, "inferior")
    assert "measurements" not in read.client.get("/api/v1/records/inferior").json
    assert FindingSchema().validate(read.client.get("/api/v1/records/inferior").json) == {}
    assert read.client.get("/api/v1/export/findings.csv").data == rows
    for address in ("/patients", "/patients/inferior", "/api/v1/records", "/api/v1/export.json", "/api/v1/export.zip"):
        assert read.client.get(address).status_code == 200, address
    for kind in ("beat", "report.pdf", "picture.png"):
        assert read.drawn(f"/api/v1/records/inferior/{kind}").status_code == 200, kind
    assert read.read(("inferior.npy", npy["inferior"]))["records"] == ["inferior"]
    assert read.client.get("/api/v1/records/inferior").json == document


@ONE_DATABASE
def test_a_record_read_again_by_the_same_bundle_keeps_its_evidence(read, npy):
    assert read.drawn("/api/v1/records/inferior/evidence").status_code == 200
    read.read(("inferior.npy", npy["inferior"]))
    assert read.client.get("/api/v1/records/inferior/evidence").status_code == 200
