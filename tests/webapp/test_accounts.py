"""Accounts: who needs one, how one logs in, and users that cannot be."""

import re
from http.cookies import SimpleCookie
from types import SimpleNamespace
from urllib.parse import quote

import pytest
from sqlalchemy import func, select

from tests.webapp.builders import ONE_DATABASE
from tests.webapp.people import PASSWORD, Browser, put_record, site_with_people, told_of, user_id
from webapp.storage import accounts
from webapp.storage.tables import User


@pytest.fixture
def others(make_site, monkeypatch):
    return site_with_people(make_site, monkeypatch)


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
@ONE_DATABASE
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
@ONE_DATABASE
def test_a_login_leads_to_this_site_alone(others, target):
    assert Browser(others).log_in("rita", next=target).location == "/"
    moved = Browser(others).ask("POST", "/language", data={"language": "ru", "next": target})
    assert (moved.status_code, moved.location) == (302, "/")


def test_cookies_are_kept_from_scripts_and_from_other_sites(others):
    sent = Browser(others).log_in("ada").headers.getlist("Set-Cookie")
    cookies = {name: cookie for each in sent for name, cookie in SimpleCookie(each).items()}
    assert set(cookies) == {"__Host-session", f"__Secure-known-{user_id(others, 'ada')}"}
    for name, cookie in cookies.items():
        assert cookie["secure"] and cookie["httponly"] and cookie["samesite"] == "Lax" and not cookie["domain"]
        assert cookie["path"] == ("/" if "session" in name else "/login")
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
@ONE_DATABASE
def test_users_that_cannot_be(others, given, told):
    user = {"name": "eva", "password": PASSWORD, "role": "reader", "workspace": "clinic"} | given
    with pytest.raises(accounts.ConfigError, match=told), others.store.database.writing() as db:
        accounts.add_user(db, **user)
    with others.store.database.reading() as db:
        assert db.scalar(select(func.count()).select_from(User)) == 4


def test_a_machine_without_users_says_that_no_account_is_needed(site, others):
    page = site.client.get("/login").text
    assert "No account is needed here" in page and 'name="password"' not in page
    site.client.set_cookie("language", "ru")
    assert "Учётная запись здесь не нужна" in site.client.get("/login").text
    page = Browser(others).get("/login").text
    assert "No account is needed" not in page and 'name="password"' in page
