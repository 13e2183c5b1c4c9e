"""Reasons in Russian: every kind has a sentence, every note of the core is known or comes as it is."""

import re

import numpy as np
import pytest

from cardiac.quality.assess import KINDS
from tests.webapp.builders import npy_bytes
from webapp.reasons import NOTES, RUSSIAN, translate_reasons


def test_every_kind_has_a_sentence():
    assert set(RUSSIAN) == set(KINDS)
    assert "усиление" in RUSSIAN["overall_gain"]


def test_every_note_that_is_known_is_one_of_the_cores(root):
    said = " ".join(
        (root / name).read_text()
        for name in ("cardiac/records.py", "cardiac/amplitudes.py", "cardiac/channels.py", "tasks/mi/findings.py")
    )
    for pattern, _ in NOTES:
        bare = max(re.split(r"\(\.\+\)", pattern.replace("\\", "")), key=len)
        assert bare in said, pattern


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_reasons_in_both_languages(site, recordings):
    noisy = recordings["healthy"].copy()
    noisy[7] = 0.0
    assert site.read(("noisy.npy", npy_bytes(noisy.astype(np.float32))))["records"] == ["noisy"]
    document = site.client.get("/api/v1/records/noisy").json
    english = [each["text"] for each in translate_reasons(document, "en")]
    assert english == document["quality"]["reasons"] and any("lead V2" in text for text in english)
    russian = [each["text"] for each in translate_reasons(document, "ru")]
    assert "V2: нет сигнала: проверьте электрод" in russian
    assert "частота дискретизации в файле не указана: принято 500 Гц" in russian
    assert all(re.search("[а-я]", text) for text in russian)
    site.client.set_cookie("language", "ru")
    page = site.client.get("/patients/noisy").text
    assert all(text in page for text in russian) and english[0] not in page
