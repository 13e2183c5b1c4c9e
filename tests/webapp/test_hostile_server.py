"""Files that end a program or swell in it, through the server as it is run: a sentence each, and nobody else is harmed."""

import io
import re
import zipfile

import numpy as np
import openpyxl
import pyedflib
import pytest

from tests.webapp.builders import zip_bytes
from tests.webapp.servers import command, running

FAR = ["FXSHRXV4294967295", "XFD1048576", "ZZZZZZZ99999999999999999999", "A4294967296"]


def workbook(far: str, rows: int = 1) -> bytes:
    """A workbook whose last cell lies far out."""
    content = io.BytesIO()
    book = openpyxl.Workbook()
    for row in range(rows):
        book.active.cell(row + 1, 1, row)
    book.active.cell(rows, 2, 1.5)
    book.save(content)
    with zipfile.ZipFile(content) as file:
        members = {name: file.read(name) for name in file.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    members[sheet] = members[sheet].replace(f'r="B{rows}"'.encode(), f'r="{far}"'.encode())
    assert far.encode() in members[sheet]
    return zip_bytes(members)


def edf(duration: str, folder) -> bytes:
    """An EDF of twelve leads that states how long a record of it lasts."""
    path = folder / "a.edf"
    names = ["I", "II", "III", "aVR", "aVL", "aVF", *(f"V{n}" for n in range(1, 7))]
    with pyedflib.EdfWriter(str(path), 12, pyedflib.FILETYPE_EDF) as file:
        file.setSignalHeaders(
            [
                {"label": name, "dimension": "mV", "sample_frequency": 500, "physical_min": -5, "physical_max": 5,
                 "digital_min": -32768, "digital_max": 32767, "transducer": "", "prefilter": ""}
                for name in names
            ]
        )  # fmt: skip
        file.writeSamples([np.zeros(5_000)] * 12)
    content = bytearray(path.read_bytes())
    content[244:252] = duration.encode().ljust(8)
    return bytes(content)


def bomb() -> bytes:
    """A zip of a member that grows a thousandfold."""
    return zip_bytes({f"{place}.npy": bytes(60 * 2**20) for place in range(4)})


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("hostile")
    found = {f"far{place}.xlsx": workbook(far) for place, far in enumerate(FAR)}
    found |= {f"duration{text}.edf": edf(text, folder) for text in ("-1", "0", "nan", "1e300")}
    found["packed.zip"] = zip_bytes({"inside.xlsx": workbook(FAR[0]), "deep/aborts.xlsx": workbook(FAR[1])})
    found["bomb.zip"] = bomb()
    found["bomb.xlsx"] = bomb()
    return found


def told_once(job: dict) -> list[str]:
    """The sentences of an upload of which nothing could be read, each fit for a person."""
    assert (job["state"], job["records"], job["error"]) == ("done", [], None), job
    for each in job["refused"]:
        reason = each["reason"]
        assert reason.isprintable() and len(reason) < 400 and "\n" not in reason, reason
        assert not re.search(r"Traceback|panicked|rust|\.py\b", reason), reason
    names = [each["name"] for each in job["refused"]]
    assert len(names) == len(set(names)) >= 1
    return names


def test_each_is_a_sentence_and_nobody_else_is_harmed(tmp_path, hostile, npy):
    """With a single worker, so that whatever stays with it keeps everybody from being read."""
    data = tmp_path / "data"
    tokens = []
    for name in ("ada", "olga"):
        command(data, "user", "add", name, "--workspace", f"of {name}")
        tokens.append(command(data, "user", "token", name))
    served = ("--workers", "1", "--host", "0.0.0.0")
    with running(data, *served) as server:
        ada, olga = map(server.of, tokens)
        jobs = {name: ada.send((name, content)) for name, content in hostile.items()}
        together = ada.send(*hostile.items(), ("own.npy", npy["inferior"]))
        good = olga.send(("good.npy", npy["healthy"]))
        assert olga.ended(good)["records"] == ["good"]
        for path in ("/health", "/login"):
            assert server.ask("GET", path)[0] == 200
        for name, job in jobs.items():
            assert len(told_once(ada.ended(job))) == (2 if name == "packed.zip" else 1)
        found = ada.ended(together)
        assert found["records"] == ["own"] and found["state"] == "done"
        assert len(found["refused"]) == len(hostile) + 1
        before = ada.ask("GET", "/api/v1/jobs")
        assert not list((data / "uploads").iterdir())
    with running(data, *served) as server:
        ada, olga = map(server.of, tokens)
        again = olga.send(("again.npy", npy["inferior"]))
        assert olga.ended(again)["records"] == ["again"]
        assert ada.ask("GET", "/api/v1/jobs") == before
        assert server.ask("GET", "/health")[1] == {"status": "ok", "waiting": 0}


@pytest.mark.slow
@pytest.mark.parametrize("far", FAR[:2])
def test_a_restart_does_not_revive_it(tmp_path, npy, far):
    """Stopped by Ctrl-C at any moment, and started again, until it has been refused."""
    data = tmp_path / "data"
    with running(data, "--workers", "1") as server:
        job = server.send(("far.xlsx", workbook(far)))
        good = server.send(("good.npy", npy["inferior"]))
    with running(data, "--workers", "1") as server:
        assert server.ended(good)["records"] == ["good"]
        assert told_once(server.ended(job)) == ["far"]
    with running(data, "--workers", "1") as server:
        assert server.job(job)["state"] == "done"
        assert server.ended(server.send(("last.npy", npy["healthy"])))["records"] == ["last"]
