"""What no reader lets in: each gets one sentence, in time, and without more memory than the file is worth."""

import random
import tracemalloc
import zipfile
from functools import partial

import numpy as np
import openpyxl
import pydicom
import pyedflib
import pytest

from cardiac.errors import RecordError
from cardiac.leads import LEADS
from cardiac.readers.kinds import kind_of
from cardiac.readers.sierra import unpacked_size
from cardiac.records import read_record
from tests.patience import many_steps, times_as_long
from tests.writers import WRITERS

BOMB = '<!DOCTYPE {root} [<!ENTITY a "{a}"><!ENTITY b "{b}"><!ENTITY c "{c}">]><{root}>&c;</{root}>'
FILE = '<!DOCTYPE {root} [<!ENTITY a SYSTEM "file:///etc/passwd">]><{root}>&a;</{root}>'


@pytest.fixture
def short(signal):
    return signal[:, :1500]


def refused(path, told):
    with pytest.raises(RecordError, match=told) as caught:
        read_record(path)
    assert str(caught.value).startswith(f"{path.name}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("root", ["AnnotatedECG", "RestingECG", "restingecgdata"])
@pytest.mark.parametrize("text", [BOMB, FILE])
def test_entities_are_never_read(root, text, tmp_path):
    path = tmp_path / "a.xml"
    path.write_text(text.format(root=root, a="x" * 50, b="&a;" * 1000, c="&b;" * 1000))
    refused(path, "defines its own entities")


def test_xml_of_another_kind_and_not_whole(tmp_path, short):
    path = tmp_path / "a.xml"
    path.write_text("<?xml version='1.0'?><html><body/></html>")
    refused(path, "unknown kind .<html>.")
    path.write_text("<RestingECG><Waveform>")
    refused(path, "damaged XML")
    path.write_text("<AnnotatedECG/>")
    refused(path, "no rhythm series")
    path.write_bytes(b"<RestingECG>" + b"<a>" * 200_000 + b"</a>" * 200_000 + b"</RestingECG>")
    refused(path, "no rhythm waveforms")
    path.write_bytes(b"<RestingECG>" + b"<a/>" * 1_000_001 + b"</RestingECG>")
    refused(path, "1,000,000 XML tags")


def doubled(path, text, end):
    content = path.read_text()
    begin, stop = content.index(text), content.index(end) + len(end)
    path.write_text(content[:stop] + content[begin:stop] + content[stop:])
    return path


def test_two_recordings_in_one_file(tmp_path, short):
    refused(doubled(WRITERS["muse"](tmp_path / "m", short, 500), "<Waveform>", "</Waveform>"), "2 rhythm waveforms")
    refused(doubled(WRITERS["aecg"](tmp_path / "a", short, 500), "<series>", "</series>"), "2 rhythm series")
    np.savez(tmp_path / "two.npz", a=short, b=short)
    refused(tmp_path / "two.npz", "2 recordings")
    np.savez(tmp_path / "none.npz", a=short[0])
    refused(tmp_path / "none.npz", "no recordings")
    book = openpyxl.load_workbook(WRITERS["xlsx"](tmp_path / "x", short, 500))
    book.copy_worksheet(book.active)
    book.save(tmp_path / "x.xlsx")
    refused(tmp_path / "x.xlsx", "2 sheets")
    content = pydicom.dcmread(WRITERS["dicom"](tmp_path / "d", short, 500))
    content.WaveformSequence.append(content.WaveformSequence[0])
    content.save_as(tmp_path / "d.dcm")
    refused(tmp_path / "d.dcm", "2 equal groups")


def test_dicom_without_a_waveform_or_a_unit(tmp_path, short):
    path = WRITERS["dicom"](tmp_path / "d", short, 500)
    content = pydicom.dcmread(path)
    del content.WaveformSequence[0].ChannelDefinitionSequence[3].ChannelSensitivity
    content.save_as(path)
    refused(path, "no sensitivity for 'aVR'")
    del content.WaveformSequence
    content.save_as(path)
    refused(path, "without a waveform .12-lead ECG Waveform Storage.")


def test_dicom_that_would_grow(tmp_path, short):
    path = WRITERS["dicom"](tmp_path / "d", short, 500)
    path.write_bytes(path.read_bytes().replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.2\0"))
    refused(path, "is a big-endian DICOM file")


def test_dicom_that_states_more_than_it_holds(tmp_path, short):
    path = WRITERS["dicom"](tmp_path / "d", short, 500)
    content = pydicom.dcmread(path)
    content.WaveformSequence[0].NumberOfWaveformSamples = 1_000_000
    content.save_as(path)
    refused(path, "states 12 channels of 1000000 samples and holds fewer")


def test_edf_with_annotations_alone(tmp_path):
    path = tmp_path / "notes.edf"
    with pyedflib.EdfWriter(str(path), 1, file_type=pyedflib.FILETYPE_EDFPLUS) as file:
        file.setSignalHeader(0, {"label": "SpO2", "dimension": "%", "sample_frequency": 1, "physical_min": 0,
                                 "physical_max": 100, "digital_min": 0, "digital_max": 100, "transducer": "",
                                 "prefilter": ""})  # fmt: skip
        file.writeSamples([np.zeros(10)])
        file.writeAnnotation(1, -1, "a note")
    refused(path, "holds SpO2 and no lead of an ECG")


LIES = {
    "signals": (252, b"9999", "states 9999 signals"),
    "fewer signals than none": (252, b"-1  ", "states -1 signals"),
    "records": (236, b"99999999", "bytes of samples and"),
    "no records": (236, b"0       ", "states 0 bytes"),
    "words": (252, b"many", "not a number"),
    "gaps": (192, b"EDF+D", "with gaps"),
}


@pytest.mark.parametrize("lie", LIES)
def test_edf_headers_that_lie(lie, tmp_path, short):
    place, text, told = LIES[lie]
    path = WRITERS["edf"](tmp_path / "e", short, 500)
    content = bytearray(path.read_bytes())
    content[place : place + len(text)] = text
    path.write_bytes(content)
    refused(path, told)


def test_edf_without_a_gain(tmp_path, short):
    path = WRITERS["edf"](tmp_path / "e", short, 500)
    content = bytearray(path.read_bytes())
    physical_max = 256 + 12 * (16 + 80 + 8 + 8)
    content[physical_max : physical_max + 8] = content[physical_max - 96 : physical_max - 88]
    path.write_bytes(content)
    refused(path, "no gain for ECG I ")


def test_packed_files_that_would_grow(tmp_path):
    np.savez_compressed(tmp_path / "bomb.npz", a=np.zeros((12, 1_000_000)))
    refused(tmp_path / "bomb.npz", "would grow")
    with zipfile.ZipFile(tmp_path / "bomb.xlsx", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("[Content_Types].xml", "")
        file.writestr("xl/worksheets/sheet1.xml", b"0" * 20_000_000)
    refused(tmp_path / "bomb.xlsx", "would grow")


def test_a_chunk_that_would_grow_is_counted_and_not_unpacked():
    codes = [0, *range(256, 1_023)]  # each stands for a string longer by one
    bits = "".join(f"{code:010b}" for code in codes) + "0" * 2
    packed = int(bits[: len(bits) // 8 * 8], 2).to_bytes(len(bits) // 8, "big")
    assert unpacked_size(packed, 10**9) > 250_000
    assert unpacked_size(packed * 1_000, 1_000) < 3_000


TABLES = {
    "words": ("a,b\nc,d\n", "no rows of numbers"),
    "eleven columns": ("\n".join([",".join("1" * 11)] * 900), "11 leads"),
    "a word among numbers": ("\n".join([",".join("1" * 12)] * 900 + ["1,2,x" + ",1" * 9]), "not all numbers"),
    "rows of several lengths": ("\n".join([",".join("1" * 12)] * 900 + [",".join("1" * 14)]), "not all numbers"),
    "times that go back": ("time," + ",".join(LEADS) + "\n" + "\n".join([",".join(["1"] * 13)] * 900), "does not rise"),
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_that_are_none(name, tmp_path):
    text, told = TABLES[name]
    (tmp_path / "a.csv").write_text(text)
    refused(tmp_path / "a.csv", told)


def test_times_with_gaps(tmp_path, short):
    path = WRITERS["csv"](tmp_path / "a", short, 500)
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:500] + lines[600:]))
    refused(path, "has gaps")


def test_a_missing_chest_lead_is_named(tmp_path, short):
    np.savetxt(tmp_path / "a.csv", short[:11].T, delimiter=",", header=",".join(LEADS[:11]), comments="")
    refused(tmp_path / "a.csv", "lead V6 is missing")
    np.savetxt(tmp_path / "a.csv", short[1:].T, delimiter=",", header=",".join(LEADS[1:]), comments="")
    assert np.abs(read_record(tmp_path / "a.csv").signal[0] - short[0]).max() < 0.01
    np.savetxt(tmp_path / "a.csv", short[5:].T, delimiter=",", header=",".join(LEADS[5:]), comments="")
    refused(tmp_path / "a.csv", "lead I, II, III, aVR, aVL is missing")


def test_other_files(tmp_path):
    for name, content, told in (
        ("a.csv", b"", "is empty"),
        ("a.bin", bytes(range(256)), "not a supported kind of file"),
        ("a.docx", b"", ""),
        ("a.jpg", b"\xff\xd8\xff\xe0" + b"0" * 99, "picture or PDF"),
    ):
        path = tmp_path / name
        if name.endswith("docx"):
            with zipfile.ZipFile(path, "w") as file:
                file.writestr("[Content_Types].xml", "")
                file.writestr("word/document.xml", "")
            content, told = path.read_bytes(), "office document"
        path.write_bytes(content)
        refused(path, told)


@pytest.mark.parametrize("rounds", [12, pytest.param(1_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", WRITERS)
def test_no_change_to_a_file_gives_anything_but_a_record_or_a_sentence(kind, rounds, tmp_path, short):
    """Cut short, overwritten, lengthened at random places: in time, and without more memory than the file is worth."""
    path = WRITERS[kind](tmp_path / "record", short, 500)
    whole = {file: file.read_bytes() for file in sorted(tmp_path.iterdir())}
    rng = random.Random(f"{kind} {rounds}")
    for _ in range(rounds):
        file = rng.choice([*whole])
        content, place = bytearray(whole[file]), rng.randrange(len(whole[file]))
        match rng.randrange(3):
            case 0:
                del content[place:]
            case 1:
                for _ in range(rng.choice([1, 3, 20])):
                    content[rng.randrange(min(len(content), rng.choice([10**9, 600])))] = rng.choice(
                        [0, 255, ord("9"), ord("-")]
                    )
            case 2:
                content[place:place] = rng.randbytes(rng.randrange(1, 30))
        file.write_bytes(content)
        most = 10 * sum(map(len, whole.values())) + 30_000_000  # libraries that are loaded on the way
        assert times_as_long(partial(record_or_sentence, path, most), many_steps, 3_000) < 3_000
        file.write_bytes(whole[file])


def record_or_sentence(path, most_bytes):
    tracemalloc.start()
    try:
        read_record(path)
    except RecordError as error:
        assert "\n" not in str(error)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < most_bytes


def test_content_goes_before_the_name(tmp_path, short):
    for kind, name in (("npy", "edf"), ("edf", "edf"), ("dicom", "dicom"), ("muse", "muse"), ("csv", "text")):
        path = WRITERS[kind](tmp_path / "record", short, 500)
        other = path.rename(tmp_path / ("renamed" if kind != "npy" else "renamed.edf"))
        assert kind_of(other) == ("npy" if kind == "npy" else name)
        assert read_record(other).signal.shape == short.shape
