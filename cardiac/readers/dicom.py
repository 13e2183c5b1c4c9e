"""DICOM waveforms (PS3.3 C.10.9): 12-lead, general and ambulatory ECG objects, by the pydicom library."""

import io
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cardiac.errors import RecordError, first_line
from cardiac.labels import LEADS, lead_and_sign
from cardiac.readers.raw import SEXES, Note, Raw, check_length, check_rate

LARGEST_BYTES = 2**30
READ = ["WaveformSequence", "PatientAge", "PatientSex", "SOPClassUID"]
NOT_READ = {b"1.2.840.10008.1.2.1.99": "deflated", b"1.2.840.10008.1.2.2\0": "big-endian"}  # transfer syntaxes
# Leads by their code, where its meaning in words names none: of SCP-ECG ("5.6.3-9-1" is lead I) and of MDC ("2:1").
CODES = {
    1: "I",
    2: "II",
    3: "V1",
    4: "V2",
    5: "V3",
    6: "V4",
    7: "V5",
    8: "V6",
    61: "III",
    62: "aVR",
    63: "aVL",
    64: "aVF",
}


def read_dicom(path: Path) -> Raw:
    """The group of channels that holds the leads, the longest if there are several. Raises RecordError."""
    import pydicom  # needed for this format alone

    if path.stat().st_size > LARGEST_BYTES:
        raise RecordError("holds more than 1 GiB: cut it into parts")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of values that break the standard's form
            plain = path.read_bytes()
            syntax = next((name for uid, name in NOT_READ.items() if uid in plain[:4_096]), None)
            if syntax:
                raise RecordError(f"is a {syntax} DICOM file: export it as explicit little endian")
            content = io.BytesIO(plain)  # of which no more is read than there is, whatever lengths it states
            return _read(pydicom.dcmread(content, stop_before_pixels=True, specific_tags=READ))
    except (RecordError, OSError):
        raise
    except Exception as error:  # pydicom raises what its parsing runs into
        raise RecordError(f"cannot be read as DICOM ({first_line(error)}): export it again") from error


def _read(content: Any) -> Raw:
    groups = list(content.get("WaveformSequence", []))
    if not groups:
        kind = getattr(content.get("SOPClassUID"), "name", "of no class")
        raise RecordError(f"is DICOM without a waveform ({kind}): give the ECG's waveform object")
    names = [tuple(_names(group)) for group in groups]
    sizes = [
        (sum(name.lstrip("-") in LEADS for name in named), int(group.NumberOfWaveformSamples))
        for group, named in zip(groups, names, strict=True)
    ]
    if sizes.count(max(sizes)) > 1:
        raise RecordError(f"holds {sizes.count(max(sizes))} equal groups of channels: give a file of one recording")
    place = sizes.index(max(sizes))
    group = groups[place]
    check_length(int(group.NumberOfWaveformSamples), check_rate(float(group.SamplingFrequency)), at_once=True)
    samples, units = _samples(content, place, names[place])
    notes = (Note("info", f"of {len(groups)} groups of channels the one with most leads was read"),)
    sex = SEXES.get(str(content.get("PatientSex", "")))
    age = re.fullmatch(r"(\d{3})Y", str(content.get("PatientAge", "")))
    years = float(age[1]) if age else None
    return Raw(samples, float(group.SamplingFrequency), names[place], units, notes[: len(groups) - 1], years, sex)


def _names(group: Any) -> list[str]:
    """Names of a group's channels: the leads' as in the standard, others as they stand there."""
    names = []
    for channel in group.ChannelDefinitionSequence:
        source = (channel.get("ChannelSourceSequence") or [{}])[0]
        meaning, code = str(source.get("CodeMeaning", "")), str(source.get("CodeValue", ""))
        coded = re.fullmatch(r"(?:5\.6\.3-9-|2:)(\d+)", code)
        found = lead_and_sign(meaning) or (CODES.get(int(coded[1]), "") if coded else "", 1)
        names.append(("-" if found[1] < 0 else "") + found[0] or meaning)
    return names


def _samples(content: Any, place: int, names: Sequence[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Samples (n_channels, n) in each channel's unit, NaN where they are padding, and the units."""
    group = content.WaveformSequence[place]
    n_channels, n_samples = int(group.NumberOfWaveformChannels), int(group.NumberOfWaveformSamples)
    channels, width = group.ChannelDefinitionSequence, int(group.WaveformBitsAllocated) // 8
    if len(group.WaveformData) < n_channels * n_samples * width or n_channels != len(channels):
        raise RecordError(f"states {n_channels} channels of {n_samples} samples and holds fewer: copy it again")
    units = []
    for name, channel in zip(names, channels, strict=True):
        if not float(channel.get("ChannelSensitivity", 0)):
            raise RecordError(f"states no sensitivity for {name[:20]!r}, so no unit: export calibrated amplitudes")
        units.append(str(channel.ChannelSensitivityUnitsSequence[0].CodeValue))
    samples = content.waveform_array(place).T
    padding = group.get("WaveformPaddingValue")
    if padding in (b"\x00\x80", b"\xff\x7f") and width == 2:  # other values, 0 say, are samples too
        plain = np.frombuffer(group.WaveformData, "<u2", n_channels * n_samples)
        samples[(plain == int.from_bytes(padding, "little")).reshape(n_samples, n_channels).T] = np.nan
    return samples, tuple(units)
