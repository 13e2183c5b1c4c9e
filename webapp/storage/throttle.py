"""Wrong passwords slow down whoever sends them, and nobody else.

Every address has a count of its own, and every browser in which this user has logged in before as well (a "device
cookie" of OWASP), so that strangers, however many, keep nobody out of their own browser. A name alone is slowed down
only when many addresses try it. Names are counted alike whether anybody has them or not.

Everything is in the database, so that it holds over restarts and for several servers; Flask-Limiter keeps its counts in
one process's memory or in a Redis, and counts requests, not wrong passwords.
"""

import hashlib
import time

from sqlalchemy import delete, func, select, text
from sqlalchemy.orm import Session

from cardiac.errors import CardiacError
from webapp.storage.tables import ADDRESS_LETTERS, Failure

WINDOW_S = 900.0  # a failure counts for so long, and no wait is longer
FREE_FAILURES = 5  # of one address or browser, before it has to wait
FREE_ADDRESSES = 10  # from which one name is tried, before it has to wait
MOST_OF_ADDRESS = 20  # failures within the window, whatever was waited
SECONDS = "too many wrong passwords: try again in {n} seconds"
A_SECOND = "too many wrong passwords: try again in {n} second"
MINUTES = "too many wrong passwords: try again in {n} minutes"
A_MINUTE = "too many wrong passwords: try again in {n} minute"
OWN = "own "  # begins the counts that are no address's


class LockedOut(CardiacError):
    """Too many wrong passwords; wait_s says for how long none is looked at. is_name : of this name, from any address."""

    def __init__(self, wait_s: float, is_name: bool = False) -> None:
        if wait_s < 60:
            n = max(1, round(wait_s))
            super().__init__(SECONDS if n > 1 else A_SECOND, n=n)
        else:
            n = round(wait_s / 60)
            super().__init__(MINUTES if n > 1 else A_MINUTE, n=n)
        self.wait_s, self.is_name = wait_s, is_name


def now() -> float:
    """Unix seconds."""
    return time.time()


def own_counter(secret: str) -> str:
    """The counter of a browser that is known, or of a person who is logged in, rather than of an address."""
    return OWN + hashlib.sha256(secret.encode()).hexdigest()[: ADDRESS_LETTERS - len(OWN)]


def count_attempt(session: Session, name: str, counter: str) -> None:
    """Count a wrong password before it is known to be one, so that many at once are counted. Raises LockedOut.

    counter : the client's network or `own_counter`.
    """
    if session.get_bind().dialect.name == "postgresql":  # one after another, as writers of SQLite are anyway
        session.execute(text("LOCK TABLE failures IN SHARE ROW EXCLUSIVE MODE"))
    session.execute(delete(Failure).where(Failure.at <= now() - WINDOW_S))
    counter = counter[:ADDRESS_LETTERS]
    _check_counter(session, counter)
    if not counter.startswith(OWN):
        _check_name(session, _kept(name))
    session.add(Failure(name=_kept(name), address=counter, at=now()))


def forgive(session: Session, name: str, counter: str) -> None:
    """The password was right: forget what this client got wrong before; what others did stays."""
    counter = counter[:ADDRESS_LETTERS]
    session.execute(delete(Failure).where(Failure.name == _kept(name), Failure.address == counter))


def forget_failures(session: Session, name: str) -> None:
    """Forget all failures of a name, which has a new password."""
    session.execute(delete(Failure).where(Failure.name == _kept(name)))


def _check_counter(session: Session, counter: str) -> None:
    newest = session.scalars(
        select(Failure.at).where(Failure.address == counter).order_by(Failure.at.desc()).limit(MOST_OF_ADDRESS)
    ).all()
    if newest:
        until = newest[0] + _wait_s(len(newest) - FREE_FAILURES)
        if len(newest) == MOST_OF_ADDRESS:
            until = max(until, newest[-1] + WINDOW_S)
        _check_time(until, is_name=False)


def _check_name(session: Session, kept: str) -> None:
    """Each address counts once, however often it tries."""
    n, newest = session.execute(
        select(func.count(func.distinct(Failure.address)), func.max(Failure.at)).where(
            Failure.name == kept, Failure.address.not_like(OWN + "%")
        )
    ).one()
    if n:
        _check_time(newest + _wait_s(n - FREE_ADDRESSES), is_name=True)


def _check_time(until: float, is_name: bool) -> None:
    if until > now():
        raise LockedOut(until - now(), is_name)


def _wait_s(n_beyond: int) -> float:
    """No wait before the free ones are used up, then 1, 2, 4, ... seconds, and never longer than a failure counts."""
    return 0.0 if n_beyond < 0 else min(2.0 ** min(n_beyond, 30), WINDOW_S)


def _kept(name: str) -> str:
    """A name as it is counted: somebody may have typed their password into its field."""
    return hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()
