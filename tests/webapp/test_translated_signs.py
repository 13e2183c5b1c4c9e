"""Signs in the reader's language beside the English ones; those that are stored without their arguments stay English."""

import re

from sqlalchemy import select

from tasks.mi.sign_words import say
from tasks.mi.sign_words_ru import RUSSIAN
from tests.webapp.builders import ONE_DATABASE
from webapp.signs import LANGUAGES as TRANSLATED
from webapp.signs import translate_signs
from webapp.storage.tables import Record
from webapp.words import LANGUAGES

ADDRESS = "/api/v1/records/inferior/evidence"
SIGN = {"sign": "qs", "leads": ["V1", "V2"], "text": "QS in V1 and V2", "value": 0.5, "arguments": {}}


def signs(site, language="") -> list[dict]:
    """Of all outputs, as they are answered."""
    answer = site.drawn(f"{ADDRESS}{language and f'?language={language}'}")
    assert answer.status_code == 200, answer.text
    return [sign for each in answer.json["evidence"].values() for sign in each["measurements"]]


def test_every_language_of_the_pages_has_its_sentences():
    assert set(TRANSLATED) == set(LANGUAGES) - {"en"}


@ONE_DATABASE
def test_signs_are_said_in_the_language_that_is_asked_for(site, npy):
    site.read(("inferior.npy", npy["inferior"]))
    stored = signs(site)
    assert stored and all("translation" not in sign for sign in stored)
    assert signs(site, "en") == stored
    russian = signs(site, "ru")
    assert [{**sign, "translation": None} for sign in russian] == [{**sign, "translation": None} for sign in stored]
    assert [each["translation"] for each in russian] == [
        say(each["sign"], each["leads"], each["arguments"], RUSSIAN) for each in stored
    ]
    assert all(re.search("[а-я]", each["translation"]) for each in russian)


@ONE_DATABASE
def test_what_programs_are_told_does_not_hang_on_the_browser(site, npy):
    site.read(("inferior.npy", npy["inferior"]))
    site.client.set_cookie("language", "ru")
    assert all("translation" not in sign for sign in signs(site))
    answer = site.client.get(f"{ADDRESS}?language=de")
    assert answer.status_code == 400 and "language" in answer.json["detail"]


@ONE_DATABASE
def test_signs_that_were_stored_without_arguments_stay_english(site, npy):
    site.read(("inferior.npy", npy["inferior"]))
    signs(site)
    with site.store.database.writing() as session:
        row = session.scalar(select(Record))
        old = {"text": "no Q in II", "value": -0.2}
        row.evidence = {"mi": {**row.evidence["mi"], "measurements": [old, SIGN]}}
    assert signs(site, "ru") == [old, {**SIGN, "translation": "QS в V1 и V2"}]


def test_signs_of_other_versions_have_no_translation():
    def translated(**changed):
        (sign,) = translate_signs({"mi": {"measurements": [{**SIGN, **changed}]}}, "ru")["mi"]["measurements"]
        return sign.get("translation")

    assert translated() == "QS в V1 и V2"
    assert translated(sign="delta_wave") is None
    assert translated(sign="q_over") is None  # whose numbers are missing
    assert translated(sign="r_low", arguments={"r_mv_in": [0.1]}) is None  # a number for each lead
    assert translated(leads=["V9"]) is None
    assert translate_signs({"mi": {"leads": {}}}, "ru") == {"mi": {"leads": {}}}  # a network's own
