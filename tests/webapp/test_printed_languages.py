"""Reports and pictures in the person's language: every word of them, with its decimal sign; the English one has no Russian."""

import dataclasses
import io
import re

import numpy as np
import pypdf
import pytest

from tests.webapp.builders import ONE_DATABASE, npy_bytes
from webapp.drawings import _finding, in_language
from webapp.storage.tables import Record

pytestmark = ONE_DATABASE
CYRILLIC, LATIN = re.compile("[а-яё]", re.IGNORECASE), re.compile(r"[A-Za-z]{2,}")
# Names of leads, waves and formulas, and what is a name in any language.
NEUTRAL = {
    *(["II", "III", "IV", "aVR", "aVL", "aVF", "QRS", "QT", "QTc", "PQ", "ST", "UDMI", "PR", "RR", "Hz"]),
    *(["hybrid", "sha", "bundle", "faulty"]),
}


@pytest.fixture
def read(site, recordings):
    """A record with a flat stretch, muscle noise and hum, whose evidence is there."""
    faulty = recordings["inferior"].copy()
    faulty[7, 1000:2500] = 0
    faulty[9] += np.random.default_rng(0).normal(0, 0.15, faulty.shape[1])
    assert site.read(("faulty.npy", npy_bytes(faulty.astype(np.float32))))["records"] == ["faulty"]
    assert site.drawn("/api/v1/records/faulty/evidence").json["evidence"]
    return site


def pdf_text(site, language):
    site.client.set_cookie("language", language)
    content = site.drawn("/api/v1/records/faulty/report.pdf").data
    return " ".join(" ".join(page.extract_text().split()) for page in pypdf.PdfReader(io.BytesIO(content)).pages)


def test_the_english_report_has_no_russian_letter_and_the_russian_no_english_word(read):
    english, russian = pdf_text(read, "en"), pdf_text(read, "ru")
    assert not CYRILLIC.search(english)
    assert "no signal in lead V2 from 2.0 to 5.0 s" in english and "25 mm/s" in english
    words = {
        word for word in LATIN.findall(russian) if word not in NEUTRAL and not re.search(rf"[0-9a-f]*{word}", sha(read))
    }
    assert words == set()
    assert "нет сигнала в отведении V2 с 2,0 по 5,0 с" in russian and "25 мм/с 10 мм/мВ" in russian
    assert re.search(r"порог 0,\d{3}", russian) and not re.search(r"\d\.\d", russian.replace("Cabrera", ""))


def sha(site):
    with site.store.database.reading() as session:
        return session.query(Record).one().document["bundle"]["sha256"]


def test_a_picture_is_kept_for_each_language(read):
    pictures = {}
    for language in ("en", "ru", "en"):
        read.client.set_cookie("language", language)
        pictures.setdefault(language, read.drawn("/api/v1/records/faulty/picture.png").data)
    assert pictures["en"] != pictures["ru"]
    answer = read.client.get("/api/v1/records/faulty/picture.png")
    assert answer.status_code == 200 and answer.data == pictures["en"]
    assert {"Cookie", "Accept-Language"} <= {*map(str.strip, answer.headers["Vary"].split(","))}
    assert [in_language("report.pdf", each) for each in ("en", "ru")] == ["report.pdf", "report-ru.pdf"]


def test_what_a_document_of_an_earlier_version_says_is_said_in_russian(read):
    with read.store.database.reading() as session:
        document = dict(session.query(Record).one().document)
    document["quality"] = {key: value for key, value in document["quality"].items() if key != "messages"}
    remarks = _finding(document, "ru").remarks
    assert "нет сигнала в отведении V2 с 2,0 по 5,0 с: проверьте электрод и кабель" in remarks
    assert all(CYRILLIC.search(each) for each in remarks)
    assert dataclasses.astuple(_finding(document, "en").mi) == dataclasses.astuple(_finding(document, "ru").mi)
