"""What programs ask: the CardioSpike case's own contract, at its own address and in the site's API.

Request and answer are those of the winning team's service; `error_thresh`, which its clients send although its schema does not
have it, is taken. The detector is read at the first request and works in the server's own process: a study of an hour is a
matter of a fifth of a second, less than handing it to another would take. Of long ones, which take seconds, there is one at a
time; another is asked to come again, so that pages are left threads to be answered by.
"""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import marshmallow as ma
import numpy as np
from marshmallow import validate
from werkzeug.exceptions import ServiceUnavailable

from cardiac.errors import BundleError
from tasks.rr.errors import ERROR_THRESHOLD, interval_errors

MOST_INTERVALS, LONGEST_MS = 100_000, 3_600_000
LONG = 5_000  # intervals
READ_BYTES = 2**20  # of a request: more than so many intervals take
TOO_LONG = f"sequence: more than {MOST_INTERVALS:,} intervals, or more than 1 MB of JSON: send the study in parts"
UNREAD = "the detector of RR intervals cannot be read on this server: ask who runs it"
UNNAMEABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
LEAST_THRESHOLD, MOST_THRESHOLD = 0.01, 10.0
CONTRACTS = ("/predict",)
DESCRIPTION = f"""How likely each RR interval of a study is an anomaly

At most {MOST_INTERVALS:,} intervals in their order, in ms. From `anomaly_thresh` on a probability means an anomaly, as the
CardioSpike case's experts marked them. `errors` are intervals outside 300 to 1,400 ms, or that differ from the median of those
round them by more than `error_thresh` of it. What does not fit is answered with 422 and where it stands; 400 is for what is no
JSON, 413 for a body of more than 64 MB, 415 for another kind of content. On a server with users this needs a reviewer's token
or session, as sending a recording does. Nothing is stored. An aid for research and a second look; not a medical device."""
_one_at_a_time = threading.Lock()


class Intervals(ma.fields.Field):
    """Whole numbers of JSON, of which there may be many: the first that is none is named."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> np.ndarray:
        if not isinstance(value, list) or not value:
            raise ma.ValidationError("is no list of intervals, or an empty one: give at least one whole number of ms")
        if len(value) > MOST_INTERVALS:
            raise ma.ValidationError(TOO_LONG.removeprefix("sequence: "))
        for at, each in enumerate(value):
            if not _is_interval(each):
                raise ma.ValidationError({at: [f"is no whole number of ms from 1 to {LONGEST_MS:,}"]})
        return np.array(value, float)


def _is_interval(value: Any) -> bool:
    """JSON knows no difference between 800 and 800.0."""
    return (type(value) is int or (type(value) is float and value.is_integer())) and 1 <= value <= LONGEST_MS


class Threshold(ma.fields.Float):
    """A number of JSON, and neither true nor a text."""

    def _deserialize(self, value: Any, *args: Any, **named: Any) -> Any:
        if type(value) not in (int, float):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, *args, **named)


def _check_name(text: str) -> None:
    if UNNAMEABLE.search(text):
        raise ma.ValidationError("has a control letter or half a letter: leave it out")


class REQUEST(ma.Schema):
    """RR intervals of one study."""

    class Meta:
        unknown = ma.RAISE

    study = ma.fields.String(
        required=True,
        validate=[validate.Length(max=200), _check_name],
        metadata={"description": "its name, which is given back", "pattern": "^[^\\x00-\\x1f\\x7f-\\x9f]*$"},
    )
    sequence = Intervals(
        required=True,
        metadata={
            "description": "RR intervals in ms, in their order",
            "example": [804, 812, 796, 880, 716, 800],
            "type": "array",
            "minItems": 1,
            "maxItems": MOST_INTERVALS,
            "items": {"type": "integer", "minimum": 1, "maximum": LONGEST_MS},
        },
    )
    error_thresh = Threshold(
        load_default=ERROR_THRESHOLD,
        validate=validate.Range(LEAST_THRESHOLD, MOST_THRESHOLD),
        metadata={"description": "from which share of the local median on an interval is an error"},
    )


class ANSWER(ma.Schema):
    """Of every interval, in order, how likely it is an anomaly, and whether it is an error."""

    study = ma.fields.String(required=True)
    anomaly_proba = ma.fields.List(ma.fields.Float(validate=validate.Range(0, 1)), required=True)
    anomaly_thresh = ma.fields.Float(required=True)
    errors = ma.fields.List(ma.fields.Integer(validate=validate.OneOf([0, 1])), required=True)
    error_thresh = ma.fields.Float(required=True)


@cache
def _detector() -> Any:
    """The shipped detector, read at the first request. Raises ServiceUnavailable where it cannot be."""
    from tasks.rr.detector import load_detector  # the server's start is none of its business

    try:
        return load_detector()
    except BundleError as error:
        raise ServiceUnavailable(UNREAD) from error


@contextmanager
def _turn(n: int) -> Iterator[None]:
    """Raises ServiceUnavailable where another long study is being read."""
    if n > LONG and not _one_at_a_time.acquire(blocking=False):
        raise ServiceUnavailable("another long study is being read: send this one again in some seconds", retry_after=5)
    try:
        yield
    finally:
        if n > LONG:
            _one_at_a_time.release()


def answer(given: dict[str, Any]) -> dict[str, Any]:
    """What ANSWER has, of what REQUEST loaded. Raises ServiceUnavailable."""
    intervals, detector = given["sequence"], _detector()
    with _turn(len(intervals)):
        (told,) = detector.probabilities([intervals])
    return {
        "study": given["study"],
        "anomaly_proba": told.tolist(),
        "anomaly_thresh": detector.threshold,
        "errors": interval_errors(intervals, given["error_thresh"]).astype(int).tolist(),
        "error_thresh": given["error_thresh"],
    }
