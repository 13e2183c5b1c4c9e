"""findings.json is what its schema says: for real and simulated records, for those without beats, and for errors."""

import copy
import dataclasses
import json

import jsonschema
import numpy as np
import pytest

from cardiac.errors import RecordError, RecordRejected
from cardiac.leads import LEADS
from cardiac.measurements.measure import VALUES, measure_record
from cardiac.quality.assess import assess_quality
from cardiac.records import Record
from inference import explain_record, predict_record
from tasks.mi.documents import error_document, finding_document
from tasks.mi.findings import Finding
from tasks.mi.schema import findings_schema, schema_text

BUNDLE = {"name": "b", "sha256": "0" * 64}
REAL = (
    "ludb/44.hea",  # atrial fibrillation, left bundle branch block
    "ludb/93.hea",  # a pacemaker
    "ludb/1.hea",
    "ludb/11.hea",
    "cinc/JS45545.hea",  # rejected: no beats
    "cinc/JS06908.hea",  # flutter
    "ptb-xl-100hz/records100/00000/00547_lr.hea",  # every second beat is of another shape
    "ptb-diagnostic/patient002_s0015lre.hea",  # 1000 Hz
)


@pytest.fixture(scope="module")
def validator():
    jsonschema.Draft202012Validator.check_schema(findings_schema())
    return jsonschema.Draft202012Validator(findings_schema())


@pytest.fixture(scope="module")
def document(detector, inferior):
    """A finding with evidence, as it is read back from its file."""
    finding = predict_record(inferior.record, detector)
    evidence = explain_record(inferior.record, finding, detector)
    return json.loads(json.dumps(finding_document(finding, detector.decided_by, evidence), allow_nan=False))


def test_the_committed_schema_is_that_of_the_names(root):
    assert (root / "docs/findings.schema.json").read_text(encoding="utf-8") == schema_text()


def test_a_finding_with_evidence_is_valid(validator, document):
    validator.validate([document])
    assert set(document["measurements"]["leads"]) == set(LEADS)


def test_what_the_command_line_writes_of_real_records_is_valid(validator, detector, real_data):
    documents = []
    for name in REAL:
        if not (real_data / name).is_file():
            continue
        try:
            documents.append(finding_document(predict_record(real_data / name, detector), BUNDLE))
        except RecordError as error:
            documents.append(error_document(name, error))
    assert len(documents) > 4
    documents = json.loads(json.dumps(documents, allow_nan=False))
    validator.validate(documents)
    for each in documents:
        if "error" not in each:
            assert each["measurements"]["heart_rate_bpm"] == each["heart_rate_bpm"]
            again = json.loads(json.dumps(Finding.from_dict(each).to_dict()))
            assert again | {"bundle": BUNDLE} == each


def test_errors_are_valid(validator):
    rejected = RecordRejected("a: no beats", [{"kind": "no_beats", "leads": [], "severity": "rejected", "text": "no beats",
                                               "start_s": None, "end_s": None}])  # fmt: skip
    validator.validate([error_document("a", RecordError("bad")), error_document("b", rejected)])


@pytest.mark.parametrize("kind", ["flat", "noise", "two beats"])
def test_what_could_not_be_measured_is_null_with_its_reason(validator, document, inferior, kind):
    signal = np.zeros((12, 5000), np.float32)
    if kind == "noise":
        signal += np.random.default_rng(0).normal(0, 0.05, signal.shape).astype(np.float32)
    if kind == "two beats":
        signal = inferior.record.signal[:, :900]
    record = Record("a", signal, 500.0)
    measured = json.loads(json.dumps(measure_record(record, assess_quality(record)).to_dict(), allow_nan=False))
    validator.validate([document | {"measurements": measured}])
    assert measured["pr_ms"] is None
    assert measured["beats"]["measured"] == 0
    assert all(value is None for waves in measured["leads"].values() for value in waves.values())


def test_findings_of_earlier_versions_are_read_and_valid(validator, document):
    """They have no measurements and do not say how sites were chosen, and gain these keys alone."""
    old = {name: value for name, value in document.items() if name not in ("measurements", "sites_by")}
    validator.validate([old])
    finding = Finding.from_dict(old)
    assert finding.measurements is None
    again = json.loads(json.dumps(finding.to_dict()))
    assert again | {"bundle": old["bundle"], "evidence": old["evidence"]} == old | {
        "measurements": None,
        "sites_by": "threshold",
    }
    assert all(finding.to_row()[name] is None for name in VALUES if name != "heart_rate_bpm")


def test_from_its_document_and_back_is_the_same(document):
    finding = Finding.from_dict(document)
    assert Finding.from_dict(json.loads(json.dumps(finding.to_dict()))) == finding
    assert finding.to_dict()["measurements"] == document["measurements"]


def test_measurements_change_nothing_else(document, inferior, detector):
    finding = predict_record(inferior.record, detector)
    without = finding_document(dataclasses.replace(finding, measurements=None), detector.decided_by)
    assert document["measurements"] is not None
    assert {name: document[name] for name in without if name != "measurements"} == {
        name: value for name, value in without.items() if name != "measurements"
    }


def spoilt(document, change):
    document = copy.deepcopy(document)
    change(document)
    return document


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["measurements"].update(pr_ms=None),  # without a reason
        lambda d: d["measurements"]["reasons"].update(pr_ms="no P wave"),  # with one too many
        lambda d: d["measurements"].update(pr_ms=160.5),
        lambda d: d["measurements"].pop("qrs_ms"),
        lambda d: d["measurements"]["leads"].pop("V3"),
        lambda d: d["measurements"]["leads"]["V3"].update(q_mv="deep"),
        lambda d: d["measurements"]["criteria"].update(st_elevation=["V9"]),
        lambda d: d["measurements"].update(more=1),
        lambda d: d["mi"].update(probability=1.2),
        lambda d: d.update(more=1),
        lambda d: d.pop("bundle"),
        lambda d: d.update(sites_by="likeliest"),
        lambda d: d["localizations"].pop("septal"),
    ],
)
def test_what_is_not_a_finding_is_not_valid(validator, document, change):
    assert not validator.is_valid([spoilt(document, change)])
