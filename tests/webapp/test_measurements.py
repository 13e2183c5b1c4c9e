"""Measurements on the site: the page's panel, the API's document and median beat, and records that have none."""

import html
import io
import re

import numpy as np
import pytest
from sqlalchemy import select

from cardiac.measurements import measure
from cardiac.measurements.wave_network import FIDUCIALS
from cardiac.measurements.waves import COLUMNS
from cardiac.messages import Message
from tasks.mi.simulate import simulate_record
from tests.webapp.builders import ONE_DATABASE, npy_bytes
from tests.webapp.test_injection import HARM, is_harmless
from webapp import create_app
from webapp.api.findings import FIDUCIALS as DESCRIBED
from webapp.api.findings import FindingSchema, MeasurementsSchema, MedianBeatSchema
from webapp.backup import make_backup
from webapp.measured import CRITERIA, OVER, SHOWN, WAVES, measured
from webapp.reasons import translate_reason
from webapp.restore import restore_backup
from webapp.settings import Settings
from webapp.storage.tables import Record

FS_HZ = 500.0


def change_document(site, name, change):
    """Put another document in a record's place. change : of the document to the new one."""
    with site.store.database.writing() as db:
        row = db.scalar(select(Record).where(Record.name == name))
        row.document = change(row.document)


def forget_measurements(site, name):
    """Make a record one that an earlier version read."""
    change_document(site, name, lambda each: {key: each[key] for key in each if key != "measurements"})


def put_measurements(site, name, **changes):
    """Put other values into a record's measurements."""
    change_document(site, name, lambda each: each | {"measurements": each["measurements"] | changes})


def words_of(page, first, last):
    """What a part of a page says, between two texts of its source."""
    part = page[page.index(first) :]
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", part[: part.index(last)])).split())


def panel(site, name, language="en"):
    site.client.set_cookie("language", language)
    page = site.client.get(f"/patients/{name}").text
    return words_of(page, '<section id="measured"', '<p class="print-only print-foot">')


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


@ONE_DATABASE
def test_the_panel_shows_every_value_with_its_unit(read):
    values = read.client.get("/api/v1/records/inferior").json["measurements"]
    told = panel(read, "inferior")
    assert f"PR {values['pr_ms']} ms" in told and f"QTc (Bazett) {values['qtc_bazett_ms']} ms" in told
    assert f"Heart rate {values['heart_rate_bpm']} per minute" in told
    assert f"Sokolow-Lyon {values['sokolow_lyon_mv']:.2f} mV" in told
    assert f"the median of {values['beats']['measured']} beats of one shape" in told
    russian = panel(read, "inferior", "ru")
    assert f"PQ {values['pr_ms']} мс" in russian and "QTc (Фридериция)" in russian
    assert set(re.findall(r"[A-Za-z]{4,}", russian)) == set()  # no word is left in English
    assert set(SHOWN) == set(measure.VALUES)


@ONE_DATABASE
def test_what_lies_outside_its_range_says_so_and_which(read):
    ranges = {"pr_ms": (120, 200), "qrs_ms": (None, 110), "qrs_axis_deg": (-30, 90), "cornell_mv": (0.5, None)}
    outside = {name: {"low": low, "high": high} for name, (low, high) in ranges.items()}
    put_measurements(
        read, "inferior", pr_ms=236, qrs_ms=131, qrs_axis_deg=-41, cornell_mv=-0.001, heart_rate_bpm=72, outside=outside
    )
    told = panel(read, "inferior")
    assert "PR 236 ms ▲ high , usual 120 to 200 ms" in told
    assert "QRS 131 ms ▲ high , usual up to 110 ms" in told
    assert "QRS axis −41° ◆ outside , usual −30 to 90°" in told  # an axis goes round: neither high nor low
    assert "Cornell 0.00 mV ▼ low , usual from 0.50 mV" in told
    assert "Heart rate 72 per minute RR" in told
    assert "PQ 236 мс ▲ выше , обычно от 120 до 200 мс" in panel(read, "inferior", "ru")


@ONE_DATABASE
def test_what_could_not_be_measured_says_why(read):
    given = read.client.get("/api/v1/records/inferior").json["measurements"]
    reasons = {
        "p_ms": measure.PACED,
        "pr_ms": measure.PACED,
        "p_axis_deg": measure.PACED,
        "cornell_mv": measure.NO_LEADS,
    }
    put_measurements(read, "inferior", **dict.fromkeys(reasons), reasons=reasons, outside={})
    told = panel(read, "inferior")
    assert "P – 1 PR – 1 QRS" in told and "Cornell – 2" in told
    assert f"P, PR, P axis: {measure.PACED} Cornell: {measure.NO_LEADS}" in told
    assert "P, PQ, Ось P: импульсы кардиостимулятора" in panel(read, "inferior", "ru")
    read.client.set_cookie("language", "en")
    head = words_of(read.client.get("/patients/inferior").text, '<p class="record-measured">', "</p>")
    assert head.startswith(f"P –, PR –, QRS {given['qrs_ms']}, QT ")


def test_every_reason_has_a_sentence_in_russian():
    said = {value for name, value in vars(measure).items() if name.isupper() and isinstance(value, Message)}
    assert len(said) > 9
    assert [each for each in said if translate_reason(str(each), "ru") == each] == []


@ONE_DATABASE
def test_leads_over_the_limits_of_the_definition(read):
    over = {"pathological_q": ["III", "aVF"], "st_elevation": ["II"], "st_depression": [], "t_inversion": ["V2"]}
    put_measurements(read, "inferior", criteria=over)
    told = panel(read, "inferior")
    for text in ("Q wide and deep enough to count in III, aVF", "ST raised in II", "T inverted in V2"):
        assert text in told
    assert "ST lowered" not in told and "not a diagnosis" in told
    page = read.client.get("/patients/inferior").text
    assert page.count('class="cell-over"') == 2 * 2 + 1 + 1 and page.count('<th scope="row">') == 12
    put_measurements(read, "inferior", criteria={name: [] for name in over})
    assert "No lead is over the limits" in panel(read, "inferior")
    assert set(over) == set(CRITERIA) == set(OVER)


def test_the_table_has_columns_of_the_cores():
    shown = [column for _title, columns in WAVES for column in columns]
    assert set(shown) == set(COLUMNS) - {"qs", "t_max_mv", "t_min_mv"}
    assert {column for columns in OVER.values() for column in columns} <= set(shown)


@ONE_DATABASE
def test_the_table_by_lead(read):
    given = read.client.get("/api/v1/records/inferior").json["measurements"]
    given["leads"]["V1"] |= {
        "q_mv": -0.845,
        "q_ms": 92,
        "qs": True,
        "r_mv": None,
        "st_slope_mv_per_s": -0.04,
        "t_mv": 0.5,
    }
    put_measurements(read, "inferior", leads=given["leads"])
    row = words_of(read.client.get("/patients/inferior").text, '<th scope="row">V1<', "</tr>").split()
    assert row[:2] == ["V1", f"{given['leads']['V1']['p_mv']:.2f}".replace("-", "−")]
    assert row[2:6] == ["QS", "−0.84", "92", "–"] and row[-2:] == ["0.0", "0.50"]


@ONE_DATABASE
def test_records_without_measurements_say_so(read):
    forget_measurements(read, "inferior")
    assert "An earlier version of the program has read this record" in panel(read, "inferior")
    assert "прежняя версия" in panel(read, "inferior", "ru")
    for name in ("inferior", "short"):
        page = read.client.get(f"/patients/{name}").text
        assert 'id="marks-toggle"' not in page and 'id="beats-leads"' not in page and "leads-table" not in page
        assert '"measured": null' in page
    told = panel(read, "short")
    assert "No beat could be measured." in told and "QRS – 3" in told and measure.NO_BEATS in told
    assert "Universal Definition" not in told  # of what was not measured nothing is said


def test_records_come_back_from_a_backup_with_and_without_measurements(read, tmp_path):
    read.read(("other.npy", npy_bytes(simulate_record(8, "anterior").record.signal)))
    forget_measurements(read, "inferior")
    make_backup(read.store.database, read.store.files, tmp_path / "site.backup")
    settings = Settings(data=tmp_path / "restored")
    restore_backup(tmp_path / "site.backup", settings.data, settings.url)
    app = create_app(settings)
    client = app.test_client()
    for name in ("inferior", "other", "short"):
        for kind in ("", "/beat"):
            address = f"/api/v1/records/{name}{kind}"
            assert client.get(address).json == read.client.get(address).json, address
        assert ('id="not-measured"' in client.get(f"/patients/{name}").text) == (name == "inferior")
    app.extensions["store"].database.close()


@ONE_DATABASE
def test_measurements_are_words_on_the_page(read):
    """Such as those of a backup from elsewhere."""
    given = read.client.get("/api/v1/records/inferior").json["measurements"]
    leads = dict(zip(HARM, [given["leads"]["V1"]] * len(HARM), strict=True))
    criteria = dict.fromkeys(given["criteria"], HARM)
    harm = {"r_transition": HARM[0], "pr_ms": None, "reasons": {"pr_ms": HARM[1]}}
    put_measurements(read, "inferior", leads=leads, criteria=criteria, **harm)
    page = read.client.get("/patients/inferior").text
    is_harmless(page.replace("\u202e", "").replace("\0", "").replace("\x1b", ""))
    assert html.unescape(page).count(HARM[1]) >= 5


@ONE_DATABASE
def test_a_page_of_a_long_recording_says_which_minute_was_measured(read):
    beats = {"measured": 58, "found": 61, "from_s": 870.0, "to_s": 930.0}
    change_document(read, "inferior", lambda each: each | {"duration_s": 1_800.0})
    put_measurements(read, "inferior", beats=beats)
    assert "From 0:14:30 to 0:15:30." in panel(read, "inferior")
    assert measured({"measurements": None}) is None
