"""Who may come in, and with which right."""

import hashlib
import secrets
import threading
import time
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from cardiac.errors import CardiacError, ConfigError
from webapp.settings import LOCAL_WORKSPACE
from webapp.storage.tables import ADDRESS_LETTERS, NAME_LETTERS, Failure, Token, User
from webapp.storage.trail import list_events, note_event  # noqa: F401 (they had their place here)

ROLES = ("reader", "reviewer", "admin")  # each may what those before it may
SHORTEST_PASSWORD = 10
LONGEST_WORKSPACE = 100
TOKEN_S = 90 * 86_400.0
MOST_FAILURES, MOST_OF_ADDRESS, LOCKED_S = 5, 20, 900.0
_HASHER = PasswordHasher()
_HASHING = threading.Lock()  # a hash takes 64 MiB while it is made
_NOBODY = _HASHER.hash(secrets.token_hex())  # so that a name that is not there takes as long as one that is


class LockedOut(CardiacError):
    """Too many wrong passwords; wait_s says for how long nobody is let in under this name or from this address."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(f"too many wrong passwords: try again in {max(1, round(wait_s / 60))} minutes")
        self.wait_s = wait_s


@dataclass(frozen=True)
class Person:
    """Who asks. is_local : whoever sits at the machine, of a server that nobody else reaches."""

    name: str
    role: str
    workspace: str
    is_local: bool = False

    def may(self, role: str) -> bool:
        """Whether this person has the rights of a role."""
        return ROLES.index(self.role) >= ROLES.index(role)


LOCAL = Person("local", "admin", LOCAL_WORKSPACE, is_local=True)


def add_user(session: Session, name: str, password: str, role: str, workspace: str) -> None:
    """A new user, or a new password, role and workspace of one that is there. Raises ConfigError."""
    if not _is_name(name, NAME_LETTERS):
        raise ConfigError(f"a user's name is 1 to {NAME_LETTERS} letters that can be shown: choose another")
    if not _is_name(workspace, LONGEST_WORKSPACE):
        raise ConfigError(f"a workspace's name is 1 to {LONGEST_WORKSPACE} letters that can be shown: choose another")
    if role not in ROLES:
        raise ConfigError(f"there is no role {role!r}: choose one of {', '.join(ROLES)}")
    if len(password) < SHORTEST_PASSWORD:
        raise ConfigError(f"the password has {len(password)} letters: take at least {SHORTEST_PASSWORD}")
    user = session.scalar(select(User).where(User.name == name))
    if user is None:
        user = User(name=name, epoch=0)
        session.add(user)
    user.password_hash, user.role, user.workspace = _HASHER.hash(password), role, workspace
    user.is_active, user.epoch = True, user.epoch + 1
    forget_failures(session, name)


def close_user(session: Session, name: str) -> None:
    """Let a user in no more, neither by password nor by token nor by a session that is open. Raises ConfigError."""
    user = named_user(session, name)
    user.is_active, user.epoch = False, user.epoch + 1
    session.execute(delete(Token).where(Token.user_id == user.id))


def named_user(session: Session, name: str) -> User:
    """Raises ConfigError where there is none."""
    user = session.scalar(select(User).where(User.name == name)) if name.isprintable() else None
    if user is None:
        raise ConfigError(f"there is no user {name!r}: `user list` shows who is there")
    return user


def has_users(session: Session) -> bool:
    """Whether anybody may come in by a password."""
    return session.scalar(select(User.id).where(User.is_active).limit(1)) is not None


def check_lock(session: Session, name: str, address: str) -> None:
    """Raises LockedOut where too many wrong passwords came for this name or from this address."""
    since = time.time() - LOCKED_S
    own = ((Failure.name == name, MOST_FAILURES), (Failure.address == address[:ADDRESS_LETTERS], MOST_OF_ADDRESS))
    for held, most in own:
        newest = select(Failure.at).where(held, Failure.at > since).order_by(Failure.at.desc()).limit(most)
        counted = session.scalars(newest).all()
        if len(counted) == most:
            raise LockedOut(counted[-1] + LOCKED_S - time.time())


def check_password(session: Session, name: str, password: str) -> User | None:
    """The user, if this is their password."""
    user = session.scalar(select(User).where(User.name == name, User.is_active))
    try:
        with _HASHING:
            _HASHER.verify(user.password_hash if user else _NOBODY, password)
    except (VerifyMismatchError, InvalidHashError):
        return None
    return user


def note_failure(session: Session, name: str, address: str) -> None:
    """Count a wrong password, and forget those that count no more."""
    session.execute(delete(Failure).where(Failure.at < time.time() - LOCKED_S))
    session.add(Failure(name=name, address=address[:ADDRESS_LETTERS], at=time.time()))


def forget_failures(session: Session, name: str) -> None:
    session.execute(delete(Failure).where(Failure.name == name))


def add_token(session: Session, name: str, label: str) -> str:
    """A new token of a user, which is shown this once. Raises ConfigError."""
    token = secrets.token_urlsafe(32)
    now = time.time()
    user_id = named_user(session, name).id
    kept = Token(digest=_digest(token), user_id=user_id, label=label, created_at=now, expires_at=now + TOKEN_S)
    session.add(kept)
    return token


def user_of_token(session: Session, token: str) -> User | None:
    """Whose token this is."""
    return session.scalar(select(User).join(Token).where(Token.digest == _digest(token), User.is_active))


def user_of_session(session: Session, user_id: int, epoch: int) -> User | None:
    """Whose session this is, unless a password has changed or the user was closed since."""
    return session.scalar(select(User).where(User.id == user_id, User.epoch == epoch, User.is_active))


def _is_name(text: str, longest: int) -> bool:
    return bool(text.strip()) and len(text) <= longest and text.isprintable()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
