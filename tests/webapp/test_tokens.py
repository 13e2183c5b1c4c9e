"""Tokens of programs: what they open, their end, and that each can be revoked alone."""

import io

import pytest
from sqlalchemy import select

from cardiac.errors import ConfigError
from tests.webapp.builders import ONE_DATABASE
from tests.webapp.people import PASSWORD, Browser, age, bearer, enter, site_with_people, trail
from webapp.storage import accounts
from webapp.storage.tables import Token

DAY_S = 86_400


@pytest.fixture
def others(make_site, monkeypatch):
    return site_with_people(make_site, monkeypatch)


def make(site, name="rita", label="program", **options):
    with site.store.database.writing() as db:
        return accounts.add_token(db, name, label, **options)


def ask(site, token):
    return Browser(site).ask("GET", "/api/v1/records", headers=bearer(token))


def kept(site):
    with site.store.database.reading() as db:
        return list(db.scalars(select(Token).order_by(Token.created_at)))


@pytest.mark.parametrize("sent", ["Bearer wrong", "Bearer ", "Bearer", "bearer \udcff", "Bearer null"])
@ONE_DATABASE
def test_a_wrong_token_is_a_problem_even_beside_a_session(others, sent):
    for browser in (Browser(others), enter(others, "ada")):
        answer = browser.ask("GET", "/api/v1/records", headers={"Authorization": sent.replace("\udcff", "ÿ")})
        assert answer.status_code == 401 and answer.content_type == "application/problem+json"


def test_a_token_does_what_its_user_may(others, npy):
    tokens = {name: make(others, name) for name in ("rita", "vera")}
    assert len({*tokens.values(), make(others)}) == 3
    for name, status in (("rita", 403), ("vera", 202)):
        sent = {"data": {"file": (io.BytesIO(npy["healthy"]), "a.npy")}, "headers": bearer(tokens[name])}
        assert Browser(others).ask("POST", "/api/v1/records", **sent).status_code == status  # without X-CSRFToken
    others.worker.work_until_idle()
    for name in tokens:
        found = Browser(others).ask("GET", "/api/v1/records/a", headers=bearer(tokens[name]))
        assert found.json["record"] == "a"
    assert not set(tokens.values()) & {each.digest for each in kept(others)}


@pytest.mark.parametrize(("options", "days"), [({}, 90), ({"days": 1}, 1), ({"days": 365}, 365)])
def test_a_token_ends_after_its_days(others, options, days):
    token = make(others, **options)
    assert kept(others)[0].expires_at - kept(others)[0].created_at == pytest.approx(days * DAY_S)
    age(others, Token.expires_at, days * DAY_S - 600)
    assert ask(others, token).status_code == 200
    age(others, Token.expires_at, 601)
    answer = ask(others, token)
    assert answer.status_code == 401 and answer.content_type == "application/problem+json"
    assert "this token ended on 20" in answer.json["detail"] and "make another" in answer.json["detail"]
    page = Browser(others).ask("GET", "/patients", headers=bearer(token))
    assert page.status_code == 401 and "this token ended on" in page.text
    with others.store.database.reading() as db:
        assert accounts.user_of_token(db, token) is None


def test_the_use_of_an_ended_token_is_in_the_trail_once_in_a_while(others):
    token = make(others, label="nightly export")
    age(others, Token.expires_at, 91 * DAY_S)
    for _ in range(5):
        ask(others, token)
    short = kept(others)[0].digest[:8]
    assert trail(others) == [("rita", "used an ended token", f"{short}, nightly export")]


def test_when_a_token_was_used_last_is_written_once_a_minute(others, monkeypatch):
    token = make(others)
    assert kept(others)[0].used_at is None
    written, mark_used = [], accounts.mark_used
    monkeypatch.setattr(accounts, "mark_used", lambda *given: written.append(1) or mark_used(*given))
    for _ in range(5):
        assert ask(others, token).status_code == 200
    assert len(written) == 1 and kept(others)[0].used_at >= kept(others)[0].created_at
    age(others, Token.used_at, 61)
    before = kept(others)[0].used_at
    assert ask(others, token).status_code == 200
    assert len(written) == 2 and kept(others)[0].used_at > before


def test_one_token_is_revoked_and_the_others_stay(others):
    first, second, of_vera = make(others), make(others), make(others, "vera")
    short = kept(others)[0].digest[:8]
    with others.store.database.writing() as db:
        rita, vera = (accounts.named_user(db, name) for name in ("rita", "vera"))
        for user, wrong in (
            (vera, short),
            (rita, short[:7]),
            (rita, ""),
            (rita, "0" * 8),
            (rita, "%"),
            (rita, "_" * 8),
        ):
            with pytest.raises(ConfigError, match="has no token"):
                accounts.revoke_token(db, user, wrong)
        accounts.revoke_token(db, rita, short)
    assert [ask(others, each).status_code for each in (first, second, of_vera)] == [401, 200, 200]


def test_a_new_password_and_a_closed_user_end_all_tokens(others):
    tokens = {name: make(others, name) for name in ("rita", "vera", "ada")}
    with others.store.database.writing() as db:
        accounts.add_user(db, "rita", "another password", "reader", "clinic")
        accounts.close_user(db, "vera")
    assert [ask(others, tokens[name]).status_code for name in ("rita", "vera", "ada")] == [401, 401, 200]
    with others.store.database.writing() as db:
        accounts.add_user(db, "vera", PASSWORD, "reviewer", "clinic")
    assert ask(others, tokens["vera"]).status_code == 401  # for good


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"days": 0}, "1 to 365 days"),
        ({"days": 366}, "1 to 365 days"),
        ({"days": -1}, "1 to 365 days"),
        ({"label": ""}, "1 to 100 letters"),
        ({"label": "a" * 101}, "1 to 100 letters"),
        ({"label": "line\nbreak"}, "1 to 100 letters"),
        ({"name": "nobody"}, "no user 'nobody'"),
        ({"name": "vera"}, "is closed"),
    ],
)
@ONE_DATABASE
def test_tokens_that_cannot_be(others, given, told):
    with others.store.database.writing() as db:
        accounts.close_user(db, "vera")
    with pytest.raises(ConfigError, match=told):
        make(others, **given)
    assert kept(others) == []


def test_nobody_has_tokens_without_end(others, monkeypatch):
    monkeypatch.setattr(accounts, "MOST_TOKENS", 2)
    make(others), make(others)
    with pytest.raises(ConfigError, match="revoke one"):
        make(others)
    make(others, "vera")
