"""A patient's page in a real browser: two ECGs side by side, their median beats overlaid, what changed; typed by hand."""

import os
import subprocess
import sys

import numpy as np
import pydicom
import pytest

from cardiac.leads import LEADS
from cardiac.simulate import gaussians
from cardiac.simulate import simulate_record as simulate_heart
from tests import writers
from tests.browser import WAIT_MS, faultless_page, needs_chromium, started_chromium
from tests.patience import wait_until

pytestmark = needs_chromium
SIZES = ((1440, "light"), (1024, "dark"), (390, "dark"), (390, "light"))


def with_inferior_q(rng, beats_s, rr_s, n_samples, fs_hz):
    """Q in II, and so in III and aVF, as an infarction leaves it."""
    q = -0.5 * gaussians(beats_s - 0.03, np.full(len(beats_s), 0.013), n_samples, fs_hz)
    return np.array([0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])[:, None] * q


def write_ecg(folder, name, recorded_at, add=None):
    """A DICOM file of Ada Byron's heart, before or after an infarction."""
    made = simulate_heart(5, 500.0, 10.0, 0.5, add)
    path = writers.dicom(folder / name, made.record.signal, 500)
    content = pydicom.dcmread(path)
    content.PatientID, content.PatientName, content.AcquisitionDateTime = "MRN 1815", "Byron^Ada", recorded_at
    content.save_as(path)
    return path


@pytest.fixture(scope="module")
def live(tmp_path_factory, root):
    """A running server with two ECGs of one patient and one of nobody; its address."""
    folder = tmp_path_factory.mktemp("patients")
    command = [sys.executable, "webapp/main.py", "--port", "0", "--data", str(folder / "instance")]
    environment = {key: value for key, value in os.environ.items() if key != "DATABASE_URL"}
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True, env=environment) as process:
        yield process.stdout.readline().split()[1]
        process.terminate()


@pytest.fixture(scope="module")
def browser():
    with started_chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def patient(live, browser, tmp_path_factory):
    """Address of the patient's page, when all has been read."""
    folder = tmp_path_factory.mktemp("ecgs")
    paths = [write_ecg(folder, "after", "20210304102030", with_inferior_q), write_ecg(folder, "before", "20190102")]
    paths.append(writers.npy(folder / "unknown", simulate_heart(6).record.signal, 500))
    page = browser.new_page()
    for path in paths:
        sent = {"file": {"name": path.name, "mimeType": "application/octet-stream", "buffer": path.read_bytes()}}
        assert page.request.post(f"{live}/api/v1/records", multipart=sent).status == 202
    wait_until(lambda: page.request.get(f"{live}/api/v1/records").json()["total"] == 3)
    number = page.request.get(f"{live}/api/v1/records/after/patient").json()["patient"]
    page.close()
    return f"{live}/patients/of/{number}"


def drawn(page):
    """Wait until both tracings and the beats are there."""
    for which in (1, 2):
        page.locator(f"#ecg-{which} .trace[data-lead=V6]").wait_for()
    page.locator("#overlaid-leads .overlaid-after").nth(11).wait_for(state="attached")


@pytest.mark.parametrize("language", ["en", "ru"])
def test_two_ecgs_of_a_patient_are_compared(browser, live, patient, language):
    with faultless_page(browser, language) as page:
        page.goto(f"{live}/patients")
        page.locator("#rows .row-patient", has_text="MRN 1815").first.click()
        drawn(page)
        assert page.url == patient and "Byron Ada" in page.locator("h1").inner_text()
        assert page.locator(".ecg-name").all_inner_texts() == ["before", "after"]
        whens = page.locator(".ecg-when").all_inner_texts()
        assert whens[0].startswith("2 Jan 2019" if language == "en" else "02.01.2019")
        assert whens[1].startswith("4 Mar 2021, 10:20" if language == "en" else "04.03.2021, 10:20")
        said = page.locator("#changes li").all_inner_texts()
        start = {"en": ("New Q", "New QS"), "ru": ("Новый зубец Q", "Новый комплекс QS")}[language]
        assert any(each.startswith(start) and "III" in each for each in said), said
        leads = page.locator("#overlaid-leads svg").evaluate_all("all => all.map(each => each.dataset.lead)")
        assert leads == [*LEADS]
        check_overlay(page)
        page.locator(".ecg-name", has_text="before").click()
        page.locator("#ecg .trace[data-lead=V6]").wait_for()
        assert page.locator("[rel=next], [rel=prev]").count() == 1  # the patient's other ECG, and nobody else's
        page.locator("[rel=next], [rel=prev]").click()
        page.locator("h1", has_text="after").wait_for()


def check_overlay(page):
    """In III the later beat has a Q where the earlier has none, and in V1 the two lie on one another."""
    levels = page.locator("#overlaid-leads").evaluate(
        """all => Object.fromEntries(['III', 'V1'].map(lead => [lead, ['before', 'after'].map(kind => {
            const path = all.querySelector(`[data-lead=${lead}] .overlaid-${kind}`).getAttribute('d');
            return path.slice(1).split('L').map(point => point.split(' ').map(Number));
        })]))"""
    )
    apart = {}
    for lead, (before, after) in levels.items():
        both = [*zip(before, after, strict=False)]  # each as far as its own next beat
        assert len(both) > 120 and all(one[0] == other[0] for one, other in both)
        apart[lead] = max(abs(one[1] - other[1]) for one, other in both)
    assert apart["III"] > 2.5 > 1.5 > apart["V1"]  # millimetres; a steep R may lie a sample aside


@pytest.mark.parametrize("language", ["en", "ru"])
def test_who_was_recorded_is_typed_on_the_records_page(browser, live, patient, language):
    number = patient.rpartition("/")[2]
    with faultless_page(browser, language) as page:
        page.goto(f"{live}/patients/unknown")
        page.locator(".recorded-edit summary").click()
        page.locator("#patient_id").fill("MRN 1815")
        page.locator("#patient_name").fill("Ada Byron")
        page.locator("#day").fill("2020-02-29")
        page.locator("#clock").fill("23:59")
        page.locator("#age_years").fill("61")
        page.locator("#sex").select_option("female")
        page.locator(".recorded-edit .button").click()
        page.locator(".flash-done").wait_for()
        known = page.request.get(f"{live}/api/v1/records/unknown/patient").json()
        assert (known["patient"], known["recorded_at"]) == (int(number), "2020-02-29T23:59:00")
        page.goto(patient)
        drawn(page)
        assert page.locator(".ecg-name").all_inner_texts() == ["before", "unknown", "after"]
        assert page.locator(".flash-wrong").count() == 0
        page.locator("#before").select_option("before")
        page.locator("#after").select_option("unknown")
        page.locator(".pair-form .button").click()
        drawn(page)
        assert "before=before&after=unknown" in page.url
        page.goto(f"{live}/patients/of")
        assert page.locator("tbody tr").count() == 1 and page.locator("tbody td").first.inner_text() == "3"
        page.goto(f"{live}/patients/unknown")
        page.locator(".recorded-edit summary").click()
        for field in ("patient_id", "patient_name", "day", "clock", "age_years"):
            page.locator(f"#{field}").fill("")
        page.locator("#sex").select_option("")
        page.locator(".recorded-edit .button").click()
        page.locator(".flash-done").wait_for()
        known = page.request.get(f"{live}/api/v1/records/unknown/patient").json()
        assert set(known.values()) == {"unknown", None}


@pytest.mark.parametrize("language", ["en", "ru"])
def test_everybody_can_use_a_patients_pages(browser, live, patient, language, tmp_path):
    """axe finds nothing, light and dark, wide and narrow; no page is wider than its window."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    context = browser.new_context(locale=language)
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    kept = os.environ.get("ECG_PICTURES")  # a folder for pictures to be looked at
    for width, theme in SIZES:
        page.set_viewport_size({"width": width, "height": 900})
        context.add_cookies([{"name": "theme", "value": theme, "url": live}])
        pages = {"patient": patient, "by_id": f"{live}/patients/of", "record": f"{live}/patients/after"}
        for name, address in {**pages, "list": f"{live}/patients"}.items():
            page.goto(address)
            if name == "patient":
                drawn(page)
            if name == "record":
                page.locator("#ecg .trace[data-lead=V6]").wait_for()
                page.locator(".recorded-edit summary").click()
            found = axe.run(page)
            assert [each["id"] for each in found.response["violations"]] == [], (name, width, theme)
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (name, width)
            if kept:
                page.screenshot(path=f"{kept}/{name}_{language}_{width}_{theme}.png", full_page=True)
    context.close()


def test_beats_and_samples_that_cannot_be_fetched_are_said(browser, patient):
    with faultless_page(browser, "en", meant="503") as page:
        page.route("**/api/v1/records/*/beat", lambda route: route.fulfill(status=503))
        page.route("**/api/v1/records/*/samples.npy*", lambda route: route.fulfill(status=503))
        page.goto(patient)
        page.locator("#compare-error", has_text="could not be fetched").wait_for()
        for which in (1, 2):
            page.locator(f"#ecg-{which}-error", has_text="could not be fetched").wait_for()
