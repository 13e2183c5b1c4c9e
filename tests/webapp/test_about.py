"""The pages about the program: the figures are the bundle's own, its model card is text, and help names what is there."""

import json
import re
import shutil

import pytest

from cardiac.metrics import PROTOCOL
from tasks.mi import BUNDLE, model_card
from tasks.mi.labels import COLUMNS
from tasks.mi.model_card_ru import DATA, card_words_ru
from tests.webapp.builders import ONE_DATABASE
from tests.webapp.people import Browser, enter, site_with_people
from webapp import figure_words
from webapp.bundle_facts import markdown_html

PAGES = ["/how-good", "/model-card", "/help"]
NOTICE = {"en": "not a medical device", "ru": "не является медицинским изделием"}
BULLET = re.compile(r"^- ", re.MULTILINE)


@pytest.fixture
def bundle(make_site, tmp_path):
    """A site whose bundle is a copy that may be changed; its folder."""
    folder = shutil.copytree(BUNDLE, tmp_path / "bundle")
    return make_site(bundle=folder), folder


def page(site, address, language="en"):
    site.client.set_cookie("language", language)
    answer = site.client.get(address)
    assert answer.status_code == 200
    return answer.text


def cells(text, table):
    """Rows of a table by their heads: the cells' texts."""
    [body] = re.findall(rf'<table[^>]* id="{table}">(.*?)</table>', text, re.DOTALL)
    rows = re.findall(r'<th scope="row">(.*?)</th>(.*?)</tr>', body, re.DOTALL)
    return {
        head: [re.sub(r"<[^>]+>", "", each).strip() for each in re.findall(r"<td.*?</td>", row, re.DOTALL)]
        for head, row in rows
    }


@pytest.mark.parametrize("address", PAGES)
@pytest.mark.parametrize("language", ["en", "ru"])
@ONE_DATABASE
def test_every_page_says_what_the_program_is_not(site, address, language):
    text = page(site, address, language).split("<main")[1]
    assert NOTICE[language] in text.split("<footer")[0]
    assert bool(re.search("[а-яё]", text)) == (language == "ru")
    assert " style=" not in text and "<script>" not in text


@ONE_DATABASE
def test_pages_are_linked_from_every_page(site):
    footer = page(site, "/patients").split("<footer")[1]
    assert [each for each in PAGES if f'href="{each}"' in footer] == PAGES
    assert "/help#clients" in page(site, "/api/docs")


@ONE_DATABASE
def test_they_are_for_everybody_who_may_come_in(make_site, monkeypatch):
    others = site_with_people(make_site, monkeypatch)
    rita = enter(others, "rita")
    for address in PAGES:
        assert rita.get(address).status_code == 200
        assert Browser(others).get(address).status_code == 302
    told = rita.get("/help").text
    assert "workspace: ada." in told and "olga" not in told and "Authorization: Bearer" in told
    assert "/how-good" not in Browser(others).get("/login").text


@ONE_DATABASE
def test_the_figures_are_those_of_the_bundle(site):
    figures = json.loads((BUNDLE / "metrics.json").read_text())["figures"]
    text = page(site, "/how-good")
    shown = cells(text, "infarction")
    auc = figures["infarction"]["AUC"]
    assert shown["AUC"][0] == f"{auc['value']:.2f} ({auc['low']:.2f} to {auc['high']:.2f})"
    assert len(shown) == len(figures["infarction"])
    septal = figures["end to end"]["septal"]
    assert cells(text, "sites")["septal"][1].startswith(f"{septal['value']:.2f} ({septal['low']:.2f}")
    assert cells(text, "sites")["septal"][3] == str(septal["positives"])
    women = figures["sub-groups"]["F1, women"]
    assert cells(text, "groups")["women"][1].startswith(f"{women['value']:.2f} (")
    assert cells(text, "groups")["women"][3] == f"{women['n']}, {women['positives']}"
    sensitivity = figures["infarction"]["sensitivity"]
    assert f"finds {100 * sensitivity['value']:.0f} (" in text
    every = json.loads((BUNDLE / "elsewhere.json").read_text())["joint"]["all"]
    assert cells(text, "elsewhere")["all together"][1] == f"{every['false_alarms']} of {every['negatives']}"


@ONE_DATABASE
def test_russian_figures_have_russian_words_and_commas(site):
    text = page(site, "/how-good", "ru")
    assert re.fullmatch(r"0,\d\d \(0,\d\d–0,\d\d\)", cells(text, "infarction")["Чувствительность"][0])
    assert set(cells(text, "sites")) == {*COLUMNS.values()} - {"норма"}


def test_every_figure_of_the_bundle_has_words():
    figures = json.loads((BUNDLE / "metrics.json").read_text())["figures"]
    assert set(figures["infarction"]) <= set(figure_words.METRICS)
    assert set(figures["doubt"]) == set(figure_words.DOUBT)
    assert {name.partition(", ")[2] for name in figures["sub-groups"]} == set(figure_words.GROUPS)


@ONE_DATABASE
def test_a_bundle_without_figures_or_model_card_says_so(bundle):
    site, folder = bundle
    assert "Of 100 ECGs with an infarction" in page(site, "/how-good")
    for broken in ("{", "[]", '{"figures": 3}'):
        (folder / "metrics.json").write_text(broken)
        assert "brings no figures along" in page(site, "/how-good"), broken
    for name in ("metrics.json", "README.md", "elsewhere.json"):
        (folder / name).unlink()
    assert "brings no figures along" in page(site, "/how-good")
    assert "brings no model card along" in page(site, "/model-card")


@ONE_DATABASE
def test_figures_of_another_protocol_are_not_described_as_ours(bundle):
    site, folder = bundle
    assert "bootstrap" in page(site, "/how-good")
    content = json.loads((folder / "metrics.json").read_text())
    assert content["protocol"] == PROTOCOL
    (folder / "metrics.json").write_text(json.dumps(content | {"protocol": "On the training records."}))
    text = page(site, "/how-good")
    assert "On the training records." in text and "bootstrap" not in text


@ONE_DATABASE
def test_a_bundle_that_cannot_be_read_is_said(bundle):
    site, folder = bundle
    (folder / "card.json").write_text("{}")
    answer = site.client.get("/model-card")
    assert answer.status_code == 422 and "card.json" in answer.text
    assert "band about the threshold" in page(site, "/help")


@ONE_DATABASE
def test_the_model_card_is_the_bundles_own(site):
    card = json.loads((BUNDLE / "card.json").read_text())
    text = page(site, "/model-card")
    assert card["card_sha256"] in text and "What it must not be used for" in text
    rows = re.findall(r"^\|(?!-)", (BUNDLE / "README.md").read_text(), re.MULTILINE)
    assert text.split('class="card markdown"')[1].count("<tr>") == len(rows)
    assert text.count("<h1>") == 1


@ONE_DATABASE
def test_raw_html_of_a_model_card_is_text(bundle):
    site, folder = bundle
    wild = '# A\n\n<script>alert(1)</script>\n\n[x](javascript:alert(1)) ![y](http://elsewhere/y.png) <b onclick="a">'
    (folder / "README.md").write_text(wild)
    shown = page(site, "/model-card").split('class="card markdown"')[1].split("<footer")[0]
    assert (
        "&lt;script&gt;alert" in shown
        and "<b " not in shown
        and "<img" not in shown
        and 'href="javascript' not in shown
    )


def test_a_table_of_a_model_card_can_be_scrolled_by_keys():
    shown = markdown_html("| a | b |\n|---|---|\n| 1 | |\n", 'a "label"')
    assert '<div class="table-scroll" role="group" tabindex="0" aria-label="a label"><table' in shown
    assert shown.count("</table></div>") == 1


@ONE_DATABASE
def test_the_russian_words_of_the_model_card_say_as_much_as_the_english_ones(site):
    """Section by section, bullet by bullet; a person has compared what they say."""
    english = [model_card.INTENDED, model_card.FAILURES]
    russian = card_words_ru("task").split(DATA["task"])
    assert [len(BULLET.findall(each)) for each in russian] == [len(BULLET.findall(each)) for each in english]
    assert [each.count("## ") for each in russian] == [each.count("## ") for each in english]
    assert set(DATA) == {"task", *model_card.OTHER_DATA}
    text = page(site, "/model-card", "ru")
    assert "Для чего нельзя" in text and '<div class="markdown" lang="en">' in text


@ONE_DATABASE
def test_help_has_every_key_of_a_records_page(site, npy):
    site.read(("a.npy", npy["inferior"]))
    keys, helped = (
        re.findall(r"<kbd>(.*?)</kbd>", page(site, where).split('<dl class="keys">')[1].split("</dl>")[0])
        for where in ("/patients/a", "/help")
    )
    assert len(keys) > 10 and helped == keys
    for place in re.findall(r'<li><a href="#(\w+)"', page(site, "/help")):
        assert f'id="{place}"' in page(site, "/help")


@ONE_DATABASE
def test_help_names_the_band_of_the_bundle(site):
    doubt = json.loads((BUNDLE / "card.json").read_text())["decisions"]["doubt"]
    assert f"from {doubt['low']:.2f} up to under {doubt['high']:.2f}" in page(site, "/help")
