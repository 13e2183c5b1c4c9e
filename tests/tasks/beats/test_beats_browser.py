"""A walk through the page of beats in a real browser: what is sent, what is seen, and whether everybody can use it."""

import base64
import threading

import pytest

from cardiac.errors import RecordError
from tasks.beats import site
from tests.browser import faultless_page, needs_chromium, opened_page, started_chromium
from tests.tasks.beats.made_answer import AT_S, CLASS_AT, made_answer
from webapp import create_app
from webapp.connections import make_server
from webapp.settings import Settings

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def answers():
    """What the process that reads answers by the name of the file: a recording, or why not."""

    def answer(folder, fs_hz=None):
        name = next(path.stem for path in (folder / "given").iterdir())
        if name == "bad":
            raise RecordError("bad.npy: is empty: export it again")
        if name == "odd":
            raise RecordError("odd.npy: is odd: make it even")
        return made_answer(name, beats=name != "still", duration_s=10.0 if name == "short" else 90.0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(site, "read_apart", answer)
        yield


@pytest.fixture(scope="module")
def live(tmp_path_factory, answers):
    """A running server in this process; its address."""
    settings = Settings(data=tmp_path_factory.mktemp("live") / "instance", port=0)
    app = create_app(settings, sites=[site])
    server = make_server(app, settings)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.effective_port}"
    server.close()
    thread.join(10)
    server.task_dispatcher.shutdown()
    app.extensions["store"].database.close()


@pytest.fixture(scope="module")
def browser():
    with started_chromium() as browser:
        yield browser


@pytest.fixture
def page(browser, request):
    """A page in a language, which must log no error but that what was sent was not taken."""
    with faultless_page(browser, getattr(request, "param", "en"), meant="422|ERR_FAILED") as page:
        yield page


def send(page, live, name="made"):
    """Choose a file and have it read."""
    if not page.url.startswith(live):  # else on the page as it is
        page.goto(f"{live}/beats/")
    page.set_input_files(
        "#beats-file", [{"name": f"{name}.npy", "mimeType": "application/octet-stream", "buffer": b"x"}]
    )
    page.locator("#beats-start").click()


def letters(page):
    """The beats that are seen, with their numbers."""
    return {
        int(each.get_attribute("data-beat")): each.text_content()
        for each in page.locator("#beats-ecg [data-beat]").all()
    }


def press(page, key):
    """A key; one of a Russian keyboard, which playwright has not, as the browser tells of it."""
    if key.isascii():
        page.keyboard.press(key)
    else:
        page.locator("body").dispatch_event("keydown", {"key": key})


def chosen(page):
    """Which beat was jumped to, by what is said of it."""
    return int(page.locator("#beats-told").text_content().split("beat ")[1].split(" ")[0]) - 1


@pytest.mark.parametrize("page", ["en", "ru"], indirect=True)
def test_a_recording_is_sent_and_seen(page, live):
    send(page, live)
    page.locator("#beats-ecg .trace").nth(1).wait_for()
    is_english = page.locator("html").get_attribute("lang") == "en"
    assert page.evaluate("document.activeElement.id") == "beats-title"
    assert page.locator("#beats-title").text_content() == "made"
    assert letters(page) == {beat: CLASS_AT.get(beat, "N") for beat in range(12)}
    seen = page.locator("#beats-ecg-title").text_content()
    assert seen.endswith("N N N N N V N N N N N N.")
    assert ("on paper" in seen) == is_english
    assert page.locator(".beats-table tbody td:nth-child(2)").all_text_contents() == ["102", "2", "6", "1", "1"]
    assert page.locator("#beats-runs li").all_text_contents() == [
        "V: 4 beats from 0:00:32.5, 75 per minute" if is_english else "V: 4 подряд с 0:00:32,5, 75 в минуту"
    ]

    assert "111" in page.locator("#beats-histogram-title").text_content()
    assert page.locator("#beats-poincare .beats-fill-V").get_attribute("d").startswith("M")
    drawn = [bool(page.locator(f"#beats-histogram .beats-fill-{name}").get_attribute("d")) for name in "NSVFQ"]
    assert drawn == [True] * 5


def trace_box(page):
    """Of the first lead's trace: left, width and height in hundredths of a millimetre."""
    return page.locator("#beats-ecg .trace").first.evaluate(
        "each => ['x', 'width', 'height'].map((key) => each.getBBox()[key])"
    )


def test_the_strip_is_true_to_the_millimetre(page, live):
    """Ten seconds are 250 mm, and the spike of 1 mV at the first beat 10 mm."""
    send(page, live)
    page.locator("#beats-ecg .trace").nth(1).wait_for()
    sheet = page.locator("#beats-ecg")
    width = float(sheet.get_attribute("viewBox").split()[2])
    assert sheet.bounding_box()["width"] == pytest.approx(width * 96 / 25.4, abs=1)
    trace = trace_box(page)
    assert trace[0] / 100 == pytest.approx(15, abs=0.1)
    assert trace[1] / 100 == pytest.approx(250, abs=0.5)
    assert trace[2] / 100 == pytest.approx(15, abs=0.2)  # the V of 1.5 mV is the tallest
    at_mm = float(page.locator('#beats-ecg [data-beat="5"] text').get_attribute("x"))
    assert at_mm == pytest.approx(15 + AT_S[5] * 25, abs=0.05)
    page.locator('[data-speed="50"]').click()
    page.locator('[data-gain="20"]').click()
    trace = trace_box(page)[1:]
    assert trace == pytest.approx([50_000, 3_000], rel=0.02)
    assert page.locator('[data-speed="50"]').get_attribute("aria-pressed") == "true"


def test_from_beat_to_beat_by_buttons_and_keys(page, live):
    send(page, live)
    page.locator("#beats-ecg .trace").nth(1).wait_for()
    ways = [
        ("v", 5),
        ("v", 40),
        ("v", 41),
        ("Shift+V", 40),
        ("s", 80),
        ("s", 20),
        ("Shift+S", 80),
        ("r", 40),
        ("м", 41),
    ]
    for key, beat in ways:
        press(page, key)
        assert chosen(page) == beat, key
        assert letters(page)[beat] == CLASS_AT[beat]
        assert page.locator("#beats-ecg .beats-chosen").count() == 1
    page.get_by_role("button", name="Next: V").click()
    assert chosen(page) == 42
    page.get_by_role("button", name="Previous: S").click()
    assert chosen(page) == 20
    page.get_by_role("button", name="Next: Run").click()
    assert chosen(page) == 40
    assert "V: 4 beats" in page.locator("#beats-told").text_content()
    page.get_by_role("button", name="Next: Run").click()
    assert "From the other end again" in page.locator("#beats-told").text_content()
    page.locator("#beats-runs button").click()
    assert chosen(page) == 40
    page.locator("#beats-file").focus()
    page.keyboard.press("v")  # of somebody who is at the form: no way
    assert chosen(page) == 40


def test_through_the_time(page, live):
    send(page, live)
    page.locator("#beats-ecg .trace").nth(1).wait_for()
    shown = page.locator("#beats-shown")
    assert shown.text_content() == "0:00:00 to 0:00:10"
    assert page.locator("#beats-earlier").is_disabled()
    page.keyboard.press("]")
    assert shown.text_content() == "0:00:10 to 0:00:20"
    page.locator("#beats-later").click()
    assert shown.text_content() == "0:00:20 to 0:00:30"
    page.keyboard.press("[")
    assert shown.text_content() == "0:00:10 to 0:00:20"
    page.locator("#beats-slider").focus()
    page.keyboard.press("End")
    assert shown.text_content() == "0:01:20 to 0:01:30"
    assert page.locator("#beats-later").is_disabled()
    box = page.locator("#beats-map").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 5)
    assert shown.text_content() == "0:00:40 to 0:00:50"


def test_files_to_keep(page, live):
    send(page, live)
    page.locator("#beats-files").wait_for()
    answer = made_answer()
    for ending, name in (("csv", "beats.csv"), ("json", "beats.json"), ("beats", "made.beats")):
        with page.expect_download() as begun:
            page.locator(f'[data-file="{ending}"]').click()
        assert begun.value.suggested_filename == name
        assert begun.value.path().read_bytes() == base64.b64decode(answer["files"][ending])


def test_a_bad_file_is_a_sentence_and_nothing_is_lost(page, live):
    send(page, live)
    page.locator("#beats-ecg .trace").nth(1).wait_for()
    page.keyboard.press("v")
    send(page, live, "bad")
    page.locator("#beats-error").filter(has_text="bad.npy: is empty: export it again").wait_for()
    assert page.locator("#beats-file").evaluate("each => each.files[0].name") == "bad.npy"
    assert page.locator("#beats-title").text_content() == "made"
    assert chosen(page) == 5
    page.locator("#beats-form").evaluate("each => { each.dataset.mostBytes = 65536; }")
    page.locator("#beats-start").click()
    page.locator("#beats-error").filter(has_text="are taken: send a part").wait_for()
    page.locator("#beats-form").evaluate("each => { each.dataset.mostBytes = 2 ** 26; }")
    page.route("**/beats/read", lambda route: route.fulfill(status=302, headers={"Location": f"{live}/patients"}))
    page.locator("#beats-start").click()
    page.locator("#beats-error").filter(has_text="Your session has ended").wait_for()
    page.unroute("**/beats/read")
    page.route("**/beats/read", lambda route: route.abort())
    page.locator("#beats-start").click()
    page.locator("#beats-error").filter(has_text="could not be reached").wait_for()
    assert page.locator("#beats-title").text_content() == "made"


@pytest.mark.parametrize("page", ["ru"], indirect=True)
def test_what_is_not_translated_is_marked_as_english(page, live):
    send(page, live, "bad")
    error = page.locator("#beats-error")
    error.filter(has_text="файл пуст").wait_for()
    assert error.get_attribute("lang") == "ru"
    send(page, live, "odd")
    error.filter(has_text="odd.npy: is odd: make it even").wait_for()
    assert error.get_attribute("lang") == "en"


@pytest.mark.parametrize(
    ("page", "shown"), [("en", "0 s to 10 s"), ("ru", "с 0 с по 10 с")], indirect=["page"], ids=["en", "ru"]
)
def test_ten_seconds_are_seen_at_once(page, live, shown):
    send(page, live, "short")
    page.locator("#beats-ecg .trace").nth(1).wait_for()
    assert len(letters(page)) == 12
    assert not page.locator("#beats-map").is_visible() and not page.locator("#beats-time").is_visible()
    assert page.locator("#beats-shown").text_content() == shown
    assert shown.split()[-2] in page.locator("#beats-ecg-title").text_content()
    assert page.locator("#beats-chosen").text_content() == (
        "short.npy (0.01 MB)" if shown.endswith("s") else "short.npy (0,01 МБ)"
    )


def test_another_recording_takes_its_place(page, live):
    send(page, live)
    page.locator("#beats-ecg .trace").nth(1).wait_for()
    send(page, live, "still")
    page.locator("#beats-title").filter(has_text="still").wait_for()
    assert page.locator(".beats-none").text_content().startswith("no beats are found")
    assert page.locator("#beats-ecg .trace").count() == 2 and letters(page) == {}
    assert not page.locator("#beats-rr").is_visible() and not page.locator("#beats-runs-card").is_visible()
    assert page.locator("[data-jump]:disabled").count() == 6
    page.keyboard.press("v")
    assert page.locator("#beats-told").text_content() == "There is no V."
    send(page, live, "again")
    page.locator("#beats-title").filter(has_text="again").wait_for()
    page.keyboard.press("v")
    assert chosen(page) == 5
    page.reload()
    assert page.locator("#beats-answer").count() == 0  # it was in the page and nowhere else


def test_without_scripts_the_form_gives_the_counts(browser, live):
    with opened_page(browser, java_script_enabled=False) as page:
        send(page, live)
        page.locator("#beats-answer").wait_for()
        assert page.locator(".beats-table tbody td:nth-child(2)").first.text_content() == "102"
        assert page.locator("noscript p").is_visible() and not page.locator("#beats-viewer").is_visible()


def test_it_can_be_used_by_everybody(browser, live):
    """axe finds nothing, light and dark, wide and narrow, in both languages; and the page is no wider than its window."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    for width, theme, language in (
        (1280, "light", "en"),
        (375, "dark", "ru"),
        (375, "light", "en"),
        (1280, "dark", "ru"),
    ):
        with opened_page(browser, language, width, 800) as page:
            page.context.add_cookies([{"name": "theme", "value": theme, "url": live}])
            send(page, live)
            page.locator("#beats-ecg .trace").nth(1).wait_for()
            page.keyboard.press("v")
            found = axe.run(page)
            assert [each["id"] for each in found.response["violations"]] == [], f"{width} {theme} {language}"
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{width} {language}"
