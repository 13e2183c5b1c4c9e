"""Pictures and reports of records: drawn by the workers, kept until the record or its finding changes, sent as files."""

import hashlib
import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import select

from cardiac.errors import RecordError
from cardiac.messages import speaking
from cardiac.stored_signals import stored_record
from tasks.mi.findings import Finding
from webapp.reasons import translate_reason, translate_reasons
from webapp.sentences import languages
from webapp.signs import translate_signs
from webapp.storage.files import Files
from webapp.storage.jobs import ask_drawing
from webapp.storage.tables import Record
from webapp.store import Store

KINDS = {"report.pdf": "application/pdf", "picture.png": "image/png"}
ENGLISH = "en"
LOOK_S, ASK_S = 0.1, 1.0
LONGEST_WAIT_S, AHEAD = 60.0, 6  # for one drawing of many, and how many are asked for at once
MOST_WAITING = 3  # requests that wait for a drawing, each with a thread in hand; others are told to ask again
_WAITING = threading.BoundedSemaphore(MOST_WAITING)


def in_language(kind: str, language: str) -> str:
    """What a drawing in a language is called in the queue: "report.pdf", "report-ru.pdf"."""
    stem, dot, ending = kind.partition(".")
    return kind if language == ENGLISH else f"{stem}-{language}{dot}{ending}"


def drawing_path(files: Files, row: Record, kind: str) -> Path:
    """Where a record's drawing lies when it has been drawn: a name that changes with all that it shows."""
    contents = json.dumps([row.name, row.signal, row.document, row.evidence], sort_keys=True)
    return files.drawings(row.id) / f"{hashlib.sha256(contents.encode()).hexdigest()}-{kind}"


def drawing(store: Store, row: Record, kind: str) -> bytes | None:
    """A drawing, which is asked for where it is not there; None while it is being drawn.

    Waits for it for a while, where not too many do. Raises RecordError where it cannot be drawn.
    """
    path = drawing_path(store.files, row, kind)
    if (drawn := _read(path)) is not None:
        return drawn
    _ask(store, row, kind)
    if not _WAITING.acquire(blocking=False):
        return None
    try:
        deadline = time.monotonic() + store.settings.draw_wait_s
        while time.monotonic() < deadline:
            time.sleep(LOOK_S)
            if (drawn := _read(path)) is not None:
                return drawn
    finally:
        _WAITING.release()
    return None


def drawings(store: Store, row_ids: Sequence[int], kind: str) -> Iterator[bytes | None]:
    """Drawings of records, one after the other as they are made; None for one that could not be.

    Some are asked for ahead, and not all, so that who looks at one record waits for few of them.
    """
    patience_s = LONGEST_WAIT_S
    for n in range(len(row_ids)):
        try:
            yield _awaited(store, row_ids[n : n + AHEAD], kind, patience_s)
        except TimeoutError:  # nobody draws any more: what is there is still sent
            patience_s = LOOK_S
            yield None


def _awaited(store: Store, row_ids: Sequence[int], kind: str, patience_s: float) -> bytes | None:
    """The drawing of the first of some records, None where it could not be drawn; the others are asked for as well.

    Raises TimeoutError.
    """
    deadline, drawn = time.monotonic() + patience_s, None
    while True:
        with store.database.reading() as session:
            rows = session.scalars(select(Record).where(Record.id.in_(row_ids))).all()
        paths = {row.id: drawing_path(store.files, row, kind) for row in rows}
        if row_ids[0] not in paths or (drawn := _read(paths[row_ids[0]])) is not None:
            return drawn
        with store.database.writing() as session:
            missing = [each for each in row_ids if each in paths and not paths[each].exists()]
            failed = {each: ask_drawing(session, each, kind) for each in missing}
        if failed.get(row_ids[0]):
            return None
        if time.monotonic() > deadline:
            raise TimeoutError
        wait_until = time.monotonic() + ASK_S
        while time.monotonic() < wait_until and (drawn := _read(paths[row_ids[0]])) is None:
            time.sleep(LOOK_S)
        if drawn is not None:
            return drawn


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _ask(store: Store, row: Record, kind: str) -> None:
    with store.database.writing() as session:
        failed = ask_drawing(session, row.id, kind)
    if failed:
        raise RecordError(failed)


def draw(files: Files, row: Record, kind: str) -> bytes:
    """A drawing as PNG or PDF, with the evidence where it was gathered. kind : as `in_language` calls it. Raises RecordError."""
    from tasks.mi.evidence import evidence_of  # slow to import, as the others, and no part of the server
    from tasks.mi.pictures import ecg_picture
    from tasks.mi.report_page import ecg_report

    stem, language = (*kind.partition(".")[0].split("-"), ENGLISH)[:2]
    record = stored_record(files.signal(row.signal), row.name, row.document["fs_hz"])
    finding = _finding(row.document, language)
    evidence = evidence_of(_said_signs(row.evidence, language)) if row.evidence else None
    with speaking(languages().get(language, languages()[ENGLISH])):
        if stem == "report":
            return ecg_report(record, finding, row.document["bundle"], evidence)
        return ecg_picture(record, finding, evidence)


def _finding(document: Mapping[str, Any], language: str) -> Finding:
    """The finding of a document, with all that it says in words in a language."""
    finding = Finding.from_dict(document)
    if language == ENGLISH:
        return finding
    said = [each["text"] for each in translate_reasons(document, language)]
    reasons = tuple(replace(each, text=text) for each, text in zip(finding.reasons, said, strict=False))
    notes = tuple(replace(each, text=text) for each, text in zip(finding.notes, said[len(reasons) :], strict=True))
    measured = finding.measurements
    if measured is not None:
        why = {name: translate_reason(text, language) for name, text in measured["reasons"].items()}
        measured = {**measured, "reasons": why}
    return replace(finding, reasons=reasons, notes=notes, measurements=measured)


def _said_signs(evidence: Mapping[str, Any], language: str) -> dict[str, Any]:
    """Evidence whose signs have their sentences in a language, where they can be said in it."""
    said = translate_signs(evidence, language)
    for each in said.values():
        if each.get("measurements") is not None:
            each["measurements"] = [
                {key: value for key, value in sign.items() if key != "translation"}
                | {"text": sign.get("translation", sign["text"])}
                for sign in each["measurements"]
            ]
    return said
