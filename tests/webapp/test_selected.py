"""What is done to records that were selected: exported, printed as one document or many, deleted; and by whom."""

import io
import json
import threading
import zipfile

import pytest
from pypdf import PdfReader
from sqlalchemy import select

from tests.patience import wait_until
from tests.webapp.builders import zip_bytes
from tests.webapp.people import enter, put_record, site_with_people
from webapp import drawings
from webapp.pages import selected
from webapp.storage.tables import Event, Task

NAMES = ["б", "inferior", "a/c"]


@pytest.fixture
def filled(site, npy):
    """A site with four records, one of which nobody selects."""
    site.read(("б.npy", npy["healthy"]), ("inferior.npy", npy["inferior"]), ("other.npy", npy["anterior"]))
    site.read(("c.zip", zip_bytes({"a/c.npy": npy["anterior"]})))
    return site


def names_there(site):
    return [each["record"] for each in site.client.get("/api/v1/records?sort=name").json["items"]]


def post(site, what, names, **fields):
    return site.client.post(f"/patients/selected/{what}", data={"record": names, **fields})


def drawn_meanwhile(site, what, names):
    """The answer, while a worker draws what is asked for."""
    ended = threading.Event()

    def work():
        while not ended.is_set():
            site.worker.work_until_idle()
            ended.wait(0.02)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        answer = post(site, what, names)
        return answer, answer.data
    finally:
        ended.set()
        thread.join()


def test_what_is_selected_is_exported_and_nothing_else(filled):
    names = names_there(filled)[:2]
    answer = post(filled, "export", names)
    assert answer.headers["Content-Disposition"] == "attachment; filename=records.zip"
    with zipfile.ZipFile(io.BytesIO(answer.data)) as packed:
        assert [each["record"] for each in json.loads(packed.read("findings.json"))] == sorted(names)
        assert len([each for each in packed.namelist() if each.startswith("signals/")]) == 2
        assert packed.testzip() is None


def test_reports_are_one_document_in_the_order_of_the_list(filled):
    names = names_there(filled)[::-1]
    answer, content = drawn_meanwhile(filled, "reports", names)
    assert answer.content_type == "application/pdf"
    assert answer.headers["Content-Disposition"] == "attachment; filename=reports.pdf"
    pages = PdfReader(io.BytesIO(content), strict=True).pages
    assert [name for name, page in zip(names, pages, strict=True) if name not in page.extract_text()] == []
    alone = filled.drawn("/api/v1/records/inferior/report.pdf").data
    own = PdfReader(io.BytesIO(alone)).pages[0]
    assert pages[names.index("inferior")].get_contents().get_data() == own.get_contents().get_data()


def test_reports_are_in_the_language_of_whoever_asks(filled):
    filled.client.set_cookie("language", "ru")
    _, content = drawn_meanwhile(filled, "reports", ["inferior"])
    assert "Найден инфаркт" in PdfReader(io.BytesIO(content)).pages[0].extract_text()


def test_many_reports_are_a_zip(filled, monkeypatch):
    monkeypatch.setattr(selected, "MOST_PAGES", 3)
    names = names_there(filled)
    answer, content = drawn_meanwhile(filled, "reports", names)
    assert answer.headers["Content-Disposition"] == "attachment; filename=reports.zip"
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        assert sorted(packed.namelist()) == sorted(f"{name}.pdf" for name in names)
        assert all(len(PdfReader(io.BytesIO(packed.read(each))).pages) == 1 for each in packed.namelist())


def test_reports_are_sent_as_they_are_drawn_and_few_are_asked_for_ahead(filled, monkeypatch):
    """Whoever looks at a record meanwhile does not wait for all of them."""
    monkeypatch.setattr(drawings, "AHEAD", 2)
    answer = post(filled, "reports", names_there(filled))
    pieces, taken = answer.iter_encoded(), []
    taker = threading.Thread(target=lambda: taken.extend(pieces))
    taker.start()

    def n_asked():
        with filled.store.database.reading() as db:
            return len(db.scalars(select(Task.id).where(Task.kind == "draw")).all())

    wait_until(lambda: n_asked() == 2, 60)
    filled.worker.work()
    wait_until(lambda: sum(map(len, taken)) > 10_000, 60)
    while taker.is_alive():
        filled.worker.work_until_idle()
        taker.join(0.02)
    assert len(PdfReader(io.BytesIO(b"".join(taken))).pages) == 4


def test_a_report_that_is_not_drawn_has_its_page(filled, monkeypatch):
    """One whose samples are gone, and all that nobody draws; the others are there."""
    names = names_there(filled)
    gone = names.index("other")
    with filled.store.database.reading() as db:
        sha256 = drawings.Record.signal
        filled.store.files.signal(db.scalar(select(sha256).where(drawings.Record.name == "б"))).unlink()
    _, content = drawn_meanwhile(filled, "reports", names)
    told = [page.extract_text() for page in PdfReader(io.BytesIO(content)).pages]
    assert ["could not be drawn" in each for each in told] == [name == "б" for name in names]
    assert "other" in told[gone]
    filled.store.files.drop_drawings()
    monkeypatch.setattr(drawings, "LONGEST_WAIT_S", 0.05)
    told = [page.extract_text() for page in PdfReader(io.BytesIO(post(filled, "reports", names).data)).pages]
    assert len(told) == 4 and all("could not be drawn" in each for each in told)


def test_what_is_selected_is_deleted(filled):
    names = names_there(filled)
    answer = post(filled, "delete", names[:3], filters="q=x&sort=name&limit=x")
    assert answer.status_code == 302 and answer.headers["Location"] == "/patients"
    answer = post(filled, "delete", [names[3]], filters="q=x&sort=name")
    assert answer.headers["Location"] in ("/patients?q=x&sort=name", "/patients?sort=name&q=x")
    assert names_there(filled) == [] and filled.files() == []


@pytest.mark.parametrize("what", ["export", "reports", "delete"])
def test_what_cannot_be_selected(filled, what, monkeypatch):
    monkeypatch.setattr(selected, "MOST_SELECTED", 3)
    before = names_there(filled)
    assert "no record is selected" in post(filled, what, []).text.lower()
    assert post(filled, what, [f"r{n}" for n in range(4)]).status_code == 400
    answer = post(filled, what, ["inferior", "nobody"])
    assert answer.status_code == 404 and "no longer here" in answer.text
    assert post(filled, what, ["a\0b"]).status_code == 404
    assert names_there(filled) == before
    assert post(filled, "export", ["inferior", "inferior"]).status_code == 200  # and no place to write at is lost


def test_others_records_cannot_be_selected(make_site, monkeypatch, npy):
    site = site_with_people(make_site, monkeypatch)
    for workspace in ("clinic", "other"):
        put_record(site, workspace, workspace, npy["healthy"])
    rita, ada = enter(site, "rita"), enter(site, "ada")
    for what in ("export", "reports", "delete"):
        assert ada.ask("POST", f"/patients/selected/{what}", data={"record": ["clinic", "other"]}).status_code == 404
    assert rita.ask("POST", "/patients/selected/delete", data={"record": ["clinic"]}).status_code == 403
    assert rita.ask("POST", "/patients/selected/export", data={"record": ["clinic"]}).status_code == 200
    with site.store.database.reading() as db:
        left = [each.detail for each in db.scalars(select(Event).where(Event.action == "exported"))]
    assert left == ["records.zip"]
    assert "selected-delete" in ada.get("/patients").text and "selected-delete" not in rita.get("/patients").text
