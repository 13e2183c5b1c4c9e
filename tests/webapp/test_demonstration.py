"""The demonstration records, loaded on an empty site."""

from tests.webapp.builders import ONE_DATABASE
from webapp import demonstration
from webapp.demonstration import demonstration_files

pytestmark = ONE_DATABASE


def test_one_button_reads_the_demonstration_records(site, root, monkeypatch):
    files = sorted((root / "public_data/test").glob("*.npy"))
    before = [path.read_bytes() for path in files]
    assert len(files) == 28 and demonstration_files() == files
    monkeypatch.setattr(demonstration, "demonstration_files", lambda: files[:3])  # the way is the same for more
    for address in ("/", "/patients"):
        assert "Load the demonstration records" in site.client.get(address).text
    told = site.client.post("/demonstration", follow_redirects=True).text
    assert "The demonstration records are being read." in told and "public_data" in told
    site.worker.work_until_idle()
    assert site.names() == [path.stem for path in files[:3]]
    assert [path.read_bytes() for path in files] == before  # they stay where they are
    for address in ("/", "/patients"):
        assert "Load the demonstration records" not in site.client.get(address).text
    site.client.post("/demonstration")
    site.worker.work_until_idle()
    assert len(site.names()) == 3  # they are here already
    jobs = site.client.get("/api/v1/jobs").json["items"]
    assert sorted(len(each["already_here"]) for each in jobs) == [0, 3]


def test_where_they_were_not_installed_nothing_is_offered(site, monkeypatch):
    monkeypatch.setattr(demonstration, "ROOT", site.store.files.folder)
    for address in ("/", "/patients"):
        assert "demonstration" not in site.client.get(address).text
    told = site.client.post("/demonstration")
    assert told.status_code == 422 and "no demonstration records" in told.text
