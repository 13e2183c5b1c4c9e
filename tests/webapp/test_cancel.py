"""Cancelling an upload: what was read stays, what was not is not read, whoever is busy with it does no harm."""

import io

import pytest
from sqlalchemy import select

from tests.webapp.builders import zip_bytes
from tests.webapp.people import enter, site_with_people
from webapp import worker
from webapp.storage.tables import Event, Task
from webapp.work_loop import Pace

N = 6


@pytest.fixture
def archive(npy):
    return zip_bytes({f"r{place}.npy": npy["healthy"] for place in range(N)})


def cancel(site, job):
    return site.client.post(f"/api/v1/jobs/{job}/cancel")


def uploads(site):
    return [path for path in site.files() if path.startswith(("uploads/", "incoming/"))]


@pytest.mark.parametrize("n_done", [0, 1, 3, N])
def test_what_was_read_stays(site, archive, n_done):
    """0: not even opened."""
    site.worker.pace = Pace(1, most=1)
    job = site.send(("a.zip", archive), ("z.npy", b"x"))
    for _ in range(n_done):
        site.worker.work()
    answer = cancel(site, job)
    assert answer.status_code == 200 and answer.json == site.job(job)
    names = [f"r{place}" for place in range(max(0, n_done - 1))]
    assert answer.json["state"] == "cancelled" and answer.json["error"] is None
    assert answer.json["records"] == names == site.names()
    assert answer.json["done"] == len(names) + len(answer.json["refused"])
    assert uploads(site) == []
    assert site.worker.work_until_idle() == 0 and site.names() == names
    assert site.job(job) == answer.json == site.client.get("/api/v1/jobs").json["items"][0]
    with site.store.database.reading() as session:
        assert {task.state for task in session.scalars(select(Task))} <= {"done", "refused", "cancelled"}


def test_what_has_ended_is_not_cancelled(site, npy):
    job = site.read(("a.npy", npy["healthy"]))["job"]
    for _ in range(2):
        answer = cancel(site, job)
        assert (answer.status_code, answer.content_type) == (409, "application/problem+json")
        assert "ended already" in answer.json["detail"]
    assert site.job(job)["state"] == "done"
    waiting = site.send(("b.npy", npy["healthy"]))
    assert [cancel(site, waiting).status_code for _ in range(2)] == [200, 409]
    assert cancel(site, "0" * 32).status_code == cancel(site, "x").status_code == 404


@pytest.mark.parametrize("kind", ["open", "read"])
@pytest.mark.parametrize("before", [True, False])
def test_a_task_that_is_being_worked_on_is_lost(site, npy, archive, monkeypatch, kind, before):
    site.worker.pace = Pace(1, most=1)
    job = site.send(("a.zip", archive))
    if kind == "read":
        site.worker.work()
    name = {"open": "open_upload", "read": "read_alone"}[kind]
    whole = getattr(worker, name)

    def cut(*args, **named):
        if before:
            assert cancel(site, job).status_code == 200
        found = whole(*args, **named)
        if not before:
            assert cancel(site, job).status_code == 200
        return found

    with monkeypatch.context() as during:
        during.setattr(worker, name, cut)
        assert site.worker.work()
    assert site.job(job)["state"] == "cancelled" and site.names() == []
    assert (site.job(job)["records"], site.job(job)["refused"], uploads(site)) == ([], [], [])
    assert site.read(("good.npy", npy["inferior"]))["records"] == ["good"]


def test_the_page_cancels_too(site, archive):
    job = site.send(("a.zip", archive))
    page = site.client.get("/").text
    assert f'action="/jobs/{job}/cancel"' in page
    told = site.client.post(f"/jobs/{job}/cancel", follow_redirects=True).text
    assert "Upload cancelled. Records that were already read are kept." in told and 'data-state="cancelled"' in told
    told = site.client.post(f"/jobs/{job}/cancel", headers={"Accept-Language": "ru"}, follow_redirects=True).text
    assert "уже завершена" in told or "ended already" in told
    assert site.client.post("/jobs/nothing/cancel").status_code == 404


def test_who_may_and_what_the_trail_says(make_site, monkeypatch, npy):
    site = site_with_people(make_site, monkeypatch)
    vera, rita, olga, ada = (enter(site, name) for name in ("vera", "rita", "olga", "ada"))

    def waiting():
        answer = vera.ask("POST", "/api/v1/records", data={"file": (io.BytesIO(npy["healthy"]), "a.npy")})
        return answer.json["job"]

    jobs = [waiting(), waiting()]
    assert "/cancel" not in rita.get("/").text.partition("<template")[0] and "/cancel" in vera.get("/").text
    for job in jobs:
        assert rita.ask("POST", f"/api/v1/jobs/{job}/cancel").status_code == 403
        assert olga.ask("POST", f"/api/v1/jobs/{job}/cancel").status_code == 404
        assert vera.get(f"/api/v1/jobs/{job}").json["state"] == "queued"
    for browser, job in ((vera, jobs[0]), (ada, jobs[1])):
        assert browser.ask("POST", f"/api/v1/jobs/{job}/cancel").status_code == 200
    with site.store.database.reading() as session:
        events = session.scalars(select(Event).where(Event.action == "cancelled an upload").order_by(Event.id)).all()
        assert [(each.user, each.workspace) for each in events] == [("vera", "clinic"), ("ada", "clinic")]
        assert jobs[0] in events[0].detail
    assert "cancelled an upload" in ada.get("/audit").text


def test_others_are_read(make_site, archive, npy):
    """A workspace's own other uploads, and a record that somebody looks at."""
    site = make_site()
    good = site.send(("good.npy", npy["inferior"]))
    job = site.send(("a.zip", archive))
    site.worker.work()
    site.worker.work()
    site.worker.pace = Pace(1, most=1)
    assert cancel(site, job).status_code == 200
    site.worker.work_until_idle()
    assert site.job(good)["records"] == ["good"] and site.names() == ["good"]
