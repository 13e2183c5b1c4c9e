"""Samples that came as JSON: looked at and kept piece by piece, so that nobody's lists fill the server's memory.

The kept file has the numbers as they follow each other, 8 bytes each, and then a line of JSON that tells their shape,
the rate and the leads; a worker reads it.
"""

import json
import math
import re
import secrets
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, Any

from marshmallow import ValidationError
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

from cardiac.errors import RecordError
from cardiac.messages import Message
from cardiac.readers.arrays import read_doubles

ENDING = ".samples"
MOST_BYTES = 64 * 2**20  # of JSON, in which a number has 2 letters at least
MOST_BESIDE = 2**16  # bytes of what is sent beside the samples
PIECE = 2**16  # bytes that are read together
LONGEST_NUMBER = 2**16  # bytes, with the blanks around it
SHORT, MOST_SHORT = 8, 64  # so many lists of less numbers, or of different lengths, are no recording either way round
BEGIN = re.compile(rb'"samples"\s*:\s*(?=\[)')  # within a text of JSON, quotes stand behind a backslash
END = re.compile(rb"\]\s*\]")
FOREIGN = re.compile(rb'["{}:us]')  # texts, objects, true, false, null: a list of numbers has none of these letters
TOO_DEEP = "the JSON has too many brackets within each other: check it"
NO_LISTS = "Not 12 lists of numbers."
TOO_LONG = "A number in it has too many digits."
NO_END = "A number in it does not end within 64 kB."


@dataclass
class Shape:
    """Of the lists that were kept. length : of each; None where they differ, and then no number is kept."""

    rows: int = 0
    length: int | None = None

    def count(self, lengths: Sequence[int]) -> bool:
        """Count some more lists; whether all are of one length so far."""
        if lengths:
            distinct = {*lengths} | ({self.length} if self.rows else set())
            self.rows, self.length = self.rows + len(lengths), distinct.pop() if len(distinct) == 1 else None
        return self.length is not None or not self.rows


def load_json(text: bytes | bytearray) -> dict[str, Any]:
    """A small object of JSON, with every name once. Raises BadRequest or ValidationError."""
    try:
        given = json.loads(text.decode("utf-8"), object_pairs_hook=_each_once)
    except RecursionError as error:
        raise BadRequest(TOO_DEEP) from error
    except ValidationError:
        raise
    except ValueError as error:
        raise BadRequest from error
    if not isinstance(given, dict):
        raise BadRequest("the JSON is no object: see the API's description")
    return given


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        twice = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        raise ValidationError({twice: ["Is given twice."]})
    return members


def take_samples(source: IO[bytes], target: IO[bytes]) -> dict[str, Any]:
    """What was sent as JSON, with a `Shape` in the place of the samples, whose numbers are written to `target`.

    Raises BadRequest for what is no object of JSON, RequestEntityTooLarge, and ValidationError for other samples than
    lists of numbers.
    """
    head = bytearray()
    while not (match := BEGIN.search(head)) and (piece := source.read(PIECE)):
        head += piece
        if not head.lstrip().startswith(b"{") and head.strip():
            raise BadRequest("the JSON is no object: see the API's description")
        _check_beside(head)
    if match is None:
        return load_json(head)
    mark = secrets.token_hex()
    lists = _Lists(source, target, head[match.end() :])
    lists.take()
    rest = head[: match.end()] + json.dumps(mark).encode() + lists.left
    while piece := source.read(PIECE):
        rest += piece
        _check_beside(rest)
    given = load_json(rest)
    if given.get("samples") == mark:
        given["samples"] = lists.shape
    return given


def _check_beside(text: bytes | bytearray) -> None:
    if len(text) > MOST_BESIDE + 2 * PIECE:
        raise RequestEntityTooLarge(
            Message("the JSON has more than {most} kB beside its samples: send them alone", most=MOST_BESIDE >> 10)
        )


class _Lists:
    """Lists of numbers, read from a stream up to their last bracket. left : what was read of that which follows."""

    def __init__(self, source: IO[bytes], target: IO[bytes], left: bytes | bytearray) -> None:
        self._source, self._target = source, target
        self.left, self.shape = bytearray(left), Shape()
        self._depth = 0  # brackets that are open
        self._open = 0  # numbers so far of the list that is open

    def take(self) -> None:
        """Read them. Raises as `take_samples` does."""
        while not (end := END.search(self.left)):
            self._check_letters(self.left)
            cut = self.left.rfind(b",")
            if cut > 0 or (cut == 0 and self._depth):
                self._take_piece(self.left[:cut])
                del self.left[: cut + 1]
            elif len(self.left) > LONGEST_NUMBER:
                raise ValidationError({"samples": [NO_END]})
            if not (piece := self._source.read(PIECE)):
                raise BadRequest
            self.left += piece
        self._check_letters(self.left[: end.start()])
        self._take_piece(self.left[: end.end()])
        del self.left[: end.end()]
        if self._depth:
            raise ValidationError({"samples": [NO_LISTS]})

    def _check_letters(self, text: bytes | bytearray) -> None:
        if FOREIGN.search(text):
            raise ValidationError({"samples": [NO_LISTS]})

    def _take_piece(self, text: bytes | bytearray) -> None:
        """Keep the numbers of a piece that was cut out between two of them."""
        begins = self._depth
        self._depth += text.count(b"[") - text.count(b"]")
        if (begins and text.lstrip()[:1] in (b"", b"]", b",")) or text.rstrip()[-1:] in (b"", b"["):
            raise BadRequest  # a comma before or behind nothing
        if not 0 <= self._depth <= 2:
            raise ValidationError({"samples": [NO_LISTS]})
        numbers, lengths = _numbers(b"[" * begins + text + b"]" * self._depth)
        lengths[:1] = [self._open + length for length in lengths[:1]]
        self._open = lengths.pop() if self._depth == 2 else 0
        is_even = self.shape.count(lengths)
        if self.shape.rows > MOST_SHORT and not (is_even and self.shape.length >= SHORT):
            raise ValidationError({"samples": [NO_LISTS]})
        if is_even:
            numbers.tofile(self._target)


def _numbers(text: bytes | bytearray) -> tuple[array, list[int]]:
    """All numbers of some lists, and how many each list has."""
    try:
        rows = json.loads(text)
        lengths = [*map(len, rows)]
        try:
            return array("d", chain.from_iterable(rows)), lengths
        except OverflowError:
            return array("d", map(_float, chain.from_iterable(rows))), lengths
    except json.JSONDecodeError as error:
        raise BadRequest from error
    except RecursionError as error:
        raise BadRequest(TOO_DEEP) from error
    except TypeError as error:  # a number beside the lists, or a list within a list
        raise ValidationError({"samples": [NO_LISTS]}) from error
    except ValueError as error:
        raise ValidationError({"samples": [TOO_LONG]}) from error


def _float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def end_samples(given: Mapping[str, Any], target: IO[bytes]) -> None:
    """Write behind the numbers what they are. given : what the schema made of that which was sent."""
    shape = given["samples"]
    layout = {"rows": shape.rows, "length": shape.length, "fs_hz": given["fs_hz"], "leads": given["leads"]}
    target.write(b"\n" + json.dumps(layout).encode())


def read_samples(path: Path) -> tuple[Any, float, list[str] | None]:
    """Samples (rows, length), rate and leads' names, for `record_from_array`. Raises RecordError."""
    try:
        size = path.stat().st_size
        if size > 4 * MOST_BYTES + 8 * MOST_BESIDE:
            raise RecordError(
                "holds more than {most} MB of samples as JSON: send the recording as a file", most=MOST_BYTES >> 20
            )
        with path.open("rb") as file:
            file.seek(max(0, size - 8 * MOST_BESIDE))
            line = file.read().rpartition(b"\n")[2]
        layout = json.loads(line.decode("ascii"))
        rows, length, fs_hz, leads = (layout[key] for key in ("rows", "length", "fs_hz", "leads"))
        if length is None:
            raise RecordError("its rows are not of one length: give one recording as 12 leads x samples")
        if type(fs_hz) not in (int, float) or size != 8 * rows * length + 1 + len(line):
            raise ValueError
        return read_doubles(path, rows, length), fs_hz, leads
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise RecordError("the samples that were sent cannot be read: send them again") from error
