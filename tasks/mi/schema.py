"""The JSON Schema of findings.json, from the names that the program itself writes.

python -m tasks.mi.schema > docs/findings.schema.json
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from cardiac.leads import LEADS
from cardiac.measurements.measure import VALUES
from cardiac.measurements.waves import COLUMNS
from tasks.mi.labels import OUTPUTS, SITES
from tasks.mi.sign_words import MESSAGES

CRITERIA = ("pathological_q", "st_elevation", "st_depression", "t_inversion")
WHOLE = ("_bpm", "_ms", "_deg")  # what is written in whole numbers ends so
TEXT, FLAG, NUMBER, COUNT = (
    {"type": "string"},
    {"type": "boolean"},
    {"type": "number"},
    {"type": "integer", "minimum": 0},
)
PROBABILITY = {"type": "number", "minimum": 0, "maximum": 1}
LEAD_NAMES = {"type": "array", "items": {"enum": [*LEADS]}, "uniqueItems": True}


def findings_schema() -> dict[str, Any]:
    """The schema of the whole file, draft 2020-12: an array of findings and errors; `$defs` has the parts by name."""
    either = [{"$ref": "#/$defs/finding"}, {"$ref": "#/$defs/error"}]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "findings.json",
        "description": "What was concluded about each recording, in the order in which they were given.",
        "type": "array",
        "items": {"anyOf": either},
        "$defs": {
            "finding": _finding(),
            "error": _error(),
            "judgement": _object({"probability": PROBABILITY, "threshold": NUMBER, "present": FLAG}),
            "reason": _reason(),
            "message": _message(),
            "evidence": _evidence(),
            "measurements": _measurements(),
            "waves": _object({name: _value(name) for name in COLUMNS}),
        },
    }


def _finding() -> dict[str, Any]:
    judgement = {"$ref": "#/$defs/judgement"}
    quality = {
        "status": {"enum": ["ok", "warning"]},
        "reasons": {"type": "array", "items": TEXT},
        "details": {"type": "array", "items": {"$ref": "#/$defs/reason"}},
        "messages": {"type": "array", "items": {"$ref": "#/$defs/message"}}
        | {
            "description": "of each of the reasons its English template and its arguments, to be said in other languages"
        },
    }
    properties = {
        "record": TEXT,
        "mi": judgement,
        "localizations": _object(dict.fromkeys(SITES, judgement)) | {"description": "each given an infarction"},
        "sites_by": {"enum": ["threshold", "closest", None]}
        | {
            "description": "closest: no site reached its own threshold, the one closest to it is named; null without one"
        },
        "norm": FLAG | {"description": "no infarction was found; not that the ECG is normal"},
        "uncertain": FLAG,
        "spread": NUMBER | {"minimum": 0},
        "quality": _object(quality, optional=("messages",)),
        "heart_rate_bpm": _or_null(COUNT),
        "fs_hz": NUMBER | {"exclusiveMinimum": 0},
        "duration_s": NUMBER | {"exclusiveMinimum": 0},
        "measurements": {"anyOf": [{"$ref": "#/$defs/measurements"}, {"type": "null"}]},
        "bundle": _object({"name": TEXT, "sha256": TEXT | {"pattern": "^[0-9a-f]{64}$"}}),
        "evidence": _by_name(OUTPUTS, {"$ref": "#/$defs/evidence"}),
    }
    return _object(properties, optional=("sites_by", "measurements", "evidence"))  # earlier versions wrote fewer


def _error() -> dict[str, Any]:
    details = {"type": "array", "items": {"$ref": "#/$defs/reason"}}
    quality = _object({"status": {"const": "rejected"}, "details": details})
    return _object({"record": TEXT, "error": TEXT, "quality": quality}, optional=("quality",))


def _reason() -> dict[str, Any]:
    severity = {"enum": ["warning", "rejected"]}
    stretch = dict.fromkeys(("start_s", "end_s"), _or_null(NUMBER))
    return _object({"kind": TEXT, "leads": LEAD_NAMES, "severity": severity, "text": TEXT} | stretch)


def _message() -> dict[str, Any]:
    """A template with its arguments: numbers, texts, several texts, or messages again."""
    texts = {"type": "array", "items": TEXT}
    argument = {"anyOf": [TEXT, NUMBER, FLAG, texts, {"$ref": "#/$defs/message"}]}
    return _object({"message": TEXT, "arguments": {"type": "object", "additionalProperties": argument}})


def _evidence() -> dict[str, Any]:
    """The schema of the evidence for one output; of a joint logit its parts and signs, of a network's alone none of them."""
    numbers = {"type": "array", "items": NUMBER}
    windows = {"start_s": numbers, "length_s": NUMBER, "probability": {"type": "array", "items": PROBABILITY}}
    by_lead = _object(dict.fromkeys(LEADS, NUMBER))
    sign = {
        "sign": {"enum": [*MESSAGES]},
        "leads": LEAD_NAMES,
        "text": TEXT | {"minLength": 1},
        "value": NUMBER,
        "arguments": {"type": "object", "additionalProperties": {"anyOf": [NUMBER, numbers]}},
    }
    joint = {
        "base": NUMBER,
        "record": NUMBER,
        "network": by_lead,
        "trees": by_lead,
        "measurements": {"type": "array", "items": _object(sign)},
    }
    evidence = _object({"leads": by_lead, "windows": _object(windows), **joint}, optional=joint)
    return evidence | {"dependentRequired": {name: [*joint] for name in joint}}


def _measurements() -> dict[str, Any]:
    """The schema of `measurements`: every value, and for one that is null its reason."""
    needs = [
        {
            "if": {"properties": {name: {"type": "null"}}},
            "then": {"properties": {"reasons": {"required": [name]}}},
            "else": {"properties": {"reasons": {"not": {"required": [name]}}}},
        }
        for name in VALUES
    ]
    beats = {"measured": COUNT, "found": COUNT, "from_s": NUMBER, "to_s": NUMBER}
    limit = _object({"low": _or_null(NUMBER), "high": _or_null(NUMBER)})
    properties = {
        **{name: _value(name) for name in VALUES},
        "reasons": _by_name(VALUES, TEXT | {"minLength": 1}),
        "outside": _by_name(VALUES, limit),
        "criteria": {"anyOf": [_object(dict.fromkeys(CRITERIA, LEAD_NAMES)), {"type": "null"}]},
        "beats": _object(beats),
        "leads": _object({lead: {"$ref": "#/$defs/waves"} for lead in LEADS}),
    }
    return _object(properties) | {"allOf": needs}


def _value(name: str) -> dict[str, Any]:
    """The schema of one value or column: its unit is its ending."""
    if name == "r_transition":
        return {"enum": [*LEADS[6:], None]}
    if name == "qs":
        return _or_null(FLAG)
    return _or_null({"type": "integer"} if name.endswith(WHOLE) else NUMBER)


def _object(properties: Mapping[str, Any], optional: Iterable[str] = ()) -> dict[str, Any]:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": dict(properties), "required": required, "additionalProperties": False}


def _by_name(names: Iterable[str], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Some of these names, or none."""
    return {"type": "object", "propertyNames": {"enum": [*names]}, "additionalProperties": dict(schema)}


def _or_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {**schema, "type": [schema["type"], "null"]}


def schema_text() -> str:
    """The schema as docs/findings.schema.json has it."""
    return json.dumps(findings_schema(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(schema_text(), end="")
