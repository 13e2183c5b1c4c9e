"""The web site: upload recordings, browse and look at them, export what was found.

    python webapp/main.py                                      # on http://127.0.0.1:5000, for this machine alone
    python webapp/main.py --host 0.0.0.0 --behind-proxy        # for others: needs a user, and a proxy that speaks https
    python webapp/main.py --behind-proxy 10.0.0.2              # the same, of which nobody but this proxy is answered
    python webapp/main.py user add NAME --role admin           # asks for the password; a new one ends all sessions and tokens
    python webapp/main.py user token NAME --days 30 --label X  # a key for programs, shown this once
    python webapp/main.py user tokens NAME | user revoke NAME ID
    python webapp/main.py user sessions NAME | user logout NAME | user close NAME | user list
    python webapp/main.py audit --verify | audit --record NAME # is the trail unbroken; who looked at whom
    python webapp/main.py backup FILE                          # all of it in one file, also while the site is used
    python webapp/main.py --data FOLDER restore FILE           # into an empty folder

Everything is kept in webapp/instance/ (--data), or in the PostgreSQL database that DATABASE_URL names.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if sys.path[0] != str(ROOT):
    sys.path[0] = str(ROOT)  # instead of this folder, whose modules are named by their package

from alembic.util import CommandError  # noqa: E402
from sqlalchemy.exc import SQLAlchemyError  # noqa: E402

from cardiac.errors import CardiacError, ConfigError  # noqa: E402
from webapp.commands import BY_COMMAND, USER_COMMANDS, run_command  # noqa: E402
from webapp.proxies import read_proxies  # noqa: E402
from webapp.serving import serve  # noqa: E402
from webapp.settings import BUNDLE, INSTANCE, LOCAL_WORKSPACE, MOST_BYTES, Settings, is_loopback  # noqa: E402
from webapp.storage import accounts  # noqa: E402

MOST_MINUTES = 365 * 24 * 60
UNUSABLE = "the database cannot be used ({kind}): give another with DATABASE_URL, or take this one away"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1", help="address to be reached under (%(default)s)")
    parser.add_argument("--port", type=int, default=5000, help="(%(default)s)")
    parser.add_argument("--data", type=Path, default=INSTANCE, help="folder of everything that is kept")
    parser.add_argument("--bundle", type=Path, default=BUNDLE, help="folder of the weights and their card")
    parser.add_argument("--workers", type=int, default=Settings().workers, help="processes that read (%(default)s)")
    parser.add_argument("--most-bytes", type=int, default=MOST_BYTES, help="of one upload (%(default)s)")
    proxy = "proxies before it say who asks and speak https: how many (1), or their addresses: 10.0.0.2,10.1.0.0/16"
    parser.add_argument("--behind-proxy", nargs="?", const="1", default=False, metavar="PROXIES", help=proxy)
    names = "keep no names of patients, and take away those that were kept (their ids stay)"
    parser.add_argument("--no-names", action="store_true", help=names)
    idle = "after which somebody who did nothing must log in again (%(default)s)"
    parser.add_argument("--idle-minutes", type=float, default=Settings.idle_s / 60, help=idle)
    hours = "after which everybody must log in again (%(default)s)"
    parser.add_argument("--session-hours", type=float, default=Settings.session_s / 3_600, help=hours)
    commands = parser.add_subparsers(dest="command")
    user = commands.add_parser("user", help="who may come in, their sessions and their tokens")
    user.add_argument("what", choices=["list", *USER_COMMANDS])
    user.add_argument("name", nargs="?")
    user.add_argument("id", nargs="?", help="of a token that is revoked, as `user tokens` shows it")
    user.add_argument("--days", type=int, default=accounts.TOKEN_DAYS, help="that a token lasts (%(default)s)")
    user.add_argument("--label", default=BY_COMMAND, help="what a token is for (%(default)s)")
    user.add_argument("--role", choices=accounts.ROLES, default="reviewer", help="(%(default)s)")
    user.add_argument("--workspace", default=LOCAL_WORKSPACE, help="whose records they see (%(default)s)")
    audit = commands.add_parser("audit", help="who saw, changed, exported and deleted what")
    audit.add_argument("--workspace", default=LOCAL_WORKSPACE)
    audit.add_argument("--limit", type=int, default=100)
    audit.add_argument("--record", metavar="NAME", help="of this record alone, also where it was deleted")
    audit.add_argument("--verify", action="store_true", help="whether rows were changed or taken away")
    audit.add_argument("--head", metavar="HASH", help="the same, and whether this noted head is still in the chain")
    backup = commands.add_parser("backup", help="write all that is kept into one file")
    backup.add_argument("file", type=Path)
    backup.add_argument("--force", action="store_true", help="replace a file that is there")
    restore = commands.add_parser("restore", help="put a backup back, into an empty folder and database")
    restore.add_argument("file", type=Path)
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
        if not (MOST_MINUTES >= options.idle_minutes >= 2 and MOST_MINUTES >= options.session_hours * 60 >= 2):
            raise ConfigError("--idle-minutes and --session-hours are at least 2 minutes, and at most a year")
        is_loopback(options.host)
        read_proxies(options.behind_proxy)
        settings = Settings(
            data=options.data.resolve(),
            database_url=os.environ.get("DATABASE_URL", ""),
            bundle=options.bundle.resolve(),
            host=options.host,
            port=options.port,
            workers=options.workers,
            most_bytes=options.most_bytes,
            behind_proxy=options.behind_proxy,
            keep_names=not options.no_names,
            idle_s=options.idle_minutes * 60,
            session_s=options.session_hours * 3_600,
        )
        if options.command is None:
            return serve(settings)
        return run_command(options, settings)
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
