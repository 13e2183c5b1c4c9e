"""A correction that equals the finding is an agreement with it: kept, shown and exported as one."""

import pytest

from tasks.mi.labels import SITES


@pytest.fixture
def found(site, npy):
    """The sites of a finding with an infarction, and a record without one."""
    site.read(("mi.npy", npy["inferior"]), ("norm.npy", npy["healthy"]))
    items = {each["record"]: each for each in site.client.get("/api/v1/records").json["items"]}
    assert items["mi"]["sites"] and not items["norm"]["present"]
    return items["mi"]["sites"]


def review(site, record, sites):
    return site.client.post(f"/api/v1/records/{record}/review", json={"verdict": "correct", "sites": sites}).json


def test_the_same_sites_are_an_agreement(site, found):
    assert review(site, "mi", found[::-1])["verdict"] == "agree"
    assert review(site, "norm", [])["verdict"] == "agree"
    items = site.client.get("/api/v1/records").json["items"]
    assert [each["review"] for each in items] == ["agree", "agree"]
    assert "agreed" in site.client.get("/patients").text and "corrected" not in site.client.get("/patients").text
    rows = site.client.get("/api/v1/export/labels.csv").text.splitlines()[1:]
    assert rows == [f"mi,{','.join(str(int(each in found)) for each in SITES)},0", "norm,0,0,0,0,0,0,1"]


def test_other_sites_are_a_correction(site, found):
    other = next(each for each in SITES if each not in found)
    for sites in ([*found, other], [other], []):
        kept = review(site, "mi", sites)
        assert kept["verdict"] == "correct" and set(kept["sites"]) == set(sites)
    assert review(site, "norm", [other])["verdict"] == "correct"


def test_the_page_says_the_same(site, found):
    form = {"verdict": "correct", "sites": found, "comment": "so it is"}
    page = site.client.post("/patients/mi/review", data=form, follow_redirects=True).text
    assert "Agrees" in page and "so it is" in page
