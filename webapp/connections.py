"""Connections that wait for nobody without an end, around waitress.

A request's headers come within `HEADERS_S`; a body comes, and an answer is taken, at `LEAST_BYTES_S` or faster, else the
connection is closed. An answer that its reader does not take yet lies on the disk and holds no thread. Bodies are
refused before they come (`webapp.gate`); `/health` has a thread of its own, so that it is answered whatever all others do.
Times and rates are those of Apache's mod_reqtimeout.
"""

import shutil
import socket
import time
from collections.abc import Callable
from typing import Any

from flask import Flask
from waitress.channel import ClientDisconnected, HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import BaseWSGIServer, create_server
from waitress.task import ThreadedTaskDispatcher, WSGITask

from webapp import gate
from webapp.settings import Settings

HEADERS_S = 20.0  # from a request's first byte, and from the beginning of a connection, to the end of its headers
IDLE_S = 60.0  # between two requests of a connection
PACE_S, LEAST_BYTES_S = 30.0, 500.0  # a body or an answer that is slower over so many seconds is given up
LINGER_S = 5.0  # for which the rest of a refused body is thrown away, so that its sender reads why
KEPT_FREE_BYTES = 2**30  # of the disk, which waiting answers do not take
IN_MEMORY_BYTES, MOST_IN_FILE_BYTES = 2**20, 2**30  # of an answer that waits; one file of it on the disk
MOST_HEADER_BYTES = 2**16  # of a request: address, parameters and cookies, which are taken apart in the memory
MOST_CONNECTIONS, MOST_OF_ADDRESS = 800, 100
HEALTH = "/health"


class Pace:
    """Whether bytes come or go fast enough; asked again and again while there is something to come or to go."""

    def __init__(self) -> None:
        self._began_at, self._bytes_then = 0.0, 0

    def is_too_slow(self, now: float, n_bytes: int) -> bool:
        """n_bytes : that have come or gone so far."""
        if not self._began_at:
            self._began_at, self._bytes_then = now, n_bytes
        elif now - self._began_at >= PACE_S:
            slow = n_bytes - self._bytes_then < LEAST_BYTES_S * PACE_S
            self._began_at, self._bytes_then = now, n_bytes
            return slow
        return False

    def rest(self) -> None:
        """Nothing is waited for now."""
        self._began_at = 0.0


class Refusal:
    """An answer as waitress sends it instead of a task's."""

    def __init__(self, response: Any) -> None:
        self._response = response

    def to_response(self, _: str | None = None) -> tuple[str, list[tuple[str, str]], bytes]:
        body = self._response.get_data()
        headers = [(key, value) for key, value in self._response.headers.items() if key != "Content-Length"]
        return self._response.status, headers, body


class Parser(HTTPRequestParser):
    """A request, whose body is asked about as soon as its headers are there."""

    began_at = 0.0  # monotonic seconds

    def __init__(self, adj: Any, ask: Callable[["Parser"], Refusal | None]) -> None:
        super().__init__(adj)
        self._ask, self.began_at = ask, time.monotonic()
        self.was_refused = False

    def received(self, data: bytes) -> int:
        had_headers = self.headers_finished
        n = super().received(data)
        if self.headers_finished and not (had_headers or self.error or self.completed):
            self.error = self._ask(self)
        if self.error:
            self.completed = self.was_refused = True
            self.expect_continue = False
            return len(data)  # what has come of the body goes with the rest of it
        return n


class Channel(HTTPChannel):
    """One connection."""

    def __init__(self, *given: Any, app: Flask, **named: Any) -> None:
        self._app = app
        self._n_received = self._n_sent = 0
        self._coming, self._going = Pace(), Pace()
        self._quiet_since = time.monotonic()
        self._lingers_until = 0.0
        super().__init__(*given, **named)

    def parser_class(self, adj: Any) -> Parser:
        """A parser of this channel."""
        return Parser(adj, self._ask)

    def _ask(self, parser: Parser) -> Refusal | None:
        environ = WSGITask(self, parser).get_environment()
        refused = gate.refused(self._app, environ, parser.chunked)
        if refused is not None:
            return Refusal(refused)
        if parser.chunked and (most := gate.most_bytes(self._app, environ)) is not None:
            parser.adj = _limited(parser.adj, most)
        return None

    def readable(self) -> bool:
        """Asked at every turn of the loop; here it is seen whether the other side takes too long."""
        if self.connected and self._is_late(time.monotonic()):
            self.will_close = self.close_when_flushed = False
            self.handle_close()  # at once: a socket whose other side takes nothing is never ready to be written to
            return False
        return bool(self._lingers_until) or super().readable()

    def _is_late(self, now: float) -> bool:
        if self._lingers_until:
            return now > self._lingers_until
        if self.total_outbufs_len and (not self.requests or self.total_outbufs_len >= self.adj.send_bytes):
            self._quiet_since = now
            return self._going.is_too_slow(now, self._n_sent)
        self._going.rest()
        if self.requests:
            self._quiet_since = now
            return False
        if self.request is None:
            return now - self._quiet_since > (IDLE_S if self._n_sent else HEADERS_S)
        if not self.request.headers_finished:
            return now - self.request.began_at > HEADERS_S
        self._quiet_since = now
        return self._coming.is_too_slow(now, self._n_received)

    def received(self, data: bytes) -> bool:
        self._n_received += len(data)
        taken = super().received(data)
        if self.request is None:
            self._coming.rest()
        return taken

    def send(self, data: bytes, do_close: bool = True) -> int:
        n = super().send(data, do_close=do_close)
        self._n_sent += n
        return n

    def handle_read(self) -> None:
        if not self._lingers_until:
            super().handle_read()
            return
        try:
            self.recv(2**16)  # closes the channel at the end
        except OSError:
            self.handle_close()

    def handle_write(self) -> None:
        if not (self.close_when_flushed and self._was_refused):
            super().handle_write()
            return
        self._flush_exception(self._flush_some)
        if self.will_close:
            self.handle_close()
        elif not self.total_outbufs_len:
            self._linger()

    _was_refused = False

    def service(self) -> None:
        self._was_refused = getattr(self.requests[0], "was_refused", False)
        super().service()

    def _linger(self) -> None:
        """Close our half, and throw away what still comes: an answer is lost where a socket is closed with bytes unread."""
        self.close_when_flushed = False
        self._lingers_until = time.monotonic() + LINGER_S
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.handle_close()

    def _flush_outbufs_below_high_watermark(self) -> None:
        """Wait where the disk has no room for what the reader has not taken yet; else the disk takes it."""
        deadline = time.monotonic() + PACE_S
        with self.outbuf_lock:
            while self.total_outbufs_len > IN_MEMORY_BYTES and self.connected and not self._has_room():
                if time.monotonic() > deadline:
                    raise ClientDisconnected
                self.server.pull_trigger()
                self.outbuf_lock.wait(1.0)

    def _has_room(self) -> bool:
        return shutil.disk_usage(self._app.config["SETTINGS"].data).free > KEPT_FREE_BYTES


def _limited(adj: Any, most: int) -> Any:
    """The same settings with another limit to a body, for one request."""
    limited = type("Limited", (), {"__getattr__": lambda _, name: getattr(adj, name)})()
    limited.max_request_body_size = most + 1
    return limited


class Dispatcher(ThreadedTaskDispatcher):
    """Threads for requests, and one for `/health` alone."""

    def __init__(self) -> None:
        super().__init__()
        self._health = ThreadedTaskDispatcher()
        self._health.set_thread_count(1)

    def add_task(self, task: Any) -> None:
        is_health = getattr(task.requests[0], "path", "") == HEALTH
        (self._health if is_health else super()).add_task(task)

    def shutdown(self, cancel_pending: bool = True, timeout: int = 5) -> bool:
        self._health.shutdown(cancel_pending, timeout)
        return super().shutdown(cancel_pending, timeout)


def make_server(app: Flask, settings: Settings) -> Any:
    """Waitress for an application, bound to its address. Raises OSError where that cannot be taken."""
    dispatcher = Dispatcher()
    server = create_server(
        app,
        _dispatcher=dispatcher,
        host=settings.host,
        port=settings.port,
        threads=settings.threads,
        max_request_body_size=settings.most_bytes,
        max_request_header_size=MOST_HEADER_BYTES,
        connection_limit=MOST_CONNECTIONS,
        asyncore_use_poll=True,
        outbuf_overflow=IN_MEMORY_BYTES,
        outbuf_high_watermark=MOST_IN_FILE_BYTES,
        ident="cardiac",
        clear_untrusted_proxy_headers=False,  # which are refused, believed or passed over by the application
    )
    dispatcher.set_thread_count(settings.threads)
    for listener in _listeners(server):
        listener.channel_class = _channels(app, settings, listener)
    return server


def _listeners(server: Any) -> list[BaseWSGIServer]:
    waiting = server.map if hasattr(server, "map") else server._map
    return [each for each in list(waiting.values()) if isinstance(each, BaseWSGIServer)]


def _channels(app: Flask, settings: Settings, listener: Any) -> Callable[..., Channel | None]:
    """Makes channels, as long as an address has not too many; behind a proxy all have the proxy's."""

    def accepted(server: Any, sock: socket.socket, addr: Any, adj: Any, map: Any = None) -> Channel | None:
        own = sum(each.addr[0] == addr[0] for each in listener.active_channels.values())
        if own >= MOST_OF_ADDRESS and not settings.behind_proxy:
            sock.close()
            return None
        return Channel(server, sock, addr, adj, map=map, app=app)

    return accepted
