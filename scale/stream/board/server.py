"""The board's page and its events: `make_app` for any ASGI server, `BoardServer` for a thread beside the pipeline.

A viewer is sent a snapshot, then once a second what has changed, and of the patient in view every piece of the tracing
as it comes. One who does not read for `SLOW_S` is disconnected; his browser comes back by itself and gets a snapshot.
"""

import asyncio
import json
import logging
import os
import socket
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sse_starlette import EventSourceResponse
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from cardiac import NOTICE
from cardiac.errors import CardiacError
from scale.stream.board.guard import TOKEN_VARIABLE, Guard, require_token
from scale.stream.board.state import BoardState
from scale.stream.board.words_ru import RUSSIAN
from scale.stream.messages import LONGEST_NAME

HERE = Path(__file__).parent
MOST_VIEWERS = 50
MOST_CONNECTIONS = 4 * MOST_VIEWERS
TICK_S, LOOK_S = 1.0, 0.25  # how often the list's changes are gathered, and a viewer's tracing is looked for
SLOW_S = 15.0
RETRY_MS = 1000  # after which a browser whose connection broke comes back
KEPT_TICKS = 30
SEND_BUFFER = 1 << 17  # bytes that wait for a viewer in the kernel, so that one who does not read is soon seen
START_S = 30.0


@dataclass(eq=False)
class Viewer:
    """A browser that is being sent events. sending_since : when it was given one that it has not taken, or None."""

    client: tuple[str, int] | None
    sending_since: float | None = None


class Feed:
    """Hands the state on to viewers. disconnect : how a connection is cut whose client does not read."""

    def __init__(self, state: BoardState, slow_s: float = SLOW_S) -> None:
        self.state = state
        self.viewers: set[Viewer] = set()
        self.disconnect: Callable[[tuple[str, int]], None] | None = None
        self.closing = False
        self.dropped = 0
        self._slow_s = slow_s
        self._ticks: deque[tuple[int, str]] = deque(maxlen=KEPT_TICKS)

    async def run(self) -> None:
        """Gather what changes, once a second, and cut off who does not read."""
        while not self.closing:
            changes = self.state.tick()
            self._ticks.append((changes["tick"], _json(changes)))
            for viewer in [*self.viewers]:
                since = viewer.sending_since
                if since is not None and time.monotonic() - since > self._slow_s:
                    self._drop(viewer)
            await asyncio.sleep(TICK_S)

    async def events(self, viewer: Viewer, patient: str | None) -> AsyncIterator[dict[str, Any]]:
        """What one viewer is sent, until he leaves or is dropped."""
        self.viewers.add(viewer)
        seen: dict[str, int] = {}
        try:
            snapshot = self.state.snapshot()
            tick = snapshot["tick"]
            yield self._sending(viewer, "snapshot", _json(snapshot)) | {"retry": RETRY_MS}
            while not self.closing and viewer in self.viewers:
                viewer.sending_since = None
                if self._ticks and self._ticks[0][0] > tick + 1:  # slept through some
                    snapshot = self.state.snapshot()
                    tick = snapshot["tick"]
                    yield self._sending(viewer, "snapshot", _json(snapshot))
                for number, text in [each for each in self._ticks if each[0] > tick]:
                    tick = number
                    yield self._sending(viewer, "changes", text)
                news = self.state.patient_news(patient, **seen) if patient is not None else None
                if news:
                    seen |= _numbers(news)
                    yield self._sending(viewer, "patient", _json({"patient": patient} | news))
                viewer.sending_since = None
                await asyncio.sleep(LOOK_S)
            reason = "closing" if self.closing else "slow"
            yield self._sending(viewer, "end", _json({"reason": reason}))
        finally:
            self.viewers.discard(viewer)

    @staticmethod
    def _sending(viewer: Viewer, event: str, data: str) -> dict[str, Any]:
        viewer.sending_since = time.monotonic()
        return {"event": event, "data": data}

    def _drop(self, viewer: Viewer) -> None:
        self.viewers.discard(viewer)
        self.dropped += 1
        if self.disconnect is not None and viewer.client is not None:
            self.disconnect(viewer.client)


def make_app(
    state: BoardState, hosts: Iterable[str] = (), token: str | None = None, slow_s: float = SLOW_S
) -> Starlette:
    """The board as an ASGI application; its `state.feed` is the Feed.

    hosts : names under which it is served beside those of this machine, which need a token.  Raises ConfigError.
    """
    hosts = tuple(hosts)
    require_token(hosts, token)
    feed = Feed(state, slow_s)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        ticking = asyncio.create_task(feed.run())
        yield
        feed.closing = True
        ticking.cancel()
        with suppress(asyncio.CancelledError):
            await ticking

    app = Starlette(
        routes=[
            Route("/", lambda _: RedirectResponse("live"), methods=["GET"]),
            Route("/live", _page, methods=["GET"]),
            Route("/live/events", _events, methods=["GET"]),
            Mount("/live/static", StaticFiles(directory=HERE / "static")),
        ],
        middleware=[Middleware(Guard, hosts=hosts, token=token)],
        lifespan=lifespan,
    )
    app.state.feed = feed
    return app


class BoardServer:
    """The board in a thread of its own. token : of ECG_BOARD_TOKEN where none is given."""

    def __init__(
        self, state: BoardState, hosts: Iterable[str] = (), token: str | None = None, slow_s: float = SLOW_S
    ) -> None:
        self._state, self._hosts, self._slow_s = state, tuple(hosts), slow_s
        self._token = token if token is not None else os.environ.get(TOKEN_VARIABLE) or None
        require_token(self._hosts, self._token)
        self.port = 0
        self.feed: Feed | None = None
        self._thread: threading.Thread | None = None
        self._server: uvicorn.Server | None = None

    def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Serve at an address, at a free port where it is 0. Raises ConfigError, or CardiacError where it is taken."""
        app = make_app(self._state, (*self._hosts, host), self._token, self._slow_s)
        opened = _listen(host, port)
        self.port, self.feed = opened.getsockname()[1], app.state.feed
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http="h11",
                ws="none",
                lifespan="on",
                log_level=logging.WARNING,
                log_config=None,
                access_log=False,
                server_header=False,
                limit_concurrency=MOST_CONNECTIONS,
                timeout_graceful_shutdown=2,
            )
        )
        self.feed.disconnect = self._disconnect
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [opened]}, name="board", daemon=True
        )
        self._thread.start()
        until = time.monotonic() + START_S
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > until:
                raise CardiacError(f"the board did not start on {host}:{self.port}: the log says why")
            time.sleep(0.01)

    def stop(self) -> None:
        """End it, once its viewers have been told."""
        if self._server is not None and self._thread is not None and self.feed is not None:
            self.feed.closing = True
            self._server.should_exit = True
            self._thread.join()

    def _disconnect(self, client: tuple[str, int]) -> None:
        """Cut a connection without waiting for what its client has not read. In the server's own thread."""
        for connection in [*self._server.server_state.connections] if self._server else []:
            if getattr(connection, "client", None) == client:
                connection.transport.abort()


def _listen(host: str, port: int) -> socket.socket:
    opened = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)[0]
        opened = socket.socket(family, kind, protocol)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)  # connections inherit it
        opened.bind(address)
    except OSError as error:
        if opened is not None:
            opened.close()
        reason = error.strerror or type(error).__name__
        raise CardiacError(f"the board cannot be served at {host}:{port} ({reason}): give another port") from error
    return opened


def _events(request: Request) -> Response:
    """The events of one viewer: snapshot, changes, patient (the one in view), end."""
    feed: Feed = request.app.state.feed
    patient = request.query_params.get("patient")
    if patient is not None and not 0 < len(patient) <= LONGEST_NAME:
        return PlainTextResponse("There is no such patient.\n", 400)
    if len(feed.viewers) >= MOST_VIEWERS:
        return PlainTextResponse(f"The board has {MOST_VIEWERS} viewers: close a window.\n", 503)
    client = tuple(request.client) if request.client else None
    return EventSourceResponse(feed.events(Viewer(client), patient), ping=0)


def _page(request: Request) -> Response:
    language = request.query_params.get("lang", "")
    if language not in ("en", "ru"):
        wanted = request.headers.get("accept-language", "")
        language = "ru" if wanted.lower().startswith("ru") else "en"
    words = RUSSIAN if language == "ru" else {}
    page = _TEMPLATES.get_template("live.html")
    text = page.render(language=language, words=_json(words), notice=NOTICE, _=lambda each: words.get(each, each))
    return HTMLResponse(text, headers={"Cache-Control": "no-store"})


def _numbers(news: dict[str, Any]) -> dict[str, int]:
    """Of the last piece, step of the course and detail in what a viewer is sent."""
    numbers = {}
    if "tracing" in news:
        numbers["piece"] = news["tracing"][-1]["number"]
    if "course" in news:
        numbers["course"] = news["course"][-1][0]
    if "detail" in news:
        numbers["changed"] = news["detail"]["changed"]
    return numbers


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


_TEMPLATES = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined)
