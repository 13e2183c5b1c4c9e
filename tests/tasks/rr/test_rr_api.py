"""What programs ask: the case's contract, what does not fit it, who may ask, and that the document tells the truth."""

import json
import os

import pytest
import schemathesis
from schemathesis.engine import events, from_schema

from tasks.rr.api import MOST_INTERVALS, READ_BYTES
from tasks.rr.detector import load_detector
from tasks.rr.errors import ERROR_THRESHOLD, interval_errors
from tasks.rr.simulate import simulate_study
from webapp import Settings, create_app

ADDRESSES = ("/predict", "/api/v1/rr")
N_EXAMPLES = int(os.environ.get("API_EXAMPLES", "25"))
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
    assert answer.status_code == 422 and "send it in parts" in answer.json["detail"]


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        ("", "application/json", 400),
        ("{", "application/json", 400),
        ("[]", "application/json", 400),
        ("[" * 200_000, "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        ("study=a", "application/x-www-form-urlencoded", 415),
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
    config = {
        "suppress-health-check": ["too_slow"],
        "seed": int(os.environ.get("API_SEED", "1")),
        "generation": {"max-examples": N_EXAMPLES, "deterministic": True, "database": "none"},
        "phases": {"stateful": {"enabled": False}},
    }
    described = schemathesis.openapi.from_wsgi(
        "/api/v1/openapi.json", app, config=schemathesis.Config.from_dict(config)
    ).include(path_regex="^(/predict|/api/v1/rr)$")
    wrong, statuses = [], {}
    for event in from_schema(described).execute():
        if isinstance(event, events.ScenarioFinished):
            found = {each.response.status_code for each in event.recorder.interactions.values() if each.response}
            statuses.setdefault(event.recorder.label, set()).update(found)
            wrong += [
                f"{event.recorder.label}: {check.failure_info.failure.message[:300]} after "
                f"{str(event.recorder.interactions[case].request.encoded_body)[:200]}: "
                f"{event.recorder.interactions[case].response.content[:200]}"
                for case, checks in event.recorder.checks.items()
                for check in checks
                if check.failure_info
            ]
        elif isinstance(event, events.NonFatalError | events.FatalError):
            wrong.append(str(event))
    assert wrong == []
    assert set(statuses) == {f"POST {each}" for each in ADDRESSES}
    assert all(found >= {200, 422} and max(found) < 500 for found in statuses.values())
