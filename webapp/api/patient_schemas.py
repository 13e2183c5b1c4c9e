"""What the API takes and gives about patients."""

import re
from typing import Any

import marshmallow as ma
from marshmallow import validate

from cardiac.leads import LEADS
from cardiac.readers.identity import moment_in
from tasks.mi.change_words import MESSAGES
from webapp.api.schemas import (
    FIRST_LISTED,
    MOST_LISTED,
    ItemSchema,
    JsonNumber,
    LanguageSchema,
    Lenient,
    Strict,
    WholeNumber,
    Words,
)
from webapp.storage.patients import LONGEST_TEXT
from webapp.storage.tables import NAME_LETTERS, shown

OLDEST_YEARS = 130.0
TIME = "local time of the recording, 2021-03-04T10:20:30, or the day alone"
SEXES = ("female", "male")
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d(?::\d\d)?))?", re.ASCII)  # a date and, perhaps, a time


class Stated(Words):
    """A text on one line, as it can be shown, without blanks at its ends."""

    def _deserialize(self, value: Any, *args: Any, **named: Any) -> Any:
        return " ".join(shown(super()._deserialize(value, *args, **named)).split())


class Moment(Words):
    """A day, or a day and a time of it, at which an ECG can have been recorded."""

    def _deserialize(self, value: Any, *args: Any, **named: Any) -> Any:
        stated = _MOMENT.fullmatch(super()._deserialize(value, *args, **named))
        at = moment_in(stated[1], stated[2] or "") if stated else None
        if at is None or len(at) != (10 if stated[2] is None else 19):
            raise ma.ValidationError("is no day, or day and time, of a recording, as 2021-03-04T10:20:30.")
        return at


class TypedSchema(Strict):
    """Who was recorded and when, as a person says it; what is null or left out is not known."""

    patient_id = Stated(allow_none=True, load_default=None, validate=validate.Length(max=LONGEST_TEXT))
    name = Stated(
        allow_none=True,
        load_default=None,
        validate=validate.Length(max=LONGEST_TEXT),
        metadata={"description": "422 where names of patients are switched off"},
    )
    recorded_at = Moment(
        allow_none=True, load_default=None, metadata={"description": TIME, "pattern": f"^{_MOMENT.pattern}$"}
    )
    age_years = JsonNumber(allow_none=True, load_default=None, validate=validate.Range(0, OLDEST_YEARS))
    sex = ma.fields.String(allow_none=True, load_default=None, validate=validate.OneOf(SEXES))

    @ma.post_load
    def _empty_is_none(self, given: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {name: None if value == "" else value for name, value in given.items()}


class RecordedSchema(ma.Schema):
    """Who was recorded, and when, as far as it is known."""

    record = ma.fields.String(required=True)
    patient = ma.fields.Integer(
        required=True, allow_none=True, metadata={"description": "number of the patient's page"}
    )
    patient_id = ma.fields.String(required=True, allow_none=True)
    name = ma.fields.String(required=True, allow_none=True)
    recorded_at = ma.fields.String(required=True, allow_none=True, metadata={"description": TIME})
    age_years = ma.fields.Float(required=True, allow_none=True)
    sex = ma.fields.String(required=True, allow_none=True, validate=validate.OneOf(SEXES))


class WhichPatientsSchema(Lenient):
    """Which part of the list of patients."""

    limit = WholeNumber(validate=validate.Range(1, MOST_LISTED), load_default=FIRST_LISTED)
    offset = WholeNumber(validate=validate.Range(0, 10**8), load_default=0)


class PatientSchema(ma.Schema):
    """A patient in a list."""

    patient = ma.fields.Integer(required=True)
    patient_id = ma.fields.String(required=True)
    n_records = ma.fields.Integer(required=True)
    first_at = ma.fields.String(required=True, allow_none=True, metadata={"description": TIME})
    last_at = ma.fields.String(required=True, allow_none=True)


class PatientsSchema(ma.Schema):
    """A part of the patients, and how many there are in all."""

    total = ma.fields.Integer(required=True)
    items = ma.fields.List(ma.fields.Nested(PatientSchema), required=True)


class AgedItemSchema(ItemSchema):
    """A record of a patient."""

    age_years = ma.fields.Float(required=True, allow_none=True)


class HistorySchema(ma.Schema):
    """One patient's records in order of time."""

    patient = ma.fields.Integer(required=True)
    patient_id = ma.fields.String(required=True)
    name = ma.fields.String(
        required=True, allow_none=True, metadata={"description": "of the latest record that has one"}
    )
    sex = ma.fields.String(required=True, allow_none=True)
    is_one = ma.fields.Boolean(
        required=True, metadata={"description": "false where records of this id differ in name or sex"}
    )
    records = ma.fields.List(ma.fields.Nested(AgedItemSchema), required=True)


class CompareSchema(LanguageSchema):
    """What a record is compared with."""

    since = Words(
        load_default=None,
        validate=validate.Length(1, NAME_LETTERS),
        metadata={"description": "name of the earlier record; without it, the patient's one before in order of time"},
    )
    language = ma.fields.String(
        validate=LanguageSchema().fields["language"].validate,
        load_default="en",
        metadata={"description": "of the sentences"},
    )


class ChangeSchema(ma.Schema):
    """One change that is more than the error of measuring it."""

    change = ma.fields.String(required=True, validate=validate.OneOf([*MESSAGES]))
    leads = ma.fields.List(ma.fields.String(validate=validate.OneOf(LEADS)), required=True)
    arguments = ma.fields.Dict(ma.fields.String(), required=True, metadata={"description": "numbers, or lists of them"})
    text = ma.fields.String(required=True, metadata={"description": "the sentence, without a full stop"})


class ChangesSchema(ma.Schema):
    """What changed from one record to another; empty where nothing did by more than its error."""

    before = ma.fields.String(required=True)
    after = ma.fields.String(required=True)
    is_order_known = ma.fields.Boolean(
        required=True, metadata={"description": "false where the times do not say that `before` was the earlier one"}
    )
    changes = ma.fields.List(ma.fields.Nested(ChangeSchema), required=True)
