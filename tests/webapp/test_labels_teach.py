"""Reviews on the site are labels for training, as the site exports them, beside the records as it exports them."""

from contextlib import ExitStack

from cardiac.sources import list_recordings
from tasks.mi.datasets import read_labels
from tasks.mi.labels import SITES
from tests.webapp.builders import ONE_DATABASE


@ONE_DATABASE
def test_labels_and_records_of_the_site_are_taken_as_they_are(site, archive, tmp_path):
    site.read(("demo.zip", archive))
    looks = {"inferior": ["anterior", "septal"], "anterior": [], "healthy": None}  # None: unreadable
    for name, sites in looks.items():
        given = {"verdict": "unreadable" if sites is None else "correct", "sites": sites or [], "comment": ""}
        assert site.client.post(f"/api/v1/records/{name}/review", json=given).status_code == 201
    folder = tmp_path / "from the site"
    folder.mkdir()
    (folder / "labels.csv").write_bytes(site.client.get("/api/v1/export/labels.csv").data)
    (folder / "records.zip").write_bytes(site.client.get("/api/v1/export.zip").data)
    with ExitStack() as stack:
        dataset, sentences = read_labels(folder / "labels.csv", list_recordings([folder], stack))
        found = {
            name: [site for site, there in zip(SITES, row, strict=True) if there]
            for name, row in zip(dataset.table["record_id"], dataset.sites, strict=True)
        }
        assert found == {"inferior": ["septal", "anterior"], "anterior": []}
        assert all(path.is_file() for path in dataset.sources)
    assert "1 recording has no label: left out (first 'healthy')." in sentences
