"""What detectors answer to programs: taken in by being there, behind the guard of the API, or refused at the start."""

import sys
from types import ModuleType

import marshmallow as ma
import pytest

import tasks
from cardiac.errors import ConfigError, RecordError
from tests.webapp.builders import ONE_DATABASE
from tests.webapp.people import HOME, bearer, enter, site_with_people, trail
from webapp import create_app
from webapp.access import HEADERS, most_body_bytes
from webapp.storage import accounts
from webapp.task_apis import find_apis

pytestmark = ONE_DATABASE
API = """import marshmallow as ma

DESCRIPTION = "Found"
READ_BYTES, TOO_LONG = 100, "too long"
REQUEST = ANSWER = ma.Schema.from_dict({"n": ma.fields.Integer()})


def answer(given):
    return given
"""
ADDRESSES = ("/api/v1/toy", "/toys")
MB = 2**20


class Asked(ma.Schema):
    class Meta:
        unknown = ma.RAISE

    n = ma.fields.Integer(required=True)


class Answered(ma.Schema):
    share = ma.fields.Float()


def answer(given):
    if given["n"] == 0:
        raise RecordError("n is 0: give another")
    return {"share": 1 / (given["n"] - 1)}


def module(name="toy", contracts=("/toys",), **names):
    """An API module: it takes an object, and goes wrong in two ways."""
    made = ModuleType(f"tasks.{name}.api")
    made.DESCRIPTION, made.REQUEST, made.ANSWER, made.answer = "A toy\n\nIts text", Asked, Answered, answer
    made.READ_BYTES, made.TOO_LONG, made.CONTRACTS = MB, "n: is too long: send less", contracts
    vars(made).update(names)
    return made


@pytest.fixture
def site(make_site):
    return make_site(apis=[module()])


@pytest.fixture
def others(make_site, monkeypatch):
    """A server with people, and an API module."""
    return site_with_people(lambda **options: make_site(apis=[module()], **options), monkeypatch)


def test_it_answers_under_its_name_and_by_its_contracts(site):
    for address in ADDRESSES:
        answer = site.client.post(address, json={"n": 2})
        assert (answer.status_code, answer.json) == (200, {"share": 1.0})


def test_it_stands_in_the_document(make_site):
    without, with_one = (make_site(apis=apis).client.get("/api/v1/openapi.json").json for apis in ([], [module()]))
    assert with_one["paths"].keys() - without["paths"].keys() == {*ADDRESSES}
    for address in ADDRESSES:
        operation = with_one["paths"][address]["post"]
        assert (operation["summary"], operation["description"]) == ("A toy", "Its text")
        assert {"200", "400", "401", "403", "413", "415", "422", "503"} <= operation["responses"].keys()


def test_every_api_module_of_a_task_is_found(settings, tmp_path, monkeypatch):
    (tmp_path / "tasks/aaa_found").mkdir(parents=True)
    (tmp_path / "tasks/aaa_found/api.py").write_text(API)
    before = find_apis()
    monkeypatch.setattr(tasks, "__path__", [*tasks.__path__, str(tmp_path / "tasks")])
    assert [each.__name__ for each in find_apis()] == ["tasks.aaa_found.api", *(each.__name__ for each in before)]
    app = create_app(settings, sites=[])
    assert app.test_client().post("/api/v1/aaa_found", json={"n": 3}).json == {"n": 3}
    app.extensions["store"].database.close()
    (tmp_path / "tasks/aaa_found/api.py").write_text("import what_nobody_has\n")
    for name in [each for each in sys.modules if each.startswith("tasks.aaa_found")]:
        del sys.modules[name]
    with pytest.raises(ConfigError, match=r"^tasks\.aaa_found\.api: cannot be imported \(No module named"):
        create_app(settings, sites=[])


def test_a_stranger_is_told_to_log_in(others):
    stranger = others.app.test_client()
    for address in ADDRESSES:
        for method in ("GET", "POST", "PUT", "OPTIONS"):
            answer = stranger.open(address, method=method, json={"n": 2}, **HOME)
            assert (answer.status_code, answer.content_type) == (401, "application/problem+json"), (method, address)
        assert stranger.post(address, json={"n": 2}, headers=bearer("wrong"), **HOME).status_code == 401
    assert trail(others) == []


def test_a_reviewers_token_is_let_in_and_leaves_a_row(others):
    asked = []
    for name, status in (("rita", 403), ("vera", 200), ("ada", 200)):
        with others.store.database.writing() as db:
            token = accounts.add_token(db, name, "a program", 1)
        for address in ADDRESSES:
            answer = others.app.test_client().post(address, json={"n": 2}, headers=bearer(token), **HOME)
            assert answer.status_code == status, (name, address)
        asked += [name] * 2 if status == 200 else []
    assert [each[0] for each in trail(others) if each[1] == "asked a detector"] == asked


def test_a_browsers_session_needs_the_token_of_our_pages(others):
    browser = enter(others, "vera")
    for address in ADDRESSES:
        assert browser.ask("POST", address, json={"n": 2}).status_code == 200
        assert browser.ask("POST", address, json={"n": 2}, headers={"X-CSRFToken": "old"}).status_code == 403
        elsewhere = {"Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"}
        assert browser.ask("POST", address, json={"n": 2}, headers=elsewhere).status_code == 403


@pytest.mark.parametrize("address", ADDRESSES)
def test_errors_are_problem_documents(site, address):
    long = b'{"n": ' + b" " * 2 * MB + b"2}"
    for sent, status, told in (
        ({"json": {"n": 0}}, 422, "n is 0: give another"),
        ({"json": {"n": 1}}, 500, "this server made a mistake"),
        ({"json": {}}, 422, "n: Missing data"),
        ({"json": {"n": 2, "m": 1}}, 422, "m: Unknown field."),
        ({"json": [1]}, 400, "the JSON is no object"),
        ({"data": b'{"n": 1, "n": 2}', "content_type": "application/json"}, 422, "n: Is given twice."),
        ({"data": b"{", "content_type": "application/json"}, 400, "the request cannot be understood"),
        ({"data": b"n=2"}, 415, "this kind of content is not taken"),
        ({"data": b"n" * 2 * MB}, 415, "this kind of content is not taken"),
        ({"data": long, "content_type": "application/json"}, 422, "n: is too long: send less"),
    ):
        answer = site.client.post(address, **sent)
        assert (answer.status_code, answer.content_type) == (status, "application/problem+json"), sent
        assert told in answer.json["detail"]
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    answer = site.client.put(address, json={"n": 2})
    assert (answer.status_code, answer.content_type) == (405, "application/problem+json")


def test_a_body_is_taken_by_its_views_alone(site):
    with site.app.app_context():
        assert [most_body_bytes(each) for each in ("toy_api.ask", "toy_toys.ask")] == [64 * MB] * 2


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (lambda: [module(), module(contracts=())], "its address is taken"),
        (lambda: [module("records")], "its address is taken"),
        (lambda: [module(contracts=["/patients"])], "the address '/patients' is taken"),
        (lambda: [module(contracts=["/api"])], "the address '/api' is taken"),
        (lambda: [module(contracts=["/static"])], "the address '/static' is taken"),
        (lambda: [module(), module("second")], "the address '/toys' is taken"),
        (lambda: [module(contracts=["/<record>"])], "the address '/<record>' is taken, or is none"),
        (lambda: [module(contracts=["/"])], "the address '/' is taken, or is none"),
        (lambda: [module(REQUEST={"n": 1})], "are marshmallow schemas"),
        (lambda: [ModuleType("tasks.toy.api")], "has no DESCRIPTION"),
    ],
)
def test_what_cannot_be_taken_in_is_one_sentence(settings, made, told):
    with pytest.raises(ConfigError) as caught:
        create_app(settings, [], made())
    assert str(caught.value).startswith("tasks.")
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
