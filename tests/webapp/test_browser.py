"""A person's whole way through the site, in a real browser, in both languages; and whether everybody can use it."""

import json
import math
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cardiac.leads import LEADS
from inference import main as read_by_command_line
from tasks.mi.labels import COLUMNS
from tests.browser import WAIT_MS, faultless_page, needs_chromium, started_chromium
from tests.patience import wait_until

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def live(tmp_path_factory, root) -> Iterator[str]:
    """A running server with its workers; its address."""
    folder = tmp_path_factory.mktemp("live")
    command = [sys.executable, "webapp/main.py", "--port", "0", "--data", str(folder / "instance")]
    environment = {key: value for key, value in os.environ.items() if key != "DATABASE_URL"}
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True, env=environment) as process:
        yield process.stdout.readline().split()[1]
        process.terminate()


@pytest.fixture(scope="module")
def browser() -> Iterator:
    with started_chromium() as browser:
        yield browser


@pytest.fixture
def page(browser, request) -> Iterator:
    """A page in a language, which must log no error."""
    with faultless_page(browser, getattr(request, "param", "en")) as page:
        yield page


@pytest.fixture(scope="module")
def demonstration(tmp_path_factory, root) -> tuple[Path, Path]:
    """A zip of the demonstration records, and what inference.py writes for them."""
    folder = tmp_path_factory.mktemp("demonstration")
    packed = shutil.make_archive(str(folder / "demo"), "zip", root / "public_data/test")
    assert read_by_command_line([str(root / "public_data"), "--out", str(folder / "results")]) == 0
    return Path(packed), folder / "results"


def upload(page, live, archive) -> None:
    """Send an archive on the first page and wait until it has been read, leaving the page meanwhile."""
    page.goto(live)
    page.locator("#file").set_input_files(archive)
    page.locator("#upload-start").click()
    page.locator("#jobs > [data-job]").first.wait_for()
    page.goto(f"{live}/patients")
    page.goto(live)
    page.locator("#jobs > [data-job]").first.and_(page.locator("[data-state=done]")).wait_for()


def drag(page, mm_per_px, start_mm, end_mm) -> None:
    """Draw a caliper on the paper between two places, in millimetres from its corner."""
    box = page.locator("#ecg").bounding_box()
    at = [(box["x"] + x / mm_per_px, box["y"] + y / mm_per_px) for x, y in (start_mm, end_mm)]
    page.mouse.move(*at[0])
    page.mouse.down()
    page.mouse.move(*at[1], steps=5)
    page.mouse.up()


def measured(page) -> tuple[float, float]:
    caliper = page.locator("#caliper")
    return float(caliper.get_attribute("data-ms")), float(caliper.get_attribute("data-mv"))


@pytest.mark.parametrize("page", ["en", "ru"], indirect=True)
def test_the_whole_way(page, live, demonstration):
    archive, results = demonstration
    russian = page.evaluate("navigator.language").startswith("ru")
    upload(page, live, archive)
    assert "28" in page.locator("#jobs [data-part=read]").first.inner_text()

    page.goto(f"{live}/patients")
    assert page.locator("#rows .row").count() == 28
    page.locator("#q").fill("sim_04")
    page.locator("#rows .row").nth(1).wait_for(state="detached")
    assert page.locator(".row-name a").all_inner_texts() == ["sim_04"]
    page.locator("#q").fill("")
    page.locator("#rows .row").nth(27).wait_for()
    written = json.loads((results / "findings.json").read_text())
    inferior = [each["record"] for each in written if each["localizations"]["inferior"]["present"]]
    page.locator("#filter-site").select_option("inferior")
    page.locator("#rows .row").nth(len(inferior)).wait_for(state="detached")
    assert sorted(page.locator(".row-name a").all_inner_texts()) == sorted(inferior)

    page.locator(".row-name a", has_text="sim_04").click()
    page.locator("#ecg .trace[data-lead=V6]").wait_for()
    assert (COLUMNS["inferior"] if russian else "inferior") in page.locator("#headline").inner_text()
    check_calipers(page)
    page.locator("#evidence-toggle").click()
    page.locator(".weight[data-lead=aVF]").first.wait_for()
    assert page.locator("#evidence-rows tr").count() == 12
    check_signs(page, "ru" if russian else "en")
    for ending, mark in (("pdf", b"%PDF"), ("png", b"\x89PNG")):  # drawn by a worker meanwhile
        with page.expect_download() as saved:
            page.locator(f"a[download='sim_04.{ending}']").click()
        assert saved.value.path().read_bytes().startswith(mark)

    page.locator("#review [name=verdict][value=correct]").check()
    page.locator("#review [name=sites][value=inferior]").uncheck()  # what was found is ticked
    page.locator("#review [name=sites][value=anterior]").check()
    page.locator("#comment").fill("<b>looked at</b>")
    page.locator("#review .button-primary").click()
    page.locator(".flash").first.wait_for()
    assert page.locator("main").inner_text().count("<b>looked at</b>") == 1
    labels = page.request.get(f"{live}/api/v1/export/labels.csv").text().splitlines()
    assert labels[1:] == ["sim_04,0,1,0,0,0,0,0"]

    submission = page.request.get(f"{live}/api/v1/export.csv").body()
    assert submission == (results / "submission.csv").read_bytes()
    assert page.request.get(f"{live}/api/v1/records/sim_04").json() == next(
        each for each in written if each["record"] == "sim_04"
    )
    delete_all(page, live)


def check_signs(page, language) -> None:
    """In the reader's language, with its decimals, and no line breaks before a unit."""
    signs = page.locator("#signs li span:not(.muted)")
    said = " ".join(signs.all_inner_texts())
    wanted = {"en": "\u00a0mV deep in II, III and aVF", "ru": "\u00a0мВ во II, III и aVF"}[language]
    assert wanted in said and bool(re.search("[а-я]", said)) == (language == "ru")
    assert page.locator("#signs [lang]").count() == (signs.count() if language == "en" else 0)
    value = page.locator("#signs .muted").first.inner_text()
    assert re.fullmatch(r"\+\d\.\d\d" if language == "en" else r"\+\d,\d\d", value)


@pytest.mark.parametrize("page", ["ru"], indirect=True)
def test_signs_of_an_earlier_version_are_english(page, live, root):
    """They have no arguments from which they could be said in Russian; a screen reader is told."""

    def answer_old(route):
        document = route.fetch().json()
        for each in document.get("evidence", {}).values():
            each["measurements"] = [{"text": "Q 44 ms wide in III", "value": 1.5}]
        route.fulfill(json=document, status=200 if "evidence" in document else 202)

    upload(page, live, root / "public_data/test/sim_04.npy")
    page.route("**/evidence*", answer_old)
    page.goto(f"{live}/patients/sim_04")
    page.locator("#evidence-toggle").click()
    page.locator("#signs li").wait_for()
    assert page.locator("#signs span[lang=en]").all_inner_texts() == ["Q 44\u00a0ms wide in III"]
    delete_all(page, live)


@pytest.mark.parametrize("page", ["en", "ru"], indirect=True)
def test_an_upload_is_cancelled_by_the_keyboard(page, live, root, tmp_path):
    """The focus goes on to where the button was, and a screen reader hears of it."""
    recording = root / "public_data/test/sim_04.npy"
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        for place in range(300):
            archive.write(recording, f"r{place:03}.npy")
    page.goto(live)
    page.locator("#file").set_input_files(tmp_path / "many.zip")
    page.locator("#upload-start").click()
    card = page.locator("#jobs > [data-job]").first
    # The upload's own card, not that of one before it.
    card.and_(page.locator("[data-state=queued], [data-state=running]")).wait_for()
    button = card.locator("[data-part=cancel-button]")
    button.focus()
    page.keyboard.press("Enter")
    card.and_(page.locator("[data-state=cancelled]")).wait_for()
    assert "many.zip" in button.get_attribute("aria-label") and not button.is_visible()
    told = {"en": "Cancelled", "ru": "Отменено"}[page.evaluate("document.documentElement.lang")]
    page.locator("#announce").filter(has_text=told).wait_for(state="attached")
    assert told in card.inner_text()
    card.locator("[data-part=name]:focus").wait_for()  # when the page is done, however busy the machine is
    page.reload()
    assert told in page.locator("#jobs > [data-job]").first.inner_text()
    assert page.request.get(f"{live}/api/v1/jobs").json()["items"][0]["done"] < 300
    page.goto(f"{live}/patients")
    if page.locator("#delete-open").count():
        delete_all(page, live)


def check_calipers(page) -> None:
    """One big square is 200 ms and 0.5 mV at 25 mm/s and 10 mm/mV, half of that and twice of that at others."""
    page.locator("#mode-caliper").click()
    mm_per_px = 25.4 / 96
    for speed, gain, expected in ((25, 10, (1_000, 1.0)), (50, 10, (500, 1.0)), (25, 20, (1_000, 0.5))):
        page.locator(f"#speed-{speed}").click()
        page.locator(f"#gain-{gain}").click()
        page.locator("#zoom-value").click()
        page.locator("#ecg .trace[data-lead=V6]").wait_for()
        drag(page, mm_per_px, (60, 40), (85, 50))
        ms, mv = measured(page)
        assert ms == pytest.approx(expected[0], rel=0.02) and abs(mv) == pytest.approx(expected[1], rel=0.03)
        page.locator("#caliper").evaluate("element => element.focus({ preventScroll: true })")
        page.keyboard.press("Escape")
    page.locator("#speed-25").click()
    page.locator("#gain-10").click()


@pytest.mark.parametrize("page", ["en", "ru"], indirect=True)
def test_the_median_beat_and_its_marks(page, live, root):
    """Twelve plots and one of all leads; marks lie where the beats do, at any speed, and stay on or off."""
    upload(page, live, root / "public_data/test/sim_04.npy")
    page.goto(f"{live}/patients/sim_04")
    page.locator("#beats-leads .beat-trace").nth(11).wait_for()
    assert page.locator("#beats-leads .name").all_text_contents() == [*LEADS]
    assert page.locator("#beats-overlay .beat-trace").count() == 12
    document = page.request.get(f"{live}/api/v1/records/sim_04").json()["measurements"]
    label = page.locator("#beats-overlay svg").get_attribute("aria-label")
    assert str(document["pr_ms"]) in label and str(document["qt_ms"]) in label
    assert page.locator("#ecg .mark").count() == 0 and not page.locator("#marks").is_visible()
    beat = page.request.get(f"{live}/api/v1/records/sim_04/beat").json()["beat"]
    places = [beat["fiducials_ms"][name] / 1_000 for name in ("qrs_onset", "qrs_end")]
    edges = [at + place for place in places for at in beat["at_s"]]
    page.locator("#marks-toggle").click()
    for speed in (25, 50):
        page.locator(f"#speed-{speed}").click()
        page.locator("#ecg .mark-qrs").wait_for(state="attached")
        assert marked(page, "qrs") == pytest.approx(
            [15 + edge * speed for edge in edges for _row in range(4)], abs=0.01
        )
    page.locator("#speed-25").click()
    page.reload()
    page.locator("#ecg .mark-qrs").wait_for(state="attached")  # as it was left
    assert page.locator("#marks").is_visible()
    page.keyboard.press("f")
    page.locator("#ecg .mark-qrs").wait_for(state="detached")
    page.reload()
    page.locator("#ecg .trace[data-lead=V6]").wait_for()
    assert page.locator("#marks-toggle").get_attribute("aria-pressed") == "false"
    delete_all(page, live)


def marked(page, kind) -> list[float]:
    """Where marks of a kind stand, in millimetres from the left, in every row."""
    path = page.locator(f"#ecg .mark-{kind}").get_attribute("d")
    return [float(each) for each in re.findall(r"M([\d.]+)", path)]


def test_a_beat_that_cannot_be_fetched_is_said_and_asked_for_again(browser, live, root):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    upload(page, live, root / "public_data/test/sim_04.npy")
    page.route("**/beat", lambda route: route.abort())
    page.goto(f"{live}/patients/sim_04")
    page.locator("#beats-error").filter(has_text="could not be fetched").wait_for()
    page.locator("#marks-toggle").click()
    page.locator("#marks-error").filter(has_text="could not be fetched").wait_for()
    assert page.locator("#ecg .trace[data-lead=V6]").is_visible()
    page.unroute("**/beat")
    page.locator("#marks-toggle").click()
    page.locator("#marks-toggle").click()
    page.locator("#ecg .mark-qrs").wait_for(state="attached")
    assert not page.locator("#marks-error").is_visible()
    delete_all(page, live)
    context.close()


def seconds_wide(page) -> float:
    """The width of the rhythm strip at 25 mm/s; NaN at a moment when it is being drawn again."""
    box = page.locator("#ecg .trace[data-lead=II]").last.bounding_box()
    return box["width"] * 25.4 / 96 / 25 if box else math.nan


def delete_all(page, live) -> None:
    page.goto(f"{live}/patients")
    page.locator("#delete-open").click()
    word = {"en": "delete", "ru": "удалить"}[page.evaluate("document.documentElement.lang")]
    page.locator("#confirm").fill(word[:-1])
    assert page.locator("#delete-submit").is_disabled()
    page.locator("#confirm").fill(word)
    page.locator("#delete-submit").click()
    page.locator(".empty").wait_for()
    assert page.request.get(f"{live}/api/v1/records").json()["total"] == 0


def test_everybody_can_use_it(browser, live, root):
    """axe finds nothing on any page, light and dark, wide and narrow; and no page is wider than its window."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    upload(page, live, root / "public_data/test/sim_04.npy")
    for width, theme in ((1280, "light"), (375, "dark")):
        page.set_viewport_size({"width": width, "height": 800})
        context.add_cookies([{"name": "theme", "value": theme, "url": live}])
        for path in ("/", "/patients", "/patients/sim_04", "/audit", "/login", "/nowhere"):
            page.goto(live + path)
            if path == "/patients/sim_04":
                page.locator("#ecg .trace[data-lead=V6]").wait_for()
                page.locator("#evidence-toggle").click()
                page.locator(".weight").first.wait_for()
                page.locator("#beats-leads .beat-trace").nth(11).wait_for()
                if page.locator("#tools-toggle").is_visible():
                    page.locator("#tools-toggle").click()
                if page.locator("#marks-toggle").get_attribute("aria-pressed") == "false":
                    page.locator("#marks-toggle").click()
                page.locator("#ecg .mark-t").wait_for(state="attached")
                if width < 960:  # open where there is room
                    page.locator(".leads-table summary").click()
            found = axe.run(page)
            assert [each["id"] for each in found.response["violations"]] == [], f"{path} {width} {theme}"
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{path} {width}"
    delete_all(page, live)
    context.close()


def test_the_printed_page_is_true_to_the_millimetre(browser, live, root):
    """One page of A4, with the evidence as well; the sheet's ten seconds at 25 mm/s are 250 mm wide."""
    from io import BytesIO

    from pypdf import PdfReader

    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    upload(page, live, root / "public_data/test/sim_04.npy")
    page.goto(f"{live}/patients/sim_04")
    page.locator("#ecg .trace[data-lead=V6]").wait_for()
    printed = PdfReader(BytesIO(page.pdf(prefer_css_page_size=True, print_background=True)))
    assert len(printed.pages) == 1
    width, height = (float(each) * 25.4 / 72 for each in printed.pages[0].mediabox[2:])
    assert (round(width), round(height)) == (297, 210)
    told = printed.pages[0].extract_text()
    assert "sim_04" in told and "not a medical device" in told and "QTc" in told and "Measurements" not in told
    page.locator("#evidence-toggle").click()
    page.locator("#signs li").first.wait_for()
    printed = PdfReader(BytesIO(page.pdf(prefer_css_page_size=True, print_background=True)))
    assert len(printed.pages) == 1 and "in II, III and aVF" in printed.pages[0].extract_text()
    page.locator("#evidence-toggle").click()
    page.emulate_media(media="print")
    page.locator("#ecg .trace[data-lead=II]").last.wait_for()
    wait_until(lambda: seconds_wide(page) == pytest.approx(10, rel=0.01), WAIT_MS / 1_000)  # drawn again for the paper
    delete_all(page, live)
    context.close()
