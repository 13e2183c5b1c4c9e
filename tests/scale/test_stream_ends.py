"""Both ends of the live pipeline: where signals come from, and the database that takes every finding once."""

import json
import os
from contextlib import ExitStack
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardiac.errors import ConfigError
from cardiac.leads import LEADS
from scale.stream import feeds
from scale.stream.demo import expected, verdict
from scale.stream.messages import Chunk, Result
from scale.stream.sink import DEAD_LETTERS, FINDINGS, Store, finding_row
from tasks.mi.labels import SITES
from tasks.mi.simulate import simulate_record


@given(st.lists(st.integers(0, 30), max_size=12), st.integers(1, 20))
def test_chunks_are_the_blocks_one_after_another(lengths, length):
    signal = np.arange(2 * sum(lengths)).reshape(2, -1)
    blocks = np.split(signal, np.cumsum(lengths)[:-1], axis=1) if lengths else []
    chunks = [*feeds.cut(blocks, length)]
    if sum(lengths):
        assert np.array_equal(np.concatenate([samples for samples, _ in chunks], axis=1), signal)
    assert all(samples.shape[1] == length for samples, _ in chunks[:-1])
    assert [last for _, last in chunks] == [False] * (len(chunks) - 1) + [True] * bool(chunks)


def blocks_of(feed):
    (stretch,) = feed.stretches
    return np.concatenate([*stretch.blocks], axis=1)


def test_simulated_patients_are_the_same_for_the_same_seed_and_differ():
    first, again, other = (feeds.simulated_feeds(6, 40, seed) for seed in (1, 1, 2))
    signals = [blocks_of(feed) for feed in first]
    assert [signal.shape for signal in signals] == [(12, 20_000)] * 6
    assert all(np.array_equal(a, blocks_of(b)) for a, b in zip(signals, again, strict=True))
    assert not any(np.array_equal(a, blocks_of(b)) for a, b in zip(signals, other, strict=True))
    labels = [next(iter(feed.stretches)).label for feed in feeds.simulated_feeds(6, 40)]
    assert labels == ["no infarction", "infarction", "infarction", "no infarction", "infarction", None]
    for site, part in ((None, slice(0, 15_000)), (SITES[5], slice(15_000, 20_000))):  # the sixth falls ill then
        heart = simulate_record(1_005, site, 500, feeds.HEART_S).record.signal
        assert np.array_equal(signals[5][:, part], heart[:, part])


def test_recordings_are_fed_as_they_are_and_what_cannot_be_read_is_said(tmp_path):
    signal = simulate_record(3, "inferior").record.signal
    np.save(tmp_path / "one.npy", signal)
    (tmp_path / "two.npy").write_bytes(b"no array")
    (tmp_path / "truth.csv").write_text("record,label\none,infarction\n")
    with ExitStack() as stack:
        truth = feeds.read_truth(tmp_path / "truth.csv")
        made, unread = feeds.recorded_feeds([tmp_path / "one.npy", tmp_path / "two.npy"], 500.0, truth, stack)
        (feed,) = made
        assert (feed.patient, feed.fs_hz, feed.leads, feed.unit) == ("one", 500.0, LEADS, "mV")
        assert np.array_equal(blocks_of(feed), signal)
        assert next(iter(feed.stretches)).label == "infarction"
    assert len(unread) == 1
    assert "two.npy" in unread[0]


def test_rows_of_a_table_are_stretches_of_their_patients(monkeypatch):
    def read_rows(path, fs_hz):
        for number in range(3):
            yield f"p{number % 2}", np.full((1, 8), number), "MI", fs_hz

    module = SimpleNamespace(LEADS=("PPG",), UNIT="a.u.", NAME="pulse", read_rows=read_rows)
    monkeypatch.setattr(feeds, "find_modules", lambda: [module])
    made = feeds.row_feeds(["table.csv"], 100.0)
    assert [(feed.patient, len(feed.stretches), feed.leads) for feed in made] == [
        ("p0", 2, ("PPG",)),
        ("p1", 1, ("PPG",)),
    ]
    assert [stretch.label for stretch in made[0].stretches] == ["MI", "MI"]
    monkeypatch.setattr(feeds, "find_modules", list)
    with pytest.raises(ConfigError, match="no detector here reads tables of rows"):
        feeds.row_feeds(["table.csv"], 100.0)


def produced(stretches, before=None):
    """The chunks that a producer makes of stretches of one lead at 10 Hz, a second each."""
    pytest.importorskip("confluent_kafka", reason="requirements-stream.txt is not installed")
    from scale.stream.kafka import Broker
    from scale.stream.produce import Pace, Producer

    parts = [feeds.Stretch([np.full((1, 25), float(n), np.float32)]) for n in range(stretches)]
    producer = Producer(Broker("127.0.0.1:1"), [], Pace(), print)
    producer._before = {} if before is None else {"p": before}
    return [*producer._chunks(feeds.Feed("p", 10.0, ("P",), "a.u.", parts))]


def test_a_producer_counts_on_over_stretches_and_goes_on_where_one_died():
    chunks = produced(2)
    first = chunks[0].sequence
    assert [chunk.sequence for chunk in chunks] == [*range(first, first + 6)]
    assert [chunk.first for chunk in chunks] == [first] * 3 + [first + 3] * 3
    assert [chunk.last for chunk in chunks] == [False, False, True] * 2
    assert [chunk.samples.shape[1] for chunk in chunks] == [10, 10, 5] * 2
    for died_after in range(6):
        rest = produced(2, before=chunks[died_after])
        assert [chunk.sequence for chunk in rest] == [chunk.sequence for chunk in chunks[died_after + 1 :]]
        for again, once in zip(rest, chunks[died_after + 1 :], strict=True):
            names = ("first", "part", "last", "sequence")
            assert [getattr(again, name) for name in names] == [getattr(once, name) for name in names]
            assert np.array_equal(again.samples, once.samples)
            assert again.start_s == pytest.approx(once.start_s, abs=1e-6)
    assert produced(1)[0].sequence > chunks[-1].sequence  # whoever begins later has numbers of his own


RESULT = Result(
    "p", 5, "infarction", 100.0, 101.0, "infarction", {"mi": 0.9}, {"a": 1}, shown={"label": "x"}, notes=("n",)
)


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request, tmp_path):
    address = str(tmp_path / "deep" / "findings.sqlite")
    if request.param == "postgresql":
        if "ECG_POSTGRES" not in os.environ:
            pytest.skip("ECG_POSTGRES does not name a database")
        address = os.environ["ECG_POSTGRES"]
    made = Store(address)
    yield made
    if request.param == "postgresql":
        with made._engine.begin() as connection:
            DEAD_LETTERS.drop(connection)
            FINDINGS.drop(connection)
    made.close()


def test_a_finding_is_stored_once_however_often_it_comes(store):
    rows = [finding_row(replace(RESULT, sequence=number)) for number in (1, 2, 3)]
    assert store.put(rows[:2]) == 2
    assert store.put([*rows, rows[2]]) == 1
    assert store.put([rows[0] | {"label": "no infarction"}]) == 0  # what is there stays
    assert store.sequences() == {"p": [1, 2, 3]}
    assert store.counts() == {"infarction": 3, "dead": 0}
    refused = replace(RESULT, sequence=4, label=None, refused="too poor")
    letter = {"topic": "t", "partition": 1, "offset": 2, "role": "r", "reason": "x", "patient": None, "value": b"\xff"}
    letter["stored_at_s"] = 5.0
    assert store.put([finding_row(refused)], [letter, letter]) == 1
    assert store.counts() == {"infarction": 3, "refused": 1, "dead": 1}
    assert store.counts(since_s=4e9) == {"dead": 0}
    assert len(store.lags()) == 4
    assert all(lag > 1e9 for lag in store.lags())
    with store._engine.connect() as connection:
        document = json.loads(connection.execute(FINDINGS.select().where(FINDINGS.c.sequence == 1)).one().document)
    assert document == {
        "probabilities": {"mi": 0.9}, "finding": {"a": 1}, "shown": {"label": "x"}, "notes": ["n"], "assessed": None, "first": 0,
    }  # fmt: skip


def test_the_last_line_counts_what_is_missing_and_what_is_there_twice(store):
    wanted = expected({"p": [[100, 111], [200, 208]], "q": [[5, 14]]}, 1.0)
    assert wanted == {"p": {109, 110, 111}, "q": {14}}
    assert expected({"p": [[100, 149]]}, 0.5) == {"p": {*range(119, 150)}}
    store.put([finding_row(replace(RESULT, sequence=number)) for number in (109, 111)])
    line, sound = verdict(wanted, store, {}, 0.0)
    assert line.startswith("2 findings, 2 lost, 0 double, p95 lag ")
    assert not sound
    rest = [finding_row(replace(RESULT, sequence=110)), finding_row(replace(RESULT, patient="q", sequence=14))]
    store.put(rest)
    line, sound = verdict(wanted, store, {"p": [109]}, 0.0)
    assert line.startswith("3 findings, 0 lost, 0 double")
    assert sound
    twice = SimpleNamespace(
        sequences=lambda: {"p": [109, 110, 110, 111], "q": [14]}, lags=store.lags, counts=store.counts
    )
    line, sound = verdict(wanted, twice, {}, 0.0)
    assert "0 lost, 1 double" in line
    assert not sound


def test_chunks_know_when_they_end():
    chunk = Chunk("p", 1, 250.0, ("I",), "mV", 10.0, np.zeros((1, 500), np.float32))
    assert chunk.end_s == 12.0
