"""Whatever is sent to the web process, its memory stays bounded; and what was right before is right afterwards."""

import http.client
import json
import re
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from cardiac.leads import LEADS
from tests.webapp.servers import running, started_command
from webapp.samples import read_samples

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="memory is looked up in /proc")
MOST_MIB, AT_ONCE = 300, 4
JSON, PLAIN, PARTS = "application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"
MB = 2**20
SAMPLES, TEMPLATE = "/api/v1/records", "/api/v1/template"


def sent(samples: bytes, rest: bytes = b', "fs_hz": 500}') -> bytes:
    return b'{"samples": ' + samples + rest


def part(name: str, content: bytes, more: str = "") -> bytes:
    return f'--b\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + content + b"\r\n"


def form(content: bytes) -> bytes:
    return part("file", content, '; filename="form.csv"') + b"--b--\r\n"


HEAD = "record_name,перегородочный,передний,боковой,передне-боковой,передне-перегородочный,нижний,норма\n".encode()
# What is sent: the address, the kind, the body, and what may be answered.
HOSTILE = {
    "21 million empty rows": (SAMPLES, JSON, lambda: sent(b"[[]" + b",[]" * (21 * 10**6) + b"]"), {422}),
    "numbers": (SAMPLES, JSON, lambda: sent(b"[[" + b"0," * (6 * MB) + b"0]]"), {202}),
    "numbers the other way round": (
        SAMPLES, JSON, lambda: sent(b"[[" + b"0,0,0,0,0,0,0,0],[" * 600_000 + b"0,0,0,0,0,0,0,0]]"), {202},
    ),
    "rows of one number": (SAMPLES, JSON, lambda: sent(b"[[1]" + b",[1]" * (15 * MB) + b"]"), {422}),
    "rows of all lengths": (SAMPLES, JSON, lambda: sent(b"[" + b"[1],[1,1,1]," * (5 * MB) + b"[]]"), {422}),
    "not closed": (SAMPLES, JSON, lambda: b'{"samples": [[' + b"1," * (6 * MB), {400}),
    "texts": (SAMPLES, JSON, lambda: sent(b"[[" + b'"",' * (20 * MB) + b'""]]'), {422}),
    "numbers, and a text at the end": (SAMPLES, JSON, lambda: sent(b"[[" + b"1," * (6 * MB) + b'""]]'), {422}),
    "nothings": (SAMPLES, JSON, lambda: sent(b"[[" + b"null," * (12 * MB) + b"null]]"), {422}),
    "objects": (SAMPLES, JSON, lambda: sent(b"[" + b"{}," * (20 * MB) + b"{}]"), {422}),
    "lists in lists": (SAMPLES, JSON, lambda: sent(b"[" * (60 * MB)), {400, 422}),
    "lists in lists of another name": (SAMPLES, JSON, lambda: b'{"leads": ' + b"[" * (60 * MB), {400, 413}),
    "objects in objects": (SAMPLES, JSON, lambda: b'{"samples":' * (5 * MB), {400, 413, 422}),
    "a list of lists alone": (SAMPLES, JSON, lambda: b"[" + b"[]," * (20 * MB) + b"[]]", {400}),
    "a long number": (SAMPLES, JSON, lambda: sent(b"[[" + b"9" * (10 * MB) + b"]]"), {422}),
    "a long fraction": (SAMPLES, JSON, lambda: sent(b"[[0." + b"9" * (60 * MB) + b"]]"), {422}),
    "a long exponent": (SAMPLES, JSON, lambda: sent(b"[[1e" + b"9" * (60 * MB) + b"]]"), {422}),
    "long numbers": (SAMPLES, JSON, lambda: sent(b"[[" + (b"9" * 60_000 + b",") * 1_000 + b"9]]"), {422}),
    "a long rate": (SAMPLES, JSON, lambda: sent(b"[[1]]", b', "fs_hz": ' + b"9" * (60 * MB) + b"}"), {413}),
    "a long name": (SAMPLES, JSON, lambda: sent(b"[[1]]", b', "record": "' + b"x" * (60 * MB) + b'"}'), {413}),
    "a long text for samples": (SAMPLES, JSON, lambda: sent(b'"' + b"x" * (60 * MB) + b'"'), {413, 422}),
    "many leads": (SAMPLES, JSON, lambda: sent(b"[[1]]", b', "leads": [' + b'"I",' * (15 * MB) + b'"I"]}'), {413}),
    "many names": (SAMPLES, JSON, lambda: b'{"a":1' + b',"a":1' * (10 * MB) + b"}", {413}),
    "blanks": (SAMPLES, JSON, lambda: b" " * (60 * MB), {400, 413}),
    "blanks in samples": (SAMPLES, JSON, lambda: sent(b"[[1" + b" " * (60 * MB) + b"]]"), {422}),
    "zeros": (SAMPLES, JSON, lambda: bytes(60 * MB), {400, 413}),
    "more than is taken": (SAMPLES, JSON, lambda: sent(b"[[" + b"0," * (40 * MB) + b"0]]"), {413}),
    "a review of brackets": (f"{SAMPLES}/a/review", JSON, lambda: b'{"sites":[' + b"[]," * (20 * MB), {413}),
    "a form of fields": (SAMPLES, PARTS, lambda: part("x", b"x" * 200_000) * 300 + b"--b--\r\n", {413}),
    "a form of small fields": (SAMPLES, PARTS, lambda: part("x", b"") * 10**6 + b"--b--\r\n", {413}),
    "a form of long names": (
        SAMPLES, PARTS, lambda: part("file", b"", f'; filename="{"x" * 100_000}"') * 600 + b"--b--\r\n", {413},
    ),
    "a plain form of fields": ("/login", PLAIN, lambda: b"a&" * (MB // 2), {413}),
    "a form of columns": (TEMPLATE, PARTS, lambda: form(b"," * (7 * MB) + b"\n"), {422}),
    "a form of named columns": (TEMPLATE, PARTS, lambda: form(b"record_name," * 5_000 + b"\n" + b"a\n" * MB), {422}),
    "a form of rows": (TEMPLATE, PARTS, lambda: form(HEAD + b"a\n" * (3 * MB)), {422}),
    "a form of named rows": (
        TEMPLATE, PARTS, lambda: form(HEAD + b"".join(b"%x,,,,,,,\n" % n for n in range(500_000))), {422},
    ),
    "a form of as many rows as may be": (
        TEMPLATE, PARTS, lambda: form(HEAD + b"".join(b"%x,0,0,0.5,0,x,,\n" % n for n in range(25_000))), {201},
    ),
    "a form of quotes": (TEMPLATE, PARTS, lambda: form(HEAD + b'"' * (7 * MB)), {422}),
    "a form of quoted rows": (TEMPLATE, PARTS, lambda: form(HEAD + b'"\n' * (3 * MB)), {422}),
    "a form of zeros": (TEMPLATE, PARTS, lambda: form(bytes(7 * MB)), {422}),
}  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One server for all that is hostile. Its workers come later: what they read is bounded elsewhere."""
    with running(tmp_path_factory.mktemp("memory") / "data", "--workers", "0") as started:
        yield started


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_bodies(server, what):
    address, kind, make, expected = HOSTILE[what]
    body = make()
    with ThreadPoolExecutor(AT_ONCE + 1) as threads:
        asked = [threads.submit(server.ask, "POST", address, body, kind) for _ in range(AT_ONCE)]
        assert threads.submit(server.ask, "GET", "/health").result()[0] == 200  # others are answered meanwhile
        for status, told in (each.result() for each in asked):
            assert status in expected, (status, told)
            if status >= 400 and isinstance(told, dict):
                assert told["status"] == status and told["detail"].isprintable() and len(told["detail"]) < 300
    assert server.peak_mib() < MOST_MIB


def test_chunks_and_lengths_that_are_not_kept(server):
    pieces = [b'{"samples": [['] + [b"0," * MB] * 5
    assert server.ask("POST", SAMPLES, iter(pieces), JSON)[0] == 400
    more = [b'{"samples": [['] + [b"0," * MB] * 40
    assert server.ask("POST", SAMPLES, iter(more), JSON)[0] == 413
    assert server.ask("POST", SAMPLES, sent(b"[[1]]"), JSON, **{"Content-Length": "10"})[0] == 400
    assert server.peak_mib() < MOST_MIB


def test_addresses_and_cookies_of_many_parts(server):
    assert server.ask("GET", "/patients?" + "a&" * 50_000)[0] in (400, 414, 431)
    assert server.ask("GET", "/patients", Cookie="a=;" * 50_000)[0] in (400, 431)
    assert server.peak_mib() < MOST_MIB


def test_passwords_at_once(tmp_path):
    """A hash takes 64 MiB while it is made. Each comes from an address of its own, as one address soon has to wait."""
    started_command(tmp_path / "data", "user", "add", "ada")
    with running(tmp_path / "data", "--workers", "0", "--behind-proxy", "127.0.0.1") as server:
        with ThreadPoolExecutor(8) as threads:
            tried = [*threads.map(lambda place: try_password(server, f"10.0.0.{place}"), range(1, 9))]
        assert {*tried} == {401}
        assert server.peak_mib() < MOST_MIB


def try_password(server, address):
    """Log in as a browser does, over plain http, where the cookie is carried by hand."""
    connection = http.client.HTTPConnection(server.address.removeprefix("http://"), timeout=120)
    through = {"X-Forwarded-For": address, "X-Forwarded-Proto": "https"}
    connection.request("GET", "/login", headers=through)
    answer = connection.getresponse()
    cookie = answer.headers["Set-Cookie"].partition(";")[0]
    token = re.search(r'name="csrf_token" value="([^"]+)"', answer.read().decode())[1]
    body = urllib.parse.urlencode({"csrf_token": token, "name": "somebody", "password": "x" * 1_000})
    connection.request("POST", "/login", body, {"Content-Type": PLAIN, "Cookie": cookie, **through})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def test_what_is_right_is_read_afterwards(server, recordings):
    """The last test here: on the server that has been sent all that."""
    signal = recordings["inferior"]
    document = {"samples": signal.astype(float).tolist(), "fs_hz": 500, "leads": [*LEADS], "record": "right"}
    status, told = server.ask("POST", SAMPLES, json.dumps(document, indent=1).encode(), JSON)
    assert status == 202
    folder = next(server_data(server).glob(f"uploads/{told['job']}/given/*"))
    samples, fs_hz, leads = read_samples(folder)
    assert np.array_equal(samples, signal.astype(float)) and (fs_hz, tuple(leads)) == (500, LEADS)
    assert server.peak_mib() < MOST_MIB


def server_data(server):
    return Path(server.process.args[server.process.args.index("--data") + 1])
