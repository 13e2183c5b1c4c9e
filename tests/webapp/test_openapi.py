"""The API does what its own OpenAPI document says: requests made from the document, good and bad, find no difference."""

import os

import pytest
import schemathesis

N_EXAMPLES = int(os.environ.get("API_EXAMPLES", "15"))  # of each operation
CONFIG = {
    "seed": 1,
    "generation": {"max-examples": N_EXAMPLES, "deterministic": True, "database": "none"},
    "phases": {"stateful": {"enabled": False}},
}


@pytest.fixture
def described(site, archive):
    """The app's document, with records, a refusal, a job and a review to be found."""
    site.read(("demo.zip", archive), ("bad.npy", b"x"))
    site.client.post("/api/v1/records/healthy/review", json={"verdict": "agree"})
    return schemathesis.openapi.from_wsgi(
        "/api/v1/openapi.json", site.app, config=schemathesis.Config.from_dict(CONFIG)
    )


schema = schemathesis.pytest.from_fixture("described")


@pytest.mark.usefixtures("settings")
@schema.parametrize()
def test_the_api_is_as_it_is_described(case):
    case.call_and_validate()
