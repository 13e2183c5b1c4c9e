"""What an API does is held against its own OpenAPI document, by requests that are made from it."""

import os

import schemathesis
from schemathesis.engine import events, from_schema

CONFIG = {
    "suppress-health-check": ["too_slow"],  # by the clock
    "seed": int(os.environ.get("API_SEED", "1")),
    "generation": {
        "max-examples": int(os.environ.get("API_EXAMPLES", "8")),  # of each operation
        "deterministic": True,
        "database": "none",
    },
    "phases": {"stateful": {"enabled": False}},
    # That a file is a form with the right columns, or that a day is in the calendar, is no matter of JSON Schema.
    "operations": [
        {"include-name": name, "checks": {"positive_data_acceptance": {"enabled": False}}}
        for name in ("POST /api/v1/template", "PUT /api/v1/records/{record}/patient")
    ]
    # What is drawn depends on which modules are loaded; this one record is there once, and then it is not.
    + [{"include-name": "DELETE /api/v1/records/{record}", "parameters": {"path.record": "anterior"}}],
}


def document_of(app, *paths):
    """The application's document, to be given to `assert_as_described`. paths : of what alone is asked; without, all."""
    others = [{"exclude-path": [*paths], "enabled": False}] if paths else []
    config = schemathesis.Config.from_dict({**CONFIG, "operations": [*others, *CONFIG["operations"]]})
    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app, config=config)


def assert_as_described(described, labels=None):
    """Every operation takes and refuses what the document says, and answers as it says. labels : of these; without, of all."""
    wrong, phases, answered = [], set(), {}
    for event in from_schema(described).execute():
        if isinstance(event, events.ScenarioFinished):
            phases.add(event.phase.name)
            found = {each.response.status_code // 100 for each in event.recorder.interactions.values() if each.response}
            answered.setdefault(event.recorder.label, set()).update(found)
            for case, checks in event.recorder.checks.items():
                wrong += [_told(event.recorder, case, each) for each in checks if each.failure_info]
        elif isinstance(event, events.NonFatalError | events.FatalError):
            wrong.append(str(event))
    assert wrong == []
    assert phases >= {"COVERAGE", "FUZZING"}
    operations = labels or {each.ok().label for each in described.get_all_operations()}
    taken_and_refused = {label for label, found in answered.items() if found >= {2, 4}}
    assert taken_and_refused == operations, {each: answered.get(each) for each in operations - taken_and_refused}


def _told(recorder, case, check):
    failure, sent = check.failure_info.failure, recorder.interactions[case]
    return f"{recorder.label}: {failure.title}: {failure.message[:300]} after {sent.request.method} {sent.request.uri[:200]}"
