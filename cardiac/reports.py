"""The only door out: Findings -> findings.json, submission.csv, the table and the pictures."""

import io
import json
import os
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from cardiac.decisions import Finding
from cardiac.errors import CardiacError, RecordRejected
from cardiac.evidence import Evidence, evidence_document
from cardiac.labels import COLUMNS, NORM, RECORD_COLUMN
from cardiac.records import Record


def replace_file(path: Path, content: bytes) -> None:
    """Write under a temporary name, then put in place: a reader sees the old file or the new one, never a part.

    Raises CardiacError where that fails (disk full, folder gone); the old file stays.
    """
    temporary = path.with_name(f".{uuid.uuid4().hex}")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise CardiacError(
            f"{path}: cannot be written ({error.strerror}): make room or choose another folder"
        ) from error


def open_folder(folder: str | Path) -> Path:
    """The folder, made where it is missing and tried by writing into it. Raises CardiacError where that fails."""
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial = folder / f".trial.{os.getpid()}"
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise CardiacError(f"{folder}: cannot be written to ({error.strerror}): choose another folder") from error
    return folder


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
        "heart_rate_bpm": round(finding.rate_bpm) or None,
        "fs_hz": finding.fs_hz,
        "duration_s": finding.duration_s,
        "bundle": dict(bundle),
    } | ({"evidence": evidence_document(evidence)} if evidence else {})


def error_document(record_id: str, error: Exception) -> dict[str, Any]:
    """The object that stands in findings.json for a record that could not be read: no decision, and why."""
    rejected = (
        {"quality": {"status": "rejected", "details": error.reasons}} if isinstance(error, RecordRejected) else {}
    )
    return {"record": record_id, "error": str(error)} | rejected


def write_documents(documents: Sequence[Mapping[str, Any]], path: Path) -> None:
    """findings.json: an array of documents, UTF-8."""
    text = json.dumps(list(documents), ensure_ascii=False, indent=1) + "\n"
    replace_file(path, text.encode("utf-8", "replace"))  # a file's name may hold what is not UTF-8


def submission(findings: Sequence[Finding], template: pd.DataFrame | None = None) -> pd.DataFrame:
    """The seven 0/1 columns by record, in the template's order of rows and columns where there is one, else by name.

    A row of the template whose record has no finding is left out: nothing was decided on it.
    """
    rows = {
        finding.record_id: {COLUMNS[site]: int(site in finding.sites) for site in finding.localizations}
        | {COLUMNS[NORM]: int(finding.norm)}
        for finding in findings
    }
    order = sorted(rows) if template is None else [name for name in template[RECORD_COLUMN] if name in rows]
    names = [RECORD_COLUMN, *COLUMNS.values()] if template is None else list(template.columns)
    return pd.DataFrame([{RECORD_COLUMN: name, **rows[name]} for name in order], columns=names)


def write_submission(findings: Sequence[Finding], path: Path, template: pd.DataFrame | None = None) -> int:
    """submission.csv as the task asks for it; returns the number of rows."""
    table = submission(findings, template)
    replace_file(path, table.to_csv(index=False, lineterminator="\n").encode())
    return len(table)


def findings_table(findings: Sequence[Finding]) -> str:
    """Record, infarction probability and sites, aligned for a terminal."""
    width = max([len(finding.record_id) for finding in findings] + [len("record")])
    lines = [f"{'record':<{width}}  MI prob.  finding"]
    for finding in findings:
        told = ", ".join(finding.sites) if finding.mi.present else "no infarction found"
        marks = ("  uncertain" if finding.uncertain else "") + ("  (!)" if finding.quality != "ok" else "")
        lines.append(f"{finding.record_id:<{width}}  {finding.mi.probability:8.3f}  {told}{marks}")
    return "\n".join(lines)


def write_ecg(record: Record, finding: Finding, path: Path, evidence: Mapping[str, Evidence] | None = None) -> None:
    """The record on ECG paper with its finding, and the evidence for it where there is any, as PNG."""
    from cardiac.plots import draw_ecg  # matplotlib is slow to import and only pictures need it

    replace_file(path, png(draw_ecg(record, finding, (evidence or {}).get("mi"))))


def write_curves(histories: Mapping[str, Sequence[Mapping[str, Any]]], path: Path) -> None:
    """Loss by epoch of every training, as PNG."""
    from cardiac.plots import draw_curves

    replace_file(path, png(draw_curves(histories)))


def png(figure: Any) -> bytes:
    """A figure as PNG; the same figure gives the same bytes."""
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


def write_folds(record_ids: Sequence[str], folds: Sequence[int], path: Path) -> None:
    """A folds file as `datasets.read_folds` reads it, by name."""
    table = pd.DataFrame({"record_id": record_ids, "fold": folds}).sort_values("record_id")
    replace_file(path, table.to_csv(index=False).encode())


def write_found(columns: Mapping[str, Sequence[object]], path: Path) -> None:
    """out_of_fold.csv as `datasets.read_out_of_fold` reads it, by name. columns : by name, record_id among them."""
    table = pd.DataFrame(columns).sort_values("record_id")
    replace_file(path, table.to_csv(index=False, float_format="%.5f").encode())
