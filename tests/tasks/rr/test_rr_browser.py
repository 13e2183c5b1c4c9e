"""A walk through the page of RR intervals in a real browser: what is sent, what is seen, and whether everybody can use it."""

import csv
import io
import json
import threading

import pytest

from tasks.rr import answers, site
from tasks.rr.detector import load_detector
from tests.browser import faultless_page, needs_chromium, opened_page, started_chromium
from webapp import create_app
from webapp.connections import make_server
from webapp.settings import Settings

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    """A running server in this process, which reads for itself; its address."""
    detector = load_detector()

    def answer(folder, fs_hz=None):
        return json.loads(json.dumps(answers.read_files(folder, fs_hz, detector)))

    settings = Settings(data=tmp_path_factory.mktemp("live") / "instance", port=0)
    app = create_app(settings, sites=[site], apis=[])
    server = make_server(app, settings)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(site, "read_apart", answer)
        yield f"http://127.0.0.1:{server.effective_port}"
    server.close()
    thread.join(1)
    server.task_dispatcher.shutdown()
    app.extensions["store"].database.close()


@pytest.fixture(scope="module")
def browser():
    with started_chromium() as browser:
        yield browser


@pytest.fixture
def page(browser, request, live):
    """The page with the simulated studies, in a language; it must log no error but that what was sent was not taken."""
    with faultless_page(browser, getattr(request, "param", "en"), meant="422") as page:
        page.goto(f"{live}/rr/")
        page.locator("#rr-sample").click()
        page.locator("#rr-chart svg").wait_for()
        yield page


def counts(page):
    """Intervals, anomalies, runs and errors, as they are told."""
    return [int(each.split(": ")[1]) for each in page.locator("#rr-chart-name").text_content().split(", ")]


@pytest.mark.parametrize("page", ["en", "ru"], indirect=True)
def test_a_study_is_seen_with_its_anomalies(page):
    n, anomalies, runs, errors = counts(page)
    assert page.evaluate("document.activeElement.id") == "rr-title"
    assert page.locator("#rr-chart .rr-anomaly").count() == anomalies > 0
    assert page.locator("#rr-chart .rr-shade").count() == page.locator("#rr-runs tr").count() == runs
    assert page.locator("#rr-study option").count() == len(site.SAMPLE_SEEDS)
    seen = page.locator("#rr-chart svg").get_attribute("aria-label")
    assert str(anomalies) in seen and n > errors
    assert ("anomalies" in seen) == (page.locator("html").get_attribute("lang") == "en")


def test_the_threshold_moves_anomalies_runs_and_tables(page):
    before = counts(page)
    page.locator("#rr-threshold").fill("5")
    lower = counts(page)
    assert lower[1] > before[1]
    assert page.locator("#rr-chart .rr-anomaly").count() == lower[1]
    with page.expect_download() as kept:
        page.locator("[data-file='intervals.csv']").click()
    assert kept.value.suggested_filename == "intervals_at_5_percent.csv"
    rows = list(csv.DictReader(io.StringIO(kept.value.path().read_text(encoding="utf-8"))))
    own = [row for row in rows if row["id"] == f"simulated-{site.SAMPLE_SEEDS[0]}"]
    assert sum(int(row["anomaly"]) for row in own) == lower[1]
    page.locator("#rr-threshold").fill("99")
    assert counts(page)[1] == 0 and page.locator("#rr-none").is_visible() and not page.locator("#rr-table").is_visible()
    page.locator("#rr-reset").click()
    assert counts(page) == before and page.locator("#rr-reset").is_disabled()


def test_at_the_detector_s_threshold_both_ways_of_making_tables_agree(page):
    """What the server wrote, and what the browser makes at the slider's own percent of the same decisions."""
    with page.expect_download() as kept:
        page.locator("[data-file='runs.csv']").click()
    assert kept.value.suggested_filename == "runs.csv"
    ours = list(csv.DictReader(io.StringIO(kept.value.path().read_text(encoding="utf-8"))))
    made = page.evaluate(
        """async () => {
            const { runsTable } = await import("/rr/static/study.js");
            const [time, told] = [[1, 2, 3, 4, 5], [0, 9000, 8000, 100, 9000]];
            return runsTable([{ id: '=a,"b"', time, marked: told }, { id: "-3", time, marked: told }],
                             "marked", 5000);
        }"""
    )
    lines = made.splitlines()
    assert lines[0] == ",".join(ours[0])
    assert lines[1:3] == ['"\'=a,""b""",2,3,2,0.85', '"\'=a,""b""",5,5,1,0.9'] and lines[3].startswith("-3,")
    assert len(ours) >= counts(page)[2]


def test_another_study_and_every_place(page):
    first = counts(page)
    page.select_option("#rr-study", "1")
    assert counts(page) != first
    page.locator("#rr-every").check()
    assert page.locator("#rr-reset").is_enabled()
    with page.expect_download() as kept:
        page.locator("[data-file='runs.csv']").click()
    assert kept.value.suggested_filename.endswith("_every.csv")


def test_zoom_and_runs_by_buttons_and_keys(page):
    def span():
        return page.locator("#rr-chart svg").get_attribute("aria-label")

    whole = span()
    page.locator("#rr-in").click()
    near = span()
    assert near != whole
    page.locator("#rr-chart").focus()
    page.keyboard.press("End")
    assert span() != near
    page.keyboard.press("-")
    page.keyboard.press("-")
    assert span() == whole
    page.locator("#rr-runs button").first.click()
    assert page.evaluate("document.activeElement.id") == "rr-chart" and page.locator("#rr-chart .rr-shade").count() >= 1
    page.locator("#rr-all").click()
    assert span() == whole
    box = page.locator("#rr-chart").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 80)
    assert page.locator("#rr-told").text_content().endswith("%")


def test_a_bad_file_is_a_sentence_and_nothing_is_lost(page):
    before = counts(page)
    bad = {"name": "bad.csv", "mimeType": "text/csv", "buffer": b"id,x\n1,abc\n"}
    page.set_input_files("#rr-file", [bad])
    page.locator("#rr-start").click()
    page.get_by_text("line 2: 'abc' is no number").wait_for()
    assert counts(page) == before
    page.set_input_files("#rr-file", [])
    page.locator("#rr-start").click()
    assert page.locator("#rr-error").text_content() == "Choose a file first."


def test_a_file_takes_the_place_of_the_sample(page):
    good = {"name": "mine.csv", "mimeType": "text/csv", "buffer": b"rr_ms\n" + b"800\n804\n" * 30}
    page.set_input_files("#rr-file", [good])
    page.locator("#rr-start").click()
    page.locator("#rr-title", has_text="mine.csv").wait_for()
    assert counts(page)[0] == 60


def test_it_can_be_used_by_everybody(browser, live):
    """axe finds nothing, light and dark, wide and narrow, in both languages; and the page is no wider than its window."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    kinds = ((1440, "light", "en"), (390, "dark", "ru"), (390, "light", "en"), (1024, "dark", "ru"))
    for width, theme, language in kinds:
        with opened_page(browser, language, width, 800) as page:
            page.context.add_cookies([{"name": "theme", "value": theme, "url": live}])
            page.goto(f"{live}/rr/")
            page.locator("#rr-sample").click()
            page.locator("#rr-chart svg").wait_for()
            found = axe.run(page)
            assert [each["id"] for each in found.response["violations"]] == [], f"{width} {theme} {language}"
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{width} {language}"
