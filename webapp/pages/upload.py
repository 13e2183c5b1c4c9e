"""The first page: recordings and the submission form are sent in here."""

from typing import Any

from flask import current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.exceptions import Conflict

from cardiac.errors import CardiacError
from webapp.access import needs, person
from webapp.changes import cancel_upload
from webapp.pages.blueprint import pages
from webapp.problems import told
from webapp.sentences import translated_job
from webapp.settings import MOST_FILES
from webapp.storage.jobs import latest_jobs
from webapp.store import store
from webapp.uploads import UploadRefused, drop_form, form_in_use, queue_upload, take_form
from webapp.words import language


@pages.get("/")
def upload() -> str:
    with store().database.reading() as session:
        jobs = [translated_job(each, language()) for each in latest_jobs(session, person().workspace)]
        template = form_in_use(session, person().workspace)
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
        message = told(error.message) if isinstance(error, CardiacError) else _("The sampling rate is a number in Hz.")
        flash(message, "wrong")
    return redirect(url_for("pages.upload"))


@pages.post("/jobs/<job>/cancel")
@needs("reviewer")
def cancel(job: str) -> Any:
    try:
        cancel_upload(store(), person(), job)
        flash(_("Cancelled. What was read stays."), "done")
    except Conflict as error:
        flash(_(error.description), "wrong")
    return redirect(url_for("pages.upload"))


@pages.post("/template")
@needs("reviewer")
def send_template() -> Any:
    try:
        if not (file := request.files.get("file")) or not file.filename:
            raise UploadRefused(_("Choose the form's CSV file first."))
        take_form(store(), person(), file)
        flash(_("The export fills in this form now."), "done")
    except CardiacError as error:
        flash(told(error.message), "wrong")
    return redirect(url_for("pages.upload"))


@pages.post("/template/delete")
@needs("reviewer")
def delete_template() -> Any:
    drop_form(store(), person())
    flash(_("The form was taken away. The export lists all records by name."), "done")
    return redirect(url_for("pages.upload"))
