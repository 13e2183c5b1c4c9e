"""The documents' pictures of the site and of the live board, taken in Chromium; needs requirements-test.txt.

python -m benchmarks.screenshots           # docs/site_record_en.png, docs/site_patients_ru.png: the demonstration records
python -m benchmarks.screenshots live      # docs/live_board.png: simulated patients of the live pipeline
"""

import argparse
import shutil
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from benchmarks.site import Site, pack, running_site
from bundles import ROOT

DOCS = ROOT / "docs"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
WIDTH, HEIGHT = 1180, 760
SHOWN = "sim_04"


def take_list(page: Page, site: Site, path: Path) -> None:
    """The list of all records."""
    page.goto(f"{site.url}/patients")
    page.locator("#rows .row").nth(20).wait_for()
    page.screenshot(path=path)


def take_record(page: Page, site: Site, path: Path) -> None:
    """One record with its evidence."""
    page.goto(f"{site.url}/patients/{SHOWN}")
    page.locator("#ecg .trace[data-lead=V6]").wait_for()
    page.locator("#evidence-toggle").click()
    page.locator(".weight[data-lead=aVF]").first.wait_for()
    page.screenshot(path=path)


def take_live(path: Path) -> None:
    """The live board, with simulated patients of whom some fall ill before the picture is taken."""
    from scale.stream.demo import Demo, run_demo
    from scale.stream.local_broker import free_port

    with tempfile.TemporaryDirectory(prefix="stream-") as scratch, sync_playwright() as started:
        folder, port, stop = Path(scratch), free_port(), threading.Event()
        demo = Demo(
            patients=12,
            pulses=2,
            seconds=None,
            folder=folder,
            database=str(folder / "findings.sqlite"),
            port=port,
        )
        running = threading.Thread(target=run_demo, args=[demo, print, stop])
        running.start()
        browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 1000}, color_scheme="light", locale="en")
        try:
            page.wait_for_timeout(8_000)
            page.goto(f"http://127.0.0.1:{port}/live")
            page.get_by_text("simulated 012").first.click(timeout=60_000)
            page.wait_for_timeout(65_000)
            page.screenshot(path=path, full_page=True)
        finally:
            stop.set()
            running.join()
            browser.close()


def take_site() -> None:
    """The site's pages."""
    with tempfile.TemporaryDirectory(prefix="ecg-site-") as scratch, running_site(Path(scratch) / "instance") as site:
        demonstration = sorted((ROOT / "public_data/test").glob("*.npy"))
        archive = Path(scratch) / "demonstration.zip"
        pack(demonstration, archive, names=[path.name for path in demonstration])
        site.wait(site.send(archive))
        with sync_playwright() as started:
            browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
            for language, theme, take, name in (
                ("en", "light", take_record, "site_record_en.png"),
                ("ru", "dark", take_list, "site_patients_ru.png"),
            ):
                size = {"width": WIDTH, "height": HEIGHT}
                context = browser.new_context(locale=language, color_scheme=theme, viewport=size)
                take(context.new_page(), site, DOCS / name)
            browser.close()


def main(arguments: Sequence[str] | None = None) -> None:
    """Take them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=("site", "live"), default="site")
    if parser.parse_args(arguments).what == "live":
        take_live(DOCS / "live_board.png")
    else:
        take_site()


if __name__ == "__main__":
    main()
