"""The board's page in a real browser: what it shows, that no name is markup, and whether everybody can use it."""

import itertools
import re
import time

import pytest

pytest.importorskip("starlette", reason="requirements-stream.txt is not installed")
pytest.importorskip("uvicorn", reason="requirements-stream.txt is not installed")
pytest.importorskip("sse_starlette", reason="requirements-stream.txt is not installed")

from cardiac import NOTICE
from cardiac.leads import LEADS
from cardiac.simulate import simulate_record
from scale.stream.board import patients
from scale.stream.board.server import HERE, BoardServer
from scale.stream.board.state import BoardState
from scale.stream.board.words_ru import RUSSIAN
from scale.stream.messages import Chunk, Result
from tests.browser import faultless_page, needs_chromium, opened_page, started_chromium
from tests.patience import wait_until

HOSTILE = "<img src=x onerror=alert(1)>"
DRAWN = "[...document.querySelector('.trace').getContext('2d').getImageData(0, 0, 900, 300).data].some((each) => each)"


@pytest.fixture(scope="module")
def board():
    """A board with three simulated patients, and its server."""
    state = BoardState()
    server = BoardServer(state)
    server.start()
    feed(state)
    yield state, f"http://localhost:{server.port}"
    server.stop()


@pytest.fixture(scope="module")
def browser():
    with started_chromium() as browser:
        yield browser


def feed(state):
    """Twenty seconds of three patients, one of them with a name that would be markup; a letter, lags, a line."""
    signal, now_s = simulate_record(1).record.signal, time.time()
    for sequence in range(20):
        start_s = now_s - 20 + sequence
        samples = signal[:, sequence % 10 * 500 :][:, :500]
        for name, label in (("simulated 1", "no infarction"), (HOSTILE, "infarction"), ("simulated 3", None)):
            state.take_chunk(Chunk(name, sequence, 500.0, tuple(LEADS), "mV", start_s, samples), now_s)
            state.take_result(found(name, sequence, start_s + 1, label), now_s)
    state.take_dead_letter({"topic": "chunks", "partition": 0, "offset": 7, "reason": HOSTILE, "patient": HOSTILE})
    state.take_lags({"readers": 3})
    state.take_rates({"chunks": 3.0})
    state.say("broker", f"The broker is not reachable. {HOSTILE}")


def found(name, sequence, end_s, label):
    refused = "too noisy for a decision" if label is None else None
    shown = {
        "label": label,
        "tags": ["septal"] if label == "infarction" else [],
        "since_s": end_s,
        "changed": [HOSTILE],
    }
    probabilities = {} if label is None else {"mi": 0.9 if label == "infarction" else 0.1, "septal": 0.4}
    note = (f"a gap {HOSTILE}",) if sequence == 5 else ()
    return Result(
        name, sequence, "infarction", end_s, end_s, label, probabilities, {}, refused, None, shown, note, "infarction"
    )


def test_every_text_is_translated():
    """What page and scripts say, and nothing beside it but names of classes."""
    texts = set(re.findall(r"_\([\"'](.+?)[\"']\)", (HERE / "templates/live.html").read_text())) | {NOTICE}
    for script in sorted((HERE / "static").glob("*.js")):
        texts |= set(re.findall(r"\bsay\(\s*\"(.+?)\"", script.read_text()))
    classes = set(RUSSIAN) - texts
    assert len(texts) > 50 and texts - set(RUSSIAN) == set()
    assert classes >= {"infarction", "septal"} and all(re.fullmatch("[a-z ]+", name) for name in classes)
    for text, russian in RUSSIAN.items():
        assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", russian)), text


@needs_chromium
def test_what_a_viewer_sees_and_does(board, browser):
    """The gravest patient comes into view by himself; a click brings another; texts of messages stay texts."""
    _, address = board
    with faultless_page(browser) as page:
        page.goto(f"{address}/live")
        page.locator("#rows button[aria-current]").wait_for()
        wait_until(lambda: page.evaluate(DRAWN))
        assert page.locator("#rows .row-name").all_inner_texts() == [HOSTILE, "simulated 3", "simulated 1"]
        assert page.locator("#view-name").inner_text() == HOSTILE
        assert page.locator("#view-state").inner_text() == "infarction: septal"
        assert page.locator("#since-first li").all_inner_texts() == [HOSTILE]
        assert HOSTILE in page.locator("#lines").inner_text() and HOSTILE in page.locator("#notes").inner_text()
        assert page.locator("#letters td").nth(2).inner_text() == HOSTILE
        assert page.locator("main img").count() == 0
        assert page.title() == "(1) Live board"
        assert page.locator("#confusion td").all_inner_texts()[:2] == ["20", "20"]

        page.locator("#filter").fill("simulated 3")
        page.locator("#rows li:visible").nth(1).wait_for(state="detached")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.locator("#view-name", has_text="simulated 3").wait_for()
        assert page.locator("#view-remark").inner_text() == "too noisy for a decision"
        assert "patient=simulated+3" in page.url
        page.locator(".languages a[lang=ru]").click()
        page.locator("html[lang=ru]").wait_for()
        page.locator("#view-name", has_text="simulated 3").wait_for()
        assert page.locator(".notice").inner_text() == RUSSIAN[NOTICE]


@needs_chromium
def test_everybody_can_use_the_board(board, browser):
    """axe finds nothing, light and dark, wide and narrow; and the page is no wider than its window."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    _, address = board
    for width, scheme in ((1280, "light"), (375, "dark")):
        with opened_page(browser, "en", width, 800, color_scheme=scheme, reduced_motion="reduce") as page:
            page.goto(f"{address}/live")
            page.locator("#rows button[aria-current]").wait_for()
            wait_until(lambda: page.evaluate(DRAWN))
            page.locator("details summary").click()
            found_by_axe = axe.run(page).response["violations"]
            assert [each["id"] for each in found_by_axe] == [], f"{width} {scheme}"
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), width


@needs_chromium
def test_the_page_comes_back_with_the_server(browser, monkeypatch):
    """Another process at the same port counts from the beginning; the course and the list are its own."""
    before, after = BoardState(), BoardState()
    feed(before)
    monkeypatch.setattr(patients, "_NUMBERS", itertools.count(1))
    after.take_result(found("simulated 1", 0, time.time(), "infarction"), time.time())
    server, again = BoardServer(before), BoardServer(after)
    server.start()
    with opened_page(browser) as page:
        changes = page.locator("#course-changes li")
        page.goto(f"http://localhost:{server.port}/live?patient=simulated+1")
        changes.filter(has_text="no infarction").wait_for(state="attached")
        server.stop()
        page.locator("#connection[data-kind=lost]").wait_for()
        again.start(port=server.port)
        try:
            page.locator("#connection[data-kind=live]").wait_for()
            wait_until(lambda: page.locator("#rows li").count() == 1)
            wait_until(lambda: changes.all_text_contents() and "no" not in changes.first.text_content())
            assert changes.count() == 1
        finally:
            again.stop()
