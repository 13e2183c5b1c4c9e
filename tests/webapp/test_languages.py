"""English and Russian: every text has both, the switch is remembered, and what programs are told stays English."""

import io
import json
import re

import pytest
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from sqlalchemy import text

from tasks.mi.labels import COLUMNS, SITES
from tests.webapp.builders import ONE_DATABASE
from webapp.api.described import texts_of
from webapp.problems import SENTENCES, TITLES
from webapp.translations.update import PO, compiled, is_translated, texts, written
from webapp.words import ACTIONS

CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)
PLACES = re.compile(r"%\(\w+\)[sd]")


@pytest.fixture(scope="module")
def catalog():
    with PO.open("rb") as file:
        return read_po(file, locale="ru")


def test_every_text_is_translated_and_none_is_left_over(catalog):
    told = {each.id if isinstance(each.id, str) else tuple(each.id): each for each in catalog if each.id}
    assert set(told) == set(texts())
    assert [name for name, each in told.items() if not is_translated(each)] == []
    assert not any(each.fuzzy for each in told.values())


def test_translations_fill_the_same_places(catalog):
    for each in catalog:
        if not each.id:
            continue
        ids = [each.id] if isinstance(each.id, str) else [*each.id]
        strings = [each.string] if isinstance(each.string, str) else [*each.string]
        assert len(strings) == (1 if len(ids) == 1 else 3), each.id
        places = {frozenset(PLACES.findall(text)) for text in (*ids, *strings)}
        assert len(places) == 1, each.id


def test_what_is_served_is_what_is_written(catalog):
    assert PO.read_bytes() == written(catalog)
    with PO.with_suffix(".mo").open("rb") as file:
        served, asked = read_mo(file), read_mo(io.BytesIO(compiled(catalog)))
    assert [(each.id, each.string) for each in served if each.id] == [
        (each.id, each.string) for each in asked if each.id
    ]  # what is left out says which Babel has written it
    assert len(served) == len(catalog)


def test_every_action_of_the_trail_has_a_word(root):
    code = "\n".join(path.read_text() for path in (root / "webapp").rglob("*.py"))
    noted = set(
        re.findall(r'(?:note_event\(\w+, .*?|leave_trail\(|note_stranger\(\w+, |_note_command\(\w+, )"([a-z ]+)"', code)
    )
    assert noted == set(ACTIONS)


@ONE_DATABASE
@pytest.mark.parametrize(
    ("wanted", "language"),
    [
        (None, "en"),
        ("en-GB,en;q=0.9", "en"),
        ("ru-RU,ru;q=0.9,en;q=0.5", "ru"),
        ("ru", "ru"),
        ("de-DE,ru;q=0.3,en;q=0.8", "en"),
        ("de", "en"),
        ("*", "en"),
        ("ru;q=abc,,;=", "en"),
    ],
)
def test_the_browser_says_which(site, wanted, language):
    headers = {} if wanted is None else {"Accept-Language": wanted}
    page = site.client.get("/patients", headers=headers).text
    assert f'<html lang="{language}"' in page and bool(CYRILLIC.search(heading(page))) == (language == "ru")


def heading(page: str) -> str:
    return re.search(r"<h1>(.*?)</h1>", page, re.DOTALL).group(1)


@ONE_DATABASE
def test_the_switch_is_remembered_and_leads_back(site):
    answer = site.client.post("/language", data={"language": "ru", "next": "/patients?sort=name"})
    assert (answer.status_code, answer.location) == (302, "/patients?sort=name")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Max-Age=31536000" in cookie
    for address in ("/", "/patients", "/audit"):
        page = site.client.get(address, headers={"Accept-Language": "en"}).text
        assert '<html lang="ru"' in page and CYRILLIC.search(heading(page)), address
    site.client.post("/language", data={"language": "en"})
    assert '<html lang="en"' in site.client.get("/", headers={"Accept-Language": "ru"}).text


@ONE_DATABASE
@pytest.mark.parametrize("language", ["en", "ru"])
def test_names_of_sites_are_the_tasks_own(site, npy, language):
    site.read(("inferior.npy", npy["inferior"]))
    site.client.set_cookie("language", language)
    page = site.client.get("/patients/inferior").text
    names = [COLUMNS[each] if language == "ru" else each for each in SITES]
    assert all(f">{name}<" in re.sub(r">\s+|\s+<", lambda found: found.group().strip(), page) for name in names)


@ONE_DATABASE
def test_errors_are_told_to_people_in_their_language_and_to_programs_in_one(site):
    site.client.set_cookie("language", "ru")
    page = site.client.get("/nothing")
    assert page.status_code == 404 and "Не найдено" in page.text and "по этому адресу ничего нет" in page.text
    problem = site.client.get("/api/v1/nothing").json
    assert (problem["title"], problem["detail"]) == (TITLES[404], SENTENCES[404])
    page = site.client.delete("/patients")
    assert page.status_code == 405 and "смотрите описание API" in page.text


@ONE_DATABASE
def test_the_trail_in_russian(site, npy):
    site.read(("a.npy", npy["healthy"]))
    site.client.set_cookie("language", "ru")
    site.client.get("/patients/a")
    page = site.client.get("/audit").text
    assert ">просмотрено<" in page and ">загружено<" in page and ">saw<" not in page


@ONE_DATABASE
def test_the_apis_description_in_russian_has_no_english_text_and_the_same_shape(site):
    english = site.client.get("/api/v1/openapi.json").json
    russian = site.client.get("/api/docs/ru.json").json
    assert [text for text in texts_of(russian) if not CYRILLIC.search(text) and text not in ("OK", "R", "R'")] == []
    assert not any(CYRILLIC.search(text) for text in texts_of(english))
    assert russian["paths"].keys() == english["paths"].keys()
    assert russian["components"]["schemas"].keys() == english["components"]["schemas"].keys()
    site.client.set_cookie("language", "ru")
    assert 'data-url="/api/docs/ru.json"' in site.client.get("/api/docs").text
    site.client.set_cookie("language", "en")
    assert 'data-url="/api/v1/openapi.json"' in site.client.get("/api/docs").text


@ONE_DATABASE
def test_the_word_that_deletes_everything_is_the_persons(site, npy):
    site.read(("a.npy", npy["healthy"]))
    site.client.set_cookie("language", "ru")
    assert 'pattern="удалить"' in site.client.get("/patients").text
    told = site.client.post("/patients/delete", data={"confirm": "стереть"}, follow_redirects=True).text
    assert "введите слово «удалить»" in told and site.client.get("/api/v1/records").json["total"] == 1
    site.client.post("/patients/delete", data={"confirm": " Удалить "})
    assert site.client.get("/api/v1/records").json["total"] == 0


@ONE_DATABASE
def test_problems_have_their_sentence_in_the_askers_language_beside_the_english_one(site):
    problem = site.client.get("/api/v1/records/nobody", headers={"Accept-Language": "ru"}).json
    assert not CYRILLIC.search(problem["detail"]) and CYRILLIC.search(problem["translation"])
    assert "translation" not in site.client.get("/api/v1/records/nobody").json


@ONE_DATABASE
def test_refusals_are_stored_as_messages_and_told_in_both_languages(site):
    job = site.read(("a.csv", b""), ("b.json", b'[{"a": 1}]'))
    assert [each["reason"] for each in job["refused"]] == [
        "a.csv: is empty: export the recording again",
        "b.json: is JSON, which is not supported: save its samples as .npy or .csv, or send them to the site's API",
    ]
    site.client.set_cookie("language", "ru")
    page = site.client.get("/").text
    assert "файл пуст: экспортируйте запись заново" in page and "is empty" not in page
    (document,) = site.client.get("/api/v1/jobs").json["items"]
    assert document["refused"][0]["translation"] == "a.csv: файл пуст: экспортируйте запись заново"
    with site.store.database.reading() as session:
        kept = session.scalars(text("SELECT reason FROM tasks WHERE reason IS NOT NULL ORDER BY id")).all()
    assert [json.loads(each)["arguments"]["record"] for each in kept] == ["a.csv", "b.json"]
