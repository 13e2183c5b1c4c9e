import dataclasses
import json
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from cardiac.calibration import Calibration
from cardiac.errors import RecordError
from cardiac.leads import LEADS
from cardiac.measurements.measure import VALUES
from cardiac.paper import MM_PER_INCH
from cardiac.quality.reasons import Reason
from cardiac.records import Note, Record
from learning.curves import write_curves
from tasks.mi.documents import FINDINGS_CSV, PARQUET, RECORD_COLUMNS, error_document, finding_document, table_row
from tasks.mi.findings import EARLIER_CLOSEST, FIELDS, Finding, decide
from tasks.mi.labels import COLUMNS, SITES
from tasks.mi.pictures import draw_ecg, summary, write_ecg
from tasks.mi.report_page import draw_report
from tasks.mi.rules import Rule, Thresholds
from tasks.mi.submission import findings_table, submission, write_submission

BUNDLE = {"name": "b", "sha256": "0" * 64}
NAMES = list(COLUMNS.values())
RULE = Rule((Calibration("none"),) * 7, Thresholds(0.4, (0.5,) * 6, (0.5,) * 6), (0.3, 0.7))


def finding(name: str, mi: float = 0.9, site: str = "inferior", site_probability: float = 0.7):
    record = Record(name, np.zeros((12, 5000), np.float32), 500.0, (Note("warning", "turned"),))
    probabilities = np.array([mi] + [site_probability if each == site else 0.1 for each in SITES])
    return decide(record, probabilities, 0.125, RULE)


def test_document_has_the_agreed_form():
    document = json.loads(json.dumps(finding_document(finding("a"), BUNDLE)))
    assert list(document) == [
        "record", "mi", "localizations", "sites_by", "norm", "uncertain", "spread", "quality", "heart_rate_bpm", "fs_hz",
        "duration_s", "measurements", "bundle",
    ]  # fmt: skip
    assert document["mi"] == {"probability": 0.9, "threshold": 0.4, "present": True}
    assert list(document["localizations"]) == list(SITES)
    assert document["localizations"]["inferior"]["present"] is True
    assert document["norm"] is False
    assert (document["uncertain"], document["spread"]) == (False, 0.125)
    messages = [{"message": "turned", "arguments": {}}]
    assert document["quality"] == {"status": "warning", "reasons": ["turned"], "details": [], "messages": messages}
    assert document["bundle"] == BUNDLE


MEASURED = dict.fromkeys(VALUES, 0) | {"heart_rate_bpm": 62, "pr_ms": 160, "r_transition": "V4", "reasons": {}}
REASON = Reason("flat", ("V2",), "warning", "no signal in lead V2: check the electrode", 1.0, 2.5)


@pytest.mark.parametrize(
    ("notes", "reasons"),
    [
        ((), ()),
        ((Note("info", "as usual"),), ()),
        ((Note("warning", "turned"), Note("warning", "cut")), ()),
        ((Note("info", "as usual"),), (REASON,)),
    ],
)
@pytest.mark.parametrize("rate_bpm", [None, 61.0])
def test_a_finding_comes_back_from_its_document(notes, reasons, rate_bpm):
    """Through JSON, whatever was remarked; the numbers here have no more than the six places that are kept."""
    found = dataclasses.replace(finding("a"), notes=notes, reasons=reasons, rate_bpm=rate_bpm)
    assert Finding.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_a_row_has_the_names_and_types_of_its_fields():
    found = dataclasses.replace(finding("a"), rate_bpm=61.5, reasons=(REASON,), measurements=MEASURED)
    row = found.to_row()
    assert list(row) == list(FIELDS)
    for name, kind in FIELDS.items():
        assert isinstance(row[name], getattr(kind, "__origin__", kind)), name
    assert (row["mi_probability"], row["mi_threshold"], row["mi_present"]) == (0.9, 0.4, True)
    assert [site for site in SITES if row[f"{site}_present"]] == row["sites"] == ["inferior"]
    assert (row["quality"], row["remarks"]) == ("warning", [REASON.text, "turned"])
    assert row["heart_rate_bpm"] == 61.5  # as it was measured; findings.json has it in whole beats
    assert (row["pr_ms"], row["r_transition"]) == (160, "V4")


@pytest.mark.parametrize("rate_bpm", [None, 0])
def test_a_row_has_no_number_for_a_heart_rate_that_is_not_known(rate_bpm):
    """Documents of earlier versions have 0."""
    document = finding("a").to_dict() | {"heart_rate_bpm": rate_bpm}
    assert Finding.from_dict(document).to_row()["heart_rate_bpm"] is None


def test_programs_find_the_columns_they_know():
    """The names that tables had before their fields stood in one place."""
    assert list(PARQUET) == [
        "record_id", "mi_probability", "mi_present", "septal_probability", "septal_present", "anterior_probability",
        "anterior_present", "lateral_probability", "lateral_present", "anterolateral_probability",
        "anterolateral_present", "anteroseptal_probability", "anteroseptal_present", "inferior_probability",
        "inferior_present", "sites_by", "norm", "uncertain", "spread", "quality", "remarks", "heart_rate_bpm", "fs_hz",
        "duration_s", "rr_sd_ms", "p_ms", "pr_ms", "qrs_ms", "qt_ms", "qtc_fridericia_ms", "qtc_bazett_ms", "p_axis_deg",
        "qrs_axis_deg", "t_axis_deg", "qrs_t_angle_deg", "r_transition", "sokolow_lyon_mv", "cornell_mv",
    ]  # fmt: skip
    assert list(FINDINGS_CSV) == [
        "record", "infarction", "sites", "sites_by", "uncertain", "spread", "quality", "reasons", "probability_infarction",
        "probability_septal", "probability_anterior", "probability_lateral", "probability_anterolateral",
        "probability_anteroseptal", "probability_inferior", "threshold_infarction", "threshold_septal",
        "threshold_anterior", "threshold_lateral", "threshold_anterolateral", "threshold_anteroseptal",
        "threshold_inferior", "heart_rate_bpm", "duration_s", "fs_hz",
    ]  # fmt: skip
    row = table_row(finding("a"), FINDINGS_CSV)
    assert (row["infarction"], row["probability_inferior"], row["threshold_inferior"]) == (True, 0.7, 0.5)
    assert table_row(finding("a"), RECORD_COLUMNS) == {
        "present": True, "probability": 0.9, "sites": ["inferior"], "uncertain": False, "quality": "warning",
    }  # fmt: skip


def test_error_document():
    assert error_document("a", RecordError("bad")) == {"record": "a", "error": "bad"}


def test_submission_by_name_and_by_template():
    findings = [finding("b"), finding("a", mi=0.1), finding("c", site="septal")]
    assert [*submission(findings)] == [
        ["record_name", *NAMES],
        ["a", 0, 0, 0, 0, 0, 0, 1],
        ["b", 0, 0, 0, 0, 0, 1, 0],
        ["c", 1, 0, 0, 0, 0, 0, 0],
    ]
    template = pd.DataFrame({"норма": 0, "record_name": ["c", "lost", "a"], **dict.fromkeys(NAMES[:-1], 0)})
    head, *filled = submission(findings, template)
    assert head == list(template.columns)
    assert [row[1] for row in filled] == ["c", "a"]  # nothing was decided on "lost"
    assert [row[0] for row in filled] == [0, 1]


def test_written_submission_is_utf8_without_surprises(tmp_path):
    assert write_submission([finding("a")], tmp_path / "s.csv") == 1
    assert (tmp_path / "s.csv").read_bytes().decode() == "record_name," + ",".join(NAMES) + "\na,0,0,0,0,0,1,0\n"
    write_submission([], tmp_path / "s.csv")
    assert (tmp_path / "s.csv").read_text(encoding="utf-8").strip() == "record_name," + ",".join(NAMES)


def test_table_marks_what_wants_a_look():
    text = "".join(findings_table([finding("long_name_of_a_record"), finding("b", 0.05)]))
    assert "0.900  inferior  (!)" in text
    assert "0.050  no infarction found  (!)" in text
    assert "uncertain" not in text
    text = "".join(findings_table([finding("a", 0.5), finding("b", 0.35)]))
    assert "0.500  inferior  uncertain  (!)" in text
    assert "0.350  no infarction found  uncertain  (!)" in text


CLOSEST = {"site_probability": 0.2}  # under its threshold, and above all others


def test_the_table_says_that_no_site_reached_its_threshold():
    text = "".join(findings_table([finding("a", **CLOSEST), finding("b"), finding("c", mi=0.1, **CLOSEST)]))
    first, second, third = text.splitlines()[1:]
    assert "inferior (the closest: no site reached its own threshold)  (!)" in first
    assert "closest" not in second + third


def test_picture_and_report_say_that_no_site_reached_its_threshold():
    assert "No site reached its own threshold; the closest is inferior 0.20" in summary(finding("a", **CLOSEST))
    assert "own threshold" not in summary(finding("a")) + summary(finding("a", mi=0.1))
    record = Record("a", np.zeros((12, 5000), np.float32), 500.0)
    for found, is_said in ((finding("a", **CLOSEST), True), (finding("a"), False)):
        page = draw_report(record, found, BUNDLE)
        texts = [text.get_text() for axes in page.axes for text in axes.texts]
        assert any(text.startswith("No site reached its own threshold: the one") for text in texts) == is_said
        assert any(text.endswith("closest") for text in texts) == is_said


def test_a_report_without_a_site_over_its_threshold_keeps_its_lines_apart():
    """One line more: what has no room stands on the next page, and nothing lies on the words at the foot."""
    notes = tuple(Note("warning", f"remark {index}") for index in range(9))
    found = dataclasses.replace(finding("a", **CLOSEST), notes=notes)
    below = draw_report(Record("a", np.zeros((12, 5000), np.float32), 500.0), found, BUNDLE).axes[1]
    levels = sorted({round(text.get_position()[1], 3) for text in below.texts})
    assert min(second - first for first, second in pairwise(levels)) > 2
    assert any("stands on the next page" in text.get_text() for text in below.texts)


@pytest.mark.parametrize(("given", "told"), [({}, "threshold"), (CLOSEST, "closest"), ({"mi": 0.1}, None)])
@pytest.mark.parametrize("says_it", [True, False])
def test_how_the_sites_were_chosen_is_told_of_documents_that_do_not_say_it(given, told, says_it):
    """Earlier versions wrote a remark, which is none of the tracing's."""
    document = json.loads(json.dumps(finding("a", **given).to_dict()))
    assert document["sites_by"] == told
    del document["sites_by"]
    if told == "closest":
        document["quality"]["reasons"] += [EARLIER_CLOSEST] * says_it
    found = Finding.from_dict(document)
    assert found.sites_by == told == found.to_row()["sites_by"] == found.brief.sites_by
    assert found.remarks == ["turned"]


def test_paper_is_to_scale(inferior):
    """A millimetre of the figure is a millimetre of paper."""
    figure = draw_ecg(inferior.record, finding("a"))
    width, height = figure.get_size_inches() * MM_PER_INCH
    assert (figure.axes[0].get_xlim(), figure.axes[0].get_ylim()) == ((0, width), (0, height))


def test_all_leads_and_the_finding_are_written_on_the_paper(inferior):
    texts = [text.get_text() for text in draw_ecg(inferior.record, finding("a")).axes[0].texts]
    assert sorted(set(texts) & set(LEADS)) == sorted(LEADS)
    assert any("Infarction" in text and "inferior 0.70" in text for text in texts)
    assert any("25 mm/s" in text and "10 mm/mV" in text and "no filter" in text for text in texts)


def test_nothing_hides_a_wave(inferior):
    """Every text that could cover a trace lies under it."""
    axes = draw_ecg(inferior.record, finding("a")).axes[0]
    named = [text for text in axes.texts if text.get_text() in LEADS]
    assert len(named) == 13  # twelve leads and the rhythm strip
    traces = [line for line in axes.lines if len(line.get_xdata()) > 100]
    grounds = [line for line in axes.lines if line.get_linewidth() > 5]
    assert (len(traces), len(grounds)) == (13, 13)
    assert max(each.get_zorder() for each in (*named, *grounds)) < min(line.get_zorder() for line in traces)


def test_a_probability_next_to_its_threshold_can_be_told_from_it():
    assert "probability 0.399, threshold 0.400; uncertain" in summary(finding("a", mi=0.399))
    assert "uncertain" not in summary(finding("a", mi=0.299))


@pytest.mark.parametrize("n_samples", [800, 5000, 20_000])
def test_pictures_of_any_length(tmp_path, inferior, n_samples):
    signal = np.tile(inferior.record.signal, 4)[:, :n_samples]
    write_ecg(Record("a", signal, 500.0), finding("a"), tmp_path / "a.png")
    assert imread(tmp_path / "a.png").std() > 0.05


def test_curves(tmp_path):
    history = [{"epoch": n, "train_loss": 1 / n, "held_loss": None} for n in (1, 2, 3)]
    held = [{**epoch, "held_loss": 0.5} for epoch in history]
    write_curves({"fold0": held, "all": history}, tmp_path / "c.png")
    assert imread(tmp_path / "c.png").std() > 0.01


@pytest.mark.parametrize(("rate_bpm", "told"), [(None, None), (56.4, 56)])
def test_a_heart_rate_that_is_not_known_is_nothing(rate_bpm, told):
    """In the document null, and there and back; on the page words in place of a number."""
    found = dataclasses.replace(finding("a"), rate_bpm=rate_bpm)
    document = json.loads(json.dumps(finding_document(found, BUNDLE)))
    assert document["heart_rate_bpm"] == told
    assert Finding.from_dict(document).rate_bpm == told
    page = draw_report(Record("a", np.zeros((12, 5000), np.float32), 500.0), found, BUNDLE)
    words = " ".join(text.get_text() for axes in page.axes for text in axes.texts)
    assert ("heart rate 56 a minute" in words) == (told is not None)
    assert ("heart rate not known" in words) == (told is None)
