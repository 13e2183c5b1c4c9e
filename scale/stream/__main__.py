"""A live pipeline over Kafka: ECG and pulse waves are read as they come, and seen as they come.

    python -m scale.stream demo --patients 12                    # everything on this machine, with a page to look at
    python -m scale.stream produce public_data --speed 10        # recordings as if they came live
    python -m scale.stream produce --simulate 5                  # simulated patients
    python -m scale.stream filter                                # raw_data -> filtered_data
    python -m scale.stream classify                              # filtered_data -> ml_result
    python -m scale.stream sink --database findings.sqlite       # ml_result -> a database
    python -m scale.stream board                                 # http://127.0.0.1:5001/live
    python -m scale.stream broker                                # one for demonstrations, on port 9092
    python -m scale.stream stop                                  # ends what was started here, and nothing else

Each role is a process; several of one kind share the work. An aid for research and a second look, not a medical device.
"""

import argparse
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from cardiac import NOTICE
from cardiac.errors import ConfigError, extra
from scale.stream import processes
from scale.stream.classifying import ASSESS_S
from scale.stream.kafka import FILTERED, RAW, RESULTS, USES, Broker, confluent, ensure_topics, read_settings, wait_for
from scale.stream.local_broker import KINDS, serve_broker
from utils import run_command

Work = Callable[[argparse.Namespace], int]
DEMO_ENDS_S = 90.0
SLOWEST, FASTEST = 0.01, 1_000.0
SERVERS, DATABASE, BOARD_PORT = "127.0.0.1:9092", "runs/stream/findings.sqlite", 5001


def _work(options: argparse.Namespace, work: Callable[[Broker, threading.Event], None]) -> int:
    """Run a role until it is done or told to stop: broker awaited, topics there, process recorded."""
    broker = Broker(options.bootstrap_servers, read_settings(options.client_config), options.compression)
    confluent()
    stop = _stop_on_signals()
    with processes.recorded(options.run, options.role):
        wait_for(broker, options.wait_s)
        ensure_topics(broker, sorted({*USES[options.role][0], *USES[options.role][1]}))
        work(broker, stop)
    return 0


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _say(role: str, sentence: str) -> None:
    _print_line(f"[{role}] {sentence}")


def _print_line(sentence: str) -> None:
    """Print with the time of day, at once."""
    print(time.strftime("%H:%M:%S"), sentence, flush=True)


def produce(options: argparse.Namespace) -> int:
    """Send recordings, rows, or simulated patients."""
    from scale.stream import feeds
    from scale.stream.produce import Pace, Producer

    say = partial(_say, "produce")
    if not (options.paths or options.rows or options.simulate or options.simulate_pulses):
        raise ConfigError("nothing to send: give recordings, --rows, --simulate or --simulate-pulses")
    with ExitStack() as stack:
        sent, unread = feeds.recorded_feeds(
            options.paths, options.fs_hz, feeds.read_truth(options.labels), stack
        ) if options.paths else ([], [])  # fmt: skip
        for sentence in unread:
            say(f"not sent: {sentence}")
        sent += feeds.row_feeds(options.rows, options.fs_hz) if options.rows else []
        sent += feeds.simulated_feeds(options.simulate, options.seconds, options.seed)
        if options.simulate_pulses:  # else no detector is asked, and none imported
            sent += feeds.simulated_pulses(options.simulate_pulses, options.seconds, options.seed)
        pace = Pace(options.chunk_s, options.speed, options.batch, options.delay_s)

        def send(broker: Broker, stop: threading.Event) -> None:
            Producer(broker, sent, pace, say, options.resume).run(stop, options.report)

        status = _work(options, send)
    return status or int(bool(unread))


def filter_(options: argparse.Namespace) -> int:
    """Check and filter what was sent."""
    from scale.stream.filtering import FilterStage
    from scale.stream.readers import Readers
    from scale.stream.station import Station

    def work(broker: Broker, stop: threading.Event) -> None:
        stage = FilterStage(Readers(bundles=dict(options.bundle)))
        Station("filter", broker, RAW, FILTERED, stage, partial(_say, "filter"), options.batch, 0.05).run(stop)

    return _work(options, work)


def classify(options: argparse.Namespace) -> int:
    """Read the last seconds of every patient, every second."""
    from scale.stream.classifying import ClassifyStage
    from scale.stream.readers import Readers
    from scale.stream.station import Station

    def work(broker: Broker, stop: threading.Event) -> None:
        stage = ClassifyStage(Readers(bundles=dict(options.bundle)), options.assess_s)
        Station("classify", broker, FILTERED, RESULTS, stage, partial(_say, "classify"), options.batch, 0.05).run(stop)

    return _work(options, work)


def sink(options: argparse.Namespace) -> int:
    """Store what was found."""
    from scale.stream.sink import Sink, Store

    store = Store(options.database)
    say = partial(_say, "sink")
    try:
        return _work(options, lambda broker, stop: Sink(broker, store, say).run(stop))
    finally:
        store.close()


def board(options: argparse.Namespace) -> int:
    """Show it."""
    for package in ("starlette", "sse_starlette", "uvicorn"):
        extra(package, "requirements-stream.txt")
    from scale.stream.show import show

    return _work(options, lambda broker, stop: show(broker, stop, options.host, options.port, partial(_say, "board")))


def broker(options: argparse.Namespace) -> int:
    """Run a broker for demonstrations."""
    stop = _stop_on_signals()
    with processes.recorded(options.run, "broker"):
        serve_broker(options.port, options.kind, partial(_say, "broker"), stop, options.ready)
    return 0


def demo(options: argparse.Namespace) -> int:
    """Run it all."""
    from scale.stream.demo import Demo, run_demo

    asked = Broker(options.bootstrap_servers or "", read_settings(options.client_config), options.compression)
    what = Demo(
        patients=options.patients,
        pulses=options.pulses,
        seconds=options.seconds,
        broker=asked,
        folder=options.run,
        database=options.database,
        port=options.port,
        classifiers=options.classifiers,
        assess_s=options.assess_s,
        speed=options.speed,
    )
    confluent()
    print(NOTICE)
    return run_demo(what, _print_line, _stop_on_signals())


def stop(options: argparse.Namespace) -> int:
    """End what was started with this folder."""
    lines = processes.stop_all(options.run, ["demo"], DEMO_ENDS_S)  # it waits for the last findings, and ends its roles
    lines += processes.stop_all(options.run)
    print(*lines or [f"nothing runs that was recorded in {options.run}"], sep="\n")
    return 0


def _number(kind: type, low: float, high: float) -> Callable[[str], float]:
    """An argument's type: a number within limits."""

    def number(text: str) -> float:
        value = kind(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"must lie between {low:g} and {high:g}")
        return value

    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scale.stream", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--run",
        type=Path,
        default=processes.FOLDER,
        metavar="FOLDER",
        help="where processes are recorded (%(default)s)",
    )
    clients = argparse.ArgumentParser(add_help=False, parents=[common])
    clients.add_argument("--bootstrap-servers", default=SERVERS, help="the broker (%(default)s)")
    clients.add_argument(
        "--wait-s", type=_number(float, 0, 3_600), default=15.0, help="wait for the broker (%(default)s)"
    )
    clients.add_argument("--client-config", type=Path, help="a file of librdkafka's settings: TLS, passwords")
    clients.add_argument("--compression", choices=("none", "gzip", "snappy", "lz4", "zstd"), default="lz4")
    roles = parser.add_subparsers(dest="role", required=True)

    def role(name: str, work: Work, parent: argparse.ArgumentParser = clients) -> argparse.ArgumentParser:
        made = roles.add_parser(name, help=work.__doc__, description=work.__doc__, parents=[parent])
        made.set_defaults(work=work)
        return made

    _add_produce(role("produce", produce))
    made = role("filter", filter_)
    made.add_argument("--batch", type=_number(int, 1, 10_000), default=200, help="messages at once (%(default)s)")
    made.add_argument("--bundle", **BUNDLES)
    made = role("classify", classify)
    made.add_argument("--batch", type=_number(int, 1, 2_000), default=128, help="messages at once (%(default)s)")
    made.add_argument("--assess-s", type=_number(float, 0, 60), default=ASSESS_S, help=ASSESS)
    made.add_argument("--bundle", **BUNDLES)
    role("sink", sink).add_argument("--database", default=DATABASE, help="a file, or postgresql://... (%(default)s)")
    _add_board(role("board", board))
    made = role("broker", broker, common)
    made.add_argument("--port", type=_number(int, 0, 65_535), default=9092, help="0 for any free one")
    made.add_argument("--kind", choices=KINDS, help="which (the first that is installed)")
    made.add_argument("--ready", type=Path, help="a file into which its address is written")
    _add_demo(role("demo", demo))
    role("stop", stop, common)
    return parser


def _named_folder(text: str) -> tuple[str, Path]:
    name, equals, folder = text.partition("=")
    if not equals or not name or not Path(folder).is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=FOLDER of a bundle")
    return name, Path(folder)


BUNDLES: dict[str, Any] = {
    "type": _named_folder,
    "action": "append",
    "default": [],
    "metavar": "NAME=FOLDER",
    "help": "another bundle than the shipped one: pulse=runs/ppg-mi",
}
ASSESS = "how often the quality of a tracing is judged; the networks read every second (%(default)s)"


def _add_produce(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "paths", nargs="*", type=Path, metavar="PATH", help="recordings of twelve leads, folders, archives"
    )
    made.add_argument(
        "--rows", nargs="+", type=Path, default=[], metavar="FILE", help="tables whose rows are pulse waves"
    )
    made.add_argument("--simulate", type=_number(int, 0, 10_000), default=0, metavar="N", help="simulated patients")
    made.add_argument(
        "--simulate-pulses", type=_number(int, 0, 10_000), default=0, metavar="N", help="the same, with a pulse"
    )
    made.add_argument("--seconds", type=_number(float, 1, 1e7), help="how long simulated patients send (until stopped)")
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--labels", type=Path, help="CSV of record and label: what is true, which travels along")
    made.add_argument("--fs-hz", type=_number(float, 10, 100_000), help="sampling rate of files that state none")
    made.add_argument("--chunk-s", type=_number(float, 0.02, 60), default=1.0, help="length of a chunk (%(default)s)")
    made.add_argument(
        "--speed", type=_number(float, SLOWEST, FASTEST), default=1.0, help="times real time (%(default)s)"
    )
    made.add_argument(
        "--batch", type=_number(int, 1, 10_000), default=1, help="chunks of a patient at once (%(default)s)"
    )
    made.add_argument("--delay-s", type=_number(float, 0, 3_600), help="between batches (as long as they last)")
    made.add_argument("--resume", action="store_true", help="go on where the broker's chunks of these patients end")
    made.add_argument("--report", type=Path, help="a JSON file for what was sent")


def _add_board(made: argparse.ArgumentParser) -> None:
    made.add_argument("--host", default="127.0.0.1", help="another one wants a token in ECG_BOARD_TOKEN (%(default)s)")
    made.add_argument("--port", type=_number(int, 0, 65_535), default=BOARD_PORT, help="(%(default)s)")


def _add_demo(made: argparse.ArgumentParser) -> None:
    made.set_defaults(bootstrap_servers=None)
    made.add_argument(
        "--patients", type=_number(int, 0, 10_000), default=12, help="simulated, twelve leads (%(default)s)"
    )
    made.add_argument("--pulses", type=_number(int, 0, 10_000), default=0, help="simulated, a pulse wave (%(default)s)")
    made.add_argument("--seconds", type=_number(float, 1, 1e7), help="how long (until Ctrl-C)")
    made.add_argument(
        "--classifiers", type=_number(int, 1, 16), default=1, help="processes that classify (%(default)s)"
    )
    made.add_argument("--assess-s", type=_number(float, 0, 60), default=ASSESS_S, help=ASSESS)
    made.add_argument(
        "--speed", type=_number(float, SLOWEST, FASTEST), default=1.0, help="times real time (%(default)s)"
    )
    made.add_argument("--database", default=DATABASE, help="a file, or postgresql://... (%(default)s)")
    made.add_argument("--port", type=_number(int, 1, 65_535), default=BOARD_PORT, help="of the board (%(default)s)")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. 0; 1 where findings were lost or a recording was not sent, 2 for what cannot be carried out."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    return run_command(lambda: options.work(options), written_to="--run")


if __name__ == "__main__":
    sys.exit(main())
