"""`user` of the command line: sessions and tokens of a user, and the lines that they leave in the trail."""

import re

import pytest

from tests.webapp.builders import ONE_DATABASE
from tests.webapp.people import PASSWORD, Browser, bearer, make_hashes_cheap, trail
from webapp import main


@pytest.fixture
def shared(make_site, settings, monkeypatch, capsys):
    """A server that others reach with the user rita; and the command line on its data, which gives lines of cells."""
    make_hashes_cheap(monkeypatch)
    site = make_site(host="0.0.0.0")
    monkeypatch.setenv("ECG_PASSWORD", PASSWORD)
    if settings.database_url:
        monkeypatch.setenv("DATABASE_URL", settings.database_url)
    else:
        monkeypatch.delenv("DATABASE_URL", raising=False)

    def command(*arguments, status=0):
        assert main.main(["--data", str(settings.data), *arguments]) == status
        told = capsys.readouterr()
        return told.err.strip() if status else [line.split("\t") for line in told.out.splitlines()]

    command("user", "add", "rita", "--role", "reader", "--workspace", "clinic")
    return site, command


def enter(site):
    browser = Browser(site)
    assert browser.log_in("rita").status_code == 302
    return browser


def is_in(browser):
    return browser.get("/patients").status_code == 200


def ask(site, token):
    return Browser(site).ask("GET", "/api/v1/records", headers=bearer(token)).status_code


def test_tokens_are_made_listed_and_revoked(shared):
    site, command = shared
    [[first]] = command("user", "token", "rita")
    [[second]] = command("user", "token", "rita", "--days", "7", "--label", "nightly export")
    assert ask(site, first) == ask(site, second) == 200
    rows = {row[1]: row for row in command("user", "tokens", "rita")}
    assert set(rows) == {"command line", "nightly export"}
    for short, _, made, ends, used in rows.values():
        assert re.fullmatch("[0-9a-f]{8}", short) and made < ends and used[:10] == made[:10]
    [told] = command("user", "revoke", "rita", rows["nightly export"][0])
    assert "opens nothing any more" in told[0]
    assert (ask(site, first), ask(site, second)) == (200, 401)
    assert len(command("user", "tokens", "rita")) == 1
    by = "command line"
    done = [each for each in trail(site) if "token" in each[1]]
    assert done == [(by, "made a token", "rita, command line, 90 days"),
                    (by, "made a token", "rita, nightly export, 7 days"),
                    (by, "revoked a token", f"rita, {rows['nightly export'][0]}, nightly export")]  # fmt: skip


def test_sessions_are_listed_and_ended(shared):
    site, command = shared
    assert command("user", "sessions", "rita") == []
    browser = enter(site)
    [[short, since, seen, address]] = command("user", "sessions", "rita")
    assert re.fullmatch("[0-9a-f]{8}", short) and since == seen and address == "127.0.0.1"
    assert command("user", "logout", "rita") == [["rita: 1 sessions were ended."]]
    assert not is_in(browser) and command("user", "sessions", "rita") == []
    assert ("command line", "ended a session", "rita, 1 sessions") in trail(site)


@pytest.mark.parametrize("arguments", [("add", "rita", "--role", "reader", "--workspace", "clinic"), ("close", "rita")])
def test_a_new_password_and_closing_end_everything(shared, arguments):
    site, command = shared
    browser = enter(site)
    [[token]] = command("user", "token", "rita")
    assert is_in(browser) and ask(site, token) == 200
    command("user", *arguments)
    assert not is_in(browser) and ask(site, token) == 401
    assert command("user", "sessions", "rita") == command("user", "tokens", "rita") == []
    done = "changed the password" if arguments[0] == "add" else "closed a user"
    assert trail(site)[-1][:2] == ("command line", done)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["token", "rita", "--days", "0"], "1 to 365 days"),
        (["token", "rita", "--days", "366"], "1 to 365 days"),
        (["token", "rita", "--label", ""], "1 to 100 letters"),
        (["token", "rita", "--label", "\udcff"], "1 to 100 letters"),
        (["revoke", "rita"], "name the token"),
        (["revoke", "rita", "00000000"], "has no token '00000000'"),
        (["revoke", "rita", "\udcff"], "has no token"),
        (["tokens", "nobody"], "no user 'nobody'"),
        (["sessions", "nobody"], "no user 'nobody'"),
        (["logout", "nobody"], "no user 'nobody'"),
        (["sessions"], "name the user"),
    ],
)
@ONE_DATABASE
def test_one_sentence_for_what_cannot_be(shared, arguments, told):
    _, command = shared
    wrong = command("user", *arguments, status=2)
    assert told in wrong and "\n" not in wrong


@pytest.mark.parametrize("option", ["--idle-minutes", "--session-hours"])
@pytest.mark.parametrize("value", ["0", "-5", "nan", "inf", "1e9"])
@ONE_DATABASE
def test_times_that_cannot_be(shared, option, value):
    _, command = shared
    assert "at least 2 minutes" in command(f"{option}={value}", status=2)
