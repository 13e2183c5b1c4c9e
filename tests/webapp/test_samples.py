"""Samples as JSON, read in pieces of any size: what Python's own json makes of them, and nothing that it does not."""

import io
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marshmallow import ValidationError
from werkzeug.exceptions import BadRequest

from cardiac.errors import RecordError
from webapp import samples
from webapp.samples import Shape, end_samples, read_samples, take_samples

PIECES = st.sampled_from([1, 2, 3, 7, 64, 2**16])
NUMBERS = st.one_of(st.integers(-(10**30), 10**30), st.floats(), st.just(10**400), st.just(-(10**400)))
ROWS = st.lists(st.lists(NUMBERS, max_size=6), min_size=1, max_size=6)
LETTERS = st.text(alphabet='[]{}",:0123456789.eE+-NaInfitytruesl \n\\', max_size=30)
BROKEN = ["[[1,]]", "[[1],]", "[,[1]]", "[[,1]]", "[[1],,[2]]", "[[1,,2]]", "[[1][2]]", "[[1 2]]", "[[01]]", "[[1.]]",
          "[[.1]]", "[[+1]]", "[[1e]]", "[[--1]]", "[[1-2]]", "[[0x1]]", "[[nan]]", "[[inf]]", "[[1]"]  # fmt: skip
OTHER = ["[]", "[1]", "[[1],2]", "[1,[2]]", "[[[1]]]", "[[1],[[2]]]", "[[[1],[2]]]", "[[],[[]]]", '[["1"]]', "[[true]]",
         "[[false]]", "[[null]]", "[null]", "[[1],null]", "[[{}]]", "[{}]", "{}", "1", '"x"', "null", "[[1],[2]],3"]  # fmt: skip


def taken(text, piece):
    """What is made of a text, and the numbers that were kept."""
    kept = io.BytesIO()
    whole, samples.PIECE = samples.PIECE, piece
    try:
        return take_samples(io.BytesIO(text.encode()), kept), np.frombuffer(kept.getvalue())
    finally:
        samples.PIECE = whole


def as_floats(rows):
    def number(value):
        try:
            return float(value)
        except OverflowError:
            return np.inf if value > 0 else -np.inf

    return [[number(value) for value in row] for row in rows]


@settings(deadline=None)
@given(ROWS, PIECES, st.sampled_from([None, 0, 3]), st.sampled_from([(",", ":"), (" ,\n", " : ")]), st.booleans())
def test_the_same_numbers_as_in_one_piece(rows, piece, indent, separators, is_last):
    before = {"record": 'a "samples": [[1]] \\', "fs_hz": 500}
    document = before | {"samples": rows} if is_last else {"samples": rows} | before
    found, numbers = taken(json.dumps(document, indent=indent, separators=separators), piece)
    shape = found.pop("samples")
    assert found == before and shape.rows == len(rows)
    even = {len(row) for row in rows}
    assert shape.length == (even.pop() if len(even) == 1 else None)
    if shape.length is not None:
        np.testing.assert_array_equal(numbers.reshape(shape.rows, shape.length), as_floats(rows))


@settings(deadline=None, max_examples=300)
@given(LETTERS, PIECES)
def test_nothing_is_taken_that_is_no_json(text, piece):
    whole = f'{{"samples": [[1], [{text}]], "fs_hz": 500}}'
    try:
        expected = json.loads(whole)
    except ValueError:
        with pytest.raises((BadRequest, ValidationError)):
            taken(whole, piece)
        return
    try:
        found, _ = taken(whole, piece)
    except (ValidationError, BadRequest):
        assert not is_lists(expected["samples"]) or whole.count('"') > 4
    else:
        assert isinstance(found["samples"], Shape) and is_lists(expected["samples"])
        assert found["samples"].rows == len(expected["samples"])


def is_lists(value):
    return isinstance(value, list) and all(
        isinstance(row, list) and all(type(each) in (int, float) for each in row) for row in value
    )


@pytest.mark.parametrize("piece", [1, 3, 2**16])
@pytest.mark.parametrize("text", BROKEN)
def test_broken_json(text, piece):
    with pytest.raises(ValidationError if text == "[[1],]" else BadRequest):
        taken(f'{{"fs_hz": 500, "samples": {text}', piece) if text == "[[1]" else taken(f'{{"samples": {text}}}', piece)


@pytest.mark.parametrize("piece", [1, 3, 2**16])
@pytest.mark.parametrize("text", OTHER)
def test_other_things_than_lists_of_numbers(text, piece):
    try:
        found, _ = taken(f'{{"fs_hz": 500, "samples": {text}}}', piece)
    except ValidationError as error:
        assert error.messages == {"samples": ["Not 12 lists of numbers."]}
    except BadRequest:
        assert text.endswith("3")
    else:
        assert not isinstance(found["samples"], Shape)  # which the schema refuses with the same words


@pytest.mark.parametrize("text", [
    '{"samples": [[1]], "samples": [[2]]}', '{"samples": [[1]], "s\\u0061mples": [[2]]}', '{"fs_hz": 1, "fs_hz": 2}',
    '{"samples": 1, "samples": [[1]]}',
])  # fmt: skip
def test_a_name_that_is_given_twice(text):
    with pytest.raises(ValidationError, match="given twice"):
        taken(text, 2**16)


def test_a_repeated_name_among_many_is_found_in_one_go():
    compared = 0

    class Name(str):
        __hash__ = str.__hash__

        def __eq__(self, other):
            nonlocal compared
            compared += 1
            return str.__eq__(self, other)

    names = [Name(each) for each in [*range(2000), 1999]]
    with pytest.raises(ValidationError) as refused:
        samples._each_once([(name, 0) for name in names])
    assert refused.value.messages == {"1999": ["Is given twice."]}
    assert compared < 10 * len(names)  # and not with each other, each and every one


def test_samples_within_something_else_are_none():
    found, _ = taken('{"more": {"samples": [[1]]}}', 2**16)
    assert "samples" not in found
    found, _ = taken('{"more": {"samples": [[1]]}, "samples": [[1]]}', 2**16)
    assert not isinstance(found["samples"], Shape)


def kept_file(tmp_path, text):
    path = tmp_path / "a.samples"
    with path.open("wb") as file:
        end_samples(take_samples(io.BytesIO(text.encode()), file) | {"leads": None}, file)
    return path


def test_what_is_kept_is_read(tmp_path):
    path = kept_file(tmp_path, '{"samples": [[1, 2], [3, NaN]], "fs_hz": 250}')
    found, fs_hz, leads = read_samples(path)
    np.testing.assert_array_equal(found, [[1, 2], [3, np.nan]])
    assert (fs_hz, leads) == (250, None)
    uneven = kept_file(tmp_path, '{"samples": [[1, 2], [3]], "fs_hz": 250}')
    with pytest.raises(RecordError, match="not of one length"):
        read_samples(uneven)


@pytest.mark.parametrize("content", [
    b"", b"\n", b"{}", b"\n{}", b"x" * 100, b'{"samples": [[1]]}', b"[" * 10_000,
    b'\n{"rows":1,"length":1,"fs_hz":500,"leads":null}',
    b'\n{"rows":-1,"length":0,"fs_hz":500,"leads":null}', b'\n{"rows":0,"length":0,"fs_hz":null,"leads":null}',
    b'12345678\n{"rows":1e0,"length":1,"fs_hz":500,"leads":null}', b'\n{"rows":"","length":8,"fs_hz":500,"leads":null}',
    b'\n{"rows":[],"length":0,"fs_hz":500,"leads":null}', b'\n{"rows":0,"length":-5,"fs_hz":500,"leads":null}',
])  # fmt: skip
def test_a_file_that_somebody_calls_so(tmp_path, content):
    """It may be anything: its name is the sender's."""
    path = tmp_path / "a.samples"
    path.write_bytes(content)
    try:
        found = read_samples(path)[0]
    except RecordError as error:
        assert "send" in str(error)
    else:
        assert found.size == 0  # which is no recording
