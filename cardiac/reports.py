"""The only door out: Findings -> findings.json, submission.csv, the table and the pictures."""

import csv
import hashlib
import io
import json
import os
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cardiac.decisions import Brief, Finding, Judgement
from cardiac.errors import CardiacError, RecordRejected, extra
from cardiac.evidence import Evidence, evidence_document
from cardiac.labels import COLUMNS, LEADS, NORM, RECORD_COLUMN, SITES
from cardiac.quality.reasons import Reason
from cardiac.records import Note, Record

if TYPE_CHECKING:
    import pandas as pd

TRACING_S, TRACING_POINTS = 3.0, 150


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


@contextmanager
def documents_file(path: Path) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """findings.json, an array of documents, UTF-8: gives what writes one; all are put in place at the end, or none.

    Raises CardiacError at the end where the disk was full meanwhile; the old file stays.
    """
    temporary, n_written, failed = path.with_name(f".{uuid.uuid4().hex}"), 0, None

    def write(document: Mapping[str, Any]) -> None:
        nonlocal n_written, failed
        told = json.dumps(document, ensure_ascii=False, indent=1).replace("\n", "\n ")
        text = f"{',' if n_written else '['}\n {told}"
        n_written += 1
        try:
            file.write(text.encode("utf-8", "replace"))  # a file's name may hold what is not UTF-8
        except OSError as error:
            failed = failed or error

    try:
        with temporary.open("wb") as file:
            yield write
            file.write(b"\n]\n" if n_written else b"[]\n")
        if failed:
            raise failed
        temporary.replace(path)
    except OSError as error:
        reason = f"{path}: cannot be written ({error.strerror}): make room or choose another folder"
        raise CardiacError(reason) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def submission_row(sites: Collection[str], is_norm: bool) -> dict[str, int]:
    """The seven 0/1 columns of one record."""
    return {COLUMNS[site]: int(site in sites) for site in SITES} | {COLUMNS[NORM]: int(is_norm)}


def submission(findings: "Sequence[Finding | Brief]", template: "pd.DataFrame | None" = None) -> list[list[str | int]]:
    """The head and then the seven 0/1 columns by record, in the template's order of rows and columns, else by name.

    A row of the template whose record has no finding is left out: nothing was decided on it.
    """
    rows = {finding.record_id: submission_row(finding.sites, finding.norm) for finding in findings}
    order = sorted(rows) if template is None else [name for name in template[RECORD_COLUMN] if name in rows]
    names = [RECORD_COLUMN, *COLUMNS.values()] if template is None else list(template.columns)
    return [names, *([{RECORD_COLUMN: name, **rows[name]}[column] for column in names] for name in order)]


def write_submission(findings: "Sequence[Finding | Brief]", path: Path, template: "pd.DataFrame | None" = None) -> int:
    """submission.csv as the task asks for it; returns the number of rows."""
    table = submission(findings, template)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(table)
    replace_file(path, text.getvalue().encode("utf-8", "replace"))
    return len(table) - 1


def findings_table(findings: "Sequence[Finding | Brief]") -> str:
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
    replace_file(path, ecg_picture(record, finding, evidence))


def ecg_picture(record: Record, finding: Finding, evidence: Mapping[str, Evidence] | None = None) -> bytes:
    """The record on ECG paper as PNG; see `write_ecg`."""
    extra("matplotlib", "requirements.txt")
    from cardiac.plots import draw_ecg  # matplotlib is slow to import and only pictures need it

    return png(draw_ecg(record, finding, (evidence or {}).get("mi")))


def ecg_report(
    record: Record, finding: Finding, bundle: Mapping[str, str], evidence: Mapping[str, Evidence] | None = None
) -> bytes:
    """One page of A4 as PDF: the record on ECG paper in true millimetres, probabilities, quality, and what decided."""
    from cardiac.report_page import draw_report

    content = io.BytesIO()
    figure = draw_report(record, finding, bundle, (evidence or {}).get("mi"))
    figure.savefig(content, format="pdf", metadata={"CreationDate": None, "Title": "12-lead ECG"})
    return content.getvalue()


def write_signal(record: Record, path: Path, piece: int = 300_000) -> str:
    """The record's samples as .npy, float32 (12, n), mV, for `records.stored_record`; returns their SHA-256.

    The sum is that of shape, rate and samples. A long recording is written in pieces of so many samples.
    Raises CardiacError where the disk is full.
    """
    n_samples = record.signal.shape[1]
    told = hashlib.sha256(f"{n_samples} {record.fs_hz!r} ".encode())
    header = {"descr": "<f4", "fortran_order": False, "shape": (len(LEADS), n_samples)}
    try:
        with path.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            begin = file.tell()
            for first in range(0, n_samples, piece):
                part = np.ascontiguousarray(record.signal[:, first : first + piece], "<f4")
                told.update(part.tobytes())
                for place, lead in enumerate(part):  # a full disk is an error here, where a memory map would be killed
                    file.seek(begin + 4 * (place * n_samples + first))
                    file.write(lead.tobytes())
    except OSError as error:
        raise CardiacError(f"samples cannot be stored ({error.strerror}): make room on the disk") from error
    return told.hexdigest()


def samples_document(record: Record, start_s: float, length_s: float) -> dict[str, Any]:
    """A stretch of the record as plain data: mV to 0.1 µV, leads in the order of `labels.LEADS`."""
    return {
        "record": record.record_id,
        "fs_hz": record.fs_hz,
        "unit": "mV",
        "leads": [*LEADS],
        "start_s": start_s,
        "duration_s": record.duration_s,
        "samples": np.round(_stretch(record, start_s, length_s).astype(np.float64), 4).tolist(),
    }


def samples_file(record: Record, start_s: float, length_s: float) -> bytes:
    """The same stretch as a .npy file: float32 (12, n), mV."""
    content = io.BytesIO()
    np.save(content, np.ascontiguousarray(_stretch(record, start_s, length_s), np.float32))
    return content.getvalue()


def _stretch(record: Record, start_s: float, length_s: float) -> np.ndarray:
    first = round(start_s * record.fs_hz)
    return np.asarray(record.signal[:, first : first + round(length_s * record.fs_hz)])


def small_tracing(record: Record) -> str:
    """Three seconds of lead II as the path of an SVG 150 wide and 40 high, 14 to the millivolt; for lists."""
    shown = np.asarray(record.signal[:, : round(TRACING_S * record.fs_hz)])[LEADS.index("II")]
    away = shown - np.median(shown)
    at = np.linspace(0, len(shown), TRACING_POINTS, endpoint=False).astype(int)
    up, down = np.maximum.reduceat(away, at), np.minimum.reduceat(away, at)
    width = 150 * len(shown) / (TRACING_S * record.fs_hz)
    x = np.arange(TRACING_POINTS) * width / TRACING_POINTS
    y = np.clip(26 - 14 * np.where(up > -down, up, down), 1, 39)
    return "M" + " ".join(f"{along:.0f},{level:.1f}" for along, level in zip(x, y, strict=True))


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
    import pandas as pd  # slow to import, and the detector itself needs none of it

    table = pd.DataFrame({"record_id": record_ids, "fold": folds}).sort_values("record_id")
    replace_file(path, table.to_csv(index=False).encode())


def write_found(columns: Mapping[str, Sequence[object]], path: Path) -> None:
    """out_of_fold.csv as `datasets.read_out_of_fold` reads it, by name. columns : by name, record_id among them."""
    import pandas as pd

    table = pd.DataFrame(columns).sort_values("record_id")
    replace_file(path, table.to_csv(index=False, float_format="%.5f").encode())
