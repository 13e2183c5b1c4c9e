"""What travels comes back as it was, and bytes that are no message are refused with a reason."""

import base64
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from scale.stream.messages import (
    Chunk,
    MessageError,
    Result,
    decode_chunk,
    decode_result,
    encode_chunk,
    encode_result,
)

NAMES = st.text(min_size=1, max_size=20).filter(str.isprintable)


def chunk(samples, **more):
    return Chunk("p", 7, 500.0, tuple("abc")[: len(samples)], "mV", 1_800_000_000.25, np.asarray(samples), **more)


@given(
    arrays(np.float32, st.tuples(st.integers(1, 3), st.integers(1, 40)), elements=st.floats(-1e6, 1e6, width=32)),
    NAMES,
    st.booleans(),
)
def test_samples_come_back_bit_for_bit(samples, label, last):
    sent = chunk(samples, label=label, last=last, first=3, part=2, state=[[1.5, 2]], notes=("x",))
    read = decode_chunk(encode_chunk(sent))
    assert read.samples.dtype == np.float32
    assert np.array_equal(read.samples, samples)
    names = (
        "patient",
        "sequence",
        "first",
        "part",
        "fs_hz",
        "leads",
        "unit",
        "start_s",
        "label",
        "last",
        "state",
        "notes",
    )
    assert [getattr(read, name) for name in names] == [getattr(sent, name) for name in names]
    assert read.end_s == 1_800_000_000.25 + samples.shape[1] / 500


def test_microvolts_travel_as_int16_and_what_is_finer_as_float32():
    whole = np.round(np.linspace(-5, 5, 12), 3).astype(np.float32)[None]
    packed = json.loads(encode_chunk(chunk(whole)))["samples"]
    assert packed["encoding"] == "int16"
    assert len(base64.b64decode(packed["data"])) == 2 * 12
    for other in (whole / 3, whole * 10_000):
        assert json.loads(encode_chunk(chunk(other)))["samples"]["encoding"] == "float32"


def test_rows_of_numbers_are_read():
    message = json.loads(encode_chunk(chunk([[1, 2, 3], [4, 5, 6]]))) | {"samples": [[1, 2.5, 3], [4, 5, 6]]}
    assert decode_chunk(json.dumps(message).encode()).samples.tolist() == [[1, 2.5, 3], [4, 5, 6]]


def changed(**values):
    message = json.loads(encode_chunk(chunk([[1, 2], [3, 4]]))) | values
    return json.dumps({name: value for name, value in message.items() if value is not ...}).encode()


def packed(encoding="int16", data=b"\0" * 8, **more):
    return {"encoding": encoding, "data": base64.b64encode(data).decode(), "step": 0.001} | more


POISON = {
    "nothing": (None, "is not JSON"),
    "empty": (b"", "is not JSON"),
    "no text": (b"\xff\xfe\x00", "is not JSON"),
    "deep": (b"[" * 100_000, "is not JSON"),
    "a number": (b"5", "no JSON object"),
    "another schema": (changed(schema=2), "schema is 2: 1 is read here"),
    "no schema": (changed(schema=...), "schema is None"),
    "no patient": (changed(patient=...), "patient is missing"),
    "empty patient": (changed(patient=""), "patient is missing"),
    "patient with a line": (changed(patient="a\nb"), "patient is missing"),
    "long patient": (changed(patient="a" * 201), "patient is missing"),
    "true for a number": (changed(sequence=True), "sequence is missing"),
    "half a sequence": (changed(sequence=1.5), "sequence is missing"),
    "negative": (changed(sequence=-1), "sequence is missing"),
    "no rate": (changed(fs_hz=...), "fs_hz is missing"),
    "rate zero": (changed(fs_hz=0), "fs_hz is 0"),
    "NaN": (changed().replace(b"500.0", b"NaN"), "is not JSON"),
    "text for a rate": (changed(fs_hz="500"), "fs_hz is missing"),
    "no leads": (changed(leads=[]), "no list of names"),
    "leads twice": (changed(leads=["a", "a"]), "twice"),
    "many leads": (changed(leads=[str(n) for n in range(65)]), "no list of names"),
    "no unit": (changed(unit=None), "unit is missing"),
    "no time": (changed(start=...), "a time is missing"),
    "time without offset": (changed(start="2026-01-31T12:00:00"), "no offset from UTC"),
    "odd time": (changed(start="yesterday"), "a time is missing"),
    "no samples": (changed(samples=...), "neither rows"),
    "odd encoding": (changed(samples=packed("int8")), "neither rows"),
    "no base64": (changed(samples=packed() | {"data": "***"}), "not base64"),
    "too few bytes": (changed(samples=packed(data=b"\0" * 6)), "do not divide among 2 leads"),
    "no bytes": (changed(samples=packed(data=b"")), "0 bytes"),
    "no step": (changed(samples=packed() | {"step": None}), "step is missing"),
    "infinite": (changed(samples=packed("float32", np.array([np.inf, 1], "<f4").tobytes())), "no finite number"),
    "ragged rows": (changed(samples=[[1, 2], [3]]), "no rows of numbers"),
    "rows of text": (changed(samples=[["a", "b"], ["c", "d"]]), "no rows of numbers"),
    "huge step": (changed(samples=packed(data=b"\1" * 8, step=1e300)), "no finite number"),
    "huge numbers": (changed(samples=[[1e300, 1], [1, 1]]), "no finite number"),
    "one row for two leads": (changed(samples=[[1, 2]]), "one row for each of 2 leads"),
    "an hour": (changed(fs_hz=10, samples=packed(data=b"\0" * 4 * 1_000)), "at most 60 s"),
    "first after": (changed(first=8), "first is greater"),
    "last is no truth": (changed(last="yes"), "last is not true or false"),
    "label is no text": (changed(label=5), "label is no text"),
}


@pytest.mark.parametrize("name", POISON)
def test_poison_is_refused_with_a_reason(name):
    value, reason = POISON[name]
    with pytest.raises(MessageError, match=reason):
        decode_chunk(value)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(value):
    with pytest.raises(MessageError):
        decode_chunk(value)
    with pytest.raises(MessageError):
        decode_result(value)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    ),
    st.sampled_from([*json.loads(changed()), "label", "last", "notes", "state"]),
)
def test_any_value_in_any_place_is_read_or_refused(value, key):
    message = json.loads(changed()) | {key: value}
    try:
        decode_chunk(json.dumps(message).encode())
    except MessageError as error:
        assert "\n" not in str(error)


def test_a_result_comes_back_as_it_was():
    result = Result(
        "p", 9, "infarction", 1_800_000_010.5, 1_800_000_011.0, "infarction", {"mi": 0.5}, {"a": [1]}, None, 5,
        {"label": "infarction"}, ("one note",), "no infarction", 3,
    )  # fmt: skip
    assert decode_result(encode_result(result)) == result
    with pytest.raises(MessageError, match="reader is missing"):
        decode_result(changed())
    with pytest.raises(MessageError, match="is no result: KeyError"):
        decode_result(encode_result(result).replace(b'"finding"', b'"found"'))
