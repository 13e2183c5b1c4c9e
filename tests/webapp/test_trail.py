"""The trail: every look at a recording leaves a row, rows hang together in a chain, and what is changed in it is seen."""

import threading
import time

import pytest
from sqlalchemy import select, text

from tests.webapp.people import enter, put_record, site_with_people
from webapp import main as command
from webapp import noted
from webapp.storage.accounts import LOCAL, Person
from webapp.storage.database import Database
from webapp.storage.tables import Event, Setting
from webapp.storage.trail import HEAD, check_chain, check_newest, list_events, note_event


def rows(site, workspace="local"):
    """The trail as it came to be: action, record, detail."""
    with site.store.database.reading() as db:
        return [(each.action, each.record, each.detail) for each in list_events(db, workspace, 1_000)][::-1]


def added(site, *addresses):
    """What some requests leave in the trail."""
    before = len(rows(site))
    for address in addresses:
        assert site.drawn(address).status_code == 200, address
    return rows(site)[before:]


def chain(site, wanted=None):
    with site.store.database.snapshot() as db:
        return check_chain(db, wanted)


def change(site, statement, **values):
    """What somebody does who can write the database."""
    with site.store.database.engine.begin() as connection:
        connection.execute(text(statement), values)


@pytest.fixture
def read(site, npy):
    site.read(("a.npy", npy["inferior"]))
    return site


@pytest.mark.parametrize("kind", ["samples", "samples.npy", "beat", "evidence"])
def test_a_first_look_without_the_page_leaves_a_row(read, kind):
    address = f"/api/v1/records/a/{kind}"
    assert added(read, address) == [("saw", "a", kind)]
    assert added(read, address, f"{address}?start_s=2&length_s=1" if "samples" in kind else address) == []
    assert added(read, "/patients/a", address) == [("saw", "a", None)]


def test_a_look_long_after_leaves_a_row_again(read, monkeypatch):
    addresses = ["/api/v1/records/a/samples", "/patients?q=a"]
    assert len(added(read, *addresses)) == 2 and added(read, *addresses) == []
    later = time.monotonic() + noted.COVERED_S
    monkeypatch.setattr(noted.time, "monotonic", lambda: later)
    assert len(added(read, *addresses)) == 2


def test_whatever_leaves_the_site_leaves_a_row_with_its_filter(read):
    names = ["report.pdf", "picture.png"]
    found = added(read, *(f"/api/v1/records/a/{name}" for name in names), "/api/v1/records/a")
    assert found == [*(("exported", "a", name) for name in names), ("saw", "a", None)]
    exports = ["export.csv", "export/labels.csv", "export.json", "export/findings.csv"]
    found = added(read, *(f"/api/v1/{name}" for name in exports), "/api/v1/export.zip?q=abc&present=true")
    told = ["submission.csv", "labels.csv", "findings.json; sort=name", "findings.csv; sort=name"]
    assert [detail for _, _, detail in found] == [*told, "records.zip; q of 3 letters; present=true"]


def test_typing_a_search_is_one_row(read):
    typed = ["a", "ab", "AB c", "ab cd"]
    found = added(read, *(f"/patients?fragment=1&q={each}" for each in typed))
    assert found == [("listed", None, "1 records from 0; q of 1 letters")]
    assert added(read, "/patients?q=ab", "/patients?fragment=1&q=abc") == []  # all begin with what was noted
    assert len(added(read, "/patients?q=b", "/patients?q=ba", "/patients?q=a")) == 2
    assert added(read, "/patients", "/patients") == [("listed", None, "1 records from 0")]
    assert len(added(read, "/patients?q=a")) == 1  # a list of all covers no search
    assert len(added(read, "/patients?q=a&present=true", "/patients?q=a&sort=name", "/patients?q=a&offset=1")) == 3
    assert added(read, "/api/v1/records?limit=5&q=x") == [("listed", None, "0 records from 0; q of 1 letters")]


def test_what_the_list_fetches_leaves_no_row(read, monkeypatch):
    """Rows while one scrolls, and other filters; however long the page has been open. Opened, it leaves one."""
    fetched = [f"/patients?fragment=1&{each}" for each in ("offset=1", "present=true", "q=z", "q=y&sort=name")]
    assert added(read, "/patients", *fetched) == [("listed", None, "1 records from 0")]
    later = time.monotonic() + 100 * noted.COVERED_S
    monkeypatch.setattr(noted.time, "monotonic", lambda: later)
    assert added(read, *fetched) == []
    assert len(added(read, "/api/v1/records", "/patients?q=z")) == 2


def test_a_look_of_another_person_is_another_row(make_site, monkeypatch, npy):
    site = site_with_people(make_site, monkeypatch)
    put_record(site, "clinic", "own", npy["healthy"])
    for name in ("rita", "vera"):
        browser = enter(site, name)
        for _ in range(2):
            browser.get("/api/v1/records/own/samples")
            browser.get("/patients?q=own")
    with site.store.database.reading() as db:
        found = [(each.user, each.action, each.address) for each in list_events(db, "clinic", 100)]
    for name in ("rita", "vera"):
        assert [each for each in found if each[0] == name and each[1] != "logged in"] == [
            (name, "listed", "127.0.0.1"),
            (name, "saw", "127.0.0.1"),
        ]


@pytest.mark.parametrize("column", ["at", "workspace", "user", "action", "record", "record_id", "detail", "address"])
def test_a_row_that_was_changed_is_named(read, column):
    added(read, "/patients/a", "/patients", "/api/v1/export.csv")
    assert chain(read).wrong is None
    with read.store.database.reading() as db:
        row = db.scalars(select(Event).where(Event.action == "saw")).one()
    changed = {"at": row.at + 0.01, "record_id": 77}.get(column, "other")
    change(read, f'UPDATE audit SET "{column}" = :changed WHERE id = :id', changed=changed, id=row.id)
    found = chain(read)
    assert found.n_rows == 2 and f"number {row.id}," in found.wrong and "changed" in found.wrong
    assert "does not hold together" in read.client.get("/audit").text


def test_a_row_that_was_taken_away_is_missed(read):
    added(read, "/patients/a", "/patients", "/api/v1/export.csv")
    change(read, "DELETE FROM audit WHERE action = 'saw'")
    found = chain(read)
    assert "row 2 " in found.wrong and "listed" in found.wrong and "taken away" in found.wrong


def test_rows_that_were_cut_off_are_missed(read):
    added(read, "/patients/a", "/patients")
    head = chain(read).head
    assert chain(read, head).wrong is None
    with read.store.database.reading() as db:
        kept = db.get(Setting, HEAD).value
        former = db.scalars(select(Event.hash).order_by(Event.id)).all()[-2]
    change(read, "DELETE FROM audit WHERE action = 'listed'")
    assert chain(read).wrong == "3 rows were written and 2 are there: the newest were cut off"
    with read.store.database.snapshot() as db:
        assert "cut off" in check_newest(db).wrong
    signature = kept.split()[2]
    change(read, "UPDATE settings SET value = :value WHERE key = 'trail_head'", value=f"2 {former} {signature}")
    assert "the note of the newest row was changed" in chain(read).wrong
    change(read, "DELETE FROM settings WHERE key = 'trail_head'")
    assert added(read, "/patients/a") and "taken away" in chain(read).wrong  # what follows hides nothing


def test_a_noted_head_finds_what_was_rewritten(read, monkeypatch, capsys):
    added(read, "/patients/a")
    arguments = ["--data", str(read.store.settings.data), "audit"]
    monkeypatch.setenv("DATABASE_URL", read.store.settings.database_url)
    assert command.main([*arguments, "--verify"]) == 0
    told = capsys.readouterr().out.split()
    assert told[:4] == ["2", "rows,", "unbroken,", "head"] and len(told[4]) == 64
    added(read, "/patients/a")
    assert command.main([*arguments, "--head", told[4]]) == 0
    assert command.main([*arguments, "--head", "0" * 64]) == 2
    assert "rewritten or cut off" in capsys.readouterr().err
    change(read, "UPDATE audit SET detail = 'x' WHERE action = 'uploaded'")
    assert command.main([*arguments, "--verify"]) == 2
    assert capsys.readouterr().err.startswith("the trail is broken: row 1 (number ")


def test_rows_of_a_record_are_found_after_its_deletion(read, monkeypatch, capsys):
    added(read, "/patients/a", "/api/v1/records/a/samples")
    monkeypatch.setenv("DATABASE_URL", read.store.settings.database_url)
    assert read.client.delete("/api/v1/records/a").status_code == 204
    arguments = ["--data", str(read.store.settings.data), "audit", "--record"]
    assert command.main([*arguments, "a"]) == 0
    lines = [line.split("\t")[2:] for line in capsys.readouterr().out.splitlines()]
    assert [line[0] for line in lines] == ["deleted", "saw", "saw"]
    assert all(line[1].startswith("deleted record ") and line[3] == "127.0.0.1" for line in lines)
    assert command.main([*arguments, "b"]) == 0 and capsys.readouterr().out == ""
    page = read.client.get("/audit").text
    assert "deleted record " in page and "127.0.0.1" in page and "unbroken" in page
    assert chain(read).wrong is None


def test_another_record_is_not_shown_under_the_number_of_one_that_was_deleted(read, npy):
    added(read, "/patients/a")
    read.client.delete("/api/v1/records/a")
    read.read(("b.npy", npy["healthy"]))
    change(read, "UPDATE records SET id = (SELECT max(record_id) FROM audit)")
    assert ("saw", "b", None) not in rows(read) and ("saw", None, None) in rows(read)


def test_many_write_at_once(site):
    failed = []

    def write(place):
        database = Database(site.store.settings.url)  # as another process has it
        try:
            for n in range(50):
                with database.writing() as db:
                    note_event(db, Person(f"p{place}", "admin", f"w{place % 3}"), "saw", f"r{n}", "x" * n)
        except Exception as error:
            failed.append(error)
        finally:
            database.close()

    threads = [threading.Thread(target=write, args=(place,)) for place in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    found = chain(site)
    assert (found.n_rows, found.wrong) == (400, None)


def test_what_did_not_come_true_leaves_no_row(site):
    with pytest.raises(ZeroDivisionError), site.store.database.writing() as db:
        note_event(db, LOCAL, "saw", "x")
        1 / 0  # noqa: B018
    assert rows(site) == [] and chain(site).wrong is None


def test_words_that_no_database_keeps(site):
    with site.store.database.writing() as db:
        note_event(
            db, Person("вера", "admin", "local"), "saw", "имя", "half \udcff, nothing \0, line\n, 1.5 \U0001f600"
        )
    with site.store.database.reading() as db:
        (line,) = list_events(db, "local", 9)
    assert line.detail == "half _, nothing _, line , 1.5 \U0001f600" and chain(site).wrong is None
