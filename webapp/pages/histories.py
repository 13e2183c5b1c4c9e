"""The pages of patients: who there are, and one patient's recordings, of which two are compared."""

from collections.abc import Sequence
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from marshmallow import ValidationError
from werkzeug.exceptions import BadRequest

from webapp.access import leave_trail, needs, person
from webapp.api.patient_schemas import TypedSchema, WhichPatientsSchema
from webapp.changes import look_up, the_record
from webapp.histories import compare, history, keep_recorded, patients_page, remove_patient, shown_age, the_patient
from webapp.pages.blueprint import pages
from webapp.problems import validation_sentence
from webapp.store import store
from webapp.words import language

TYPED, WHICH = TypedSchema(), WhichPatientsSchema()


@pages.get("/patients/of")
def patients_by_id() -> str:
    given = _loaded(WHICH, {key: value for key, value in request.args.items() if value != ""})
    with store().database.reading() as session:
        page = patients_page(session, person().workspace, **given)
    following = given["offset"] + len(page["items"])
    leave_trail("listed", detail=f"{len(page['items'])} patients from {given['offset']}")
    more = url_for("pages.patients_by_id", offset=following, limit=given["limit"])
    return render_template(
        "patients_by_id.html", **page, next_url=more if following < page["total"] and page["items"] else None
    )


@pages.get("/patients/of/<int:patient>")
def patient(patient: int) -> str:
    with store().database.reading() as session:
        shown = history(session, the_patient(session, person(), patient))
        pair = _pair(shown["records"])
        rows = [the_record(session, person(), item["record"]) for item in pair]
        found = compare(*rows, language()) if rows else None
    leave_trail("saw", detail=f"patient {patient}, {len(shown['records'])} records")
    return render_template("patient.html", **shown, pair=pair, found=found)


def _pair(items: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The two that are compared, the earlier first: those of the address; one with that before it; else the last two."""
    names = {request.args.get(key) for key in ("before", "after")}
    chosen = [place for place, item in enumerate(items) if item["record"] in names]
    if len(chosen) == 1:  # with the one before it, which the first has not
        chosen = [chosen[0] - 1, chosen[0]] if chosen[0] else [0, 1]
    places = chosen or range(len(items) - 2, len(items))
    return [items[place] for place in places] if len(items) > 1 else []


@pages.post("/patients/of/<int:patient>/delete")
@needs("admin")
def delete_patient(patient: int) -> Any:
    n = remove_patient(store(), person(), patient, request.form.get("patient_id", ""))
    deleted = ngettext(
        "%(num)d record of the patient was deleted, with its samples, finding and reviews.",
        "%(num)d records of the patient were deleted, with their samples, findings and reviews.",
        n,
    )
    flash(deleted, "done")
    return redirect(url_for("pages.patients"))


@pages.post("/patients/<record>/patient")
@needs("reviewer")
def recorded(record: str) -> Any:
    form = request.form
    clock = form.get("clock", "").strip()
    given: dict[str, Any] = {
        "patient_id": form.get("patient_id") or None,
        "name": form.get("name") or None,
        "recorded_at": f"{form['day'].strip()}{'T' if clock else ''}{clock}" if form.get("day") else None,
        "age_years": _number(form.get("age_years", "").strip()),
        "sex": form.get("sex") or None,
    }
    known = look_up(store(), person(), record).age_years
    if known is not None and form.get("age_years") == shown_age(known):  # whose further digits the form does not show
        given["age_years"] = known
    keep_recorded(store(), person(), record, _loaded(TYPED, given), form.get("seen"))
    flash(_("What is known of the patient was saved."), "done")
    return redirect(url_for("pages.record", record=record))


def _number(text: str) -> float | str | None:
    """A number with a point or a comma; what is none is refused as it is."""
    try:
        return float(text.replace(",", ".")) if text else None
    except ValueError:
        return text


def _loaded(schema: Any, given: dict[str, Any]) -> Any:
    try:
        return schema.load(given)
    except ValidationError as error:
        raise BadRequest(validation_sentence(error.messages)) from error
