"""Pictures and reports: drawn by workers, kept, drawn anew when what they show has changed, and gone with their record."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from cardiac.errors import RecordError
from webapp import worker as working
from webapp.drawings import KINDS, MOST_WAITING
from webapp.storage.tables import Record, Task

MARKS = {"report.pdf": b"%PDF", "picture.png": b"\x89PNG"}


@pytest.fixture
def read(site, npy):
    site.read(("healthy.npy", npy["healthy"]))


def drawings(site):
    return sorted(path.name for path in (site.store.files.folder / "drawings").glob("*/*"))


def n_tasks(site):
    with site.store.database.reading() as session:
        return session.scalar(select(func.count()).select_from(Task).where(Task.kind == "draw"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_drawing_is_made_once_and_kept(site, read, kind, monkeypatch):
    address = f"/api/v1/records/healthy/{kind}"
    assert [site.client.get(address).status_code for _ in range(3)] == [202] * 3
    assert n_tasks(site) == 1
    site.worker.work_until_idle()
    monkeypatch.setattr(working, "draw", None)  # nothing more is drawn
    first, second = site.client.get(address), site.client.get(address)
    assert first.status_code == 200 and first.content_type == KINDS[kind]
    assert first.data == second.data and first.data.startswith(MARKS[kind])
    assert n_tasks(site) == 0 and len(drawings(site)) == 1
    assert site.client.head(address).status_code == 200


def test_a_drawing_shows_the_evidence_when_that_has_come(site, read):
    address = "/api/v1/records/healthy/picture.png"
    without = site.drawn(address).data
    assert site.drawn("/api/v1/records/healthy/evidence").json["evidence"]
    assert site.client.get(address).status_code == 202  # the one without evidence is old
    assert site.drawn(address).data != without
    assert len(drawings(site)) == 1


def test_drawings_go_with_their_record(site, npy):
    site.read(*((f"{name}.npy", content) for name, content in npy.items()))
    for name in npy:
        assert site.drawn(f"/api/v1/records/{name}/report.pdf").status_code == 200
    assert len(drawings(site)) == 3
    site.client.delete("/api/v1/records/healthy")
    assert len(drawings(site)) == 2
    site.client.post("/patients/delete", data={"confirm": "delete"})
    assert drawings(site) == []


def test_a_record_that_is_deleted_while_it_is_drawn(site, read, monkeypatch):
    def draw(files, row, kind):
        assert site.client.delete("/api/v1/records/healthy").status_code == 204
        return b"a drawing of somebody who was deleted"

    monkeypatch.setattr(working, "draw", draw)
    assert site.client.get("/api/v1/records/healthy/report.pdf").status_code == 202
    site.worker.work_until_idle()
    assert drawings(site) == [] and not list((site.store.files.folder / "incoming").iterdir())


def test_what_cannot_be_drawn_is_said_and_tried_again(site, read, monkeypatch):
    address = "/api/v1/records/healthy/report.pdf"

    def fail(*_):
        raise RecordError("healthy: cannot be drawn")

    monkeypatch.setattr(working, "draw", fail)
    site.client.get(address)
    site.worker.work_until_idle()
    answer = site.client.get(address)
    assert (answer.status_code, answer.json["detail"]) == (422, "healthy: cannot be drawn")
    monkeypatch.undo()
    assert site.drawn(address).status_code == 200


def test_old_drawings_are_swept(site, read, monkeypatch):
    for kind in KINDS:
        site.drawn(f"/api/v1/records/healthy/{kind}")
    monkeypatch.setattr("webapp.storage.files.MOST_DRAWN_BYTES", 0)
    with site.store.database.reading() as session:
        site.store.files.sweep(session, [])
    assert drawings(site) == []
    assert site.drawn("/api/v1/records/healthy/picture.png").status_code == 200


def test_a_few_wait_and_others_are_told_to_ask_again(make_site, npy):
    """Sixteen at once, of whom nobody's picture is drawn: most are answered at once, and none holds up the list."""
    site = make_site(draw_wait_s=3_600.0)
    site.read(("healthy.npy", npy["healthy"]))
    n = 16
    with ThreadPoolExecutor(n) as pool:
        asked = [pool.submit(site.app.test_client().get, "/api/v1/records/healthy/report.pdf") for _ in range(n)]
        while sum(each.done() for each in asked) < n - MOST_WAITING:
            assert site.client.get("/health").status_code == 200
        waiting = [each for each in asked if not each.done()]
        assert len(waiting) == MOST_WAITING
        site.worker.work_until_idle()
        assert sorted(each.result().status_code for each in asked) == [200] * MOST_WAITING + [202] * (n - MOST_WAITING)
        assert all(each.result().data.startswith(b"%PDF") for each in waiting)


def test_a_drawing_that_ends_its_worker_is_given_up(site, read):
    address = "/api/v1/records/healthy/report.pdf"
    site.client.get(address)
    with site.store.database.writing() as session:
        session.scalar(select(Task).where(Task.kind == "draw")).attempts = 2
    site.worker.work_until_idle()
    answer = site.client.get(address)
    assert answer.status_code == 422 and "twice" in answer.json["detail"]
    with site.store.database.reading() as session:
        assert session.scalar(select(Record.name)) == "healthy"
