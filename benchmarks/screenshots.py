"""The README's pictures of the site, taken in Chromium from a server with the demonstration records.

python -m benchmarks.screenshots           # docs/site_record_en.png, docs/site_patients_ru.png; needs requirements-test.txt
"""

import shutil
import tempfile
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


def main() -> None:
    """Take them."""
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


if __name__ == "__main__":
    main()
