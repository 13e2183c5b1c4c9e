"""The tables. Times are Unix seconds; sites are a bit each, in the order of `labels.SITES`."""

import json
import os
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from sqlalchemy import (
    JSON,
    BigInteger,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from cardiac.messages import Message, message_of
from tasks.mi.labels import SITES

NAME_LETTERS, ADDRESS_LETTERS = 255, 64
_Id = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up an INTEGER alone
# In the order of code points, as Python and SQLite sort, whatever language a PostgreSQL server was set up in.
_Sorted = String(NAME_LETTERS).with_variant(String(NAME_LETTERS, collation="C"), "postgresql")


def folded(name: str) -> str:
    """A name as it is searched: without case, and with every letter written in one way. Its database folds ASCII alone."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())[:NAME_LETTERS]


def shown(text: str) -> str:
    """A text in which what cannot be kept or shown (half a letter, one that turns the line) is "_", and any space a space."""
    return "".join(letter if letter.isprintable() else " " if letter.isspace() else "_" for letter in text)


class Shown(TypeDecorator):
    """A text with words of strangers in it: what cannot be kept or shown (half a letter, one that turns the line) is "_"."""

    impl = Text
    cache_ok = True

    def __init__(self, length: int | None = None) -> None:
        super().__init__()
        self.impl = Text() if length is None else String(length)

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        return None if value is None else shown(value)


class Sentence(TypeDecorator):
    """A sentence that is said in the language of whoever reads it: a Message as JSON, or one without as it is."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        if value is None:
            return None
        if not isinstance(value, Message) and not value.startswith("{"):
            return shown(value)
        message = value if isinstance(value, Message) else Message("{text}", text=value)
        return json.dumps(_shown_message(message.to_dict()), ensure_ascii=False)

    def process_result_value(self, value: str | None, dialect: Any) -> str | None:
        if value is None or not value.startswith("{"):
            return value
        try:
            return message_of(json.loads(value))
        except ValueError:  # of an earlier version, about a file with such a name
            return value


def _shown_message(plain: Any) -> Any:
    """A message's plain data, whose arguments may be words of strangers."""
    if isinstance(plain, str):
        return shown(plain)
    if isinstance(plain, list):
        return [_shown_message(each) for each in plain]
    return {key: _shown_message(each) for key, each in plain.items()} if isinstance(plain, dict) else plain


class FilePath(TypeDecorator):
    """A path of a file, whose name may be any bytes at all."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        return None if value is None else quote(os.fsencode(value))

    def process_result_value(self, value: str | None, dialect: Any) -> str | None:
        return None if value is None else os.fsdecode(unquote_to_bytes(value))


FILTERED = ("present", "sites", "uncertain", "quality", "review", "uploaded_at", "folded")  # columns of Record
NOT_UPLOADED = [each for each in FILTERED if each != "uploaded_at"]


class Base(DeclarativeBase):
    """All tables of the site."""


class Setting(Base):
    """What holds for the whole database, such as which data folder belongs to it."""

    __tablename__ = "settings"
    key: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[str] = mapped_column(Text)


class User(Base):
    """Who may come in. epoch : goes up when a password changes, which ends all sessions."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(NAME_LETTERS), unique=True)
    password_hash: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(String(20))
    workspace: Mapped[str] = mapped_column(String(NAME_LETTERS))
    is_active: Mapped[bool] = mapped_column(default=True)
    epoch: Mapped[int] = mapped_column(default=0)


class Token(Base):
    """A key for programs, of which only the SHA-256 is kept."""

    __tablename__ = "tokens"
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    label: Mapped[str] = mapped_column(String(NAME_LETTERS))
    created_at: Mapped[float] = mapped_column(Float(53))
    expires_at: Mapped[float] = mapped_column(Float(53))
    used_at: Mapped[float | None] = mapped_column(Float(53))


class Login(Base):
    """A browser's session, which ends when it is ended here. digest : SHA-256 of the key in the browser's cookie."""

    __tablename__ = "logins"
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    address: Mapped[str] = mapped_column(String(ADDRESS_LETTERS))
    created_at: Mapped[float] = mapped_column(Float(53))
    seen_at: Mapped[float] = mapped_column(Float(53))


class Failure(Base):
    """A wrong password, for as long as it counts."""

    __tablename__ = "failures"
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(NAME_LETTERS), index=True)
    address: Mapped[str] = mapped_column(String(ADDRESS_LETTERS), index=True)
    at: Mapped[float] = mapped_column(Float(53), index=True)


class Event(Base):
    """Who saw, changed, exported or deleted what; see `trail`. record : a record's pseudonym.  record_id : its number, for

    as long as it is there.  address : from where it was asked; none for the command line.  hash : of this and all before.
    """

    __tablename__ = "audit"
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    at: Mapped[float] = mapped_column(Float(53))
    workspace: Mapped[str] = mapped_column(String(NAME_LETTERS), index=True)
    user: Mapped[str] = mapped_column(String(NAME_LETTERS))
    action: Mapped[str] = mapped_column(String(40))
    record: Mapped[str | None] = mapped_column(String(NAME_LETTERS))
    detail: Mapped[str | None] = mapped_column(Text)
    record_id: Mapped[int | None] = mapped_column(_Id)
    address: Mapped[str] = mapped_column(String(ADDRESS_LETTERS), default="")
    hash: Mapped[str] = mapped_column(String(64))


class Signal(Base):
    """A file of samples, named by the SHA-256 of what it holds; several records may have the same."""

    __tablename__ = "signals"
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)


class Patient(Base):
    """Somebody with an id, as files state it or a person typed it; there for as long as a record is. See `patients`."""

    __tablename__ = "patients"
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    workspace: Mapped[str] = mapped_column(String(NAME_LETTERS))
    patient_id: Mapped[str] = mapped_column(Shown(NAME_LETTERS))
    __table_args__ = (UniqueConstraint("workspace", "patient_id"),)


class Record(Base):
    """One recording with its finding. document : the object of findings.json.  tracing : a small picture, as SVG path.

    recorded_at : local time, as ISO 8601 has it, or the day alone.  age_years : then.  uploaded_at : of its upload.
    position : in it, by name.

    Every order of the list has an index that holds all that is filtered by: no long row is read but those that are shown.
    """

    __tablename__ = "records"
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    workspace: Mapped[str] = mapped_column(String(NAME_LETTERS))
    name: Mapped[str] = mapped_column(_Sorted)
    folded: Mapped[str] = mapped_column(
        _Sorted, default=lambda context: folded(context.get_current_parameters()["name"])
    )
    signal: Mapped[str] = mapped_column(ForeignKey("signals.sha256"), index=True)
    present: Mapped[bool]
    probability: Mapped[float] = mapped_column(Float(53))
    sites: Mapped[int]
    uncertain: Mapped[bool]
    quality: Mapped[str] = mapped_column(String(20))
    review: Mapped[str | None] = mapped_column(String(20))
    uploaded_at: Mapped[float] = mapped_column(Float(53))
    position: Mapped[int] = mapped_column(default=0)
    document: Mapped[dict[str, Any]] = mapped_column(JSON)
    evidence: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    tracing: Mapped[str] = mapped_column(Text)
    patient: Mapped[int | None] = mapped_column(ForeignKey("patients.id"))
    recorded_at: Mapped[str | None] = mapped_column(String(19))
    age_years: Mapped[float | None] = mapped_column(Float(53))
    sex: Mapped[str | None] = mapped_column(String(10))
    __table_args__ = (
        Index("records_of_patient", "patient", "recorded_at", "id"),
        UniqueConstraint("workspace", "name"),
        Index("records_uploaded", "workspace", uploaded_at.desc(), "position", "id", *NOT_UPLOADED),
        Index("records_named", "workspace", "name", "id", *FILTERED),
        Index("records_probability", "workspace", "probability", "id", *FILTERED),
    )


class PatientName(Base):
    """The patient's name that a record's file states, or a person typed; nowhere else is one kept."""

    __tablename__ = "patient_names"
    record: Mapped[int] = mapped_column(ForeignKey("records.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(Shown(NAME_LETTERS))


class Review(Base):
    """A second look. verdict : agree, correct or unreadable.  sites : of a correction, or those that were agreed with;

    none says no infarction. The finding itself may be another one by now: the record may have been read again.
    """

    __tablename__ = "reviews"
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    record_id: Mapped[int] = mapped_column(ForeignKey("records.id", ondelete="CASCADE"), index=True)
    user: Mapped[str] = mapped_column(String(NAME_LETTERS))
    at: Mapped[float] = mapped_column(Float(53))
    verdict: Mapped[str] = mapped_column(String(20))
    sites: Mapped[int]
    comment: Mapped[str] = mapped_column(Text)


class Form(Base):
    """The submission form that a workspace's export fills in, as it was uploaded."""

    __tablename__ = "forms"
    workspace: Mapped[str] = mapped_column(String(NAME_LETTERS), primary_key=True)
    name: Mapped[str] = mapped_column(String(NAME_LETTERS))
    columns: Mapped[list[str]] = mapped_column(JSON)
    rows: Mapped[list[list[Any]]] = mapped_column(JSON)
    uploaded_at: Mapped[float] = mapped_column(Float(53))


class Job(Base):
    """One upload. done, total : of the recordings in it.  error : why it failed, where the server is to blame."""

    __tablename__ = "jobs"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    workspace: Mapped[str] = mapped_column(String(NAME_LETTERS))
    user: Mapped[str] = mapped_column(String(NAME_LETTERS))
    name: Mapped[str] = mapped_column(Shown(NAME_LETTERS))
    fs_hz: Mapped[float | None] = mapped_column(Float(53))
    state: Mapped[str] = mapped_column(String(20))
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None] = mapped_column(Sentence)
    created_at: Mapped[float] = mapped_column(Float(53))
    __table_args__ = (Index("jobs_newest", "workspace", "created_at"),)


class Task(Base):
    """A piece of work: `open` an upload, `read` one recording of it, `explain` or `draw` one record.

    position : of a recording in its upload. Taken in the order of priority, position and id, so that no upload waits
    for the whole of another.  record : name under which a recording was stored.  reason : why it was refused.
    known : `known.HERE` or `known.COPY` where the same recording was there before.
    """

    __tablename__ = "tasks"
    id: Mapped[int] = mapped_column(_Id, primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(20))
    priority: Mapped[int]
    position: Mapped[int] = mapped_column(default=0)
    job_id: Mapped[str | None] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    record_id: Mapped[int | None] = mapped_column(ForeignKey("records.id", ondelete="CASCADE"), index=True)
    path: Mapped[str] = mapped_column(FilePath, default="")
    name: Mapped[str] = mapped_column(Shown, default="")
    worker: Mapped[str | None] = mapped_column(String(32))
    attempts: Mapped[int] = mapped_column(default=0)
    record: Mapped[str | None] = mapped_column(String(NAME_LETTERS))
    known: Mapped[str | None] = mapped_column(String(10))
    reason: Mapped[str | None] = mapped_column(Sentence)
    __table_args__ = (
        Index("tasks_next", "state", "priority", "position", "id"),
        Index("tasks_of_job", "job_id", "position"),
    )


class Worker(Base):
    """A process that works, and when it was last alive."""

    __tablename__ = "workers"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    seen_at: Mapped[float] = mapped_column(Float(53))


def mask_of(sites: Iterable[str]) -> int:
    """The bits of some sites. Raises ValueError for a name that is no site."""
    return sum(1 << SITES.index(site) for site in set(sites))


def sites_of(mask: int) -> Sequence[str]:
    """The sites of some bits, in the order of the submission's columns."""
    return [site for bit, site in enumerate(SITES) if mask >> bit & 1]
