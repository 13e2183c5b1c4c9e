"""The page of one's own account: a new password, open sessions, tokens; for nobody but the person who has logged in."""

import re
import time

import pytest
from sqlalchemy import delete, select

from tests.webapp.builders import ONE_DATABASE
from tests.webapp.people import PASSWORD, Browser, age, at_address, bearer, enter, site_with_people, trail
from webapp.storage import accounts, throttle
from webapp.storage.tables import Login, Token

NEW = "a wholly new password"
CHANGES = ["/account/password", "/account/sessions/end", "/account/tokens", "/account/tokens/revoke"]


@pytest.fixture
def others(make_site, monkeypatch):
    return site_with_people(make_site, monkeypatch)


def change(browser, present=PASSWORD, new=NEW, again=None):
    sent = {"present": present, "password": new, "again": new if again is None else again}
    return browser.ask("POST", "/account/password", data=sent)


def make_token(browser, label="nightly export", days="30"):
    return browser.ask("POST", "/account/tokens", data={"label": label, "days": days})


def shown_token(answer):
    return re.search(r"<code>([\w-]{43})</code>", answer.text)[1]


def values(page, name):
    return re.findall(rf'name="{name}" value="([^"]+)"', page)


def is_in(browser):
    return browser.get("/patients").status_code == 200


def test_it_is_for_whoever_has_logged_in_with_a_password(others, site):
    with others.store.database.writing() as db:
        token = accounts.add_token(db, "ada", "program")
    for address in ("/account", *CHANGES):
        method = "GET" if address == "/account" else "POST"
        assert Browser(others).ask(method, address).status_code == 302
        answer = Browser(others).ask(method, address, headers=bearer(token))
        assert answer.status_code == 403 and "logged in with their password" in answer.text
        assert site.client.open(address, method=method).status_code == 403
    with others.store.database.reading() as db:
        assert len(db.scalars(select(Token)).all()) == 1


def test_a_new_password_ends_everything_but_this_browser(others):
    browser, elsewhere = enter(others, "rita"), enter(others, "rita")
    vera = enter(others, "vera")
    old = browser.client.get_cookie("__Host-session", domain="localhost").value
    token = shown_token(make_token(browser))
    assert change(browser).location == "/account"
    page = browser.get("/account").text
    assert "All your other sessions and all tokens have ended" in page and "No tokens yet" in page
    assert is_in(browser) and is_in(vera) and not is_in(elsewhere)
    copy = Browser(others)
    copy.client.set_cookie("__Host-session", old, domain="localhost", secure=True)
    assert not is_in(copy)  # this browser has another session than before
    assert Browser(others).ask("GET", "/api/v1/records", headers=bearer(token)).status_code == 401
    assert Browser(others).log_in("rita").status_code == 401
    assert Browser(others).log_in("rita", NEW).status_code == 302
    assert ("rita", "changed the password", "") in trail(others)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"present": "wrong" * 3}, "The current password is wrong"),
        ({"present": ""}, "The current password is wrong"),
        ({"again": NEW + "x"}, "The new passwords do not match"),
        ({"new": "short"}, "use at least 10 characters"),
        ({"new": PASSWORD}, "is the same as the current one"),
    ],
)
@ONE_DATABASE
def test_passwords_that_are_not_changed(others, given, told):
    browser = enter(others, "rita")
    answer = change(browser, **given)
    assert answer.status_code == 422 and told in answer.text
    assert is_in(browser) and Browser(others).log_in("rita").status_code == 302


def test_whoever_took_a_session_cannot_guess_the_password(others, monkeypatch):
    monkeypatch.setattr(throttle, "now", lambda: 1_700_000_000.0)
    browser = enter(others, "rita")
    assert [change(browser, present=f"guess {place}").status_code for place in range(5)] == [422] * 5
    locked = change(browser)
    assert locked.status_code == 429 and locked.headers["Retry-After"] == "1"
    assert Browser(others).log_in("rita").status_code == 302  # and the owner logs in as before
    done = [action for _, action, _ in trail(others)]
    assert done.count("gave a wrong password") == 5 and done.count("was locked out") == 1


def test_sessions_are_shown_and_ended_singly(others):
    browser, phone = at_address(others, "10.0.0.1"), at_address(others, "10.0.0.2")
    browser.log_in("rita"), phone.log_in("rita")
    enter(others, "vera")
    page = browser.get("/account").text
    assert "10.0.0.1" in page and "10.0.0.2" in page and "127.0.0.1" not in page
    assert page.count("this browser</span>") == 1
    with others.store.database.reading() as db:
        of_phone = db.scalar(select(Login.digest).where(Login.address == "10.0.0.2"))
        of_vera = db.scalar(select(Login.digest).where(Login.address == "127.0.0.1"))
    assert set(values(page, "session")) >= {of_phone[:16]} and of_vera[:16] not in page
    for wrong in (of_vera[:16], "", of_phone[:7], "%"):
        answer = browser.ask("POST", "/account/sessions/end", data={"session": wrong})
        assert answer.status_code == 302 and is_in(phone)
    browser.ask("POST", "/account/sessions/end", data={"session": of_phone[:16]})
    assert is_in(browser) and not is_in(phone)
    assert ("rita", "ended a session", f"{of_phone[:8]}, from 10.0.0.2") in trail(others)
    with others.store.database.reading() as db:
        assert of_vera in db.scalars(select(Login.digest)).all()
        own = db.scalar(select(Login.digest).where(Login.address == "10.0.0.1"))
    browser.ask("POST", "/account/sessions/end", data={"session": own[:16]})
    assert not is_in(browser)


def test_all_other_sessions_are_ended_at_once(others):
    browsers = [enter(others, "rita") for _ in range(3)]
    vera = enter(others, "vera")
    assert 'value="others"' in browsers[1].get("/account").text
    browsers[1].ask("POST", "/account/sessions/end", data={"session": "others"})
    assert [is_in(each) for each in (*browsers, vera)] == [False, True, False, True]
    assert 'value="others"' not in browsers[1].get("/account").text


def test_tokens_are_made_shown_once_and_revoked(others):
    browser = enter(others, "rita")
    answer = make_token(browser)
    token = shown_token(answer)
    assert answer.status_code == 201 and answer.headers["Cache-Control"] == "no-store"
    assert Browser(others).ask("GET", "/api/v1/records", headers=bearer(token)).status_code == 200
    page = browser.get("/account").text
    assert "nightly export" in page and token not in page
    [value] = values(page, "token")
    other = enter(others, "vera")
    assert other.ask("POST", "/account/tokens/revoke", data={"token": value}).status_code == 302
    assert Browser(others).ask("GET", "/api/v1/records", headers=bearer(token)).status_code == 200
    assert browser.ask("POST", "/account/tokens/revoke", data={"token": value}).status_code == 302
    assert Browser(others).ask("GET", "/api/v1/records", headers=bearer(token)).status_code == 401
    assert "No tokens yet" in browser.get("/account").text
    done = [each for each in trail(others) if "token" in each[1]]
    assert done == [("rita", "made a token", "nightly export, 30 days"),
                    ("rita", "revoked a token", f"{value[:8]}, nightly export")]  # fmt: skip


def test_a_token_that_has_ended_is_marked(others):
    browser = enter(others, "rita")
    make_token(browser)
    assert "expired" not in browser.get("/account").text
    age(others, Token.expires_at, 31 * 86_400)
    assert "expired" in browser.get("/account").text


@pytest.mark.parametrize("given", [{"days": each} for each in ("0", "366", "-1", "1.5", "x", "", "99999999999", "٣")]
                         + [{"label": each} for each in ("", "  ", "a" * 101, "a\0b", "line\nbreak")])  # fmt: skip
@ONE_DATABASE
def test_tokens_that_are_not_made(others, given):
    browser = enter(others, "rita")
    answer = make_token(browser, **given)
    assert answer.status_code == 422 and "No token was created" in answer.text
    with others.store.database.reading() as db:
        assert db.scalars(select(Token)).all() == []


def test_a_label_is_text(others):
    browser = enter(others, "rita")
    answer = make_token(browser, label="<script>alert(1)</script>")
    assert answer.status_code == 201 and "<script>alert" not in answer.text and "&lt;script&gt;alert" in answer.text


def test_whoever_was_ended_meanwhile_changes_nothing(others, monkeypatch):
    """Between the check of a request and its change: what a new password has just ended makes no new token."""
    digest = "0" * 64

    def end_all(_):
        with others.store.database.writing() as db:
            db.execute(delete(Login))

    with others.store.database.writing() as db:
        user = accounts.named_user(db, "rita")
        db.add(Token(digest=digest, user_id=user.id, label="a", created_at=time.time(), expires_at=time.time() + 99))
    for address, sent in (("tokens", {"label": "a", "days": "1"}), ("tokens/revoke", {"token": digest}),
                          ("password", {"present": PASSWORD, "password": NEW, "again": NEW})):  # fmt: skip
        browser = enter(others, "rita")
        with monkeypatch.context() as patched:
            patched.setattr("webapp.access.note_use", end_all)
            assert browser.ask("POST", f"/account/{address}", data=sent).status_code == 401, address
    with others.store.database.reading() as db:
        assert db.scalars(select(Token.digest)).all() == [digest]
        assert accounts.check_password(db, "rita", PASSWORD)


def test_the_page_leads_to_it(others, site):
    assert 'href="/account"' in enter(others, "rita").get("/").text
    assert 'href="/account"' not in site.client.get("/").text
