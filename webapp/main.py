"""The web site: upload recordings, browse and look at them, export what was found.

    python webapp/main.py                                      # on http://127.0.0.1:5000, for this machine alone
    python webapp/main.py --host 0.0.0.0 --behind-proxy        # for others: needs a user, and a proxy that speaks https
    python webapp/main.py user add NAME --role admin           # asks for the password
    python webapp/main.py user token NAME                      # a key for programs, shown this once
    python webapp/main.py user list | user close NAME | audit

Everything is kept in webapp/instance/ (--data), or in the PostgreSQL database that DATABASE_URL names.
"""

import argparse
import errno
import getpass
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if sys.path[0] != str(ROOT):
    sys.path[0] = str(ROOT)  # instead of this folder, whose modules are named by their package

from alembic.util import CommandError  # noqa: E402
from sqlalchemy import select  # noqa: E402
from sqlalchemy.exc import SQLAlchemyError  # noqa: E402

from cardiac.errors import CardiacError, ConfigError  # noqa: E402
from cardiac.labels import NOTICE  # noqa: E402
from webapp.settings import BUNDLE, INSTANCE, LOCAL_WORKSPACE, MOST_BYTES, Settings, is_loopback  # noqa: E402
from webapp.storage import accounts, jobs  # noqa: E402
from webapp.storage.database import Database, DatabaseGone  # noqa: E402
from webapp.storage.files import Files  # noqa: E402
from webapp.storage.tables import User  # noqa: E402
from webapp.store import Store  # noqa: E402

NO_USER = (
    "--host {host} can be reached from other machines and there is no user yet: "
    "`python webapp/main.py user add NAME` makes one"
)
MOST_HEADER_BYTES = 2**16  # of a request: address, parameters and cookies, which are taken apart in the memory
RESTART_S, END_S, SWEEP_S = 2.0, 5.0, 3_600.0
PASSWORD = "ECG_PASSWORD"
BY_COMMAND = "command line"  # who has done what the command line does, in the trail
UNUSABLE = "the database cannot be used ({kind}): give another with DATABASE_URL, or take this one away"


def serve(settings: Settings) -> int:
    """Start workers and the server, and hold both until Ctrl-C. Raises ConfigError."""
    from waitress import create_server

    from webapp import create_app

    app = create_app(settings)
    if settings.workers and not (settings.bundle / "card.json").is_file():
        raise ConfigError(f"there are no weights in {settings.bundle.name}/: give a bundle's folder with --bundle")
    store = app.extensions["store"]
    with store.database.writing() as session:
        if not settings.is_local and not accounts.has_users(session):
            raise ConfigError(NO_USER.format(host=settings.host))
    tempfile.tempdir = str(settings.data / "incoming")  # what is being sent lies where it will be kept
    try:
        server = create_server(
            app,
            host=settings.host,
            port=settings.port,
            threads=settings.threads,
            max_request_body_size=settings.most_bytes,
            max_request_header_size=MOST_HEADER_BYTES,
            ident="cardiac",
            clear_untrusted_proxy_headers=not settings.behind_proxy,
        )
    except OSError as error:
        wrong = "--host" if error.errno == errno.EADDRNOTAVAIL else "--port"
        told = f"{settings.host}, port {settings.port}, cannot be taken ({error.strerror}): choose another {wrong}"
        raise ConfigError(told) from error
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # that somebody waits a moment is no news
    ended = threading.Event()
    keeper = threading.Thread(target=_keep_workers, args=(settings, store, ended), daemon=True)
    keeper.start()
    threading.Thread(target=_keep_tidy, args=(store, ended), daemon=True).start()
    shown = f"[{settings.host}]" if ":" in settings.host else settings.host
    port = server.effective_listen[0][1] if hasattr(server, "effective_listen") else server.effective_port
    print(f"Open http://{shown}:{port}   (Ctrl-C ends it)", flush=True)
    print(NOTICE, flush=True)
    if not settings.is_local:
        print("People log in over https alone: put a proxy before it that speaks it (--behind-proxy).", flush=True)
    try:
        server.run()
    except KeyboardInterrupt:
        pass
    finally:
        ended.set()
        keeper.join()
        server.close()
        store.database.close()
    return 0


def _keep_workers(settings: Settings, store: Store, ended: threading.Event) -> None:
    """Have so many workers alive until the server ends; one that a file has ended is started again."""
    command = [sys.executable, "-m", "webapp.worker", "--data", str(settings.data), "--bundle", str(settings.bundle)]
    command += ["--threads", str(max(1, (os.cpu_count() or 1) // max(1, settings.workers)))]
    environment = {**os.environ, "DATABASE_URL": settings.database_url, "OMP_WAIT_POLICY": "PASSIVE"}
    running: dict[str, subprocess.Popen] = {}
    while not ended.wait(0.2):
        for name in [name for name, process in running.items() if process.poll() is not None]:
            del running[name]
            _forget(store, name)
        if len(running) < settings.workers:
            name = uuid.uuid4().hex
            # A session of its own: Ctrl-C comes to the server, which then ends each worker, once.
            running[name] = subprocess.Popen(
                [*command, "--name", name], cwd=ROOT, env=environment, start_new_session=True
            )
            ended.wait(0.0 if len(running) < settings.workers else RESTART_S)
    for process in running.values():  # by Ctrl-C, at which a worker puts its task back
        process.terminate() if os.name == "nt" else process.send_signal(signal.SIGINT)
    for name, process in running.items():
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            _forget(store, name)


def _forget(store: Store, worker: str) -> None:
    """A worker is gone: another takes its task without waiting for a sign of life."""
    with suppress(DatabaseGone), store.database.writing() as session:
        jobs.forget_worker(session, worker)


def _keep_tidy(store: Store, ended: threading.Event) -> None:
    """Take away what killed processes have left, at the start and every hour."""
    while not ended.is_set():
        with suppress(DatabaseGone, OSError), store.database.reading() as session:
            store.files.sweep(session, jobs.unfinished_jobs(session))
        ended.wait(SWEEP_S)


def manage_users(options: argparse.Namespace, database: Database) -> int:
    """`user add`, `token`, `close`, `list`."""
    if options.what == "list":
        with database.reading() as session:
            for user in session.scalars(select(User).order_by(User.name)):
                print(user.name, user.role, user.workspace, "" if user.is_active else "(closed)", sep="\t")
        return 0
    if not options.name:
        raise ConfigError(f"user {options.what}: name the user")
    password = _ask_password() if options.what == "add" else ""
    with database.writing() as session:
        if options.what == "add":
            accounts.add_user(session, options.name, password, options.role, options.workspace)
            told = f"{options.name} may come in as {options.role} of the workspace {options.workspace}."
            done = "added a user"
        elif options.what == "token":
            done, told = "made a token", accounts.add_token(session, options.name, BY_COMMAND)
        else:
            accounts.close_user(session, options.name)
            done, told = "closed a user", f"{options.name} may come in no more."
        user = accounts.named_user(session, options.name)
        by = accounts.Person(BY_COMMAND, "admin", user.workspace)
        accounts.note_event(session, by, done, detail=f"{user.name}, {user.role}")
    print(told)
    return 0


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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1", help="address to be reached under (%(default)s)")
    parser.add_argument("--port", type=int, default=5000, help="(%(default)s)")
    parser.add_argument("--data", type=Path, default=INSTANCE, help="folder of everything that is kept")
    parser.add_argument("--bundle", type=Path, default=BUNDLE, help="folder of the weights and their card")
    parser.add_argument("--workers", type=int, default=Settings().workers, help="processes that read (%(default)s)")
    parser.add_argument("--most-bytes", type=int, default=MOST_BYTES, help="of one upload (%(default)s)")
    parser.add_argument("--behind-proxy", action="store_true", help="a proxy before it says who asks and speaks https")
    commands = parser.add_subparsers(dest="command")
    user = commands.add_parser("user", help="add, token, close, list")
    user.add_argument("what", choices=["add", "token", "close", "list"])
    user.add_argument("name", nargs="?")
    user.add_argument("--role", choices=accounts.ROLES, default="reviewer", help="(%(default)s)")
    user.add_argument("--workspace", default=LOCAL_WORKSPACE, help="whose records they see (%(default)s)")
    audit = commands.add_parser("audit", help="who saw, changed, exported and deleted what")
    audit.add_argument("--workspace", default=LOCAL_WORKSPACE)
    audit.add_argument("--limit", type=int, default=100)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. 0, or 2 for what cannot be carried out."""
    options = _parser().parse_args(arguments)
    try:
        if not 0 <= options.port <= 65_535:
            raise ConfigError(f"--port {options.port}: is none; choose one from 1 to 65535")
        if options.workers < 0 or options.most_bytes < 1:
            raise ConfigError("--workers is 0 or more and --most-bytes 1 or more")
        if options.command == "audit" and options.limit < 1:
            raise ConfigError("--limit is 1 or more")
        is_loopback(options.host)
        settings = Settings(
            data=options.data.resolve(),
            database_url=os.environ.get("DATABASE_URL", ""),
            bundle=options.bundle.resolve(),
            host=options.host,
            port=options.port,
            workers=options.workers,
            most_bytes=options.most_bytes,
            behind_proxy=options.behind_proxy,
        )
        if options.command is None:
            return serve(settings)
        Files(settings.data)
        database = Database(settings.url)
        database.migrate()
        return (manage_users if options.command == "user" else show_trail)(options, database)
    except CardiacError as error:
        print(error, file=sys.stderr)
    except (SQLAlchemyError, CommandError) as error:
        print(UNUSABLE.format(kind=type(error).__name__), file=sys.stderr)
    except OSError as error:
        print(f"the data folder cannot be used ({error.strerror}): choose another with --data", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    return 2


if __name__ == "__main__":
    sys.exit(main())
