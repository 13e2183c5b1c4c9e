"""After a deletion the name of what was deleted stands nowhere: not in the database's files, and not on any page."""

import json
from random import Random

import pytest
from sqlalchemy import select, text

from tests.webapp.builders import zip_bytes
from webapp.storage.tables import Event, Form, Job, Task

NAME = "Иванова Мария 1951"
KEPT = "kept record 17"
FORM = "record_name,перегородочный,передний,боковой,передне-боковой,передне-перегородочный,нижний,норма\n"


def places_of(site, name):
    """Files of the data folder in which a name stands, as it is or as JSON writes it, in bytes of any text."""
    written = {name.encode(), json.dumps(name)[1:-1].encode(), name.encode("utf-16-le"), name.casefold().encode()}
    paths = [path for path in site.store.files.folder.rglob("*") if path.is_file()]
    held = [path.name for path in paths if any(each in path.read_bytes() for each in written)]
    return held + [path.name for path in site.store.files.folder.rglob("*") if name in path.name]


def rows_of(site, name):
    """Rows of the database in which a name stands."""
    escaped = json.dumps(name)[1:-1]
    with site.store.database.reading() as db:
        tables = db.scalars(
            text(
                "SELECT name FROM sqlite_master WHERE type = 'table'"
                if site.store.database.is_sqlite
                else "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            )
        ).all()
        rows = [(table, str(tuple(row))) for table in tables for row in db.execute(text(f'SELECT * FROM "{table}"'))]
    return [table for table, row in rows if name in row or escaped in row or name.casefold() in row]


def looked_at_in_every_way(site, npy, name):
    """Upload a recording of this name alone, and in an archive with one that is refused; look, search, review, export."""
    site.read((f"{name}.npy", npy["inferior"]))
    site.read(
        (
            f"{name}.zip",
            zip_bytes(
                {f"{name}.npy": npy["anterior"], f"y/{name}.npy": npy["healthy"][:900], f"x/{KEPT}.npy": npy["healthy"]}
            ),
        )
    )
    content = FORM + "\n".join(f"{each},,,,,,," for each in ("first", name, KEPT)) + "\n"
    assert site.post("/template", ("form.csv", content.encode())).status_code == 200
    address = f"/api/v1/records/{name}"
    for rest in ("", "/samples", "/samples.npy", "/beat", "/evidence", "/picture.png", "/report.pdf"):
        assert site.drawn(address + rest).status_code == 200, rest
    for rest in (
        f"/patients/{name}",
        f"/patients?q={name}",
        f"/api/v1/records?q={name}",
        f"/api/v1/export.zip?q={name}",
    ):
        assert site.client.get(rest).status_code == 200
    review = {"verdict": "correct", "sites": ["septal"], "comment": f"{name} has had it before"}
    assert site.client.post(f"{address}/review", json=review).status_code == 201


def delete(site, name):
    """Delete every record whose name begins so."""
    for each in site.names():
        if each.startswith(name):
            assert site.client.delete(f"/api/v1/records/{each}").status_code == 204


def test_a_deleted_record_leaves_no_name(site, npy):
    looked_at_in_every_way(site, npy, NAME)
    assert rows_of(site, NAME)
    if site.store.database.is_sqlite:
        assert "cardiac.db" in places_of(site, NAME) or "cardiac.db-wal" in places_of(site, NAME)
    delete(site, NAME)
    assert rows_of(site, NAME) == [] and places_of(site, NAME) == []
    for address in ("/", "/patients", "/audit", "/api/v1/jobs", "/api/v1/export.csv"):
        assert NAME not in site.client.get(address).text, address
    assert site.names() == [KEPT]
    with site.store.database.reading() as db:
        assert [row[0] for row in db.scalar(select(Form.rows))] == ["first", KEPT]  # in their order
        assert set(db.scalars(select(Job.name))) == {"names deleted"}
        (refused,) = db.scalars(select(Task.reason).where(Task.reason.is_not(None)))
        assert "(deleted).npy: " in refused and len(refused) > 30
        assert len(db.scalars(select(Event).where(Event.record.is_not(None))).all()) > 8


def test_nothing_of_anybody_stays_after_deleting_everything(site, npy):
    looked_at_in_every_way(site, npy, NAME)
    assert site.client.post("/patients/delete", data={"confirm": "delete"}).status_code == 302
    for name in (NAME, KEPT):
        assert rows_of(site, name) == [] and places_of(site, name) == []


COLUMNS = "workspace, signal, present, probability, sites, uncertain, quality, uploaded_at, document, tracing"
MORE = f"INSERT INTO records (name, folded, {COLUMNS}) SELECT :name, :name, {COLUMNS} FROM records WHERE name = 'first'"


def test_no_page_of_the_file_keeps_a_name_that_was_moved_about(site, npy):
    """Many rows in no order, so that pages of the file and of its indices were split and joined, with names in them."""
    if not site.store.database.is_sqlite:
        pytest.skip("PostgreSQL's pages are its own")
    site.read(("first.npy", npy["healthy"]))
    names = [f"patient {place:05} {'x' * (place % 90)}y" for place in range(3_000)]
    Random(1).shuffle(names)
    with site.store.database.writing() as db:
        for name in names:
            db.execute(text(MORE), {"name": name})
    assert places_of(site, names[0])
    for name in names[:60]:
        assert site.client.delete(f"/api/v1/records/{name}").status_code == 204
    assert [name for name in names[:60] if places_of(site, name)] == []
