"""GE MUSE XML (RestingECG): the rhythm waveform, 16-bit samples in base64, eight leads or twelve."""

import binascii
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from cardiac.errors import RecordError
from cardiac.messages import Message
from cardiac.readers.codes import lead_of
from cardiac.readers.groups import Group, choose_rhythm
from cardiac.readers.identity import Identity, moment_in, stated_identity
from cardiac.readers.raw import Note, Raw
from cardiac.readers.xml_files import number_of, parse_xml, text_of

LARGEST_EXPONENT = 6


def read_muse(path: Path) -> Raw:
    """The rhythm waveform of a MUSE XML file. Raises RecordError for two of them, or damaged samples."""
    root = parse_xml(path)
    waveforms = [each for each in root.iter("Waveform") if each.find("LeadData") is not None]
    if not waveforms:
        raise RecordError("holds no rhythm waveforms: export a single recording")
    index, notes = choose_rhythm(
        [_group(each) for each in waveforms], Message("waveforms"), Message("rhythm waveforms")
    )
    waveform = waveforms[index]
    leads = [*waveform.iter("LeadData")]
    names = tuple(_name(lead) for lead in leads)
    samples = [_samples(lead, name) for lead, name in zip(leads, names, strict=True)]
    if not samples or len({len(each) for each in samples}) > 1:
        raise RecordError("its leads differ in length: export it again")
    off = [name for lead, name in zip(leads, names, strict=True) if text_of(lead, "LeadOff", "").upper() == "TRUE"]
    if off:
        notes += (Note("warning", Message("the device noted a loose electrode on {leads}", leads=", ".join(off))),)
    units = tuple(text_of(lead, "LeadAmplitudeUnits") for lead in leads)
    return Raw(np.stack(samples), _rate(waveform), names, units, notes, *_patient(root), identity=_identity(root))


def _group(waveform: Element) -> Group:
    leads = [*waveform.iter("LeadData")]
    n_samples = max(len(text_of(lead, "WaveFormData", "")) * 3 // 8 for lead in leads)  # about: base64 of 16 bits
    try:
        fs_hz = _rate(waveform)
    except RecordError:
        fs_hz = 500.0  # it is refused where this waveform is the one that is read
    return Group(tuple(map(_name, leads)), n_samples / fs_hz, text_of(waveform, "WaveformType", ""))


def _rate(waveform: Element) -> float:
    """Samples a second: a number times a power of ten."""
    base = number_of(text_of(waveform, "SampleBase"), "SampleBase")
    exponent = number_of(text_of(waveform, "SampleExponent", "") or "0", "SampleExponent")
    if abs(exponent) > LARGEST_EXPONENT or exponent != int(exponent):
        raise RecordError("its SampleExponent {exponent:g} is not valid: export it again", exponent=exponent)
    if base <= 0:
        raise RecordError("its SampleBase {base:g} is not valid: export it again", base=base)
    return base * 10.0**exponent


def _name(lead: Element) -> str:
    name = text_of(lead, "LeadID")
    return lead_of(name) or name


def _samples(lead: Element, name: str) -> np.ndarray:
    """One lead's samples times its units a bit, float64 (n,)."""
    size = text_of(lead, "LeadSampleSize", "") or "2"
    if number_of(size, "LeadSampleSize") != 2:
        raise RecordError(
            "its samples of {size} bytes in lead {name} are not supported: export 16 bits",
            size=size[:10],
            name=name[:10],
        )
    try:
        content = binascii.a2b_base64("".join(text_of(lead, "WaveFormData").split()).encode(), strict_mode=True)
    except (binascii.Error, ValueError) as error:
        raise RecordError("its samples in lead {name} are not base64: copy it again", name=name[:10]) from error
    stated = text_of(lead, "LeadSampleCountTotal", "")
    if len(content) % 2 or (stated and number_of(stated, "LeadSampleCountTotal") != len(content) // 2):
        raise RecordError(
            "states {stated} samples in lead {name} and holds {present:g}: copy it again",
            stated=stated or Message("other"),
            name=name[:10],
            present=len(content) / 2,
        )
    checksum = text_of(lead, "LeadDataCRC32", "")
    if checksum.isascii() and checksum.isdigit() and int(checksum) and int(checksum) != binascii.crc32(content):
        raise RecordError("its samples in lead {name} are damaged (checksum): copy it again", name=name[:10])
    step = number_of(text_of(lead, "LeadAmplitudeUnitsPerBit"), "LeadAmplitudeUnitsPerBit")
    if step <= 0:
        raise RecordError("states no gain for lead {name} ({step:g}): export it again", name=name[:10], step=step)
    return np.frombuffer(content, "<i2") * step


def _patient(root: Element) -> tuple[float | None, str | None]:
    """Age in years and sex, where they are stated."""
    patient = root.find("PatientDemographics")
    age, unit = text_of(patient, "PatientAge", ""), text_of(patient, "AgeUnits", "YEARS").upper()
    sex = text_of(patient, "Gender", "").lower()
    years = float(age) if age.isascii() and age.isdigit() and unit in ("YEARS", "YEAR", "Y") else None
    return years, sex if sex in ("female", "male") else None


def _identity(root: Element) -> Identity:
    """Patient, and date and time of the acquisition; MUSE writes the month first."""
    patient, test = root.find("PatientDemographics"), root.find("TestDemographics")
    name = f"{text_of(patient, 'PatientLastName', '')} {text_of(patient, 'PatientFirstName', '')}"
    recorded_at = moment_in(text_of(test, "AcquisitionDate", ""), text_of(test, "AcquisitionTime", ""), "mdy")
    return stated_identity(text_of(patient, "PatientID", ""), name, recorded_at)
