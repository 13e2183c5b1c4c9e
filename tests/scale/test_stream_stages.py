"""Live is offline: findings equal those of `inference.py` on the same samples, and a crash anywhere changes none of them."""

import json
from dataclasses import dataclass, field
from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from cardiac.errors import BundleError, ConfigError, RecordRejected
from cardiac.leads import LEADS
from inference import Detector
from scale.stream import infarction
from scale.stream.classifying import ClassifyStage
from scale.stream.filtering import FilterStage
from scale.stream.messages import Chunk, decode_chunk, decode_result, encode_chunk
from scale.stream.readers import Readers, Reading, find_modules
from scale.stream.stages import IDLE_S, Arrived
from tasks.mi.simulate import simulate_record

SITES = (None, "inferior", "anterior", None)


@pytest.fixture(scope="module")
def detector():
    return Detector.load()


@pytest.fixture(scope="module")
def readers(detector):
    module = SimpleNamespace(LEADS=LEADS, NAME="infarction", load=lambda _: infarction.InfarctionReader(detector))
    return Readers([module])


def chunks_of(patient, signal, lengths, fs_hz=500.0, leads=LEADS, first=1_000, **more):
    """A signal in chunks of these lengths, over and over."""
    chunks, at, number = [], 0, 0
    while at < signal.shape[1]:
        samples = signal[:, at : at + lengths[number % len(lengths)]]
        start_s = 1_800_000_000 + at / fs_hz
        chunks.append(Chunk(patient, first + number, fs_hz, leads, "mV", start_s, samples, first=first, **more))
        at, number = at + samples.shape[1], number + 1
    return chunks


def arrive(chunks, first_offset=0):
    """As they come out of the topic: through bytes."""
    sent = [decode_chunk(encode_chunk(chunk)) for chunk in chunks]
    return [Arrived(each, 0, first_offset + n, each.end_s, encode_chunk(each)) for n, each in enumerate(sent)]


def results_of(outgoing):
    assert [each.reason for each in outgoing] == [None] * len(outgoing)
    return [decode_result(each.value) for each in outgoing]


@settings(max_examples=6)
@given(
    st.lists(st.integers(1, 1_200), min_size=1, max_size=12).filter(lambda lengths: sum(lengths) > 100),
    st.integers(0, 2**31),
)
def test_findings_equal_those_of_inference_for_any_chunking(detector, readers, lengths, seed):
    """Every digit of them, alone and in one batch with other patients."""
    signals = {f"p{n}": simulate_record(seed % 97 + n, site, 500, 12.5).record.signal for n, site in enumerate(SITES)}
    streams = {name: chunks_of(name, signal, lengths) for name, signal in signals.items()}
    together = [chunk for chunks in zip(*streams.values(), strict=True) for chunk in chunks]
    results = results_of(ClassifyStage(readers, assess_s=0).take(arrive(together)))
    assert {result.patient for result in results} == {*signals}
    for result in results:
        chunk = next(each for each in streams[result.patient] if each.sequence == result.sequence)
        end = round((chunk.end_s - 1_800_000_000) * 500)
        finding = detector.predict(signals[result.patient][:, end - 5_000 : end], 500, LEADS)
        offline = json.loads(json.dumps(finding.to_dict() | {"record": result.patient}))
        assert_same(offline, result.finding)
        assert result.label == ("infarction" if finding.mi.present else "no infarction")
        assert result.assessed == result.sequence


def assert_same(offline, live):
    """Equal, but for the last digit of what six digits are written of: a batch adds up in another order."""
    if isinstance(offline, dict):
        assert offline.keys() == live.keys()
        for key in offline:
            assert_same(offline[key], live[key])
    elif isinstance(offline, float):
        assert live == pytest.approx(offline, abs=2e-6)
    else:
        assert offline == live


def test_leads_in_any_order_and_microvolts_give_the_same(readers):
    signal = simulate_record(5, "inferior", 500, 10).record.signal
    expected = results_of(ClassifyStage(readers).take(arrive(chunks_of("p", signal, [500]))))
    order = [3, 0, 1, 2, 11, 10, 9, 8, 7, 6, 5, 4]
    turned = chunks_of("p", signal[order], [500], leads=tuple(LEADS[n] for n in order))
    assert results_of(ClassifyStage(readers).take(arrive(turned)))[0].finding == expected[0].finding
    in_uv = [
        Chunk(**vars(chunk) | {"unit": "uV", "samples": chunk.samples * 1_000})
        for chunk in chunks_of("p", signal, [500])
    ]
    (found,) = results_of(ClassifyStage(readers).take(arrive(in_uv)))
    assert_same(expected[0].finding, found.finding)
    in_feet = [Chunk(**vars(chunk) | {"unit": "ft"}) for chunk in chunks_of("p", signal, [500])]
    (found,) = results_of(ClassifyStage(readers).take(arrive(in_feet)))
    assert found.label is None
    assert "the unit is ft" in found.refused


def test_a_finding_a_second_whatever_the_chunks(readers):
    signal = simulate_record(3, None, 500, 15).record.signal
    for lengths, n_expected in (([500], 6), ([100], 6), ([2_500], 2), ([50, 450], 6)):
        results = results_of(ClassifyStage(readers).take(arrive(chunks_of("p", signal, lengths))))
        assert len(results) == n_expected, lengths


def test_the_tracing_is_judged_every_few_seconds_and_at_once_where_a_lead_comes_off(readers):
    signal = simulate_record(3, None, 500, 20).record.signal.copy()
    signal[6, 15 * 500 :] = 0  # V1 comes off after 15 s
    results = results_of(ClassifyStage(readers, assess_s=5).take(arrive(chunks_of("p", signal, [500]))))
    assert [result.assessed - 1_000 for result in results] == [9, 9, 9, 9, 9, 14, 15, 15, 15, 15, 19]
    assert results[5].finding["quality"]["status"] == "ok"
    assert results[6].finding["quality"]["status"] == "warning"


def test_a_tracing_too_poor_for_a_decision_has_none_and_is_judged_every_second(readers, detector):
    signal = simulate_record(3, None, 500, 14).record.signal.copy()
    signal[:, : 11 * 500] = np.random.default_rng(0).normal(0, 3, (12, 5_500))  # nothing but noise at first
    signal = np.round(signal, 3)
    results = results_of(ClassifyStage(readers, assess_s=5).take(arrive(chunks_of("p", signal, [500]))))
    with pytest.raises(RecordRejected):
        detector.predict(signal[:, :5_000], 500)
    assert results[0].label is None
    assert "too poor for a decision" in results[0].refused
    assert results[0].probabilities == {}
    assert [result.assessed is not None for result in results] == [True] * 5
    assert [result.shown["missed"] for result in results if result.label is None] == [*range(1, len(results) + 1)]


def test_a_gap_is_never_bridged(readers):
    signal = simulate_record(3, None, 500, 30).record.signal
    chunks = chunks_of("p", signal, [500])
    del chunks[12]
    results = results_of(ClassifyStage(readers).take(arrive(chunks)))
    assert [result.sequence - 1_000 for result in results] == [9, 10, 11, *range(22, 30)]
    assert results[3].notes == ("chunk 1012 is missing: the last seconds are gathered anew",)
    assert all(result.notes == () for result in results[4:])


def test_leads_that_nobody_reads_are_a_dead_letter(readers):
    strange = chunks_of("p", np.zeros((2, 500), np.float32), [500], leads=("X", "Y"))
    for stage in (ClassifyStage(readers), FilterStage(readers)):
        (outgoing,) = stage.take(arrive(strange))
        assert outgoing.reason == "no detector reads the leads X, Y"
        assert outgoing.value == outgoing.about.value


@dataclass
class Averages:
    """A reader that needs no network: the label says whether the mean of the window is over 0. It counts its windows."""

    window_s: float = 3.0
    n_windows: int = 0
    fail_on: float | None = None
    forgotten: list = field(default_factory=list)

    def start(self, fs_hz):
        return Smoothing()

    def read_windows(self, windows):
        self.n_windows += len(windows)
        if any(self.fail_on is not None and window.samples[0, -1] == self.fail_on for window in windows):
            raise RuntimeError("cannot")
        means = [float(window.samples.mean()) for window in windows]
        return [Reading("up" if mean > 0 else "down", (), {"up": mean}, {"mean": mean}) for mean in means]

    def forget(self, patient):
        self.forgotten.append(patient)


class Smoothing:
    """y[n] = 0.7 x[n] + 0.3 y[n-1]"""

    def __init__(self):
        self.state = [0.0]

    def process(self, samples):
        filtered, state = lfilter([0.7], [1, -0.3], samples[0].astype(float), zi=np.array(self.state))
        self.state = state.tolist()
        return filtered[None]

    def restore(self, state):
        self.state = list(state)


def averages(**more):
    reader = Averages(**more)
    return reader, Readers([SimpleNamespace(LEADS=("P",), NAME="averages", load=lambda _: reader)])


def waves(n_patients=3, seconds=12, fs_hz=20.0):
    """Chunks of several patients, as they come one after another."""
    rng = np.random.default_rng(0)
    signals = [rng.normal(0, 1, (1, round(seconds * fs_hz))).astype(np.float32) for _ in range(n_patients)]
    streams = [chunks_of(f"p{n}", signal, [20], fs_hz, ("P",)) for n, signal in enumerate(signals)]
    return [chunk for chunks in zip(*streams, strict=True) for chunk in chunks]


class Topic:
    """A partition with one group's commits, and a stage between it and the next one that dies and comes back."""

    def __init__(self, make, chunks):
        self.make, self.arrived = make, arrive(chunks)
        self.committed, self.sent = 0, []
        self._begin()

    def _begin(self):
        self.stage, self.at = self.make(), self.committed
        self.stage.restore(0, [each.value for each in self.sent])

    def work(self, n_messages, n_sent=None, commit=True):
        """Read so many; only so many of the messages made of them are sent, when it dies of it."""
        batch = self.arrived[self.at : self.at + n_messages]
        outgoing = self.stage.take(batch)
        self.sent += outgoing if n_sent is None else outgoing[:n_sent]
        self.at += len(batch)
        if commit and n_sent is None:
            needed = self.stage.first_needed(0)
            self.committed = self.at if needed is None else min(self.at, needed)

    def die(self):
        self._begin()

    @property
    def done(self):
        return self.at >= len(self.arrived)


CRASHES = st.lists(
    st.tuples(
        st.integers(1, 9), st.sampled_from(["go on", "go on", "die", "die before the commit", "die in mid-batch"])
    ),
    max_size=25,
)


def run(topic, crashes):
    for n_messages, what in crashes:
        topic.work(
            n_messages, n_sent=n_messages // 2 if what == "die in mid-batch" else None, commit="before" not in what
        )
        if "die" in what:
            topic.die()
    while not topic.done:
        topic.work(7)
    return topic.sent


@given(CRASHES)
def test_a_classifier_that_dies_anywhere_loses_no_finding_and_finds_none_twice(crashes):
    chunks = waves()
    wanted = results_of(run(Topic(lambda: ClassifyStage(averages()[1]), chunks), []))
    assert len(wanted) == 3 * 10
    found = results_of(run(Topic(lambda: ClassifyStage(averages()[1]), chunks), crashes))
    by_name = {(result.patient, result.sequence): result for result in found}
    assert len(by_name) == len(found)  # none twice: what was sent is known from what was sent
    assert by_name.keys() == {(result.patient, result.sequence) for result in wanted}
    for result in wanted:
        again = by_name[result.patient, result.sequence]
        assert (again.label, again.finding, again.shown, again.notes) == (
            result.label, result.finding, result.shown, result.notes)  # fmt: skip


@given(CRASHES)
def test_a_filter_that_dies_anywhere_filters_every_sample_once(crashes):
    chunks = waves()
    sent = run(Topic(lambda: FilterStage(averages()[1]), chunks), crashes)
    for name in ("p0", "p1", "p2"):
        raw = np.concatenate([chunk.samples for chunk in chunks if chunk.patient == name], axis=1)[0]
        filtered = [decode_chunk(each.value) for each in sent if each.about.chunk.patient == name]
        assert [chunk.sequence for chunk in filtered] == [*range(1_000, 1_012)]
        assert all(chunk.notes == () for chunk in filtered)
        joined = np.concatenate([chunk.samples for chunk in filtered], axis=1)[0]
        assert joined == pytest.approx(lfilter([0.7], [1, -0.3], raw), abs=1e-6)


def test_the_filter_begins_anew_behind_a_gap_and_says_so():
    chunks = [chunk for chunk in waves(1) if chunk.sequence != 1_005]
    stage = FilterStage(averages()[1])
    filtered = [decode_chunk(each.value) for each in stage.take(arrive(chunks))]
    assert [chunk.notes for chunk in filtered][5] == ("chunk 1005 is missing: the last seconds are gathered anew",)
    assert stage.lines() == ["p0: chunk 1005 is missing: the last seconds are gathered anew"]
    alone = FilterStage(averages()[1]).take(arrive(chunks[5:]))
    assert np.array_equal(decode_chunk(alone[0].value).samples, filtered[5].samples)
    assert stage.take(arrive(chunks[-1:])) == []  # it came twice


def test_what_the_detector_filters_itself_goes_through_as_it_is(readers):
    chunks = arrive(chunks_of("p", simulate_record(3, None, 500, 3).record.signal, [500]))
    assert [each.value for each in FilterStage(readers).take(chunks)] == [each.value for each in chunks]


def test_a_window_on_which_the_reader_fails_takes_no_other_along(caplog):
    chunks = waves(3, 4)
    _, readers = averages(fail_on=float(chunks[-2].samples[0, -1]))
    results = results_of(ClassifyStage(readers).take(arrive(chunks)))
    refused = [result for result in results if result.refused]
    assert [(result.patient, result.sequence) for result in refused] == [("p1", 1_003)]
    assert refused[0].refused == "internal error (RuntimeError) while reading it: please report it"
    assert len(results) == 6
    assert "cannot" in caplog.text


def test_a_damaged_bundle_stops_the_stage_and_buries_no_chunk():
    def load(_):
        raise BundleError("weights are missing")

    broken = Readers([SimpleNamespace(LEADS=("P",), NAME="broken", load=load)])
    for stage in (FilterStage(broken), ClassifyStage(broken)):
        with pytest.raises(BundleError):
            stage.take(arrive(waves(1)))


def test_a_chunk_that_cannot_be_handled_is_a_dead_letter_with_the_reason(caplog):
    reader, readers = averages()
    for error, reason in (
        (ConfigError("5 Hz is too slow"), "5 Hz is too slow"),
        (KeyError("x"), "cannot be handled (KeyError)"),
    ):
        reader.start = Mock(side_effect=error)
        dead = FilterStage(readers).take(arrive(waves(1)[:2]))
        assert [each.reason for each in dead] == [reason] * 2
        assert [each.value for each in dead] == [each.about.value for each in dead]
    assert caplog.text.count("Traceback") == 2  # of what nobody foresaw


def test_a_new_stream_of_a_patient_begins_anew():
    first, second = waves(1), waves(1)
    second = [
        Chunk(**vars(each) | {"sequence": each.sequence + 500, "first": 1_500, "start_s": each.start_s + 60})
        for each in second
    ]
    stage = ClassifyStage(averages()[1])
    results = results_of(stage.take(arrive(first + second)))
    assert [result.sequence for result in results] == [*range(1_002, 1_012), *range(1_502, 1_512)]
    assert [result.shown["first"]["end_s"] for result in results] == [results[0].end_s] * 10 + [results[10].end_s] * 10
    assert stage.lines() == []


def test_a_stream_that_has_ended_or_fallen_silent_holds_no_offset():
    chunks = waves(2, 5)
    reader, readers = averages()
    stage = ClassifyStage(readers)
    stage.take(arrive(chunks[:8]))
    assert stage.first_needed(0) == 2
    ended = Chunk(**vars(chunks[8]) | {"last": True})  # p0's last
    stage.take(arrive([ended], 8))
    assert stage.first_needed(0) == 3
    assert reader.forgotten == ["p0"]
    (late,) = arrive([Chunk(**vars(chunks[8]) | {"patient": "p7"})], 9)
    stage.take([Arrived(late.chunk, 0, 9, 9e9, received_s=late.received_s)])  # whatever its sender's clock says
    assert stage.first_needed(0) == 3
    stage.take([Arrived(late.chunk, 0, 10, late.sent_at_s, received_s=late.received_s + IDLE_S + 5)])
    assert stage.first_needed(0) == 9  # p7's alone
    assert f"p1: nothing has come for {IDLE_S:.0f} s" in stage.lines()


def test_what_is_true_travels_along_where_the_whole_window_agrees():
    chunks = [Chunk(**vars(each) | {"label": "a" if each.sequence < 1_006 else "b"}) for each in waves(1)]
    results = results_of(ClassifyStage(averages()[1]).take(arrive(chunks)))
    assert [result.truth for result in results] == ["a"] * 4 + [None] * 2 + ["b"] * 4


def test_every_tasks_reader_is_found_by_its_leads():
    modules = find_modules()
    assert modules[0] is infarction
    assert Readers().name_for(LEADS[::-1]) == "infarction"
    assert Readers().name_for(("X",)) is None
    assert len({frozenset(module.LEADS) for module in modules}) == len(modules)
