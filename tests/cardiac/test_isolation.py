"""The process that reads: the same answer as here, one sentence for whatever ends it, and the next file is read."""

import errno
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from cardiac import isolation, isolation_child
from cardiac.errors import InternalError, RecordError, RecordRejected
from cardiac.isolation import in_process, isolated
from cardiac.readers.raw import Note, Raw
from cardiac.readers.tables import read_text
from cardiac.records import READ_HERE, read_record
from tests.writers import WRITERS

ROOT = Path(__file__).resolve().parents[2]
AGAIN = "it is damaged or far larger than a recording, export it again"


@pytest.fixture
def helper():
    """A process of the test's own, which may be ended."""
    own = isolation._Helper()
    yield own
    own.end()


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def gone(pid):
    """Whether a process that is not ours to wait for ends; it has long for it."""
    for _ in range(600):
        if not alive(pid) or Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("kind", sorted(WRITERS))
def test_the_same_as_here(kind, signal, tmp_path):
    path = WRITERS[kind](tmp_path / "one", signal, 500)
    there = read_record(path)
    with in_process():
        here = read_record(path)
    assert np.array_equal(there.signal, here.signal)
    assert (there.fs_hz, there.notes, there.sex, there.age_years) == (
        here.fs_hz,
        here.notes,
        here.sex,
        here.age_years,
    )


def test_what_may_crash_or_swell_is_read_there(signal, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr("cardiac.records.read_isolated", lambda function, path: asked.append(path) or function(path))
    for kind in WRITERS:
        folder = tmp_path / kind.replace("/", "-")
        folder.mkdir()
        read_record(WRITERS[kind](folder / "one", signal, 500))
    assert {path.suffix for path in asked} == {".csv", ".txt", ".tsv", ".xlsx", ".dcm", ".xml", ".scp", ".mat"}
    assert {"npy", "npz", "wfdb", "edf"} == READ_HERE


@pytest.mark.parametrize(
    "value",
    [
        None,
        [1, 2.5, "a\udc80b", True],
        (("a", 1), [("b",)]),
        {"n": {"tuple": [1]}, 3: None},
        Path("/a/b"),
        [(Path("/x"), "name", "a sentence")],
        float("inf"),
    ],
)
def test_plain_data_comes_back_as_it_was(value, helper):
    assert helper.call("copy:copy", (value,), 30) == value


@pytest.mark.parametrize("dtype", ["<f8", ">f8", "<f4", ">i2", "u1", "<i8"])
@pytest.mark.parametrize("turned", ["no", "columns", "every second"])
def test_samples_come_back_as_they_were(dtype, turned, helper):
    array = (np.random.default_rng(0).normal(size=(12, 1_000)) * 50 + 60).astype(dtype)
    array = {"no": array, "columns": array.T, "every second": array[::2, ::3]}[turned]
    given = Raw(array, 500.0, ("I", "µ\n"), None, (Note("info", "a note"),), 61.0, "female")
    back = helper.call("copy:copy", (given,), 30)
    assert np.array_equal(back.samples, array) and back.samples.dtype == array.dtype
    assert (back.fs_hz, back.leads, back.units, back.notes) == (500.0, given.leads, None, given.notes)
    assert (back.age_years, back.sex) == (61.0, "female")
    for shape in ((0,), (), (12, 0), (2, 3, 4)):
        assert helper.call("numpy:array", (np.ones(shape),), 30).shape == shape


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (("os:abort",), "a crash, SIGABRT"),
        (("os:_exit", 3), "a crash, exit status 3"),
        (("signal:raise_signal", int(signal.SIGSEGV)), "a crash, SIGSEGV"),
        (("signal:raise_signal", int(signal.SIGKILL)), "stopped from outside, as where memory runs out"),
        (("sys:exit", 0), "SystemExit"),
        (("math:factorial", 10**8), "it took more than 1 s"),
    ],
)
def test_what_ends_the_process_is_one_true_sentence(call, reason, helper):
    with pytest.raises(RecordError) as told:
        helper.call(call[0], call[1:], 1)
    assert str(told.value) == f"ended the program that read it ({reason}): {AGAIN}"
    assert helper.call("builtins:len", ("four",), 30) == 4


def test_waiting_without_end_is_ended(helper, monkeypatch):
    helper.call("os:getpid", (), 30)
    monkeypatch.setattr(isolation, "WALL", 0.5)
    with pytest.raises(RecordError, match=r"it took more than 0.5 s, most of them waiting"):
        helper.call("time:sleep", (100,), 1)


def test_a_busy_machine_refuses_nothing(helper):
    """Time in which the process only waits for a processor is not counted."""
    assert helper.call("time:sleep", (1.5,), 0.5) is None


@pytest.mark.parametrize("name", ["builtins:bytearray", "numpy:zeros"])
def test_memory_is_limited(name, helper):
    with pytest.raises(RecordError, match=r"^does not fit into memory \(470 MB for a file\): cut it into parts$"):
        helper.call(name, (3 * 10**9,), 30)
    assert helper.call("builtins:len", ("four",), 30) == 4


def test_an_answer_too_large_for_two_processes_is_refused(helper, monkeypatch):
    monkeypatch.setattr(isolation, "MOST_BYTES", 2**31)
    with pytest.raises(RecordError, match="does not fit into memory"):
        helper.call("numpy:zeros", (45_000_000,), 30)
    assert helper.call("numpy:zeros", (2_000_000,), 30).shape == (2_000_000,)


def test_a_reader_that_knows_the_size_is_true_may_have_more(helper):
    code = "from cardiac.isolation_child import more_memory; {}; bytearray(8 * 10**8)"
    with pytest.raises(RecordError, match="does not fit into memory"):
        helper.call("builtins:exec", (code.format("0"), {}), 30)
    assert helper.call("builtins:exec", (code.format("more_memory(10**9)"), {}), 30) is None
    isolation_child.more_memory(10**9)  # outside of the process that reads it changes nothing
    assert isolation_child._limit == 0


def test_printing_is_no_answer_and_gets_nowhere(helper, capfd):
    assert helper.call("builtins:print", ("lead I",), 30) is None
    assert helper.call("builtins:len", ("four",), 30) == 4
    assert capfd.readouterr() == ("", "")


def test_its_own_errors_are_raised_as_they_were(tmp_path, helper):
    path = tmp_path / "a.csv"
    path.write_text("nothing\n" * 100)
    with pytest.raises(RecordError) as here:
        read_text(path)
    with pytest.raises(RecordError) as there:
        isolated(read_text, path)
    assert str(there.value) == str(here.value) and type(there.value) is RecordError
    with pytest.raises(OSError) as missing:
        isolated(read_text, tmp_path / "b.csv")
    assert missing.value.errno == errno.ENOENT
    error = isolation._error("cardiac.errors:RecordRejected", "no", {"reasons": [{"kind": "flat"}]})
    assert isinstance(error, RecordRejected) and error.reasons == [{"kind": "flat"}] and str(error) == "no"


def test_a_fault_of_ours_says_so_and_is_logged_once(helper, caplog):
    for _ in range(3):
        with pytest.raises(InternalError) as told:
            helper.call("operator:truediv", (1, 0), 30)
    assert str(told.value) == "internal error (ZeroDivisionError) while reading it: please report it"
    assert [each.levelno for each in caplog.records] == [logging.ERROR]
    assert "ZeroDivisionError at cardiac/isolation_child.py:" in caplog.text and "_answer" in caplog.text


def test_one_process_serves_all_threads_and_files(helper):
    pids = set()
    threads = [threading.Thread(target=lambda: pids.add(helper.call("os:getpid", (), 30))) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(pids) == 1 and pids != {os.getpid()}


def test_it_takes_no_networks_with_it():
    program = "import sys, cardiac.isolation_child, cardiac.readers.tables; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"torch", "onnxruntime", "flask", "scipy", "pandas", "matplotlib"} & set(done.stdout.split())


def test_one_that_was_killed_while_idle_is_nobodys_fault(helper):
    os.kill(helper.call("os:getpid", (), 30), signal.SIGKILL)
    assert helper.call("builtins:len", ("four",), 30) == 4


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not say it")
def test_another_begins_when_much_memory_was_taken(helper):
    first = helper.call("os:getpid", (), 30)
    helper.call("numpy:ones", (30_000_000,), 30)
    assert helper.call("os:getpid", (), 30) == first  # it was given back
    helper.call("builtins:exec", ("import sys; sys.kept = bytearray(2 * 10**8)",), 30)
    second = helper.call("os:getpid", (), 30)
    assert first != second and not alive(first)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems end it by its limit of time")
@pytest.mark.parametrize("call", ["os:getpid", "math:factorial"])
def test_it_ends_with_the_program_that_asks(call):
    """Idle, and within a library's work that would last for hours."""
    program = (
        "import threading, time\n"
        "from cardiac.isolation import _HELPER\n"
        "pid = _HELPER.call('os:getpid', (), 1000)\n"
        f"threading.Thread(target=_HELPER.call, args=('{call}', {[10**8] if 'math' in call else []}, 1000)).start()\n"
        "time.sleep(0.5)\nprint(pid, flush=True)\ntime.sleep(1000)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True) as other:
        pid = int(other.stdout.readline())
        assert alive(pid)
        other.kill()
        assert gone(pid)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_has_a_process_of_its_own(tmp_path):
    mine = isolation._HELPER.call("os:getpid", (), 30)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, str(isolation._HELPER.call("os:getpid", (), 30)).encode())
        isolation._HELPER.end()
        os._exit(0)
    os.waitpid(child, 0)
    theirs = int(os.read(reading, 100))
    os.close(reading)
    os.close(writing)
    assert theirs != mine
    assert isolation._HELPER.call("os:getpid", (), 30) == mine


def test_what_a_test_changes_is_run_here(tmp_path, monkeypatch, signal):
    def own(path):
        return os.getpid()

    assert isolated(own, Path()) == os.getpid()
    path = WRITERS["csv"](tmp_path / "a", signal, 500)
    monkeypatch.setattr("cardiac.readers.tables.read_text", lambda path: 1 / 0)
    with pytest.raises(
        InternalError, match=r"^internal error \(ZeroDivisionError\) while reading a.csv: please report it$"
    ):
        read_record(path)
