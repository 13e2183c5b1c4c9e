"""What the command line does beside serving: users, their sessions and tokens, the trail, backups."""

import argparse
import getpass
import os
import sys
import time
from contextlib import closing

from sqlalchemy import select
from sqlalchemy.orm import Session

from cardiac.errors import ConfigError
from webapp import changed_users
from webapp.backup import make_backup
from webapp.restore import restore_backup
from webapp.settings import LOCAL_WORKSPACE, Settings
from webapp.storage import accounts, logins
from webapp.storage.database import Database
from webapp.storage.files import Files
from webapp.storage.logins import Limits
from webapp.storage.schema import head_revision, revision_of
from webapp.storage.tables import User
from webapp.storage.trail import check_chain, list_events, note_event

PASSWORD = "ECG_PASSWORD"
BY_COMMAND = "command line"  # who has done what the command line does, in the trail


def run_command(options: argparse.Namespace, settings: Settings) -> int:
    """One of the commands below, on the database and data folder of the settings."""
    if options.command == "restore":
        return restore_site(options, settings)
    files = Files(settings.data)
    with closing(Database(settings.url)) as database:
        if options.command == "backup":
            return back_up(options, database, files)
        database.migrate()
        return (manage_users if options.command == "user" else show_trail)(options, database)


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
        lines = USER_COMMANDS[options.what](session, options)
    for line in lines:
        print(line)
    return 0


def _add_user(session: Session, options: argparse.Namespace) -> list[str]:
    by = accounts.Person(BY_COMMAND, "admin", options.workspace)
    changed_users.add_user(session, by, options.name, options.password, options.role)
    return [f"{options.name} may come in as {options.role} of the workspace {options.workspace}."]


def _close_user(session: Session, options: argparse.Namespace) -> list[str]:
    changed_users.close_user(session, _by(session, options), options.name)
    return [f"{options.name} may come in no more."]


def _list_sessions(session: Session, options: argparse.Namespace) -> list[str]:
    """Id, since when, last seen, address."""
    limits = Limits(options.idle_minutes * 60, options.session_hours * 3_600)
    sessions = logins.list_logins(session, accounts.named_user(session, options.name).id, limits)
    return ["\t".join((each.digest[:8], _day(each.created_at), _day(each.seen_at), each.address)) for each in sessions]


def _end_sessions(session: Session, options: argparse.Namespace) -> list[str]:
    n = changed_users.end_sessions(session, _by(session, options), options.name)
    return [f"{options.name}: {n} sessions were ended."]


def _make_token(session: Session, options: argparse.Namespace) -> list[str]:
    token = accounts.add_token(session, options.name, options.label, options.days)
    detail = f"{options.name}, {options.label}, {options.days} days"
    note_event(session, _by(session, options), "made a token", detail=detail)
    return [token]


def _list_tokens(session: Session, options: argparse.Namespace) -> list[str]:
    """Id, label, made, ends, last used."""
    tokens = accounts.list_tokens(session, accounts.named_user(session, options.name).id)
    return [
        "\t".join((each.digest[:8], each.label, _day(each.created_at), _day(each.expires_at), _day(each.used_at)))
        for each in tokens
    ]


def _revoke_token(session: Session, options: argparse.Namespace) -> list[str]:
    if not options.id:
        raise ConfigError(f"user revoke {options.name}: name the token: `user tokens {options.name}` shows their ids")
    token = changed_users.revoke_token(session, _by(session, options), options.name, options.id)
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
    """`audit`: the trail of a workspace, newest first; or of one record; or whether nobody has changed it."""
    if options.verify or options.head:
        return _verify_trail(options, database)
    with database.reading() as session:
        for each in list_events(session, options.workspace, options.limit, record=options.record):
            at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(each.at))
            record = each.record or (f"deleted record {each.alias}" if each.alias else "")
            print(at, each.user, each.action, record, each.detail or "", each.address, sep="\t")
    return 0


def _verify_trail(options: argparse.Namespace, database: Database) -> int:
    """0 where the whole chain holds, or 2, with what is wrong first."""
    with database.snapshot() as session:
        chain = check_chain(session, options.head)
    if chain.wrong:
        print(f"the trail is broken: {chain.wrong}", file=sys.stderr)
        return 2
    print(f"{chain.n_rows} rows, unbroken, head {chain.head or '-'}")
    return 0


def back_up(options: argparse.Namespace, database: Database, files: Files) -> int:
    """`backup`: all that is kept, in one file. An older version's tables are written as they are."""
    with database.snapshot() as session:
        revision = revision_of(session.connection())
    if revision is not None:
        with database.writing() as session:
            files.belong_to(session)
    made = make_backup(database, files, options.file, options.force)
    if revision == head_revision():
        _note_command(database, "made a backup", f"{made.n_bytes} bytes")
    print(f"{options.file.name}: {made.n_bytes / 1e6:.1f} MB. It holds names and recordings: keep it safe.")
    if made.n_lost:
        print(
            f"{made.n_lost} files of samples or uploads are missing on this server, and in the backup.", file=sys.stderr
        )
    return 0


def restore_site(options: argparse.Namespace, settings: Settings) -> int:
    """`restore`: a backup into an empty folder and database; 0, though the trail in it may be said to be broken."""
    manifest = restore_backup(options.file, settings.data, settings.url)
    with closing(Database(settings.url)) as database:
        database.migrate()
        with database.snapshot() as session:
            chain = check_chain(session)
        made = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(manifest.made_at))
        _note_command(database, "restored a backup", f"made {made}")
    print(f"Restored as it was on {made}. Everybody logs in anew.")
    print(
        f"The trail: {chain.wrong}."
        if chain.wrong
        else f"The trail: {chain.n_rows} rows, unbroken, head {chain.head or '-'}"
    )
    return 0


def _note_command(database: Database, done: str, detail: str) -> None:
    by = accounts.Person(BY_COMMAND, "admin", LOCAL_WORKSPACE)
    with database.writing() as session:
        note_event(session, by, done, detail=detail)
