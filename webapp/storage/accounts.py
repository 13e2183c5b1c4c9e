"""Who may come in, and with which right."""

import hashlib
import secrets
import threading
import time
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from cardiac.errors import ConfigError
from webapp.settings import LOCAL_WORKSPACE
from webapp.storage.logins import end_logins
from webapp.storage.tables import NAME_LETTERS, Token, User
from webapp.storage.throttle import forget_failures

ROLES = ("reader", "reviewer", "admin")  # each may what those before it may
SHORTEST_PASSWORD = 10
LONGEST_WORKSPACE = LONGEST_LABEL = 100
DAY_S = 86_400.0
TOKEN_DAYS, MOST_TOKEN_DAYS = 90, 365
MOST_TOKENS = 50  # of one user
USED_EVERY_S = 60.0  # when a token was used last is written so often
_HASHER = PasswordHasher()
_HASHING = threading.Lock()  # a hash takes 64 MiB while it is made
_NOBODY = _HASHER.hash(secrets.token_hex())  # so that a name that is not there takes as long as one that is


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
        raise ConfigError("a user's name is 1 to {most} letters that can be shown: choose another", most=NAME_LETTERS)
    if not _is_name(workspace, LONGEST_WORKSPACE):
        raise ConfigError(
            "a workspace's name is 1 to {most} letters that can be shown: choose another", most=LONGEST_WORKSPACE
        )
    if role not in ROLES:
        raise ConfigError("there is no role {role!r}: choose one of {known}", role=role, known=", ".join(ROLES))
    user = session.scalar(select(User).where(User.name == name).with_for_update())
    if user is None:
        user = User(name=name, epoch=0)
        session.add(user)
    user.role, user.workspace, user.is_active = role, workspace, True
    change_password(session, user, password)


def change_password(session: Session, user: User, password: str) -> None:
    """A new password, which ends all sessions and tokens of this user, and every browser is a stranger's again.

    Raises ConfigError.
    """
    if len(password) < SHORTEST_PASSWORD:
        raise ConfigError(
            "the password has {n} letters: take at least {least}", n=len(password), least=SHORTEST_PASSWORD
        )
    user.password_hash = _hashed(password)
    _end_all(session, user)
    forget_failures(session, user.name)


def list_users(session: Session, workspace: str) -> list[User]:
    """Everybody of a workspace by name, those who are closed last."""
    statement = select(User).where(User.workspace == workspace)
    return list(session.scalars(statement.order_by(User.is_active.desc(), User.name)))


def close_user(session: Session, name: str) -> None:
    """Let a user in no more, neither by password nor by token nor by a session that is open. Raises ConfigError."""
    user = named_user(session, name, is_changed=True)
    user.is_active = False
    _end_all(session, user)


def _end_all(session: Session, user: User) -> None:
    user.epoch += 1
    session.flush()
    session.execute(delete(Token).where(Token.user_id == user.id))
    end_logins(session, user.id)


def _hashed(password: str) -> str:
    with _HASHING:
        return _HASHER.hash(password)


def named_user(session: Session, name: str, is_changed: bool = False) -> User:
    """A user by name. is_changed : until the transaction ends nobody else changes them. Raises ConfigError for none."""
    user = find_user(session, name, is_changed) if name.isprintable() else None
    if user is None:
        raise ConfigError(f"there is no user {name!r}: `user list` shows who is there")
    return user


def find_user(session: Session, name: str, is_changed: bool = False) -> User | None:
    """A user by name, or None. is_changed : as of `named_user`."""
    statement = select(User).where(User.name == name)
    return session.scalar(statement.with_for_update() if is_changed else statement)


def has_users(session: Session) -> bool:
    """Whether anybody may come in by a password."""
    return session.scalar(select(User.id).where(User.is_active).limit(1)) is not None


def check_password(session: Session, name: str, password: str) -> User | None:
    """The user, if this is their password."""
    user = session.scalar(select(User).where(User.name == name, User.is_active))
    try:
        with _HASHING:
            _HASHER.verify(user.password_hash if user else _NOBODY, password)
    except (VerifyMismatchError, InvalidHashError):
        return None
    return user


def add_token(session: Session, name: str, label: str, days: int = TOKEN_DAYS) -> str:
    """A new token of a user, which is shown this once and ends after some days. Raises ConfigError."""
    if not 1 <= days <= MOST_TOKEN_DAYS:
        raise ConfigError("a token lasts 1 to {most} days: choose a number of days from these", most=MOST_TOKEN_DAYS)
    if not _is_name(label, LONGEST_LABEL):
        raise ConfigError(
            "a token's label is 1 to {most} letters that can be shown: say what the token is for", most=LONGEST_LABEL
        )
    user = named_user(session, name, is_changed=True)
    if not user.is_active:
        raise ConfigError(f"{name} is closed and can have no token: `user add {name}` lets them in again")
    if len(list_tokens(session, user.id)) >= MOST_TOKENS:
        raise ConfigError(
            "{name} has {n} tokens, and nobody has more: revoke one that is not needed", name=name, n=MOST_TOKENS
        )
    token, now = secrets.token_urlsafe(32), time.time()
    kept = {"digest": _digest(token), "user_id": user.id, "label": label}
    session.add(Token(**kept, created_at=now, expires_at=now + days * DAY_S))
    return token


def find_token(session: Session, token: str) -> tuple[User, Token] | None:
    """Whose token this is, though it may have ended; None where it is nobody's, or the user is closed."""
    statement = select(User, Token).join(Token).where(Token.digest == _digest(token), User.is_active)
    row = session.execute(statement).one_or_none()
    return (row[0], row[1]) if row else None


def user_of_token(session: Session, token: str) -> User | None:
    """Whose token this is, if it has not ended."""
    user, kept = find_token(session, token) or (None, None)
    return user if kept and not token_has_ended(kept) else None


def token_has_ended(token: Token) -> bool:
    """Whether a token's days are over."""
    return time.time() >= token.expires_at


def list_tokens(session: Session, user_id: int) -> list[Token]:
    """A user's tokens, the newest first; those that have ended stay until they are revoked."""
    statement = select(Token).where(Token.user_id == user_id)
    return list(session.scalars(statement.order_by(Token.created_at.desc(), Token.digest)))


def revoke_token(session: Session, user: User, short: str) -> Token:
    """End one token of a user for good. short : the first 8 or more hex digits of its digest. Raises ConfigError."""
    meant = [each for each in list_tokens(session, user.id) if len(short) >= 8 and each.digest.startswith(short)]
    if len(meant) != 1:
        raise ConfigError(f"{user.name} has no token {short[:64]!r}: `user tokens {user.name}` shows which there are")
    session.execute(delete(Token).where(Token.digest == meant[0].digest))
    return meant[0]


def is_due(token: Token) -> bool:
    """Whether it is to be written again when a token was used last."""
    return token.used_at is None or time.time() - token.used_at >= USED_EVERY_S


def mark_used(session: Session, token: Token) -> None:
    """Write that a token was used just now."""
    session.execute(update(Token).where(Token.digest == token.digest).values(used_at=time.time()))


def _is_name(text: str, longest: int) -> bool:
    return bool(text.strip()) and len(text) <= longest and text.isprintable()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
