"""Who was recorded and when, out of files of every kind that were written with a known identity, or with none."""

import struct
from datetime import datetime, timedelta

import numpy as np
import pydicom
import pyedflib
import pytest

from cardiac.isolation import in_process
from cardiac.readers.identity import UNSTATED, Identity, moment, moment_in, moment_of_digits, stated_text
from cardiac.records import read_record
from tests import writers
from tests.cardiac.readers.edf_writer import Form, leads, write_edf
from tests.cardiac.readers.scp_writer import DEFAULT, by_default_table, data_section, lead_section, scp

FS_HZ = 500
KNOWN = Identity("P-4711", "Иванова Мария", "2021-03-04T10:20:30")


@pytest.fixture(scope="module")
def signal():
    times = np.arange(5_000) / FS_HZ
    rows = [np.sin(2 * np.pi * (1 + each / 7) * times) for each in range(12)]
    rows[2], rows[3] = rows[1] - rows[0], -(rows[0] + rows[1]) / 2
    rows[4], rows[5] = (rows[0] - rows[2]) / 2, (rows[1] + rows[2]) / 2
    return np.array(rows, np.float32)


def identity_of(path):
    return read_record(path).identity


def dicom(stem, signal, **values):
    path = writers.dicom(stem, signal, FS_HZ)
    content = pydicom.dcmread(path)
    for name, value in values.items():
        setattr(content, name, value)
    content.save_as(path)
    return path


DICOM = {"PatientID": "P-4711", "PatientName": "Иванова^Мария", "AcquisitionDateTime": "20210304102030.5+0300"}


def test_dicom(signal, tmp_path):
    cyrillic = {"SpecificCharacterSet": "ISO_IR 144"}
    assert identity_of(dicom(tmp_path / "a", signal, **cyrillic, **DICOM)) == KNOWN
    apart = {"AcquisitionDate": "20210304", "AcquisitionTime": "1020", "ContentDate": "20210305"}
    assert identity_of(dicom(tmp_path / "b", signal, **apart)) == Identity(recorded_at="2021-03-04T10:20:00")


def test_dicom_of_a_hidden_patient(signal, tmp_path):
    hidden = DICOM | {"PatientIdentityRemoved": "YES", "PatientID": "study 5", "PatientName": "Subject^5"}
    found = identity_of(dicom(tmp_path / "a", signal, **hidden, SpecificCharacterSet="ISO_IR 192"))
    assert found == Identity("study 5", None, KNOWN.recorded_at)
    shifted = {"PatientID": "ANONYMOUS", "AcquisitionDateTime": "20210304", "PatientName": "Anonymous^Patient"}
    more = {"LongitudinalTemporalInformationModified": "MODIFIED"}
    assert identity_of(dicom(tmp_path / "b", signal, **shifted, **more)) == UNSTATED


def changed(path, *replaced, encoding="utf-8"):
    text = path.read_bytes().decode(encoding)
    for old, new in replaced:
        assert old in text
        text = text.replace(old, new, 1)
    path.write_bytes(text.encode(encoding))
    return path


def test_muse(signal, tmp_path):
    written = (
        "<PatientDemographics><PatientID>P-4711</PatientID><PatientLastName>Smith</PatientLastName>"
        "<PatientFirstName>Ann</PatientFirstName>"
    )
    test = (
        "<TestDemographics><AcquisitionTime>10:20:30</AcquisitionTime><AcquisitionDate>03-04-2021</AcquisitionDate>"
        "</TestDemographics><Waveform>"
    )
    path = changed(
        writers.muse(tmp_path / "a", signal, FS_HZ), ("<PatientDemographics>", written), ("<Waveform>", test)
    )
    assert identity_of(path) == Identity("P-4711", "Smith Ann", "2021-03-04T10:20:30")
    assert identity_of(writers.muse(tmp_path / "b", signal, FS_HZ)) == UNSTATED


def test_sierra(signal, tmp_path):
    patient = (
        "<patient><generalpatientdata><patientid>P-4711</patientid><name><lastname>Иванова</lastname><firstname>Мария"
        "</firstname><middlename/></name></generalpatientdata></patient><dataacquisition date='2021-03-04' time='10:20:30'>"
    )
    path = changed(writers.sierra(tmp_path / "a", signal, FS_HZ), ("<dataacquisition>", patient), encoding="utf-16")
    assert identity_of(path) == KNOWN


def test_aecg(signal, tmp_path):
    subject = (
        '<effectiveTime><center value="20210305"/></effectiveTime><componentOf><timepointEvent><componentOf>'
        '<subjectAssignment><subject><trialSubject><id root="1.2.3" extension="P-4711"/><subjectDemographicPerson>'
        "<name><family>Иванова</family><given>Мария</given></name></subjectDemographicPerson></trialSubject></subject>"
        "</subjectAssignment></componentOf></timepointEvent></componentOf><component><series>"
    )
    low = '<code code="RHYTHM"/><effectiveTime><low value="20210304102030.000"/></effectiveTime>'
    path = writers.aecg(tmp_path / "a", signal, FS_HZ)
    assert identity_of(path) == Identity(recorded_at="2020-01-01")  # of its first sample
    changed(path, ("<component><series>", subject))
    assert identity_of(path).recorded_at == "2021-03-05"  # the document's, where the series has none
    assert identity_of(changed(path, ('<code code="RHYTHM"/>', low))) == KNOWN


def scp_of(path, signal, tags):
    steps = (signal * 1_000 / 2.5).round().astype(int)
    section = b"".join(struct.pack("<BH", tag, len(value)) + value for tag, value in tags) + b"\xff\0\0"
    rows = [by_default_table(row) for row in steps.tolist()]
    path.write_bytes(scp({1: section, 2: DEFAULT, 3: lead_section(writers.LEADS, last=5_000), 6: data_section(rows)}))
    return path


def test_scp(signal, tmp_path):
    tags = [(0, "Иванова\0".encode()), (1, "Мария\0".encode()), (2, b"P-4711\0"), (8, b"\x02")]
    moments = [(25, struct.pack("<HBB", 2021, 3, 4)), (26, bytes([10, 20, 30]))]
    record = read_record(scp_of(tmp_path / "a.scp", signal, tags + moments))
    assert record.identity == KNOWN and record.sex == "female"
    assert identity_of(scp_of(tmp_path / "b.scp", signal, [(0, b"Smith\0"), (3, b"Jones\0"), moments[0]])) == Identity(
        None, "Smith Jones", "2021-03-04"
    )
    assert (
        identity_of(scp_of(tmp_path / "c.scp", signal, [(2, b"X\0"), (25, struct.pack("<HBB", 0, 0, 0))])) == UNSTATED
    )


@pytest.mark.parametrize("kind", [pyedflib.FILETYPE_EDFPLUS, pyedflib.FILETYPE_BDFPLUS])
def test_edf_plus(signal, tmp_path, kind):
    path = tmp_path / "a.edf"
    with pyedflib.EdfWriter(str(path), 12, file_type=kind) as file:
        file.setPatientCode("P-4711")
        file.setPatientName("Smith_Ann")
        file.setStartdatetime(datetime(2021, 3, 4, 10, 20, 30))
        for place, lead in enumerate(writers.LEADS):
            settings = {"label": lead, "dimension": "uV", "sample_frequency": FS_HZ, "physical_min": -3e3}
            file.setSignalHeader(place, settings | {"physical_max": 3e3, "digital_min": -32768, "digital_max": 32767})
        file.writeSamples([np.ascontiguousarray(row, dtype=float) for row in signal * 1e3])
    assert identity_of(path) == Identity("P-4711", "Smith Ann", "2021-03-04T10:20:30")


def edf(path, signal, patient, recording, start, reserved):
    write_edf(path, leads(signal), 10, Form(reserved=reserved, patient=patient))
    content = bytearray(path.read_bytes())
    content[88:168], content[168:184] = recording.encode().ljust(80), start.encode().ljust(16)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("patient", "recording", "start", "reserved", "expected"),
    [
        ("X F X X", "Startdate 04-MAR-2099 X X X", "04.03.9910.20.30", "EDF+C", UNSTATED),  # to come
        ("X F X X", "Startdate X X X X", "04.03.2110.20.30", "EDF+C", UNSTATED),
        ("X F X X", "Startdate X", "01.01.8500.00.00", "EDF+C", UNSTATED),
        ("X X X X", "", "01.01.8500.00.00", "", UNSTATED),
        ("MCH-1 F 02-MAY-1951 A_B", "Startdate 04-MAR-2021 X", "04.03.2110.20.30", "EDF+C", ("MCH-1", "A B")),
        ("Smith Ann, ward 3", "", "04.03.2110.20.30", "", (None, None)),  # plain EDF: in no order
        ("Smith Ann, ward 3", "", "04.03.8610.20.30", "", ("1986-03-04T10:20:30",)),
    ],
)
def test_edf_by_hand(signal, tmp_path, patient, recording, start, reserved, expected):
    found = identity_of(edf(tmp_path / "a.edf", signal, patient, recording, start, reserved))
    if isinstance(expected, tuple):
        expected = Identity(*expected, "2021-03-04T10:20:30") if len(expected) == 2 else Identity(None, None, *expected)
    assert found == expected


def test_wfdb(signal, tmp_path):
    path = writers.wfdb_of("16")(tmp_path / "a", signal, FS_HZ)
    lines = path.read_text().splitlines()
    head = f"{lines[0].split(' 5000')[0]} 5000"

    def written(start, *comments):
        path.write_text("\n".join([f"{head} {start}", *lines[1:], *comments]) + "\n")
        return identity_of(path)

    assert written("10:20:30 04/03/2021", "# <patient_id>: P-4711") == Identity("P-4711", None, "2021-03-04T10:20:30")
    assert written("10:20:30") == UNSTATED
    assert written("", "# ECG date: 01/10/1990", "#subject_id: 12") == Identity("12", None, "1990-10-01")
    assert written("11:00:00 05/01/2180", "# <subject_id>: 10000032") == Identity("10000032")  # MIMIC's, shifted
    assert written("15-May-2020 14:50:55") == UNSTATED  # when a Challenge's file was written


@pytest.mark.parametrize("kind", ["npy", "npz", "csv", "xlsx", "matlab", "wfdb 16", "edf", "muse"])
def test_what_states_nobody_is_of_nobody(signal, tmp_path, kind):
    found = identity_of(writers.WRITERS[kind](tmp_path / "a", signal, FS_HZ))
    assert found.patient_id is None and found.name is None


def test_an_identity_comes_whole_out_of_the_process_that_reads(signal, tmp_path):
    path = dicom(tmp_path / "a", signal, SpecificCharacterSet="ISO_IR 192", **DICOM)
    apart = identity_of(path)
    with in_process():
        assert identity_of(path) == apart == KNOWN


def test_no_name_is_in_a_text_of_a_record(signal, tmp_path):
    record = read_record(dicom(tmp_path / "a", signal, SpecificCharacterSet="ISO_IR 192", **DICOM))
    assert not any(each in f"{record!r}{record.identity}" for each in ("Иванова", "P-4711", "2021-03"))


FOR_NOBODY = [
    "",
    "X",
    "x x",
    "ANONYMOUS",
    "Anon.",
    "Anonymous^Patient",
    "-",
    "?",
    "0000",
    "n/a",
    "REMOVED",
    "\0 \t",
    "Unknown",
]
MASKED = ["XXXXXXXX", "XXX XXX", "Unknown Unknown", "ANONYMIZED^ANONYMIZED", "Patient, Anonymous", "0000 X"]


@pytest.mark.parametrize("text", [*FOR_NOBODY, *MASKED])
def test_words_for_nobody(text):
    assert stated_text(text) is None


def test_texts_are_one_line_that_can_be_shown():
    assert stated_text(" Smith\n\u202eAnn\0 ") == "Smith Ann"
    assert stated_text("a" * 999) == "a" * 200
    assert stated_text("Xavier Na") == "Xavier Na" and stated_text("00120") == "00120"


def test_moments():
    tomorrow = datetime.now() + timedelta(days=9)
    assert moment(tomorrow.year, tomorrow.month, tomorrow.day) is None
    assert moment(1900, 1, 1) is moment(1970, 1, 1) is moment(2021, 13, 1) is moment() is None
    assert moment_in("2021-03-04", "25:61:00") == "2021-03-04"
    assert moment_in("04.03.21", "10:20") is None  # which of them is the year?
    assert moment_in("12-31-2020", "23:59", "mdy") == "2020-12-31T23:59:00"
    assert moment_of_digits("2021") is None and moment_of_digits("20210304102030-0500") == "2021-03-04T10:20:30"
