"""What a file is taken for: what could be a recording is tried, what is known to be none is passed over and named."""

import gzip
import io
import json
import os
import shutil
import sqlite3
import struct
import zipfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import openpyxl
import pytest

from cardiac.errors import RecordError
from cardiac.leads import LEADS
from cardiac.records import read_record
from cardiac.sources import list_recordings, passed_over_line
from tests.writers import WRITERS


def listed(*paths):
    with ExitStack() as stack:
        return list_recordings(paths, stack)


def names(listing):
    return [each.record_id for each in listing.recordings]


def numbers(n_rows=200, separator=",", decimal=".", n_columns=12, form="{:.3f}"):
    rows = np.random.default_rng(0).normal(size=(n_rows, n_columns))
    return "\n".join(separator.join(form.format(each).replace(".", decimal) for each in row) for row in rows) + "\n"


LEAD_ROW = ",".join(LEADS) + "\n"
# Texts that could be recordings, whoever wrote them and whatever they are called.
TEXTS = {
    "plain.csv": numbers(),
    "header.csv": "".join(f"# line {place}, of words\n" for place in range(30)) + LEAD_ROW + numbers(),
    "long_header.txt": "".join(f"Key {place}: a value of words\n" for place in range(200)) + LEAD_ROW + numbers(),
    "letter.txt": "Dear colleague,\n" * 4_000 + numbers(),
    "labchart.txt": "Interval=\t0.004 s\nChannelTitle=\tI\tII\n" + numbers(separator="\t"),
    "decimal.txt": numbers(separator=" ", decimal=","),
    "decimal.csv": numbers(separator=";", decimal=","),
    "clock.csv": "'Elapsed time','I'\n" + "".join(f"'0:00.{place:03}',-0.145\n" for place in range(200)),
    "dates.txt": "".join(f"2024-01-02 10:30:00.{place:03}\t0.1\t0.2\n" for place in range(100)),
    "comments.txt": "".join(f"{place}\t1\t2\t3\t4\t5\t6\t7\t8\t#* beat\n" for place in range(100)),
    "turned.csv": "\n".join(f"{lead}," + ",".join(["0.125"] * 300) for lead in LEADS),
    "one_line.txt": " ".join(["0.125"] * 6_000),
    "few_leads.csv": "time,II\n" + numbers(n_columns=2),
    "patient.csv": "Age,54\nSex,M\nPatient,7\n" + numbers(),
    "patient.txt": "Patient Age Sex\n7 54 0\n" + numbers(separator="\t"),
    "units.txt": numbers(form="{:.3f}mV", separator=" "),
    "headings_only.csv": "time," + LEAD_ROW,
    "words_for_numbers.csv": LEAD_ROW + "a,b,c\n",
    **{f"ending{ending}": "a header\n" + numbers(separator="\t")
       for ending in (".asc", ".dat", ".ecg", ".log", ".rec", ".prn", ".tab", ".lvm", ".tsv", ".ASC", ".001", "")},
}  # fmt: skip


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-8-sig", "utf-16-le", "latin-1"])
def test_texts_that_could_be_recordings_are_tried(name, encoding, tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / name).write_text(TEXTS[name], encoding=encoding)
    assert [each.path.name for each in listed(tmp_path).recordings] == [name]


def test_a_text_that_ends_as_in_dos_is_tried(tmp_path):
    (tmp_path / "a.txt").write_bytes(numbers().replace("\n", "\r\n").encode() + b"\x1a")
    assert names(listed(tmp_path)) == ["a"]


def sheet(rows):
    content = io.BytesIO()
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(content)
    return content.getvalue()


def office(name):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("[Content_Types].xml", "<x/>")
        file.writestr(f"{name}/document.xml", "<x/>")
    return content.getvalue()


PEOPLE = "".join(f"{place},{20 + place % 60},{'MF'[place % 2]},train\n" for place in range(300))
# What is known to be none, as text or bytes.
PASSED_OVER = {
    ".DS_Store": b"\0\0\0\1Bud1",
    ".hidden.npy": b"x",
    "Thumbs.db": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    "desktop.ini": "[.ShellClassInfo]",
    "DICOMDIR": b"\0" * 128 + b"DICM",
    "~$open.xlsx": b"x",
    "a.png": b"\x89PNG\r\n\x1a\n" + bytes(50),
    "picture.csv": b"\xff\xd8\xff\xe0" + bytes(50),
    "a.pdf": b"%PDF-1.4\n",
    "a.bmp": b"BM\x10\0\0\0\0\0\0\0" + bytes(50),
    "a.docx": office("word"),
    "a.doc": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
    "a.html": "<!DOCTYPE html><html></html>" + numbers(),
    "a.svg": '<svg xmlns="http://www.w3.org/2000/svg"><path d="1 2"/></svg>',
    "README.md": "# Readme\n" + numbers(),
    "readme.txt": "words\n",
    "README": "I, II, III, aVR, aVL, aVF, V1\n",
    "LICENSE": "MIT\n",
    "notes.txt": "words\n" * 1_000,
    "make.py": "x = 1\n" + numbers(),
    "run.sh": "#!/bin/sh\n",
    "program": b"\x7fELF" + bytes(100),
    "form.csv": "record_name,septal,norm\n" + "".join(f"r{place},0,1\n" for place in range(200)),
    "numbered_form.csv": "record_name,septal,norm\n" + "".join(f"{place},0,1\n" for place in range(200)),
    "labels.csv": "ecg_id,age,sex,split\n" + PEOPLE,
    "labels.tsv": ("ecg_id,age,sex,fold\n" + PEOPLE.replace("train", "3").replace("M", "0").replace("F", "1")).replace(",", "\t"),
    "gaps.csv": "ecg_id,age,sex,split\n" + PEOPLE + "7,,,\nx,y,z\n" + "1,2,3\n" * 100,
    "short.csv": "a,b,c\n" + "1,2,3\n" * 10,
    "labels.xlsx": sheet([["record_name", "norm"], *([f"r{place}", 1] for place in range(100))]),
    "few.xlsx": sheet([["a", "b"], [1, 2]]),
    "findings.json": json.dumps([{"record": "a", "spread": [0.5] * 900}]),
    "settings.json": json.dumps({"a": [1, 2, 3], "b": "text"}),
    "a.ipynb": json.dumps({"cells": [1.5] * 900}),
    "SHA256SUMS": "0" * 64 + "  a.npy\n",
    "RECORDS": "".join(f"{place}\n" for place in range(300)),
    "RECORDS-acquired": "a\nb\n",
    "empty.md": b"",
    "lone.atr": b"\0\1\2\3" * 20,
}  # fmt: skip


def put(folder, name, content):
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


@pytest.mark.parametrize("name", PASSED_OVER)
def test_what_is_known_to_be_no_recording_is_passed_over_and_named(name, tmp_path, signal):
    put(tmp_path, name, PASSED_OVER[name])
    np.save(tmp_path / "a.npy", signal)
    listing = listed(tmp_path)
    assert (names(listing), listing.unread, listing.passed_over) == (["a"], [], [name])
    (tmp_path / "a.npy").unlink()
    [(_, told)] = listed(tmp_path).empty
    assert told == f"{tmp_path}: contains no recording (1 file passed over: {name}): check the path"


def test_folders_that_are_hidden_count_as_one(tmp_path):
    for name in (".git", "__MACOSX", "x/__pycache__"):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "deep/a.npy").touch()
    assert listed(tmp_path).passed_over == [".git/", "__MACOSX/", "__pycache__/"]


def test_the_last_line():
    assert passed_over_line(["a"]) == "1 file passed over: a"
    assert (
        passed_over_line(["form.csv", "labels.csv", "readme.md"])
        == "3 files passed over: form.csv, labels.csv, readme.md"
    )
    assert passed_over_line([*"abcdefghijklmno"]) == "15 files passed over: a, b, c and 12 more"


def database(path):
    with sqlite3.connect(path) as file:
        file.execute("CREATE TABLE a (b)")
    return path.read_bytes()


def zipped(**members):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for name, each in members.items():
            file.writestr(name.replace("__", "/"), each)
    return content.getvalue()


# Recordings of kinds that are not read -> what its one sentence names.
NOT_READ = {
    "a.ecg": (b"ISHNE1.0" + bytes(600), "ISHNE"),
    "a.ann": (b"ANN  1.0" + bytes(600), "ISHNE"),
    "a.h5": (b"\x89HDF\r\n\x1a\n" + bytes(600), "HDF5"),
    "hdf_without_ending": (b"\x89HDF\r\n\x1a\n" + bytes(600), "HDF5"),
    "user_block.dat": (bytes(512) + b"\x89HDF\r\n\x1a\n", "HDF5"),
    "a.adibin": (b"CFWB" + bytes(600), "LabChart"),
    "a.adicht": (b"\1\2\3" * 200, "LabChart"),
    "a.acq": (b"\0\0\x26\0" * 200, "BIOPAC"),
    "a.gdf": (b"GDF 2.20" + bytes(600), "GDF"),
    "a.mwf": (b"\x40\x20MFR" + bytes(600), "MFER"),
    "mfer.mwf": (b"\x01\x01\x00\x02" * 50, "MFER"),
    "a.parquet": (b"PAR1" + bytes(600), "Parquet"),
    "a.feather": (b"ARROW1\0\0" + bytes(600), "Feather"),
    "a.db3": (None, "SQLite"),
    "a.pkl": (b"\x80\x04\x95" + bytes(60), "pickle"),
    "old.pickle": (b"\x80\x02}q\x00." + bytes(60), "pickle"),
    "a.pt": (zipped(a__data_pkl=b"x").replace(b"data_pkl", b"data.pkl"), "PyTorch"),
    "a.rar": (b"Rar!\x1a\x07\x01\0" + bytes(60), "RAR"),
    "a.7z": (b"7z\xbc\xaf\x27\x1c" + bytes(60), "7-Zip"),
    "a.csv.zst": (b"\x28\xb5\x2f\xfd" + bytes(60), "Zstandard"),
    "a.csv.Z": (b"\x1f\x9d\x90" + bytes(60), "compress"),
    "a.xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "Excel 97"),
    "page.xls": ("<html><table><tr><td>1</td></tr></table></html>", "web page"),
    "a.ods": (zipped(mimetype=b"x", content_xml=b"x").replace(b"content_xml", b"content.xml"), "OpenDocument"),
    "a.json": (json.dumps({"I": [0.125] * 5_000}), "JSON"),
    "rows.json": (json.dumps([{"I": 0.1, "II": -0.2}] * 900, indent=1), "JSON"),
    "a.hl7": ("MSH|^~\\&|ECG\rOBX|1|NA|I||1^2^3\r" + numbers(separator="^"), "HL7"),
    "a.vhdr": ("Brain Vision Data Exchange Header File Version 1.0\n" + numbers(), "BrainVision"),
    "a.wav": (b"RIFF\0\0\0\0WAVEfmt ", "sound"),
    "a.xml": ('<?xml version="1.0"?><Mortara><CHANNEL DATA="AAAA"/></Mortara>', "Mortara"),
    "samples.ecgx": ("<Unheard><d>" + "0.1 " * 900 + "</d></Unheard>", "Unheard"),
    "packed.ecgx": ("<Unheard><d>" + "QUJD" * 900 + "</d></Unheard>", "Unheard"),
    "lone.dat": (bytes(2_000), "without its header"),
    "odd.bin": (os.urandom(9) + bytes(3_000), "not a supported kind of file"),
    "a.dcm": (b"\x08\0\x05\0CS" + bytes(600), "DICOM"),
    "no_preamble": (b"\x08\0\x05\0CS" + bytes(600), "DICOM"),
    "empty.csv": (b"", "is empty"),
    "nought": (b"", "is empty"),
    "damaged.zip": (zipped(a=b"x" * 900)[:-20], "damaged"),
    "damaged.npy.gz": (gzip.compress(b"x" * 900)[:20], "damaged"),
}  # fmt: skip


@pytest.mark.parametrize("name", NOT_READ)
def test_kinds_that_are_not_read_give_one_sentence_alone_and_in_a_folder(name, tmp_path):
    content, kind = NOT_READ[name]
    put(tmp_path, name, database(tmp_path / name) if content is None else content)
    told = []
    for given in (tmp_path, tmp_path / name):
        listing = listed(given)
        assert len(listing.recordings) + len(listing.unread) == 1 and not listing.passed_over
        told += [sentence for _, sentence in listing.unread]
        for each in listing.recordings:
            with pytest.raises(RecordError) as caught:
                read_record(each.path)
            told.append(str(caught.value))
    assert told[0] == told[1]
    assert told[0].count(name) == 1 and told[0].startswith(f"{name}: ") and kind in told[0]
    assert "\n" not in told[0] and ": " in told[0].removeprefix(f"{name}: ")


@pytest.mark.parametrize("last", ["FXSHRXV4294967295", "XFD1048576", "A900", "XFD1"])
def test_a_workbook_of_cells_far_apart_is_tried(last, tmp_path):
    row = last.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    cells = f'<row r="1"><c r="A1"><v>1</v></c></row><row r="{row}"><c r="{last}"><v>1</v></c></row>'
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as file:
        file.writestr("[Content_Types].xml", "<x/>")
        file.writestr("xl/worksheets/sheet1.xml", f"<worksheet><sheetData>{cells}</sheetData></worksheet>")
    assert names(listed(tmp_path)) == ["a"]


@pytest.mark.parametrize("way", sorted(WRITERS))
def test_recordings_are_read_whatever_they_are_called(way, tmp_path, tmp_path_factory, signal):
    """DICOM without its ending, EDF in capitals, and every kind in a folder deeper."""
    path = WRITERS[way](tmp_path / "a", signal, 500)
    path = path if isinstance(path, Path) else next(each for each in tmp_path.iterdir() if each.suffix != ".dat")
    if way.startswith(("dicom", "edf", "aecg", "xlsx")):
        bare = tmp_path_factory.mktemp("bare")
        shutil.copy(path, bare / "renamed")
        shutil.copy(path, bare / f"upper{path.suffix.upper()}")
        assert sorted(names(listed(bare))) == ["renamed", "upper"]
    (tmp_path / "deep").mkdir()
    for each in [each for each in tmp_path.iterdir() if each.is_file()]:
        each.rename(tmp_path / "deep" / each.name)
    listing = listed(tmp_path)
    assert len(listing.recordings) == 1 and listing.passed_over == [] and listing.unread == []


def test_a_struct_of_the_right_size_is_no_tar(tmp_path):
    (tmp_path / "a.bin").write_bytes(struct.pack("<600I", *range(600)))
    assert names(listed(tmp_path)) == ["a"]
