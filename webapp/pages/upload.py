"""The first page: recordings and the submission form are sent in here."""

import time
from typing import Any

from flask import current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import delete

from cardiac.errors import CardiacError
from webapp.access import needs, person
from webapp.pages import pages
from webapp.settings import MOST_FILES
from webapp.storage.accounts import note_event
from webapp.storage.jobs import iso_time, job_document, list_jobs
from webapp.storage.tables import Form
from webapp.store import store
from webapp.uploads import UploadRefused, keep_form, queue_upload, read_form

MOST_JOBS = 20


@pages.get("/")
def upload() -> str:
    with store().database.reading() as session:
        jobs = [job_document(session, job) for job in list_jobs(session, person().workspace, MOST_JOBS)]
        form = session.get(Form, person().workspace)
    template = (
        {"name": form.name, "n_rows": len(form.rows), "uploaded_at": iso_time(form.uploaded_at)} if form else None
    )
    limits = {
        "most_bytes": current_app.config["MAX_CONTENT_LENGTH"],
        "most_files": MOST_FILES,
    }
    return render_template("upload.html", jobs=jobs, template=template, limits=limits)


@pages.post("/upload")
@needs("reviewer")
def send() -> Any:
    text = request.form.get("fs_hz", "").strip()
    try:
        queue_upload(store(), person(), request.files.getlist("file"), float(text) if text else None)
        flash(_("Received. It is being read."), "done")
    except (CardiacError, ValueError) as error:
        told = str(error) if isinstance(error, CardiacError) else _("The sampling rate is a number in Hz.")
        flash(told, "wrong")
    return redirect(url_for("pages.upload"))


@pages.post("/template")
@needs("reviewer")
def send_template() -> Any:
    try:
        if not (file := request.files.get("file")) or not file.filename:
            raise UploadRefused(_("Choose the form's CSV file first."))
        name, columns, rows = read_form(store(), file)
        with store().database.writing() as session:
            keep_form(session, person(), name, columns, rows, time.time())
        flash(_("The export fills in this form now."), "done")
    except CardiacError as error:
        flash(str(error), "wrong")
    return redirect(url_for("pages.upload"))


@pages.post("/template/delete")
@needs("reviewer")
def delete_template() -> Any:
    with store().database.writing() as session:
        session.execute(delete(Form).where(Form.workspace == person().workspace))
        note_event(session, person(), "changed the form", detail="taken away")
    flash(_("The form was taken away. The export lists all records by name."), "done")
    return redirect(url_for("pages.upload"))
