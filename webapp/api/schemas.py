"""What the API takes and gives, from which its OpenAPI document is made."""

import re
from typing import Any

import marshmallow as ma
from flask_smorest.fields import Upload
from marshmallow import validate

from cardiac.records import FS_RANGE_HZ
from tasks.mi.labels import SITES
from webapp.samples import NO_LISTS, Shape
from webapp.storage.jobs import CANCELLED, DONE, FAILED, QUEUED, RUNNING
from webapp.storage.records import ORDERS, UPLOADED_S, Query
from webapp.storage.tables import NAME_LETTERS
from webapp.words import LANGUAGES

MOST_LISTED, FIRST_LISTED = 1_000, 30
LONGEST_S = 60.0  # of samples in one answer
VERDICTS = ("agree", "correct", "unreadable")
LONGEST_COMMENT = 2_000
STATES = (QUEUED, RUNNING, DONE, FAILED, CANCELLED)  # of a job
DAY_S = 86_400.0
NUMERAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
UNKEPT = re.compile("[\0\ud800-\udfff]")


class WholeNumber(ma.fields.Integer):
    """Digits alone; what Python would read besides (blanks, underscores, other scripts) is refused."""

    def _deserialize(self, value: Any, *args: Any, **named: Any) -> Any:
        if isinstance(value, str) and not (value.isascii() and value.lstrip("-").isdigit() and len(value) < 19):
            raise self.make_error("invalid")
        return super()._deserialize(value, *args, **named)


class TrueOrFalse(ma.fields.Boolean):
    """The words true and false, and JSON's own."""

    def _deserialize(self, value: Any, *args: Any, **named: Any) -> Any:
        if value in ("true", "false") or isinstance(value, bool):
            return value in (True, "true")
        raise self.make_error("invalid", input=value)


class Number(ma.fields.Float):
    """A finite number, in an address as digits alone."""

    def _deserialize(self, value: Any, *args: Any, **named: Any) -> Any:
        if isinstance(value, str) and not NUMERAL.fullmatch(value):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, *args, **named)


class JsonNumber(ma.fields.Float):
    """A finite number of JSON, and neither true nor a text."""

    def _deserialize(self, value: Any, *args: Any, **named: Any) -> Any:
        if type(value) not in (int, float):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, *args, **named)


class Samples(ma.fields.Field):
    """Lists of JSON's numbers, of which there may be millions: `take_samples` has kept them and put their shape here."""

    default_error_messages = {"invalid": NO_LISTS}  # noqa: RUF012 (marshmallow's own way)

    def _deserialize(self, value: Any, *args: Any, **named: Any) -> Any:
        if not isinstance(value, Shape):
            raise self.make_error("invalid")
        return value


class Words(ma.fields.String):
    """A text that a database keeps and a page shows."""

    def _deserialize(self, value: Any, *args: Any, **named: Any) -> Any:
        text = super()._deserialize(value, *args, **named)
        if UNKEPT.search(text):
            raise ma.ValidationError("has a letter that cannot be kept.")
        return text


class Strict(ma.Schema):
    """What is not known is refused, so that a parameter that is misspelt is not passed over."""

    class Meta:
        unknown = ma.RAISE


class Lenient(ma.Schema):
    """What is not known is passed over."""

    class Meta:
        unknown = ma.EXCLUDE


class FilterSchema(Lenient):
    """Which records."""

    q = Words(validate=validate.Length(max=NAME_LETTERS), metadata={"description": "a record's name, or a part of it"})
    present = TrueOrFalse(metadata={"description": "an infarction was found"})
    site = ma.fields.String(validate=validate.OneOf(SITES))
    uncertain = TrueOrFalse(metadata={"description": "the probability lies in the band of doubt"})
    quality = ma.fields.String(validate=validate.OneOf(["ok", "warning"]))
    uploaded = ma.fields.String(validate=validate.OneOf([*UPLOADED_S]), metadata={"description": "so long ago at most"})
    reviewed = TrueOrFalse()
    patient = WholeNumber(validate=validate.Range(1, 10**17), metadata={"description": "number of the patient's page"})
    sort = ma.fields.String(validate=validate.OneOf([*ORDERS]), load_default="newest")

    @ma.post_load
    def _make(self, given: dict[str, Any], **_: Any) -> Any:
        return Query(**given)


class ListSchema(FilterSchema):
    """Which records, and which part of them."""

    limit = WholeNumber(validate=validate.Range(1, MOST_LISTED), load_default=FIRST_LISTED)
    offset = WholeNumber(validate=validate.Range(0, 10**8), load_default=0)

    @ma.post_load
    def _make(self, given: dict[str, Any], **_: Any) -> Any:
        limit, offset = given.pop("limit"), given.pop("offset")
        return {"query": Query(**given), "limit": limit, "offset": offset}


class StretchSchema(Lenient):
    """Which part of a recording."""

    start_s = Number(validate=validate.Range(0, DAY_S), load_default=0.0)
    length_s = Number(
        validate=validate.Range(0, LONGEST_S, min_inclusive=False),
        load_default=LONGEST_S,
        metadata={"exclusiveMinimum": True},
    )


class LanguageSchema(Lenient):
    """In which language sentences are given besides English."""

    language = ma.fields.String(
        validate=validate.OneOf(LANGUAGES),
        load_default=LANGUAGES[0],
        metadata={"description": "measurements have their sentence in this language too, as `translation`"},
    )


class ItemSchema(ma.Schema):
    """A record in a list."""

    record = ma.fields.String(required=True)
    present = ma.fields.Boolean(required=True)
    probability = ma.fields.Float(required=True)
    threshold = ma.fields.Float(required=True)
    sites = ma.fields.List(ma.fields.String(validate=validate.OneOf(SITES)), required=True)
    uncertain = ma.fields.Boolean(required=True)
    quality = ma.fields.String(required=True)
    uploaded_at = ma.fields.String(required=True)
    recorded_at = ma.fields.String(
        allow_none=True, metadata={"description": "local time, 2021-03-04T10:20:30, or the day alone"}
    )
    patient = ma.fields.Integer(allow_none=True, metadata={"description": "number of the patient's page"})
    fs_hz = ma.fields.Float(required=True)
    duration_s = ma.fields.Float(required=True)
    heart_rate_bpm = ma.fields.Integer(allow_none=True)
    review = ma.fields.String(allow_none=True)
    tracing = ma.fields.String(required=True, metadata={"description": "3 s of lead II, path of an SVG 150 x 40"})


class PageSchema(ma.Schema):
    """A part of the list, and how many there are in all."""

    total = ma.fields.Integer(required=True)
    items = ma.fields.List(ma.fields.Nested(ItemSchema), required=True)


class RefusedSchema(ma.Schema):
    """What could not be read, and why."""

    name = ma.fields.String(required=True)
    reason = ma.fields.String(required=True)
    translation = ma.fields.String(metadata={"description": "of the reason, in the language that was asked for"})


class KnownSchema(ma.Schema):
    """A recording that was here already."""

    name = ma.fields.String(required=True, metadata={"description": "of the recording in this upload"})
    record = ma.fields.String(required=True, metadata={"description": "the record that is the same recording"})
    stored_as = ma.fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "the record that it is as well, under its own name; null where nothing was stored"},
    )


class RenamedSchema(ma.Schema):
    """A recording whose name another one has."""

    name = ma.fields.String(required=True, metadata={"description": "of the recording in this upload"})
    record = ma.fields.String(required=True, metadata={"description": "the name under which it was stored"})


class JobSchema(ma.Schema):
    """An upload and how far it has been read."""

    job = ma.fields.String(required=True)
    name = ma.fields.String(required=True)
    state = ma.fields.String(required=True, validate=validate.OneOf(STATES))
    done = ma.fields.Integer(required=True)
    total = ma.fields.Integer(required=True)
    records = ma.fields.List(
        ma.fields.String(), required=True, metadata={"description": "those that were here already among them, by name"}
    )
    refused = ma.fields.List(ma.fields.Nested(RefusedSchema), required=True)
    already_here = ma.fields.List(ma.fields.Nested(KnownSchema), required=True)
    renamed = ma.fields.List(ma.fields.Nested(RenamedSchema), required=True)
    error = ma.fields.String(allow_none=True)
    error_translation = ma.fields.String(metadata={"description": "in the language that was asked for"})
    created_at = ma.fields.String(required=True)


class JobsSchema(ma.Schema):
    """The latest uploads."""

    items = ma.fields.List(ma.fields.Nested(JobSchema), required=True)


class AcceptedSchema(ma.Schema):
    """The job that an upload became."""

    job = ma.fields.String(required=True)


class RecordingSchema(Strict):
    """A recording as JSON."""

    samples = Samples(
        required=True,
        metadata={
            "description": "12 lists of samples in mV",
            "type": "array",
            "minItems": 1,
            "items": {"type": "array", "items": {"type": "number"}},
        },
    )
    fs_hz = JsonNumber(required=True, validate=validate.Range(*FS_RANGE_HZ))
    leads = ma.fields.List(
        Words(), allow_none=True, load_default=None, metadata={"description": "their names, in any order"}
    )
    record = Words(load_default="samples", validate=validate.Length(1, NAME_LETTERS))


class ReviewSchema(Strict):
    """A second look."""

    verdict = ma.fields.String(required=True, validate=validate.OneOf(VERDICTS))
    sites = ma.fields.List(
        ma.fields.String(validate=validate.OneOf(SITES)),
        load_default=[],
        metadata={"description": "of a correction; none says no infarction"},
    )
    comment = Words(load_default="", validate=validate.Length(max=LONGEST_COMMENT))


class ReviewedSchema(ma.Schema):
    """A review as it is kept."""

    user = ma.fields.String(required=True)
    at = ma.fields.String(required=True)
    verdict = ma.fields.String(required=True)
    sites = ma.fields.List(ma.fields.String(), required=True)
    comment = ma.fields.String(required=True)


class FormFileSchema(Lenient):
    """A submission form."""

    file = Upload(required=True)


class FormSchema(ma.Schema):
    """The form in use."""

    name = ma.fields.String(required=True)
    n_rows = ma.fields.Integer(required=True)
    uploaded_at = ma.fields.String(required=True)


class ProblemSchema(ma.Schema):
    """RFC 9457."""

    type = ma.fields.String(required=True)
    title = ma.fields.String(required=True)
    status = ma.fields.Integer(required=True)
    detail = ma.fields.String(required=True, metadata={"description": "one sentence: what, where, what to do"})
    translation = ma.fields.String(metadata={"description": "of the detail, in the language that was asked for"})
