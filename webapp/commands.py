"""What the command line does beside serving: users, their sessions and tokens, the trail."""

import argparse
import getpass
import os
import sys
import time

from sqlalchemy import select
from sqlalchemy.orm import Session

from cardiac.errors import ConfigError
from webapp.storage import accounts, logins
from webapp.storage.database import Database
from webapp.storage.logins import Limits
from webapp.storage.tables import User

PASSWORD = "ECG_PASSWORD"
BY_COMMAND = "command line"  # who has done what the command line does, in the trail


def manage_users(options: argparse.Namespace, database: Database) -> int:
    """`user add`, `close`, `list`, `sessions`, `logout`, `token`, `tokens`, `revoke`."""
    if options.what == "list":
        with database.reading() as session:
            for user in session.scalars(select(User).order_by(User.name)):
                print(user.name, user.role, user.workspace, "" if user.is_active else "(closed)", sep="\t")
        return 0
    if not options.name:
        raise ConfigError(f"user {options.what}: name the user")
    options.password = _ask_password() if options.what == "add" else ""
    with database.writing() as session:
        told = USER_COMMANDS[options.what](session, options)
    for line in told:
        print(line)
    return 0


def _add_user(session: Session, options: argparse.Namespace) -> list[str]:
    is_new = not options.name.isprintable() or accounts.find_user(session, options.name) is None
    accounts.add_user(session, options.name, options.password, options.role, options.workspace)
    by, detail = _by(session, options), f"{options.name}, {options.role}"
    if is_new:
        accounts.note_event(session, by, "added a user", detail=detail)
    else:
        accounts.note_event(session, by, "changed the password", detail=detail)
    return [f"{options.name} may come in as {options.role} of the workspace {options.workspace}."]


def _close_user(session: Session, options: argparse.Namespace) -> list[str]:
    accounts.close_user(session, options.name)
    accounts.note_event(session, _by(session, options), "closed a user", detail=options.name)
    return [f"{options.name} may come in no more."]


def _list_sessions(session: Session, options: argparse.Namespace) -> list[str]:
    """Id, since when, last seen, address."""
    limits = Limits(options.idle_minutes * 60, options.session_hours * 3_600)
    found = logins.list_logins(session, accounts.named_user(session, options.name).id, limits)
    return ["\t".join((each.digest[:8], _day(each.created_at), _day(each.seen_at), each.address)) for each in found]


def _end_sessions(session: Session, options: argparse.Namespace) -> list[str]:
    n = logins.end_logins(session, accounts.named_user(session, options.name).id)
    accounts.note_event(session, _by(session, options), "ended a session", detail=f"{options.name}, {n} sessions")
    return [f"{options.name}: {n} sessions were ended."]


def _make_token(session: Session, options: argparse.Namespace) -> list[str]:
    token = accounts.add_token(session, options.name, options.label, options.days)
    detail = f"{options.name}, {options.label}, {options.days} days"
    accounts.note_event(session, _by(session, options), "made a token", detail=detail)
    return [token]


def _list_tokens(session: Session, options: argparse.Namespace) -> list[str]:
    """Id, label, made, ends, last used."""
    found = accounts.list_tokens(session, accounts.named_user(session, options.name).id)
    return [
        "\t".join((each.digest[:8], each.label, _day(each.created_at), _day(each.expires_at), _day(each.used_at)))
        for each in found
    ]


def _revoke_token(session: Session, options: argparse.Namespace) -> list[str]:
    if not options.id:
        raise ConfigError(f"user revoke {options.name}: name the token: `user tokens {options.name}` shows their ids")
    token = accounts.revoke_token(session, accounts.named_user(session, options.name), options.id)
    detail = f"{options.name}, {token.digest[:8]}, {token.label}"
    accounts.note_event(session, _by(session, options), "revoked a token", detail=detail)
    return [f"The token {token.digest[:8]} ({token.label}) opens nothing any more."]


USER_COMMANDS = {
    "add": _add_user,
    "close": _close_user,
    "sessions": _list_sessions,
    "logout": _end_sessions,
    "token": _make_token,
    "tokens": _list_tokens,
    "revoke": _revoke_token,
}


def _by(session: Session, options: argparse.Namespace) -> accounts.Person:
    """Whoever sits at the command line, in the workspace of the user."""
    return accounts.Person(BY_COMMAND, "admin", accounts.named_user(session, options.name).workspace)


def _day(at: float | None) -> str:
    return "-" if at is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def _ask_password() -> str:
    given = os.environ.get(PASSWORD)
    if given is not None:
        return given
    try:
        if not sys.stdin.isatty():
            return sys.stdin.readline().rstrip("\n")
        first = getpass.getpass("Password: ")
        if getpass.getpass("Again: ") != first:
            raise ConfigError("the two passwords differ: nothing was changed")
        return first
    except (EOFError, UnicodeDecodeError) as error:
        raise ConfigError("no password was given that can be read: nothing was changed") from error


def show_trail(options: argparse.Namespace, database: Database) -> int:
    """`audit`: the trail of a workspace, newest first."""
    with database.reading() as session:
        for each in accounts.list_events(session, options.workspace, options.limit):
            at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(each.at))
            print(at, each.user, each.action, each.record or "", each.detail or "", sep="\t")
    return 0
