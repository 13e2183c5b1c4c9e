"""The first page: recordings and the submission form are sent in here."""

from typing import Any

from flask import current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.exceptions import Conflict

from cardiac.errors import CardiacError
from webapp.access import needs, person
from webapp.changes import cancel_upload
from webapp.demonstration import demonstration_files, queue_demonstration
from webapp.pages.blueprint import pages
from webapp.pages.plurals import PLURALS
from webapp.problems import told
from webapp.sentences import translated_job
from webapp.settings import MOST_FILES
from webapp.storage.jobs import UNFINISHED, latest_jobs
from webapp.storage.records import Query, list_records
from webapp.store import store
from webapp.uploads import UploadRefused, drop_form, form_in_use, queue_upload, take_form
from webapp.words import language


def counted(number: Any, n: int | None = None) -> dict[str, str]:
    """How many recordings of an upload were read, and what else came of them. n : a number of the same grammar."""
    n = number if n is None else n
    return {
        "read": ngettext("%(number)s record read", "%(number)s records read", n, number=number),
        "known": ngettext("%(number)s was here already", "%(number)s were here already", n, number=number),
        "renamed": ngettext("%(number)s renamed", "%(number)s renamed", n, number=number),
        "refused": ngettext("%(number)s could not be read", "%(number)s could not be read", n, number=number),
        "left": ngettext("%(number)s not read", "%(number)s not read", n, number=number),
    }


def is_empty() -> bool:
    """Whether the person's workspace has no records."""
    with store().database.reading() as session:
        return list_records(session, person().workspace, Query(), 1, 0)[0] == 0


def _may_hold(job: dict[str, Any]) -> bool:
    return bool(job["records"]) or job["state"] in UNFINISHED


@pages.get("/")
def upload() -> str:
    with store().database.reading() as session:
        jobs = [translated_job(each, language()) for each in latest_jobs(session, person().workspace)]
        template = form_in_use(session, person().workspace)
    limits = {
        "most_bytes": current_app.config["MAX_CONTENT_LENGTH"],
        "most_files": MOST_FILES,
    }
    return render_template(
        "upload.html",
        jobs=jobs,
        template=template,
        limits=limits,
        counted=counted,
        counts={kind: counted("{number}", n) for kind, n in PLURALS.items()},
        n_demonstration=0 if any(_may_hold(job) for job in jobs) or not is_empty() else len(demonstration_files()),
    )


@pages.post("/demonstration")
@needs("reviewer")
def demonstration() -> Any:
    queue_demonstration(store(), person())
    flash(_("The demonstration records are being read."), "done")
    return redirect(url_for("pages.upload"))


@pages.post("/upload")
@needs("reviewer")
def send() -> Any:
    text = request.form.get("fs_hz", "").strip()
    try:
        queue_upload(store(), person(), request.files.getlist("file"), float(text) if text else None)
        flash(_("Upload received: its records are being read."), "done")
    except (CardiacError, ValueError) as error:
        message = (
            told(error.message) if isinstance(error, CardiacError) else _("Give the sampling rate as a number in Hz.")
        )
        flash(message, "wrong")
    return redirect(url_for("pages.upload"))


@pages.post("/jobs/<job>/cancel")
@needs("reviewer")
def cancel(job: str) -> Any:
    try:
        cancel_upload(store(), person(), job)
        flash(_("Upload cancelled. Records that were already read are kept."), "done")
    except Conflict as error:
        flash(_(error.description), "wrong")
    return redirect(url_for("pages.upload"))


@pages.post("/template")
@needs("reviewer")
def send_template() -> Any:
    try:
        if not (file := request.files.get("file")) or not file.filename:
            raise UploadRefused(_("Choose a CSV file first."))
        take_form(store(), person(), file)
        flash(_("Form saved: the export now fills it in."), "done")
    except CardiacError as error:
        flash(told(error.message), "wrong")
    return redirect(url_for("pages.upload"))


@pages.post("/template/delete")
@needs("reviewer")
def delete_template() -> Any:
    drop_form(store(), person())
    flash(_("Form removed: the export now lists all records by name."), "done")
    return redirect(url_for("pages.upload"))
