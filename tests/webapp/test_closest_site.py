"""An infarction of which no site reached its own threshold: page, exports and API say that the closest one is named."""

import copy
import csv
import io

import pytest

from tests.webapp.builders import ONE_DATABASE
from webapp.storage.tables import Record

HEADLINE = {
    "en": "Infarction found: septal (closest)",
    "ru": "Найден инфаркт: перегородочный (ближе всех к порогу)",
}
RULE = {
    "en": "No site reached its own threshold; the closest is septal",
    "ru": "Ни одна локализация не достигла своего порога; ближе всех перегородочный",
}
SHARES = {
    "en": ["the closest: 80 % of its threshold", "not found: 40 % of its threshold"],
    "ru": ["ближе всех: 80 % своего порога", "не найдена: 40 % своего порога"],
}


def closest(document, says_it=True):
    """The document of a finding whose septal site is the closest, while an anterior one is more probable."""
    document = copy.deepcopy(document)
    for site, each in document["localizations"].items():
        each |= {"probability": 0.0, "threshold": 0.5, "present": site == "septal"}
    document["localizations"]["septal"] |= {"probability": 0.12, "threshold": 0.15}
    document["localizations"]["anterior"] |= {"probability": 0.32, "threshold": 0.8}
    document["sites_by"] = "closest"
    return document if says_it else {name: value for name, value in document.items() if name != "sites_by"}


@pytest.fixture
def read(site, npy):
    """The site with a record that was read; a function that changes its document."""
    site.read(("a.npy", npy["inferior"]))

    def change(make, **options):
        with site.store.database.writing() as db:
            row = db.query(Record).one()
            row.document = make(row.document, **options)

    return change


def page(site, language):
    site.client.set_cookie("language", language)
    return site.client.get("/patients/a").text


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("says_it", [True, False])
@ONE_DATABASE
def test_the_page_says_it_of_old_documents_too(site, read, language, says_it):
    assert RULE[language] not in page(site, language) and HEADLINE[language] not in page(site, language)
    read(closest, says_it=says_it)
    shown = page(site, language)
    assert RULE[language] in shown and f">{HEADLINE[language]}<" in shown
    assert all(text in shown for text in SHARES[language])


@ONE_DATABASE
def test_a_site_over_its_threshold_is_no_closest_one(site, read):
    shown = page(site, "en")
    assert "Infarction found: inferior<" in shown and "found: it reached its threshold" in shown
    assert 'id="closest"' not in shown


@ONE_DATABASE
def test_exports_have_it(site, read):
    def exported():
        [row] = csv.DictReader(io.StringIO(site.client.get("/api/v1/export/findings.csv").text))
        return row["sites"], row["sites_by"]

    assert exported() == ("inferior", "threshold")
    form = site.client.get("/api/v1/export.csv").text.splitlines()[1]
    assert form == "a,0,0,0,0,0,1,0"
    for says_it in (True, False):
        read(closest, says_it=says_it)
        assert exported() == ("septal", "closest")
    assert site.client.get("/api/v1/export.json").json[0].get("sites_by") is None  # as it was stored
    read(closest)
    assert site.client.get("/api/v1/records/a").json["sites_by"] == "closest"


@ONE_DATABASE
def test_without_an_infarction_no_way_is_named(site, npy):
    site.read(("a.npy", npy["healthy"]))
    assert site.client.get("/api/v1/records/a").json["sites_by"] is None
    [row] = csv.DictReader(io.StringIO(site.client.get("/api/v1/export/findings.csv").text))
    assert row["sites_by"] == ""
    assert "of its threshold" not in page(site, "en")


def test_the_openapi_document_describes_it(site):
    schemas = site.client.get("/api/v1/openapi.json").json["components"]["schemas"]
    assert schemas["Finding"]["properties"]["sites_by"]["enum"] == ["threshold", "closest", None]
