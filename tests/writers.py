"""One recording in every format that is read: by other programs' libraries where there are any, else by hand.

Each writer takes (path without ending, signal (12, n) mV, fs_hz) and gives the path to be read.
"""

import base64
import binascii
import struct

import numpy as np
import openpyxl
import pydicom
import pyedflib
import wfdb
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian
from scipy.io import savemat

from cardiac.leads import INDEPENDENT, LEADS, twelve_leads
from tests.cardiac.readers.scp_writer import DEFAULT, by_default_table, simple

UV = 1_000


def npy(stem, signal, fs_hz):
    np.save(stem.with_suffix(".npy"), signal)
    return stem.with_suffix(".npy")


def npz(stem, signal, fs_hz):
    np.savez(stem.with_suffix(".npz"), signal=(signal * UV).round().astype(np.int16), fs=fs_hz, unit="uV", leads=LEADS)
    return stem.with_suffix(".npz")


def csv(stem, signal, fs_hz):
    header = ",".join(["time_ms", *(f"{lead} (mV)" for lead in LEADS)])
    times = np.arange(signal.shape[1]) * 1_000 / fs_hz
    table = np.column_stack([times, signal.T])
    np.savetxt(stem.with_suffix(".csv"), table, delimiter=",", header=header, comments="", fmt="%.5g")
    return stem.with_suffix(".csv")


def semicolons(stem, signal, fs_hz):
    rows = [";".join(["t", *LEADS]), ";".join(["s", *["uV"] * 12])]
    rows += [
        ";".join(f"{value:.4f}".replace(".", ",") for value in (place / fs_hz, *column * UV))
        for place, column in enumerate(signal.T)
    ]
    path = stem.with_suffix(".txt")
    path.write_text("\r\n".join(rows), encoding="utf-16")
    return path


def plain(stem, signal, fs_hz):
    np.savetxt(stem.with_suffix(".tsv"), signal.T, delimiter="\t", fmt="%.4f", header=f"sampling rate: {fs_hz} Hz")
    return stem.with_suffix(".tsv")


def xlsx(stem, signal, fs_hz):
    book = openpyxl.Workbook()
    book.active.append(["seconds", *LEADS])
    for place, column in enumerate(signal.T):
        book.active.append([place / fs_hz, *map(float, column)])
    book.save(stem.with_suffix(".xlsx"))
    return stem.with_suffix(".xlsx")


def wfdb_of(fmt):
    def write(stem, signal, fs_hz):
        wfdb.wrsamp(
            stem.name, fs=fs_hz, units=["mV"] * 12, sig_name=[*LEADS], p_signal=signal.T.astype(float), fmt=[fmt] * 12,
            adc_gain=[400.0 if fmt == "212" else 1000.0] * 12, baseline=[0] * 12, write_dir=str(stem.parent),
        )  # fmt: skip
        return stem.with_suffix(".hea")

    return write


def challenge(stem, signal, fs_hz):
    """PhysioNet's Challenges: MATLAB 4 with a header that counts its bytes, leads in another case."""
    digital = (signal * 1_000).round().astype(np.int16)
    savemat(stem.with_suffix(".mat"), {"val": digital}, format="4")
    lines = [f"{stem.name}.mat 12 {fs_hz} {signal.shape[1]} 15-May-2020 14:50:55"]
    for lead, row in zip(LEADS, digital, strict=True):
        checksum = row.sum(dtype=np.int16)
        lines.append(f"{stem.name}.mat 16+24 1000/mV 16 0 {row[0]} {checksum} 0 {lead.upper()}")
    stem.with_suffix(".hea").write_text("\n".join([*lines, "#Age: 61", "#Sex: Female"]) + "\n")
    return stem.with_suffix(".mat")


def edf_of(kind):
    def write(stem, signal, fs_hz):
        path = stem.with_suffix(".bdf" if kind == pyedflib.FILETYPE_BDFPLUS else ".edf")
        digits = 8_388_607 if kind == pyedflib.FILETYPE_BDFPLUS else 32_767
        with pyedflib.EdfWriter(str(path), 12, file_type=kind) as file:
            for place, lead in enumerate(LEADS):
                file.setSignalHeader(place, {
                    "label": f"ECG {lead}", "dimension": "uV", "sample_frequency": fs_hz, "physical_min": -32_767,
                    "physical_max": 32_767, "digital_min": -digits, "digital_max": digits, "transducer": "",
                    "prefilter": "",
                })  # fmt: skip
            file.writeSamples([np.ascontiguousarray(row, dtype=float) for row in signal * UV])
        return path

    return write


def dicom(stem, signal, fs_hz):
    group = Dataset()
    group.MultiplexGroupLabel, group.WaveformOriginality = "RHYTHM", "ORIGINAL"
    group.NumberOfWaveformChannels, group.NumberOfWaveformSamples = signal.shape
    group.SamplingFrequency = str(fs_hz)
    group.WaveformBitsAllocated, group.WaveformSampleInterpretation = 16, "SS"
    channels = []
    for lead in LEADS:
        source, unit, channel = Dataset(), Dataset(), Dataset()
        source.CodeValue, source.CodingSchemeDesignator, source.CodeMeaning = "2:1", "MDC", f"Lead {lead} (Einthoven)"
        unit.CodeValue, unit.CodingSchemeDesignator, unit.CodeMeaning = "uV", "UCUM", "microvolt"
        channel.ChannelSourceSequence, channel.ChannelSensitivityUnitsSequence = Sequence([source]), Sequence([unit])
        channel.ChannelSensitivity, channel.ChannelSensitivityCorrectionFactor = "2.5", "1"
        channel.ChannelBaseline, channel.WaveformBitsStored = "10", 16
        channels.append(channel)
    group.ChannelDefinitionSequence = Sequence(channels)
    group.WaveformData = ((signal * UV - 10) / 2.5).round().astype("<i2").T.tobytes()
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, "1.2.840.10008.5.1.4.1.1.9.1.1"
    meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    content = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    content.SOPClassUID, content.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    content.PatientAge, content.PatientSex, content.WaveformSequence = "061Y", "F", Sequence([group])
    path = stem.with_suffix(".dcm")
    content.save_as(path, enforce_file_format=True)
    return path


def aecg(stem, signal, fs_hz):
    sequences = "".join(
        f'<component><sequence><code code="MDC_ECG_LEAD_{lead.upper()}"/><value xsi:type="SLIST_PQ">'
        f'<origin value="0" unit="uV"/><scale value="2.5" unit="uV"/><digits>{" ".join(map(str, row))}</digits>'
        "</value></sequence></component>"
        for lead, row in zip(LEADS, (signal * UV / 2.5).round().astype(int), strict=True)
    )
    path = stem.with_suffix(".xml")
    path.write_text(
        '<?xml version="1.0"?><!-- by hand --><AnnotatedECG xmlns="urn:hl7-org:v3" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><component><series><code code="RHYTHM"/><component>'
        '<sequenceSet><component><sequence><code code="TIME_ABSOLUTE"/><value xsi:type="GLIST_TS"><head value="20200101"/>'
        f'<increment value="{1_000 / fs_hz}" unit="ms"/></value></sequence></component>{sequences}</sequenceSet>'
        "</component></series></component></AnnotatedECG>"
    )
    return path


def muse(stem, signal, fs_hz):
    """Eight leads, as MUSE stores them."""

    def lead_data(name, row):
        content = (row * UV / 4.88).round().astype("<i2").tobytes()
        return (
            f"<LeadData><LeadSampleCountTotal>{len(row)}</LeadSampleCountTotal><LeadAmplitudeUnitsPerBit>4.88"
            f"</LeadAmplitudeUnitsPerBit><LeadAmplitudeUnits>MICROVOLTS</LeadAmplitudeUnits><LeadID>{name}</LeadID>"
            f"<LeadSampleSize>2</LeadSampleSize><LeadDataCRC32>{binascii.crc32(content)}</LeadDataCRC32>"
            f"<WaveFormData>\n{base64.encodebytes(content).decode()}</WaveFormData></LeadData>"
        )

    rows = [(name, row) for name, row in zip(LEADS, signal, strict=True) if name not in LEADS[2:6]]
    path = stem.with_suffix(".xml")
    path.write_text(
        '<?xml version="1.0" encoding="ISO-8859-1"?><!DOCTYPE RestingECG SYSTEM "restecg.dtd"><RestingECG>'
        "<PatientDemographics><PatientAge>61</PatientAge><AgeUnits>YEARS</AgeUnits><Gender>FEMALE</Gender>"
        "</PatientDemographics><Waveform><WaveformType>Rhythm</WaveformType>"
        f"<SampleBase>{fs_hz}</SampleBase><SampleExponent>0</SampleExponent>"
        + "".join(lead_data(*each) for each in rows)
        + "</Waveform></RestingECG>"
    )
    return path


def sierra(stem, signal, fs_hz):
    """Philips' XLI by its published description: limb leads as what differs from I and II, second differences, LZW."""
    digital = (signal * UV / 5).round().astype(int)
    i, ii, iii, avr, avl, avf = digital[:6]
    stored = [i, ii, ii - i - iii, -avr - (i + ii) // 2, (i - iii) // 2 - avl, (ii + iii) // 2 - avf, *digital[6:]]
    content = b"".join(_xli_chunk(np.asarray(row)) for row in stored)
    path = stem.with_suffix(".xml")
    text = (
        '<?xml version="1.0" encoding="utf-16"?><restingecgdata xmlns="http://www3.medical.philips.com"><documentinfo>'
        "<documenttype>PhilipsECG</documenttype><documentversion>1.04</documentversion></documentinfo><dataacquisition>"
        f"<signalcharacteristics><samplingrate>{fs_hz}</samplingrate><resolution>5</resolution><acquisitiontype>10-WIRE"
        "</acquisitiontype><numberchannelsallocated>12</numberchannelsallocated></signalcharacteristics></dataacquisition>"
        f'<waveforms><parsedwaveforms dataencoding="Base64" compression="XLI" numberofleads="12" leadlabels='
        f'"{" ".join(LEADS)}" durationperchannel="{signal.shape[1] * 1000 // fs_hz}">'
        f"{base64.b64encode(content).decode()}</parsedwaveforms></waveforms></restingecgdata>"
    )
    path.write_bytes(text.encode("utf-16"))
    return path


def _xli_chunk(row):
    """A chunk of XLI: header, then LZW codes of ten bits over the high bytes and the low ones of the differences."""
    # the decoder: x[n] = 2 x[n-1] - x[n-2] - (d[n-1] - 64), the first of these d in the header
    deltas = np.empty(len(row), dtype=int)
    deltas[:2] = row[:2]
    needed = 2 * row[1:-1] - row[:-2] - row[2:]  # of the samples from the third on
    first, deltas[2:-1], deltas[-1] = needed[0], needed[1:] + 64, 64
    words = deltas.astype(np.int16).astype(np.uint16)
    codes = _lzw([*(words >> 8), *(words & 0xFF)])
    bits = "".join(f"{code:010b}" for code in codes)
    packed = int(bits + "0" * (-len(bits) % 8), 2).to_bytes(-(-len(bits) // 8), "big")
    return struct.pack("<iHh", len(packed), 1, first) + packed


def _lzw(values):
    """Codes of ten bits; the table is full at 1,022 and stays as it is."""
    table, codes, run = {(value,): value for value in range(256)}, [], ()
    for value in map(int, values):
        if (*run, value) in table:
            run = (*run, value)
            continue
        codes.append(table[run])
        if len(table) <= 0x3FE:
            table[(*run, value)] = len(table)
        run = (value,)
    return [*codes, table[run]]


def matlab(stem, signal, fs_hz):
    """A struct as in the China Physiological Signal Challenge of 2018, with its rate, leads and unit."""
    fields = {"sex": "Female", "age": 61, "data": (signal * UV).round().astype(np.int16), "fs": fs_hz, "unit": "uV"}
    fields["leads"] = np.array(LEADS, dtype=object)
    savemat(stem.with_suffix(".mat"), {"ECG": fields}, do_compression=True)
    return stem.with_suffix(".mat")


def scp(stem, signal, fs_hz):
    path = stem.with_suffix(".scp")
    steps = (signal * UV / 2.5).round().astype(int)
    path.write_bytes(simple(steps, 2, by_default_table, DEFAULT, interval_us=1_000_000 // fs_hz))
    return path


WRITERS = {
    "npy": npy, "npz": npz, "csv": csv, "text with semicolons in UTF-16": semicolons, "plain columns": plain, "xlsx": xlsx,
    "wfdb 16": wfdb_of("16"), "wfdb 24": wfdb_of("24"), "wfdb 212": wfdb_of("212"), "wfdb 516, FLAC": wfdb_of("516"),
    "challenge .mat": challenge, "edf+": edf_of(pyedflib.FILETYPE_EDFPLUS), "bdf+": edf_of(pyedflib.FILETYPE_BDFPLUS),
    "edf": edf_of(pyedflib.FILETYPE_EDF), "dicom": dicom, "aecg": aecg, "muse": muse, "sierra": sierra, "scp": scp,
    "matlab": matlab,
}  # fmt: skip


def twelve_minutes(signal: np.ndarray) -> np.ndarray:
    """Ten seconds at 500 Hz, (12, 5000), as twelve minutes at 250 Hz: drifting, in steps of 5 µV, limb leads that agree."""
    long = np.tile(signal[:, ::2], 72)
    drift = np.sin(np.arange(long.shape[1]) / 4_000)[None] * np.linspace(0.1, 0.3, 12)[:, None]
    stepped = ((long + drift) * 200).round() / 200
    return twelve_leads(stepped[[LEADS.index(lead) for lead in INDEPENDENT]])
