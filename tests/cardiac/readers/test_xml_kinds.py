"""XML of recorders: HL7 aECG, GE MUSE and Philips Sierra, as many programs write them, in every encoding."""

import base64
import tracemalloc

import numpy as np
import pytest

from cardiac.errors import RecordError
from cardiac.leads import LEADS
from cardiac.records import read_record
from tests.writers import WRITERS

pytestmark = pytest.mark.usefixtures("read_here")
INDEPENDENT = ("I", "II", *LEADS[6:])
KINDS = ["aecg", "muse", "sierra"]
PEAK_BYTES = 150_000_000


def read_as(path, truth, error_mv=0.006, fs_hz=500):
    record = read_record(path)
    assert record.fs_hz == pytest.approx(fs_hz)
    assert record.signal.shape == truth.shape
    assert np.abs(record.signal - truth).max() <= error_mv
    return record


def told_of(path):
    with pytest.raises(RecordError) as caught:
        read_record(path)
    told = str(caught.value)
    assert told.startswith(f"{path.name}: ") and "\n" not in told and "internal" not in told
    return told


def peak_of(path):
    tracemalloc.start()
    try:
        told = told_of(path)
        return told, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


# HL7 aECG


def lead_of_aecg(lead, row, scale=2.5, unit="uV", origin=0, of_origin=None, code="MDC_ECG_LEAD_{}", shown=""):
    """A sequence; scale and origin in the unit."""
    uv = {"uV": 1.0, "mV": 1e-3, "V": 1e-6, "nV": 1e3}[unit.replace("µ", "u").replace("μ", "u")]
    digits = ((row * 1_000 * uv - origin) / scale).round().astype(int)
    return (
        f'<component><sequence><code code="{code.format(lead.upper())}" codeSystemName="MDC" displayName="{shown}"/>'
        f'<value xsi:type="SLIST_PQ"><origin value="{origin}" unit="{of_origin or unit}"/><scale value="{scale}" '
        f'unit="{unit}"/><digits>{" ".join(map(str, digits))}</digits></value></sequence></component>'
    )


TIME = (
    '<component><sequence><code code="TIME_ABSOLUTE"/><value xsi:type="GLIST_TS"><head value="20200101"/>{}</value>'
    "</sequence></component>"
)


def series(signal, leads=LEADS, code="RHYTHM", tag="series", increment='<increment value="0.002" unit="s"/>', **how):
    rows = "".join(lead_of_aecg(lead, signal[LEADS.index(lead)], **how) for lead in leads)
    times = "" if increment is None else TIME.format(increment)
    inside = f"<component><sequenceSet>{times}{rows}</sequenceSet></component>"
    return f'<{tag}><code code="{code}" codeSystem="2.16.840.1.113883.5.4"/>{inside}</{tag}>'


def aecg_text(*all_series, inner=""):
    inside = "".join(f"<component>{each}</component>" for each in all_series)
    return (
        '<AnnotatedECG xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"{inner}{inside}</AnnotatedECG>"
    )


def write(path, text, declared='<?xml version="1.0" encoding="UTF-8"?>'):
    path.write_text(declared + text, encoding="utf-8")
    return path


@pytest.mark.parametrize("first", ["rhythm", "beat"])
@pytest.mark.parametrize("leads", [LEADS, INDEPENDENT])
@pytest.mark.parametrize("code", ["REPRESENTATIVE_BEAT", "MEDIAN_BEAT", "AVERAGE", "Mittelwert", "battement moyen"])
def test_aecg_rhythm_beside_a_beat(code, leads, first, whole, tmp_path):
    parts = [series(whole, leads), series(whole[::-1], LEADS, code)]
    record = read_as(write(tmp_path / "a.xml", aecg_text(*(parts if first == "rhythm" else parts[::-1]))), whole)
    assert any("of 2 series 'RHYTHM' was read" in note.text for note in record.notes)


@pytest.mark.parametrize("code", ["REPRESENTATIVE_BEAT", "RHYTHM_DERIVED", "X", ""])
def test_aecg_series_derived_within_the_rhythm(code, whole, tmp_path):
    derived = series(whole[::-1, :600], LEADS, code, "derivedSeries")
    inside = series(whole).replace("</series>", f"<derivation>{derived}</derivation></series>")
    read_as(write(tmp_path / "a.xml", aecg_text(inside)), whole)


def test_aecg_of_a_beat_alone(whole, tmp_path):
    path = write(tmp_path / "a.xml", aecg_text(series(whole[:, :600], LEADS, "REPRESENTATIVE_BEAT")))
    assert "a median or representative beat and no rhythm" in told_of(path)


def test_aecg_of_two_rhythms(whole, tmp_path):
    assert "2 rhythm series" in told_of(write(tmp_path / "a.xml", aecg_text(series(whole), series(whole[::-1]))))


def test_aecg_of_leads_one_after_another(whole, tmp_path):
    parts = [series(whole, LEADS[at : at + 3]) for at in (0, 3, 6, 9)]
    assert "not recorded together" in told_of(write(tmp_path / "a.xml", aecg_text(*parts)))


INCREMENTS = {
    "s": '<increment value="0.004" unit="s"/>', "ms": '<increment value="4" unit="ms"/>',
    "us": '<increment value="4000" unit="us"/>', "µs": '<increment value="4000" unit="µs"/>',
    "ns": '<increment value="4000000" unit="ns"/>', "seconds": '<increment value="0.004" unit="seconds"/>',
    "sec": '<increment value="4e-3" unit="sec"/>', "comma": '<increment value="0,004" unit="s"/>',
    "capitals": '<increment value="4" unit="MS"/>',
}  # fmt: skip


@pytest.mark.parametrize("name", INCREMENTS)
def test_aecg_increments_in_any_unit(name, whole, tmp_path):
    path = write(tmp_path / "a.xml", aecg_text(series(whole, increment=INCREMENTS[name])))
    read_as(path, whole, fs_hz=250)


@pytest.mark.parametrize(
    ("increment", "told"),
    [("", "states no increment"), ('<increment unit="s"/>', "states no increment"),
        ('<increment value="" unit="s"/>', "no increment"),
     ('<increment value="4" unit="mV"/>', "4 mV is not a time"), ('<increment value="0.002" unit=""/>', "is not a time"),
     ('<increment value="0" unit="s"/>', "is not a time"), ('<increment value="-1" unit="s"/>', "is not a time"),
     ('<increment value="soon" unit="s"/>', "is not a number"), ('<increment value="1" unit="s"/>', "outside 100"),
     ('<increment value="nan" unit="s"/>', "is not valid")],
)  # fmt: skip
def test_aecg_increments_that_are_not_understood(increment, told, whole, tmp_path):
    path = write(tmp_path / "a.xml", aecg_text(series(whole, increment=increment)))
    assert told in told_of(path)
    if "not a time" in told:
        assert read_record(path, 500).fs_hz == 500  # the rate that was given


def test_aecg_without_any_times_is_read_at_the_tasks_rate_and_says_so(whole, tmp_path):
    record = read_as(write(tmp_path / "a.xml", aecg_text(series(whole, increment=None))), whole)
    assert any("states no sampling rate" in note.text for note in record.notes)


@pytest.mark.parametrize(
    ("scale", "unit"), [(2.5, "uV"), (0.0025, "mV"), (2.5e-6, "V"), (2500, "nV"), (5, "µV"), (4.88, "μV")]
)
@pytest.mark.parametrize("origin", [0, 1])
def test_aecg_scales_and_origins(origin, scale, unit, whole, tmp_path):
    read_as(
        write(tmp_path / "a.xml", aecg_text(series(whole, scale=scale, unit=unit, origin=origin * scale * 10))), whole
    )


def test_aecg_origin_in_another_unit(whole, tmp_path):
    """A tenth of a millivolt above 0, with steps of µV."""
    text = aecg_text(series(whole - 0.1, scale=2.5)).replace(
        'origin value="0" unit="uV"', 'origin value="0.1" unit="mV"'
    )
    read_as(write(tmp_path / "a.xml", text), whole)


@pytest.mark.parametrize(
    ("change", "told"),
    [(('<scale value="2.5" unit="uV"/>', ""), "states no scale"), (('scale value="2.5"', 'scale value=""'), "states no scale"),
     (('scale value="2.5"', 'scale value="0"'), "no usable scale"), (('scale value="2.5"', 'scale value="x"'), "not a number"),
     (('scale value="2.5" unit="uV"', 'scale value="2.5" unit="mm"'), "not a known unit of voltage"),
     (("<digits>", "<digits>x "), "not numbers"), (("<digits>", "<digits>1 2 3 "), None),
     (("<digits>", "<digits/><other>"), None)],
)  # fmt: skip
def test_aecg_faults_of_one_lead(change, told, whole, tmp_path):
    old, new = change
    text = aecg_text(series(whole)).replace(old, new, 1)
    if "<other>" in new:
        text = text.replace("</digits>", "</other>", 1)
        told = "states no digits"
    assert (told or "differ in length") in told_of(write(tmp_path / "a.xml", text))


@pytest.mark.parametrize("code", ["MDC_ECG_LEAD_", "", "ECG_LEAD_", "mdc_ecg_lead_", "LEAD_", "MDC-ECG-LEAD-"])
def test_aecg_codes_of_leads(code, whole, tmp_path):
    text = aecg_text(series(whole)).replace("MDC_ECG_LEAD_", code)
    read_as(write(tmp_path / "a.xml", text), whole)


@pytest.mark.parametrize("shown", ["Lead {}", "{}", "Ableitung {}", "Отведение {}"])
def test_aecg_codes_of_a_maker_with_a_name(shown, whole, tmp_path):
    rows = "".join(
        lead_of_aecg(lead, whole[place], code=f"X{place}Y", shown=shown.format(lead))
        for place, lead in enumerate(LEADS)
    )
    text = series(whole, ()).replace("</sequenceSet>", f"{rows}</sequenceSet>")
    read_as(write(tmp_path / "a.xml", aecg_text(text)), whole)


# GE MUSE


def lead_of_muse(name, row, unit="MICROVOLTS", step=4.88, **changed):
    factor = {"MICROVOLTS": 1_000, "MILLIVOLTS": 1, "VOLTS": 1e-3, "NANOVOLTS": 1e6, "UV": 1_000, "MV": 1}[unit.upper()]
    content = (row * factor / step).round().astype("<i2").tobytes()
    told = {"LeadSampleCountTotal": len(row), "LeadAmplitudeUnitsPerBit": step, "LeadAmplitudeUnits": unit,
            "LeadID": name, "LeadSampleSize": 2, "WaveFormData": base64.encodebytes(content).decode()} | changed  # fmt: skip
    return "<LeadData>" + "".join(f"<{k}>{v}</{k}>" for k, v in told.items() if v is not None) + "</LeadData>"


def waveform(signal, leads=INDEPENDENT, kind="Rhythm", base="500", exponent="0", **how):
    rows = "".join(lead_of_muse(lead, signal[LEADS.index(lead)], **how) for lead in leads)
    told = "" if kind is None else f"<WaveformType>{kind}</WaveformType>"
    return (
        f"<Waveform>{told}<SampleBase>{base}</SampleBase><SampleExponent>{exponent}</SampleExponent>{rows}</Waveform>"
    )


def muse_text(*waveforms):
    return f"<RestingECG>{''.join(waveforms)}</RestingECG>"


@pytest.mark.parametrize("first", ["rhythm", "median"])
@pytest.mark.parametrize("leads", [LEADS, INDEPENDENT])
@pytest.mark.parametrize(("rhythm", "median"), [("Rhythm", "Median"), ("RHYTHM", "MEDIAN"), ("rhythm", "median beat"),
                                                ("Rythm", "Average"), ("Rhythmus", "Mittelwert"), ("", "Median")])  # fmt: skip
def test_muse_rhythm_beside_the_median(rhythm, median, leads, first, whole, tmp_path):
    parts = [waveform(whole, leads, rhythm), waveform(whole[::-1, :600], LEADS, median)]
    text = muse_text(*(parts if first == "rhythm" else parts[::-1]))
    read_as(write(tmp_path / "a.xml", text), whole)
    longer = muse_text(waveform(whole, leads, rhythm), waveform(whole[::-1], LEADS, median))
    read_as(write(tmp_path / "b.xml", longer), whole)


@pytest.mark.parametrize("kind", [None, "", "Other"])
def test_muse_one_waveform_of_any_kind(kind, whole, tmp_path):
    read_as(write(tmp_path / "a.xml", muse_text(waveform(whole, kind=kind))), whole)


def test_muse_median_alone_and_two_rhythms(whole, tmp_path):
    path = write(tmp_path / "a.xml", muse_text(waveform(whole[:, :600], kind="Median")))
    assert "a median or representative beat and no rhythm" in told_of(path)
    path = write(tmp_path / "a.xml", muse_text(waveform(whole), waveform(whole[::-1])))
    assert "2 rhythm waveforms" in told_of(path)


@pytest.mark.parametrize(("unit", "step"), [("MICROVOLTS", 4.88), ("MICROVOLTS", 2.44), ("MILLIVOLTS", 0.00488),
                                            ("uV", 5), ("mV", 0.005), ("NANOVOLTS", 4880), ("VOLTS", 4.88e-6)])  # fmt: skip
def test_muse_units(unit, step, whole, tmp_path):
    read_as(write(tmp_path / "a.xml", muse_text(waveform(whole, unit=unit, step=step))), whole)


@pytest.mark.parametrize(("base", "exponent", "fs_hz"), [("250", "0", 250), ("500", "", 500), ("1", "3", 1000), ("25", "1", 250),
                                                         ("5000", "-1", 500), ("500,0", "0", 500)])  # fmt: skip
def test_muse_rates(base, exponent, fs_hz, whole, tmp_path):
    read_as(write(tmp_path / "a.xml", muse_text(waveform(whole, base=base, exponent=exponent))), whole, fs_hz=fs_hz)


MUSE_FAULTS = {
    "no rate": (("<SampleBase>500</SampleBase>", ""), "states no SampleBase"),
    "a rate in words": (("<SampleBase>500<", "<SampleBase>fast<"), "SampleBase 'fast' is not a number"),
    "a rate of 0": (("<SampleBase>500<", "<SampleBase>0<"), "SampleBase 0 is not valid"),
    "an exponent that cannot be": (("<SampleExponent>0<", "<SampleExponent>99<"), "SampleExponent 99 is not valid"),
    "no unit": (("<LeadAmplitudeUnits>MICROVOLTS</LeadAmplitudeUnits>", ""), "states no LeadAmplitudeUnits"),
    "no voltage": (("<LeadAmplitudeUnits>MICROVOLTS<", "<LeadAmplitudeUnits>MMHG<"), "not a known unit of voltage"),
    "no gain": (("UnitsPerBit>4.88<", "UnitsPerBit>0<"), "states no gain for lead I "),
    "gain in words": (("UnitsPerBit>4.88<", "UnitsPerBit>x<"), "is not a number"),
    "another count": (("CountTotal>1500<", "CountTotal>1499<"), "states 1499 samples in lead I"),
    "four bytes": (("SampleSize>2<", "SampleSize>4<"), "samples of 4 bytes"),
    "no base64": (("<WaveFormData>", "<WaveFormData>ä"), "are not base64"),
    "no samples": (("<WaveFormData>", "<WaveFormData/><Other>"), "states"),
    "a bad checksum": (("<LeadID>I<", "<LeadDataCRC32>12345</LeadDataCRC32><LeadID>I<"), "are damaged (checksum)"),
    "no name": (("<LeadID>I</LeadID>", ""), "states no LeadID"),
}


@pytest.mark.parametrize("name", MUSE_FAULTS)
def test_muse_faults(name, whole, tmp_path):
    (old, new), told = MUSE_FAULTS[name]
    text = muse_text(waveform(whole)).replace(old, new, 1)
    if "<Other>" in new:
        text = text.replace("</WaveFormData>", "</Other>", 1)
    assert told in told_of(write(tmp_path / "a.xml", text))


# Philips Sierra


def sierra_text(tmp_path, whole):
    path = WRITERS["sierra"](tmp_path / "whole", whole, 500)
    return path.read_text(encoding="utf-16").partition("?>")[2]


@pytest.mark.parametrize("version", ["1.03", "1.04", "1.04.01", "1.03.02"])
def test_sierra_versions(version, whole, tmp_path):
    text = sierra_text(tmp_path, whole).replace(">1.04<", f">{version}<")
    read_as(write(tmp_path / "a.xml", text), whole, 0.01)


def test_sierra_rhythm_beside_representative_beats(whole, tmp_path):
    beats = '<repbeats><repbeat leadname="I" duration="1200"><waveform>AAAA</waveform></repbeat></repbeats>'
    text = sierra_text(tmp_path, whole).replace("<parsedwaveforms", f"{beats}<parsedwaveforms")
    read_as(write(tmp_path / "a.xml", text), whole, 0.01)


def test_sierra_beats_alone(tmp_path):
    text = "<restingecgdata><waveforms><repbeats><repbeat/></repbeats></waveforms></restingecgdata>"
    assert "representative beats and no rhythm" in told_of(write(tmp_path / "a.xml", text))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [(">1.04<", ">2.0<", "version 2.0"), (">1.04<", "><", "version none"), ("<resolution>5<", "<resolution>0<", "no gain"),
     ("<resolution>5</resolution>", "", "states no resolution"), ("<samplingrate>500<", "<samplingrate>50<", "outside 100"),
     ("<samplingrate>500</samplingrate>", "", "states no samplingrate"), ('"XLI"', '"ZIP"', "stored as 'ZIP'"),
     ('durationperchannel="3000"', 'durationperchannel="4000"', "another number of samples"),
     ('durationperchannel="3000"', "", "durationperchannel"),
     ('leadlabels="I II', 'leadlabels="II I', "not the stated ones")],
)  # fmt: skip
def test_sierra_faults(old, new, told, whole, tmp_path):
    text = sierra_text(tmp_path, whole)
    assert old in text
    assert told in told_of(write(tmp_path / "a.xml", text.replace(old, new)))


# All three


def text_of_kind(kind, whole, tmp_path):
    if kind == "sierra":
        return sierra_text(tmp_path, whole)
    return aecg_text(series(whole), inner="<text>Müller µ</text>") if kind == "aecg" else muse_text(
        "<PatientDemographics><PatientLastName>Müller</PatientLastName></PatientDemographics>", waveform(whole))  # fmt: skip
