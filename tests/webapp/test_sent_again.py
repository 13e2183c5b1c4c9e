"""What is said of recordings that were here already, and of names that another one has; and in which order an upload is."""

import re

from tests.webapp.builders import npy_bytes, zip_bytes
from tests.webapp.people import enter, put_record, site_with_people
from webapp.reading import natural_key


def said(job):
    return job["already_here"], job["renamed"]


def test_the_same_again_is_already_here(site, npy):
    first = site.read(("a.npy", npy["healthy"]), ("b.npy", npy["inferior"]))
    assert said(first) == ([], []) and first["records"] == ["a", "b"]
    again = site.read(("a.npy", npy["healthy"]), ("c.npy", npy["anterior"]))
    assert again["records"] == ["a", "c"] and site.names() == ["a", "b", "c"]
    assert said(again) == ([{"name": "a", "record": "a", "stored_as": None}], [])
    site.client.delete("/api/v1/records/a")
    assert said(site.job(again["job"])) == ([], [])  # a name that was deleted stands nowhere


def test_it_is_what_a_recording_holds_that_makes_it_the_same(site, recordings, npy):
    """The same samples in another kind of file, under another name: stored all the same, as a form may ask for both."""
    site.read(("a.npy", npy["healthy"]))
    rows = "\n".join(",".join(f"{float(cell)!r}" for cell in row) for row in recordings["healthy"].T)
    leads = "I,II,III,aVR,aVL,aVF,V1,V2,V3,V4,V5,V6\n"
    job = site.read(("other.csv", (leads + rows).encode()))
    assert said(job) == ([{"name": "other", "record": "a", "stored_as": "other"}], [])
    assert site.names() == ["a", "other"]
    site.client.delete("/api/v1/records/a")
    assert said(site.job(job["job"])) == ([], [])  # it is the only one now


def test_the_same_samples_at_another_rate_are_another_recording(site, npy):
    site.read(("a.npy", npy["healthy"]), fs_hz="500")
    job = site.read(("a.npy", npy["healthy"]), fs_hz="400")
    assert said(job) == ([], [{"name": "a", "record": "a (2)"}])


def test_another_recording_of_a_name_is_renamed(site, npy):
    site.read(("a.npy", npy["healthy"]))
    job = site.read(("a.npy", npy["inferior"]))
    assert said(job) == ([], [{"name": "a", "record": "a (2)"}]) and job["records"] == ["a (2)"]
    again = site.read(("a.npy", npy["inferior"]))
    assert said(again) == ([{"name": "a", "record": "a (2)", "stored_as": None}], [])
    own = site.read(("b (7).npy", npy["anterior"]))  # its own name, and no number of ours
    assert said(own) == ([], []) and site.names() == ["a", "a (2)", "b (7)"]


def test_what_others_have_is_not_here(make_site, monkeypatch, npy):
    """Of a workspace nobody learns what is in another."""
    site = site_with_people(make_site, monkeypatch)
    put_record(site, "clinic", "a", npy["healthy"])
    job = put_record(site, "other", "a", npy["healthy"])
    assert said(enter(site, "olga").get(f"/api/v1/jobs/{job}").json) == ([], [])


def test_the_upload_page_says_it_in_both_languages(site, npy):
    site.read(("a.npy", npy["healthy"]))
    site.read(("a.npy", npy["healthy"]), ("b.npy", npy["healthy"]))
    site.read(("a.npy", npy["inferior"]))
    page = site.client.get("/").text
    assert '<a href="/patients/a">a</a> is here already' in page and "“b” is the same recording as" in page
    assert re.search("“a” is the name of another recording: this one was stored as <a[^>]*>a \\(2\\)</a>", page)
    site.client.set_cookie("language", "ru")
    assert "уже есть" in site.client.get("/").text


def test_an_upload_is_in_the_order_of_its_names(site, recordings):
    """Numbers by their value, in the job and in the list, whichever was read first; the newest upload before."""
    names = ["sim_10", "sim_2", "Sim_1", "sim_020", "a"]
    signal = recordings["healthy"]
    members = {f"{name}.npy": npy_bytes(signal + n / 1000) for n, name in enumerate(names)}
    in_order = ["a", "Sim_1", "sim_2", "sim_10", "sim_020"]
    job = site.read(("all.zip", zip_bytes(members)))
    assert job["records"] == in_order
    site.read(("later.npy", npy_bytes(signal - 0.01)))
    listed = lambda sort: [each["record"] for each in site.client.get(f"/api/v1/records?sort={sort}").json["items"]]  # noqa: E731
    assert listed("newest") == ["later", *in_order] and listed("oldest") == [*in_order, "later"]


def test_names_are_sorted_as_people_do():
    names = ["x", "b2", "b10", "B3", "", "10", "9", "b2c", "b02", "é1"]
    assert sorted(names, key=natural_key) == ["", "9", "10", "b02", "b2", "b2c", "B3", "b10", "x", "é1"]
