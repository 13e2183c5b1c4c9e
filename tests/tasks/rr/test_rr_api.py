"""What programs ask: the case's contract, what does not fit it, who may ask, and that the document tells the truth."""

import json
import subprocess
import sys
from functools import partial

import pytest

from cardiac.apart import ROOT
from tasks.rr import api, detector
from tasks.rr.api import MOST_INTERVALS, READ_BYTES
from tasks.rr.detector import load_detector
from tasks.rr.errors import ERROR_THRESHOLD, interval_errors
from tasks.rr.simulate import simulate_study
from tests.webapp.described import assert_as_described, document_of
from webapp import Settings, create_app

ADDRESSES = ("/predict", "/api/v1/rr")
HEADERS = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    app = create_app(Settings(data=tmp_path_factory.mktemp("site")))
    yield app
    app.extensions["store"].database.close()


@pytest.fixture
def client(app):
    return app.test_client()


def send(client, content, address="/predict"):
    text = content if isinstance(content, bytes | str) else json.dumps(content)
    return client.post(address, data=text, headers=HEADERS)


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_study_is_answered_as_the_detector_does(client, address):
    study = simulate_study(3)
    answer = send(client, {"study": "a 1", "sequence": study.intervals_ms.tolist()}, address)
    assert answer.status_code == 200 and answer.mimetype == "application/json"
    detector = load_detector()
    told = answer.json
    assert list(told) == ["study", "anomaly_proba", "anomaly_thresh", "errors", "error_thresh"]
    assert told["anomaly_proba"] == pytest.approx(detector.probabilities([study.intervals_ms])[0], abs=1e-6)
    assert told["anomaly_thresh"] == pytest.approx(detector.threshold, abs=1e-6)
    assert told["errors"] == interval_errors(study.intervals_ms).astype(int).tolist()
    assert (told["study"], told["error_thresh"]) == ("a 1", ERROR_THRESHOLD)


def test_the_threshold_of_errors_is_taken_though_the_original_schema_lacks_it(client):
    sequence = [800] * 10 + [1000] + [800] * 10
    strict, loose = (
        send(client, {"study": "", "sequence": sequence, "error_thresh": each}).json for each in (0.1, 0.5)
    )
    assert (sum(strict["errors"]), sum(loose["errors"])) == (1, 0)
    assert (strict["error_thresh"], loose["error_thresh"]) == (0.1, 0.5)


UNFIT = {
    "empty": ({"study": "a", "sequence": []}, "sequence"),
    "negative": ({"study": "a", "sequence": [800, -1]}, "sequence.1"),
    "zero": ({"study": "a", "sequence": [0]}, "sequence.0"),
    "text": ({"study": "a", "sequence": ["800"]}, "sequence.0"),
    "a text of all": ({"study": "a", "sequence": "800"}, "sequence"),
    "a fraction": ({"study": "a", "sequence": [800.5]}, "sequence.0"),
    "true": ({"study": "a", "sequence": [True]}, "sequence.0"),
    "null": ({"study": "a", "sequence": [None]}, "sequence.0"),
    "nested": ({"study": "a", "sequence": [[800]]}, "sequence.0"),
    "huge": ({"study": "a", "sequence": [10**400]}, "sequence.0"),
    "infinite": ('{"study": "a", "sequence": [1e999]}', "sequence.0"),
    "no number": ('{"study": "a", "sequence": [NaN]}', "sequence.0"),
    "no sequence": ({"study": "a"}, "sequence"),
    "no study": ({"sequence": [800]}, "study"),
    "a study that is no text": ({"study": 1, "sequence": [800]}, "study"),
    "a name without an end": ({"study": "a" * 500_000, "sequence": [800]}, "study"),
    "a control letter": ({"study": "a\nb", "sequence": [800]}, "study"),
    "half a letter": ('{"study": "\\ud800", "sequence": [800]}', "study"),
    "more keys": ({"study": "a", "sequence": [800], "model": "x"}, "model"),
    "a key twice": ('{"study": "a", "study": "b", "sequence": [800]}', "study"),
    "a threshold of 0": ({"study": "a", "sequence": [800], "error_thresh": 0}, "error_thresh"),
    "a threshold that is none": ('{"study": "a", "sequence": [800], "error_thresh": NaN}', "error_thresh"),
    "too many": ({"study": "a", "sequence": [800] * (MOST_INTERVALS + 1)}, "sequence"),
}


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("case", UNFIT)
def test_what_does_not_fit_is_answered_with_a_sentence(client, case, address):
    content, where = UNFIT[case]
    answer = send(client, content, address)
    assert answer.status_code == 422 and answer.mimetype == "application/problem+json"
    assert answer.json["detail"].startswith(where) and len(answer.json["detail"]) < 600


def test_ten_million_values_are_not_even_read(client):
    content = b'{"study": "a", "sequence": [' + b"800," * 10_000_000 + b"800]}"
    assert len(content) > READ_BYTES
    answer = send(client, content)
    assert answer.status_code == 422 and "send the study in parts" in answer.json["detail"]


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        ("", "application/json", 400),
        ("{", "application/json", 400),
        ("[]", "application/json", 400),
        ("[" * 200_000, "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        ("study=a", "application/x-www-form-urlencoded", 415),
        ("id,x\n" * 400_000, "text/csv", 415),
    ],
)
def test_what_is_no_json_is_http_s_own_fault(client, content, kind, status):
    answer = client.post("/predict", data=content, headers={"Content-Type": kind})
    assert answer.status_code == status and answer.json["detail"]


def test_no_other_way_of_asking(client):
    answer = client.get("/predict")
    assert answer.status_code == 405 and set(answer.headers["Allow"].split(", ")) == {"OPTIONS", "POST"}


def test_another_site_may_not_ask_in_a_person_s_name(client):
    answer = client.post(
        "/predict", json={"study": "a", "sequence": [800]}, headers={"Origin": "https://elsewhere.example"}
    )
    assert answer.status_code == 403


def test_both_addresses_are_as_the_document_says(app):
    described = document_of(app, *ADDRESSES)
    assert_as_described(described, {f"POST {each}" for each in ADDRESSES})


def test_long_studies_are_read_one_at_a_time(client):
    for n, status in ((api.LONG, 200), (api.LONG + 1, 503)):
        with api._one_at_a_time:
            answer = send(client, {"study": "1", "sequence": [800] * n})
        assert (answer.status_code, answer.headers.get("Retry-After")) == (status, "5" if status == 503 else None)
    assert send(client, {"study": "1", "sequence": [800] * (api.LONG + 1)}).status_code == 200  # the turn is given back


def test_a_detector_that_cannot_be_read_is_said_without_its_folder(client, monkeypatch, tmp_path):
    api._detector.cache_clear()
    monkeypatch.setattr(detector, "load_detector", partial(load_detector, tmp_path))
    answer = send(client, {"study": "1", "sequence": [800]})
    api._detector.cache_clear()
    assert (answer.status_code, answer.json["detail"]) == (503, api.UNREAD)


def test_a_server_starts_without_the_detector():
    asked = "import sys, tasks.rr.api; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, check=False, capture_output=True, text=True)
    assert "tasks.rr.detector" not in done.stdout.split() and "tasks.rr.api" in done.stdout.split()
