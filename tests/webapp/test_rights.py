"""Rights: which role may what, that a workspace sees nothing of another, and the trail that everything leaves."""

import io
import re

import numpy as np
import pytest
from sqlalchemy import delete, func, select, update

from tests.webapp.builders import npy_bytes
from tests.webapp.people import PEOPLE, Browser, enter, put_record, site_with_people, told_of, trail
from webapp.storage import accounts
from webapp.storage.jobs import add_job
from webapp.storage.tables import Event, Form, Job, Patient, Record, Review
from webapp.storage.trail import list_events, note_event

FORM = "record_name,перегородочный,передний,боковой,передне-боковой,передне-перегородочный,нижний,норма\na,,,,,,,\n"
# Everything that changes something: method, address, what is sent, and the least role that may.
JSON_REVIEW = {"json": {"verdict": "agree"}}
RIGHTS = [
    ("POST", "/upload", {"file": "a.npy"}, "reviewer"),
    ("POST", "/template", {"file": "form.csv"}, "reviewer"),
    ("POST", "/template/delete", {}, "reviewer"),
    ("POST", "/patients/own/review", {"data": {"verdict": "agree"}}, "reviewer"),
    ("POST", "/patients/own/delete", {}, "admin"),
    ("POST", "/patients/delete", {"data": {"confirm": "delete"}}, "admin"),
    ("POST", "/patients/selected/export", {"data": {"record": ["own"]}}, "reader"),
    ("POST", "/patients/selected/reports", {"data": {"record": ["own"]}}, "reader"),
    ("POST", "/patients/selected/delete", {"data": {"record": ["own"]}}, "admin"),
    ("POST", "/api/v1/records", {"file": "a.npy"}, "reviewer"),
    ("POST", "/api/v1/template", {"file": "form.csv"}, "reviewer"),
    ("POST", "/api/v1/records/own/review", JSON_REVIEW, "reviewer"),
    ("DELETE", "/api/v1/records/own", {}, "admin"),
    ("POST", "/demonstration", {}, "reviewer"),
    ("POST", "/jobs/waiting/cancel", {}, "reviewer"),
    ("POST", "/api/v1/jobs/waiting/cancel", {}, "reviewer"),
    ("POST", "/users/add", {"data": {"name": "new", "role": "reader"}}, "admin"),
    ("POST", "/users/role", {"data": {"user": "vera", "role": "reader"}}, "admin"),
    ("POST", "/users/password", {"data": {"user": "vera"}}, "admin"),
    ("POST", "/users/sessions/end", {"data": {"user": "vera"}}, "admin"),
    ("POST", "/users/tokens/revoke", {"data": {"user": "vera", "token": "all"}}, "admin"),
    ("POST", "/users/close", {"data": {"user": "vera"}}, "admin"),
    ("POST", "/patients/own/patient", {"data": {"patient_id": "P 1", "age_years": "61"}}, "reviewer"),
    ("PUT", "/api/v1/records/own/patient", {"json": {"patient_id": "P 2", "sex": "female"}}, "reviewer"),
    ("POST", "/patients/of/7/delete", {"data": {"patient_id": "clinic 7"}}, "admin"),
    ("DELETE", "/api/v1/patients/7", {}, "admin"),
]
CHANGES = [each[:3] for each in RIGHTS]
OF_EVERYBODY = {"/login", "/logout", "/language", "/account/password", "/account/sessions/end", "/account/tokens",
                "/account/tokens/revoke", "/welcome"}  # fmt: skip
LOOKS = ["/", "/patients", "/patients/own", "/api/docs", "/api/v1/openapi.json", "/api/v1/records", "/api/v1/jobs"]
LOOKS += [
    f"/api/v1/records/own{rest}" for rest in ("", "/samples", "/samples.npy", "/beat", "/evidence", "/picture.png")
]
LOOKS += ["/patients/of", "/patients/of/7", "/api/v1/patients", "/api/v1/patients/7", "/api/v1/records/own/patient"]
LOOKS += ["/api/v1/records/own/changes?since=own"]
LOOKS += [f"/api/v1/export{rest}" for rest in (".csv", ".json", ".zip", "/findings.csv", "/labels.csv")]


@pytest.fixture
def others(make_site, monkeypatch):
    return site_with_people(make_site, monkeypatch)


@pytest.fixture
def guarded(others, npy):
    """The same server with records, a job and a form in both workspaces; the jobs' ids by workspace."""
    jobs = {"clinic": put_record(others, "clinic", "own", npy["inferior"])}
    jobs["other"] = put_record(others, "other", "secret", npy["healthy"])
    put_patient(others, "clinic", 7, "own")
    put_patient(others, "other", 8, "secret")
    with others.store.database.writing() as db:
        for workspace, name in (("clinic", "own.csv"), ("other", "secret.csv")):
            db.add(Form(workspace=workspace, name=name, columns=["record_name"], rows=[["secret"]], uploaded_at=1))
        olga = accounts.Person("olga", "admin", "other")
        note_event(db, olga, "saw", "secret", "a secret thing")
    return jobs


def opened(sent):
    """What is sent, with a file made anew."""
    if "file" not in sent:
        return sent
    content = FORM.encode() if sent["file"].endswith(".csv") else npy_bytes(np.zeros((12, 5_000), np.float32))
    return {"data": {"file": (io.BytesIO(content), sent["file"])}}


def test_the_table_of_rights_has_every_change(others):
    meant = {"own": "<record>", "waiting": "<job>", "7": "<int:patient>"}
    told = {(method, "/".join(meant.get(part, part) for part in address.split("/"))) for method, address, *_ in RIGHTS}
    rules = {
        (method, rule.rule)
        for rule in others.app.url_map.iter_rules()
        for method in rule.methods - {"GET", "HEAD", "OPTIONS"}
        if rule.rule not in OF_EVERYBODY
    }
    assert told == rules


@pytest.mark.parametrize("name", PEOPLE)
def test_roles(others, guarded, npy, name):
    browser, rank = enter(others, name), accounts.ROLES.index(PEOPLE[name])
    for method, address, sent, least in RIGHTS:
        if rank < accounts.ROLES.index(least):
            before = state(others)
            answer = browser.ask(method, address, **opened(sent))
            assert answer.status_code == 403, (address, answer.status_code)
            assert least in answer.text and state(others) == before
    for address in LOOKS:
        assert browser.get(address).status_code in (200, 202), address
    for address in ("/audit", "/users", "/users/user?name=rita"):
        assert browser.get(address).status_code == (200 if name == "ada" else 403)
    assert ('href="/users"' in browser.get("/").text) == (name == "ada")
    assert ("/audit" in browser.get("/").text) == (name == "ada")
    for method, address, sent, least in RIGHTS:
        if rank >= accounts.ROLES.index(least):
            put_record(others, "clinic", "own", npy["inferior"])  # which may have been deleted just now
            put_job(others, "clinic", "waiting")
            put_token(others, "vera")
            put_patient(others, "clinic", 7, "own")
            before = state(others)
            answer = browser.ask(method, address, **opened(sent))
            assert answer.status_code in (200, 201, 202, 204, 302), (address, answer.text)
            assert state(others) != before, address


def test_a_refusal_is_in_the_trail_once_in_a_while(others):
    browser = enter(others, "rita")
    for _ in range(3):
        assert browser.get("/audit").status_code == 403
        assert browser.ask("POST", "/patients/delete").status_code == 403
    refused = [(who, detail) for who, action, detail in trail(others) if action == "was refused"]
    assert refused == [
        ("rita", "pages.audit, which needs admin"),
        ("rita", "pages.delete_everything, which needs admin"),
    ]


def put_job(site, workspace, job):
    """Have an upload wait for its turn."""
    person = accounts.Person("program", "reviewer", workspace)
    with site.store.database.writing() as db:
        db.execute(delete(Job).where(Job.id == job))
        add_job(db, job, person, ["a.npy"], None)


def put_token(site, name):
    """Have a user, who may have been closed just now, hold a token."""
    with site.store.database.writing() as db:
        accounts.named_user(db, name).is_active = True
        accounts.add_token(db, name, "program")


def put_patient(site, workspace, number, record):
    """Have a record be of a patient of this number."""
    with site.store.database.writing() as db:
        db.merge(Patient(id=number, workspace=workspace, patient_id=f"{workspace} {number}"))
        db.flush()
        db.execute(update(Record).where(Record.name == record).values(patient=number))


def state(site):
    """What can be changed, counted."""
    with site.store.database.reading() as db:
        tables = {"records": Record, "reviews": Review, "jobs": Job, "events": Event}
        kept = {name: db.scalar(select(func.count()).select_from(table)) for name, table in tables.items()}
        refused = select(func.count()).select_from(Event).where(Event.action == "was refused")
        kept["events"] -= db.scalar(refused)
        states = sorted(db.scalars(select(Job.state)))
        return kept | {"job states": states, "forms": sorted(db.scalars(select(Form.uploaded_at)))}


def addresses_of(site, record, job, patient):
    """Every address that names a record, a job or a patient, with its methods."""
    found = []
    for rule in site.app.url_map.iter_rules():
        if rule.arguments & {"record", "job", "patient"}:
            address = rule.rule.replace("<record>", record).replace("<job>", job).replace("<int:patient>", patient)
            found += [(rule.rule, method, address) for method in rule.methods - {"HEAD", "OPTIONS"}]
        else:
            assert rule.arguments <= {"filename", "name"}, f"{rule.rule}: is it of one workspace?"
    return [(method, address) for _, method, address in sorted(found)]


def test_a_session_needs_the_pages_token_for_every_change(others, guarded):
    others.app.config["WTF_CSRF_ENABLED"] = True
    browser = enter_with_forms(others, "ada")
    for method, address, sent in CHANGES:
        refused = browser.ask(method, address, **opened(sent), headers={"X-CSRFToken": ""})
        foreign = browser.ask(method, address, **opened(sent), headers={"X-CSRFToken": "ImE.b.c"})
        statuses = {refused.status_code, foreign.status_code}
        assert statuses == ({403} if address.startswith("/api/") else {400}), address
    with others.store.database.reading() as db:
        assert db.scalar(select(func.count()).select_from(Record)) == 2
        assert db.scalar(select(func.count()).select_from(Review)) == 0
    token = re.search(r'name="csrf-token" content="([^"]+)"', browser.get("/patients").text).group(1)
    answer = browser.ask("DELETE", "/api/v1/records/own", headers={"X-CSRFToken": token})
    assert answer.status_code == 204


def enter_with_forms(site, name):
    """Log in by the form as a page shows it."""
    browser = Browser(site)
    token = re.search(r'name="csrf_token" value="([^"]+)"', browser.get("/login").text).group(1)
    assert browser.log_in(name).status_code == 400  # without it nobody is logged in by another site
    assert browser.log_in(name, csrf_token=token).status_code == 302
    return browser


def test_another_workspace_is_not_there(others, guarded):
    """404, and to the letter that of a record that nobody has."""
    browser = enter(others, "ada")
    before = state(others)
    found = addresses_of(others, "secret", guarded["other"], "8")
    assert len(found) >= 12
    for (method, address), (_, nowhere) in zip(found, addresses_of(others, "nowhere", "0" * 32, "999"), strict=True):
        sent = JSON_REVIEW if address.endswith("review") and "/api/" in address else {"data": {"verdict": "agree"}}
        sent = {"json": {"patient_id": "P 1"}} if method == "PUT" else sent
        answer, other = (
            browser.ask(method, each, **(sent if method in ("POST", "PUT") else {})) for each in (address, nowhere)
        )
        assert answer.status_code == other.status_code == 404, (method, address, answer.status_code)
        assert "olga" not in answer.text
        assert told_of(answer, address) == told_of(other, nowhere)
    assert state(others) == before  # not even a line in the trail


def test_no_list_nor_export_tells_of_another_workspace(others, guarded):
    browser, olga = enter(others, "ada"), enter(others, "olga")
    with others.store.database.writing() as db:
        db.execute(update(Form).where(Form.workspace == "clinic").values(rows=[["own"]]))
    looks = [address for address in LOOKS if "own" not in address] + [
        "/audit",
        "/users",
        "/patients?q=secret",
        "/patients?sort=name",
    ]
    looks += ["/api/v1/records?q=secret", "/api/v1/export.zip?q=secret"]
    for address in looks:
        answer = browser.get(address)
        assert answer.status_code == 200, address
        shown = answer.data.replace(b"?q=secret", b"").replace(b'value="secret"', b"").replace(b"q=secret", b"")
        assert b"secret" not in shown, address
    for address in ("/", "/patients", "/audit", "/api/v1/records", "/api/v1/jobs", "/api/v1/export.json"):
        shown = olga.get(address).text
        assert "secret" in shown and '"own' not in shown and ">own" not in shown, address


def test_names_of_records_are_of_a_workspace(others, guarded, npy):
    put_record(others, "other", "own", npy["healthy"])
    ada, olga = enter(others, "ada"), enter(others, "olga")
    assert ada.get("/api/v1/records/own").json["mi"]["present"]
    assert not olga.get("/api/v1/records/own").json["mi"]["present"]
    assert ada.ask("POST", "/patients/delete", data={"confirm": "delete"}).status_code == 302
    assert {item["record"] for item in olga.get("/api/v1/records").json["items"]} == {"own", "secret"}
    assert olga.get("/api/v1/jobs").json["items"] and "secret.csv" in olga.get("/").text
    assert olga.get("/api/v1/records/own/samples").status_code == 200


def test_the_trail_tells_who_did_what(others, guarded):
    vera, ada = enter(others, "vera"), enter(others, "ada")
    vera.get("/patients/own")
    vera.get("/api/v1/records/own/report.pdf")  # which is only asked for here, and no look yet
    others.worker.work_until_idle()
    vera.get("/api/v1/records/own/report.pdf")
    vera.get("/api/v1/export.csv")
    vera.ask("POST", "/api/v1/records/own/review", json={"verdict": "unreadable"})
    vera.ask("POST", "/template", **opened({"file": "form.csv"}))
    ada.ask("DELETE", "/api/v1/records/own")
    ada.ask("POST", "/patients/delete", data={"confirm": "delete"})
    with others.store.database.reading() as db:
        events = [(each.user, each.action, each.record) for each in list_events(db, "clinic", 100)][::-1]
    assert events[-7:] == [
        ("vera", "saw", None),  # whose record has no name any more
        ("vera", "exported", None),
        ("vera", "exported", None),
        ("vera", "reviewed", None),
        ("vera", "changed the form", None),
        ("ada", "deleted", None),
        ("ada", "deleted everything", None),
    ]
    assert ("vera", "logged in", None) in events and not any(user == "olga" for user, *_ in events)
    page = ada.get("/audit").text
    for text in ("vera", "reviewed", "unreadable", "deleted everything", "logged in", "report.pdf"):
        assert text in page
    assert "olga" not in page


def test_the_trail_is_told_in_pages(others):
    ada = enter(others, "ada")
    with others.store.database.writing() as db:
        for place in range(205):
            note_event(db, accounts.Person("rita", "reader", "clinic"), "saw", detail=f"record {place:03}")
    seen, address = [], "/audit"
    while address:
        page = ada.get(address).text
        seen += re.findall(r">(record \d+)<", page)
        following = re.search(r'href="(/audit\?before=\d+)"', page)
        address = following.group(1) if following else None
    assert seen == [f"record {place:03}" for place in range(204, -1, -1)]


def test_readers_see_nothing_that_they_may_not_do(others, guarded):
    """No upload, not even a link to it; no deletion, also where there are no records."""
    rita, vera, ada = (enter(others, name) for name in PEOPLE)
    pages = ["/", "/patients", "/patients?q=nobody", "/patients/own", "/nowhere", "/api/docs"]
    refused = re.compile(r'type="file"|href="/"|/upload"|/demonstration"|/delete"|id="delete')
    for address in pages:
        assert refused.search(rita.get(address).text) is None, address
        assert 'href="/"' in vera.get(address).text, address
    assert 'id="delete-open"' in ada.get("/patients").text and 'id="delete' not in vera.get("/patients").text
    assert ada.ask("DELETE", "/api/v1/records/own").status_code == 204
    for address in ("/", "/patients"):
        assert refused.search(rita.get(address).text) is None, address
        assert "/demonstration" in vera.get(address).text, address
