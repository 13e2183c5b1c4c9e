"""Pages that a detector brings along: taken in by being there, behind the guard of all pages, or refused at the start."""

import re
import sys
from types import ModuleType

import pytest
from flask import Blueprint, abort, g, render_template, request

import tasks
from cardiac.errors import ConfigError, RecordError
from tests.webapp.builders import ONE_DATABASE
from tests.webapp.people import HOME, enter, put_record, site_with_people, trail
from webapp import create_app, gate
from webapp.access import HEADERS, OPEN, most_body_bytes
from webapp.storage.trail import list_events
from webapp.task_sites import find_sites

pytestmark = ONE_DATABASE
PAGE = '{% extends "base.html" %}{% block title %}Toy{% endblock %}{% block content %}<h1>Of {{ user.name }}</h1>{% endblock %}'
SITE = """from flask import Blueprint

TITLE, blueprint = "Found by being there", Blueprint("found", __name__)


@blueprint.get("/")
def index():
    return "found"
"""


def module(name="toy", title="Toy <signals> 100 %", **options):
    """A site module: its pages answer, ask for a record, take a form, and go wrong in several ways."""
    made = ModuleType(f"tasks.{name}.site")
    made.TITLE, made.blueprint = title, Blueprint(name, __name__, **options)
    made.blueprint.add_url_rule("/", "index", lambda: f"{name} of {g.person.name}")
    made.blueprint.add_url_rule("/<record>/beats", "beats", lambda record: f"beats of {record}")
    made.blueprint.add_url_rule("/send", "send", lambda: f"sent {request.form['n']}", methods=["POST"])
    made.blueprint.add_url_rule("/nothing", "nothing", lambda: abort(404))
    made.blueprint.add_url_rule("/broken", "broken", lambda: 1 / 0)
    made.blueprint.add_url_rule("/unreadable", "unreadable", unreadable)
    return made


def unreadable():
    raise RecordError("a.npy: is no recording")


def with_template(folder, name="toy/index.html", text=PAGE):
    """A site module with a template of its own."""
    (folder / name).parent.mkdir(exist_ok=True, parents=True)
    (folder / name).write_text(text)
    made = ModuleType("tasks.toy.site")
    made.TITLE, made.blueprint = "Toy", Blueprint("toy", __name__, template_folder=str(folder))
    made.blueprint.add_url_rule("/", "index", lambda: render_template(name))
    return made


@pytest.fixture
def others(make_site, monkeypatch):
    """A server with people, and two site modules."""
    return site_with_people(lambda **options: make_site(sites=[module(), module("second")], **options), monkeypatch)


def links(page):
    """Addresses and texts of the navigation."""
    [nav] = re.findall(r'<nav class="site-nav".*?</nav>', page, re.DOTALL)
    return re.findall(r'<a href="([^"]+)"[^>]*>([^<]*)</a>', nav)


def test_the_navigation_leads_to_its_pages(make_site):
    site = make_site(sites=[module(), module("second", "Second")])
    own = ("/toy/", "Toy &lt;signals&gt; 100 %"), ("/second/", "Second")
    shown = links(site.client.get("/patients").text)
    assert [address for address, _ in shown] == ["/", "/patients", "/toy/", "/second/", "/api/docs", "/audit"]
    assert set(own) <= set(shown)
    assert site.client.get("/toy/").text == "toy of local"
    assert site.client.get("/second/").text == "second of local"
    assert site.client.get("/toy", follow_redirects=True).text == "toy of local"


def test_without_modules_no_byte_is_another(make_site):
    """But for the tokens of forms."""
    without, with_one = make_site(), make_site(sites=[module(title="Toy")])
    link = '\n          <li><a href="/toy/">Toy</a></li>'
    for address in ("/", "/patients", "/nowhere"):
        pages = [
            re.sub(r'(content|value)="[\w.-]{80,}"', "", each.client.get(address).text) for each in (without, with_one)
        ]
        assert link in pages[1]
        assert pages[0] == pages[1].replace(link, "")
        assert 'Patients</a></li>\n          <li><a href="/api/docs">' in pages[0]


def test_every_site_module_of_a_task_is_found(settings, tmp_path, monkeypatch):
    """By being there; the folders of other tasks stay what they are."""
    for name in ("aaa_found", "aaa_without"):
        (tmp_path / "tasks" / name).mkdir(parents=True)
    (tmp_path / "tasks/aaa_found/site.py").write_text(SITE)
    before = find_sites()
    monkeypatch.setattr(tasks, "__path__", [*tasks.__path__, str(tmp_path / "tasks")])
    found = find_sites()
    assert [each.__name__ for each in found] == ["tasks.aaa_found.site", *(each.__name__ for each in before)]
    app = create_app(settings)
    assert app.test_client().get("/found/").text == "found"
    app.extensions["store"].database.close()
    (tmp_path / "tasks/aaa_found/site.py").write_text("import what_nobody_has\n")
    for name in [each for each in sys.modules if each.startswith("tasks.aaa_found")]:
        del sys.modules[name]
    with pytest.raises(ConfigError, match=r"^tasks\.aaa_found\.site: cannot be imported \(No module named"):
        create_app(settings)


def test_a_stranger_sees_none_of_its_pages(others):
    stranger = others.app.test_client()
    rules = [rule for rule in others.app.url_map.iter_rules() if rule.endpoint.startswith(("toy.", "second."))]
    assert len(rules) == 12
    for rule in rules:
        assert rule.endpoint not in OPEN
        address = rule.rule.replace("<record>", "own")
        for method in ("GET", "HEAD", "POST", "PUT", "OPTIONS"):
            answer = stranger.open(address, method=method, data={"n": 1} if method == "POST" else None, **HOME)
            assert answer.status_code == 302, (method, address)
            assert answer.location.startswith("/login"), (method, address)
            assert "toy of" not in answer.text, (method, address)
        assert stranger.get(address, headers={"Authorization": "Bearer wrong"}, **HOME).status_code == 302
    assert trail(others) == []


def test_whoever_has_logged_in_sees_them(others):
    rita = enter(others, "rita")
    answer = rita.get("/toy/")
    assert (answer.status_code, answer.text) == (200, "toy of rita")
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert answer.headers["Cache-Control"] == "no-store"


def test_what_changes_something_needs_a_reviewer_and_the_token_of_its_form(others):
    others.app.config["WTF_CSRF_ENABLED"] = True
    for name, status in (("rita", 403), ("vera", 200), ("ada", 200)):
        browser = enter_with_token(others, name)
        assert browser.ask("POST", "/toy/send", data={"n": 7}).status_code == status
    assert browser.ask("POST", "/toy/send", data={"n": 7}).text == "sent 7"
    assert browser.ask("POST", "/toy/send", data={"n": 7}, headers={"X-CSRFToken": ""}).status_code == 400
    elsewhere = {"Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"}
    assert browser.ask("POST", "/toy/send", data={"n": 7}, headers=elsewhere).status_code == 403
    assert browser.ask("POST", "/toy/send", data={"n": "7" * 2**21}).status_code == 413


def enter_with_token(site, name):
    """Somebody who has logged in on a server that asks for the tokens of forms."""
    site.app.config["WTF_CSRF_ENABLED"] = False
    browser = enter(site, name)
    site.app.config["WTF_CSRF_ENABLED"] = True
    return browser


def test_every_request_leaves_a_row(others, npy):
    put_record(others, "clinic", "own", npy["healthy"])
    vera = enter(others, "vera")
    before = len(trail(others))
    for address in ("/toy/", "/toy/own/beats", "/toy/own/beats", "/second/", "/toy/nowhere/at/all"):
        vera.get(address)
    vera.ask("POST", "/toy/send", data={"n": 1})
    assert trail(others)[before:] == [
        ("vera", "saw", "toy.index"),
        ("vera", "saw", "toy.beats"),  # of which ten minutes have one
        ("vera", "saw", "second.index"),
        ("vera", "sent a form", "toy.send"),
    ]
    with others.store.database.reading() as db:
        assert [each.detail for each in list_events(db, "clinic", 9, record="own") if each.user == "vera"] == [
            "toy.beats"
        ]


def test_errors_in_it_are_answered_by_our_pages(make_site):
    site = make_site(sites=[module()])
    for address, status, told in (
        ("/toy/nothing", 404, "there is nothing under this address"),
        ("/toy/nowhere/at/all", 404, "there is nothing under this address"),
        ("/toy/broken", 500, "this server made a mistake"),
        ("/toy/unreadable", 422, "a.npy: is no recording"),
    ):
        answer = site.client.get(address)
        assert answer.status_code == status
        assert told in answer.text
        assert "/toy/" in dict(links(answer.text))
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS


def test_its_templates_extend_the_base(make_site, tmp_path):
    site = make_site(sites=[with_template(tmp_path)])
    page = site.client.get("/toy/").text
    assert "<title>Toy</title>" in page and "<h1>Of local</h1>" in page
    assert ("/toy/", "Toy") in links(page)
    assert '<a href="/toy/" aria-current="page">' in page


def test_its_title_is_in_the_pages_language_where_it_has_one(make_site):
    made = module()
    made.TITLES = {"ru": "Игрушка <100 %>"}
    site = make_site(sites=[made, module("second", "Second")])
    for language, title in (("en", "Toy &lt;signals&gt; 100 %"), ("ru", "Игрушка &lt;100 %&gt;")):
        site.client.set_cookie("language", language)
        shown = dict(links(site.client.get("/patients").text))
        assert (shown["/toy/"], shown["/second/"]) == (title, "Second")


def test_a_view_takes_as_much_as_its_module_asks_for_and_no_other_does(make_site):
    made = module()
    made.MOST_BYTES = {"send": 3 * 2**20}
    site = make_site(sites=[made, module("second")])
    for n, name, status in ((2, "toy", 200), (2, "second", 413), (3, "toy", 413)):
        answer = site.post(f"/{name}/send", ("a.npy", bytes(n * 2**20)), n=1)
        assert answer.status_code == status, (n, name)
        environ = {"REQUEST_METHOD": "POST", "PATH_INFO": f"/{name}/send", "CONTENT_LENGTH": str(n * 2**20 + 9)}
        environ |= {
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "wsgi.url_scheme": "http",
            "HTTP_HOST": "localhost",
        }
        refused = gate.refused(site.app, environ | {"REMOTE_ADDR": "127.0.0.1"}, is_chunked=False)
        assert (refused is None) == (status == 200), (n, name)  # before a byte of the body has come
        assert gate.most_bytes(site.app, environ) == (3 * 2**20 if name == "toy" else 2**20)


def test_no_view_takes_more_than_the_server_does(make_site):
    made = module()
    made.MOST_BYTES = {"send": 3 * 2**20}
    site = make_site(sites=[made], most_bytes=2 * 2**20)
    with site.app.test_request_context("/toy/send", method="POST"):
        assert most_body_bytes("toy.send") == 2 * 2**20


def test_its_templates_have_the_reasons_in_words(make_site, tmp_path):
    """Why a tracing wants a look is said in one way everywhere."""
    text = '{{ reasons_of({"quality": {"details": [], "reasons": ["left aside: Resp"]}})[0].text }}'
    site = make_site(sites=[with_template(tmp_path, text=text)])
    assert site.client.get("/toy/").text == "left aside: Resp"
    site.client.set_cookie("language", "ru")
    assert site.client.get("/toy/").text == "не использовано: Resp"


def handled(blueprint):
    blueprint.register_error_handler(401, lambda _: "come in")


def handled_everywhere(blueprint):
    blueprint.app_errorhandler(404)(lambda _: "mine")


def asked_first(blueprint):
    blueprint.url_value_preprocessor(lambda endpoint, values: abort(200))


def asked_on_every_page(blueprint):
    blueprint.before_app_request(lambda: None)


def who_asks(blueprint):
    blueprint.app_context_processor(lambda: {"user": None})


def elsewhere(blueprint):
    blueprint.record(lambda state: state.app.add_url_rule("/free", "health_too", lambda: "free"))


@pytest.mark.parametrize("reach", [handled, handled_everywhere, asked_first, asked_on_every_page, who_asks, elsewhere])
def test_what_would_reach_past_the_guard_is_refused(settings, reach):
    made = module()
    reach(made.blueprint)
    with pytest.raises(ConfigError, match=r"^tasks\.toy\.site: its blueprint would change what holds for all pages"):
        create_app(settings, [made])


def without(name):
    made = module()
    delattr(made, name)
    return [made]


def of_another_kind(**names):
    made = module()
    vars(made).update(names)
    return [made]


def without_a_first_page():
    made = module()
    made.blueprint = Blueprint("toy", __name__)
    return [made]


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (lambda _: without("TITLE"), "has no TITLE"),
        (lambda _: of_another_kind(TITLE=" "), "has no TITLE"),
        (lambda _: of_another_kind(TITLE=3), "has no TITLE"),
        (lambda _: without("blueprint"), "has no blueprint"),
        (lambda _: of_another_kind(blueprint="toy"), "has no blueprint"),
        (lambda _: of_another_kind(MOST_BYTES={"send": 2**27}), "MOST_BYTES of 'toy.send' is not"),
        (lambda _: of_another_kind(MOST_BYTES={"send": 0}), "MOST_BYTES of 'toy.send' is not"),
        (lambda _: of_another_kind(MOST_BYTES={"nobodys": 9}), "MOST_BYTES of 'toy.nobodys' is not"),
        (lambda _: [module(), module()], "the name 'toy' is taken"),
        (lambda _: [module("pages")], "the name 'pages' is taken"),
        (lambda _: [module("patients")], "the name 'patients' is taken"),  # an address
        (lambda _: [module("health")], "the name 'health' is taken"),
        (lambda _: [module("api")], "the name 'api' is taken"),
        (lambda _: [module("static")], "the name 'static' is taken"),
        (lambda _: [module("<path:all>")], "its blueprint's name '<path:all>' is not"),
        (lambda _: [module(url_prefix="/")], "its pages lie under /toy"),
        (lambda _: without_a_first_page(), "has no page at '/'"),
        (lambda folder: [with_template(folder, "record.html")], "a template 'record.html' is there already"),
    ],
)
def test_what_cannot_be_taken_in_is_one_sentence(settings, tmp_path, made, told):
    with pytest.raises(ConfigError) as caught:
        create_app(settings, made(tmp_path / "templates"))
    assert re.match(r"tasks\.\S+\.site: ", str(caught.value))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
