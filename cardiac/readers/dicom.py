"""DICOM waveforms (PS3.3 C.10.9): 12-lead, general and ambulatory ECG objects, by the pydicom library."""

import io
import math
import re
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cardiac.errors import RecordError, first_line
from cardiac.leads import lead_and_sign
from cardiac.messages import Message
from cardiac.readers.codes import lead_of
from cardiac.readers.groups import Group, choose_rhythm
from cardiac.readers.identity import Identity, moment_in, moment_of_digits, stated_identity
from cardiac.readers.raw import SEXES, Raw, check_length, check_rate
from cardiac.readers.units import mv_per_unit

LARGEST_BYTES = 2**30
READ = [
    "WaveformSequence", "PatientAge", "PatientSex", "SOPClassUID", "PatientID", "PatientName", "AcquisitionDateTime",
    "AcquisitionDate", "AcquisitionTime", "ContentDate", "ContentTime", "PatientIdentityRemoved",
    "LongitudinalTemporalInformationModified", "SpecificCharacterSet",
]  # fmt: skip
NOT_READ = {b"1.2.840.10008.1.2.1.99": "deflated", b"1.2.840.10008.1.2.2\0": "big-endian"}  # transfer syntaxes
MOST_CHANNELS = 512
AGES = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}
# Bits and sample interpretation -> type (PS3.3 C.10.9.1.5); MB and AB are compressed by µ-law and A-law.
TYPES = {(8, "SB"): "<i1", (8, "UB"): "<u1", (16, "SS"): "<i2", (16, "US"): "<u2", (32, "SL"): "<i4", (32, "UL"): "<u4"}
TYPES |= {(64, "SV"): "<i8", (64, "UV"): "<u8"}
LAWS = {"MB": "µ-law", "AB": "A-law"}


def read_dicom(path: Path) -> Raw:
    """The rhythm among the groups of channels. Raises RecordError where there is none, or a gain is not stated."""
    import pydicom  # needed for this format alone

    if path.stat().st_size > LARGEST_BYTES:
        raise RecordError("holds more than 1 GiB: cut it into parts")
    plain = path.read_bytes()
    is_bare = plain[128:132] != b"DICM"  # without the preamble
    syntax = next((name for uid, name in NOT_READ.items() if uid in plain[:4_096]), None)
    if syntax is None and is_bare and plain[:2] == b"\0\x08":
        syntax = "big-endian"
    if syntax:
        raise RecordError("is a {syntax} DICOM file: export it as explicit little endian", syntax=syntax)
    content = io.BytesIO(plain)  # of which no more is read than there is, whatever lengths it states
    dataset = _tried(lambda: pydicom.dcmread(content, stop_before_pixels=True, specific_tags=READ, force=is_bare))
    groups = [*(_get(dataset, "WaveformSequence") or [])]
    if not groups:
        kind = " ".join(str(getattr(_get(dataset, "SOPClassUID"), "name", "")).split()) or Message("of no class")
        raise RecordError("is DICOM without a waveform ({kind}): export the ECG's waveform object", kind=kind)
    index, notes = choose_rhythm(
        [_group(each) for each in groups], Message("groups of channels"), Message("equal groups of channels")
    )
    group = groups[index]
    n_samples, fs_hz = _whole(group, "NumberOfWaveformSamples"), check_rate(_number(group, "SamplingFrequency"))
    check_length(n_samples, fs_hz, at_once=True)
    names = tuple(_names(group))
    samples, units = _samples(group, names, n_samples)
    age = re.fullmatch(r"(\d{3})([YMWD])", str(_get(dataset, "PatientAge") or "").strip())
    years = int(age[1]) * AGES[age[2]] if age else None
    sex = SEXES.get(str(_get(dataset, "PatientSex") or "").strip())
    return Raw(samples, fs_hz, names, units, notes, years, sex, identity=_identity(dataset))


def _identity(dataset: Any) -> Identity:
    """Patient and time of the recording (PS3.3 C.7.1.1, C.10.8); of a file whose patient was hidden, what is still true."""
    name = " ".join(_text(dataset, "PatientName").partition("=")[0].replace("^", " ").split())
    if _text(dataset, "PatientIdentityRemoved").upper() == "YES":
        name = ""
    recorded_at = moment_of_digits(_text(dataset, "AcquisitionDateTime"))
    for kind in ("Acquisition", "Content"):
        recorded_at = recorded_at or moment_in(_text(dataset, f"{kind}Date"), _text(dataset, f"{kind}Time"))
    if _text(dataset, "LongitudinalTemporalInformationModified").upper() in ("MODIFIED", "REMOVED"):
        recorded_at = None
    return stated_identity(_text(dataset, "PatientID"), name, recorded_at)


def _tried(read: Callable[[], Any]) -> Any:
    """What pydicom gives; it raises whatever its parsing runs into, some of it only when a value is asked for."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of values that break the standard's form
            return read()
    except (OSError, MemoryError):
        raise
    except Exception as error:
        raise RecordError("cannot be read as DICOM ({fault}): export it again", fault=first_line(error)) from error


def _get(item: Any, name: str) -> Any:
    return _tried(lambda: item.get(name))


def _text(item: Any, name: str) -> str:
    value = _get(item, name) if item is not None else None
    if isinstance(value, Sequence) and not isinstance(value, str):  # of a text with a backslash in it
        value = "\\".join(map(str, value))
    return "" if value is None else " ".join(str(value).split())


def _number(item: Any, name: str, default: float | None = None) -> float:
    """A finite number; `default` where it is missing or empty."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    text = _text(item, name)
    if not text:
        if default is None:
            raise RecordError("states no {words}: export it again", words=words)
        return default
    try:
        number = float(text.replace(",", "."))
    except ValueError as error:
        raise RecordError(
            "its {words} {text!r} is not a number: export it again", words=words, text=text[:40]
        ) from error
    if not math.isfinite(number):
        raise RecordError("its {words} {text!r} is not valid: export it again", words=words, text=text[:40])
    return number


def _whole(item: Any, name: str) -> int:
    number = _number(item, name)
    if number != int(number) or number < 0:
        raise RecordError("its {name} {number:g} is not valid: export it again", name=name, number=number)
    return int(number)


def _first(item: Any, name: str) -> Any:
    """The first item of a sequence, None where it is missing or empty."""
    sequence = _get(item, name)
    is_sequence = sequence is not None and not isinstance(sequence, str | bytes) and hasattr(sequence, "__len__")
    return sequence[0] if is_sequence and len(sequence) else None


def _group(group: Any) -> Group:
    """Leads, length and label of a group, by which the rhythm is known."""
    fs_hz = _number(group, "SamplingFrequency", 0.0)
    duration_s = _number(group, "NumberOfWaveformSamples", 0.0) / fs_hz if fs_hz > 0 else 0.0
    is_derived = _text(group, "WaveformOriginality").upper() == "DERIVED"
    return Group(tuple(_names(group)), duration_s, _text(group, "MultiplexGroupLabel"), is_derived)


def _channels(group: Any) -> list[Any]:
    channels = _get(group, "ChannelDefinitionSequence")
    if channels is None or isinstance(channels, str | bytes) or not hasattr(channels, "__iter__"):
        raise RecordError("states no channels of its waveform (ChannelDefinitionSequence): export it again")
    if len(channels) > MOST_CHANNELS:
        raise RecordError(
            "states {n_channels} channels and up to {most} are read: copy it again",
            n_channels=len(channels),
            most=MOST_CHANNELS,
        )
    return [*channels]


def _names(group: Any) -> list[str]:
    """Names of a group's channels: the leads' as in the standard, others as the file writes them."""
    names = []
    for number, channel in enumerate(_channels(group), 1):
        source = _first(channel, "ChannelSourceSequence")
        meaning, code = _text(source, "CodeMeaning"), _text(source, "CodeValue") or _text(source, "LongCodeValue")
        label = _text(channel, "ChannelLabel")
        names.append(lead_of(meaning, code, label) or meaning or label or f"channel {number}")
    return names


def _samples(group: Any, names: tuple[str, ...], n_samples: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """Samples (n_channels, n) in each channel's unit, NaN where they are padding, and the units."""
    n_channels, bits = _whole(group, "NumberOfWaveformChannels"), _whole(group, "WaveformBitsAllocated")
    form = _text(group, "WaveformSampleInterpretation").upper() or "SS"
    if (bits, form) not in TYPES:
        law = (
            Message("by {name}", name=LAWS[form])
            if form in LAWS
            else Message("in {bits} bits of kind {form!r}", bits=bits, form=form[:10])
        )
        raise RecordError(
            "its samples are stored {law}, which is not supported: export 16-bit whole numbers (SS)", law=law
        )
    dtype, data = np.dtype(TYPES[bits, form]), _get(group, "WaveformData")
    n_bytes = n_channels * n_samples * dtype.itemsize
    if not isinstance(data, bytes) or len(data) < n_bytes or n_channels != len(names):
        raise RecordError(
            "states {n_channels} channels of {n_samples} samples and holds fewer: copy it again",
            n_channels=n_channels,
            n_samples=n_samples,
        )
    plain = np.frombuffer(data, dtype, n_channels * n_samples).reshape(n_samples, n_channels).T
    samples, units = plain.astype(np.float64), []
    for row, name, channel in zip(samples, names, _channels(group), strict=True):
        step, unit = _gain(channel, name)
        row *= step * _number(channel, "ChannelSensitivityCorrectionFactor", 1.0)
        row += _number(channel, "ChannelBaseline", 0.0)
        units.append(unit)
    padding = _get(group, "WaveformPaddingValue")
    if isinstance(padding, int):
        padding = (padding & 0xFFFF).to_bytes(2, "little")
    if padding in (b"\x00\x80", b"\xff\x7f") and dtype.itemsize == 2:  # other values, such as 0, are samples too
        samples[plain == np.frombuffer(padding, dtype)[0]] = np.nan
    return samples, tuple(units)


def _gain(channel: Any, name: str) -> tuple[float, str]:
    """A channel's sensitivity and its unit. Raises RecordError for a lead that states none."""
    step = _number(channel, "ChannelSensitivity", 0.0)
    coded = _first(channel, "ChannelSensitivityUnitsSequence")
    units = [text for text in (_text(coded, "CodeValue"), _text(coded, "CodeMeaning")) if text]
    unit = next((each for each in units if mv_per_unit(each)), units[0] if units else "")
    if lead_and_sign(name) is None:
        return step or 1.0, unit
    if not step:
        value = Message("empty") if _get(channel, "ChannelSensitivity") is None else "0"
        fault = Message(
            "states no sensitivity for {name!r} (the channel sensitivity, its gain, is {value})",
            name=name[:20],
            value=value,
        )
        raise RecordError("{fault}: export calibrated amplitudes", fault=fault)
    if not unit:
        raise RecordError(
            "states no unit of the sensitivity (the gain) of {name!r}: export calibrated amplitudes", name=name[:20]
        )
    return step, unit
