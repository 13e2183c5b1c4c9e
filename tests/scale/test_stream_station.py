"""How far a topic was read: where to begin, what was skipped, what the broker has lost."""

from types import SimpleNamespace

import pytest

pytest.importorskip("confluent_kafka", reason="requirements-stream.txt is not installed")

from scale.stream.station import Positions


def place(partition, offset):
    return SimpleNamespace(partition=partition, offset=offset)


def message(partition, offset):
    return SimpleNamespace(partition=lambda: partition, offset=lambda: offset)


@pytest.fixture
def lines():
    return []


@pytest.fixture
def positions(lines):
    return Positions("raw_data", lines.append)


def test_reading_begins_where_the_group_committed_else_at_the_oldest_message(positions, lines):
    places = [place(0, 7), place(1, -1001), place(2, 3)]
    positions.begin(places, lambda each: (5, 20))
    assert [each.offset for each in places] == [7, 5, 5]  # what lay before 5 is no longer kept
    assert positions.next == {0: 7, 1: 5, 2: 5}
    assert lines == []


def test_skipped_offsets_are_said(positions, lines):
    positions.begin([place(0, 5)], lambda each: (0, 20))
    for offset in (5, 6, 9, 10):
        positions.read(message(0, offset))
    assert lines == ["raw_data [0]: 2 offsets from 7 on are not there"]
    assert positions.next == {0: 11}


@pytest.mark.parametrize("committed", [9, -1001])
def test_a_broker_that_lost_what_it_held_is_said(positions, lines, committed):
    positions.begin([place(0, 0)], lambda each: (0, 9))
    for offset in range(9):
        positions.read(message(0, offset))
    positions.leave([0])
    again = place(0, committed)
    positions.begin([again], lambda each: (0, 2))
    assert again.offset == 0
    assert lines == ["raw_data [0] begins anew: the broker has lost what it held"]
    positions.leave([0])
    positions.begin([place(0, 2)], lambda each: (0, 4))
    assert len(lines) == 1
