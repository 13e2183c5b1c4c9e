"""Patients: what is kept of who was recorded, where it stands and where not, and what is said of two of their ECGs."""

import io
import json
import logging
import re
import threading
from contextlib import closing

import pydicom
import pytest
from sqlalchemy import func, select

from tests import writers
from tests.webapp.builders import npy_bytes
from tests.webapp.people import enter, put_record, site_with_people, trail
from tests.webapp.test_backup import empty_place
from tests.webapp.test_traces import places_of, rows_of
from webapp.backup import make_backup
from webapp.main import main
from webapp.restore import restore_backup
from webapp.storage.database import Database
from webapp.storage.tables import Patient, PatientName, Record

NAME, ID = "Иванова Мария", "MRN-4711-Ж"
TYPED = {"patient_id": "P 12", "name": "Ada Byron", "recorded_at": "2020-05-06T07:08", "age_years": 61, "sex": "female"}


@pytest.fixture(scope="module")
def dicom(tmp_path_factory):
    """Makes DICOM files of a known patient."""
    folder = tmp_path_factory.mktemp("dicom")

    def make(signal, recorded_at="20210304102030", patient_id=ID, name="Иванова^Мария"):
        path = writers.dicom(folder / "made", signal, 500)
        content = pydicom.dcmread(path)
        content.SpecificCharacterSet, content.PatientID, content.PatientName = "ISO_IR 192", patient_id, name
        content.AcquisitionDateTime = recorded_at
        content.save_as(path)
        return path.read_bytes()

    return make


@pytest.fixture
def followed(site, dicom, recordings):
    """A site with three ECGs of one patient, uploaded in no order, and one of somebody else."""
    site.read(
        ("later.dcm", dicom(recordings["inferior"], "20220304")), ("other.npy", npy_bytes(recordings["anterior"]))
    )
    site.read(("first.dcm", dicom(recordings["healthy"], "20200304")))
    site.read(("between.dcm", dicom(recordings["anterior"])))
    return site


def patient_of(site, record):
    return site.client.get(f"/api/v1/records/{record}/patient").json


def test_a_files_identity_is_kept_apart_from_the_finding(site, dicom, recordings, caplog):
    caplog.set_level(logging.DEBUG)
    site.read(("ecg.dcm", dicom(recordings["inferior"])))
    known = patient_of(site, "ecg")
    assert known == {
        "record": "ecg", "patient": known["patient"], "patient_id": ID, "name": NAME, "age_years": 61.0, "sex": "female",
        "recorded_at": "2021-03-04T10:20:30",
    }  # fmt: skip
    assert rows_of(site, NAME) == ["patient_names"] and rows_of(site, ID) == ["patients"]
    page = site.client.get("/patients/ecg").text
    assert NAME in page and ID in page and "4 Mar 2021, 10:20" in page
    apart = [
        "/api/v1/records/ecg",
        "/api/v1/records",
        "/audit",
        "/api/v1/jobs",
        "/api/v1/records/ecg/samples",
        "/patients",
    ]
    apart += [f"/api/v1/export{rest}" for rest in (".csv", ".json", "/findings.csv", "/labels.csv")]
    for address in apart:
        assert NAME not in site.client.get(address).text, address
    for address in ("/api/v1/records/ecg/report.pdf", "/api/v1/records/ecg/picture.png", "/api/v1/export.zip"):
        assert NAME.encode() not in site.drawn(address).data
    assert not any(each in caplog.text for each in (NAME, "Иванова", ID))


def test_switched_off_nothing_of_a_name_is_stored(make_site, dicom, recordings):
    site = make_site(keep_names=False)
    site.worker.keep_names = False
    site.read(("ecg.dcm", dicom(recordings["inferior"])))
    assert rows_of(site, NAME) == rows_of(site, "Мария") == [] and places_of(site, "Мария") == []
    known = patient_of(site, "ecg")
    assert known["patient_id"] == ID and known["name"] is None
    answer = site.client.put("/api/v1/records/ecg/patient", json=TYPED)
    assert answer.status_code == 422 and "switched off" in answer.json["detail"]
    assert rows_of(site, "Ada Byron") == [] and patient_of(site, "ecg") == known
    assert 'name="name"' not in site.client.get("/patients/ecg").text
    without = {key: value for key, value in TYPED.items() if key != "name"}
    assert site.client.put("/api/v1/records/ecg/patient", json=without).status_code == 200


def test_switching_names_off_takes_away_those_that_are_there(make_site, dicom, recordings):
    site = make_site()
    site.read(("ecg.dcm", dicom(recordings["inferior"])))
    assert rows_of(site, NAME)
    off = make_site(keep_names=False)
    assert rows_of(off, NAME) == [] and places_of(off, NAME) == [] and patient_of(off, "ecg")["patient_id"] == ID


def test_the_worker_is_told_of_it(monkeypatch, tmp_path):
    found = {}
    monkeypatch.setattr("webapp.main.serve", lambda settings: found.update(names=settings.keep_names) or 0)
    assert main(["--data", str(tmp_path), "--no-names"]) == 0 and found == {"names": False}
    assert main(["--data", str(tmp_path)]) == 0 and found == {"names": True}


def seen(browser, record):
    """What the form on a record's page says it was filled with."""
    return re.search(r'name="seen" value="(\w+)"', browser.get(f"/patients/{record}").text)[1]


def test_what_is_typed_is_kept_and_the_trail_has_no_word_of_it(make_site, monkeypatch, npy):
    site = site_with_people(make_site, monkeypatch)
    put_record(site, "clinic", "own", npy["inferior"])
    assert enter(site, "rita").ask("PUT", "/api/v1/records/own/patient", json=TYPED).status_code == 403
    vera = enter(site, "vera")
    answer = vera.ask("PUT", "/api/v1/records/own/patient", json=TYPED)
    assert answer.status_code == 200
    assert {key: answer.json[key] for key in TYPED} == TYPED | {"recorded_at": "2020-05-06T07:08:00"}
    form = {"patient_id": "P 13", "name": "", "day": "2020-05-06", "clock": "", "age_years": "61,5", "sex": "male"}
    form["seen"] = seen(vera, "own")
    assert vera.ask("POST", "/patients/own/patient", data=form).status_code == 302
    known = vera.get("/api/v1/records/own/patient").json
    expected = {"patient_id": "P 13", "name": None, "recorded_at": "2020-05-06", "age_years": 61.5, "sex": "male"}
    assert {key: known[key] for key in expected} == expected
    changes = [each for each in trail(site) if each[1] == "changed who was recorded"]
    assert changes == [
        ("vera", "changed who was recorded", "patient_id, name, recorded_at, age_years, sex"),
        ("vera", "changed who was recorded", "patient_id, name, recorded_at, age_years, sex"),
    ]
    assert rows_of(site, "Ada Byron") == rows_of(site, "P 12") == []  # nor what it was before
    if site.store.database.is_sqlite:
        assert places_of(site, "Ada Byron") == places_of(site, "P 12") == []
    form["seen"] = seen(vera, "own")
    assert vera.ask("POST", "/patients/own/patient", data=form).status_code == 302
    assert len([each for each in trail(site) if each[1] == "changed who was recorded"]) == 2  # it is so already


@pytest.mark.parametrize(
    "wrong",
    [
        {"recorded_at": "yesterday"},
        {"recorded_at": "2020-02-30"},
        {"recorded_at": "2020-02-03T25:00"},
        {"recorded_at": "2999-01-01"},
        {"age_years": -1},
        {"age_years": "61"},
        {"sex": "X"},
        {"patient_id": "x" * 300},
        {"name": "\ud800"},
        {"birthday": "1950-01-01"},
    ],
)
def test_what_nobody_can_be_is_refused(site, npy, wrong):
    site.read(("a.npy", npy["healthy"]))
    body = json.dumps(wrong)
    answer = site.client.put("/api/v1/records/a/patient", data=body, content_type="application/json")
    assert answer.status_code == 422, answer.text
    assert set(patient_of(site, "a").values()) == {"a", None}


def test_what_was_typed_stays_when_the_file_is_sent_again(site, dicom, recordings):
    content = dicom(recordings["inferior"])
    site.read(("ecg.dcm", content))
    site.client.put("/api/v1/records/ecg/patient", json={"patient_id": "typed"})
    assert patient_of(site, "ecg")["name"] is None
    site.read(("ecg.dcm", content))
    known = patient_of(site, "ecg")
    assert (known["patient_id"], known["name"]) == ("typed", NAME)  # what is not known comes from the file


def test_a_patients_ecgs_are_in_order_of_time(followed):
    (patient,) = followed.client.get("/api/v1/patients").json["items"]
    number = patient.pop("patient")
    assert patient == {"patient_id": ID, "n_records": 3, "first_at": "2020-03-04", "last_at": "2022-03-04"}
    found = followed.client.get(f"/api/v1/patients/{number}").json
    assert [each["record"] for each in found["records"]] == ["first", "between", "later"]
    assert (found["patient_id"], found["name"], found["sex"], found["is_one"]) == (ID, NAME, "female", True)
    shown = followed.client.get(f"/api/v1/records?patient={number}").json
    assert sorted(each["record"] for each in shown["items"]) == ["between", "first", "later"]
    page = followed.client.get(f"/patients/of/{number}").text
    assert page.index(">first<") < page.index(">between<") < page.index(">later<")
    followed.client.put("/api/v1/records/later/patient", json={"patient_id": ID})  # without a time it is the last
    found = followed.client.get(f"/api/v1/patients/{number}").json
    assert [each["record"] for each in found["records"]] == ["first", "between", "later"]
    assert f'href="/patients/of/{number}"' in followed.client.get("/patients").text


def test_one_id_with_two_names_or_sexes_is_pointed_out(followed):
    number = patient_of(followed, "first")["patient"]

    def is_one():
        shown = "differ in name or sex" in followed.client.get(f"/patients/of/{number}").text
        found = followed.client.get(f"/api/v1/patients/{number}").json["is_one"]
        assert shown != found
        return found

    def change(**given):
        followed.client.put("/api/v1/records/first/patient", json={"patient_id": ID, **given})

    change(name="МАРИЯ, Иванова")
    assert is_one()
    change(name="Petrova Anna")
    assert not is_one()
    change(sex="male")
    assert not is_one()


def test_what_changed_is_said_in_both_languages(followed):
    address = "/api/v1/records/later/changes"
    english = followed.client.get(f"{address}?since=first").json
    russian = followed.client.get(f"{address}?since=first&language=ru").json
    assert (english["before"], english["after"]) == ("first", "later")
    kinds = {each["change"] for each in english["changes"]}
    assert {"q_new", "qs_new"} & kinds  # an inferior infarction, and before it a healthy heart
    assert [each["change"] for each in russian["changes"]] == [each["change"] for each in english["changes"]]
    assert all(each["text"].isascii() or "°" in each["text"] for each in english["changes"])
    assert all("мВ" in each["text"] or "мс" in each["text"] or "°" in each["text"] or "QS" in each["text"] or "мин" in
               each["text"] for each in russian["changes"])  # fmt: skip
    assert followed.client.get(address).json["before"] == "between"  # the one before in order of time
    assert followed.client.get("/api/v1/records/first/changes").status_code == 404
    assert followed.client.get("/api/v1/records/other/changes").status_code == 404
    assert followed.client.get(f"{address}?since=later").json["changes"] == []
    number = patient_of(followed, "first")["patient"]
    page = followed.client.get(f"/patients/of/{number}?before=first&after=later").text
    for each in english["changes"]:
        assert each["text"][1:] in page
    swapped = followed.client.get(f"/patients/of/{number}?before=later&after=first").text
    assert english["changes"][0]["text"][1:] in swapped  # in order of time, whichever was chosen first


def test_a_form_does_not_take_back_what_somebody_else_saved(followed):
    address = "/patients/first/patient"
    form = {"patient_id": ID, "sex": "female", "seen": seen(followed.client, "first")}
    followed.client.put("/api/v1/records/first/patient", json={"patient_id": "the right one"})
    answer = followed.client.post(address, data=form | {"age_years": "61"})
    assert answer.status_code == 409 and "somebody changed this in the meantime" in answer.text
    assert patient_of(followed, "first")["patient_id"] == "the right one"
    assert followed.client.post(address, data=form | {"seen": seen(followed.client, "first")}).status_code == 302


def test_an_age_keeps_the_digits_that_a_form_does_not_show(followed):
    followed.client.put("/api/v1/records/first/patient", json={"patient_id": ID, "age_years": 61.2849})
    form = {"patient_id": ID, "age_years": "61.28", "sex": "male", "seen": seen(followed.client, "first")}
    assert 'value="61.28"' in followed.client.get("/patients/first").text
    assert followed.client.post("/patients/first/patient", data=form).status_code == 302
    assert patient_of(followed, "first")["age_years"] == 61.2849
    form |= {"age_years": "61.3", "seen": seen(followed.client, "first")}
    assert followed.client.post("/patients/first/patient", data=form).status_code == 302
    assert patient_of(followed, "first")["age_years"] == 61.3


@pytest.mark.parametrize(
    ("earlier", "later", "is_known"),
    [
        ("2024-05-05T08:00:00", "2024-05-05T08:00:01", True),
        ("2024-05-04", "2024-05-05T00:00:00", True),
        ("2024-05-05", "2024-05-05T08:00:00", False),
        ("2024-05-05T08:00:00", "2024-05-05", False),
        ("2024-05-05", "2024-05-05", False),
        ("2024-05-05T08:00:00", "2024-05-05T08:00:00", False),
        ("2024-05-05", None, False),
        (None, None, False),
    ],
)
def test_what_is_a_guess_about_the_order_is_said(followed, earlier, later, is_known):
    for record, at in (("first", earlier), ("later", later)):
        followed.client.put(f"/api/v1/records/{record}/patient", json={"patient_id": ID, "recorded_at": at})
    page = f"/patients/of/{patient_of(followed, 'first')['patient']}?before=first&after=later"
    assert ("is a guess" in followed.client.get(page).text) == (not is_known)
    found = followed.client.get("/api/v1/records/later/changes?since=first").json
    assert found["is_order_known"] == is_known


def test_the_page_of_a_record_leads_to_its_own_comparison(followed):
    number = patient_of(followed, "first")["patient"]
    assert f"/patients/of/{number}?after=between" in followed.client.get("/patients/between").text
    for asked, pair in (
        ("between", ["first", "between"]),
        ("first", ["first", "between"]),
        ("x", ["between", "later"]),
    ):
        page = followed.client.get(f"/patients/of/{number}?after={asked}").text
        assert re.findall(r'<option value="(\w+)" selected>', page) == pair


def test_what_cannot_be_shown_is_no_change(make_site, monkeypatch, npy):
    site = site_with_people(make_site, monkeypatch)
    put_record(site, "clinic", "own", npy["inferior"])
    vera = enter(site, "vera")
    for _ in range(2):
        answer = vera.ask("PUT", "/api/v1/records/own/patient", json={"patient_id": "a\u200eb"})
        assert answer.json["patient_id"] == "a_b"
    assert len([each for each in trail(site) if each[1] == "changed who was recorded"]) == 1


def at_once(*calls):
    """What each returns, begun together."""
    begin, answers = threading.Barrier(len(calls)), [None] * len(calls)

    def call(place):
        begin.wait(60)
        answers[place] = calls[place]()

    threads = [threading.Thread(target=call, args=[place]) for place in range(len(calls))]
    for each in threads:
        each.start()
    for each in threads:
        each.join(120)
    return answers


def test_the_last_two_records_can_be_deleted_at_once(site, npy):
    for turn in range(6):
        names = [f"{turn}{letter}" for letter in "ab"]
        site.read(*((f"{name}.npy", npy["healthy"]) for name in names))
        for name in names:
            site.client.put(f"/api/v1/records/{name}/patient", json={"patient_id": f"P{turn}"})
        calls = [lambda name=name: site.app.test_client().delete(f"/api/v1/records/{name}") for name in names]
        assert [each.status_code for each in at_once(*calls)] == [204, 204]
    assert site.client.get("/api/v1/patients").json == {"total": 0, "items": []}


def test_one_form_can_be_sent_twice_at_once(site, npy):
    site.read(("a.npy", npy["healthy"]))
    for turn in range(6):
        given = {"patient_id": f"P{turn}", "name": f"Ada {turn}"}
        calls = [lambda given=given: site.app.test_client().put("/api/v1/records/a/patient", json=given)] * 3
        assert [each.status_code for each in at_once(*calls)] == [200] * 3
    assert site.client.get("/api/v1/patients").json["total"] == 1


def test_a_patient_is_not_deleted_for_another_who_has_the_number(followed):
    address = f"/patients/of/{patient_of(followed, 'first')['patient']}/delete"
    assert followed.client.post(address, data={"patient_id": "somebody else"}).status_code == 404
    assert followed.client.post(address).status_code == 404
    assert len(followed.names()) == 4
    assert followed.client.post(address, data={"patient_id": ID}).status_code == 302
    assert followed.names() == ["other"]


@pytest.mark.parametrize("whole", ["record", "patient", "everything"])
def test_nothing_of_a_patient_stays_after_deletion(followed, whole):
    number = patient_of(followed, "first")["patient"]
    followed.client.get(f"/patients/of/{number}")
    assert rows_of(followed, NAME)
    if whole == "record":
        for record in ("first", "between", "later"):
            assert rows_of(followed, ID) == ["patients"]
            assert followed.client.delete(f"/api/v1/records/{record}").status_code == 204
    elif whole == "patient":
        assert followed.client.delete(f"/api/v1/patients/{number}").status_code == 204
        assert followed.names() == ["other"] and followed.client.get(f"/patients/of/{number}").status_code == 404
    else:
        assert followed.client.post("/patients/delete", data={"confirm": "delete"}).status_code == 302
    for text in (NAME, ID, "Мария"):
        assert rows_of(followed, text) == [] and places_of(followed, text) == []
    with followed.store.database.reading() as db:
        assert db.scalar(select(func.count()).select_from(Patient)) == 0
        assert db.scalar(select(func.count()).select_from(PatientName)) == 0


def test_patients_are_in_a_backup_and_come_back(followed, tmp_path):
    expected = [patient_of(followed, each) for each in ("first", "between", "later", "other")]
    make_backup(followed.store.database, followed.store.files, tmp_path / "backup.zip")
    with empty_place("sqlite", tmp_path / "new") as settings:
        restore_backup(tmp_path / "backup.zip", settings.data, settings.url)
        with closing(Database(settings.url)) as database, database.reading() as db:
            rows = {row.name: row for row in db.scalars(select(Record))}
            names = dict(db.execute(select(PatientName.record, PatientName.name)).fetchall())
            ids = dict(db.execute(select(Patient.id, Patient.patient_id)).fetchall())
    for each in expected:
        row = rows[each["record"]]
        assert ids.get(row.patient) == each["patient_id"] and names.get(row.id) == each["name"]
        assert (row.recorded_at, row.age_years, row.sex) == (each["recorded_at"], each["age_years"], each["sex"])


def test_workspaces_do_not_share_a_patient(make_site, monkeypatch, dicom, recordings, npy):
    site = site_with_people(make_site, monkeypatch)
    put_record(site, "other", "secret", npy["healthy"])
    olga, vera = enter(site, "olga"), enter(site, "vera")
    put_record(site, "clinic", "own", npy["healthy"])
    for browser, record in ((olga, "secret"), (vera, "own")):
        assert browser.ask("PUT", f"/api/v1/records/{record}/patient", json={"patient_id": ID}).status_code == 200
    theirs = olga.get("/api/v1/records/secret/patient").json["patient"]
    assert vera.get(f"/api/v1/patients/{theirs}").status_code == 404
    assert vera.get("/api/v1/records?patient=" + str(theirs)).json["total"] == 0
    assert vera.get("/api/v1/records/own/changes?since=secret").status_code == 404
    (mine,) = vera.get("/api/v1/patients").json["items"]
    assert mine["patient"] != theirs and mine["n_records"] == 1


def test_names_of_many_letters_and_odd_ones_are_kept_as_they_can_be_shown(site, npy):
    site.read(("a.npy", npy["healthy"]))
    given = {"patient_id": "  a\u202e b ", "name": "x" * 200}
    known = site.client.put("/api/v1/records/a/patient", json=given).json
    assert known["patient_id"] == "a_ b" and known["name"] == "x" * 200
    assert site.client.put("/api/v1/records/a/patient", json=given).json["patient"] == known["patient"]


def test_json_that_is_too_large_is_not_read(site, npy):
    site.read(("a.npy", npy["healthy"]))
    body = io.BytesIO(b'{"name": "' + b"x" * 2**15 + b'"}')
    answer = site.client.put("/api/v1/records/a/patient", data=body, content_type="application/json")
    assert answer.status_code == 413
