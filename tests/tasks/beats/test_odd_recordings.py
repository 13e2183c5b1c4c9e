"""What the shipped classifier answers about recordings that are not as usual: short, broken off, silent, irregular, paced."""

import json

import numpy as np
import pytest

from cardiac.errors import RecordError
from cardiac.records import Record
from cardiac.simulate import simulate_record
from tasks.beats.answers import answer_document, read_one
from tasks.beats.classifier import load_classifier
from tasks.beats.leads import PACED
from tasks.beats.pictures import write_picture
from tasks.beats.predict import predict_record

FS_HZ = 360.0
TEN_SECONDS = simulate_record(3)


@pytest.fixture(scope="module")
def classifier():
    return load_classifier()


@pytest.fixture
def answer(classifier, tmp_path):
    """The finding on a signal; whatever it is, table, page and picture can be made of it."""

    def answer(signal, fs_hz=FS_HZ, leads=("II", "V1")):
        record = Record("odd", np.asarray(signal, np.float32), fs_hz, leads=tuple(leads)[: len(signal)])
        finding = predict_record(record, classifier)
        assert np.isfinite(finding.probabilities).all() and finding.probabilities.shape == (len(finding.positions), 5)
        assert (np.diff(finding.positions) > 0).all()
        assert set(finding.positions) <= set(range(record.signal.shape[1]))
        finite = Record("odd", np.nan_to_num(record.signal, posinf=0, neginf=0), fs_hz, leads=record.leads)
        json.dumps(answer_document(finite, finding, {"sha256": classifier.sha256}), allow_nan=False)
        write_picture(finite, finding, tmp_path / "odd.png")
        assert (finding.without_beats is None) == (len(finding.positions) > 0)
        return finding

    return answer


def near(finding, at_s):
    assert len(finding.positions) == len(at_s)
    assert np.abs(finding.at_s - at_s).max(initial=0) < 0.03


@pytest.mark.parametrize("letter", "NV")
@pytest.mark.parametrize("begin_s", [0.01, 0.05, 0.2])
def test_a_first_beat_that_the_beginning_cuts(draw, answer, begin_s, letter):
    at_s = np.array([begin_s, *np.arange(begin_s + (0.8 if letter == "N" else 1.1), 20, 0.8)])
    finding = answer(draw(at_s, letter + "N" * (len(at_s) - 1), 20.5))
    near(finding, at_s)
    assert finding.letters[1:] == ["N"] * (len(at_s) - 1)
    assert finding.letters[0] == letter or begin_s < 0.1  # of half a beat nobody can tell


@pytest.mark.parametrize("letter", "NV")
@pytest.mark.parametrize("end_s", [0.02, 0.05, 0.2])
def test_a_last_beat_that_the_end_cuts(draw, answer, end_s, letter):
    at_s = np.arange(0.5, 20, 0.8)
    at_s = np.append(at_s, at_s[-1] + (0.8 if letter == "N" else 0.5))
    finding = answer(draw(at_s, "N" * (len(at_s) - 1) + letter, at_s[-1] + end_s))
    near(finding, at_s)
    assert finding.letters[:-1] == ["N"] * (len(at_s) - 1)
    assert finding.letters[-1] == letter or end_s < 0.1


@pytest.mark.parametrize("n_beats", [1, 2, 3])
def test_a_recording_of_hardly_any_beats(draw, answer, n_beats):
    at_s = 2 + 0.8 * np.arange(n_beats)
    finding = answer(draw(at_s, "N" * n_beats, 6))
    near(finding, at_s)
    assert finding.letters == ["N"] * n_beats


@pytest.mark.parametrize("n_leads", [1, 2])
@pytest.mark.parametrize("signal", ["noise", "zeros", "level", "missing"])
def test_a_recording_without_a_beat(draw, answer, signal, n_leads):
    noise = draw([], "", 20, n_leads=n_leads)
    given = {"noise": noise, "zeros": 0 * noise, "level": 0 * noise + 0.3, "missing": noise * np.nan}[signal]
    finding = answer(given)
    assert len(finding.positions) == 0 and finding.quality == "rejected"
    assert finding.without_beats.startswith("no beats are found")


@pytest.mark.parametrize("seconds", [1.0, 3.9])
def test_a_recording_that_is_too_short(draw, answer, seconds):
    at_s = np.arange(0.3, seconds, 0.8)
    finding = answer(draw(at_s, "N" * len(at_s), seconds))
    assert finding.without_beats == f"no beats are found: {seconds:.1f} s are too short, give 4 s or more"


@pytest.mark.parametrize("value", [0.0, 1.5, np.nan])
@pytest.mark.parametrize("row", [0, 1])
def test_a_flat_lead_of_two(draw, answer, row, value):
    at_s = np.arange(0.5, 30, 0.8)
    signal = draw(at_s, "N" * len(at_s), 30)
    signal[row] = value
    finding = answer(signal)
    near(finding, at_s)
    assert finding.leads == (("II", "V1")[1 - row],)
    assert any(text.startswith("left out, as without a signal") for text in finding.remarks)


def test_a_lead_that_is_flat_for_a_while_keeps_its_beats(draw, answer):
    at_s = np.arange(0.5, 60, 0.8)
    signal = draw(at_s, "N" * len(at_s), 60)
    signal[0, 7_000:14_000] = 0
    finding = answer(signal)
    near(finding, at_s)
    assert finding.letters == ["N"] * len(at_s)
    assert any(text.startswith("no signal in lead II from") for text in finding.remarks)


def test_a_pause_of_ten_seconds(draw, answer):
    before = 0.5 + 0.8 * np.arange(20)
    at_s = np.concatenate([before, before + before[-1] - before[0] + 10])
    finding = answer(draw(at_s, "N" * 40, at_s[-1] + 1))
    near(finding, at_s)
    assert finding.letters == ["N"] * 40  # the one after it neither
    told = finding.summary.to_dict()
    assert (told["pauses"], told["rate_bpm"]["mean"]) == (1, pytest.approx(75, abs=0.5))
    assert told["longest_rr_s"] == pytest.approx(10, abs=0.02)


@pytest.mark.parametrize("n_beats", [16, 400])
def test_atrial_fibrillation(draw, answer, n_beats):
    """Ten seconds of it too: whatever is told S there, that it is doubtful is told beside it."""
    at_s = np.cumsum(np.clip(np.random.default_rng(2).gamma(16, 0.65 / 16, n_beats), 0.3, 2)) + 0.5
    finding = answer(draw(at_s, "N" * n_beats, at_s[-1] + 1, p_wave=False))
    near(finding, at_s)
    assert finding.letters.count("V") == 0 and finding.letters.count("S") < 0.1 * n_beats
    assert any(text.startswith("the rhythm is irregular for 100% of the beats") for text in finding.remarks)
    assert finding.quality == "warning"


def test_an_irregular_rhythm_whose_p_waves_differ(draw, answer):
    """T waves lie on the P waves of its early beats: that they need not be S is told beside them."""
    at_s = np.cumsum(np.clip(np.random.default_rng(2).gamma(16, 0.65 / 16, 400), 0.3, 2)) + 0.5
    finding = answer(draw(at_s, "N" * 400, at_s[-1] + 1))
    near(finding, at_s)
    told = [text for text in finding.remarks if "look whether the atria fibrillate" in text]
    assert told == [f"S are {finding.summary.burden_percent('S'):.0f}" + told[0][told[0].index("% of the beats") :]]
    assert finding.quality == "warning"


def test_pacing_in_twelve_leads(answer):
    """The impulses are no beats, and that the classes are not to be trusted is told."""
    made = simulate_record(4, duration_s=20)
    signal = made.record.signal.copy()
    for peak in made.r_peaks[1:]:
        signal[:, peak - 60 : peak - 58] += 3.0
    finding = answer(signal, 500.0, made.record.leads)
    near(finding, made.r_peaks / 500)
    assert PACED in finding.remarks


def test_ten_seconds_of_twelve_leads(answer):
    finding = answer(TEN_SECONDS.record.signal, 500.0, TEN_SECONDS.record.leads)
    near(finding, TEN_SECONDS.r_peaks / 500)
    assert finding.leads == ("II", "V1")
    assert finding.letters == ["N"] * len(TEN_SECONDS.r_peaks)
    assert not any("irregular" in text for text in finding.remarks)


def test_stretches_that_are_missing(draw, answer):
    """In memory they are no signal, with a note; between them the beats are found."""
    at_s = np.arange(0.5, 60, 0.8)
    signal = draw(at_s, "N" * len(at_s), 60)
    signal[:, :2] = signal[:, -2:] = np.nan
    signal[:, 3_000:5_000] = np.nan
    signal[1, 10_000:11_000] = np.inf
    finding = answer(signal)
    near(finding, at_s[(at_s < 3_000 / 360) | (at_s > 5_000 / 360)])
    assert set(finding.letters) == {"N"}
    assert "samples that are missing stand at 0 mV: 2004 in II, 3004 in V1" in finding.remarks


def test_a_file_with_stretches_that_are_missing_is_refused(draw, classifier, tmp_path):
    """By the readers, as for every other detector: where the first one lies, and what to do."""
    at_s = np.arange(0.5, 20, 0.8)
    signal = draw(at_s, "N" * len(at_s), 20)
    signal[0, 3_000:5_000] = np.nan
    (tmp_path / "given").mkdir()
    np.save(tmp_path / "given" / "a.npy", signal)
    with pytest.raises(RecordError, match=r"2000 samples are NaN .* at sample 3000: export the recording without gaps"):
        read_one(tmp_path, FS_HZ, classifier)
