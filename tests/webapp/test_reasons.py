"""Reasons in Russian: every kind has a sentence, every note of the core is known or comes as it is."""

import re

import numpy as np
import pytest

from cardiac.quality.assess import KINDS
from tests.webapp.builders import npy_bytes
from webapp.reasons import RUSSIAN, translate_reasons


def test_every_kind_has_a_sentence():
    assert set(RUSSIAN) == set(KINDS)
    assert "усиление" in RUSSIAN["overall_gain"]


OLD = {  # as an earlier version stored it: no messages
    "status": "warning",
    "reasons": [
        "no signal in lead V2 from 1.0 to 2.5 s: check its electrode and cable",
        "worded as no version does",
        "left aside: Resp",
    ],
    "details": [
        {"kind": "lead_off", "leads": ["V2"], "start_s": 1.0, "end_s": 2.5, "severity": "warning", "text": ""},
        {"kind": "hum", "leads": ["I", "V1"], "start_s": 1.0, "end_s": 2.5, "severity": "warning", "text": ""},
    ],
}


def test_documents_of_an_earlier_version_are_read_in_both_languages():
    assert [each["text"] for each in translate_reasons({"quality": OLD}, "en")] == OLD["reasons"]
    said = translate_reasons({"quality": OLD}, "ru")
    assert [each["text"] for each in said] == [
        "нет сигнала в отведении V2 с 1,0 по 2,5 с: проверьте электрод и кабель",
        "I, V1: сетевая наводка: проверьте контакт и заземление (1,0–2,5 с)",
        "не использовано: Resp",
    ]
    assert [each["start_s"] for each in said] == [1.0, 1.0, None]


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_reasons_in_both_languages(site, recordings):
    noisy = recordings["healthy"].copy()
    noisy[7] = 0.0
    assert site.read(("noisy.npy", npy_bytes(noisy.astype(np.float32))))["records"] == ["noisy"]
    document = site.client.get("/api/v1/records/noisy").json
    english = [each["text"] for each in translate_reasons(document, "en")]
    assert english == document["quality"]["reasons"] and any("lead V2" in text for text in english)
    russian = [each["text"] for each in translate_reasons(document, "ru")]
    assert "нет сигнала в отведении V2: проверьте электрод и кабель" in russian
    assert "частота дискретизации в файле не указана: принято 500 Гц" in russian
    assert all(re.search("[а-я]", text) for text in russian)
    site.client.set_cookie("language", "ru")
    page = site.client.get("/patients/noisy").text
    assert all(text in page for text in russian) and english[0] not in page
