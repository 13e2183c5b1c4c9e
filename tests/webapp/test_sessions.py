"""Sessions of browsers: a cookie that was copied opens nothing after logout, a new password, idle time or twelve hours."""

import pytest
from sqlalchemy import select

from tests.webapp.people import HOME, PASSWORD, Browser, age, at_address, bearer, enter, site_with_people, trail
from webapp.callers import find_caller
from webapp.storage import accounts, logins
from webapp.storage.tables import Event, Login, User

COOKIE = "__Host-session"


@pytest.fixture
def others(make_site, monkeypatch):
    return site_with_people(make_site, monkeypatch)


def kept(site):
    with site.store.database.reading() as db:
        return list(db.scalars(select(Login).order_by(Login.created_at)))


def thief(site, browser):
    """Another browser with a copy of all cookies of this one."""
    other = Browser(site)
    value = browser.client.get_cookie(COOKIE, domain="localhost").value
    other.client.set_cookie(COOKIE, value, domain="localhost", secure=True)
    return other


def is_in(browser):
    found = {browser.get("/patients").status_code == 200, browser.get("/api/v1/records").status_code == 200}
    assert len(found) == 1
    return found.pop()


def test_what_opens_a_session_is_not_kept(others):
    browser = enter(others, "rita")
    with browser.client.session_transaction(**HOME) as given:
        key = given["key"]
    assert len(key) >= 43 and key != kept(others)[0].digest and len(kept(others)[0].digest) == 64
    assert is_in(browser)


def test_a_stranger_who_opens_pages_makes_no_row(others):
    for address in ("/login", "/patients", "/api/v1/records"):
        Browser(others).get(address)
    Browser(others).log_in("rita", "wrong" * 3)
    assert kept(others) == []


def test_a_copied_cookie_is_worthless_after_logout(others):
    browser = enter(others, "rita")
    copy = thief(others, browser)
    assert is_in(copy)
    assert browser.ask("POST", "/logout").location == "/login"
    assert not is_in(browser) and not is_in(copy)
    assert kept(others) == []
    done = [each[:2] for each in trail(others)]
    assert done[0] == ("rita", "logged in") and done[-1] == ("rita", "logged out") and done.count(done[-1]) == 1


def test_a_new_password_ends_all_sessions(others):
    browsers = [enter(others, "rita"), enter(others, "rita")]
    vera = enter(others, "vera")
    with others.store.database.writing() as db:
        accounts.add_user(db, "rita", "another password", "reader", "clinic")
    assert not any(is_in(each) for each in browsers) and is_in(vera)
    assert Browser(others).log_in("rita").status_code == 401
    assert Browser(others).log_in("rita", "another password").status_code == 302


def test_a_session_of_before_a_new_password_does_not_come_back(others):
    """Even where its row does: somebody logged in while the password was being changed."""
    browser = enter(others, "rita")
    row = kept(others)[0]
    with others.store.database.writing() as db:
        accounts.add_user(db, "rita", PASSWORD, "reader", "clinic")
        values = {name: getattr(row, name) for name in ("digest", "user_id", "address", "created_at", "seen_at")}
        db.add(Login(**values))
    assert not is_in(browser)


def test_a_closed_user_is_out_at_once_and_for_good(others):
    browser = enter(others, "vera")
    with others.store.database.writing() as db:
        accounts.close_user(db, "vera")
    assert not is_in(browser) and Browser(others).log_in("vera").status_code == 401
    with others.store.database.writing() as db:
        accounts.add_user(db, "vera", PASSWORD, "reviewer", "clinic")
    assert not is_in(browser)


@pytest.mark.parametrize(("column", "lasts_s"), [(Login.seen_at, 1_800), (Login.created_at, 43_200)])
def test_a_session_ends_by_itself(others, column, lasts_s):
    browser = enter(others, "rita")
    copy = thief(others, browser)
    age(others, column, lasts_s - 60)
    assert is_in(browser)
    age(others, column, lasts_s + 1)
    assert not is_in(copy) and not is_in(browser)
    assert kept(others) == []
    ended = [each for each in trail(others) if each[1] == "session ended"]
    assert len(ended) == 1 and ended[0][0] == "rita" and "from 127.0.0.1" in ended[0][2]


def test_the_times_are_settings(others, make_site):
    short = make_site(host="0.0.0.0", idle_s=120, session_s=600)
    for column, seconds in ((Login.seen_at, 121), (Login.created_at, 601)):
        browser = enter(short, "rita")
        assert is_in(browser)
        age(short, column, seconds)
        assert not is_in(browser)


def test_whoever_goes_on_is_not_idle(others, monkeypatch):
    browser, written, mark_seen = enter(others, "rita"), [], logins.mark_seen
    monkeypatch.setattr(logins, "mark_seen", lambda *given: written.append(1) or mark_seen(*given))
    for n in range(1, 4):
        age(others, Login.seen_at, 1_700)
        for _ in range(3):
            assert is_in(browser)
        assert len(written) == n  # and not at every request


def test_what_has_ended_by_itself_is_tidied_by_the_next_login(others):
    enter(others, "rita"), enter(others, "olga")
    age(others, Login.seen_at, 1_801)
    enter(others, "vera")
    assert len(kept(others)) == 1
    assert ("rita", "session ended") in {each[:2] for each in trail(others)}
    assert ("olga", "session ended") in {each[:2] for each in trail(others, "other")}


def test_a_login_takes_a_new_key_and_nothing_of_the_session_before(others):
    browser = enter(others, "rita")
    with browser.client.session_transaction(**HOME) as given:
        before = given["key"]
        given["left"] = "by somebody"
    copy = thief(others, browser)
    browser.log_in("vera")
    with browser.client.session_transaction(**HOME) as given:
        assert given["key"] != before and "left" not in given
    assert len(kept(others)) == 1 and not is_in(copy)  # nobody is left behind in a browser that somebody else took


def test_a_session_cannot_be_made_up(others):
    for value in ("eyJrZXkiOiJhIiwiZXBvY2giOjF9.aaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbb", "", "x" * 3_000):
        forged = Browser(others)
        forged.client.set_cookie(COOKIE, value, domain="localhost", secure=True)
        assert not is_in(forged)
    browser = enter(others, "rita")
    for key in (kept(others)[0].digest, "", "\0"):  # with the server's own signature
        with browser.client.session_transaction(**HOME) as given:
            given["key"] = key
        assert not is_in(browser)


def test_sessions_of_one_user_are_bounded(others, monkeypatch):
    monkeypatch.setattr(logins, "MOST_LOGINS", 3)
    browsers = [enter(others, "rita") for _ in range(5)]
    vera = enter(others, "vera")
    assert [is_in(each) for each in browsers] == [False, False, True, True, True] and is_in(vera)


def test_who_asks_is_known_before_a_body_is_taken(others):
    browser = at_address(others, "10.0.0.7")
    browser.log_in("rita")
    value = browser.client.get_cookie(COOKIE, domain="localhost").value
    with others.store.database.writing() as db:
        token = accounts.add_token(db, "vera", "program")
    age(others, Login.seen_at, 120)

    def found(**headers):
        environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/upload", "SERVER_NAME": "localhost", "SERVER_PORT": "443",
                   "wsgi.url_scheme": "https"} | {f"HTTP_{name.upper()}": text for name, text in headers.items()}  # fmt: skip
        with others.app.request_context(environ):
            return find_caller().person

    before = state(others)
    assert found(cookie=f"{COOKIE}={value}").name == "rita"
    assert found(authorization=bearer(token)["Authorization"]).name == "vera"
    assert found() is None and found(cookie=f"{COOKIE}=x") is None and found(authorization="Bearer x") is None
    age(others, Login.seen_at, 3_600)
    assert found(cookie=f"{COOKIE}={value}") is None
    age(others, Login.seen_at, -3_600)
    assert state(others) == before


def state(site):
    with site.store.database.reading() as db:
        tables = (User, Login, Event)
        return [[[getattr(row, column.key) for column in table.__table__.columns] for row in db.scalars(select(table))]
                for table in tables]  # fmt: skip


def test_on_a_local_server_everybody_is_local(site):
    with site.app.request_context({"REQUEST_METHOD": "GET", "SERVER_NAME": "localhost", "SERVER_PORT": "80",
                                   "wsgi.url_scheme": "http"}):  # fmt: skip
        assert find_caller().person.is_local
