"""The upload page and the list in a real browser: what was here already, selecting, filters, rings, the API page."""

import io
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pypdf import PdfReader

from tests.browser import needs_chromium, opened_page, started_chromium

pytestmark = needs_chromium
RINGS = (Path(__file__).parent / "rings.js").read_text()
WIDTHS = (1440, 1024, 390)
PATHS = ("/", "/patients", "/login", "/audit", "/nowhere")


@pytest.fixture(scope="module")
def live(tmp_path_factory, root) -> Iterator[str]:
    """A running server with a worker, on which one has loaded the demonstration records; its address."""
    data = tmp_path_factory.mktemp("live") / "instance"
    command = [sys.executable, "webapp/main.py", "--port", "0", "--workers", "1", "--data", str(data)]
    environment = {key: value for key, value in os.environ.items() if key != "DATABASE_URL"}
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True, env=environment) as process:
        yield process.stdout.readline().split()[1]
        process.terminate()


@pytest.fixture(scope="module")
def browser() -> Iterator:
    with started_chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def filled(browser, live) -> str:
    """The same server with the demonstration records, loaded by its one button."""
    with opened_page(browser) as page:
        page.goto(f"{live}/patients")
        page.locator("#demonstration-load").click()
        done(page)
        assert "28 records read" in page.locator("#jobs").inner_text()
        page.reload()
        assert page.locator("#demonstration-load").count() == 0
    return live


@pytest.fixture
def page(browser, request) -> Iterator:
    with opened_page(browser, getattr(request, "param", "en"), accept_downloads=True) as page:
        yield page


def done(page) -> None:
    """Wait until the newest upload has been read."""
    page.locator("#jobs > [data-job]").first.and_(page.locator("[data-state=done]")).wait_for()


def send(page, live, path) -> str:
    """Upload a file and wait; what its card says."""
    page.goto(live)
    n = page.locator("#jobs > [data-job]").count()
    page.locator("#file").set_input_files(path)
    page.locator("#upload-start").click()
    page.locator("#jobs > [data-job]").nth(n).wait_for()
    done(page)
    told = page.locator("#jobs > [data-job]").first.inner_text()
    page.reload()
    assert page.locator("#jobs > [data-job]").first.inner_text() == told  # the server writes it as the script did
    return told


@pytest.mark.parametrize("page", ["en", "ru"], indirect=True)
def test_an_upload_says_what_was_here_and_what_was_renamed(page, filled, root, tmp_path):
    language = page.evaluate("navigator.language")[:2]
    told = send(page, filled, root / "public_data/test/sim_04.npy")
    assert {"en": ["1 was here already", "sim_04 is here already."], "ru": ["1 уже была здесь", "sim_04 уже есть."]}[
        language
    ] == [line for line in told.splitlines() if "sim_04 " in line or line.startswith("1 ")]
    other = shutil.copy(root / "public_data/test/sim_05.npy", tmp_path / "sim_04.npy")
    told = send(page, filled, other)
    name = page.locator("#jobs a", has_text="sim_04 (2)").first
    assert name.get_attribute("href") == "/patients/sim_04%20(2)"
    if language == "en":
        assert "“sim_04” is the name of another recording: this one was stored as sim_04 (2)." in told
        assert "“sim_04” is the same recording as sim_05, and was stored as well." in told
    page.request.delete(f"{filled}/api/v1/records/sim_04%20(2)")


def chosen(page) -> list[str]:
    return page.locator(".row-pick input:checked").evaluate_all("boxes => boxes.map((box) => box.value)")


def names(page) -> list[str]:
    return page.locator(".row-name a").all_inner_texts()


def test_records_are_selected_by_mouse_and_by_keys(page, filled):
    page.goto(f"{filled}/patients")
    listed, boxes = names(page), page.locator(".row-pick input")
    assert listed == [f"sim_{n:02}" for n in range(1, 29)]  # in the order of their upload
    assert not page.locator("#selected-actions").is_visible()
    boxes.nth(2).click()
    boxes.nth(5).click(modifiers=["Shift"])
    assert chosen(page) == listed[2:6] and page.locator("#selected-count").inner_text() == "4 selected"
    boxes.nth(4).click(modifiers=["Shift"])  # from 5 back to 4: as the last one, which is cleared
    assert chosen(page) == listed[2:4]
    page.keyboard.press("Escape")
    assert chosen(page) == [] and not page.locator("#selected-actions").is_visible()
    boxes.nth(0).focus()
    page.keyboard.press("Space")
    for key in ("ArrowDown", "ArrowDown", "Shift+Space"):
        page.keyboard.press(key)
    assert chosen(page) == listed[:3]
    page.keyboard.press("Shift+ArrowDown")
    assert chosen(page) == listed[:4]
    page.locator(".row-name a").nth(9).focus()
    page.keyboard.press("x")
    assert chosen(page) == [*listed[:4], listed[9]]
    page.locator("#pick-all").check()
    assert len(chosen(page)) == 28
    page.locator("#q").fill("_1")
    page.locator("#rows .row").nth(10).wait_for(state="detached")
    assert names(page) == [f"sim_{n}" for n in range(10, 20)] and chosen(page) == []
    page.locator(".row-name a").first.click()
    page.locator("#headline").wait_for()  # the rest of a row still leads to its record


@pytest.mark.parametrize("page", ["en", "ru"], indirect=True)
def test_what_is_selected_is_exported_printed_and_deleted(page, filled, root):
    page.goto(f"{filled}/patients?sort=name")
    for n in (0, 2, 3):
        page.locator(".row-pick input").nth(n).check()
    with page.expect_download() as saved:
        page.locator("#selected-print").click()
    pages = PdfReader(io.BytesIO(saved.value.path().read_bytes())).pages
    assert [name for name, each in zip(("sim_01", "sim_03", "sim_04"), pages, strict=True) if name in each.extract_text()] == [
        "sim_01", "sim_03", "sim_04",
    ]  # fmt: skip
    with page.expect_download() as saved:
        page.locator("#selected-export").click()
    with zipfile.ZipFile(saved.value.path()) as packed:
        assert sum(each.startswith("signals/") for each in packed.namelist()) == 3
    page.locator("#selected-delete").click()
    assert page.locator("#delete-selected-names").inner_text() == "sim_01, sim_03, sim_04"
    page.locator("#delete-selected [data-close]").click()
    assert len(chosen(page)) == 3
    page.locator("#selected-delete").click()
    page.locator("#delete-selected-submit").click()
    page.locator(".flash-done").wait_for()
    assert page.url.endswith("/patients?sort=name") and names(page)[:2] == ["sim_02", "sim_05"]
    send(page, filled, [root / f"public_data/test/sim_{n}.npy" for n in ("01", "03", "04")])


def test_without_scripts_one_selects_as_well(browser, filled):
    with opened_page(browser, java_script_enabled=False, accept_downloads=True) as page:
        page.goto(f"{filled}/patients")
        page.locator(".row-pick input").nth(1).check()
        with page.expect_download() as saved:
            page.locator("#selected-export").click()
        assert saved.value.suggested_filename == "records.zip"


def test_delete_everything_stands_apart(page, filled):
    """Below the list and far from what is pressed every day; it asks for a word."""
    page.goto(f"{filled}/patients")
    export, delete = (page.locator(each).bounding_box() for each in ("#export", "#delete-open"))
    rows = page.locator("#rows").bounding_box()
    assert delete["y"] > rows["y"] + rows["height"] > export["y"] + export["height"]
    page.locator("#delete-open").click()
    assert page.locator("#delete-submit").is_disabled()
    page.keyboard.press("Escape")


CUT = """selects => selects.filter((select) => {
  const canvas = document.createElement('canvas').getContext('2d');
  const style = getComputedStyle(select);
  canvas.font = style.font;
  const widest = Math.max(...[...select.options].map((option) => canvas.measureText(option.text).width));
  const room = select.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  return widest > room;
}).map((select) => select.name)"""


@pytest.mark.parametrize("width", [*WIDTHS, 800, 320])
@pytest.mark.parametrize("page", ["en", "ru"], indirect=True)
def test_no_filter_is_cut_off(page, filled, width):
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{filled}/patients?sort=-probability")
    assert page.locator(".filter select").evaluate_all(CUT) == []
    labels = page.locator(".filter label").evaluate_all(
        "all => all.filter((each) => each.scrollWidth > each.clientWidth).length"
    )
    assert labels == 0 and page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("page", ["en", "ru"], indirect=True)
def test_everybody_can_use_the_list_and_sees_where_the_focus_is(page, filled, theme):
    """axe finds nothing, also where records are selected and a dialog is open; and rings are whole."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page.context.add_cookies([{"name": "theme", "value": theme, "url": filled}])
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        for path in PATHS:
            page.goto(filled + path)
            if path == "/patients":
                page.locator(".row-pick input").nth(1).check()
                page.locator("#export summary").click()
            assert violations(axe, page) == [], f"{path} {width} {theme}"
            assert cut_rings(page) == [], f"{path} {width}"
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{path} {width}"
        page.goto(f"{filled}/patients")
        page.locator(".row-pick input").nth(1).check()
        page.locator("#selected-delete").click()
        assert violations(axe, page) == [], f"dialog {width} {theme}"


def cut_rings(page) -> list[str]:
    """As rings.js, for somebody who goes through the page by keys."""
    page.keyboard.press("Tab")
    return page.evaluate(RINGS)


def violations(axe, page) -> list[str]:
    return [each["id"] for each in axe.run(page).response["violations"]]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("page", ["en", "ru"], indirect=True)
def test_everybody_can_use_the_api_page(page, filled, theme):
    """Closed, opened and tried; and it has the page's own colours."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page.context.add_cookies([{"name": "theme", "value": theme, "url": filled}])
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(f"{filled}/api/docs")
        page.locator(".opblock").nth(20).wait_for()
        assert violations(axe, page) == [], f"{width} {theme}"
        for n in range(4):
            page.locator(".opblock-summary-control").nth(n).click()
        page.locator("section.models .model-box-control").nth(3).click()
        page.locator(".try-out__btn").nth(1).click()
        page.locator(".execute").click()
        page.locator(".live-responses-table, .errors-wrapper, .invalid").first.wait_for()
        assert violations(axe, page) == [], f"open {width} {theme}"
        assert cut_rings(page) == [], f"{width}"
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert page.locator("pre").evaluate_all("all => all.every((each) => each.tabIndex === 0)")
    brightness = page.locator(".opblock").first.evaluate(
        "each => Math.max(...getComputedStyle(each).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number))"
    )
    assert (brightness < 80) == (theme == "dark")
