"""The only door out: Findings -> findings.json, submission.csv, the table and the pictures."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from cardiac.errors import RecordRejected
from cardiac.quality.reasons import Reason
from cardiac.records import Note
from tasks.mi.evidence import Evidence, evidence_document
from tasks.mi.findings import Finding, Judgement


def finding_document(
    finding: Finding, bundle: Mapping[str, str], evidence: Mapping[str, Evidence] | None = None
) -> dict[str, Any]:
    """One object of findings.json. bundle : name and sha256 of what decided.  evidence : by output, where asked for."""

    def judged(judgement: Any) -> dict[str, Any]:
        return {
            "probability": round(judgement.probability, 6),
            "threshold": round(judgement.threshold, 6),
            "present": judgement.present,
        }

    return {
        "record": finding.record_id,
        "mi": judged(finding.mi),
        "localizations": {site: judged(judgement) for site, judgement in finding.localizations.items()},
        "norm": finding.norm,
        "uncertain": finding.uncertain,
        "spread": round(finding.spread, 6),
        "quality": {"status": finding.quality, "reasons": finding.remarks, "details": [*map(asdict, finding.reasons)]},
        "heart_rate_bpm": None if finding.rate_bpm is None else round(finding.rate_bpm),
        "fs_hz": finding.fs_hz,
        "duration_s": finding.duration_s,
        "bundle": dict(bundle),
    } | ({"evidence": evidence_document(evidence)} if evidence else {})


def finding_of(document: Mapping[str, Any]) -> Finding:
    """The Finding that a document of `finding_document` tells; a note's level is that of the whole."""
    quality = document["quality"]
    reasons = tuple(Reason(**each | {"leads": tuple(each["leads"])}) for each in quality["details"])
    level = "info" if reasons or quality["status"] == "ok" else "warning"
    return Finding(
        record_id=document["record"],
        mi=Judgement(**document["mi"]),
        localizations={site: Judgement(**each) for site, each in document["localizations"].items()},
        norm=document["norm"],
        uncertain=document["uncertain"],
        spread=document["spread"],
        notes=tuple(Note(level, text) for text in quality["reasons"][len(reasons) :]),
        fs_hz=document["fs_hz"],
        duration_s=document["duration_s"],
        reasons=reasons,
        rate_bpm=document["heart_rate_bpm"],
    )


def error_document(record_id: str, error: Exception) -> dict[str, Any]:
    """The object that stands in findings.json for a record that could not be read: no decision, and why."""
    rejected = (
        {"quality": {"status": "rejected", "details": error.reasons}} if isinstance(error, RecordRejected) else {}
    )
    return {"record": record_id, "error": str(error)} | rejected
