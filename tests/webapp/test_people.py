"""Users managed by an admin on a page: of their own workspace alone, in the trail, and never down to no admin at all."""

import re
import threading

import pytest
from sqlalchemy import func, select

from tests.webapp.builders import ONE_DATABASE
from tests.webapp.people import HOME, PASSWORD, Browser, bearer, enter, site_with_people, told_of, trail
from webapp.storage import accounts
from webapp.storage.tables import Event, Login, Token, User

NEW = "a wholly new password"
CHANGES = ["role", "password", "close", "sessions/end", "tokens/revoke"]


@pytest.fixture
def others(make_site, monkeypatch):
    return site_with_people(make_site, monkeypatch)


def change(browser, what, user, **form):
    return browser.ask("POST", f"/users/{what}", data={"user": user, "role": "reader", "token": "all"} | form)


def add(browser, name, role="reader"):
    return browser.ask("POST", "/users/add", data={"name": name, "role": role})


def link_of(answer):
    """The path of the link that a page shows once."""
    assert answer.status_code == 201
    address = re.search(r'id="link">https://localhost(/welcome\?key=[\w.-]+)<', answer.text)
    return address[1]


def choose(site, link, password=NEW, again=None):
    form = {"key": link.partition("key=")[2], "password": password, "again": password if again is None else again}
    return Browser(site).ask("POST", "/welcome", data=form)


def is_in(browser):
    return browser.get("/patients").status_code == 200


def kept(site):
    """All that an admin can change, of everybody."""
    with site.store.database.reading() as db:
        users = [(each.name, each.role, each.is_active, each.epoch) for each in db.scalars(select(User))]
        return sorted(users), *(db.scalar(select(func.count()).select_from(table)) for table in (Login, Token))


def test_the_list_says_who_may_come_in_and_when_they_were_here(others):
    enter(others, "vera")
    page = enter(others, "ada").get("/users").text
    rows = {each[0]: each[1] for each in re.findall(r'name=(\w+)">\w+</a>(.*?)</tr>', page, re.DOTALL)}
    assert set(rows) == {"rita", "vera", "ada"}
    assert "never" in rows["rita"] and "<time" in rows["vera"] and "reviewer" in rows["vera"]
    assert "you" in rows["ada"] and "you</span>" not in rows["vera"]


@ONE_DATABASE
def test_nobody_but_an_admin_with_a_password_finds_it(others, site):
    with others.store.database.writing() as db:
        token = accounts.add_token(db, "ada", "program")
    before = kept(others)
    for address in ("/users", "/users/user?name=rita", *(f"/users/{each}" for each in ("add", *CHANGES))):
        method = "GET" if "?" in address or address == "/users" else "POST"
        assert Browser(others).ask(method, address).status_code == 302
        assert Browser(others).ask(method, address, headers=bearer(token)).status_code == 403
        assert site.client.open(address, method=method, data={"user": "rita"}).status_code == 403
    assert kept(others) == before
    assert "/users" not in site.client.get("/").text  # on a machine without users


def test_somebody_new_chooses_a_password_once(others):
    ada = enter(others, "ada")
    link = link_of(add(ada, "nina", "reviewer"))
    assert link not in ada.get("/users/user?name=nina").text
    assert "nina" in Browser(others).get(link).text
    assert choose(others, link, again="other").status_code == choose(others, link, "short").status_code == 422
    assert choose(others, link).location == "/login"
    assert Browser(others).log_in("nina", NEW).status_code == 302
    for answer in (Browser(others).get(link), choose(others, link, "another password")):
        assert answer.status_code == 410 and "ask an admin" in answer.text
    assert Browser(others).log_in("nina", NEW).status_code == 302
    assert trail(others)[1:3] == [
        ("ada", "added a user", "nina, reviewer"),
        ("nina", "changed the password", "by a link"),
    ]


@ONE_DATABASE
def test_a_link_ends(others, monkeypatch):
    ada = enter(others, "ada")
    first, second = link_of(add(ada, "nina")), link_of(change(ada, "password", "nina"))
    assert Browser(others).get(first).status_code == 410 and Browser(others).get(second).status_code == 200
    monkeypatch.setattr("webapp.invitations.INVITED_DAYS", -1)
    assert Browser(others).get(second).status_code == 410
    monkeypatch.undo()
    assert Browser(others).get(second).status_code == 200
    change(ada, "close", "nina")
    assert choose(others, second).status_code == 410
    for key in ("", "x", "WzEsMV0.aaaa.bbbb", "é" * 9):
        assert choose(others, f"/welcome?key={key}").status_code == 410


@pytest.mark.parametrize(("name", "role"), [("rita", "reader"), ("olga", "reader"), ("", "reader"), ("  ", "reader"),
                                            ("a\0b", "reader"), ("x" * 256, "reader"), ("nina", "owner")])  # fmt: skip
@ONE_DATABASE
def test_nobody_is_added_in_place_of_another(others, name, role):
    before = kept(others)
    answer = add(enter(others, "ada"), name, role)
    assert answer.status_code == 422 and "Nobody was added" in answer.text
    assert kept(others)[0] == before[0]
    assert Browser(others).log_in("olga").status_code == 302


def test_a_reset_ends_everything_and_lets_in_again_who_was_closed(others):
    ada, rita = enter(others, "ada"), enter(others, "rita")
    with others.store.database.writing() as db:
        token = accounts.add_token(db, "rita", "program")
    change(ada, "close", "rita")
    assert not is_in(rita) and Browser(others).log_in("rita").status_code == 401
    assert Browser(others).ask("GET", "/api/v1/records", headers=bearer(token)).status_code == 401
    assert "Let in again" in ada.get("/users/user?name=rita").text
    assert choose(others, link_of(change(ada, "password", "rita"))).status_code == 302
    assert Browser(others).log_in("rita").status_code == 401 and Browser(others).log_in("rita", NEW).status_code == 302
    with others.store.database.reading() as db:
        assert (accounts.named_user(db, "rita").role, accounts.named_user(db, "rita").workspace) == ("reader", "clinic")
    done = [(action, detail) for who, action, detail in trail(others) if who == "ada"]
    assert done[1:] == [("closed a user", "rita"), ("reset the password", "rita")]


def test_a_role_holds_at_once(others):
    ada, rita = enter(others, "ada"), enter(others, "rita")
    assert rita.get("/audit").status_code == 403
    assert change(ada, "role", "rita", role="admin").status_code == 302
    assert rita.get("/audit").status_code == 200
    assert change(ada, "role", "rita", role="owner").status_code == 404
    assert ("ada", "changed the role", "rita, reader to admin") in trail(others)


def test_sessions_and_tokens_are_ended(others):
    ada, rita, vera = (enter(others, name) for name in ("ada", "rita", "vera"))
    change(ada, "sessions/end", "rita")
    assert (is_in(ada), is_in(rita), is_in(vera)) == (True, False, True)
    with others.store.database.writing() as db:
        tokens = [accounts.add_token(db, "vera", f"program {place}") for place in range(3)]
    values = re.findall(r'name="token" value="(\w{16})"', ada.get("/users/user?name=vera").text)
    assert len(values) == 3
    change(ada, "tokens/revoke", "vera", token=values[0])
    known = [Browser(others).ask("GET", "/api/v1/records", headers=bearer(each)).status_code for each in tokens]
    assert sorted(known) == [200, 200, 401]
    assert change(ada, "tokens/revoke", "vera", token=values[0]).status_code == 302  # a page that was too old
    change(ada, "tokens/revoke", "vera")
    assert [action for who, action, _ in trail(others) if who == "ada"].count("revoked a token") == 3
    with others.store.database.reading() as db:
        assert accounts.list_tokens(db, accounts.named_user(db, "vera").id) == []


def test_users_of_another_workspace_are_not_there(others):
    """404, and to the letter that of a name that nobody has."""
    ada, before = enter(others, "ada"), kept(others)
    for what in CHANGES:
        answer, other = (change(ada, what, name) for name in ("olga", "nobody"))
        assert answer.status_code == other.status_code == 404, what
        assert told_of(answer, "") == told_of(other, "") and "olga" not in answer.text
    answer, other = (ada.get(f"/users/user?name={name}") for name in ("olga", "nobody"))
    assert answer.status_code == other.status_code == 404
    assert told_of(answer, "olga") == told_of(other, "nobody")
    assert ada.get("/users/user?name=a%00b").status_code == 404
    assert (
        "olga" not in ada.get("/users").text and "ada" not in enter(others, "olga").get("/users").text.split("<main")[1]
    )
    assert kept(others)[0] == before[0]


def test_nobody_takes_their_own_rights_so_that_an_admin_stays(others):
    ada, before = enter(others, "ada"), kept(others)
    for what in CHANGES:
        assert change(ada, what, "ada").status_code == 403, what
    assert kept(others) == before
    page = ada.get("/users/user?name=ada").text
    assert "This is you" in page and "/users/close" not in page


@pytest.mark.parametrize("what", ["role", "close"])
def test_of_two_admins_who_take_each_others_rights_one_stays(others, what):
    """At the same moment, and again; the one who is second is an admin no more."""
    with others.store.database.writing() as db:
        accounts.add_user(db, "boris", PASSWORD, "admin", "clinic")
    for _round in range(4):
        with others.store.database.writing() as db:
            for name in ("ada", "boris"):
                user = accounts.named_user(db, name)
                user.role, user.is_active = "admin", True
        pairs = [(enter(others, "ada"), "boris"), (enter(others, "boris"), "ada")]
        both = threading.Barrier(2)

        def take(browser, name, both=both):
            both.wait()
            change(browser, what, name)

        threads = [threading.Thread(target=take, args=each) for each in pairs]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        with others.store.database.reading() as db:
            left = select(func.count()).select_from(User)
            assert db.scalar(left.where(User.workspace == "clinic", User.role == "admin", User.is_active)) == 1


@ONE_DATABASE
def test_whoever_lost_their_rights_meanwhile_changes_nothing(others, monkeypatch):
    """Between the check of a request and its change."""

    def demote(_):
        with others.store.database.writing() as db:
            accounts.named_user(db, "ada").role = "reviewer"

    ada, before = enter(others, "ada"), kept(others)
    monkeypatch.setattr("webapp.access.note_use", demote)
    # The request knows an admin; the database does not any more.
    for what in ("add", *CHANGES):
        with others.store.database.writing() as db:
            accounts.named_user(db, "ada").role = "admin"
        assert change(ada, what, "rita", name="nina").status_code == 403, what
    with others.store.database.writing() as db:
        accounts.named_user(db, "ada").role = "admin"
    assert kept(others) == before


@ONE_DATABASE
def test_forms_need_the_pages_token(others):
    others.app.config["WTF_CSRF_ENABLED"] = True
    link = None
    with others.app.test_request_context(**HOME), others.store.database.writing() as db:
        from webapp.invitations import invitation

        link = invitation(accounts.named_user(db, "rita")).removeprefix("https://localhost")
    assert choose(others, link).status_code == 400
    with others.store.database.reading() as db:
        assert accounts.check_password(db, "rita", PASSWORD)
        assert db.scalar(select(func.count()).select_from(Event)) == 0


@ONE_DATABASE
def test_a_name_is_text(others):
    ada = enter(others, "ada")
    answer = add(ada, "<b>&x?y=1#/z")
    assert answer.status_code == 201 and "<b>" not in answer.text
    [address] = re.findall(r'href="(/users/user\?name=[^"]*z)"', ada.get("/users").text)
    assert "&lt;b&gt;&amp;x?y=1#/z" in ada.get(address.replace("&amp;", "&")).text


@pytest.mark.parametrize(("language", "texts"), [("en", ["Users", "Last login", "reviewer"]),
                                                 ("ru", ["Пользователи", "Последний вход", "рецензент"])])  # fmt: skip
@ONE_DATABASE
def test_both_languages(others, language, texts):
    ada = enter(others, "ada")
    ada.client.set_cookie("language", language, domain="localhost")
    page = ada.get("/users").text
    assert all(each in page for each in texts)
