"""Accounts: who is let in and kept out, by password, session and token."""

import io
import re
import time
from http.cookies import SimpleCookie
from types import SimpleNamespace
from urllib.parse import quote

import pytest
from sqlalchemy import func, select, update

from tests.webapp.people import PASSWORD, Browser, bearer, enter, put_record, site_with_people, told_of
from webapp.storage import accounts
from webapp.storage.tables import Failure, Token, User


@pytest.fixture
def others(make_site, monkeypatch):
    return site_with_people(make_site, monkeypatch)


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


def test_a_new_password_ends_sessions_and_unlocks(others):
    browser = enter(others, "rita")
    assert browser.get("/patients").status_code == 200
    for _ in range(accounts.MOST_FAILURES):
        Browser(others).log_in("rita", "wrong" * 3)
    with others.store.database.writing() as db:
        accounts.add_user(db, "rita", "another password", "reader", "clinic")
    assert browser.get("/patients").status_code == 302
    assert browser.get("/api/v1/records").status_code == 401
    assert Browser(others).log_in("rita").status_code == 401
    assert Browser(others).log_in("rita", "another password").status_code == 302


def test_a_closed_user_is_out_at_once(others):
    browser = enter(others, "vera")
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


def test_logging_out_ends_the_session(others):
    browser = enter(others, "rita")
    assert browser.ask("POST", "/logout").location == "/login"
    assert browser.get("/patients").status_code == 302


def test_a_session_ends_with_time_and_cannot_be_made_up(others, monkeypatch):
    browser = enter(others, "rita")
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
def test_a_wrong_token_is_a_problem_even_beside_a_session(others, sent):
    for browser in (Browser(others), enter(others, "ada")):
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
