"""The pages about the program and those of users, in a real browser: everybody can use, read and print them."""

import json
import sqlite3
from io import BytesIO

import pytest

from tests.browser import faultless_page, needs_chromium, opened_page, started_chromium
from tests.webapp.servers import PASSWORD, command, running
from tests.webapp.test_closest_site import HEADLINE, RULE, closest

pytestmark = needs_chromium
ABOUT = ["/how-good", "/model-card", "/help"]
SIZES = [(1440, "light"), (1024, "dark"), (390, "light"), (390, "dark")]


@pytest.fixture(scope="module")
def live(tmp_path_factory, root):
    """A server of this machine with a record whose closest site is named."""
    data = tmp_path_factory.mktemp("live") / "instance"
    with running(data, "--workers", "1") as server:
        server.ended(server.send(("a.npy", (root / "public_data/test/sim_04.npy").read_bytes())))
        with sqlite3.connect(data / "cardiac.db") as database:
            [[document]] = database.execute("SELECT document FROM records")
            database.execute("UPDATE records SET document = ?", [json.dumps(closest(json.loads(document)))])
        database.close()
        yield server.address


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A server for others with an admin; browsers take localhost for as good as https."""
    data = tmp_path_factory.mktemp("shared") / "instance"
    command(data, "user", "add", "ada", "--role", "admin", "--workspace", "clinic")
    command(data, "user", "add", "rita", "--role", "reader", "--workspace", "clinic")
    command(data, "user", "token", "rita", "--label", "nightly export")
    with running(data, "--workers", "0", "--host", "0.0.0.0") as server:
        yield server.address.replace("127.0.0.1", "localhost")


@pytest.fixture(scope="module")
def browser():
    with started_chromium() as browser:
        yield browser


def log_in(page, address, name, password=PASSWORD):
    page.goto(f"{address}/login")
    page.locator("#name").fill(name)
    page.locator("#password").fill(password)
    page.locator("#login-form button").click()
    page.locator(".who-name", has_text=name).wait_for()


def check_use(page, where):
    """axe finds nothing, and the page is no wider than its window."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    assert [(each["id"], each["nodes"][0]["html"][:90]) for each in axe.run(page).response["violations"]] == [], where
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), where


def at_sizes(page, address):
    """The page's window in every size and theme."""
    for width, theme in SIZES:
        page.set_viewport_size({"width": width, "height": 900})
        page.context.add_cookies([{"name": "theme", "value": theme, "url": address}])
        yield width, theme


@pytest.mark.parametrize("language", ["en", "ru"])
def test_everybody_can_use_the_pages_about_it(browser, live, language):
    with faultless_page(browser, language) as page:
        for size in at_sizes(page, live):
            for path in ABOUT:
                page.goto(live + path)
                check_use(page, f"{path} {language} {size}")


@pytest.mark.parametrize("language", ["en", "ru"])
def test_they_are_found_and_printed(browser, live, language):
    from pypdf import PdfReader

    notice = {"en": "not a medical device", "ru": "не является медицинским изделием"}[language]
    with faultless_page(browser, language) as page:
        for path in ABOUT:
            page.goto(live)
            page.locator(f".site-foot a[href='{path}']").click()
            page.locator("h1").wait_for()
            assert page.url == live + path
            page.wait_for_load_state()  # with the style sheet of what is printed
            printed = PdfReader(BytesIO(page.pdf(format="A4")))
            told = " ".join(" ".join(each.extract_text().split()) for each in printed.pages)
            assert 1 <= len(printed.pages) <= 9 and notice in told, path
            assert page.locator(".site-nav a").first.inner_text() not in told.split(notice)[0]  # without the navigation


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_closest_site_is_understood_at_a_glance(browser, live, language):
    with faultless_page(browser, language) as page:
        for size in at_sizes(page, live):
            page.goto(f"{live}/patients/a")
            page.locator("#ecg .trace[data-lead=V6]").wait_for()
            assert page.locator("#headline").inner_text() == HEADLINE[language]
            assert page.locator("#closest").inner_text() == RULE[language]
            bars = page.locator("#sites .bar")
            assert bars.count() == 6 and page.locator("#sites .bar-closest").count() == 1
            edges = bars.first.evaluate(
                "bar => ['.bar-fill', '.bar-threshold'].map(each => bar.querySelector(each).getBoundingClientRect().right)"
            )
            assert edges[0] < edges[1]  # the bar ends short of its threshold
            check_use(page, f"{language} {size}")


@pytest.mark.parametrize("language", ["en", "ru"])
def test_an_admin_lets_somebody_in_and_closes_them(browser, shared, language):
    name = f"nina {language}"
    with faultless_page(browser, language, meant="410") as page, opened_page(browser, language) as other:
        log_in(page, shared, "ada")
        page.locator(".site-nav a[href='/users']").click()
        page.locator("#name").fill(name)
        page.locator("#role").select_option("reviewer")
        page.locator("#add-form button").click()
        link = page.locator("#link").inner_text()
        other.goto(link)
        other.locator("#password").fill("a wholly new password")
        other.locator("#again").fill("a wholly new password")
        other.locator("#welcome-form button").click()
        log_in(other, shared, name, "a wholly new password")
        page.goto(link)
        page.locator("#welcome-error").wait_for()
        page.goto(f"{shared}/users")
        page.locator("#people a", has_text=name).click()
        page.locator("#role").select_option("reader")
        page.locator("#role-form button").click()
        page.locator(".flash-done").wait_for()
        page.locator("#close-open").click()
        page.keyboard.press("Escape")
        page.locator("#close-open").click()
        page.locator("#close-form button").click()
        page.locator("#reset-form").wait_for()
        assert page.locator("#role-form").count() == 0
        other.goto(f"{shared}/patients")
        other.locator("#login-form").wait_for()


@pytest.mark.parametrize("language", ["en", "ru"])
def test_everybody_can_use_the_pages_of_users(browser, shared, language):
    with faultless_page(browser, language, meant="410") as page, opened_page(browser, language) as other:
        log_in(other, shared, "rita")
        log_in(page, shared, "ada")
        for size in at_sizes(page, shared):
            for path in ("/users", "/users/user?name=rita", "/users/user?name=ada", "/welcome", "/help", "/account"):
                page.goto(shared + path)
                check_use(page, f"{path} {language} {size}")
            page.goto(f"{shared}/users/user?name=rita")
            page.locator("#close-open").click()
            check_use(page, f"dialog {language} {size}")
