"""Changes of users, each with its line in the trail: what the command line and the page of an admin do alike.

by : who does it, an admin of the workspace whose users are meant; what they may is asked before.
"""

import secrets

from sqlalchemy.orm import Session

from cardiac.errors import ConfigError
from cardiac.messages import Message
from webapp.storage import accounts, logins
from webapp.storage.accounts import Person
from webapp.storage.tables import Token, User
from webapp.storage.trail import note_event


def add_user(session: Session, by: Person, name: str, password: str, role: str) -> None:
    """A new user of by's workspace, or a new password and role of one that is there. Raises ConfigError."""
    is_new = not name.isprintable() or accounts.find_user(session, name) is None
    accounts.add_user(session, name, password, role, by.workspace)
    detail = f"{name}, {role}"
    if is_new:
        note_event(session, by, "added a user", detail=detail)
    else:
        note_event(session, by, "changed the password", detail=detail)


def invite_user(session: Session, by: Person, name: str, role: str) -> User:
    """A new user with a password that nobody knows. Raises ConfigError, also where the name is somebody's already."""
    if name.isprintable() and accounts.find_user(session, name) is not None:
        raise ConfigError(Message("the name {name!r} is taken on this server: choose another", name=name))
    add_user(session, by, name, secrets.token_urlsafe(32), role)
    return accounts.named_user(session, name)


def reset_password(session: Session, by: Person, user: User) -> None:
    """A password that nobody knows; all sessions and tokens end. Whoever was closed may come in again."""
    accounts.add_user(session, user.name, secrets.token_urlsafe(32), user.role, user.workspace)
    note_event(session, by, "reset the password", detail=user.name)


def change_role(session: Session, by: Person, user: User, role: str) -> None:
    """Another role of a user; what they are logged in with stays, with the new rights. Raises ConfigError."""
    if role not in accounts.ROLES:
        raise ConfigError(
            Message("there is no role {role!r}: choose one of {roles}", role=role, roles=", ".join(accounts.ROLES))
        )
    note_event(session, by, "changed the role", detail=f"{user.name}, {user.role} to {role}")
    user.role = role


def close_user(session: Session, by: Person, name: str) -> None:
    """Let a user in no more. Raises ConfigError."""
    accounts.close_user(session, name)
    note_event(session, by, "closed a user", detail=name)


def end_sessions(session: Session, by: Person, name: str) -> int:
    """End all sessions of a user; how many those were. Raises ConfigError."""
    n = logins.end_logins(session, accounts.named_user(session, name).id)
    note_event(session, by, "ended a session", detail=f"{name}, {n} sessions")
    return n


def revoke_token(session: Session, by: Person, name: str, short: str) -> Token:
    """End one token of a user for good. short : as of `accounts.revoke_token`. Raises ConfigError."""
    token = accounts.revoke_token(session, accounts.named_user(session, name), short)
    note_event(session, by, "revoked a token", detail=f"{name}, {token.digest[:8]}, {token.label}")
    return token
