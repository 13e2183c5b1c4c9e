"""The API does what its own OpenAPI document says: requests made from the document, good and bad, find no difference."""

from tests.webapp.described import assert_as_described, document_of


def test_the_api_is_as_it_is_described(site, archive):
    """With records of three patients, a refusal, a job and a review to be found."""
    site.read(("demo.zip", archive), ("bad.npy", b"x"))
    site.client.post("/api/v1/records/healthy/review", json={"verdict": "agree"})
    for record in ("healthy", "inferior", "anterior"):
        site.client.put(f"/api/v1/records/{record}/patient", json={"patient_id": record})
    assert_as_described(document_of(site.app))
