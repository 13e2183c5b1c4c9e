"""What the board knows, against scikit-learn, counts made by hand and the samples that went in."""

import base64
import dataclasses
import json
import threading

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

from cardiac.leads import LEADS
from cardiac.simulate import simulate_record
from scale.stream.board import patients, scores, state
from scale.stream.board.state import BoardState
from scale.stream.board.thinning import MOST_HZ, thin
from scale.stream.messages import Chunk, Result
from tests.patience import many_steps, processor_s, times_as_long

NOW_S = 1_800_000_000.0


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now_s = NOW_S

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def board(clock):
    return BoardState(clock)


@pytest.fixture(scope="module")
def signal():
    """Twelve leads, 500 Hz, 10 s, of a simulated heart."""
    return simulate_record(3).record.signal


def chunk(sequence, signal, patient="simulated 1", start_s=NOW_S, **more):
    first = sequence % 10 * 500
    samples = signal[:, first : first + 500]
    return Chunk(patient, sequence, 500.0, tuple(LEADS), "mV", start_s + sequence, samples, **more)


def result(sequence=0, label="infarction", patient="simulated 1", **more):
    given = {"probabilities": {"mi": 0.9}, "finding": {}, "sent_at_s": NOW_S + sequence}
    return Result(patient, sequence, "infarction", NOW_S + sequence, label=label, **given | more)


def values_of(pieces):
    """(n_leads, n) of pieces as a browser decodes them."""
    decoded = [
        np.frombuffer(base64.b64decode(each["values"]), "<f4").reshape(len(each["leads"]), -1) for each in pieces
    ]
    return np.concatenate(decoded, axis=1)


@pytest.mark.parametrize(
    ("fs_hz", "n"), [(500.0, 500), (1000.0, 1000), (250.0, 250), (360.0, 77), (126.0, 126), (500.0, 3)]
)
def test_thinning_keeps_every_peak(fs_hz, n):
    samples = np.random.default_rng(n).standard_normal((3, n)).astype(np.float32)
    values, hz = thin(samples, fs_hz)
    assert np.array_equal(values.max(axis=1), samples.max(axis=1)) and np.array_equal(
        values.min(axis=1), samples.min(axis=1)
    )
    assert values.shape[1] / hz == pytest.approx(n / fs_hz)
    assert hz <= MOST_HZ or n / fs_hz < 2 / MOST_HZ
    width = 2 * n / values.shape[1]
    moved = values.argmax(axis=1) / values.shape[1] * n - samples.argmax(axis=1)
    assert np.abs(moved).max() <= width + 1


def test_few_samples_are_not_thinned():
    samples = np.arange(20, dtype=np.float32).reshape(2, 10)
    assert thin(samples, 100.0)[1] == 100.0 and np.array_equal(thin(samples, 100.0)[0], samples)


def test_scores_agree_with_scikit_learn():
    """Overall and of the last full batch; classes of either side count, results without a decision do not."""
    rng = np.random.default_rng(5)
    truths = rng.choice(["infarction", "no infarction", "never decided"], 350).tolist()
    labels = rng.choice(["infarction", "no infarction", "never true"], 350).tolist()
    counted = scores.Scores()
    for truth, label in zip(truths, labels, strict=True):
        counted.take(label, truth)
    counted.take(None, "infarction")
    counted.take("infarction", None)
    shown = counted.to_dict()
    for these, part in ((slice(None), shown["overall"]), (slice(200, 300), shown["batches"][-1])):
        assert part["accuracy"] == pytest.approx(accuracy_score(truths[these], labels[these]))
        assert part["macro_f1"] == pytest.approx(
            f1_score(truths[these], labels[these], average="macro", zero_division=0)
        )
    assert shown["confusion"] == confusion_matrix(truths, labels, labels=shown["classes"]).tolist()
    assert (shown["results"], shown["refused"], len(shown["batches"])) == (350, 1, 3)
    assert counted.by_class["infarction"] == labels.count("infarction") + 1


def test_without_labels_there_are_no_scores(board):
    board.take_result(result(), NOW_S)
    assert board.snapshot()["scores"] is None


def test_classes_are_bounded():
    counted = scores.Scores()
    for number in range(5000):
        counted.take(f"class {number}", f"class {number + 1}")
    assert len(counted.to_dict()["classes"]) <= scores.MOST_CLASSES + 1
    assert counted.by_class.total() == 5000


def test_the_list_is_ordered_by_gravity_and_says_why(board, clock, signal):
    board.take_result(result(patient="a", label="no infarction", probabilities={"mi": 0.07}), NOW_S)
    board.take_result(result(patient="b", shown={"label": "infarction", "tags": ["septal"], "since_s": 5.0}), NOW_S)
    board.take_result(result(patient="c", label="atrial fibrillation", probabilities={"sinus rhythm": 0.8}), NOW_S)
    board.take_result(result(patient="d", label=None, refused="too noisy for a decision", probabilities={}), NOW_S)
    board.take_chunk(chunk(0, signal, patient="e"), NOW_S)
    rows = {row["patient"]: row for row in board.snapshot()["rows"]}
    assert [rows[name]["rank"] for name in "abcde"] == [3, 0, 1, 2, 2]
    assert (rows["b"]["label"], rows["b"]["sites"], rows["b"]["since_s"]) == ("infarction", ["septal"], 5.0)
    assert (rows["a"]["class"], rows["a"]["probability"]) == ("mi", 0.07)
    assert (rows["c"]["class"], rows["c"]["probability"]) == ("sinus rhythm", 0.8)
    assert rows["d"]["refused"] == "too noisy for a decision" and rows["d"]["probability"] is None
    assert board.snapshot()["counts"]["now"] == {"": 2, "infarction": 1, "no infarction": 1, "atrial fibrillation": 1}


@pytest.mark.parametrize(
    ("finding", "sentence"),
    [
        ({}, None),
        ({"quality": "good"}, None),
        ({"quality": {"status": "ok", "reasons": []}}, None),
        ({"quality": {"status": "warning", "reasons": ["V1 is flat", "noise"]}}, "V1 is flat"),
        ({"quality": {"status": "warning"}}, "quality: warning"),
        ({"quality": 7}, "quality: 7"),
    ],
)
def test_quality_is_told_where_it_is_not_good(board, finding, sentence):
    board.take_result(result(finding=finding), NOW_S)
    assert board.snapshot()["rows"][0]["quality"] == sentence


def test_a_tick_tells_what_has_changed_and_nothing_else(board, clock):
    board.take_result(result(0), NOW_S)
    board.take_result(result(0, patient="b"), NOW_S)
    assert len(board.tick()["rows"]) == 2
    quiet = board.tick()
    assert quiet["rows"] == [] and quiet["gone"] == [] and set(quiet) == {"tick", "at_s", "rows", "gone"}
    board.take_result(result(1, label="no infarction"), NOW_S)
    board.take_lags({"readers": 3})
    news = board.tick()
    assert [row["patient"] for row in news["rows"]] == ["simulated 1"] and news["stream"]["lags"] == {"readers": 3}
    assert "letters" not in news


def test_a_late_viewer_ends_up_with_what_an_early_one_has(board, clock, signal):
    """Snapshot, or snapshot and ticks: the same rows and sections; and of the tracing the last minute."""
    early = {row["patient"]: row for row in board.snapshot()["rows"]}
    sections = {}
    for sequence in range(90):
        clock.now_s = NOW_S + sequence
        for patient in ("a", "b", "c"):
            board.take_chunk(chunk(sequence, signal, patient), clock.now_s)
            board.take_result(result(sequence, "infarction" if sequence % 7 else None, patient), clock.now_s)
        news = board.tick()
        early |= {row["patient"]: row for row in news.pop("rows")}
        sections |= news
    late = board.snapshot()
    assert {row["patient"]: row for row in late["rows"]} == early
    for name in ("counts", "scores", "stream", "letters", "notes", "lines", "quiet_s"):
        assert late[name] == sections.get(name, late[name])
    pieces = board.patient_news("a")["tracing"]
    assert 60 <= len(pieces) <= 62 and pieces[-1]["start_s"] == NOW_S + 89
    assert values_of(pieces[-1:]).max() == pytest.approx(signal[:, 4500:].max())


def test_pieces_and_steps_are_given_once(board, signal):
    board.take_chunk(chunk(0, signal), NOW_S)
    board.take_result(result(0), NOW_S)
    news = board.patient_news("simulated 1")
    seen = {
        "piece": news["tracing"][-1]["number"],
        "course": news["course"][-1][0],
        "changed": news["detail"]["changed"],
    }
    assert board.patient_news("simulated 1", **seen) == {}
    board.take_chunk(chunk(1, signal), NOW_S)
    again = board.patient_news("simulated 1", **seen)
    assert set(again) == {"tracing"} and len(again["tracing"]) == 1
    assert board.patient_news("nobody") is None


def test_what_comes_twice_is_counted_once(board, signal):
    for _ in range(2):
        for sequence in range(3):
            board.take_chunk(chunk(sequence, signal), NOW_S)
            board.take_result(result(sequence, truth="infarction"), NOW_S)
    shown = board.snapshot()
    assert len(board.patient_news("simulated 1")["tracing"]) == 3
    assert shown["scores"]["results"] == 3 and shown["counts"]["totals"]["repeats"] == 6


def streams_of(board, *chunks):
    """The stream to which each chunk's piece belongs, as a viewer is told."""
    for each in chunks:
        board.take_chunk(each, NOW_S)
    return [piece["stream"] for piece in board.patient_news("simulated 1")["tracing"]]


def test_a_gap_is_no_new_stream(board, signal):
    """Nor are the same numbers again at a later time, as a sender that was started again gives them."""
    streams = streams_of(board, chunk(0, signal), chunk(5, signal), chunk(0, signal, start_s=NOW_S + 30))
    assert len(streams) == 3 and len(set(streams)) == 1


@pytest.mark.parametrize("other", [{"first": 8}, {"start_s": NOW_S - 300}, {"leads": ("II",)}])
def test_another_stream_empties_the_paper(board, signal, other):
    """Another first chunk, a time that goes back or other leads."""
    before = streams_of(board, chunk(6, signal), chunk(7, signal))
    following = chunk(8, signal, **{key: value for key, value in other.items() if key != "leads"})
    if "leads" in other:
        following = dataclasses.replace(following, leads=other["leads"], samples=following.samples[:1])
    after = streams_of(board, following)
    assert len(after) == 1 and after[0] not in before


def test_idle_patients_leave_and_come_back_whole(board, clock, signal):
    board.take_chunk(chunk(0, signal), NOW_S)
    seen = board.patient_news("simulated 1")["tracing"][-1]["number"]
    board.tick()
    clock.now_s += 11
    row = board.tick()["rows"][0]
    assert row["silent"]
    clock.now_s += state.IDLE_S
    news = board.tick()
    assert news["gone"] == ["simulated 1"] and board.patient_news("simulated 1") is None
    assert news["quiet_s"] == 611
    board.take_chunk(chunk(1, signal), clock.now_s)
    assert len(board.patient_news("simulated 1", piece=seen)["tracing"]) == 1
    assert board.tick()["quiet_s"] is None


def test_memory_is_bounded(board, clock, monkeypatch):
    """Whatever comes, and however long: counts of what is kept, not of what came."""
    monkeypatch.setattr(state, "MOST_PATIENTS", 30)
    samples = np.zeros((1, 10), np.float32)
    for number in range(3000):
        clock.now_s = NOW_S + number
        patient = f"patient {number % 100}"
        board.take_chunk(Chunk(patient, number, 100.0, ("PLETH",), "au", clock.now_s, samples), clock.now_s)
        board.take_result(result(number, f"class {number}", patient, notes=("a gap",) * 3, truth="x"), clock.now_s)
        board.take_result(result(number, patient="always"), clock.now_s)
        board.take_dead_letter({"topic": "t", "reason": "x" * 10_000, "at_s": clock.now_s})
        board.say(f"kind {number}", "y" * 10_000)
        board.take_lags({f"group {each}": each for each in range(100)})
    shown = board.snapshot()
    assert len(shown["rows"]) <= 30 and len(shown["letters"]) == state.MOST_LETTERS
    assert len(shown["notes"]) == state.MOST_NOTES and len(shown["lines"]) == state.MOST_LINES
    assert len(board.patient_news("always")["course"]) <= patients.COURSE_S + 1
    assert shown["counts"]["totals"]["letters"] == 3000
    assert len(json.dumps(shown)) < 150_000


def test_seconds_behind_are_quantiles_of_the_last_minute(board, clock):
    for number in range(100):
        board.take_result(result(number, sent_at_s=NOW_S - 500), NOW_S)
    clock.now_s += 61
    behind = np.arange(1, 101) / 10
    for number, each in enumerate(behind):
        board.take_result(result(1000 + number, sent_at_s=clock.now_s - each), clock.now_s)
    shown = board.snapshot()["stream"]["behind"]
    assert (shown["p50"], shown["p95"]) == (round(np.median(behind), 2), round(np.quantile(behind, 0.95), 2))
    assert shown["results"] == 100


def test_lines_stand_until_they_are_taken_back(board, clock):
    board.say("broker", "The broker is not reachable.")
    clock.now_s += 5
    board.say("broker", "The broker is still not reachable.")
    (line,) = board.snapshot()["lines"]
    assert line == {"kind": "broker", "sentence": "The broker is still not reachable.", "since_s": NOW_S}
    board.say("broker", None)
    assert board.tick()["lines"] == []


def test_all_of_it_is_json_whatever_a_result_holds(board):
    odd = {"label": 7, "sites": "septal", "since_s": float("nan"), "changed": {"no": "list"}, "steady": 0}
    board.take_result(result(shown=odd, probabilities={"mi": float("nan")}, finding={"quality": [1]}), NOW_S)
    board.take_result(result(1, shown={"label": None}, notes=("\ud800",), sent_at_s=float("-inf")), NOW_S)
    board.take_rates({"chunks": float("nan"), "results": 2.04})
    for said in (board.tick(), board.snapshot(), board.patient_news("simulated 1")):
        json.loads(json.dumps(said, allow_nan=False).encode())
    assert board.snapshot()["stream"]["rates"] == {"results": 2.0}


def test_threads_may_feed_it_at_once(board, signal):
    def feed(name):
        for sequence in range(50):
            board.take_chunk(chunk(sequence, signal, name), NOW_S)
            board.take_result(result(sequence, patient=name, truth="infarction"), NOW_S)
            board.tick()

    threads = [threading.Thread(target=feed, args=(f"simulated {number}",)) for number in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    shown = board.snapshot()
    assert shown["scores"]["results"] == 200 and shown["counts"]["totals"]["chunks"] == 200


def test_a_chunk_costs_little(board, signal):
    """Of 12 leads at 500 Hz: under half a millisecond, where a hundred thousand steps of Python take one."""
    chunks = iter([chunk(sequence, signal) for sequence in range(600)])

    def take_twenty():
        for _ in range(20):
            board.take_chunk(next(chunks), NOW_S)

    assert processor_s(take_twenty) > 0
    assert times_as_long(take_twenty, many_steps, 10) < 10
