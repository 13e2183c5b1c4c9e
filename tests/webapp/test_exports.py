"""What leaves the site: the form filled in, findings as JSON and CSV, reviews as labels, a zip of a filter, PDF and PNG."""

import csv
import io
import json
import zipfile

import matplotlib.image
import numpy as np
import pytest
from pypdf import PdfReader

from tasks.mi.labels import COLUMNS, RECORD_COLUMN, SITES
from tasks.mi.submission import read_template, submission_row

HEAD = [RECORD_COLUMN, *COLUMNS.values()]
NO_DEVICE = "not a medical device"


def table(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def as_csv(rows) -> bytes:
    content = io.StringIO()
    csv.writer(content).writerows(rows)
    return content.getvalue().encode()


def found_sites(document) -> list[str]:
    return [site for site, each in document["localizations"].items() if each["present"]]


def cells_of(document) -> list[str]:
    return [str(cell) for cell in submission_row(found_sites(document), document["norm"]).values()]


@pytest.fixture
def read(site, archive):
    """A site that has read three records, and their documents."""
    site.read(("demo.zip", archive))
    return {name: site.client.get(f"/api/v1/records/{name}").json for name in ("anterior", "healthy", "inferior")}


def export(site) -> str:
    answer = site.client.get("/api/v1/export.csv")
    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == "attachment; filename=submission.csv"
    return answer.text


def test_without_a_form_all_records_by_name(site, read):
    assert table(export(site)) == [HEAD, *([name, *cells_of(read[name])] for name in sorted(read))]


def test_the_form_keeps_its_order_of_rows_and_columns(site, read):
    """What was not read keeps its cells; what the form does not name stays out."""
    columns = [*reversed(HEAD)]
    rows = [["1"] * 7 + ["unread 1"], [""] * 7 + ["inferior"], ["0"] * 7 + ["unread 2"], ["1"] * 7 + ["healthy"]]
    answer = site.post("/api/v1/template", ("form.csv", as_csv([columns, *rows])))
    assert (answer.status_code, answer.json["name"], answer.json["n_rows"]) == (201, "form.csv", 4)
    filled = table(export(site))
    assert filled[0] == columns and [row[-1] for row in filled[1:]] == [row[-1] for row in rows]
    assert filled[1] == rows[0] and filled[3] == rows[2]
    assert filled[2] == [*reversed(["inferior", *cells_of(read["inferior"])])]
    assert filled[4] == [*reversed(["healthy", *cells_of(read["healthy"])])]


def test_a_deleted_record_has_no_row_in_the_form(site, read):
    """Its name stands nowhere; the other rows keep their order."""
    form = as_csv([HEAD, ["inferior", *[""] * 7], ["healthy", *[""] * 7]])
    assert site.post("/api/v1/template", ("form.csv", form)).status_code == 201
    assert table(export(site))[1] == ["inferior", *cells_of(read["inferior"])]
    assert site.client.delete("/api/v1/records/inferior").status_code == 204
    assert table(export(site))[1:] == [["healthy", *cells_of(read["healthy"])]]


FULL = [HEAD, ["a", *[""] * 7], ["b", *[""] * 7]]
WRONG = {
    "a column is missing": ([row[:-1] for row in FULL], f"column {HEAD[-1]!r} is missing"),
    "a column too many": ([[*FULL[0], "age"], *([*row, "1"] for row in FULL[1:])], "column 'age' is not one"),
    "no record in a row": ([*FULL, ["", *[""] * 7]], "row 4 names no record"),
    "a record twice": ([*FULL, FULL[1]], "record 'a' is listed twice"),
    "no row": ([HEAD], "has no row"),
    "a row too long": ([*FULL, ["c", *[""] * 9]], "cannot be read as a CSV table"),
    "a formula": ([*FULL, ["=1+1", *[""] * 7]], "row 4 begins like a formula"),
    "without end": ([*FULL[:1], ["a", "inf", *["0"] * 6]], "row 2 holds a number without end"),
    "nothing": ([], "cannot be read as a CSV table"),
}


@pytest.mark.parametrize("wrong", [*WRONG])
def test_a_wrong_form_is_refused_and_the_old_one_stays(site, read, wrong):
    rows, told = WRONG[wrong]
    assert site.post("/api/v1/template", ("old.csv", as_csv(FULL))).status_code == 201
    before = export(site)
    answer = site.post("/api/v1/template", ("new.csv", as_csv(rows)))
    assert answer.status_code == 422 and answer.content_type == "application/problem+json"
    assert answer.json["detail"].startswith("new.csv: ") and told in answer.json["detail"]
    page = site.post("/template", ("new.csv", as_csv(rows))).text
    assert "flash-wrong" in page and "old.csv" in page
    assert export(site) == before


def test_a_form_that_is_no_table_is_refused(site):
    for content in (b"\x93NUMPY" + bytes(range(256)), "Номер".encode("utf-16"), b"PK\x03\x04" + bytes(100)):
        answer = site.post("/api/v1/template", ("form.csv", content))
        assert answer.status_code == 422 and answer.json["detail"].startswith("form.csv: "), answer.text


def test_a_form_as_spreadsheets_write_it(site, read, tmp_path):
    """With a byte order mark and lines that end as on Windows; what is exported can be read again."""
    form = b"\xef\xbb\xbf" + as_csv([HEAD, ["healthy", *["0"] * 7]])
    assert site.post("/template", ("form.csv", form)).status_code == 200
    (tmp_path / "out.csv").write_text(export(site), encoding="utf-8")
    assert list(read_template(tmp_path / "out.csv")[RECORD_COLUMN]) == ["healthy"]


def test_the_form_can_be_taken_away(site, read):
    assert site.post("/template", ("form.csv", as_csv(FULL))).status_code == 200
    assert [row[0] for row in table(export(site))[1:]] == ["a", "b"]
    told = site.client.post("/template/delete", follow_redirects=True).text
    assert "Form removed" in told and "form.csv" not in told
    assert [row[0] for row in table(export(site))[1:]] == sorted(read)


def test_findings_as_a_table(site, read):
    answer = site.client.get("/api/v1/export/findings.csv")
    assert answer.content_type == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["record"] for row in rows] == sorted(read)
    for row in rows:
        document = read[row["record"]]
        judged = {"infarction": document["mi"], **document["localizations"]}
        for name, each in judged.items():
            assert float(row[f"probability_{name}"]) == each["probability"]
            assert float(row[f"threshold_{name}"]) == each["threshold"]
        assert row["infarction"] == str(int(document["mi"]["present"])) and row["sites"].split() == found_sites(
            document
        )
        assert row["uncertain"] == str(int(document["uncertain"])) and float(row["spread"]) == document["spread"]
        assert row["quality"] == document["quality"]["status"]
        assert row["reasons"] == "; ".join(document["quality"]["reasons"])
        assert row["bundle_sha256"] == document["bundle"]["sha256"] and NO_DEVICE in row["notice"]


def test_findings_as_documents(site, read):
    answer = site.client.get("/api/v1/export.json")
    assert answer.content_type == "application/json"
    assert answer.json == [read[name] for name in sorted(read)]


def test_nothing_read_is_exported_as_nothing(site):
    assert table(export(site)) == [HEAD]
    assert site.client.get("/api/v1/export.json").json == []
    assert len(table(site.client.get("/api/v1/export/findings.csv").text)) == 1
    assert table(site.client.get("/api/v1/export/labels.csv").text) == [HEAD]
    with zipfile.ZipFile(io.BytesIO(site.client.get("/api/v1/export.zip").data)) as packed:
        assert json.loads(packed.read("findings.json")) == []


def review(site, name, verdict, sites=(), comment=""):
    given = {"verdict": verdict, "sites": list(sites), "comment": comment}
    answer = site.client.post(f"/api/v1/records/{name}/review", json=given)
    assert answer.status_code == 201, answer.text


def test_reviews_become_labels_that_training_reads(site, read, tmp_path):
    """A reader's word is the label: agreed, corrected to sites, corrected to none; what could not be read has no label."""
    review(site, "inferior", "agree")
    review(site, "anterior", "correct", ["septal", "lateral"])
    review(site, "healthy", "unreadable")
    answer = site.client.get("/api/v1/export/labels.csv")
    assert answer.content_type == "text/csv; charset=utf-8"
    rows = table(answer.text)
    septal_lateral = [str(cell) for cell in submission_row(["septal", "lateral"], False).values()]
    assert rows == [HEAD, ["anterior", *septal_lateral], ["inferior", *cells_of(read["inferior"])]]
    review(site, "anterior", "correct", [])  # the last word counts
    review(site, "healthy", "agree")
    rows = table(site.client.get("/api/v1/export/labels.csv").text)
    norm = [str(cell) for cell in submission_row([], True).values()]
    assert rows[1:] == [["anterior", *norm], ["healthy", *cells_of(read["healthy"])], rows[3]]
    (tmp_path / "labels.csv").write_text(answer.text, encoding="utf-8")
    assert list(read_template(tmp_path / "labels.csv")[RECORD_COLUMN]) == ["anterior", "inferior"]


def test_a_zip_of_what_a_filter_shows(site, read, recordings):
    for query in ("", "?present=true", "?present=false", "?site=inferior", "?q=ante", "?q=nobody"):
        answer = site.client.get(f"/api/v1/export.zip{query}")
        assert answer.content_type == "application/zip"
        listed = {item["record"] for item in site.client.get(f"/api/v1/records{query}").json["items"]}
        with zipfile.ZipFile(io.BytesIO(answer.data)) as packed:
            assert packed.testzip() is None and NO_DEVICE in packed.read("README.txt").decode()
            documents = {each["record"]: each for each in json.loads(packed.read("findings.json"))}
            assert documents == {name: read[name] for name in listed}
            assert {row[0] for row in table(packed.read("findings.csv").decode())[1:]} == listed
            signals = {name for name in packed.namelist() if name.startswith("signals/")}
            assert signals == {f"signals/{name}.npy" for name in listed}
            for name in listed:
                samples = np.load(io.BytesIO(packed.read(f"signals/{name}.npy")), allow_pickle=False)
                assert samples.shape == (12, 5_000) and np.array_equal(samples, recordings[name])


def test_the_zip_is_read_again_as_it_is(site, read):
    """What one site gives another takes, with the same findings."""
    packed = site.client.get("/api/v1/export.zip").data
    site.client.post("/patients/delete", data={"confirm": "delete"})
    job = site.read(("records.zip", packed))
    assert job["records"] == sorted(read), job
    for name, document in read.items():
        assert site.client.get(f"/api/v1/records/{name}").json == document


def test_one_record_as_pdf(site, read):
    for name, document in read.items():
        answer = site.drawn(f"/api/v1/records/{name}/report.pdf")
        assert answer.content_type == "application/pdf"
        [page] = PdfReader(io.BytesIO(answer.data)).pages
        size_mm = [float(side) / 72 * 25.4 for side in (page.mediabox.width, page.mediabox.height)]
        assert size_mm == pytest.approx([297, 210], abs=0.1)
        text = " ".join(page.extract_text().split())
        assert name in text and NO_DEVICE in text and document["bundle"]["sha256"][:8] in text
        assert f"{document['mi']['probability']:.3f}" in text and all(site in text for site in SITES)


def test_one_record_as_picture(site, read):
    answer = site.drawn("/api/v1/records/inferior/picture.png")
    assert answer.content_type == "image/png"
    picture = matplotlib.image.imread(io.BytesIO(answer.data))
    assert picture.shape[0] > 500 and picture.shape[1] > 1_000 and picture[..., :3].std() > 0.02
    other = site.drawn("/api/v1/records/healthy/picture.png").data
    assert other != answer.data


def test_exports_are_told_in_the_trail(site, read):
    for address in ("export.csv", "export.json", "export/findings.csv", "export/labels.csv", "export.zip"):
        assert site.client.get(f"/api/v1/{address}").data
    page = site.client.get("/audit").text
    for name in ("submission.csv", "findings.json", "findings.csv", "labels.csv", "records.zip"):
        assert name in page


def test_a_download_that_nobody_ends(site, read):
    """Whoever asked goes away after the first bytes: nothing stays open, and the next one is whole."""
    for address in ("export.json", "export/findings.csv", "export.zip"):
        answer = site.client.get(f"/api/v1/{address}", buffered=False)
        assert next(iter(answer.response))
        answer.close()
    assert len(site.client.get("/api/v1/export.json").json) == 3
