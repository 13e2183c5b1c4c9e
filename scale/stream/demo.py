"""The whole pipeline on one machine: a broker, every role as a process, live lines, and at the end one line to judge it by."""

import json
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cardiac.errors import CardiacError
from cardiac.files import open_folder
from scale.stream.classifying import ASSESS_S
from scale.stream.kafka import Broker, Say, ensure_topics, wait_for
from scale.stream.local_broker import run_broker
from scale.stream.processes import recorded, recorded_in, start_role, stop_all
from scale.stream.sink import Store

WINDOW_S, LINE_EVERY_S, DRAIN_S = 10.0, 5.0, 60.0


@dataclass(frozen=True)
class Demo:
    """What is shown. seconds : None until Ctrl-C.  broker : without servers, one is started.  port : of the board."""

    patients: int
    seconds: float | None
    folder: Path
    database: str
    port: int
    pulses: int = 0
    broker: Broker = field(default_factory=lambda: Broker(""))
    classifiers: int = 1
    assess_s: float = ASSESS_S
    speed: float = 1.0


def run_demo(demo: Demo, say: Say, stop: threading.Event) -> int:
    """Run it all; 0 where nothing was lost and nothing came twice."""
    folder = open_folder(demo.folder)
    if running := recorded_in(folder):
        names = ", ".join(f"{each.role} ({each.pid})" for each in running)
        raise CardiacError(f"{names} still run in {folder}: end them with python -m scale.stream stop --run {folder}")
    for old in (report := folder / "sent.json", *folder.glob("*.log")):
        old.unlink(missing_ok=True)
    with ExitStack() as stack:
        stack.enter_context(recorded(folder, ROLE))
        broker = stack.enter_context(_broker(demo.broker, folder, say))
        stack.callback(lambda: stop_all(folder, [role for role in ROLES if role != "broker"]))
        store = Store(demo.database)
        stack.callback(store.close)
        began_s, there = time.time(), store.sequences()
        _start_roles(demo, broker, folder)
        say(f"the board is at http://127.0.0.1:{demo.port}/live, findings go to {demo.database}")
        producer = _start_producer(demo, broker, folder, report)
        _watch(producer, store, folder, say, stop, began_s)
        stop_all(folder, ["produce"])
        if not report.exists():
            raise CardiacError(f"what should be sent was not: see {folder / 'produce.log'}")
        sent = json.loads(report.read_bytes())
        wanted = expected(sent["sent"], sent["chunk_s"])
        _drain(store, wanted, say)
        line, sound = verdict(wanted, store, there, began_s)
    say(line)
    return 0 if sound else 1


ROLE = "demo"
ROLES = ("broker", "produce", "filter", "classify", "sink", "board")


@contextmanager
def _broker(broker: Broker, folder: Path, say: Say) -> Iterator[Broker]:
    """The broker that was asked for, with its topics, or one of our own."""
    if broker.servers:
        wait_for(broker)
        ensure_topics(broker)
        yield broker
        return
    with run_broker(0, say) as (address, pid, _), recorded(folder, "broker", pid):
        own = Broker(address, broker.settings, broker.compression)
        ensure_topics(own)
        say(f"a broker listens at {address}")
        yield own


def _start_roles(demo: Demo, broker: Broker, folder: Path) -> None:
    common = ["--bootstrap-servers", broker.servers, "--run", str(folder)]
    start_role("sink", [*common, "--database", demo.database], folder / "sink.log")
    start_role("board", [*common, "--port", str(demo.port)], folder / "board.log")
    start_role("filter", common, folder / "filter.log")
    for number in range(demo.classifiers):
        start_role("classify", [*common, "--assess-s", str(demo.assess_s)], folder / f"classify-{number + 1}.log")


def _start_producer(demo: Demo, broker: Broker, folder: Path, report: Path) -> subprocess.Popen:
    asked = ["--simulate", str(demo.patients), "--simulate-pulses", str(demo.pulses), "--speed", str(demo.speed)]
    asked += [] if demo.seconds is None else ["--seconds", str(demo.seconds)]
    common = ["--bootstrap-servers", broker.servers, "--run", str(folder), "--report", str(report)]
    return start_role("produce", [*common, *asked], folder / "produce.log")


def _watch(
    producer: subprocess.Popen, store: Store, folder: Path, say: Say, stop: threading.Event, began_s: float
) -> None:
    """Print how it goes until all is sent, or Ctrl-C; a role that has ended is said."""
    wanted: set[str] | None = None
    since_s = time.time()
    while producer.poll() is None and not stop.is_set():
        stop.wait(LINE_EVERY_S)
        lags, counts = store.lags(since_s), store.counts(began_s)
        since_s = time.time()
        labels = ", ".join(f"{number} {label}" for label, number in counts.items() if label != "dead")
        behind = f", p95 {np.percentile(lags, 95):.2f} s behind" if lags else ""
        say(
            f"{len(lags) / LINE_EVERY_S:.0f} findings/s{behind}; in all {labels or 'none yet'}; {counts['dead']} dead letters"
        )
        running = {each.role for each in recorded_in(folder)}
        for role in sorted((wanted or set()) - running - {"produce"}):
            say(f"{role} has ended: see {folder}/{role}*.log")
        wanted = running if wanted is None else wanted & running


def expected(sent: Mapping[str, Sequence[Sequence[int]]], chunk_s: float) -> dict[str, set[int]]:
    """The sequences at whose end a finding is due, of chunks of a second: from the tenth of each stretch on."""
    waits = round(WINDOW_S / chunk_s) - 1
    return {
        patient: {sequence for first, last in stretches for sequence in range(first + waits, last + 1)}
        for patient, stretches in sent.items()
    }


def _drain(store: Store, wanted: Mapping[str, set[int]], say: Say) -> None:
    """Wait until all that was sent is answered, as long as something still comes."""
    total, before, moved = sum(map(len, wanted.values())), -1, time.monotonic()
    while time.monotonic() - moved < DRAIN_S:
        there = store.sequences()
        now = sum(len(sequences & set(there.get(patient, ()))) for patient, sequences in wanted.items())
        if now >= total:
            return
        if now != before:
            before, moved = now, time.monotonic()
            say(f"{total - now} of {total} findings are still to come")
        time.sleep(1.0)


def verdict(
    wanted: Mapping[str, set[int]], store: Store, before: Mapping[str, Sequence[int]], since_s: float
) -> tuple[str, bool]:
    """The last line, and whether nothing was lost and nothing is there twice."""
    there = {patient: Counter(found) for patient, found in store.sequences().items()}
    known = {patient: set(found) for patient, found in before.items()}
    n_new = sum(len(found.keys() - known.get(patient, set())) for patient, found in there.items())
    lost = sum(len(sequences - there.get(patient, Counter()).keys()) for patient, sequences in wanted.items())
    double = sum(number - 1 for found in there.values() for number in found.values())
    lags = store.lags(since_s)
    behind = f"p95 lag {np.percentile(lags, 95):.2f} s" if lags else "no lag to tell"
    counts = store.counts(since_s)
    more = f" ({counts['refused']} without a decision)" if counts.get("refused") else ""
    more += f"; {counts['dead']} dead letters" if counts["dead"] else ""
    return f"{n_new} findings, {lost} lost, {double} double, {behind}{more}", not lost and not double
