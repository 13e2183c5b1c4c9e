"""The objects of findings.json, and the names under which other outputs have the fields of a Finding."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cardiac.errors import RecordRejected
from cardiac.leads import LEADS
from cardiac.measurements.measure import VALUES
from cardiac.measurements.waves import COLUMNS
from tasks.mi.findings import FIELDS, Finding
from tasks.mi.labels import OUTPUTS

if TYPE_CHECKING:
    from tasks.mi.evidence import Evidence

# What each table has of a Finding: its columns, each with the field of `Finding.to_row` that stands there. Some names are
# older than the fields' own, and programs read them, so they stay; a new table takes the fields' names.
PARQUET = {  # of scale.batch; the thresholds are the bundle's, and the sites those that are present
    name: name for name in FIELDS if name != "sites" and not name.endswith("_threshold")
}
RECORD_COLUMNS = {  # of the site's database, and so of its list of records
    "present": "mi_present",
    "probability": "mi_probability",
    "sites": "sites",
    "uncertain": "uncertain",
    "quality": "quality",
}
FINDINGS_CSV = {  # of the site's export
    "record": "record_id",
    "infarction": "mi_present",
    "sites": "sites",
    "sites_by": "sites_by",
    "uncertain": "uncertain",
    "spread": "spread",
    "quality": "quality",
    "reasons": "remarks",
    **{
        f"{name}_{'infarction' if output == 'mi' else output}": f"{output}_{name}"
        for name in ("probability", "threshold")
        for output in OUTPUTS
    },
    "heart_rate_bpm": "heart_rate_bpm",
    "duration_s": "duration_s",
    "fs_hz": "fs_hz",
}
# measurements.csv: what was measured, why not, of how many beats, and the waves lead by lead, as `III_q_ms`.
MEASUREMENTS_CSV = (
    "record",
    *VALUES,
    "reasons",
    "beats_measured",
    "beats_found",
    *(f"{lead}_{name}" for lead in LEADS for name in COLUMNS),
)


def table_row(finding: Finding, columns: Mapping[str, str]) -> dict[str, Any]:
    """A finding in the columns of one of the tables above."""
    row = finding.to_row()
    return {name: row[field] for name, field in columns.items()}


def finding_document(
    finding: Finding, bundle: Mapping[str, str], evidence: "Mapping[str, Evidence] | None" = None
) -> dict[str, Any]:
    """One object of findings.json. bundle : name and sha256 of what decided.  evidence : by output, where asked for."""
    document = finding.to_dict() | {"bundle": dict(bundle)}
    if not evidence:
        return document
    from tasks.mi.evidence import evidence_document  # what lists and exports findings has no need of it

    return document | {"evidence": evidence_document(evidence)}


def error_document(record_id: str, error: Exception) -> dict[str, Any]:
    """The object that stands in findings.json for a record that could not be read: no decision, and why."""
    rejected = (
        {"quality": {"status": "rejected", "details": error.reasons}} if isinstance(error, RecordRejected) else {}
    )
    return {"record": record_id, "error": str(error)} | rejected


def measurements_row(document: Mapping[str, Any]) -> dict[str, Any]:
    """The row of measurements.csv from an object of findings.json; `qs` is 0 or 1, what is missing is None.

    Of a record without measurements only the name stands there, and of one that could not be read why.
    """
    row = dict.fromkeys(MEASUREMENTS_CSV) | {"record": document["record"], "reasons": document.get("error")}
    measured = document.get("measurements")
    if measured is None:
        return row
    row |= {name: measured[name] for name in VALUES} | {"reasons": missing_words(measured["reasons"]) or None}
    row |= {f"beats_{name}": measured["beats"][name] for name in ("measured", "found")}
    for lead, waves in measured["leads"].items():
        row |= {
            f"{lead}_{name}": int(value) if name == "qs" and value is not None else value
            for name, value in waves.items()
        }
    return row


def missing_words(reasons: Mapping[str, str]) -> str:
    """Why values are missing, those of one reason together: "p_ms, pr_ms: no P wave stands out; ..."."""
    names: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        names.setdefault(reason, []).append(name)
    return "; ".join(f"{', '.join(each)}: {reason}" for reason, each in names.items())
