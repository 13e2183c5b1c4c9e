"""Sessions of browsers, which are kept here: whatever a browser still has, what is ended here is ended."""

import hashlib
import secrets
import time
from dataclasses import dataclass

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from webapp.storage.tables import ADDRESS_LETTERS, Login, User

MOST_LOGINS = 50  # of one user at once; the one that was used least lately makes room
SEEN_EVERY_S = 60.0  # when a session was used last is written so often, so that reading stays light


@dataclass(frozen=True)
class Limits:
    """How long a session lasts. idle_s : without any request.  whole_s : whatever is done in it."""

    idle_s: float
    whole_s: float

    def have_passed(self, login: Login) -> bool:
        """Whether a session has come to its end by itself."""
        now = time.time()
        return now - login.seen_at >= self.idle_s or now - login.created_at >= self.whole_s


def open_login(session: Session, user: User, address: str) -> str:
    """A new session of a user; the key for the browser's cookie, of which only the SHA-256 stays."""
    key, now = secrets.token_urlsafe(32), time.time()
    kept = {"digest": _digest(key), "user_id": user.id, "address": address[:ADDRESS_LETTERS]}
    surplus = select(Login.digest).where(Login.user_id == user.id).order_by(Login.seen_at.desc())
    for digest in session.scalars(surplus.offset(MOST_LOGINS - 1)).all():
        session.execute(delete(Login).where(Login.digest == digest))
    session.add(Login(**kept, created_at=now, seen_at=now))
    return key


def find_login(session: Session, key: str) -> tuple[User, Login] | None:
    """Whose session a key opens, though it may have come to its end; None where it was ended, or the user closed."""
    statement = select(User, Login).join(Login).where(Login.digest == _digest(key), User.is_active)
    row = session.execute(statement).one_or_none()
    return (row[0], row[1]) if row else None


def list_logins(session: Session, user_id: int, limits: Limits) -> list[Login]:
    """A user's open sessions, the one that was used last first."""
    rows = session.scalars(select(Login).where(Login.user_id == user_id).order_by(Login.seen_at.desc(), Login.digest))
    return [each for each in rows if not limits.have_passed(each)]


def is_due(login: Login) -> bool:
    """Whether it is to be written again when a session was used last."""
    return time.time() - login.seen_at >= SEEN_EVERY_S


def mark_seen(session: Session, login: Login) -> None:
    """Write that a session was used just now."""
    session.execute(update(Login).where(Login.digest == login.digest).values(seen_at=time.time()))


def end_login(session: Session, user_id: int, short: str) -> bool:
    """End one session of a user; whether it was there. short : the first 8 or more hex digits of its digest."""
    digests = session.scalars(select(Login.digest).where(Login.user_id == user_id)).all()
    meant = [each for each in digests if len(short) >= 8 and each.startswith(short)]
    return any(_delete(session, each) for each in meant)


def end_key(session: Session, key: str) -> bool:
    """End the session that a key opens; whether it was there."""
    return _delete(session, _digest(key))


def end_logins(session: Session, user_id: int, but: str = "") -> int:
    """End all sessions of a user; how many those were. but : digest of one that stays."""
    return session.execute(delete(Login).where(Login.user_id == user_id, Login.digest != but)).rowcount


def end_passed(session: Session, limits: Limits) -> list[tuple[User, Login]]:
    """Take away the sessions of all users that have come to their end by themselves; which those were."""
    now = time.time()
    passed = or_(Login.seen_at <= now - limits.idle_s, Login.created_at <= now - limits.whole_s)
    rows = session.execute(select(User, Login).join(Login).where(passed).order_by(Login.digest)).all()
    return [(user, login) for user, login in rows if _delete(session, login.digest)]


def _delete(session: Session, digest: str) -> bool:
    """Whether it was there still: another server may tidy at the same time."""
    return session.execute(delete(Login).where(Login.digest == digest)).rowcount == 1


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
