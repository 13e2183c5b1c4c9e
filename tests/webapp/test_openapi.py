"""The API does what its own OpenAPI document says: requests made from the document, good and bad, find no difference."""

import os

import pytest
import schemathesis
from schemathesis.engine import events, from_schema

N_EXAMPLES = int(os.environ.get("API_EXAMPLES", "8"))  # of each operation
CONFIG = {
    "suppress-health-check": ["too_slow"],  # by the clock
    "seed": int(os.environ.get("API_SEED", "1")),
    "generation": {"max-examples": N_EXAMPLES, "deterministic": True, "database": "none"},
    "phases": {"stateful": {"enabled": False}},
    # That a file is a form with the right columns is no matter of JSON Schema.
    "operations": [
        {"include-name": "POST /api/v1/template", "checks": {"positive_data_acceptance": {"enabled": False}}}
    ],
}


@pytest.fixture
def described(site, archive):
    """The app's document, with records, a refusal, a job and a review to be found."""
    site.read(("demo.zip", archive), ("bad.npy", b"x"))
    site.client.post("/api/v1/records/healthy/review", json={"verdict": "agree"})
    return schemathesis.openapi.from_wsgi(
        "/api/v1/openapi.json", site.app, config=schemathesis.Config.from_dict(CONFIG)
    )


def test_the_api_is_as_it_is_described(described):
    wrong, phases, answered = [], set(), {}
    for event in from_schema(described).execute():
        if isinstance(event, events.ScenarioFinished):
            phases.add(event.phase.name)
            found = {each.response.status_code // 100 for each in event.recorder.interactions.values() if each.response}
            answered.setdefault(event.recorder.label, set()).update(found)
            for case, checks in event.recorder.checks.items():
                wrong += [told(event.recorder, case, each) for each in checks if each.failure_info]
        elif isinstance(event, events.NonFatalError | events.FatalError):
            wrong.append(str(event))
    assert wrong == []
    assert phases >= {"COVERAGE", "FUZZING"}
    operations = {each.ok().label for each in described.get_all_operations()}
    assert {label for label, found in answered.items() if found >= {2, 4}} == operations  # each taken and refused


def told(recorder, case, check):
    failure, sent = check.failure_info.failure, recorder.interactions[case]
    return f"{recorder.label}: {failure.title}: {failure.message[:300]} after {sent.request.method} {sent.request.uri[:200]}"
