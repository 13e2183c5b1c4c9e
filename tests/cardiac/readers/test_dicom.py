"""DICOM waveforms as devices of many makers write them: which group, which lead, which gain, which bytes."""

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from cardiac.errors import RecordError
from cardiac.leads import LEADS
from cardiac.records import read_record
from tests.cardiac.readers.conftest import hanging_together

pytestmark = [
    pytest.mark.usefixtures("read_here"),
    pytest.mark.filterwarnings("ignore:The value length"),  # devices write labels of over 16 letters
]
INDEPENDENT = ("I", "II", *LEADS[6:])
TYPES = {"SB": "<i1", "UB": "<u1", "SS": "<i2", "US": "<u2", "SL": "<i4", "UL": "<u4"}
STEP_UV = {8: 40.0, 16: 2.5, 32: 0.5}


@pytest.fixture(scope="module")
def whole(signal):
    """Four seconds of 500 Hz."""
    return hanging_together(signal, 2_000)


def coded(value="", scheme="", meaning=""):
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    return Sequence([code])


def channel_of(lead, step=2.5, unit=("uV", "UCUM", "microvolt"), source=None, label=None, **others):
    channel = Dataset()
    if source is not None:
        channel.ChannelSourceSequence = coded(*source)
    if label is not None:
        channel.ChannelLabel = label
    if source is None and label is None:
        channel.ChannelSourceSequence = coded("2:1", "MDC", f"Lead {lead}")
    if step is not None:
        channel.ChannelSensitivity = step
    if unit is not None:
        channel.ChannelSensitivityUnitsSequence = coded(*unit)
    for name, value in others.items():
        setattr(channel, name, value)
    return channel


def group_of(
    signal, leads=LEADS, label="RHYTHM", originality="ORIGINAL", form="SS", fs_hz=500, channels=None, step=None
):
    """A group of these leads of the signal; its steps are of µV."""
    bits = 8 * np.dtype(TYPES[form]).itemsize
    step = STEP_UV[bits] if step is None else step
    rows = np.stack([signal[LEADS.index(lead)] for lead in leads]) * 1_000
    middle = 2 ** (bits - 1) if form[0] == "U" else 0
    group = Dataset()
    if label is not None:
        group.MultiplexGroupLabel = label
    if originality is not None:
        group.WaveformOriginality = originality
    group.NumberOfWaveformChannels, group.NumberOfWaveformSamples = rows.shape
    group.SamplingFrequency = fs_hz
    group.WaveformBitsAllocated, group.WaveformSampleInterpretation = bits, form
    baseline = {"ChannelBaseline": -middle * step} if middle else {}
    made = channels or [channel_of(lead, step, **baseline) for lead in leads]
    group.ChannelDefinitionSequence = Sequence(made)
    plain = ((rows / step).round() + middle).astype(TYPES[form]).T.tobytes()
    group.add_new("WaveformData", "OB" if bits == 8 else "OW", plain)
    return group


def written(path, *groups, syntax=ExplicitVRLittleEndian, **patient):
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = syntax, "1.2.840.10008.5.1.4.1.1.9.1.2"
    meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    content = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    content.SOPClassUID, content.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    content.SpecificCharacterSet = "ISO_IR 192"
    for name, value in patient.items():
        setattr(content, name, value)
    content.WaveformSequence = Sequence(groups)
    content.save_as(path, enforce_file_format=True)
    return path


def read_as(path, truth, error_mv=0.003, fs_hz=500):
    record = read_record(path)
    assert record.fs_hz == fs_hz
    assert record.signal.shape == truth.shape
    assert np.abs(record.signal - truth).max() <= error_mv
    return record


def told_of(path):
    with pytest.raises(RecordError) as caught:
        read_record(path)
    told = str(caught.value)
    assert told.startswith(f"{path.name}: ") and "\n" not in told and "internal" not in told
    return told


RHYTHMS = ["RHYTHM", "Rhythm", "RYTHM", "RHYTHM STRIP", "Rhythmus", "Rhythmus-EKG", "rythme", "ritmo", "Ритм", "リズム"]
MEDIANS = ["MEDIAN", "MEDIAN BEAT", "Median Complex", "AVERAGE", "AVG BEAT", "Representative Beat", "TEMPLATE", "BEAT",
           "REPBEAT", "Mittelwert", "Repräsentativer Schlag", "battement moyen", "latido promedio", "медианный комплекс",
           "complesso medio", "代表波形"]  # fmt: skip


def beat_of(signal):
    """What a beat that stands for others looks like: shorter, and another signal."""
    return signal[::-1, 100:700]


@pytest.mark.parametrize("first", ["rhythm", "median"])
@pytest.mark.parametrize("label", MEDIANS)
def test_the_median_is_known_by_its_label(label, first, whole, tmp_path):
    """Twelve leads of the median, eight of the rhythm, in either order; its own length does not tell it here."""
    groups = [group_of(whole[:, :1000], INDEPENDENT, ""), group_of(whole[::-1], LEADS, label, None)]
    path = written(tmp_path / "a.dcm", *(groups if first == "rhythm" else groups[::-1]))
    record = read_as(path, whole[:, :1000])
    assert any("of 2 groups of channels" in note.text for note in record.notes)


@pytest.mark.parametrize("first", ["rhythm", "median"])
@pytest.mark.parametrize("label", RHYTHMS)
@pytest.mark.parametrize("leads", [LEADS, INDEPENDENT])
def test_the_rhythm_by_its_label(leads, label, first, whole, tmp_path):
    groups = [group_of(whole, leads, label, None), group_of(beat_of(whole), LEADS, "MEDIAN BEAT", "DERIVED")]
    read_as(written(tmp_path / "a.dcm", *(groups if first == "rhythm" else groups[::-1])), whole)


@pytest.mark.parametrize("first", ["rhythm", "median"])
@pytest.mark.parametrize("told", ["length", "originality"])
def test_the_rhythm_without_labels(told, first, whole, tmp_path):
    beat = beat_of(whole) if told == "length" else whole[::-1, :1800]
    groups = [group_of(whole, INDEPENDENT, None, "ORIGINAL"),
              group_of(beat, LEADS, None, "DERIVED" if told == "originality" else None)]  # fmt: skip
    read_as(written(tmp_path / "a.dcm", *(groups if first == "rhythm" else groups[::-1])), whole)


def test_a_median_alone_is_no_recording(whole, tmp_path):
    path = written(tmp_path / "a.dcm", group_of(beat_of(whole), LEADS, "MEDIAN BEAT", "DERIVED"))
    assert "holds a median or representative beat and no rhythm" in told_of(path)


@pytest.mark.parametrize("label", ["RHYTHM", None, "ECG"])
def test_two_equal_rhythms_are_not_chosen_from(label, whole, tmp_path):
    path = written(tmp_path / "a.dcm", group_of(whole, label=label), group_of(whole[::-1], label=label))
    assert "2 equal groups of channels" in told_of(path)


def test_four_groups_of_three_leads_were_not_recorded_together(whole, tmp_path):
    parts = [LEADS[at : at + 3] for at in (0, 3, 6, 9)]
    told = told_of(written(tmp_path / "a.dcm", *(group_of(whole[:, :1250], part) for part in parts)))
    assert "4 groups of channels, not recorded together (I, II, III: 2.5 s" in told


def test_three_by_four_with_a_strip_below(whole, tmp_path):
    parts = [LEADS[at : at + 3] for at in (0, 3, 6, 9)]
    groups = [group_of(whole[:, :1250], part) for part in parts]
    assert "not recorded together" in told_of(written(tmp_path / "a.dcm", *groups, group_of(whole, ["II"])))


def test_groups_without_the_chest_leads(whole, tmp_path):
    told = told_of(written(tmp_path / "a.dcm", group_of(whole, LEADS[:3]), group_of(whole, LEADS[3:6])))
    assert "none with all leads" in told


def test_a_pressure_beside_the_ecg_is_left_aside(whole, tmp_path):
    other = group_of(
        whole, ["I"], "PRESSURE", channels=[channel_of("x", source=("109016", "DCM", "Arterial pressure"))]
    )
    read_as(written(tmp_path / "a.dcm", other, group_of(whole)), whole)


MDC = {"I": 1, "II": 2, "III": 61, "aVR": 62, "aVL": 63, "aVF": 64} | {f"V{n}": n + 2 for n in range(1, 7)}
SOURCES = {
    "Lead I (Einthoven)": lambda lead: {"source": ("2:1", "MDC", f"Lead {lead} (Einthoven)")},
    "MDC, by number alone": lambda lead: {"source": (f"2:{MDC[lead]}", "MDC", "")},
    "SCPECG, by number alone": lambda lead: {"source": (f"5.6.3-9-{MDC[lead]}", "SCPECG", "")},
    "MDC with its partition": lambda lead: {"source": (str(131072 + MDC[lead]), "MDC", "")},
    "MDC_ECG_LEAD": lambda lead: {"source": (f"MDC_ECG_LEAD_{lead.upper()}", "MDC", "")},
    "label alone": lambda lead: {"label": lead},
    "label in capitals": lambda lead: {"label": lead.upper()},
    "label with a prefix": lambda lead: {"label": f"ECG-{lead}"},
    "label, a code that says nothing": lambda lead: {"label": f"Lead {lead}", "source": ("L1", "99MAKER", "Electrode")},
    "code of a maker, meaning": lambda lead: {"source": ("X-1", "99MAKER", lead)},
    "German": lambda lead: {"source": (f"2:{MDC[lead]}", "MDC", f"Ableitung {lead}")},
    "French": lambda lead: {"source": (f"2:{MDC[lead]}", "MDC", f"Dérivation {lead}")},
    "Spanish": lambda lead: {"source": ("x", "99LOCAL", f"Derivación {lead}")},
    "Russian": lambda lead: {"source": ("x", "99LOCAL", f"Отведение {lead}")},
    "Chinese": lambda lead: {"source": ("x", "99LOCAL", f"{lead}导联")},
    "Japanese": lambda lead: {"source": ("x", "99LOCAL", f"{lead}誘導")},
    "Chest leads as C1 to C6": lambda lead: {"label": lead.replace("V", "C") if lead[0] == "V" else lead},
    "D of derivation": lambda lead: {"label": "D" + lead if set(lead) == {"I"} else lead},
}  # fmt: skip


@pytest.mark.parametrize("kind", SOURCES)
def test_leads_by_code_meaning_or_label(kind, whole, tmp_path):
    order = [*LEADS[6:], *LEADS[:6]]
    channels = [channel_of(lead, **SOURCES[kind](lead)) for lead in order]
    path = written(tmp_path / "a.dcm", group_of(whole, order, channels=channels))
    read_as(path, whole)


def test_an_avr_that_is_turned(whole, tmp_path):
    turned = np.where(np.arange(12)[:, None] == 3, -whole, whole)
    channels = [channel_of(lead, source=("2:65" if lead == "aVR" else f"2:{MDC[lead]}", "MDC", "")) for lead in LEADS]
    record = read_as(written(tmp_path / "a.dcm", group_of(turned, channels=channels)), whole)
    assert any("turned back: aVR" in note.text for note in record.notes)


def test_channels_without_any_name(whole, tmp_path):
    channels = [channel_of(lead, source=("", "", ""), label="") for lead in LEADS]
    assert "none of the twelve leads" in told_of(written(tmp_path / "a.dcm", group_of(whole, channels=channels)))


UNITS = [
    (("uV", "UCUM", "microvolt"), 2.5), (("mV", "UCUM", "millivolt"), 2.5e-3), (("V", "UCUM", "volt"), 2.5e-6),
    (("nV", "UCUM", "nanovolt"), 2_500), (("µV", "99L", ""), 2.5), (("μV", "99L", ""), 2.5), (("UV", "UCUM", ""), 2.5),
    (("mv", "UCUM", ""), 2.5e-3), (("x", "99L", "Mikrovolt"), 2.5), (("x", "99L", "microvolts"), 2.5),
    (("x", "99L", "millivolts"), 2.5e-3), (("x", "99L", "милливольт"), 2.5e-3), (("мкВ", "99L", ""), 2.5),
    (("x", "99L", "毫伏"), 2.5e-3), (("", "", "mV"), 2.5e-3),
]  # fmt: skip


@pytest.mark.parametrize(("unit", "step"), UNITS)
def test_units_of_the_sensitivity(unit, step, whole, tmp_path):
    channels = [channel_of(lead, step, unit) for lead in LEADS]
    path = written(tmp_path / "a.dcm", group_of(whole, channels=channels))
    read_as(path, whole)


@pytest.mark.parametrize("factor", [0.5, 2, 1, None])
@pytest.mark.parametrize("baseline", [0, 10, -25, None])
def test_correction_factor_and_baseline(baseline, factor, whole, tmp_path):
    """PS3.3 C.10.9.1.4.2: a sample's value times sensitivity times correction factor, and the baseline on top."""
    others = {} if factor is None else {"ChannelSensitivityCorrectionFactor": factor}
    others |= {} if baseline is None else {"ChannelBaseline": baseline}
    channels = [channel_of(lead, 2.5 / (factor or 1), **others) for lead in LEADS]
    path = written(tmp_path / "a.dcm", group_of(whole - (baseline or 0) / 1_000, channels=channels))
    read_as(path, whole)


FAULTS = {
    "no sensitivity": ({"step": None}, "states no sensitivity for 'V2' (the channel sensitivity, its gain, is empty)"),
    "an empty one": ({"step": ""}, "states no sensitivity for 'V2' (the channel sensitivity, its gain, is empty)"),
    "0": ({"step": 0}, "(the channel sensitivity, its gain, is 0)"),
    "no unit": ({"unit": None}, "states no unit of the sensitivity (the gain) of 'V2'"),
    "an empty unit": ({"unit": ("", "", "")}, "states no unit of the sensitivity (the gain) of 'V2'"),
    "a unit of no voltage": ({"unit": ("mm[Hg]", "UCUM", "mmHg")}, "is not a known unit of voltage"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_gains_that_are_not_there(name, whole, tmp_path):
    changed, told = FAULTS[name]
    channels = [channel_of(lead, **(changed if lead == "V2" else {})) for lead in LEADS]
    assert told in told_of(written(tmp_path / "a.dcm", group_of(whole, channels=channels)))


@pytest.mark.parametrize("form", TYPES)
def test_samples_of_all_widths(form, whole, tmp_path):
    step = {"B": 0.02, "S": 0.0015, "L": 0.0006}["L" if form in ("SL", "UL") else "B" if form in ("SB", "UB") else "S"]
    read_as(written(tmp_path / "a.dcm", group_of(whole, form=form)), whole, step + 1e-3 * (step > 0.01))


@pytest.mark.parametrize(("form", "told"), [("MB", "by µ-law"), ("AB", "by A-law"), ("XX", "of kind 'XX'")])
def test_samples_that_are_not_read(form, told, whole, tmp_path):
    group = group_of(whole, form="SB")
    group.WaveformSampleInterpretation = form
    assert f"its samples are stored {told}" in told_of(written(tmp_path / "a.dcm", group)) or form == "XX"


@pytest.mark.parametrize("form", ["SS", "US", "SL"])
@pytest.mark.parametrize("fs_hz", [200, 250, 1000])
def test_the_rate_is_the_groups(fs_hz, form, whole, tmp_path):
    read_as(written(tmp_path / "a.dcm", group_of(whole, form=form, fs_hz=fs_hz)), whole, fs_hz=fs_hz)


def test_a_group_without_a_rate(whole, tmp_path):
    group = group_of(whole)
    del group.SamplingFrequency
    assert "states no Sampling Frequency" in told_of(written(tmp_path / "a.dcm", group))


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
@pytest.mark.parametrize("name", ["a.dcm", "a", "a.ima", "1.2.840.99.1", "a.dat"])
@pytest.mark.parametrize("is_bare", [False, True])
def test_with_and_without_preamble_and_ending(is_bare, name, syntax, whole, tmp_path):
    path = written(tmp_path / "whole.dcm", group_of(whole), syntax=syntax, PatientAge="061Y", PatientSex="F")
    content = path.read_bytes()
    if is_bare:
        meta = pydicom.filereader.read_file_meta_info(path)
        content = content[132 + 12 + meta.FileMetaInformationGroupLength :]
    (tmp_path / name).write_bytes(content)
    record = read_as(tmp_path / name, whole)
    assert (record.age_years, record.sex) == (61.0, "female")


@pytest.mark.parametrize(
    ("syntax", "told"), [(DeflatedExplicitVRLittleEndian, "is a deflated DICOM"), (ExplicitVRBigEndian, "is a big-endian DICOM")]
)  # fmt: skip
def test_syntaxes_that_are_not_read(syntax, told, whole, tmp_path):
    path = written(tmp_path / "a.dcm", group_of(whole))
    content = pydicom.dcmread(path)
    content.file_meta.TransferSyntaxUID = syntax
    pydicom.dcmwrite(path, content, implicit_vr=False, little_endian=syntax.is_little_endian, force_encoding=True)
    assert told in told_of(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [("NumberOfWaveformSamples", 10**6), ("NumberOfWaveformSamples", 2**32 - 1), ("NumberOfWaveformChannels", 65_535),
     ("NumberOfWaveformSamples", 2001), ("NumberOfWaveformChannels", 13), ("NumberOfWaveformChannels", 11)],
)  # fmt: skip
def test_lengths_that_lie(name, value, whole, tmp_path):
    group = group_of(whole)
    setattr(group, name, value)
    told = told_of(written(tmp_path / "a.dcm", group))
    assert "holds fewer: copy it again" in told or "minutes long" in told or "channels" in told


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.999])
def test_a_file_cut_short(share, whole, tmp_path):
    path = written(tmp_path / "a.dcm", group_of(whole))
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    told_of(path)


def test_what_is_padding_is_missing(whole, tmp_path):
    group = group_of(whole)
    samples = np.frombuffer(group.WaveformData, "<i2").reshape(-1, 12).copy()
    samples[-100:] = -32_768
    group.WaveformData = samples.tobytes()
    group.add_new("WaveformPaddingValue", "OW", b"\x00\x80")
    assert "NaN" in told_of(written(tmp_path / "a.dcm", group))
