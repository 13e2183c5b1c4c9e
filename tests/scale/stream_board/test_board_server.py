"""The board's server over real sockets: who is let in, what viewers are sent, and that none of them holds up another."""

import base64
import http.client
import json
import re
import socket
import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest

pytest.importorskip("starlette", reason="requirements-stream.txt is not installed")
pytest.importorskip("uvicorn", reason="requirements-stream.txt is not installed")
pytest.importorskip("sse_starlette", reason="requirements-stream.txt is not installed")

from cardiac.errors import CardiacError, ConfigError
from scale.stream.board import server as board_server
from scale.stream.board.server import BoardServer, make_app
from scale.stream.board.state import BoardState
from scale.stream.messages import Chunk, Result
from tests.patience import LONG_S, wait_until

TOKEN = "a long enough token"
AUTHORIZED = {"Authorization": "Basic " + base64.b64encode(f"anybody:{TOKEN}".encode()).decode()}
POLICY = "default-src 'self'"


@contextmanager
def served(state=None, hosts=(), token=None, address="127.0.0.1", **options):
    """A board that is being served."""
    server = BoardServer(state or BoardState(), hosts, token, **options)
    server.start(address)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def quiet():
    """A board without patients, for who asks without changing anything."""
    with served() as server:
        yield server


@contextmanager
def watching(server, patient=None):
    """The events of one viewer, as pairs of name and data."""
    connection = http.client.HTTPConnection("localhost", server.port, timeout=LONG_S)
    connection.request("GET", "/live/events" + (f"?patient={patient}" if patient else ""))
    answer = connection.getresponse()
    assert answer.status == 200 and answer.getheader("Content-Type").startswith("text/event-stream")
    try:
        yield events_in(answer)
    finally:
        answer.close()
        connection.close()


def events_in(answer):
    name = ""
    for line in answer:
        kind, _, text = line.decode().rstrip("\r\n").partition(": ")
        if kind == "event":
            name = text
        elif kind == "data":
            yield name, json.loads(text)


def ask(server, path="/live", method="GET", **headers):
    """Status, headers and body of an answer; a header `Host` is sent as it is given."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=LONG_S)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()
    finally:
        connection.close()


def chunk(sequence, patient="a", samples=None):
    samples = np.full((1, 100), sequence, np.float32) if samples is None else samples
    return Chunk(patient, sequence, 100.0, ("PLETH",), "au", time.time(), samples)


def result(sequence, patient="a", label="infarction"):
    now_s = time.time()
    return Result(patient, sequence, "infarction", now_s, now_s, label, {"mi": 0.9}, {})


def test_two_viewers_see_the_same(monkeypatch):
    """One from the first chunk on, the other from the middle; of each piece of the tracing one copy, in order."""
    monkeypatch.setattr(board_server, "TICK_S", 0.1)
    monkeypatch.setattr(board_server, "LOOK_S", 0.05)
    state = BoardState()
    with served(state) as server, watching(server, "a") as early:
        assert next(early)[0] == "snapshot"
        for sequence in range(4):
            state.take_chunk(chunk(sequence), time.time())
        with watching(server, "a") as late:
            assert next(late)[0] == "snapshot"
            for sequence in range(4, 8):
                state.take_chunk(chunk(sequence), time.time())
                state.take_result(result(sequence), time.time())
            seen = [tracing_until(events, 7) for events in (early, late)]
    assert seen[0] == seen[1] == [*range(8)]


def tracing_until(events, last):
    """The chunks in what a viewer is sent, each by the one value of its samples, until one of them has come."""
    values = []
    for name, data in events:
        for piece in data.get("tracing", ()) if name == "patient" else ():
            values.append(int(np.frombuffer(base64.b64decode(piece["values"]), "<f4")[0]))
        if last in values:
            return values
    return values


def test_the_list_comes_in_changes(monkeypatch):
    monkeypatch.setattr(board_server, "TICK_S", 0.05)
    monkeypatch.setattr(board_server, "LOOK_S", 0.02)
    state = BoardState()
    state.take_result(result(0, "a"), time.time())
    with served(state) as server, watching(server) as events:
        snapshot = next(events)[1]
        assert [row["patient"] for row in snapshot["rows"]] == ["a"]
        state.take_result(result(0, "b", "no infarction"), time.time())
        rows = next(data["rows"] for name, data in events if name == "changes" and data["rows"])
        assert [(row["patient"], row["label"]) for row in rows] == [("b", "no infarction")]


def test_who_does_not_read_is_dropped_and_holds_nobody_up(monkeypatch):
    """His connection is cut, what waits for him is let go of, and another viewer misses nothing."""
    monkeypatch.setattr(board_server, "LOOK_S", 0.01)
    monkeypatch.setattr(board_server, "TICK_S", 0.1)
    state, noise = BoardState(), np.random.default_rng(0).standard_normal((64, 100)).astype(np.float32)
    stop = threading.Event()

    def feed():
        sequence = 0
        while not stop.wait(0.005):
            state.take_chunk(wide_chunk(sequence, noise), time.time())
            sequence += 1

    with served(state, slow_s=0.5) as server, socket.socket() as deaf, watching(server, "a") as events:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(("127.0.0.1", server.port))
        deaf.sendall(b"GET /live/events?patient=a HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wait_until(lambda: len(server.feed.viewers) == 2)
        feeding = threading.Thread(target=feed)
        feeding.start()
        starts = []
        try:
            for name, data in events:
                starts += [piece["start_s"] for piece in data.get("tracing", ())] if name == "patient" else []
                if server.feed.dropped and len(starts) > 100:
                    break
        finally:
            stop.set()
            feeding.join()
        wait_until(lambda: len(server.feed.viewers) == 1)
        assert server.feed.dropped == 1
        assert np.array_equal(np.diff(starts), np.ones(len(starts) - 1))
        assert ends(deaf)


def wide_chunk(sequence, samples):
    leads = tuple(f"lead {number}" for number in range(len(samples)))
    return Chunk("a", sequence, 100.0, leads, "au", 1_800_000_000.0 + sequence, samples)


def ends(connection):
    """Whether a connection is over once what had come is read."""
    connection.settimeout(LONG_S)
    try:
        while connection.recv(1 << 16):
            pass
    except ConnectionError:
        return True
    return True


def test_a_viewer_who_leaves_is_forgotten_and_stop_ends_the_rest():
    with served() as server:
        with watching(server) as events:
            next(events)
            assert len(server.feed.viewers) == 1
        wait_until(lambda: not server.feed.viewers)
        with watching(server) as events:
            next(events)
            server.stop()
            assert [name for name, _ in events][-1:] == ["end"]


def test_there_are_so_many_viewers_and_no_more(monkeypatch):
    monkeypatch.setattr(board_server, "MOST_VIEWERS", 2)
    with served() as server, watching(server) as one, watching(server) as other:
        next(one), next(other)
        status, _, said = ask(server, "/live/events")
        assert status == 503 and "viewers" in said


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io:80", "10.0.0.7", ""])
def test_a_foreign_name_is_refused(quiet, host):
    for path in ("/live", "/live/events", "/live/static/board.js"):
        assert ask(quiet, path, Host=host)[0] == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8050", "127.0.0.1:1", "[::1]:8050"])
def test_this_machines_names_are_taken(quiet, host):
    assert ask(quiet, Host=host)[0] == 200


def test_two_hosts_are_none(quiet):
    with socket.create_connection(("127.0.0.1", quiet.port)) as connection:
        connection.sendall(b"GET /live HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
        assert connection.recv(64).split()[1] in (b"400", b"421")


def test_other_hosts_need_a_token(monkeypatch):
    """None is given: neither the application nor the server begins."""
    monkeypatch.delenv("ECG_BOARD_TOKEN", raising=False)
    with pytest.raises(ConfigError, match=r"board\.example"):
        make_app(BoardState(), hosts=["board.example"])
    with pytest.raises(ConfigError, match="ECG_BOARD_TOKEN"):
        BoardServer(BoardState()).start("0.0.0.0")
    with pytest.raises(ConfigError, match="at least 12"):
        make_app(BoardState(), token="short")


def test_with_a_token_everybody_gives_it(monkeypatch):
    """Under its name or this machine's, for page, script and events; the user's name says nothing."""
    monkeypatch.setenv("ECG_BOARD_TOKEN", TOKEN)
    with served(hosts=["board.example"]) as server:
        for path in ("/live", "/live/events", "/live/static/board.js"):
            status, headers, _ = ask(server, path)
            assert status == 401 and headers["WWW-Authenticate"].startswith("Basic")
        assert ask(server, Host="board.example", **AUTHORIZED)[0] == 200
        assert ask(server, Host="10.0.0.7", **AUTHORIZED)[0] == 200  # an address cannot be bound anew
        assert ask(server, Host="evil.example", **AUTHORIZED)[0] == 421
        for wrong in (f"x:{TOKEN} ", "x:", TOKEN, "x:" + TOKEN[:-1], "\N{CYRILLIC SMALL LETTER A}"):
            given = "Basic " + base64.b64encode(wrong.encode()).decode()
            assert ask(server, Authorization=given)[0] == 401
        for wrong in ("Basic", "Basic ???", f"Bearer {TOKEN}", ""):
            assert ask(server, Authorization=wrong)[0] == 401


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "HEAD", "TRACE"])
def test_it_can_only_be_looked_at(quiet, method):
    assert [ask(quiet, path, method)[0] for path in ("/live", "/live/events", "/live/static/board.js")] == [405] * 3


def test_other_sites_may_link_to_it_but_not_read_it(quiet):
    assert ask(quiet, "/live/events", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="cors")[0] == 403
    assert ask(quiet, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate")[0] == 200
    assert ask(quiet, Sec_Fetch_Site="same-origin", Sec_Fetch_Mode="cors")[0] == 200


def test_every_answer_has_the_policy(quiet):
    for path, status in (("/live", 200), ("/live/static/board.css", 200), ("/nowhere", 404), ("/", 307)):
        answer, headers, _ = ask(quiet, path)
        assert answer == status and headers["Content-Security-Policy"].startswith(POLICY)
        assert headers["X-Content-Type-Options"] == "nosniff" and "Server" not in headers
    assert ask(quiet, Host="evil.example")[1]["Content-Security-Policy"].startswith(POLICY)


@pytest.mark.parametrize(
    "path", ["/live/static/../server.py", "/live/static/%2e%2e/server.py", "/live/static/", "/live/x"]
)
def test_nothing_but_the_boards_own_files(quiet, path):
    assert ask(quiet, path)[0] == 404


def test_the_page_has_no_script_or_style_within(quiet):
    for query, asked, language in (
        ("", "", "en"),
        ("?lang=ru", "", "ru"),
        ("", "ru-RU,ru", "ru"),
        ("?lang=xx", "", "en"),
    ):
        page = ask(quiet, f"/live{query}", Accept_Language=asked)[2]
        assert f'<html lang="{language}">' in page
        assert not re.search(r"<script(?![^>]* src=)|<style|\son\w+=|style=|https?://", page)


def test_a_taken_port_is_a_sentence(quiet):
    with pytest.raises(CardiacError, match="give another port"):
        BoardServer(BoardState()).start(port=quiet.port)


@pytest.mark.parametrize("patient", ["", "x" * 300])
def test_no_such_patient(quiet, patient):
    assert ask(quiet, f"/live/events?patient={patient}")[0] == 400
