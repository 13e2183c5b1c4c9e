"""Bad neighbours, through sockets: who reads nothing, sends half of something, or sends what nobody may."""

import io
import json
import socket
import sys
import threading
import zipfile
from contextlib import contextmanager

import pytest
from sqlalchemy import insert

from tests.patience import LONG_S, wait_until
from tests.webapp.people import site_with_people
from webapp import connections
from webapp.api.exports import AT_ONCE, WRITING, Slot
from webapp.storage import accounts
from webapp.storage.tables import Record
from webapp.storage.tables import Token as Kept

pytestmark = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
MANY = 90  # copies of a record, whose samples together are more than sockets and memory hold


@contextmanager
def served(site):
    """The site's application behind its own server, on a port of this machine."""
    server = connections.make_server(site.app, site.store.settings)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.trigger.pull_trigger(lambda: end(server))
        thread.join(LONG_S)
        assert not thread.is_alive()
        server.task_dispatcher.shutdown()


def end(server):
    """Close all connections, in the loop's own thread, which ends as nothing is left to wait for."""
    for channel in list(server.active_channels.values()):
        channel.handle_close()
    server.close()


@pytest.fixture
def port(make_site, npy):
    site = make_site()
    site.read(("healthy.npy", npy["healthy"]))
    with served(site) as server:
        yield int(server.effective_port)


@pytest.fixture
def many(make_site, npy):
    """A site with many records, and its port."""
    site = make_site()
    site.read(("healthy.npy", npy["healthy"]))
    with site.store.database.writing() as session:
        row = session.query(Record).one()
        held = {key: value for key, value in vars(row).items() if key in Record.__table__.columns and key != "id"}
        names = [f"copy {n}" for n in range(MANY)]
        session.execute(insert(Record), [held | {"name": name, "folded": name} for name in names])
    with served(site) as server:
        yield site, server


DIALLED: list[socket.socket] = []


@pytest.fixture(autouse=True)
def hang_up():
    """Close what a test has left open."""
    yield
    while DIALLED:
        DIALLED.pop().close()


def dial(port, sent=b""):
    """A connection on which something was sent."""
    sock = socket.socket()
    DIALLED.append(sock)
    sock.settimeout(LONG_S)
    sock.connect(("127.0.0.1", port))
    sock.sendall(sent)
    return sock


def request(method, path, *headers):
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *headers, "", ""]).encode()


def rest_of(sock):
    """All that comes until the other side ends."""
    content = b""
    try:
        while piece := sock.recv(2**16):
            content += piece
    except ConnectionResetError:
        pass
    sock.close()
    return content


def asked(port, method, path, *headers):
    """Status, headers and body of an answer."""
    content = rest_of(dial(port, request(method, path, "Connection: close", *headers)))
    head, _, body = content.partition(b"\r\n\r\n")
    return int(head.split()[1]), head.decode(), body


def is_ended(sock):
    try:
        return sock.recv(1) == b""
    except ConnectionResetError:
        return True


def unchunked(body):
    content = io.BytesIO(body)
    pieces = []
    while n := int(content.readline(), 16):
        pieces.append(content.read(n))
        content.readline()
    return b"".join(pieces)


def test_eight_downloads_that_nobody_reads_hang_nobody(many):
    site, server = many
    port = int(server.effective_port)
    stalled = []
    while len(stalled) < 2 * site.store.settings.threads:
        sock = dial(port, request("GET", "/api/v1/export.zip", "Connection: close"))
        begun = sock.recv(12)
        assert begun == b"HTTP/1.1 200"  # not one of them waits for another
        stalled.append((sock, begun))
        wait_until(lambda: WRITING._value == AT_ONCE)
    for path in ("/health", "/patients", "/api/v1/records", "/api/v1/export.csv"):
        assert asked(port, "GET", path)[0] == 200
    sock, begun = stalled[-1]
    _, _, body = (begun + rest_of(sock)).partition(b"\r\n\r\n")
    with zipfile.ZipFile(io.BytesIO(unchunked(body))) as file:  # who is slow gets the whole of it
        assert file.testzip() is None and len(file.namelist()) == MANY + 1 + 3
    for sock, _ in stalled[:-1]:
        sock.close()


def test_a_reader_that_takes_nothing_is_given_up(many, monkeypatch):
    monkeypatch.setattr(connections, "PACE_S", 0.5)
    _, server = many
    sock = dial(int(server.effective_port), request("GET", "/api/v1/export.zip"))
    sock.recv(12)
    wait_until(lambda: not server.active_channels)
    content = rest_of(sock)
    assert not content.endswith(b"\r\n0\r\n\r\n")  # cut off, and not shortened in silence


def test_where_the_disk_has_no_room_a_reader_is_waited_for_and_then_given_up(many, monkeypatch):
    monkeypatch.setattr(connections, "PACE_S", 0.5)
    monkeypatch.setattr(connections, "KEPT_FREE_BYTES", 2**62)
    _, server = many
    port = int(server.effective_port)
    sock = dial(port, request("GET", "/api/v1/export.zip"))
    assert sock.recv(12) == b"HTTP/1.1 200"
    wait_until(lambda: WRITING._value == AT_ONCE)
    assert not rest_of(sock).endswith(b"\r\n0\r\n\r\n")
    assert asked(port, "GET", "/health")[0] == 200


def test_only_a_few_exports_are_written_at_once(port, monkeypatch):
    monkeypatch.setattr(sys.modules["webapp.api.exports"], "WAIT_S", 0.1)
    slots = [Slot() for _ in range(AT_ONCE)]
    for path in ("/api/v1/export.zip", "/api/v1/export.csv"):
        status, head, body = asked(port, "GET", path)
        assert status == 503 and "Retry-After: 5" in head and "some seconds" in json.loads(body)["detail"]
    slots.pop().leave()
    for path in ("/api/v1/export.zip", "/api/v1/export.csv"):
        assert asked(port, "GET", path)[0] == 200
        assert asked(port, "HEAD", path)[0] == 200
        assert asked(port, "GET", path)[0] == 200
    for each in slots:
        each.leave()


def test_health_is_answered_while_all_threads_are_taken(make_site):
    site, let_go, taken = make_site(threads=3), threading.Event(), []

    def hold():
        taken.append(1)
        let_go.wait(LONG_S)
        return "done"

    site.app.view_functions["pages.patients"] = hold
    with served(site) as server:
        port = int(server.effective_port)
        held = [dial(port, request("GET", "/patients", "Connection: close")) for _ in range(9)]
        wait_until(lambda: len(taken) == 3)
        assert [asked(port, "GET", "/health")[0] for _ in range(3)] == [200] * 3
        let_go.set()
        assert all(rest_of(each).endswith(b"done") for each in held)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET /patients HT",
        request("GET", "/patients")[:-2],
        request("POST", "/upload", "Content-Length: 900000") + bytes(1_000),
        request("POST", "/upload", "Transfer-Encoding: chunked") + b"ff\r\nabc",
        request("GET", "/health"),  # and then nothing more
    ],
)
def test_half_of_a_request_is_not_waited_for_for_ever(port, monkeypatch, sent):
    for name in ("HEADERS_S", "IDLE_S", "PACE_S"):
        monkeypatch.setattr(connections, name, 0.5)
    assert is_ended_after(dial(port, sent))
    assert asked(port, "GET", "/health")[0] == 200


def is_ended_after(sock):
    rest_of(sock)  # would wait for `LONG_S` and fail
    return True


def test_headers_that_drip_are_not_waited_for(port, monkeypatch):
    monkeypatch.setattr(connections, "HEADERS_S", 1.0)
    sock = dial(port, b"GET /health HTTP/1.1\r\n")
    with pytest.raises(OSError):
        for n in range(int(LONG_S / 0.1)):
            sock.sendall(f"X-{n}: 1\r\n".encode())
            wait_until(lambda: True, every_s=0.1)
            threading.Event().wait(0.1)


def test_who_sends_slowly_but_steadily_is_read(port, monkeypatch):
    monkeypatch.setattr(connections, "PACE_S", 1.0)
    body = json.dumps({"verdict": "agree", "comment": "slow " * 300}).encode()
    sock = dial(port, request("POST", "/api/v1/records/healthy/review", "Content-Type: application/json",
                              f"Content-Length: {len(body)}", "Connection: close"))  # fmt: skip
    for place in range(0, len(body), 200):
        sock.sendall(body[place : place + 200])
        threading.Event().wait(0.2)
    assert rest_of(sock).startswith(b"HTTP/1.1 201")


def test_an_address_has_not_all_connections(port, monkeypatch):
    monkeypatch.setattr(connections, "MOST_OF_ADDRESS", 4)
    held = [dial(port) for _ in range(4)]
    assert is_ended(dial(port))
    held.pop().close()
    wait_until(lambda: _answers(port))


def _answers(port):
    try:
        return asked(port, "GET", "/health")[0] == 200
    except (IndexError, OSError):
        return False


LARGE = f"Content-Length: {2 * 2**30}"
CHUNKED = "Transfer-Encoding: chunked"
JSON_KIND = "Content-Type: application/json"


@pytest.fixture
def guarded(make_site, monkeypatch):
    """A server that others reach: its port, and Vera's token."""
    site = site_with_people(make_site, monkeypatch)
    with site.store.database.writing() as db:
        token = accounts.add_token(db, "vera", "program")
    with served(site) as server:
        yield site, int(server.effective_port), token


@pytest.mark.parametrize("size", [LARGE, CHUNKED, f"Content-Length: {2**17}"])
@pytest.mark.parametrize("path", ["/upload", "/api/v1/records", "/api/v1/template", "/nowhere"])
@pytest.mark.parametrize("by", ["", "Authorization: Bearer of-nobody", "Cookie: session=made.up.by-me"])
def test_a_strangers_body_is_refused_before_it_comes(guarded, path, size, by):
    """The headers alone are sent: the answer is there without a byte of the body."""
    _, port, _ = guarded
    for expecting in ((), ("Expect: 100-continue",)):
        sent = request("POST", path, size, *expecting, *([by] if by else []))
        content = rest_of(dial(port, sent))
        assert content.startswith(b"HTTP/1.1 401"), content[:200]
        assert b"log in" in content and b"Content-Security-Policy" in content


def test_a_strangers_form_makes_no_file(guarded, monkeypatch):
    site, port, _ = guarded
    made = []
    monkeypatch.setattr(site.store.files.__class__, "incoming", lambda _: made.append(1))
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc\r\n--x--\r\n'
    kind = "Content-Type: multipart/form-data; boundary=x"
    for path, told in (("/login", b" 413 "), ("/upload", b" 302 "), ("/api/v1/records", b" 401 ")):
        sent = request("POST", path, f"Content-Length: {len(body)}", kind, "Connection: close") + body
        assert told in rest_of(dial(port, sent))[:20]
    assert not made


def test_a_refusal_is_read_by_those_who_send_all_the_same(guarded):
    _, port, _ = guarded
    sock = dial(port, request("POST", "/api/v1/records", f"Content-Length: {20 * 2**20}"))
    for _ in range(20):
        sock.sendall(bytes(2**20))
    content = rest_of(sock)
    assert content.startswith(b"HTTP/1.1 401") and content.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/login", [LARGE], 413),
        ("/login", [CHUNKED], 411),
        ("/upload", [LARGE, "Origin: https://evil.example"], 403),
        ("/upload", [LARGE, "Sec-Fetch-Site: cross-site"], 403),
    ],
)
def test_what_can_have_no_such_body(guarded, path, headers, status):
    _, port, _ = guarded
    assert rest_of(dial(port, request("POST", path, *headers))).split()[1] == str(status).encode()


def test_a_person_sends_what_can_be_sent(guarded, npy):
    site, port, token = guarded
    by = f"Authorization: Bearer {token}"
    review = "/api/v1/records/healthy/review"
    assert rest_of(dial(port, request("POST", review, LARGE, JSON_KIND, by))).startswith(b"HTTP/1.1 413")
    sock = dial(port, request("POST", review, CHUNKED, JSON_KIND, by))
    piece = b"100000\r\n" + bytes(2**20) + b"\r\n"
    sock.sendall(piece + piece)
    assert b" 413 " in rest_of(sock)[:20]
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="healthy.npy"\r\n\r\n' + npy["healthy"]
    body += b"\r\n--x--\r\n"
    kind = "Content-Type: multipart/form-data; boundary=x"
    for size, sent in (
        (f"Content-Length: {len(body)}", body),
        (CHUNKED, f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"),
    ):
        sock = dial(port, request("POST", "/api/v1/records", size, kind, by, "Connection: close") + sent)
        assert rest_of(sock).startswith(b"HTTP/1.1 202")
    with site.store.database.writing() as db:
        db.query(Kept).delete()
    assert rest_of(dial(port, request("POST", "/api/v1/records", LARGE, kind, by))).startswith(b"HTTP/1.1 401")


def test_a_page_of_another_site_sends_nothing_to_this_machine(port):
    for path in ("/upload", "/api/v1/records"):
        content = rest_of(dial(port, request("POST", path, LARGE, "Origin: http://evil.example")))
        assert content.startswith(b"HTTP/1.1 403")
    content = rest_of(dial(port, request("POST", "/upload", LARGE).replace(b"127.0.0.1", b"evil.example")))
    assert content.startswith(b"HTTP/1.1 400")
