"""Uploads and how far they are."""

from typing import Any

from werkzeug.exceptions import NotFound

from webapp.access import person
from webapp.api.answers import api_blueprint, problems
from webapp.api.schemas import JobSchema, JobsSchema
from webapp.storage.jobs import get_job, job_document, latest_jobs
from webapp.store import store

jobs = api_blueprint("jobs", "Uploads and how far they have been read")


@jobs.route("/jobs")
@jobs.response(200, JobsSchema)
@problems(jobs)
def latest() -> dict[str, Any]:
    """The latest uploads"""
    with store().database.reading() as session:
        return {"items": latest_jobs(session, person().workspace)}


@jobs.route("/jobs/<job>")
@jobs.response(200, JobSchema)
@problems(jobs, 404)
def one(job: str) -> dict[str, Any]:
    """How far an upload has been read, what was stored and what was refused"""
    with store().database.reading() as session:
        found = get_job(session, person().workspace, job)
        if found is None:
            raise NotFound("there is no such job: it was never queued, or everything was deleted since")
        return job_document(session, found)
