"""The tracing on any screen, in a real browser: all leads in sight, nothing under a trace, and what is shown is told."""

import io
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from pypdf import PdfReader

from cardiac.leads import LEADS
from tests.browser import faultless_page, needs_chromium, opened_page, started_chromium
from tests.patience import wait_until
from tests.webapp.builders import npy_bytes
from tests.webapp.servers import WAIT_S, running

pytestmark = needs_chromium

SCREENS = {"desk": (1440, 900), "tablet": (1024, 768), "upright": (390, 844), "on its side": (844, 390)}
SMALL = ("upright", "on its side")
PX_PER_MM = 96 / 25.4


@pytest.fixture(scope="module")
def live(tmp_path_factory, root) -> Iterator[str]:
    """A running site with a usual record, one of very tall waves and one of 3:20; its address."""
    usual = np.load(root / "public_data/test/sim_04.npy")
    records = {
        "a_usual": usual,
        "b_tall": usual * 4,
        "c_long": np.concatenate([usual] * 20, axis=int(np.argmax(usual.shape))),
    }
    with running(tmp_path_factory.mktemp("viewer") / "instance") as server:
        server.ended(server.send(*((f"{name}.npy", npy_bytes(signal)) for name, signal in records.items())))
        yield server.address


@pytest.fixture(scope="module")
def browser() -> Iterator:
    with started_chromium() as browser:
        yield browser


@contextmanager
def seen(browser, live, record="a_usual", screen="desk", language="en", **options) -> Iterator:
    """The page of a record on a screen, with its tracing drawn."""
    width, height = SCREENS[screen]
    with opened_page(browser, language, width, height, **options) as page:
        page.goto(f"{live}/patients/{record}?sort=name")
        drawn(page)
        yield page


def drawn(page) -> None:
    page.locator("#ecg .trace[data-lead=V6]").wait_for()


def explain(page) -> None:
    page.locator("#evidence-toggle").click()
    page.locator(".weight").first.wait_for(state="attached")


def traces_of(page) -> list[np.ndarray]:
    """The points of each trace, mm on the sheet."""
    found = []
    for path in page.locator("#ecg .trace").evaluate_all("paths => paths.map(path => path.getAttribute('d'))"):
        steps = np.array([float(each) for each in re.findall(r"-?\d+", path)]).reshape(-1, 2)
        found.append(steps.cumsum(axis=0) / 100)
    return found


def boxes_of(page, selector) -> dict[str, tuple[float, ...]]:
    """Left, top, right and bottom of the letters of texts, mm on the sheet; of a name twice on it the last."""
    found = page.locator(f"#ecg {selector}").evaluate_all(
        "texts => texts.map(text => [text.textContent, text.getBBox()])"
        ".map(([name, box]) => [name, box.x, box.y, box.x + box.width, box.y + box.height])"
    )
    return {name: tuple(box) for name, *box in found}


def is_crossed(box, trace) -> bool:
    """Whether a line runs through letters, whose box has some room over and under them."""
    left, top, right, bottom = box
    top, bottom = top + 0.22 * (bottom - top), bottom - 0.25 * (bottom - top)
    (x, y), (next_x, next_y) = trace[:-1].T, trace[1:].T
    beside = (np.maximum(x, next_x) > left) & (np.minimum(x, next_x) < right)
    return bool((beside & (np.maximum(y, next_y) > top) & (np.minimum(y, next_y) < bottom)).any())


def in_sight(page) -> dict[str, list[bool]]:
    """Of each lead, whether its traces are within the scroller and within the window."""
    return page.evaluate("""() => {
      const inside = (box, room) => box.left >= room.left - 1 && box.right <= room.right + 1
        && box.top >= room.top - 1 && box.bottom <= room.bottom + 1;
      const scroller = document.getElementById('paper-scroll').getBoundingClientRect();
      const page = { left: 0, top: 0, right: innerWidth, bottom: innerHeight };
      const paths = [...document.querySelectorAll('#ecg .trace')].map((path) => [path, path.getBoundingClientRect()]);
      return Object.fromEntries(paths.map(([path, box]) => [path.dataset.lead, [inside(box, scroller), inside(box, page)]]));
    }""")


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("screen", SCREENS)
def test_everybody_can_use_the_record_page_on_any_screen(browser, live, screen, theme, language):
    """axe finds nothing, nothing is wider than the window, and no letters of the other language are left."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    with seen(browser, live, screen=screen, language=language, color_scheme=theme) as page:
        explain(page)
        if screen in SMALL:
            page.locator("#tools-toggle").click()
            assert page.locator("#layout-12x1").is_visible()
        page.locator("#show-keys").click()
        found = axe.run(page)
        assert [each["id"] for each in found.response["violations"]] == []
        page.locator("#keys [data-close]").click()
        found = axe.run(page)
        assert [each["id"] for each in found.response["violations"]] == []
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        told = page.locator("#paper-caption").inner_text()
        assert (
            told
            == {
                "en": "25 mm/s, 10 mm/mV, no filter, as recorded; 10 s",
                "ru": "25 мм/с, 10 мм/мВ, без фильтра, как записано; 10 с",
            }[language]
        )


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("record", ["a_usual", "b_tall"])
def test_all_leads_are_in_sight(browser, live, screen, record):
    """On a telephone at once, under collapsed tools; in twelve rows they fit the height as well as the width everywhere."""
    with seen(browser, live, record, screen) as page:
        is_small = screen in SMALL
        assert page.locator("#tools-toggle").is_visible() == is_small
        assert page.locator("#mode-caliper").is_visible() != is_small
        sight = in_sight(page)
        assert set(sight) == set(LEADS) and all(inside for inside, _ in sight.values())
        assert page.locator(f"#layout-{'6x2' if is_small else '3x4'}").get_attribute("aria-pressed") == "true"
        if is_small:
            assert all(whole for _, whole in sight.values()), "below the fold"
            page.locator("#tools-toggle").click()
        page.locator("#layout-12x1").click()
        wait_until(lambda: page.locator("#ecg .trace").count() == 12, WAIT_S)
        assert all(inside for inside, _ in in_sight(page).values())
        scroller = page.locator("#paper-scroll")
        assert scroller.evaluate(
            "each => each.scrollHeight <= each.clientHeight && each.scrollWidth <= each.clientWidth"
        )
        assert page.evaluate("document.getElementById('paper-scroll').clientHeight <= innerHeight")


@pytest.mark.parametrize("layout", ["3x4", "6x2", "12x1"])
@pytest.mark.parametrize("record", ["a_usual", "b_tall"])
@pytest.mark.parametrize("screen", ["desk", "upright"])
def test_no_trace_runs_through_a_name_or_a_number(browser, live, record, layout, screen):
    with seen(browser, live, record, screen) as page:
        for is_explained in (False, True):
            if is_explained:
                explain(page)
            page.evaluate("layout => document.getElementById(`layout-${layout}`).click()", layout)
            drawn(page)
            names, traces = boxes_of(page, ".name"), traces_of(page)
            assert set(names) == set(LEADS)
            numbers = boxes_of(page, ".weight-value")
            crossed = [
                name for name, box in (names | numbers).items() if any(is_crossed(box, trace) for trace in traces)
            ]
            assert crossed == []


def test_evidence_has_one_scale_and_one_strip(browser, live):
    """A large square of 5 mm is 1 of the logit, with numbers; the strip lies under all waves."""
    for record in ("a_usual", "b_tall"):
        with seen(browser, live, record) as page:
            explain(page)
            document = page.request.get(f"{live}/api/v1/records/{record}/evidence").json()["evidence"]["mi"]
            bars = page.locator("#ecg .weight").evaluate_all(
                "all => all.map(each => [each.dataset.lead, each.querySelector('.weight-bar').getAttribute('width'),"
                "each.querySelector('.weight-value')?.textContent])"
            )
            assert {lead for lead, _, _ in bars} == set(LEADS) and len(bars) == 12
            for lead, width, number in bars:
                value = document["leads"][lead]
                assert float(width) == pytest.approx(min(15, max(0.3, 5 * abs(value))), abs=1e-6)
                said = f"{abs(value):.2f}"
                assert number in (None, said if said == "0.00" else ("+" if value > 0 else "\u2212") + said)
            assert page.locator("#ecg .moment-ground").count() == 1
            top = float(page.locator("#ecg .moment-ground").get_attribute("y"))
            assert max(trace[:, 1].max() for trace in traces_of(page)) < top


def test_one_colour_means_one_thing(browser, live):
    parts = (".moment", ".weight-for .weight-bar", ".weight-against .weight-value", ".bar-found .bar-fill")
    parts += tuple(f".mark-legend.mark-{kind}" for kind in ("p", "qrs", "t"))
    with seen(browser, live) as page:
        explain(page)
        page.locator("#mode-caliper").click()
        colours = [
            page.locator(part).first.evaluate(
                "each => [getComputedStyle(each)].map(({ fill, stroke }) => fill === 'none' ? stroke : fill)[0]"
            )
            for part in parts
        ]
        assert len({*colours}) == len(parts), colours


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_rhythm_lead_is_chosen_and_remembered(browser, live, language):
    with seen(browser, live, language=language) as page:
        last = page.locator("#ecg .trace").last
        assert last.get_attribute("data-lead") == "II"
        page.locator("#rhythm").select_option("V1")
        wait_until(lambda: last.get_attribute("data-lead") == "V1", WAIT_S)
        assert "V1" in page.locator("#ecg-title").text_content()
        page.reload()
        drawn(page)
        assert page.locator("#ecg .trace").last.get_attribute("data-lead") == "V1"
        page.locator("#headline").click()
        page.keyboard.press("r")
        wait_until(lambda: last.get_attribute("data-lead") == "V2", WAIT_S)
        page.locator("#layout-6x2").click()
        wait_until(lambda: page.locator("#rhythm").is_disabled(), WAIT_S)


@pytest.mark.parametrize(
    ("language", "first", "then"),
    [
        ("en", "0:00:00 to 0:00:10 of 0:03:20", "0:00:10 to 0:00:20 of 0:03:20"),
        ("ru", "0:00:00 – 0:00:10 из 0:03:20", "0:00:10 – 0:00:20 из 0:03:20"),
    ],
)
def test_a_part_of_a_recording_says_which_part_it_is(browser, live, language, first, then):
    with seen(browser, live, "c_long", language=language) as page:
        assert page.locator("#time-shown").inner_text() == first
        assert first in page.locator("#paper-caption").inner_text()
        page.locator("#later").click()
        wait_until(lambda: then in page.locator("#paper-caption").inner_text(), WAIT_S)
        page.emulate_media(media="print")
        assert then in page.locator("#paper-settings").inner_text()


def test_seconds_have_decimal_commas_and_units_in_russian(browser, live):
    with seen(browser, live, language="ru") as page:
        page.locator("#mode-caliper").click()
        box = page.locator("#ecg").bounding_box()
        page.mouse.move(box["x"] + 200, box["y"] + 200)
        page.mouse.down()
        page.mouse.move(box["x"] + 260, box["y"] + 180, steps=4)
        page.mouse.up()
        assert re.search(r"\d+ мс.*\d,\d\d мВ", page.locator("#caliper-readout").inner_text())
        seconds = page.locator("#ecg .foot-text").all_text_contents()
        assert seconds[:2] == ["0 с", "1 с"]


@pytest.mark.parametrize("screen", ["desk", "upright"])
def test_full_screen(browser, live, screen):
    with seen(browser, live, screen=screen) as page:
        before = page.locator("#ecg").bounding_box()["width"]
        page.locator("#headline").click()
        page.keyboard.press("s")
        page.locator("#viewer.is-full").wait_for()
        wait_until(lambda: page.locator("#ecg").bounding_box()["width"] > before, WAIT_S)
        assert all(inside and whole for inside, whole in in_sight(page).values())
        assert page.locator("#full-screen").get_attribute("aria-pressed") == "true"
        page.keyboard.press("s")
        page.locator("#viewer:not(.is-full)").wait_for()
        wait_until(lambda: page.locator("#ecg").bounding_box()["width"] == pytest.approx(before, abs=1), WAIT_S)


@pytest.mark.parametrize("language", ["en", "ru"])
def test_records_are_reviewed_by_one_key(browser, live, language):
    """`a` agrees and opens the next record of the list; behind the last one stands the list. `?` says so."""
    with faultless_page(browser, language) as page:
        page.goto(f"{live}/patients/a_usual?sort=name")
        drawn(page)
        page.keyboard.press("?")
        assert "agree" in page.locator("#keys").inner_text() or "согласиться" in page.locator("#keys").inner_text()
        page.keyboard.press("a")  # a dialog's keys are its own
        page.keyboard.press("Escape")
        for following in ("b_tall", "c_long"):
            page.keyboard.press("a")
            page.wait_for_url(f"**/patients/{following}?sort=name")
            drawn(page)
        assert "b_tall" in page.locator(".flash").inner_text()
        page.locator("#comment").fill("a")  # a letter in a comment is a letter
        assert page.url.endswith("c_long?sort=name")
        page.locator("#headline").click()
        page.keyboard.press("a")
        page.wait_for_url("**/patients?sort=name")
        assert "c_long" in page.locator(".flash").inner_text()
        items = page.request.get(f"{live}/api/v1/records").json()["items"]
        assert {each["record"]: each["review"] for each in items} == dict.fromkeys(
            ("a_usual", "b_tall", "c_long"), "agree"
        )


@pytest.mark.parametrize("record", ["a_usual", "b_tall"])
def test_the_printed_page_is_one_in_every_layout(browser, live, record):
    """And says how it was drawn; the notice stands on it once."""
    with seen(browser, live, record) as page:
        for is_explained in (False, True):
            if is_explained:
                explain(page)
            for layout in ("3x4", "6x2", "12x1"):
                page.locator(f"#layout-{layout}").click()
                printed = PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True, print_background=True)))
                told = " ".join(unicodedata.normalize("NFKC", printed.pages[0].extract_text()).split())
                assert len(printed.pages) == 1, (layout, is_explained)
                assert "25 mm/s, 10 mm/mV, no filter, as recorded; 10 s" in told
                assert told.count("not a medical device") == 1
