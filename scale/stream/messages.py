"""What travels: chunks of a patient's signal, and what was found at the end of each; as bytes and back.

A message is one JSON object. Samples are base64 of little-endian int16 with the step they count in where that loses
nothing, else of float32; a sender that knows neither may write rows of numbers. Compression is the wire's.
"""

import base64
import binascii
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from cardiac.errors import CardiacError

SCHEMA = 1
STEP = 0.001  # mV: of int16 samples; most recorders count in microvolts
FS_RANGE_HZ = (1.0, 100_000.0)
MOST_CHANNELS, MOST_SAMPLES, LONGEST_S = 64, 1 << 20, 60.0
LONGEST_NAME = 200


class MessageError(CardiacError):
    """Bytes that are no message of this pipeline, or one that contradicts itself."""


@dataclass(frozen=True)
class Chunk:
    """Some seconds of one patient's signal.

    sequence : counts a patient's chunks up by one.  first : sequence of the first chunk of this stream; where it
    changes, another stream of the patient has begun.  part : which of its sender's stretches that is.  samples : float32
    (n_leads, n), in `unit`.  start_s : when the first sample was taken, seconds since 1970, UTC.  last : no chunk of this
    stream follows.  label : what is true of it, where that is known.  state : of the filter behind it, plain data.
    notes : what the filter noticed of the stream.
    """

    patient: str
    sequence: int
    fs_hz: float
    leads: tuple[str, ...]
    unit: str
    start_s: float
    samples: np.ndarray = field(repr=False)
    first: int = 0
    part: int = 0
    last: bool = False
    label: str | None = None
    state: Any = None
    notes: tuple[str, ...] = ()

    @property
    def end_s(self) -> float:
        """When the sample after the last one is due."""
        return self.start_s + self.samples.shape[1] / self.fs_hz


def encode_chunk(chunk: Chunk) -> bytes:
    """A chunk as bytes. `decode_chunk` gives the same samples back, bit for bit."""
    message: dict[str, Any] = {
        "schema": SCHEMA,
        "patient": chunk.patient,
        "sequence": chunk.sequence,
        "first": chunk.first,
        "part": chunk.part,
        "fs_hz": chunk.fs_hz,
        "leads": list(chunk.leads),
        "unit": chunk.unit,
        "start": _time_text(chunk.start_s),
        "samples": _pack(np.asarray(chunk.samples, np.float32)),
    }
    if chunk.last:
        message["last"] = True
    if chunk.label is not None:
        message["label"] = chunk.label
    if chunk.state is not None:
        message["state"] = chunk.state
    if chunk.notes:
        message["notes"] = list(chunk.notes)
    return json.dumps(message, separators=(",", ":")).encode()


def decode_chunk(value: bytes | None) -> Chunk:
    """The chunk in a message's bytes. Raises MessageError, which says what is wrong with them."""
    message = _object(value)
    patient, sequence = _name(message, "patient"), _count(message, "sequence")
    fs_hz, leads = _number(message, "fs_hz"), message.get("leads")
    if not FS_RANGE_HZ[0] <= fs_hz <= FS_RANGE_HZ[1]:
        raise MessageError(f"fs_hz is {fs_hz:g}: it must lie between {FS_RANGE_HZ[0]:g} and {FS_RANGE_HZ[1]:g}")
    if not isinstance(leads, list) or not 0 < len(leads) <= MOST_CHANNELS or not all(map(_is_name, leads)):
        raise MessageError("leads is no list of names")
    if len(set(leads)) < len(leads):
        raise MessageError("leads names one lead twice")
    samples = _unpack(message.get("samples"), len(leads))
    if not 0 < samples.shape[1] <= min(MOST_SAMPLES, LONGEST_S * fs_hz):
        raise MessageError(f"{samples.shape[1]} samples a lead: a chunk has at least one, and at most {LONGEST_S:g} s")
    label, last, notes = message.get("label"), message.get("last", False), message.get("notes", [])
    first, part = message.get("first", 0), message.get("part", 0)
    if label is not None and not _is_name(label):
        raise MessageError("label is no text")
    if not isinstance(last, bool) or not isinstance(notes, list):
        raise MessageError("last is not true or false, or notes is no list")
    if not _is_count(first) or not _is_count(part) or first > sequence:
        raise MessageError("first or part is no whole number, or first is greater than sequence")
    return Chunk(
        patient=patient,
        sequence=sequence,
        fs_hz=fs_hz,
        leads=tuple(leads),
        unit=_name(message, "unit"),
        start_s=_seconds(message.get("start")),
        samples=samples,
        first=first,
        part=part,
        last=last,
        label=label,
        state=message.get("state"),
        notes=tuple(map(str, notes)),
    )


@dataclass(frozen=True)
class Result:
    """What was found in the seconds that end with one chunk.

    reader : what read them ("infarction", "ppg").  end_s : when they end.  sent_at_s : when the chunk was sent.
    label : the decision, or None where none was made, and then `refused` says why.  probabilities : by class.
    finding : all there is of it, as plain data.  assessed : sequence at whose end the tracing's quality was judged.
    shown : the steady state that a screen should show, see `scale.stream.course`.  notes : what was noticed of the
    stream since the last result.  truth : the label that travelled along.
    """

    patient: str
    sequence: int
    reader: str
    end_s: float
    sent_at_s: float
    label: str | None
    probabilities: Mapping[str, float]
    finding: Mapping[str, Any]
    refused: str | None = None
    assessed: int | None = None
    shown: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    truth: str | None = None
    first: int = 0


def encode_result(result: Result) -> bytes:
    """A result as bytes."""
    message = {"schema": SCHEMA} | vars(result) | {"end": _time_text(result.end_s)}  # asdict would copy all of it
    del message["end_s"]
    return json.dumps(message, separators=(",", ":"), allow_nan=False).encode()


def decode_result(value: bytes | None) -> Result:
    """The result in a message's bytes. Raises MessageError."""
    message = _object(value)
    try:
        return Result(
            patient=_name(message, "patient"),
            sequence=_count(message, "sequence"),
            reader=_name(message, "reader"),
            end_s=_seconds(message.get("end")),
            sent_at_s=_number(message, "sent_at_s"),
            label=message["label"],
            probabilities={str(name): float(value) for name, value in message["probabilities"].items()},
            finding=dict(message["finding"]),
            refused=message.get("refused"),
            assessed=message.get("assessed"),
            shown=dict(message.get("shown", {})),
            notes=tuple(map(str, message.get("notes", ()))),
            truth=message.get("truth"),
            first=message.get("first", 0),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MessageError(f"is no result: {error!r} of it is missing or of another kind") from error


def _object(value: bytes | None) -> dict[str, Any]:
    """The JSON object in a message, of a schema that is read here."""
    try:
        message = json.loads(value or b"", parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise MessageError("is not JSON") from error
    if not isinstance(message, dict):
        raise MessageError("is no JSON object")
    if message.get("schema") != SCHEMA:
        raise MessageError(f"schema is {str(message.get('schema'))[:20]}: {SCHEMA} is read here")
    return message


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _pack(samples: np.ndarray) -> dict[str, Any]:
    """Samples (n_leads, n) as int16 in steps of a microvolt where that loses nothing, else float32."""
    with np.errstate(invalid="ignore", over="ignore"):
        steps = np.rint(samples.astype(np.float64) / STEP)
        whole = np.abs(steps).max(initial=0) <= 32767 and np.array_equal((steps * STEP).astype(np.float32), samples)
    if whole:
        return {"encoding": "int16", "step": STEP, "data": _text(steps.astype("<i2"))}
    return {"encoding": "float32", "data": _text(samples.astype("<f4"))}


def _text(samples: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(samples).tobytes()).decode("ascii")


def _unpack(packed: Any, n_leads: int) -> np.ndarray:
    """Samples float32 (n_leads, n), all finite, of what `_pack` wrote or of rows of numbers."""
    if isinstance(packed, list):
        return _rows(packed, n_leads)
    kinds = {"int16": "<i2", "float32": "<f4"}
    if not isinstance(packed, dict) or packed.get("encoding") not in kinds or not isinstance(packed.get("data"), str):
        raise MessageError("samples are neither rows of numbers nor int16 or float32 in base64")
    try:
        raw = base64.b64decode(packed["data"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise MessageError("samples are not base64") from error
    dtype = np.dtype(kinds[packed["encoding"]])
    if not raw or len(raw) % (dtype.itemsize * n_leads):
        raise MessageError(f"samples are {len(raw)} bytes, which do not divide among {n_leads} leads")
    samples = np.frombuffer(raw, dtype).reshape(n_leads, -1)
    step = _number(packed, "step") if dtype.kind == "i" else 1.0
    with np.errstate(over="ignore", invalid="ignore"):
        return _finite((samples * np.float64(step)).astype(np.float32))


def _rows(rows: list[Any], n_leads: int) -> np.ndarray:
    try:
        with np.errstate(over="ignore"):
            samples = np.array(rows, dtype=np.float32)
    except (TypeError, ValueError, OverflowError) as error:
        raise MessageError("samples are no rows of numbers of one length") from error
    if samples.ndim != 2 or len(samples) != n_leads:
        raise MessageError(f"samples have the shape {samples.shape}: one row for each of {n_leads} leads is needed")
    return _finite(samples)


def _finite(samples: np.ndarray) -> np.ndarray:
    if not np.isfinite(samples).all():
        raise MessageError("a sample is no finite number")
    return samples


def _name(message: Mapping[str, Any], key: str) -> str:
    if not _is_name(message.get(key)):
        raise MessageError(f"{key} is missing, or no text of up to {LONGEST_NAME} characters")
    return message[key]


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_NAME and value.isprintable()


def _count(message: Mapping[str, Any], key: str) -> int:
    if not _is_count(message.get(key)):
        raise MessageError(f"{key} is missing, or no whole number from 0 on")
    return message[key]


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 62


def _number(message: Mapping[str, Any], key: str) -> float:
    value = message.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise MessageError(f"{key} is missing, or no number")
    return float(value)


def _time_text(seconds: float) -> str:
    """A moment as RFC 3339 in UTC, to the microsecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _seconds(text: Any) -> float:
    """Seconds since 1970 of a moment with its offset from UTC, as RFC 3339 writes it."""
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise MessageError("a time is missing, or not as 2026-01-31T12:00:00.000Z") from error
    if moment.tzinfo is None:
        raise MessageError("a time has no offset from UTC: write it as 2026-01-31T12:00:00.000Z")
    return moment.timestamp()
