"""The page of beats: what is sent is read apart and kept nowhere, the answer is the page, and a bad file is one sentence."""

import ast
import io
import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.test import stream_encode_multipart

from cardiac.apart import ROOT, answer_of
from cardiac.errors import CardiacError, RecordError
from cardiac.files import file_name
from cardiac.records import FS_RANGE_HZ
from tasks.beats import apart, site
from tasks.beats.answers import read_one
from tasks.beats.site_words_ru import RUSSIAN
from tests.tasks.beats.made_answer import made_answer
from tests.webapp.people import enter, site_with_people, trail
from webapp import create_app
from webapp.gate import most_bytes
from webapp.settings import Settings

FOLDER = Path(site.__file__).parent
CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)
PLACES = re.compile(r"%\(\w+\)s|\{\w+\}")
DATA = re.compile(r'<script type="application/json" id="beats-data">(.*?)</script>', re.DOTALL)


def npy(array):
    """The bytes of a .npy file."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.fixture
def made(tmp_path):
    """Makes sites with this page alone, without the tokens of forms."""
    apps = []

    def make(**options):
        app = create_app(Settings(data=tmp_path / "site", **options), sites=[site])
        app.config["WTF_CSRF_ENABLED"] = False
        apps.append(app)
        return SimpleNamespace(app=app, client=app.test_client(), store=app.extensions["store"])

    yield make
    for app in apps:
        app.extensions["store"].database.close()


@pytest.fixture
def client(made):
    return made().client


@pytest.fixture
def asked(monkeypatch):
    """What is asked of the process that reads: the files' names with their bytes, and the rate; it answers."""
    seen = []

    def answer(folder, fs_hz=None):
        seen.append((folder, {path.name: path.read_bytes() for path in (folder / "given").iterdir()}, fs_hz))
        return made_answer()

    monkeypatch.setattr(site, "read_apart", answer)
    return seen


def send(client, *files, address="/beats/read", **fields):
    """A form with files, made in memory."""
    given = [("file", FileStorage(io.BytesIO(content), name)) for name, content in files]
    body, _, boundary = stream_encode_multipart(MultiDict([*given, *fields.items()]), use_tempfile=False)
    return client.post(address, data=body, content_type=f"multipart/form-data; boundary={boundary}")


def told(page):
    """The sentence beside the form."""
    return re.search(r'id="beats-error" role="alert">([^<]*)<', page).group(1)


@pytest.mark.parametrize(("language", "title"), [("en", "Heartbeats"), ("ru", "Сокращения сердца")])
def test_it_is_a_page_of_the_site_in_both_languages(client, language, title):
    client.set_cookie("language", language)
    page = client.get("/beats/").text
    assert f"<h1>{title}</h1>" in page and f"<title>{title} – " in page
    assert f'<a href="/beats/" aria-current="page">{title}</a>' in page
    assert f'<a href="/beats/">{title}</a>' in client.get("/patients").text
    assert ("not a medical device" if language == "en" else "не медицинское изделие") in page


def test_every_text_has_its_russian_and_none_is_left_over():
    page = (FOLDER / "templates/beats/beats.html").read_text(encoding="utf-8")
    used = {text for pair in re.findall(r"""\bw\((?:"([^"]+)"|'([^']+)')""", page) for text in pair if text}
    for node in ast.walk(ast.parse((FOLDER / "site.py").read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.Call)
            and getattr(node.func, "id", "") == "word"
            and isinstance(node.args[0], ast.Constant)
        ):
            used.add(node.args[0].value)
    used |= {*site.NAMES.values(), *site.KINDS.values()}
    assert len(used) > 60
    assert used == set(RUSSIAN)
    for english, russian in RUSSIAN.items():
        assert sorted(PLACES.findall(english)) == sorted(PLACES.findall(russian)), english


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_answer_is_the_page(client, asked, language):
    client.set_cookie("language", language)
    answer = send(client, ("100.hea", b"head"), ("100.dat", b"samples"), fs_hz="250")
    assert answer.status_code == 200
    [(_, files, fs_hz)] = asked
    assert (files, fs_hz) == ({"100.hea": b"head", "100.dat": b"samples"}, 250.0)
    assert re.findall(r"<td>([\d.,]+)</td><td>([\d.,]+) %", answer.text) == [
        ("102", "91.1" if language == "en" else "91,1"),
        ("2", "1.8" if language == "en" else "1,8"),
        ("6", "5.4" if language == "en" else "5,4"),
        ("1", "0.9" if language == "en" else "0,9"),
        ("1", "0.9" if language == "en" else "0,9"),
    ]
    assert ("left aside: Resp" if language == "en" else "не использовано: Resp") in answer.text
    assert ("0.80 s at 0:01:01" if language == "en" else "0,80 с в 0:01:01") in answer.text
    data = json.loads(DATA.search(answer.text).group(1))
    assert data["beats"] == made_answer()["beats"] and data["leads"] == ["MLII", "V5"]
    assert set(data["files"]) == {"csv", "json", "beats"}


def test_a_recording_without_beats_is_said(client, monkeypatch):
    monkeypatch.setattr(site, "read_apart", lambda *_: made_answer(beats=False))
    assert "no beats are found: nothing stands out" in send(client, ("a.npy", b"x")).text
    client.set_cookie("language", "ru")
    page = send(client, ("a.npy", b"x")).text
    assert "сокращений не найдено" in page and "<td>0</td><td>–</td>" in page
    assert "– в минуту" not in page and "– – –" not in page


def test_a_name_is_never_markup(client, monkeypatch):
    name = '</script><script>alert("1")</script>'
    monkeypatch.setattr(site, "read_apart", lambda *_: made_answer(record=name))
    page = send(client, ("a.npy", b"x")).text
    assert name not in page
    assert json.loads(DATA.search(page).group(1))["record"] == name


def test_nothing_stays_on_the_server(made, asked, monkeypatch):
    server = made()
    send(server.client, ("100.hea", b"head"), ("100.dat", b"samples"))
    [(folder, *_)] = asked
    incoming = server.store.files.folder / "incoming"
    assert folder.parent == incoming  # where what is sent lies, with the same rights, and is swept after a crash
    assert not folder.exists() and list(incoming.iterdir()) == []
    monkeypatch.setattr(site, "read_apart", refuse)
    send(server.client, ("100.hea", b"head"))
    assert list(incoming.iterdir()) == []
    assert server.client.get("/api/v1/records").json["total"] == 0


def refuse(*_):
    raise RecordError("100.hea: names a file 100.dat, which is not there")


def test_a_file_that_cannot_be_read_is_one_sentence(client, monkeypatch):
    monkeypatch.setattr(site, "read_apart", refuse)
    answer = send(client, ("100.hea", b"head"))
    assert answer.status_code == 422
    assert told(answer.text) == "100.hea: names a file 100.dat, which is not there"
    client.set_cookie("language", "ru")
    monkeypatch.setattr(site, "read_apart", lambda *_: answer_of(0, b'{"refused": "2 recordings were sent: send one"}'))
    assert told(send(client, ("a.zip", b"x")).text) == "отправлено записей: 2; отправляйте по одной"
    assert 'id="beats-form"' in answer.text and "beats-data" not in answer.text


SAMPLES = 0.5 * np.sin(np.arange(2 * 3_600, dtype=np.float32).reshape(2, -1))
REFUSED = {
    "a.npy": [
        b"",
        b"junk",
        npy(SAMPLES),
        npy(0 * SAMPLES),
        npy(np.nan * SAMPLES),
        npy(SAMPLES[:, :300]),
        npy(SAMPLES[None]),
    ],
    "a.csv": [b"II,V1\n1,x\n", b"no table\n"],
    "a.hea": [b"a 2 360 3600\na.dat 16 200 16 0 0 0 0 II\na.dat 16 200 16 0 0 0 0 V1\n"],
    "a.dat": [bytes(4_000)],
    "a.pdf": [b"%PDF-1.4"],
    "a.bin": [bytes(range(256))],
    "a.zip": [b"PK\3\4" + bytes(99)],
}


@pytest.mark.parametrize(("name", "content"), [(name, each) for name, some in REFUSED.items() for each in some])
def test_what_the_readers_refuse_most_often_is_told_in_russian(made, tmp_path, name, content):
    given = tmp_path / "recording" / "given"
    given.mkdir(parents=True)
    (given / name).write_bytes(content)
    with pytest.raises(CardiacError) as refused:
        read_one(given.parent, None if content == npy(SAMPLES) else 360.0, SimpleNamespace(sha256="", prefer="f1"))
    with made().app.test_request_context("/beats/", headers={"Cookie": "language=ru"}):
        assert not site.is_foreign(str(refused.value))
        assert CYRILLIC.search(site.sentence(str(refused.value)))
    with made().app.test_request_context("/beats/", headers={"Cookie": "language=en"}):
        assert site.sentence(str(refused.value)) == str(refused.value) and not site.is_foreign(str(refused.value))


def test_the_rates_are_those_of_the_readers():
    assert site.FS_RANGE_HZ == FS_RANGE_HZ


@pytest.mark.parametrize(
    ("files", "fields", "sentence"),
    [
        ((), {}, "Choose a recording first."),
        ([(f"{n}.npy", b"x") for n in range(11)], {}, "These are too many files: send one recording."),
        ([("a.npy", b"x"), ("x/a.npy", b"y")], {}, "Two files have one name: send one recording."),
        ([("a.npy", b"x")], {"fs_hz": "many"}, "The sampling rate is a number from 100 to 10,000 Hz."),
        ([("a.npy", b"x")], {"fs_hz": "nan"}, "The sampling rate is a number from 100 to 10,000 Hz."),
        ([("a.npy", b"x")], {"fs_hz": "20"}, "The sampling rate is a number from 100 to 10,000 Hz."),
    ],
)
def test_what_is_sent_wrongly_is_said(client, asked, files, fields, sentence):
    answer = send(client, *files, **fields)
    assert (answer.status_code, told(answer.text), asked) == (422, sentence, [])
    client.set_cookie("language", "ru")
    assert CYRILLIC.search(told(send(client, *files, **fields).text))


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("100.dat", "100.dat"),
        ("C:\\ecg\\100.dat", "100.dat"),
        ("../../etc/passwd", "passwd"),
        ("a\nb\0.npy", "a_b_.npy"),
        ("..", "3"),
        (".hidden.npy", "3.npy"),
        ("ж" * 200 + ".npy", "3.npy"),
        ("запись 7.npy", "запись 7.npy"),
    ],
)
def test_names_of_files_are_names_and_nothing_else(sent, kept):
    assert file_name(sent, 3) == kept


def test_loading_an_answer_again_leads_to_the_form(client):
    answer = client.get("/beats/read")
    assert (answer.status_code, answer.location) == (302, "/beats/")


def test_who_only_reads_sends_nothing(made, monkeypatch, asked):
    server = site_with_people(made, monkeypatch)
    rita, vera = enter(server, "rita"), enter(server, "vera")
    assert "beats-form" not in rita.get("/beats/").text and "beats-form" in vera.get("/beats/").text
    sent = {"data": {"file": (io.BytesIO(b"x"), "a.npy")}, "content_type": "multipart/form-data"}
    assert rita.ask("POST", "/beats/read", **sent).status_code == 403
    sent["data"] = {"file": (io.BytesIO(b"x"), "a.npy")}
    assert vera.ask("POST", "/beats/read", **sent).status_code == 200
    assert len(asked) == 1
    assert ("vera", "sent a form", "beats.send") in trail(server)


def test_a_recording_may_be_large_and_nothing_else(made, asked):
    server = made()
    assert send(server.client, ("a.npy", bytes(3 * 2**20))).status_code == 200
    assert send(server.client, ("a.npy", bytes(2**21)), address="/beats/").status_code == 405
    environ = {"REQUEST_METHOD": "POST", "SERVER_NAME": "localhost", "SERVER_PORT": "80", "wsgi.url_scheme": "http"}
    limits = [most_bytes(server.app, environ | {"PATH_INFO": path}) for path in ("/beats/read", "/beats/", "/login")]
    assert limits == [64 * 2**20, 2**20, 2**20]


def child(code):
    return sys.executable, "-c", code


def test_a_file_that_ends_its_process_costs_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr(apart, "COMMAND", child("import os; os.abort()"))
    with pytest.raises(RecordError, match=r"^ended the program that read it \(SIGABRT\)"):
        apart.read_apart(tmp_path)
    monkeypatch.setattr(apart, "COMMAND", child("print('no answer')"))
    with pytest.raises(RecordError, match=r"ended the program that read it \(exit status 0\)"):
        apart.read_apart(tmp_path)
    monkeypatch.setattr(apart, "COMMAND", child("print('[1]')"))
    with pytest.raises(RecordError, match="ended the program that read it"):
        apart.read_apart(tmp_path)


def test_a_file_that_never_ends_is_given_up(monkeypatch, tmp_path):
    pids = tmp_path / "pid"
    code = f"import os, time; open({str(pids)!r}, 'w').write(str(os.getpid())); time.sleep(1000)"
    monkeypatch.setattr(apart, "COMMAND", child(code))
    monkeypatch.setattr(apart, "MOST_S", 2.0)
    with pytest.raises(RecordError, match="took longer than 2 s"):
        apart.read_apart(tmp_path)
    assert not pids.exists() or subprocess.run(["kill", "-0", pids.read_text()], check=False, stderr=-3).returncode


def test_no_more_than_two_are_read_at_once(monkeypatch, tmp_path, client):
    monkeypatch.setattr(apart, "COMMAND", child("print('{}')"))
    for _ in range(apart.MOST_AT_ONCE):
        apart._TURNS.acquire()
    try:
        answer = send(client, ("a.npy", b"x"))
        assert answer.status_code == 503 and "send it again in a minute" in told(answer.text)
    finally:
        for _ in range(apart.MOST_AT_ONCE):
            apart._TURNS.release()
    assert apart.read_apart(tmp_path) == {}
    assert apart.read_apart(tmp_path) == {}
    assert apart.read_apart(tmp_path) == {}  # every turn is given back


def test_what_was_refused_there_is_the_sentence_here(monkeypatch, tmp_path):
    monkeypatch.setattr(apart, "COMMAND", child("""print('{"refused": "a.npy: is empty"}')"""))
    with pytest.raises(RecordError, match=r"^a\.npy: is empty$"):
        apart.read_apart(tmp_path)


def test_the_server_computes_nothing():
    """Neither what reads recordings nor what classifies beats is in its process."""
    asked = "import sys, tasks.beats.site; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, check=False, capture_output=True, text=True)
    loaded = set(done.stdout.split())
    assert "tasks.beats.apart" in loaded
    assert loaded & {"torch", "wfdb", "pandas", "scipy", "tasks.beats.predict", "tasks.beats.answers"} == set()
