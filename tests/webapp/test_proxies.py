"""Proxies before the server: whose word is taken, spoofed addresses, and a server for its own machine alone."""

import re
from http.client import HTTPConnection
from urllib.parse import urlencode, urlsplit

import pytest

from cardiac.errors import ConfigError
from tests.webapp.people import PASSWORD, Browser, age, site_with_people
from tests.webapp.servers import command, running
from webapp import gate, main
from webapp.proxies import client_network, plain_address, read_proxies
from webapp.storage import accounts
from webapp.storage.tables import Token

WRONG = "wrong" * 3
TRUSTED = "10.0.0.2,10.1.0.0/16,fd00::/8"
FORWARDING = ["X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Prefix",
              "X-Forwarded-Server", "X-Forwarded", "Forwarded", "Via", "X-Real-IP"]  # fmt: skip


def seen(make_site, behind_proxy, peer="10.0.0.2", **headers):
    """Address, scheme and host of a request as the application sees it; its status where it was refused."""
    site = make_site(host="0.0.0.0", behind_proxy=behind_proxy)
    found = []

    @site.app.before_request
    def look():
        from flask import request

        found.append((request.remote_addr, request.scheme, request.host))

    given = {f"X-Forwarded-{name}": text for name, text in headers.items()}
    answer = site.client.get("/login", headers=given, environ_base={"REMOTE_ADDR": peer})
    return found[0] if answer.status_code == 200 else answer.status_code


pytestmark = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)


@pytest.mark.parametrize(
    ("behind_proxy", "forwarded", "address"),
    [
        (False, "1.2.3.4", "10.0.0.2"),
        (True, "1.2.3.4", "1.2.3.4"),
        ("1", "6.6.6.6, 1.2.3.4", "1.2.3.4"),
        (2, "6.6.6.6, 1.2.3.4, 10.0.0.1", "1.2.3.4"),
        ("2", "6.6.6.6", "10.0.0.2"),
        ("1", "", "10.0.0.2"),
        ("1", "1.2.3.4:5678", "1.2.3.4"),
        ("1", "[2001:db8::1]:80", "2001:db8::1"),
        ("1", "::ffff:1.2.3.4", "1.2.3.4"),
        ("1", "6.6.6.6, unknown", "10.0.0.2"),
        (TRUSTED, "1.2.3.4", "1.2.3.4"),
        (TRUSTED, "6.6.6.6, 1.2.3.4", "1.2.3.4"),
        (TRUSTED, "6.6.6.6, 1.2.3.4, 10.1.7.7, fd00::1", "1.2.3.4"),
        (TRUSTED, "10.0.0.2, 1.2.3.4, 10.1.7.7:80", "1.2.3.4"),
        (TRUSTED, "6.6.6.6, unknown, 10.1.7.7", "10.1.7.7"),
        (TRUSTED, "10.1.9.9", "10.1.9.9"),
        (TRUSTED, "", "10.0.0.2"),
    ],
)
def test_whose_word_is_taken_for_an_address(make_site, behind_proxy, forwarded, address):
    assert seen(make_site, behind_proxy, For=forwarded)[0] == address


@pytest.mark.parametrize(("behind_proxy", "is_believed"), [(False, False), ("1", True), ("10.0.0.2", True)])
def test_whose_word_is_taken_for_https_and_host(make_site, behind_proxy, is_believed):
    _, scheme, host = seen(make_site, behind_proxy, Proto="https", Host="ecg.example")
    assert (scheme, host) == (("https", "ecg.example") if is_believed else ("http", "localhost"))


@pytest.mark.parametrize(
    ("peer", "is_answered"),
    [
        ("10.0.0.2", True),
        ("10.1.255.1", True),
        ("fd12::1", True),
        ("::ffff:10.0.0.2", True),
        ("10.0.0.3", False),
        ("127.0.0.1", False),
        ("::1", False),
        ("", False),
    ],
)
def test_who_is_no_proxy_is_refused(make_site, peer, is_answered):
    site = make_site(host="0.0.0.0", behind_proxy=TRUSTED)
    for address in ("/login", "/health", "/api/v1/records", "/static/style.css", "/nothing"):
        headers = {"X-Forwarded-For": "10.0.0.2", "X-Forwarded-Proto": "https"}
        answer = site.client.get(address, headers=headers, environ_base={"REMOTE_ADDR": peer}, buffered=True)
        assert (answer.status_code == 403) != is_answered, address
        if not is_answered:
            told = answer.json["detail"] if address.startswith("/api") else answer.text
            assert "reached through its proxy alone" in told and "nosniff" in answer.headers["X-Content-Type-Options"]


@pytest.mark.parametrize("behind_proxy", [False, "1", "2", "10.0.0.2"])
def test_no_spoofed_address_escapes_the_throttle(make_site, monkeypatch, behind_proxy):
    """A client writes what it likes; each proxy adds whom it was asked by."""
    people = site_with_people(make_site, monkeypatch)
    people.store.database.close()
    site = make_site(host="0.0.0.0", behind_proxy=behind_proxy)
    added = {False: "", "1": ", 9.9.9.9", "2": ", 9.9.9.9, 10.0.0.3", "10.0.0.2": ", 9.9.9.9"}[behind_proxy]
    found = []
    for place in range(6):
        headers = {"X-Forwarded-For": f"1.1.1.{place}{added}", "Forwarded": f"for=1.1.1.{place}"}
        browser = Browser(site, environ_base={"REMOTE_ADDR": "10.0.0.2"})
        sent = {"data": {"name": f"guess{place}", "password": WRONG}, "headers": headers}
        found.append(browser.ask("POST", "/login", **sent).status_code)
    assert found == [401] * 5 + [429]


@pytest.mark.parametrize(
    "given",
    ["0", "10", "100000000000000000000000", "-1", "1.5", "", ",", "10.0.0.2,", "10.0.0", "10.1.0.1/16", "10.0.0.0/33", "proxy",
     "0.0.0.0/0", "::/0", "10.0.0.2;10.0.0.3", "10.0.0.2 10.0.0.3", "\ud800", "٣"],
)  # fmt: skip
def test_proxies_that_cannot_be(make_site, tmp_path, capsys, given):
    with pytest.raises(ConfigError, match="--behind-proxy"):
        make_site(behind_proxy=given)
    assert main.main(["--data", str(tmp_path / "data"), f"--behind-proxy={given}"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("--behind-proxy") and told.count("\n") == 1 and "10.0.0.2,10.1.0.0/16" in told
    assert not (tmp_path / "data").exists()


def test_what_the_command_line_takes(settings):
    parse = main._parser().parse_args
    assert read_proxies(parse([]).behind_proxy) is None
    assert read_proxies(parse(["--behind-proxy"]).behind_proxy).count == 1
    assert read_proxies(parse(["--behind-proxy", "3"]).behind_proxy).count == read_proxies(3).count == 3
    assert len(read_proxies(parse(["--behind-proxy", "10.0.0.2, 10.1.0.0/16"]).behind_proxy).networks) == 2
    assert read_proxies(True).count == 1 and read_proxies(False) is None


def test_addresses(settings):
    assert plain_address(" 1.2.3.4 ") == "1.2.3.4" and plain_address("1.2.3.4:80") == "1.2.3.4"
    assert plain_address("[::1]") == plain_address("[::1]:80") == plain_address("0:0::1") == "::1"
    assert [plain_address(each) for each in ("", "a", "1.2.3", "1.2.3.4:a", "_x", "[1]", "1.2.3.4, 5.6.7.8")] == [
        None
    ] * 7
    assert client_network("2001:db8::1") == client_network("2001:db8::ffff:1") == "2001:db8::/64"
    assert client_network("fe80::1%eth0") == "fe80::/64" and client_network("") == ""


@pytest.mark.parametrize("name", FORWARDING)
def test_a_local_server_answers_no_proxy(make_site, name):
    site = make_site()
    for address in ("/", "/api/v1/records", "/health", "/static/style.css"):
        answer = site.client.get(address, headers={name: "127.0.0.1"}, buffered=True)
        assert answer.status_code == 403 and "--behind-proxy" in answer.text, address
        assert site.client.get(address, buffered=True).status_code == 200
    assert site.client.post("/api/v1/records", headers={name: ""}).status_code == 403


def test_a_local_server_answers_no_proxy_over_a_socket(settings, tmp_path):
    """The server in front of the application must not take the headers away."""
    with running(tmp_path / "data", "--workers", "0") as server:
        assert server.ask("GET", "/api/v1/records")[0] == 200
        for name in FORWARDING:
            status, told = server.ask("GET", "/api/v1/records", **{name: "for=127.0.0.1"})
            assert status == 403 and "--behind-proxy" in told["detail"], name
        for site in ("cross-site", "same-site"):
            assert server.ask("GET", "/patients", **{"Sec-Fetch-Site": site})[0] == 403


def test_a_server_for_others_believes_nobody_over_a_socket(settings, tmp_path):
    data = tmp_path / "data"
    command(data, "user", "add", "ada", "--role", "admin")
    token = command(data, "user", "token", "ada")
    with running(data, "--workers", "0", "--host", "0.0.0.0") as server:
        headers = dict.fromkeys(FORWARDING, "10.9.9.9") | {"X-Forwarded-Proto": "https"}
        assert server.of(token).ask("GET", "/api/v1/records", **headers)[0] == 200
        log_in_wrongly(server.address, headers)
        assert "127.0.0.1" in command(data, "audit") and "10.9.9.9" not in command(data, "audit")
    with running(data, "--workers", "0", "--behind-proxy", "10.0.0.2") as server:
        status, told = server.of(token).ask("GET", "/api/v1/records", **{"X-Forwarded-For": "10.0.0.2"})
        assert status == 403 and "its proxy alone" in told["detail"]
    with running(data, "--workers", "0", "--behind-proxy", "127.0.0.0/8") as server:
        log_in_wrongly(server.address, {"X-Forwarded-For": "6.6.6.6, 9.9.9.9"})
        assert "9.9.9.9" in command(data, "audit") and "6.6.6.6" not in command(data, "audit")


def log_in_wrongly(address, headers):
    """Send the form of the login with a wrong password, with headers that say where it came from."""
    connection = HTTPConnection(urlsplit(address).netloc, timeout=60)
    connection.request("GET", "/login", headers=headers)
    answer = connection.getresponse()
    cookie = answer.headers["Set-Cookie"].partition(";")[0]
    token = re.search(r'name="csrf-token" content="([^"]+)"', answer.read().decode())[1]
    body = urlencode({"name": "ada", "password": WRONG, "csrf_token": token})
    form = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": cookie}
    connection.request("POST", "/login", body, headers | form)
    assert connection.getresponse().status == 401
    connection.close()


@pytest.mark.parametrize("site_of", ["cross-site", "same-site"])
def test_no_other_site_leads_to_a_local_server(make_site, site_of):
    """Nobody logs in there, so a page elsewhere that leads a browser here would act as whoever sits before it."""
    site = make_site()
    for address in ("/", "/patients", "/api/v1/records", "/api/v1/export.csv", "/static/style.css", "/health"):
        answer = site.client.get(address, headers={"Sec-Fetch-Site": site_of}, buffered=True)
        assert answer.status_code == 403 and "open the address yourself" in answer.text, address
    for own in ("same-origin", "none"):
        assert site.client.get("/patients", headers={"Sec-Fetch-Site": own}).status_code == 200
    shared = make_site(host="0.0.0.0")
    answer = shared.client.get("/login", headers={"Sec-Fetch-Site": site_of}, base_url="https://localhost")
    assert answer.status_code == 200  # there a link may lead to it: cookies keep other sites out


@pytest.mark.parametrize(
    ("behind_proxy", "peer", "status"),
    [("1", "10.0.0.2", None), (TRUSTED, "10.0.0.2", None), (TRUSTED, "10.0.0.9", 403)],
)
def test_before_a_body_is_taken_the_same_holds(make_site, monkeypatch, behind_proxy, peer, status):
    """The page's own host is the one that the proxy tells of; and past the proxy no body is taken."""
    people = site_with_people(make_site, monkeypatch)
    with people.store.database.writing() as db:
        token = accounts.add_token(db, "vera", "program")
    app = make_site(host="0.0.0.0", behind_proxy=behind_proxy).app
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/api/v1/records", "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "5000",
               "REMOTE_ADDR": peer, "wsgi.url_scheme": "http", "CONTENT_LENGTH": "100000000",
               "CONTENT_TYPE": "multipart/form-data; boundary=b", "HTTP_HOST": "127.0.0.1:5000",
               "HTTP_X_FORWARDED_HOST": "ecg.example", "HTTP_ORIGIN": "https://ecg.example",
               "HTTP_AUTHORIZATION": f"Bearer {token}"}  # fmt: skip
    before = dict(environ)
    answer = gate.refused(app, environ, is_chunked=False)
    assert (answer and answer.status_code) == status and environ == before
    assert gate.refused(app, environ | {"HTTP_ORIGIN": "https://evil.example"}, is_chunked=False).status_code == 403
    age(people, Token.expires_at, 91 * 86_400)
    answer = gate.refused(app, environ, is_chunked=False)
    assert (answer.status_code, b"this token ended on" in answer.data) == (
        (401, True) if status is None else (403, False)
    )


def test_a_password_is_not_sent_through_what_is_no_proxy(make_site, monkeypatch):
    people = site_with_people(make_site, monkeypatch)
    people.store.database.close()
    site = make_site(host="0.0.0.0", behind_proxy=TRUSTED)
    assert Browser(site, environ_base={"REMOTE_ADDR": "10.0.0.9"}).log_in("ada", PASSWORD).status_code == 403
    assert Browser(site, environ_base={"REMOTE_ADDR": "10.0.0.2"}).log_in("ada", PASSWORD).status_code == 302
