"""The list: filters, search, orders, pages and neighbours, against the truth counted from the documents."""

import random
import re
import time
import unicodedata
from contextlib import ExitStack
from functools import partial
from html import unescape

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import func, insert, select

from tasks.mi.labels import SITES
from tests.patience import times_as_long, wall_s
from tests.webapp.conftest import emptied_database, sites_on
from webapp.settings import Settings
from webapp.storage.records import ORDERS, UPLOADED_S, Query
from webapp.storage.tables import Base, Record, Signal, mask_of

DAY_S = 86_400.0
FILTERS = [
    {"present": "true"},
    {"present": "false"},
    *({"site": site} for site in SITES),
    {"uncertain": "true"},
    {"uncertain": "false"},
    {"quality": "ok"},
    {"quality": "warning"},
    {"reviewed": "true"},
    {"reviewed": "false"},
    *({"uploaded": uploaded} for uploaded in UPLOADED_S),
    {"present": "true", "uncertain": "false", "quality": "ok", "reviewed": "false", "uploaded": "month"},
    {"site": "inferior", "q": "запись", "reviewed": "true"},
]
NAMES = ["Иванов", "иванов 2", "ИВАН", "100%", "1000", "a_b", "aXb", "A_B", "a\\b", "Straße", "й", "b", "B"]


def document_of(name, rng):
    """A finding as findings.json has it, with probabilities of which many are equal."""
    present = rng.random() < 0.4
    found = set(rng.sample(SITES, rng.choice([1, 1, 2, 3]))) if present else set()

    def judged(is_there, probability):
        return {"probability": probability, "threshold": 0.5, "present": is_there}

    probability = rng.choice([0.5, 0.625, 0.75, 0.9]) if present else rng.choice([0.0, 0.125, 0.25])
    return {
        "record": name,
        "mi": judged(present, probability),
        "localizations": {site: judged(site in found, round(rng.random(), 6)) for site in SITES},
        "norm": not present,
        "uncertain": rng.random() < 0.2,
        "spread": 0.1,
        "quality": {"status": rng.choice(["ok", "ok", "warning"]), "reasons": [], "details": []},
        "heart_rate_bpm": 60,
        "fs_hz": 500.0,
        "duration_s": 10.0,
        "bundle": {"name": "hybrid", "sha256": "0" * 64},
    }


def rows_of(names, rng, workspace="local"):
    """Rows of the table of records for these names."""
    now = time.time()
    for name in names:
        document = document_of(name, rng)
        yield {
            "workspace": workspace,
            "name": name,
            "signal": "0" * 64,
            "document": document,
            "present": document["mi"]["present"],
            "probability": document["mi"]["probability"],
            "sites": mask_of(site for site, each in document["localizations"].items() if each["present"]),
            "uncertain": document["uncertain"],
            "quality": document["quality"]["status"],
            "review": rng.choice([None, None, "agree", "correct", "unreadable"]),
            "tracing": "M0 20" + "L1 20" * 150,
            "uploaded_at": now - rng.choice([0.5, 3.0, 20.0, 90.0]) * DAY_S,
            "position": rng.randrange(9),
        }


def fill(site, names, seed=1, workspace="local"):
    """Put records into the database without their samples."""
    rows = list(rows_of(names, random.Random(seed), workspace))
    with site.store.database.writing() as session:
        if session.get(Signal, "0" * 64) is None:
            session.add(Signal(sha256="0" * 64))
            session.flush()
        session.execute(insert(Record), rows)
    return rows


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def listing(request, tmp_path_factory, detector):
    """A site that is only looked at, and what stands in its list.

    100 records with equal probabilities, and names that are not easily searched.
    """
    with ExitStack() as until_the_end:
        url = until_the_end.enter_context(emptied_database()).next() if request.param == "postgresql" else ""
        settings = Settings(data=tmp_path_factory.mktemp("listing"), database_url=url)
        site = until_the_end.enter_context(sites_on(settings, detector))()
        rows = fill(site, [*(f"Запись {place:03}" for place in range(87)), *NAMES])
        fill(site, [*NAMES, "of others"], seed=2, workspace="other")
        yield site, rows


@pytest.fixture
def looked_at(listing):
    return listing[0]


@pytest.fixture
def listed(listing):
    return listing[1]


def is_meant(row, given):
    """Whether a filter means this record, by its document."""
    document, told = row["document"], {"true": True, "false": False}
    age_s = time.time() - row["uploaded_at"]
    truth = {
        "present": lambda value: document["mi"]["present"] == told[value],
        "site": lambda value: document["localizations"][value]["present"],
        "uncertain": lambda value: document["uncertain"] == told[value],
        "quality": lambda value: document["quality"]["status"] == value,
        "reviewed": lambda value: (row["review"] is not None) == told[value],
        "uploaded": lambda value: age_s <= {"day": 1, "week": 7, "month": 30}[value] * DAY_S,
        "q": lambda value: value.casefold() in row["name"].casefold(),
    }
    return all(truth[key](value) for key, value in given.items())


def all_names(site, /, **query):
    """Names that the API's list shows, page by page."""
    names, total = [], 1
    while len(names) < total:
        page = site.client.get("/api/v1/records", query_string=query | {"limit": 7, "offset": len(names)}).json
        total = page["total"]
        names += [item["record"] for item in page["items"]]
    return names


@pytest.mark.parametrize("given", FILTERS, ids=lambda given: " ".join(f"{key}={value}" for key, value in given.items()))
def test_filters_show_what_the_documents_say(looked_at, listed, given):
    names = all_names(looked_at, **given)
    truth = [row["name"] for row in listed if is_meant(row, given)]
    assert sorted(names) == sorted(truth) and 0 < len(truth) < 100
    page = looked_at.client.get("/patients", query_string=given | {"limit": 200}).text
    assert names_on(page) == names and f">{len(names)} record" in page


def names_on(page):
    return [unescape(name) for name in re.findall(r'class="row-name"><a [^>]*>([^<]*)</a>', page)]


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("Иванов", {"Иванов", "иванов 2"}),
        ("ИВАНОВ", {"Иванов", "иванов 2"}),
        ("иван", {"Иванов", "иванов 2", "ИВАН"}),
        ("иванов 2", {"иванов 2"}),
        ("анов", {"Иванов", "иванов 2"}),
        ("В 2", {"иванов 2"}),
        ("%", {"100%"}),
        ("100%", {"100%"}),
        ("100", {"100%", "1000"}),
        ("1_0", set()),
        ("_", {"a_b", "A_B"}),
        ("a_", {"a_b", "A_B"}),
        ("a_b", {"a_b", "A_B"}),
        ("a\\", {"a\\b"}),
        ("a/", set()),
        ("B", {"b", "B", "a_b", "aXb", "A_B", "a\\b"}),
        ("ß", {"Straße"}),
        ("\\", {"a\\b"}),
        ("00", {"100%", "1000", *(f"Запись {place:03}" for place in range(87) if "00" in f"{place:03}")}),
        ("strasse", {"Straße"}),
        ("STRASSE", {"Straße"}),
        (unicodedata.normalize("NFD", "й"), {"й"}),
        ("Й", {"й"}),
        ("' OR 1=1 --", set()),
        ("я" * 255, set()),
    ],
)
def test_search_by_a_part_of_a_name(looked_at, listed, q, found):
    assert set(all_names(looked_at, q=q)) == found
    page = looked_at.client.get("/patients", query_string={"q": q}).text
    assert set(names_on(page)) == found


def test_letters_of_a_file_system_are_found(site, npy):
    """Some write й as two letters: и and a breve."""
    site.read((unicodedata.normalize("NFD", "Андрей.npy"), npy["healthy"]))
    assert len(all_names(site, q="андрей")) == 1


@pytest.mark.parametrize("sort", ORDERS)
def test_orders(looked_at, listed, sort):
    names = all_names(looked_at, sort=sort)
    ids = {row["name"]: place for place, row in enumerate(listed)}
    uploaded, positions, probabilities = (
        {row["name"]: row[column] for row in listed} for column in ("uploaded_at", "position", "probability")
    )
    keys = {
        "newest": lambda name: (-uploaded[name], positions[name], ids[name]),
        "oldest": lambda name: (uploaded[name], positions[name], ids[name]),
        "name": lambda name: name,
        "probability": lambda name: (probabilities[name], ids[name]),
        "-probability": lambda name: (-probabilities[name], -ids[name]),
    }
    assert names == sorted(ids, key=keys[sort])
    assert all_names(looked_at, sort=sort) == names


def test_what_the_page_calls_most_probable_is(looked_at, listed):
    page = looked_at.client.get("/patients").text
    chosen = re.search(r'<option value="([^"]*)"[^>]*>most probable first', page).group(1)
    shown = looked_at.client.get("/api/v1/records", query_string={"sort": chosen}).json["items"]
    assert shown[0]["probability"] == max(row["probability"] for row in listed)


@pytest.mark.parametrize(
    "given", [{}, {"sort": "probability"}, {"present": "true", "sort": "-probability"}, {"q": "з"}]
)
def test_scrolling_shows_every_record_once(looked_at, listed, given):
    page = looked_at.client.get("/patients", query_string=given).text
    names, n = names_on(page), 1
    while found := re.search(r'<li class="more"[^>]*><a class="button" href="([^"]*)"', page):
        page = looked_at.client.get(f"{unescape(found.group(1))}&fragment=1").text
        assert "<html" not in page
        names += names_on(page)
        n += 1
    assert names == all_names(looked_at, **given)
    assert n == -(-len(names) // 30) and len(names) > 30


@pytest.mark.parametrize("sort", ORDERS)
@pytest.mark.parametrize("given", [{}, {"present": "true"}, {"q": "Запись", "reviewed": "false"}])
def test_neighbours_follow_the_list(looked_at, listed, sort, given):
    """In both directions, through records that have the same probability."""
    query = given | {"sort": sort}
    names = all_names(looked_at, **query)
    assert len({row["probability"] for row in listed}) < 10 < len(names)
    for place in [*range(3), *range(10, len(names), 9), len(names) - 1]:
        page = looked_at.client.get(f"/patients/{names[place]}", query_string=query).text
        before, after = names[place - 1] if place else None, names[place + 1] if place + 1 < len(names) else None
        for link, name in (("previous", before), ("next", after)):
            found = re.search(rf'<a id="{link}" [^>]*href="([^"]*)"', page)
            assert (found is None) == (name is None)
            if found:
                followed = looked_at.client.get(unescape(found.group(1))).text
                assert f"<h1>{name}</h1>" in followed
                back = re.search(
                    rf'<a id="{"next" if link == "previous" else "previous"}" [^>]*href="([^"]*)"', followed
                )
                assert f"<h1>{names[place]}</h1>" in looked_at.client.get(unescape(back.group(1))).text


def test_a_record_that_the_filter_does_not_show_has_neighbours_all_the_same(looked_at, listed):
    shown = all_names(looked_at, present="true", sort="name")
    hidden = next(row["name"] for row in listed if not row["present"] and shown[0] < row["name"] < shown[-1])
    page = looked_at.client.get(f"/patients/{hidden}?present=true&sort=name").text
    found = [re.search(rf'<a id="{link}" [^>]*href="([^"]*)"', page).group(1) for link in ("previous", "next")]
    told = [re.search(r"<h1>([^<]*)</h1>", looked_at.client.get(unescape(address)).text).group(1) for address in found]
    assert told == [max(name for name in shown if name < hidden), min(name for name in shown if name > hidden)]


def test_a_query_is_told_in_an_address_as_it_was_given():
    query = Query(q="a&b", present=False, site="septal", sort="name")
    assert query.parameters() == {"q": "a&b", "present": "false", "site": "septal", "sort": "name"}
    assert Query().parameters() == {}


def test_migrations_give_the_tables_of_today(site):
    with site.store.database.reading() as session:
        context = MigrationContext.configure(session.connection(), opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
        assert context.get_current_revision() is not None


def show(site, address):
    assert site.client.get(address).status_code == 200


def test_fifty_thousand_records_are_listed_at_once(site):
    """In less time than thirty first pages, which list none: 3 to 5 ms each where nothing else runs."""
    fill(site, (f"Запись {place:05}" for place in range(50_000)), seed=3)
    with site.store.database.writing() as session:
        last = session.scalar(select(func.max(Record.id)))
        middle = session.get(Record, last - 25_000).name
    addresses = [
        "/patients",
        "/api/v1/records",
        "/patients?q=запись 4",
        f"/patients?q={middle}",
        "/patients?q=nobody",
        "/patients?q=5",
        "/patients?q=пись 49&sort=name",
        "/patients?sort=oldest",
        "/patients?present=true",
        "/patients?site=septal&uncertain=true&quality=warning&reviewed=true&uploaded=day",
        "/patients?reviewed=false&sort=name",
        "/patients?sort=-probability",
        "/patients?sort=probability&present=true&quality=ok",
        "/patients?offset=49980&fragment=1",
        "/patients?offset=49980&fragment=1&sort=probability",
        "/patients?offset=49980&fragment=1&sort=name",
        f"/patients/{middle}",
        f"/patients/{middle}?sort=probability",
        f"/patients/{middle}?sort=name&site=septal&uncertain=true&quality=warning",
    ]
    first, most = partial(show, site, "/"), 30
    times = {each: times_as_long(partial(show, site, each), first, most, wall_s) for each in addresses}
    assert {each: n for each, n in times.items() if n >= most} == {}
