"""Uploads and how far they are."""

from typing import Any

from werkzeug.exceptions import NotFound

from webapp.access import needs, person
from webapp.api.answers import api_blueprint, problems
from webapp.api.schemas import JobSchema, JobsSchema
from webapp.changes import NO_JOB, cancel_upload
from webapp.sentences import translated_job
from webapp.storage.jobs import get_job, job_document, latest_jobs
from webapp.store import store
from webapp.words import language

jobs = api_blueprint("jobs", "Uploads and how far they have been read")


@jobs.route("/jobs")
@jobs.response(200, JobsSchema)
@problems(jobs)
def latest() -> dict[str, Any]:
    """The latest uploads"""
    with store().database.reading() as session:
        return {"items": [translated_job(each, language()) for each in latest_jobs(session, person().workspace)]}


@jobs.route("/jobs/<job>")
@jobs.response(200, JobSchema)
@problems(jobs, 404)
def one(job: str) -> dict[str, Any]:
    """How far an upload has been read, what was stored and what was refused"""
    with store().database.reading() as session:
        row = get_job(session, person().workspace, job)
        if row is None:
            raise NotFound(NO_JOB)
        return translated_job(job_document(session, row), language())


@jobs.route("/jobs/<job>/cancel", methods=["POST"])
@jobs.response(200, JobSchema)
@problems(jobs, 403, 404, 409)
@needs("reviewer")
def cancel(job: str) -> dict[str, Any]:
    """Have nothing more of an upload read; what was read stays"""
    return translated_job(cancel_upload(store(), person(), job), language())
