"""The trail: who saw, changed, exported or deleted what, each row with the hash of the row before it.

One chain goes through all workspaces. A row's hash is the SHA-256 of its fields and of the hash before it, so a row that
is changed, added or taken away in the middle breaks all that follow. Number and hash of the newest row are kept beside
them (the head), signed with a key that lies in the same database: that shows when the newest rows were cut off, and does
not stop one who can write the database and knows this program. A head that was written down elsewhere does.

A record stands in the trail under a pseudonym (HMAC-SHA-256 of workspace and name), so that the trail outlives a record
that is deleted, and its name does not. Lists show the name while the record is there.
"""

import hashlib
import hmac
import json
import time
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from flask import has_request_context, request
from sqlalchemy import and_, func, select, update
from sqlalchemy.orm import Session

from webapp.storage.tables import ADDRESS_LETTERS, NAME_LETTERS, Event, Record, Setting, shown

if TYPE_CHECKING:
    from webapp.storage.accounts import Person

HEAD, KEY = "trail_head", "trail_key"  # in the table of settings
FIRST = ""  # the hash before the first row
NEWEST = 1_000  # rows that a page checks
_NOTED = "events of this transaction"


@dataclass(frozen=True)
class Line:
    """A row as it is shown. record : its name while it is there.  alias : its pseudonym, shortened."""

    id: int
    at: float
    user: str
    action: str
    record: str | None
    alias: str | None
    detail: str | None
    address: str


@dataclass(frozen=True)
class Chain:
    """What a check of the trail says. head : hash of the newest row.  wrong : the first thing that is, as a sentence."""

    n_rows: int
    head: str
    wrong: str | None = None


def note_event(session: Session, person: "Person", action: str, record: str | None = None, detail: str = "") -> None:
    """Leave a row in the trail, from the address of the request that is answered. record : a record's name.

    The row is written at the end of the session's transaction (`append_events`), behind all else that it locks.
    """
    record_id = alias = None
    if record is not None:
        statement = select(Record.id).where(Record.workspace == person.workspace, Record.name == record)
        record_id, alias = session.scalar(statement), pseudonym(_key(session), person.workspace, record)
    address = (request.remote_addr or "") if has_request_context() else ""
    event = Event(
        at=round(time.time(), 3),
        workspace=person.workspace,
        user=person.name[:NAME_LETTERS],
        action=action,
        record=alias,
        record_id=record_id,
        detail=shown(detail) or None,
        address=address[:ADDRESS_LETTERS],
    )
    session.info.setdefault(_NOTED, []).append(event)


def append_events(session: Session) -> None:
    """Write what was noted in this transaction, one row after the other, as the last thing that it does.

    The head is locked meanwhile; as nothing is locked after it, two transactions never wait for each other.
    """
    noted = session.info.pop(_NOTED, [])
    if not noted:
        return
    session.flush()
    kept = session.scalar(select(Setting.value).where(Setting.key == HEAD).with_for_update())
    if kept is None:  # somebody took it away: what is written now does not fit what is there, and the check says so
        session.add(Setting(key=HEAD, value=""))
        session.flush()
    n, head = _read_head(kept)
    for event in noted:
        event.hash = head = row_hash(event, head)
        session.add(event)
        session.flush()  # each by itself, so that their numbers are in their order
    kept = signed_head(_key(session), n + len(noted), head)
    session.execute(update(Setting).where(Setting.key == HEAD).values(value=kept))


def list_events(
    session: Session, workspace: str, limit: int, before: int | None = None, record: str | None = None
) -> list[Line]:
    """The trail of a workspace, newest first. before : a row's number, to go on from.  record : of this name alone,

    also where it was deleted.
    """
    key = _key(session)
    beside = and_(Record.id == Event.record_id, Record.workspace == Event.workspace)
    statement = select(Event, Record.name).outerjoin(Record, beside).where(Event.workspace == workspace)
    if before is not None:
        statement = statement.where(Event.id < before)
    if record is not None:
        statement = statement.where(Event.record == pseudonym(key, workspace, record))
    return [_line(key, *each) for each in session.execute(statement.order_by(Event.id.desc()).limit(limit))]


def last_logins(session: Session, workspace: str) -> dict[str, float]:
    """When everybody of a workspace logged in last, by name."""
    last = select(Event.user, func.max(Event.at).label("at")).group_by(Event.user)
    rows = session.execute(last.where(Event.workspace == workspace, Event.action == "logged in"))
    return {row.user: row.at for row in rows}


def _line(key: str, event: Event, name: str | None) -> Line:
    if name is not None and pseudonym(key, event.workspace, name) != event.record:
        name = None  # another record has been given the number of one that was deleted
    alias = event.record and event.record[:8]
    return Line(event.id, event.at, event.user, event.action, name, alias, event.detail, event.address)


def check_chain(session: Session, wanted: str | None = None) -> Chain:
    """Whether every row follows from the one before, to the head. wanted : a head that was noted down at some time.

    The session must see one moment throughout (`Database.snapshot`).
    """
    n, head, is_there = 0, FIRST, wanted is None
    in_order = select(Event).order_by(Event.id).execution_options(yield_per=NEWEST)
    with closing(session.scalars(in_order)) as rows:
        for event in rows:
            n += 1
            if row_hash(event, head) != event.hash:
                return Chain(
                    n, head, f"row {n} ({_event_text(event)}): it was changed, or a row before it was taken away"
                )
            head = event.hash
            is_there = is_there or head == wanted
    wrong = _wrong_head(session, n, head)
    if wrong is None and not is_there:
        wrong = f"no row has the hash {wanted}: rows were rewritten or cut off since it was noted down"
    return Chain(n, head, wrong)


def check_newest(session: Session) -> Chain:
    """The same of the newest rows alone, for a page."""
    newest = select(Event).order_by(Event.id.desc()).limit(NEWEST + 1)
    rows = list(session.scalars(newest))[::-1]
    n, head = min(len(rows), NEWEST), rows[-1].hash if rows else FIRST
    for former, event in pairwise([None, *rows] if len(rows) <= NEWEST else rows):
        if row_hash(event, former.hash if former else FIRST) != event.hash:
            return Chain(n, head, f"{_event_text(event)}: it was changed, or a row before it was taken away")
    return Chain(n, head, _wrong_head(session, None, head))


def _wrong_head(session: Session, n: int | None, head: str) -> str | None:
    kept = session.scalar(select(Setting.value).where(Setting.key == HEAD))
    n_written, newest = _read_head(kept)
    if kept is None or kept != signed_head(_key(session), n_written, newest):
        return "the note of the newest row was changed: rows may have been cut off"
    if n is not None and n_written != n:
        return f"{n_written} rows were written and {n} are there: the newest were cut off"
    return None if newest == head else "the newest row is not the one that was written last: rows were cut off"


def _event_text(event: Event) -> str:
    at = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(event.at))
    return f"number {event.id}, {at}, {event.user}, {event.action}"


def row_hash(event: Event, former: str) -> str:
    """The hash of a row. Its time counts to the millisecond, which every database keeps."""
    fields = [round(event.at * 1_000), event.workspace, event.user, event.action, event.record, event.record_id]
    text = json.dumps([*fields, event.detail, event.address, former], separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def pseudonym(key: str, workspace: str, name: str) -> str:
    """What stands in the trail in place of a record's name."""
    return _mac(key, (workspace, name))


def signed_head(key: str, n: int, head: str) -> str:
    """The head as the settings keep it: number of rows, hash of the newest, signature."""
    return f"{n} {head or '-'} {_mac(key, (str(n), head))}"


def _read_head(kept: str | None) -> tuple[int, str]:
    n, _, rest = (kept or "").partition(" ")
    head = rest.partition(" ")[0]
    return (int(n), FIRST if head == "-" else head) if n.isascii() and n.isdigit() else (0, FIRST)


def _mac(key: str, parts: Iterable[str]) -> str:
    return hmac.new(key.encode(), json.dumps([*parts]).encode(), hashlib.sha256).hexdigest()


def _key(session: Session) -> str:
    return session.scalar(select(Setting.value).where(Setting.key == KEY)) or ""
