"""Accounts: who is let in and kept out, which role may what, and that a workspace sees nothing of another."""

import io
import re
import time
from http.cookies import SimpleCookie
from types import SimpleNamespace
from urllib.parse import quote

import numpy as np
import pytest
from argon2 import PasswordHasher
from flask import session
from flask_wtf.csrf import generate_csrf
from sqlalchemy import func, select, update

from tests.webapp.builders import npy_bytes
from webapp.storage import accounts
from webapp.storage.tables import Event, Failure, Form, Job, Record, Review, Token, User
from webapp.uploads import queue_upload

PASSWORD = "correct horse battery"
PEOPLE = {"rita": "reader", "vera": "reviewer", "ada": "admin"}
HOME = {"base_url": "https://localhost"}
FORM = "record_name,перегородочный,передний,боковой,передне-боковой,передне-перегородочный,нижний,норма\na,,,,,,,\n"


@pytest.fixture(autouse=True)
def _cheap_hashes(monkeypatch):
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(accounts, "_HASHER", hasher)
    monkeypatch.setattr(accounts, "_NOBODY", hasher.hash("nobody's"))


class Browser:
    """Somebody's browser, or program, on a server that others reach; it speaks as our pages' scripts do."""

    def __init__(self, site, **environment):
        self.app, self.client, self.given = site.app, site.app.test_client(), HOME | environment
        self.token = ""

    def log_in(self, name, password=PASSWORD, **form):
        answer = self.client.post("/login", data={"name": name, "password": password, **form}, **self.given)
        if answer.status_code == 302:
            self.token = self.csrf_token()
        return answer

    def csrf_token(self):
        """The token of this browser's own session."""
        with self.app.test_request_context():
            token, raw = generate_csrf(), session["csrf_token"]
        with self.client.session_transaction(**self.given) as kept:
            kept["csrf_token"] = raw
        return token

    def ask(self, method, address, **sent):
        headers = {"X-CSRFToken": self.token} | sent.pop("headers", {})
        return self.client.open(address, method=method, headers=headers, **sent, **self.given)

    def get(self, address):
        return self.ask("GET", address)


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def others(make_site):
    """A server that others reach, with a user of every role, and Olga, admin of another workspace."""
    site = make_site(host="0.0.0.0")
    with site.store.database.writing() as db:
        for name, role in PEOPLE.items():
            accounts.add_user(db, name, PASSWORD, role, "clinic")
        accounts.add_user(db, "olga", PASSWORD, "admin", "other")
    return site


@pytest.fixture
def enter(others):
    """Log somebody in."""

    def log_in(name):
        browser = Browser(others)
        assert browser.log_in(name).status_code == 302
        return browser

    return log_in


def put_record(site, workspace, name, npy):
    """Have a recording read in a workspace; its job's id."""
    person = accounts.Person("program", "reviewer", workspace)
    path = site.store.files.incoming()
    path.write_bytes(npy)
    with path.open("r+b") as stream:
        job = queue_upload(site.store, person, [SimpleNamespace(filename=f"{name}.npy", stream=stream)], None)
    site.worker.work_until_idle()
    return job


@pytest.fixture
def guarded(others, npy):
    """The same server with records, a job and a form in both workspaces; the jobs' ids by workspace."""
    jobs = {"clinic": put_record(others, "clinic", "own", npy["inferior"])}
    jobs["other"] = put_record(others, "other", "secret", npy["healthy"])
    with others.store.database.writing() as db:
        for workspace, name in (("clinic", "own.csv"), ("other", "secret.csv")):
            db.add(Form(workspace=workspace, name=name, columns=["record_name"], rows=[["secret"]], uploaded_at=1))
        olga = accounts.Person("olga", "admin", "other")
        accounts.note_event(db, olga, "saw", "secret", "a secret thing")
    return jobs


def failures(site):
    with site.store.database.reading() as db:
        return db.scalar(select(func.count()).select_from(Failure))


def age_failures(site, seconds):
    with site.store.database.writing() as db:
        db.execute(update(Failure).values(at=Failure.at - seconds))


def test_on_the_loopback_address_nobody_logs_in(site):
    assert site.client.get("/patients").status_code == site.client.get("/audit").status_code == 200
    assert "Set-Cookie" not in site.client.get("/api/v1/records").headers
    cookie = site.client.get("/").headers.get("Set-Cookie", "")
    assert "Secure" not in cookie  # http alone is spoken there


@pytest.mark.parametrize(
    ("options", "needed"),
    [
        ({"host": "127.0.0.1"}, False),
        ({"host": "::1"}, False),
        ({"host": "0.0.0.0"}, True),
        ({"host": "::"}, True),
        ({"host": "127.0.0.1", "behind_proxy": True}, True),
    ],
)
def test_whoever_others_reach_needs_accounts(make_site, options, needed):
    site = make_site(**options)
    page = site.client.get("/patients", base_url="https://localhost")
    program = site.client.get("/api/v1/records", base_url="https://localhost")
    assert (page.status_code, program.status_code) == ((302, 401) if needed else (200, 200))
    if needed:
        assert program.content_type == "application/problem+json" and program.json["status"] == 401
        assert "log in" in program.json["detail"]


def test_a_page_asked_for_comes_after_the_login(others, npy):
    put_record(others, "clinic", "50% a&b#c", npy["healthy"])
    browser = Browser(others)
    address = f"/patients/{quote('50% a&b#c')}?present=false"
    asked = browser.get(address)
    assert asked.status_code == 302 and asked.location.startswith("/login?next=")
    shown = browser.get(asked.location).text
    following = re.findall(r'name="next" value="([^"]*)"', shown)[-1]
    answer = browser.log_in("rita", next=following)
    assert answer.location == address
    assert browser.get(answer.location).status_code == 200


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "///evil.example/",
        "////evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        " //evil.example",
        "javascript:alert(1)",
        "evil.example",
        "http:/evil.example",
        "//[evil",
        "",
    ],
)
def test_a_login_leads_to_this_site_alone(others, target):
    assert Browser(others).log_in("rita", next=target).location == "/"
    moved = Browser(others).ask("POST", "/language", data={"language": "ru", "next": target})
    assert (moved.status_code, moved.location) == (302, "/")


def test_cookies_are_kept_from_scripts_and_from_other_sites(others):
    cookie = SimpleCookie(Browser(others).log_in("ada").headers["Set-Cookie"])["session"]
    assert cookie["secure"] and cookie["httponly"] and cookie["samesite"] == "Lax" and not cookie["domain"]
    language = Browser(others).ask("POST", "/language", data={"language": "ru"})
    cookie = SimpleCookie(language.headers["Set-Cookie"])["language"]
    assert cookie["secure"] and cookie["httponly"] and cookie["samesite"] == "Lax"
    assert language.headers["Strict-Transport-Security"]


def test_passwords_are_kept_as_argon2_hashes(others, monkeypatch):
    with others.store.database.reading() as db:
        kept = db.scalars(select(User.password_hash)).all()
    assert len(set(kept)) == 4 and all(each.startswith("$argon2id$") for each in kept)
    monkeypatch.undo()
    parameters = accounts._HASHER
    assert parameters.memory_cost >= 19_456 and parameters.time_cost >= 2  # OWASP's least


def test_a_wrong_password_and_a_name_that_is_not_there_look_alike(others, monkeypatch):
    verified, told = [], []
    hasher = SimpleNamespace(verify=lambda kept, given: verified.append(kept) or accounts_verify(kept, given))
    accounts_verify = accounts._HASHER.verify
    monkeypatch.setattr(accounts, "_HASHER", hasher)
    for name in ("rita", "nobody"):
        answer = Browser(others).log_in(name, "wrong" * 3)
        told.append((answer.status_code, told_of(answer, "/login")))
    assert told[0] == told[1] and told[0][0] == 401
    assert len(verified) == 2  # both took the time that a password takes
    assert Browser(others).get("/patients").status_code == 302


@pytest.mark.parametrize("name", ["rita", "nobody", "n" * 300])
def test_a_name_is_locked_after_some_failures_and_opens_with_time(others, name):
    for place in range(accounts.MOST_FAILURES):
        address = {"environ_base": {"REMOTE_ADDR": f"10.0.0.{place}"}}
        assert Browser(others, **address).log_in(name, "wrong" * 3).status_code == 401
    locked = Browser(others).log_in(name)  # the right password, from an address that has done nothing
    assert locked.status_code == 429 and "Too many" in locked.text
    assert accounts.LOCKED_S - 60 < int(locked.headers["Retry-After"]) <= accounts.LOCKED_S
    assert failures(others) == accounts.MOST_FAILURES  # being locked out does not lengthen it
    assert Browser(others).log_in("vera").status_code == 302
    age_failures(others, accounts.LOCKED_S - 30)
    soon = Browser(others).log_in(name)
    assert soon.status_code == 429 and 0 < int(soon.headers["Retry-After"]) <= 30
    age_failures(others, 31)
    assert Browser(others).log_in(name).status_code == (302 if name == "rita" else 401)


def test_an_address_is_locked_after_failures_of_many_names(others):
    for place in range(accounts.MOST_OF_ADDRESS):
        assert Browser(others).log_in(f"guess{place}", "wrong" * 3).status_code == 401
    assert Browser(others).log_in("rita").status_code == 429
    elsewhere = Browser(others, environ_base={"REMOTE_ADDR": "10.0.0.9"})
    assert elsewhere.log_in("rita").status_code == 302
    age_failures(others, accounts.LOCKED_S + 1)
    assert Browser(others).log_in("rita").status_code == 302


def test_a_right_password_forgives_the_failures_before_it(others):
    for _ in range(2):
        for _ in range(accounts.MOST_FAILURES - 1):
            assert Browser(others).log_in("rita", "wrong" * 3).status_code == 401
        assert Browser(others).log_in("rita").status_code == 302
    assert failures(others) == 0


def test_a_failure_is_counted_before_the_password_is_looked_at(others, monkeypatch):
    """Of many at once none is looked at that one after another would not have been."""
    seen = []
    monkeypatch.setattr(accounts, "check_password", lambda *_: seen.append(failures(others)))
    for _ in range(accounts.MOST_FAILURES + 3):
        Browser(others).log_in("rita", "wrong" * 3)
    assert seen == [1, 2, 3, 4, 5]


def test_a_new_password_ends_sessions_and_unlocks(others, enter):
    browser = enter("rita")
    assert browser.get("/patients").status_code == 200
    for _ in range(accounts.MOST_FAILURES):
        Browser(others).log_in("rita", "wrong" * 3)
    with others.store.database.writing() as db:
        accounts.add_user(db, "rita", "another password", "reader", "clinic")
    assert browser.get("/patients").status_code == 302
    assert browser.get("/api/v1/records").status_code == 401
    assert Browser(others).log_in("rita").status_code == 401
    assert Browser(others).log_in("rita", "another password").status_code == 302


def test_a_closed_user_is_out_at_once(others, enter):
    browser = enter("vera")
    with others.store.database.writing() as db:
        token = accounts.add_token(db, "vera", "program")
    assert Browser(others).ask("GET", "/api/v1/records", headers=bearer(token)).status_code == 200
    with others.store.database.writing() as db:
        accounts.close_user(db, "vera")
    assert browser.get("/patients").status_code == 302
    assert Browser(others).ask("GET", "/api/v1/records", headers=bearer(token)).status_code == 401
    assert Browser(others).log_in("vera").status_code == 401
    with others.store.database.writing() as db:
        accounts.add_user(db, "vera", PASSWORD, "reviewer", "clinic")
    assert Browser(others).ask("GET", "/api/v1/records", headers=bearer(token)).status_code == 401  # for good
    assert browser.get("/patients").status_code == 302


def test_logging_out_ends_the_session(enter):
    browser = enter("rita")
    assert browser.ask("POST", "/logout").location == "/login"
    assert browser.get("/patients").status_code == 302


def test_a_session_ends_with_time_and_cannot_be_made_up(others, enter, monkeypatch):
    browser = enter("rita")
    forged = Browser(others)
    forged.client.set_cookie(
        "session", "eyJ1c2VyIjoxLCJlcG9jaCI6MX0.aaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbb", domain="localhost"
    )
    assert forged.get("/patients").status_code == 302
    assert browser.get("/patients").status_code == 200
    later = time.time() + 13 * 3_600
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: later)
    assert browser.get("/patients").status_code == 302


@pytest.mark.parametrize("sent", ["Bearer wrong", "Bearer ", "Bearer", "bearer \udcff", "Bearer null"])
def test_a_wrong_token_is_a_problem_even_beside_a_session(others, enter, sent):
    for browser in (Browser(others), enter("ada")):
        answer = browser.ask("GET", "/api/v1/records", headers={"Authorization": sent.replace("\udcff", "ÿ")})
        assert answer.status_code == 401 and answer.content_type == "application/problem+json"


def test_a_token_does_what_its_user_may(others, npy):
    with others.store.database.writing() as db:
        tokens = {name: accounts.add_token(db, name, "program") for name in ("rita", "vera")}
        assert len({*tokens.values(), accounts.add_token(db, "rita", "second")}) == 3
    for name, status in (("rita", 403), ("vera", 202)):
        sent = {"data": {"file": (io.BytesIO(npy["healthy"]), "a.npy")}, "headers": bearer(tokens[name])}
        assert Browser(others).ask("POST", "/api/v1/records", **sent).status_code == status  # without X-CSRFToken
    others.worker.work_until_idle()
    for name in tokens:
        found = Browser(others).ask("GET", "/api/v1/records/a", headers=bearer(tokens[name]))
        assert found.json["record"] == "a"
    with others.store.database.reading() as db:
        assert not set(tokens.values()) & {each.digest for each in db.scalars(select(Token))}


def test_a_session_needs_the_pages_token_for_every_change(others, enter, guarded):
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


# Everything that changes something: method, address, what is sent, and the least role that may.
JSON_REVIEW = {"json": {"verdict": "agree"}}
RIGHTS = [
    ("POST", "/upload", {"file": "a.npy"}, "reviewer"),
    ("POST", "/template", {"file": "form.csv"}, "reviewer"),
    ("POST", "/template/delete", {}, "reviewer"),
    ("POST", "/patients/own/review", {"data": {"verdict": "agree"}}, "reviewer"),
    ("POST", "/patients/own/delete", {}, "admin"),
    ("POST", "/patients/delete", {"data": {"confirm": "delete"}}, "admin"),
    ("POST", "/api/v1/records", {"file": "a.npy"}, "reviewer"),
    ("POST", "/api/v1/template", {"file": "form.csv"}, "reviewer"),
    ("POST", "/api/v1/records/own/review", JSON_REVIEW, "reviewer"),
    ("DELETE", "/api/v1/records/own", {}, "admin"),
]
CHANGES = [each[:3] for each in RIGHTS]
OF_EVERYBODY = {"/login", "/logout", "/language"}
LOOKS = ["/", "/patients", "/patients/own", "/api/docs", "/api/v1/openapi.json", "/api/v1/records", "/api/v1/jobs"]
LOOKS += [f"/api/v1/records/own{rest}" for rest in ("", "/samples", "/samples.npy", "/evidence", "/picture.png")]
LOOKS += [f"/api/v1/export{rest}" for rest in (".csv", ".json", ".zip", "/findings.csv", "/labels.csv")]


def opened(sent):
    """What is sent, with a file made anew."""
    if "file" not in sent:
        return sent
    content = FORM.encode() if sent["file"].endswith(".csv") else npy_bytes(np.zeros((12, 5_000), np.float32))
    return {"data": {"file": (io.BytesIO(content), sent["file"])}}


def test_the_table_of_rights_has_every_change(others):
    told = {(method, address.replace("own", "<record>")) for method, address, *_ in RIGHTS}
    rules = {
        (method, rule.rule)
        for rule in others.app.url_map.iter_rules()
        for method in rule.methods - {"GET", "HEAD", "OPTIONS"}
        if rule.rule not in OF_EVERYBODY
    }
    assert told == rules


@pytest.mark.parametrize("name", PEOPLE)
def test_roles(others, enter, guarded, name):
    browser, rank = enter(name), accounts.ROLES.index(PEOPLE[name])
    for method, address, sent, least in RIGHTS:
        if rank < accounts.ROLES.index(least):
            before = state(others)
            answer = browser.ask(method, address, **opened(sent))
            assert answer.status_code == 403, (address, answer.status_code)
            assert least in answer.text and state(others) == before
    for address in LOOKS:
        assert browser.get(address).status_code in (200, 202), address
    assert browser.get("/audit").status_code == (200 if name == "ada" else 403)
    assert ("/audit" in browser.get("/").text) == (name == "ada")
    for method, address, sent, least in sorted(RIGHTS, key=lambda right: "delete" in right[1] or right[0] == "DELETE"):
        if rank >= accounts.ROLES.index(least):
            before = state(others)
            answer = browser.ask(method, address, **opened(sent))
            gone = answer.status_code == 404 and before["records"] == 1  # the record was deleted in another way before
            assert answer.status_code in (200, 201, 202, 204, 302) or gone, (address, answer.text)
            assert gone or state(others) != before or address == "/patients/delete", address


def state(site):
    """What can be changed, counted."""
    with site.store.database.reading() as db:
        tables = {"records": Record, "reviews": Review, "jobs": Job, "events": Event}
        kept = {name: db.scalar(select(func.count()).select_from(table)) for name, table in tables.items()}
        return kept | {"forms": sorted(db.scalars(select(Form.uploaded_at)))}


def addresses_of(site, record, job):
    """Every address that names a record or a job, with its methods."""
    found = []
    for rule in site.app.url_map.iter_rules():
        if rule.arguments & {"record", "job"}:
            address = rule.rule.replace("<record>", record).replace("<job>", job)
            found += [(method, address) for method in rule.methods - {"HEAD", "OPTIONS"}]
        else:
            assert rule.arguments <= {"filename", "name"}, f"{rule.rule}: is it of one workspace?"
    return sorted(found)


def told_of(answer, address):
    """What is answered, but for the page's token and the address that it came from."""
    return re.sub(r'(csrf[-_]token" (content|value))="[^"]*"', "", answer.text).replace(address, "")


def test_another_workspace_is_not_there(others, enter, guarded):
    """404, and to the letter that of a record that nobody has."""
    browser = enter("ada")
    before = state(others)
    found = addresses_of(others, "secret", guarded["other"])
    assert len(found) >= 12
    for (method, address), (_, nowhere) in zip(found, addresses_of(others, "nowhere", "0" * 32), strict=True):
        sent = JSON_REVIEW if address.endswith("review") and "/api/" in address else {"data": {"verdict": "agree"}}
        answer, other = (browser.ask(method, each, **(sent if method == "POST" else {})) for each in (address, nowhere))
        assert answer.status_code == other.status_code == 404, (method, address, answer.status_code)
        assert "olga" not in answer.text
        assert told_of(answer, address) == told_of(other, nowhere)
    assert state(others) == before  # not even a line in the trail


def test_no_list_nor_export_tells_of_another_workspace(others, enter, guarded):
    browser, olga = enter("ada"), enter("olga")
    with others.store.database.writing() as db:
        db.execute(update(Form).where(Form.workspace == "clinic").values(rows=[["own"]]))
    looks = [address for address in LOOKS if "own" not in address] + [
        "/audit",
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


def test_names_of_records_are_of_a_workspace(others, enter, guarded, npy):
    put_record(others, "other", "own", npy["healthy"])
    ada, olga = enter("ada"), enter("olga")
    assert ada.get("/api/v1/records/own").json["mi"]["present"]
    assert not olga.get("/api/v1/records/own").json["mi"]["present"]
    assert ada.ask("POST", "/patients/delete", data={"confirm": "delete"}).status_code == 302
    assert {item["record"] for item in olga.get("/api/v1/records").json["items"]} == {"own", "secret"}
    assert olga.get("/api/v1/jobs").json["items"] and "secret.csv" in olga.get("/").text
    assert olga.get("/api/v1/records/own/samples").status_code == 200


def test_the_trail_tells_who_did_what(others, enter, guarded):
    vera, ada = enter("vera"), enter("ada")
    vera.get("/patients/own")
    vera.get("/api/v1/records/own/report.pdf")
    vera.get("/api/v1/export.csv")
    vera.ask("POST", "/api/v1/records/own/review", json={"verdict": "unreadable"})
    vera.ask("POST", "/template", **opened({"file": "form.csv"}))
    ada.ask("DELETE", "/api/v1/records/own")
    ada.ask("POST", "/patients/delete", data={"confirm": "delete"})
    with others.store.database.reading() as db:
        events = [(each.user, each.action, each.record) for each in accounts.list_events(db, "clinic", 100)][::-1]
    assert events[-7:] == [
        ("vera", "saw", "own"),
        ("vera", "exported", "own"),
        ("vera", "exported", None),
        ("vera", "reviewed", "own"),
        ("vera", "changed the form", None),
        ("ada", "deleted", "own"),
        ("ada", "deleted everything", None),
    ]
    assert ("vera", "logged in", None) in events and not any(user == "olga" for user, *_ in events)
    page = ada.get("/audit").text
    for text in ("vera", "reviewed", "unreadable", "deleted everything", "logged in", "report.pdf"):
        assert text in page
    assert "olga" not in page


def test_the_trail_is_told_in_pages(others, enter):
    ada = enter("ada")
    with others.store.database.writing() as db:
        for place in range(205):
            accounts.note_event(db, accounts.Person("rita", "reader", "clinic"), "saw", f"record {place:03}")
    seen, address = [], "/audit"
    while address:
        page = ada.get(address).text
        seen += re.findall(r">(record \d+)<", page)
        following = re.search(r'href="(/audit\?before=\d+)"', page)
        address = following.group(1) if following else None
    assert seen == [f"record {place:03}" for place in range(204, -1, -1)]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"name": " "}, "1 to 255 letters"),
        ({"name": "a" * 256}, "1 to 255 letters"),
        ({"name": "line\nbreak"}, "1 to 255 letters"),
        ({"password": "short"}, "at least 10"),
        ({"role": "king"}, "no role 'king'"),
        ({"workspace": ""}, "workspace"),
        ({"workspace": "w" * 101}, "1 to 100 letters"),
    ],
)
def test_users_that_cannot_be(others, given, told):
    user = {"name": "eva", "password": PASSWORD, "role": "reader", "workspace": "clinic"} | given
    with pytest.raises(accounts.ConfigError, match=told), others.store.database.writing() as db:
        accounts.add_user(db, **user)
    with others.store.database.reading() as db:
        assert db.scalar(select(func.count()).select_from(User)) == 4
