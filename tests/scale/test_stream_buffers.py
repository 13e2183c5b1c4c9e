"""The last seconds of a stream, whatever the chunks; a gap is never bridged, and all that is odd is said."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scale.stream.buffers import Buffer
from scale.stream.course import HOLD, follow
from scale.stream.messages import Chunk

FS_HZ = 10.0


def chunks_of(signal, lengths, first=100):
    """Consecutive chunks of a signal (n_leads, n)."""
    edges = np.cumsum([0, *lengths])
    return [
        Chunk("p", first + n, FS_HZ, ("a", "b"), "mV", 1_000 + begin / FS_HZ, signal[:, begin:end], first=first)
        for n, (begin, end) in enumerate(itertools.pairwise(edges))
    ]


def signal_of(n_samples):
    return np.arange(2 * n_samples, dtype=np.float32).reshape(2, n_samples)


@given(st.lists(st.integers(1, 35), min_size=1, max_size=40), st.sampled_from([0.5, 1.0, 3.0]))
def test_the_window_is_the_last_seconds_for_any_chunking(lengths, seconds):
    signal, buffer, length = signal_of(sum(lengths)), Buffer(seconds), round(seconds * FS_HZ)
    end = 0
    for offset, chunk in enumerate(chunks_of(signal, lengths)):
        taken = buffer.take(chunk, offset)
        end += chunk.samples.shape[1]
        assert (taken.kept, taken.notes) == (True, ())
        assert taken.goes_on == (offset > 0)
        window = buffer.window()
        if end < length:
            assert window is None
        else:
            assert np.array_equal(window, signal[:, end - length : end])
            window[:] = -1  # a copy
    if sum(lengths) >= length:
        assert sum(lengths[buffer.first_needed :]) >= length > sum(lengths[buffer.first_needed + 1 :])


def take(buffer, chunk):
    taken = buffer.take(chunk)
    return taken.kept, " ".join(taken.notes)


def filled():
    buffer, chunks = Buffer(1.0), chunks_of(signal_of(60), [10] * 6)
    for each in chunks[:2]:
        buffer.take(each)
    assert buffer.window() is not None
    return buffer, chunks


@pytest.mark.parametrize(
    ("change", "note"),
    [
        (lambda chunk: replace(chunk, sequence=chunk.sequence + 1), "chunk 102 is missing"),
        (lambda chunk: replace(chunk, sequence=chunk.sequence + 3), "3 chunks are missing"),
        (lambda chunk: replace(chunk, fs_hz=20.0), "the rate went from 10 to 20 Hz"),
        (lambda chunk: replace(chunk, leads=("b", "a")), "the leads or their unit changed"),
        (lambda chunk: replace(chunk, unit="uV"), "the leads or their unit changed"),
        (lambda chunk: replace(chunk, start_s=chunk.start_s + 0.5), "0.5 s later"),
        (lambda chunk: replace(chunk, start_s=chunk.start_s - 3), "3 s earlier"),
    ],
)
def test_what_breaks_a_stream_is_said_and_not_bridged(change, note):
    buffer, chunks = filled()
    kept, said = take(buffer, change(chunks[2]))
    assert kept
    assert note in said
    assert "gathered anew" in said
    assert [each.sequence for each, _ in buffer.chunks] == [change(chunks[2]).sequence]


def test_repeats_and_stragglers_are_left_out_and_said():
    buffer, chunks = filled()
    before = buffer.window()
    assert take(buffer, chunks[1]) == (False, "chunk 101 came twice: the second was left out")
    kept, said = take(buffer, chunks[0])
    assert not kept
    assert "chunk 100 came after 101" in said
    assert np.array_equal(buffer.window(), before)
    assert take(buffer, chunks[2]) == (True, "")


def test_a_little_jitter_of_the_clock_is_no_gap_and_a_new_stream_is_no_fault():
    buffer, chunks = filled()
    assert take(buffer, replace(chunks[2], start_s=chunks[2].start_s + 0.2)) == (True, "")
    assert len(buffer.chunks) == 1  # the last second alone
    assert take(buffer, replace(chunks[0], sequence=500, first=500, fs_hz=20.0)) == (True, "")
    assert len(buffer.chunks) == 1
    assert buffer.window() is None


def course(labels, tags=None):
    shown, states = {}, []
    for second, label in enumerate(labels):
        shown = follow(shown, label, (tags or {}).get(second, ()), float(second))
        states.append(shown)
    return states


def test_one_odd_second_changes_nothing_on_the_screen():
    states = course("NNNYNNNYYNNN")
    assert {state["label"] for state in states} == {"N"}
    assert [state["steady"] for state in states[2:6]] == [True, False, True, True]
    assert states[-1]["changed"] == []


def test_a_change_that_holds_is_shown_with_its_beginning():
    states = course("NN" + "Y" * HOLD)
    assert [state["label"] for state in states] == ["N"] * (1 + HOLD) + ["Y"]
    assert states[-1]["since_s"] == 2.0
    assert states[-1]["changed"] == ["Y now, N in the first ten seconds"]


def test_tags_come_and_go_each_by_itself():
    tags = {n: ("a",) if n < 3 else ("a", "b") for n in range(20)}
    states = course("Y" * 20, tags)
    assert states[3 + HOLD - 2]["tags"] == ["a"]
    assert states[3 + HOLD - 1]["tags"] == ["a", "b"]
    assert states[-1]["changed"] == ["new since the first ten seconds: b"]
    states = course("Y" * 20, dict.fromkeys(range(3), ("a",)))
    assert states[-1]["tags"] == []
    assert states[-1]["changed"] == ["no longer found: a"]


def test_no_decision_is_counted_and_what_was_shown_stays():
    states = course(["N", None, None, "N"])
    assert [state["missed"] for state in states] == [0, 1, 2, 0]
    assert states[2]["label"] == "N"
    assert course([None, "Y"])[-1]["first"]["label"] == "Y"


def test_a_heart_rate_that_has_changed_is_said():
    shown = follow({}, "N", (), 0.0, 70)
    assert follow(shown, "N", (), 1.0, 80)["changed"] == []
    assert follow(shown, "N", (), 1.0, 101)["changed"] == ["heart rate 101/min, 70/min in the first ten seconds"]
