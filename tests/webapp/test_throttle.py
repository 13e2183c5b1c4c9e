"""Wrong passwords: they slow down whoever sends them, keep no owner out of their own browser, and tell no names."""

import threading

import pytest
from sqlalchemy import func, select

from tests.webapp.builders import ONE_DATABASE
from tests.webapp.people import PASSWORD, Browser, age, at_address, enter, site_with_people, told_of, trail
from webapp.storage import accounts, throttle
from webapp.storage.tables import Event, Failure

WRONG = "wrong" * 3


@pytest.fixture
def others(make_site, monkeypatch):
    return site_with_people(make_site, monkeypatch)


@pytest.fixture
def clock(monkeypatch):
    """The throttle's time, which stands until it is moved; moved in `clock[0]`."""
    at = [1_700_000_000.0]
    monkeypatch.setattr(throttle, "now", lambda: at[0])
    return at


def failures(site):
    with site.store.database.reading() as db:
        return db.scalar(select(func.count()).select_from(Failure))


def statuses(site, n, name="rita", address="10.0.0.1", password=WRONG):
    return [at_address(site, address).log_in(name, password).status_code for _ in range(n)]


@pytest.mark.parametrize("name", ["rita", "nobody", "n" * 300])
def test_an_address_waits_longer_and_longer(others, clock, name):
    assert statuses(others, 7, name) == [401] * 5 + [429] * 2
    for wait_s in (1, 2, 4, 8, 16, 32, 64, 128):
        locked = at_address(others, "10.0.0.1").log_in(name)  # the right password is not even looked at
        assert locked.status_code == 429 and int(locked.headers["Retry-After"]) == wait_s
        clock[0] += wait_s - 0.5
        assert statuses(others, 1, name) == [429]
        clock[0] += 0.5
        assert statuses(others, 2, name) == [401, 429]
    assert failures(others) == 13  # waiting does not lengthen it
    assert Browser(others).log_in("vera").status_code == 302
    clock[0] += throttle.WINDOW_S
    assert statuses(others, 1, name, password=PASSWORD) == [302 if name == "rita" else 401]


@pytest.mark.parametrize(("wait_s", "told"), [(1, "1 second."), (16, "16 seconds."), (64, "2 minutes.")])
@ONE_DATABASE
def test_the_wait_is_said(others, clock, wait_s, told):
    n = 0
    while 2**n < wait_s:
        statuses(others, 1 if n else 5)
        n += 1
        clock[0] += 2 ** (n - 1)
    statuses(others, 1 if n else 5)
    answer = at_address(others, "10.0.0.1").log_in("rita")
    assert f"Too many wrong passwords: try again in {told}" in answer.text


def test_no_address_has_more_than_its_share(others, clock, monkeypatch):
    monkeypatch.setattr(throttle, "_wait_s", lambda _: 0.0)
    for place in range(throttle.MOST_OF_ADDRESS):
        assert statuses(others, 1, f"guess{place}") == [401]
        clock[0] += 1
    locked = at_address(others, "10.0.0.1").log_in("rita")
    assert locked.status_code == 429
    assert int(locked.headers["Retry-After"]) == throttle.WINDOW_S - throttle.MOST_OF_ADDRESS
    assert statuses(others, 1, "rita", "10.0.0.2", PASSWORD) == [302]


def test_an_address_is_counted_over_many_names(others, clock):
    assert [statuses(others, 1, f"guess{place}")[0] for place in range(6)] == [401] * 5 + [429]
    assert statuses(others, 1, "rita", "10.0.0.2", PASSWORD) == [302]


@pytest.mark.parametrize(
    ("addresses", "status"),
    [
        ([f"2001:db8:0:1::{place}" for place in range(1, 7)], 429),
        ([f"2001:db8:0:1:{place}::1" for place in range(1, 7)], 429),
        ([f"2001:db8:0:{place}::1" for place in range(1, 7)], 401),
        (["::ffff:10.0.0.9", "10.0.0.9"] * 3, 429),
        ([f"10.0.0.{place}" for place in range(1, 7)], 401),
    ],
)
def test_what_counts_as_one_address(others, clock, addresses, status):
    found = [statuses(others, 1, f"guess{place}", address)[0] for place, address in enumerate(addresses)]
    assert found == [401] * 5 + [status]


@pytest.mark.parametrize("name", ["rita", "nobody"])
def test_a_name_waits_only_when_many_addresses_try_it(others, clock, name):
    for place in range(9):
        assert statuses(others, 4, name, f"10.0.1.{place}") == [401] * 4
    if name == "rita":
        assert statuses(others, 1, name, "10.0.2.1", PASSWORD) == [302]  # and is no address of failures
    assert statuses(others, 1, name, "10.0.3.1") == [401]  # the tenth
    assert statuses(others, 1, name, "10.0.5.1", PASSWORD) == [429]
    assert statuses(others, 1, "vera", "10.0.5.1", PASSWORD) == [302]
    clock[0] += throttle.WINDOW_S
    assert statuses(others, 1, name, "10.0.5.1", PASSWORD) == [302 if name == "rita" else 401]


def attack(site, clock, n):
    """Wrong passwords under the owner's name from many addresses: each when the name's wait is over, at last without."""
    for place in range(n):
        browser = at_address(site, f"10.1.0.{place}")
        while (answer := browser.log_in("rita", WRONG)).status_code == 429:
            clock[0] += int(answer.headers["Retry-After"])
    last = [statuses(site, 1, "rita", f"10.2.0.{place}")[0] for place in range(throttle.FREE_ADDRESSES + 1)]
    assert last[-1] == 429


def test_a_hundred_addresses_do_not_keep_the_owner_out(others, clock):
    owner = enter(others, "rita")
    owner.ask("POST", "/logout")
    attack(others, clock, n=100)
    assert owner.log_in("rita", WRONG).status_code == 401  # a slip of the finger
    assert owner.log_in("rita").status_code == 302
    assert statuses(others, 1, "rita", "10.2.0.1", PASSWORD) == [429]  # which does not let the strangers go on


def test_an_attacker_beside_the_owner_does_not_keep_them_out(others, clock):
    """Behind one address, as in a clinic."""
    owner = enter(others, "rita")
    assert statuses(others, 6, "rita", "127.0.0.1")[-1] == 429
    assert owner.log_in("rita").status_code == 302


def test_a_known_browser_has_few_tries_as_well(others, clock):
    owner = enter(others, "rita")
    assert [owner.log_in("rita", WRONG).status_code for _ in range(6)] == [401] * 5 + [429]
    assert owner.log_in("rita").status_code == 429
    assert statuses(others, 1, password=PASSWORD) == [302]
    clock[0] += 1
    assert owner.log_in("rita").status_code == 302
    assert failures(others) == 0


def test_a_browser_is_known_for_its_own_user_alone(others, clock):
    """Whoever has an account has no tries at another's, and every browser tries one count at most."""
    mallory = enter(others, "vera")
    assert [mallory.log_in("rita", WRONG).status_code for _ in range(6)] == [401] * 5 + [429]
    assert mallory.log_in("vera").status_code == 302
    assert mallory.log_in("rita", WRONG).status_code == 429


def known_cookies(browser):
    return [each for each in browser.client._cookies.values() if "known" in each.key]


@pytest.mark.parametrize("change", ["forged", "of another user", "new password", "another's name"])
@ONE_DATABASE
def test_a_browser_is_not_known_by_what_it_makes_up(others, clock, change):
    owner, other = enter(others, "rita"), enter(others, "vera")
    [cookie], [of_vera] = known_cookies(owner), known_cookies(other)
    value = {"forged": cookie.value[:-2] + "xx", "of another user": of_vera.value}.get(change, cookie.value)
    owner.client.set_cookie(cookie.key, value, domain="localhost", path="/login", secure=True)
    if change == "new password":
        with others.store.database.writing() as db:
            accounts.add_user(db, "rita", PASSWORD, "reader", "clinic")
    name = "vera" if change == "another's name" else "rita"
    statuses(others, 5, "guess", "127.0.0.1")
    assert owner.log_in(name, WRONG).status_code == 429


def test_a_known_browser_stays_known_after_logout(others, clock):
    owner = enter(others, "rita")
    owner.ask("POST", "/logout")
    assert len(known_cookies(owner)) == 1
    [cookie] = known_cookies(owner)
    assert cookie.http_only and cookie.secure and cookie.same_site == "Lax" and cookie.max_age > 86_400 * 90


def test_a_right_password_forgives_what_this_client_got_wrong_before(others, clock):
    for _ in range(3):
        assert statuses(others, 4) == [401] * 4
        assert statuses(others, 1, password=PASSWORD) == [302]
    assert failures(others) == 0


def test_a_login_of_the_owner_forgives_no_stranger(others, clock):
    assert statuses(others, 5)[-1] == 401
    assert Browser(others).log_in("rita").status_code == 302
    assert statuses(others, 1) == [429]


def test_a_new_password_unlocks_the_name(others, clock):
    attack(others, clock, n=15)
    with others.store.database.writing() as db:
        accounts.add_user(db, "rita", PASSWORD, "reader", "clinic")
    assert statuses(others, 1, "rita", "10.3.0.1", PASSWORD) == [302]


def test_forwarded_addresses_are_not_counted_where_nobody_forwards(others, clock):
    found = []
    for place in range(6):
        headers = {"X-Forwarded-For": f"10.9.0.{place}", "Forwarded": f"for=10.9.0.{place}", "X-Real-IP": "10.9.9.9"}
        sent = {"data": {"name": "guess", "password": WRONG}, "headers": headers}
        found.append(Browser(others).ask("POST", "/login", **sent).status_code)
    assert found == [401] * 5 + [429]


def test_a_failure_is_counted_before_the_password_is_looked_at(others, clock, monkeypatch):
    seen = []
    monkeypatch.setattr(accounts, "check_password", lambda *_: seen.append(failures(others)))
    statuses(others, 8)
    assert seen == [1, 2, 3, 4, 5]


def test_of_many_at_once_none_is_looked_at_too_much(others, clock, monkeypatch):
    looked, together = [], threading.Barrier(10)
    monkeypatch.setattr(accounts, "check_password", lambda *_: looked.append(1))

    def guess():
        browser = at_address(others, "10.0.0.1")
        together.wait()
        browser.log_in("rita", WRONG)

    threads = [threading.Thread(target=guess) for _ in range(10)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(looked) == failures(others) == 5


def test_names_are_not_told(others, clock):
    """Not by an answer, nor by a count: whether somebody has a name, and whether they were closed."""
    with others.store.database.writing() as db:
        accounts.close_user(db, "vera")
    told = []
    for place, name in enumerate(("rita", "vera", "nobody")):
        found = []
        for _ in range(7):
            answer = at_address(others, f"10.0.0.{place}").log_in(name, WRONG)
            headers = sorted(key for key, _ in answer.headers)
            found.append((answer.status_code, headers, answer.headers.get("Retry-After"), told_of(answer, "/login")))
        told.append(found)
    assert told[0] == told[1] == told[2]


def test_the_trail_of_wrong_passwords(others, clock):
    secret = "my password in the wrong field"
    statuses(others, 7)
    statuses(others, 7, secret, "10.0.0.2")
    wrong = ("rita", "gave a wrong password", "")
    assert trail(others) == [wrong] * 5 + [("rita", "was locked out", "for 1 s")]
    unknown = ("an unknown name", "gave a wrong password", "")
    locked = ("an unknown name", "was locked out", "for 1 s")
    assert trail(others, "local") == [unknown] * 5 + [locked]
    with others.store.database.reading() as db:
        assert [each.address for each in db.scalars(select(Event))] == ["10.0.0.1"] * 6 + ["10.0.0.2"] * 6
        texts = [str(vars(each)) for table in (Event, Failure) for each in db.scalars(select(table))]
    assert not any(secret in text or WRONG in text for text in texts)


def test_failures_that_count_no_more_are_forgotten(others):
    statuses(others, 3)
    age(others, Failure.at, throttle.WINDOW_S + 1)
    statuses(others, 1, "vera")
    assert failures(others) == 1
