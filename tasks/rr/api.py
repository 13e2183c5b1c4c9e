"""What programs ask: the CardioSpike case's own contract, at its own address and in the site's API.

Request and answer are those of the winning team's service; `error_thresh`, which its clients send although its schema does not
have it, is taken.
"""

import threading
from functools import cache
from typing import Any

import marshmallow as ma
import numpy as np
from marshmallow import validate

from cardiac.errors import RecordError
from tasks.rr.detector import Detector, load_detector
from tasks.rr.errors import ERROR_THRESHOLD, interval_errors

MOST_INTERVALS, LONGEST_MS = 20_000, 1_000_000
READ_BYTES = 2**20  # of a request: many times what so many intervals take
TOO_LONG = f"sequence: has more than {MOST_INTERVALS:,} intervals: send it in parts, or use python -m tasks.rr.predict"
CONTRACTS = ("/predict",)
DESCRIPTION = f"""Anomalies in RR intervals: how likely each is one, and which are errors

At most {MOST_INTERVALS:,} intervals in their order, in ms. From `anomaly_thresh` on a probability means an anomaly, as the
CardioSpike case's experts marked them. `errors` are intervals outside 300 to 1,400 ms, or that differ from the median of those
round them by more than `error_thresh` of it. What does not fit is answered with 422, what is no JSON with 400. Nothing is
stored. An aid for research and a second look; not a medical device."""
WAIT_S = 20.0
_one_at_a_time = threading.Lock()  # a request takes a second or two of one processor: pages come between


class Interval(ma.fields.Integer):
    """A whole number of JSON, and neither true nor a text."""

    def _deserialize(self, value: Any, *args: Any, **named: Any) -> Any:
        if type(value) not in (int, float) or value != value or value in (np.inf, -np.inf) or value != int(value):
            raise self.make_error("invalid", input=value)
        return int(value)


class Threshold(ma.fields.Float):
    """A number of JSON, and neither true nor a text."""

    def _deserialize(self, value: Any, *args: Any, **named: Any) -> Any:
        if type(value) not in (int, float):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, *args, **named)


class Name(ma.fields.String):
    """A text that can be written."""

    def _deserialize(self, value: Any, *args: Any, **named: Any) -> Any:
        text = super()._deserialize(value, *args, **named)
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            raise ma.ValidationError("has a letter that is none.")
        return text


class REQUEST(ma.Schema):
    """RR intervals of one study."""

    class Meta:
        unknown = ma.RAISE

    study = Name(
        required=True, validate=validate.Length(max=200), metadata={"description": "its name, which is given back"}
    )
    sequence = ma.fields.List(
        Interval(validate=validate.Range(1, LONGEST_MS)),
        required=True,
        validate=validate.Length(1, MOST_INTERVALS),
        metadata={"description": "RR intervals in ms, in their order", "example": [804, 812, 796, 880, 716, 800]},
    )
    error_thresh = Threshold(
        validate=validate.Range(0.01, 10),
        metadata={
            "description": f"from which share of the local median on an interval is an error ({ERROR_THRESHOLD})"
        },
    )


class ANSWER(ma.Schema):
    """Of every interval, in order, how likely it is an anomaly, and whether it is an error."""

    study = ma.fields.String(required=True)
    anomaly_proba = ma.fields.List(ma.fields.Float(validate=validate.Range(0, 1)), required=True)
    anomaly_thresh = ma.fields.Float(required=True)
    errors = ma.fields.List(ma.fields.Integer(validate=validate.OneOf([0, 1])), required=True)
    error_thresh = ma.fields.Float(required=True)


@cache
def _detector() -> Detector:
    return load_detector()


def answer(given: dict[str, Any]) -> dict[str, Any]:
    """What ANSWER has, of what REQUEST loaded. Raises RecordError where too many ask at once."""
    intervals = np.array(given["sequence"], float)
    if not _one_at_a_time.acquire(timeout=WAIT_S):
        raise RecordError("too many ask at once: send it again in a minute")
    try:
        detector = _detector()
        (told,) = detector.probabilities([intervals])
    finally:
        _one_at_a_time.release()
    threshold = given.get("error_thresh", ERROR_THRESHOLD)
    return {
        "study": given["study"],
        "anomaly_proba": [round(float(each), 6) for each in told],
        "anomaly_thresh": round(detector.threshold, 6),
        "errors": interval_errors(intervals, threshold).astype(int).tolist(),
        "error_thresh": threshold,
    }
