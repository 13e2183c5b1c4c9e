"""Files that take others down: each costs one sentence, the recordings beside them are complete, memory is bounded."""

import gzip
import json
import os
import re
import struct
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from signal import SIGINT
from types import SimpleNamespace

import numpy as np
import pytest

import inference
from cardiac import pipeline
from cardiac.sources import Recording
from tests.writers import WRITERS

ROOT = Path(__file__).resolve().parent.parent
MOST_MB = 800
PIECE = 2**20


def workbook(path, last):
    """An .xlsx by hand, of two cells."""
    row = re.search(r"\d+", last)[0]
    sheet = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        f'<row r="1"><c r="A1"><v>1</v></c></row><row r="{row}"><c r="{last}"><v>1</v></c></row></sheetData></worksheet>'
    )
    kinds = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kinds}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{kinds}.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="rId1" '
        f'Type="{relations}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
        f'xmlns:r="{relations}"><sheets><sheet name="a" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="rId1" '
        f'Type="{relations}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": sheet,
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in parts.items():
            file.writestr(name, text)


def repeated(path, begin, piece, n, end=b""):
    with path.open("wb") as file:
        file.write(begin)
        for _ in range(n):
            file.write(piece)
        file.write(end)


def negative_edf(path, signal):
    made = WRITERS["edf"](path.with_name("made"), signal, 500)
    content = bytearray(made.read_bytes())
    content[244:252] = b"-1      "
    path.write_bytes(content)
    made.unlink()


def wide(path):
    row = b",".join([b"0"] * 10_000_000) + b"\n"
    path.write_bytes(row * 2)


def attributes(path):
    with path.open("w") as file:
        file.write('<AnnotatedECG xmlns="urn:hl7-org:v3"')
        for first in range(0, 5_000_000, 100_000):
            file.write("".join(f' a{n}=""' for n in range(first, first + 100_000)))
        file.write("/>")


def lying_dicom(path, signal, n_samples):
    made = WRITERS["dicom"](path.with_name("made"), signal, 500)
    content = made.read_bytes()
    tag = struct.pack("<HH2sH", 0x003A, 0x0010, b"UL", 4)  # NumberOfWaveformSamples
    assert content.count(tag) == 1
    place = content.index(tag) + len(tag)
    path.write_bytes(content[:place] + struct.pack("<I", n_samples) + content[place + 4 :])
    made.unlink()


def endless_dicom(path, signal):
    made = WRITERS["dicom"](path.with_name("made"), signal, 500)
    content = made.read_bytes()
    place = content.index(struct.pack("<HH2sH", 0x5400, 0x1010, b"OW", 0)) + 8  # WaveformData
    path.write_bytes(content[:place] + b"\xf0\xff\xff\xff" + content[place + 4 : -50_000])
    made.unlink()


def lying_npy(path):
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (12, 1000000000), }"
    header += b" " * (117 - len(header)) + b"\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(96_000))


def bomb(path, name):
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(name)
        for _ in range(600):
            file.write(b"0,0,0,0\n" * (PIECE // 8))


# Name, and a writer of (path, signal).
HOSTILE = {
    "far_column.xlsx": lambda path, _: workbook(path, "XFD1048576"),
    "beyond_excel.xlsx": lambda path, _: workbook(path, "FXSHRXV4294967295"),
    "duration.edf": negative_edf,
    "one_line.csv": lambda path, _: repeated(path, b"I,II\n", b"0.125," * (PIECE // 6), 200),
    "one_word.csv": lambda path, _: repeated(path, b"I,II,III\n1,2,3\n", b"1" * PIECE, 200),
    "short_rows.csv": lambda path, _: repeated(path, b"", b"1,2\n" * (PIECE // 4), 150),
    "breaks_at_the_end.csv": lambda path, _: repeated(
        path, b"", b"0.1,0.2,0.3,0.1,0.2,0.3,0.1,0.2,0.3,0.1,0.2,0.3\n" * (PIECE // 48), 120, b"an end\n"
    ),
    "wide.csv": lambda path, _: wide(path),
    "attributes.xml": lambda path, _: attributes(path),
    "deep.xml": lambda path, _: repeated(path, b"<AnnotatedECG>", b"<a>" * 1_000, 900),
    "words.xml": lambda path, _: repeated(
        path, b"<AnnotatedECG>", b"<value>" + b"1 " * PIECE + b"</value>", 100, b"</AnnotatedECG>"
    ),
    "samples.dcm": lambda path, signal: lying_dicom(path, signal, 2**32 - 1),
    "longer.dcm": lambda path, signal: lying_dicom(path, signal, 1_000_000),
    "length.dcm": endless_dicom,
    "header.npy": lambda path, _: lying_npy(path),
    "packed.csv": lambda path, _: bomb(path, b"I,II\n"),
}


def status_of(pid):
    """(parent's id, most memory so far in MB) of a process; None where it is gone."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    found = re.search(r"^PPid:\s*(\d+)", text, re.M), re.search(r"^VmHWM:\s*(\d+)", text, re.M)
    return None if None in found else (int(found[0][1]), int(found[1][1]) / 1_024)


def peak_mb(process):
    """The program's own peak, and the largest of the processes that it started; asked for until it ends."""
    own, others = 0.0, 0.0
    while process.poll() is None:
        pids = [int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit()]
        for pid in pids:
            status = status_of(pid)
            if status and pid == process.pid:
                own = max(own, status[1])
            elif status and status[0] == process.pid:
                others = max(others, status[1])
        time.sleep(0.02)
    return own, others


@pytest.fixture(scope="module")
def hostile(tmp_path_factory, signal):
    """A folder of hostile files with a good recording before and behind each kind."""
    folder = tmp_path_factory.mktemp("hostile")
    for name, write in HOSTILE.items():
        write(folder / name, signal)
    for name in ("a_good", "z_good"):
        for kind in ("npy", "csv"):
            WRITERS[kind](folder / f"{name}_{kind}", signal, 500)
    yield folder
    for each in folder.iterdir():
        each.unlink()  # 800 MB


@pytest.fixture(scope="module")
def done(hostile, tmp_path_factory):
    """(exit status, what stands on standard error, the documents, submission.csv, both peaks) of one run over all."""
    out = tmp_path_factory.mktemp("out")
    command = [sys.executable, ROOT / "inference.py", *sorted(hostile.iterdir()), "--out", out]
    with (
        (out / "printed").open("w") as printed,
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=printed) as process,
    ):
        peaks = peak_mb(process)
    documents = {each["record"]: each for each in json.loads((out / "findings.json").read_text())}
    return (
        process.returncode,
        (out / "printed").read_text(),
        documents,
        (out / "submission.csv").read_text(),
        peaks,
    )


def test_the_others_are_complete(done):
    status, _, documents, submission, _ = done
    assert status == 1
    good = {f"{name}_good_{kind}" for name in "az" for kind in ("npy", "csv")}
    assert {name for name, each in documents.items() if "error" not in each} == good
    assert {line.split(",")[0] for line in submission.splitlines()[1:]} == good
    assert len(documents) == len(HOSTILE) + len(good)


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_each_costs_one_sentence(name, done):
    _, printed, documents, _, _ = done
    lines = [line for line in printed.splitlines() if name in line]
    assert len(lines) == 1, printed
    error = documents[Path(name).stem]["error"]
    assert lines[0] == f"not read: {error}"
    assert "Traceback" not in printed and "panicked" not in printed
    if name != "duration.edf":
        assert "internal error" not in error


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited and measured on Linux")
def test_memory_is_bounded(done):
    own, other = done[-1]
    assert own > 50 and other > 50
    assert own + other < MOST_MB, (own, other)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
def test_ctrl_c_ends_what_is_being_read(signal, tmp_path):
    """Though a library holds on to it for hours; the process that reads is gone, and nothing but one line is printed."""
    for place in range(3):
        WRITERS["csv"](tmp_path / f"{place}", signal, 500)
    program = (
        "import sys, inference\nfrom cardiac import isolation, records\n"
        "helper = isolation._HELPER\n"
        "def hold(function, path):\n"
        "    print(helper.call('os:getpid', (), 9), flush=True)\n"
        "    return helper.call('math:factorial', (10**8,), 10_000)\n"
        "records.read_isolated = hold\n"
        f"sys.exit(inference.main([{str(tmp_path)!r}, '--out', {str(tmp_path / 'out')!r}]))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        pid = int(process.stdout.readline())
        time.sleep(0.5)
        process.send_signal(SIGINT)
        _, printed = process.communicate(timeout=60)
    assert process.returncode == 130
    assert printed.splitlines() == ["Stopped after 0 of 3 records: writing these."]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def fail(*_):
    raise TypeError("a fault")


@pytest.mark.parametrize("where", ["read_record", "assess", "predict_batch", "explain"])
def test_a_fault_over_one_record_is_ours_and_costs_it_alone(where, signal, detector, tmp_path, monkeypatch, caplog):
    owner = pipeline if where == "read_record" else inference.Detector
    whole = getattr(owner, where)

    def faulty(*arguments):
        if any("guilty" in str(each) for each in (*arguments, *names_of(arguments))):
            raise Panic("a fault over Petrova")
        return whole(*arguments)

    def names_of(arguments):
        records = arguments[1] if isinstance(arguments[1], list) else [arguments[1]]
        return [getattr(each, "record_id", "") for each in records]

    monkeypatch.setattr(owner, where, faulty)
    for name in ("good", "also", "guilty", "other"):
        np.save(tmp_path / f"{name}.npy", signal)
    named = [Recording(path, path.stem, 500) for path in sorted(tmp_path.glob("*.npy"))]
    outcomes = {each.record_id: each for each in pipeline.predict_all(named, detector, evidence=True)}
    doing = "explaining" if where == "explain" else "reading"
    assert str(outcomes["guilty"].error) == f"internal error (Panic) while {doing} guilty: please report it"
    assert (outcomes["guilty"].finding is None) == (where != "explain")
    for name in ("good", "also", "other"):
        assert outcomes[name].finding and outcomes[name].evidence and not outcomes[name].error
    assert "in faulty" in caplog.text and "Petrova" not in caplog.text


class Panic(BaseException):
    """As calamine's, which no `except Exception` catches."""


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(5, "Input/output error"), "bad: cannot be read any more (Input/output error): check the disk"),
        (MemoryError(), "bad: does not fit into memory: cut it into parts"),
    ],
)
def test_disk_and_memory_are_no_fault(error, told, signal, tmp_path):
    np.save(tmp_path / "bad.npy", signal)

    def fails(*_):
        raise error

    ((outcome),) = pipeline.predict_all([Recording(tmp_path / "bad.npy", "bad", 500)], SimpleNamespace(assess=fails))
    assert str(outcome.error).startswith(told)


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_a_stop_is_a_stop(stop, signal, tmp_path):
    def fails(*_):
        raise stop

    np.save(tmp_path / "a.npy", signal)
    with pytest.raises(stop):
        list(pipeline.predict_all([Recording(tmp_path / "a.npy", "a", 500)], SimpleNamespace(assess=fails)))


def test_evidence_that_failed_leaves_the_finding_and_the_exit_status_says_so(signal, tmp_path, monkeypatch, capsys):
    np.save(tmp_path / "a.npy", signal)
    monkeypatch.setattr(inference.Detector, "explain", fail)
    assert (
        inference.main([str(tmp_path / "a.npy"), "--evidence", "--fs-hz", "500", "--out", str(tmp_path / "out")]) == 1
    )
    printed = capsys.readouterr()
    assert "internal error (TypeError) while explaining a: please report it" in printed.err
    assert "1 record read" in printed.out and "not read" not in printed.err
