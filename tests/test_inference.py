"""The whole path with the shipped bundle: the same finding by every way, one sentence for what is wrong."""

import gc
import json
import os
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import wfdb

import inference
from cardiac import pipeline
from cardiac.errors import RecordError, SignalTooShort
from cardiac.leads import LEADS
from cardiac.measurements.measure import VALUES
from cardiac.records import record_from_array
from cardiac.signals import prepare_signal
from tasks.mi.features import features_of
from tasks.mi.labels import COLUMNS, SITES
from tasks.mi.simulate import simulate_record

FIELDS = [
    "record", "mi", "localizations", "sites_by", "norm", "uncertain", "spread", "quality", "heart_rate_bpm", "fs_hz",
    "duration_s", "measurements", "bundle",
]  # fmt: skip


def probabilities(finding) -> list[float]:
    return [finding.mi.probability, *(judgement.probability for judgement in finding.localizations.values())]


@pytest.fixture(scope="module")
def findings(root, tmp_path_factory):
    """findings.json, submission.csv and what was printed for public_data, by the command line; measurements.csv beside them."""
    out = tmp_path_factory.mktemp("out")
    command = [sys.executable, "inference.py", "public_data", "--measurements", "--out", str(out)]
    told = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    return (
        json.loads((out / "findings.json").read_text(encoding="utf-8")),
        pd.read_csv(out / "submission.csv"),
        told.stdout,
        out,
    )


def test_demonstration_records(findings, root):
    documents, submission, printed, _ = findings
    assert [list(document) for document in documents] == [FIELDS] * 28
    form = pd.read_csv(root / "public_data/sample_submission.csv")
    assert list(submission.columns) == list(form.columns)
    assert list(submission["record_name"]) == list(form["record_name"])
    columns = submission.drop(columns="record_name")
    assert columns.isin([0, 1]).all(axis=None)
    assert (columns.sum(axis=1) >= 1).all()
    assert "28 records read" in printed
    assert "not a medical device" in printed


def test_documents_and_submission_say_the_same(findings):
    documents, submission, printed, _ = findings
    rows = submission.set_index("record_name")
    for document in documents:
        told = [int(document["localizations"][site]["present"]) for site in SITES] + [int(document["norm"])]
        assert rows.loc[document["record"]].tolist() == told
        assert document["mi"]["present"] == (document["mi"]["probability"] >= document["mi"]["threshold"])
        assert document["norm"] != document["mi"]["present"]
        assert f"{document['record']}  {document['mi']['probability']:8.3f}" in printed


@pytest.fixture(scope="module")
def measured(findings, root):
    """measurements.csv of public_data, as pandas reads it without being told anything."""
    return pd.read_csv(findings[3] / "measurements.csv")


def test_measurements_are_those_of_the_documents(findings, measured):
    """A row a record, in order; whatever is null there is empty here and has its reason."""
    documents = findings[0]
    assert list(measured.columns[:4]) == ["record", "heart_rate_bpm", "rr_sd_ms", "p_ms"]
    assert list(measured["record"]) == [document["record"] for document in documents]
    assert set(measured) - set(measured.select_dtypes("number")) <= {"record", "r_transition", "reasons"}
    for document, (_, row) in zip(documents, measured.iterrows(), strict=True):
        told = document["measurements"]
        assert told["heart_rate_bpm"] == document["heart_rate_bpm"] == row["heart_rate_bpm"]
        flat = {name: told[name] for name in VALUES}
        flat |= {f"{lead}_{name}": value for lead, waves in told["leads"].items() for name, value in waves.items()}
        for name, value in flat.items():
            assert (value is None and pd.isna(row[name])) or value == row[name], name
        assert (row["beats_measured"], row["beats_found"]) == (told["beats"]["measured"], told["beats"]["found"])
        missing = {name for name in VALUES if told[name] is None}
        assert missing == set(told["reasons"])
        assert pd.isna(row["reasons"]) if not missing else all(name in row["reasons"] for name in missing)
    assert measured["pr_ms"].notna().sum() > 20


def test_python_gives_what_the_command_line_gives(findings, detector, root):
    for document in findings[0][:5]:
        signal = np.load(root / f"public_data/test/{document['record']}.npy")
        finding = detector.predict(signal, fs_hz=500)
        assert finding.mi.probability == pytest.approx(document["mi"]["probability"], abs=1e-6)
        assert finding.sites == tuple(s for s in SITES if document["localizations"][s]["present"])


def test_healthy_and_plain_infarctions_are_told_apart(findings, root):
    """Ranking, not thresholds: over the simulated records infarctions score above healthy hearts (AUC over 0.7)."""
    truth = pd.read_csv(root / "public_data/truth.csv").set_index("record_name")["норма"]
    score = pd.Series({document["record"]: document["mi"]["probability"] for document in findings[0]})
    sick, well = score[truth == 0], score[truth == 1]
    assert np.mean([one > other for one in sick for other in well]) > 0.7


def test_the_same_alone_in_a_batch_and_with_one_thread(detector, signal):
    whole = probabilities(detector.predict(signal, 500))
    before = torch.get_num_threads()
    torch.set_num_threads(3 - before)  # two where it was one
    try:
        assert probabilities(detector.predict(signal, 500)) == pytest.approx(whole, abs=1e-5)
    finally:
        torch.set_num_threads(before)
    signals = [simulate_record(seed, site).record.signal for seed, site in enumerate((None, "septal", "inferior"))]
    batch = np.stack([prepare_signal(each, 500, detector.spec) for each in signals])
    together = detector.logits(batch)
    for place, prepared in enumerate(batch):
        for stage, alone in zip(together, detector.logits(prepared), strict=True):
            assert np.allclose(stage[place], alone, atol=1e-4)


def test_a_finding_is_what_windows_pooling_and_rule_make_of_it(detector, signal):
    """The trees' logits are moved towards by the card's shares, within their reach; nothing else stands between."""
    finding = detector.predict(signal, 500)
    logits = detector.logits(prepare_signal(signal, 500, detector.spec))
    assert [each.shape[1:] for each in logits] == [(43, 1), (87, 6)]  # windows of 1.6 s and 1.4 s in ten seconds
    chances = [1 / (1 + np.exp(-each.astype(float))) for each in logits]
    pooled = np.concatenate([each.mean(axis=(0, 1)) for each in chances])
    measurements = detector.assess(record_from_array(signal, 500.0)).measurements
    trees, own = detector.bundle.trees(features_of(measurements))[0], np.log(pooled / (1 - pooled))
    moved = (1 - np.array(detector.decisions.shares)) * (trees - own)
    moved[0] = np.clip(moved[0], -detector.decisions.reach, detector.decisions.reach)
    joined = detector.decisions.rule.calibrate(1 / (1 + np.exp(-(own + moved))))
    assert probabilities(finding) == pytest.approx(joined.tolist(), abs=1e-6)
    assert finding.spread == pytest.approx(chances[0].std(), abs=1e-6)
    low, high = detector.decisions.rule.doubt
    assert finding.uncertain == (low <= finding.mi.probability < high)


def test_file_kinds_lead_orders_and_units_agree(detector, signal, tmp_path):
    np.save(tmp_path / "a.npy", signal)
    base = probabilities(inference.predict_record(tmp_path / "a.npy", detector))
    order = np.random.default_rng(3).permutation(12)
    names = [LEADS[place] for place in order]
    wfdb.wrsamp(
        "w", fs=500, units=["mV"] * 12, sig_name=names, p_signal=signal[order].T.astype(float), fmt=["16"] * 12,
        write_dir=str(tmp_path),
    )  # fmt: skip
    ways = {
        "wfdb": inference.predict_record(tmp_path / "w.hea", detector),
        "leads in another order": detector.predict(signal[order], 500, leads=names),
        "microvolts": detector.predict(signal * 1000, 500),
        "turned": detector.predict(signal.T, 500),
        "double": detector.predict(signal.astype(float), 500),
    }
    for way, finding in ways.items():
        assert probabilities(finding) == pytest.approx(base, abs=2e-3), way


def test_every_sample_counts(detector, inferior):
    """A change in the last 50 samples alone reaches the probabilities."""
    changed = inferior.record.signal.copy()
    changed[:, -50:] += np.random.default_rng(0).standard_normal((12, 50)).astype(np.float32)
    before, after = (probabilities(detector.predict(each, 500)) for each in (inferior.record.signal, changed))
    assert np.abs(np.subtract(before, after)).max() > 1e-6


@pytest.mark.parametrize("n_samples", [800, 801, 1234, 5000, 5001, 12_345, 25_000])
def test_any_length_from_a_window_up(detector, signal, n_samples):
    """More than a section too; every probability is a number."""
    finding = detector.predict(np.tile(signal, 5)[:, :n_samples], 500)
    assert finding.duration_s == n_samples / 500
    assert all(0 <= probability <= 1 for probability in probabilities(finding))
    assert 0 <= finding.spread <= 0.5


@pytest.mark.parametrize("fs_hz", [250, 1000])
def test_another_sampling_rate_gives_nearly_the_same(detector, fs_hz):
    """The same heart sampled at another rate; what was quantised differs, so not to the last digit."""
    at_500 = probabilities(detector.predict(simulate_record(7, "inferior", 500, noise=0).record.signal, 500))
    other = probabilities(detector.predict(simulate_record(7, "inferior", fs_hz, noise=0).record.signal, fs_hz))
    assert other == pytest.approx(at_500, abs=0.05)


def test_a_long_recording_is_read_as_its_parts(detector, signal):
    """A minute of the same ten seconds says what ten seconds say."""
    whole = probabilities(detector.predict(np.tile(signal, 6), 500))
    assert whole == pytest.approx(probabilities(detector.predict(signal, 500)), abs=0.1)


def test_too_short_is_refused_by_name(detector, signal):
    with pytest.raises(SignalTooShort, match="array: the signal has 159 samples and a window needs 160"):
        detector.predict(signal[:, :797], 500)


def test_wrong_arrays_from_python(detector, signal):
    with pytest.raises(RecordError, match="11 leads"):
        detector.predict(signal[:11], 500)
    with pytest.raises(RecordError, match="lead V6 is missing"):
        detector.predict(signal, 500, leads=[*LEADS[:11], "V7"])


def test_a_stated_rate_takes_the_note_away(detector, signal, tmp_path):
    np.save(tmp_path / "a.npy", signal)
    assert any("500 Hz" in note.text for note in inference.predict_record(tmp_path / "a.npy", detector).notes)
    assert inference.predict_record(tmp_path / "a.npy", detector, fs_hz=500).notes == ()


@pytest.fixture
def mixed(tmp_path, signal):
    """A folder with two good recordings and four bad ones."""
    folder = tmp_path / "mixed"
    (folder / "deep").mkdir(parents=True)
    np.save(folder / "good.npy", signal)
    np.save(folder / "deep/turned.npy", signal.T)
    np.save(folder / "short.npy", signal[:, :700])
    np.save(folder / "deep/eleven.npy", signal[:11])
    np.save(folder / "hole.npy", np.where(signal == signal.max(), np.nan, signal))
    (folder / "torn.npy").write_bytes((folder / "good.npy").read_bytes()[:5000])
    return folder


def command(*arguments) -> int:
    return inference.main([str(argument) for argument in arguments])


def test_bad_records_stop_none_of_the_others(mixed, tmp_path, capsys):
    assert command(mixed, "--out", tmp_path / "out") == 1
    documents = {d["record"]: d for d in json.loads((tmp_path / "out/findings.json").read_text(encoding="utf-8"))}
    bad = {name for name, document in documents.items() if "error" in document}
    assert bad == {"short", "eleven", "hole", "torn"}
    for name in bad:
        assert list(documents[name]) == ["record", "error"]
        assert "\n" not in documents[name]["error"]
    assert documents["turned"]["quality"]["status"] == "warning"
    assert list(pd.read_csv(tmp_path / "out/submission.csv")["record_name"]) == ["good", "turned"]
    assert not (tmp_path / "out/measurements.csv").exists()
    told = capsys.readouterr().err
    assert sum(line.startswith("not read: ") for line in told.splitlines()) == 4
    assert "Traceback" not in told


def test_measurements_where_records_cannot_be_read(mixed, tmp_path):
    """A row for each all the same, with the sentence and no number."""
    assert command(mixed, "--measurements", "--out", tmp_path / "out") == 1
    documents = json.loads((tmp_path / "out/findings.json").read_text(encoding="utf-8"))
    table = pd.read_csv(tmp_path / "out/measurements.csv")
    assert list(table["record"]) == [document["record"] for document in documents]
    for document, (_, row) in zip(documents, table.iterrows(), strict=True):
        if "error" in document:
            assert row["reasons"] == document["error"]
            assert row.drop(["record", "reasons"]).isna().all()
        else:
            assert row["qrs_ms"] == document["measurements"]["qrs_ms"]
            assert row["V2_qs"] in (0, 1)


def test_a_record_that_cannot_be_read_is_never_norm(tmp_path, capsys):
    (tmp_path / "bad.npy").write_bytes(b"junk")
    assert command(tmp_path / "bad.npy", "--out", tmp_path / "out") == 1
    assert len((tmp_path / "out/submission.csv").read_text(encoding="utf-8").splitlines()) == 1
    assert "norm" not in json.loads((tmp_path / "out/findings.json").read_text(encoding="utf-8"))[0]
    assert command(tmp_path / "missing.npy", "--out", tmp_path / "out") == 1
    assert "missing.npy: there is no such file" in capsys.readouterr().err


def test_records_of_one_name_keep_apart(tmp_path, signal):
    for name in ("a/x.npy", "b/x.npy", "b/y.npy"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        np.save(tmp_path / name, signal)
    assert command(tmp_path / "a", tmp_path / "b", tmp_path / "a/x.npy", "--out", tmp_path / "out") == 0
    names = list(pd.read_csv(tmp_path / "out/submission.csv")["record_name"])
    assert names == [(tmp_path / "a/x.npy").as_posix(), (tmp_path / "b/x.npy").as_posix(), "y"]
    assert command(tmp_path / "a/x.npy", tmp_path / "b/../a/x.npy", "--out", tmp_path / "out") == 0
    assert list(pd.read_csv(tmp_path / "out/submission.csv")["record_name"]) == ["x"]  # one file, named twice


def test_names_that_are_not_utf8(tmp_path, signal):
    folder = os.fsencode(tmp_path / "odd")
    Path(os.fsdecode(folder)).mkdir()
    np.save(os.fsdecode(folder + b"/a\xff.npy"), signal)
    np.save(os.fsdecode(folder + b"/a\xfe.npy"), signal)
    Path(os.fsdecode(folder + b"/b\xff.npy")).write_bytes(b"junk")
    assert command(tmp_path / "odd", "--out", tmp_path / "out") == 1
    documents = json.loads((tmp_path / "out/findings.json").read_text(encoding="utf-8"))
    names = [document["record"] for document in documents]
    assert len(set(names)) == 3
    assert all("a\ufffd" in name for name in names[:2])
    assert "NumPy array" in documents[2]["error"]
    assert list(pd.read_csv(tmp_path / "out/submission.csv")["record_name"]) == sorted(names[:2])


def test_stopped_by_hand_what_was_read_is_written(mixed, tmp_path, capsys, monkeypatch):
    whole = inference.Detector.predict_batch

    def stopped(detector, records, qualities):
        if records[0].record_id == "good":
            raise KeyboardInterrupt
        return whole(detector, records, qualities)

    monkeypatch.setattr(pipeline, "MAX_BATCH", 1)
    monkeypatch.setattr(inference.Detector, "predict_batch", stopped)
    assert command(mixed, "--measurements", "--out", tmp_path / "out") == 130
    assert "Stopped after 2 of 6" in capsys.readouterr().err
    assert len(json.loads((tmp_path / "out/findings.json").read_text(encoding="utf-8"))) == 2
    assert len(pd.read_csv(tmp_path / "out/measurements.csv")) == 2


def write_form(path, records, **changes):
    table = pd.DataFrame({"record_name": records})
    for column in COLUMNS.values():
        table[column] = 0
    table.assign(**changes).to_csv(path, index=False)
    return path


def test_template_order_and_records_it_does_not_ask_for(mixed, tmp_path, capsys):
    form = write_form(tmp_path / "form.csv", ["turned", "good"])
    assert command(mixed, "--template", form, "--out", tmp_path / "out") == 1
    assert list(pd.read_csv(tmp_path / "out/submission.csv")["record_name"]) == ["turned", "good"]
    only = write_form(tmp_path / "form.csv", ["good"])
    command(mixed, "--template", only, "--out", tmp_path / "out")
    assert list(pd.read_csv(tmp_path / "out/submission.csv")["record_name"]) == ["good"]
    assert "1 findings are not asked for" in capsys.readouterr().err


def test_a_form_in_the_folder_is_taken(mixed, tmp_path):
    write_form(mixed / "sample_submission.csv", ["turned", "good", "short"])
    command(mixed, "--out", tmp_path / "out")
    assert list(pd.read_csv(tmp_path / "out/submission.csv")["record_name"]) == ["turned", "good"]


def test_wrong_templates_are_found_before_the_work(mixed, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(inference.Detector, "load", pytest.fail)
    unknown = write_form(tmp_path / "form.csv", ["good", "stranger"])
    assert command(mixed, "--template", unknown, "--out", tmp_path / "out") == 2
    assert "'stranger'" in capsys.readouterr().err
    assert command(mixed, "--template", tmp_path / "none.csv", "--out", tmp_path / "out") == 2
    twice = write_form(tmp_path / "form.csv", ["good", "good"])
    assert command(mixed, "--template", twice, "--out", tmp_path / "out") == 2
    assert "is listed twice" in capsys.readouterr().err


def test_unwritable_out_and_empty_folder_are_found_before_the_work(mixed, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(inference.Detector, "load", pytest.fail)
    (tmp_path / "file").touch()
    assert command(mixed, "--out", tmp_path / "file") == 2
    (tmp_path / "taken/findings.json").mkdir(parents=True)
    assert command(mixed, "--out", tmp_path / "taken") == 2
    assert "choose another folder" in capsys.readouterr().err
    (tmp_path / "table/measurements.csv").mkdir(parents=True)
    assert command(mixed, "--measurements", "--out", tmp_path / "table") == 2
    assert "measurements.csv: is a folder" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert command(tmp_path / "empty", "--out", tmp_path / "out") == 2
    assert "no recording" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["x", "--fs-hz", "nan"],
        ["x", "--fs-hz", "-500"],
        ["x", "--fs-hz", "fast"],
        ["x", "--unheard"],
    ],
)
def test_usage_errors(arguments):
    with pytest.raises(SystemExit) as caught:
        inference.main(arguments)
    assert caught.value.code == 2


def test_a_reader_that_leaves_early_costs_nothing(root, tmp_path):
    """`python inference.py FOLDER | head -1`: no traceback, and the files are there."""
    told = subprocess.run(
        f"{sys.executable} inference.py public_data --out {tmp_path} | head -1",
        shell=True, cwd=root, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert told.stdout.startswith("record")
    assert "Traceback" not in told.stderr
    assert len(pd.read_csv(tmp_path / "submission.csv")) == 28


def test_pictures_are_drawn_on_request(mixed, tmp_path):
    command(mixed / "good.npy", "--plots", "--out", tmp_path / "out")
    assert [path.name for path in (tmp_path / "out/plots").iterdir()] == ["good.png"]


def test_every_record_has_its_own_picture_and_a_failing_one_stops_none(tmp_path, signal, capsys):
    long = "%" * 100 + "x" * 151  # a picture's name writes % as %25, and so this one's is too long for a disk
    for name in ("a/b/x.npy", "a/b_x.npy", f"{long}.npy", "y/x.npy"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        np.save(tmp_path / "in" / name, signal)
    assert command(tmp_path / "in", "--plots", "--out", tmp_path / "out") == 2
    assert len(list((tmp_path / "out/plots").iterdir())) == 3
    assert len(pd.read_csv(tmp_path / "out/submission.csv")) == 4
    assert "cannot be written" in capsys.readouterr().err


def test_samples_are_not_kept(detector, mixed, tmp_path, monkeypatch):
    """Outcomes come with their record; the command line lets go of it, so that memory stays flat."""
    outcomes = list(inference.predict_folder([mixed / "good.npy"], detector))
    assert outcomes[0].record.duration_s == 10
    records, alive, whole, table = [], [], inference.Detector.assess, inference.findings_table

    def watched(detector, record):
        records.append(weakref.ref(record))
        return whole(detector, record)

    def counted(briefs):
        gc.collect()
        alive.extend(reference() is not None for reference in records)
        return table(briefs)

    monkeypatch.setattr(inference.Detector, "assess", watched)
    monkeypatch.setattr(inference, "findings_table", counted)
    command(mixed, "--measurements", "--out", tmp_path / "out")
    assert alive == [False] * 3  # turned, good, and the one that is too short for a window


def test_shipped_bundle_is_small_and_tensors_alone(root):
    folder = root / "checkpoints/mi/hybrid"
    assert sum(path.stat().st_size for path in folder.iterdir()) < 20 * 2**20
    assert not list(folder.glob("*.p*kl")) + list(folder.glob("*.pt"))


def test_evidence_by_the_command_line(tmp_path, root):
    """Asked for, it stands in findings.json for infarction and each site found, and changes no decision."""
    path = root / "public_data/test/sim_04.npy"
    assert command(path, "--fs-hz", 500, "--out", tmp_path / "plain") == 0
    assert command(path, "--fs-hz", 500, "--evidence", "--plots", "--out", tmp_path / "told") == 0
    plain, told = (
        json.loads((tmp_path / name / "findings.json").read_text(encoding="utf-8"))[0] for name in ("plain", "told")
    )
    evidence = told.pop("evidence")
    assert told == plain
    assert list(evidence) == ["mi", *(site for site in SITES if plain["localizations"][site]["present"])]
    assert list(evidence["mi"]["leads"]) == list(LEADS)
    windows = evidence["mi"]["windows"]
    assert len(windows["start_s"]) == len(windows["probability"]) == 43
    assert windows["start_s"][-1] + windows["length_s"] == pytest.approx(10)
    pictures = [(tmp_path / "told/plots/sim_04.png").read_bytes()]
    assert command(path, "--fs-hz", 500, "--plots", "--out", tmp_path / "plain") == 0
    assert pictures[0] != (tmp_path / "plain/plots/sim_04.png").read_bytes()
