"""What a server is started with: where its data lie, which address it is bound to, and how much it takes."""

import ipaddress
import os
import socket
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from cardiac.errors import ConfigError
from tasks.mi import BUNDLE

ROOT = Path(__file__).resolve().parent.parent
INSTANCE = ROOT / "webapp/instance"
LOCAL_WORKSPACE = "local"
MOST_BYTES = 3 * 2**30  # of one upload
MOST_FILES = 2_000  # of one upload
MOST_FORM_BYTES = 8 * 2**20  # of a submission form


@dataclass(frozen=True)
class Settings:
    """How one server works. data : folder of everything that it keeps.  host : address it is bound to.

    behind_proxy : how many proxies are before it (True is one), or their addresses and networks, between commas.
    keep_names : whether names of patients are kept, which files state or people type.
    idle_s, session_s : seconds after which somebody must log in again: without any request, and in any case.
    """

    data: Path = INSTANCE
    database_url: str = ""
    bundle: Path = BUNDLE
    host: str = "127.0.0.1"
    port: int = 5000
    workers: int = field(default_factory=lambda: max(1, min(2, os.cpu_count() or 1)))
    threads: int = 8
    most_bytes: int = MOST_BYTES
    behind_proxy: bool | int | str = False
    keep_names: bool = True
    idle_s: float = 1_800.0
    session_s: float = 43_200.0
    draw_wait_s: float = 20.0  # for which a request waits for a picture that is being drawn

    @property
    def url(self) -> str:
        """Of the database: SQLite in the data folder where none is given."""
        url = self.database_url or f"sqlite:///{self.data / 'cardiac.db'}"
        return url.replace("postgres://", "postgresql://", 1).replace("postgresql://", "postgresql+psycopg://", 1)

    @cached_property
    def is_local(self) -> bool:
        """Whether only this machine reaches the server, so that no account is needed."""
        return is_loopback(self.host) and self.behind_proxy is False


def is_loopback(host: str) -> bool:
    """Whether an address or name is this machine's own. Raises ConfigError for a name that is none."""
    try:
        addresses = {each[4][0] for each in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"--host {host}: is no address of this machine: give 127.0.0.1 or one of its own") from error
    return all(ipaddress.ip_address(each.split("%")[0]).is_loopback for each in addresses)
