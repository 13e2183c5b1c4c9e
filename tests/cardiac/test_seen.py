"""Is enough of the heart seen for a decision, and is its size a heart's?"""

import numpy as np
import pytest

from cardiac.errors import RecordError, RecordRejected
from cardiac.leads import LEADS
from cardiac.quality.assess import Quality, assess, require_usable
from cardiac.quality.gain import ANY_HEART_MV, HEART_MV, UNIT_RANGE_MV, gain_reasons
from cardiac.quality.reasons import Reason
from cardiac.records import record_from_array
from cardiac.simulate import simulate_record

FS_HZ = 500.0
CHEST, INFERIOR = LEADS[6:], ("II", "III", "aVF")


def clean(seed: int = 0, duration_s: float = 10.0) -> np.ndarray:
    return simulate_record(seed, FS_HZ, duration_s, noise=0.3).record.signal.copy()


def white(rng: np.random.Generator, n: int) -> np.ndarray:
    return 0.1 * rng.standard_normal(n)


def hiss(rng: np.random.Generator, n: int) -> np.ndarray:
    """An open input: next to nothing, and yet never still."""
    return 0.004 * rng.standard_normal(n)


def hum(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.sin(2 * np.pi * 50 * np.arange(n) / FS_HZ + rng.uniform(0, 6)) + 0.002 * rng.standard_normal(n)


def drift(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.sin(2 * np.pi * 0.3 * np.arange(n) / FS_HZ + rng.uniform(0, 6)) + 0.002 * rng.standard_normal(n)


def zeros(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.zeros(n)


def rail(rng: np.random.Generator, n: int) -> np.ndarray:
    """An amplifier at the end of its scale."""
    return np.full(n, 5.0)


def missing(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.full(n, np.nan)


INSTEAD = [zeros, rail, missing, white, hiss, hum, drift]


def without(leads: tuple[str, ...], instead, seed: int = 0, share: float = 1.0) -> np.ndarray:
    """A clean record in which these leads show this in place of the heart, for a share of the time."""
    signal, rng = clean(seed), np.random.default_rng(seed)
    n = round(share * signal.shape[1])
    for lead in leads:
        signal[LEADS.index(lead), :n] = instead(rng, n)
    return signal


def rejections(quality: Quality) -> list[Reason]:
    return [reason for reason in quality.reasons if reason.severity == "rejected"]


@pytest.mark.parametrize("instead", INSTEAD)
@pytest.mark.parametrize(
    ("leads", "wall"),
    [
        (CHEST, "nothing is seen of the anterior wall"),
        (CHEST[:4], "nothing is seen of the anterior wall"),
        (INFERIOR, "nothing is seen of the inferior wall"),
        (LEADS[:6], "nothing is seen of the inferior wall"),
        *((tuple(each for each in CHEST if each != lead), f"lead {lead} alone is left") for lead in CHEST[:4]),
    ],
)
def test_a_wall_that_is_not_seen_gives_no_decision(leads, wall, instead):
    """Neither flat nor buried nor with an electrode in the air; one sentence, which names the leads."""
    quality = assess(without(leads, instead), FS_HZ)
    (reason,) = rejections(quality)
    assert wall in reason.text
    assert set(reason.leads) <= set(leads)
    assert all(lead in reason.text for lead in reason.leads)
    assert reason.kind in ("flat", "lead_off", "muscle_noise")
    with pytest.raises(RecordRejected, match="too poor for a decision"):
        require_usable(quality)


def test_flat_leads_are_said_to_be_flat_and_noise_to_be_noise():
    (flat,) = rejections(assess(without(CHEST, zeros), FS_HZ))
    assert flat.text == (
        "nothing is seen of the anterior wall: leads V1, V2, V3, V4, V5 and V6 carry no signal for half the time or "
        "more: check the electrodes and record it again"
    )
    (noise,) = rejections(assess(without(CHEST, white), FS_HZ))
    assert (flat.kind, noise.kind) == ("flat", "muscle_noise")
    assert "no signal" not in noise.text
    mixed = without(CHEST[:3], zeros)
    mixed[9:] = without(CHEST, white)[9:]
    (both,) = rejections(assess(mixed, FS_HZ))
    assert both.kind == "lead_off"
    assert "no signal, or noise alone" in both.text


@pytest.mark.parametrize("instead", INSTEAD)
@pytest.mark.parametrize(
    "leads", [("V2",), ("V4", "V5", "V6"), ("V2", "V4", "V6"), ("V1", "V2"), ("III", "aVF"), ("I", "aVL", "V5", "V6")]
)
def test_where_enough_is_seen_it_is_a_warning(leads, instead):
    for seed in range(3):
        assert assess(without(leads, instead, seed), FS_HZ).status == "warning"


@pytest.mark.parametrize("instead", [zeros, white, hum, drift])
@pytest.mark.parametrize(("share", "status"), [(0.25, "warning"), (0.8, "rejected")])
def test_for_most_of_the_time_is_enough(instead, share, status):
    assert assess(without(CHEST, instead, share=share), FS_HZ).status == status


def test_seven_leads_of_any_walls_are_too_many():
    spoilt = ("I", "aVR", "aVL", "aVF", "V1", "V3", "V5")
    (reason,) = rejections(assess(without(spoilt, zeros), FS_HZ))
    assert reason.leads == spoilt
    assert "carry no signal" in reason.text


@pytest.mark.parametrize("rate_bpm", [150, 200, 250])
def test_a_rhythm_without_rest_is_not_taken_for_dead_leads(rate_bpm):
    """Broad beats that fill the whole interval, as in a ventricular tachycardia: every lead is as steep all the time."""
    times = np.arange(5_000) / FS_HZ
    wave = np.sin(2 * np.pi * rate_bpm / 60 * times) + 0.2 * np.sin(4 * np.pi * rate_bpm / 60 * times)
    signal = np.linspace(0.4, 1.2, 12)[:, None] * wave
    assert not any("nothing is seen" in reason.text for reason in assess(signal, FS_HZ).reasons)


def said(signal: np.ndarray) -> str:
    """What is said of the gain of a file with this signal, by the door or by the quality; nothing else is."""
    try:
        quality = assess(record_from_array(signal, FS_HZ).signal, FS_HZ)
    except RecordError as error:
        return str(error)
    assert {reason.kind for reason in quality.reasons} <= {"overall_gain", "wrong_unit"}, quality.reasons
    return " ".join(reason.text for reason in quality.reasons)


@pytest.mark.parametrize("gain", [5, 10, 20, 100, 200, 1 / 5, 1 / 10, 1 / 20, 1 / 100])
@pytest.mark.parametrize("seed", range(4))
def test_a_gain_off_by_a_whole_factor_is_said(gain, seed):
    """A gain of 5 in place of 1000 and its siblings, both ways; and no pacemaker or noise that a heart's size has not."""
    assert "gain" in said(gain * clean(seed))
    assert said(clean(seed)) == ""


@pytest.mark.parametrize(
    ("height_mv", "words"),
    [
        (4.6, "QRS of 4.6 mV (middle lead) are 2.5 to 10 times a heart's"),
        (8.9, "are 5 to 20 times a heart's"),
        (0.184, "are 2.5 to 10 times smaller than a heart's"),
        (0.092, "are 5 to 20 times smaller than a heart's"),
    ],
)
def test_the_factors_that_would_make_a_heart_of_it_are_named(height_mv, words):
    (reason,) = gain_reasons(height_mv)
    assert (reason.kind, reason.severity) == ("overall_gain", "warning")
    assert words in reason.text


def test_sizes_from_a_heart_to_beyond_anything():
    told = {height_mv: gain_reasons(height_mv) for height_mv in (None, 0.5, 0.92, 1.8)}
    assert not any(told.values())
    for height_mv in (HEART_MV[1] * 1.01, ANY_HEART_MV[0] * 1.01):  # a heart may be so
        assert "unless" in gain_reasons(height_mv)[0].text
    for height_mv in (ANY_HEART_MV[1] * 1.01, ANY_HEART_MV[0] * 0.99):
        assert "unless" not in gain_reasons(height_mv)[0].text
    for height_mv in (UNIT_RANGE_MV[1] * 1.01, UNIT_RANGE_MV[0] * 0.99, 1e6, 1e-9):
        (reason,) = gain_reasons(height_mv)
        assert (reason.kind, reason.severity) == ("wrong_unit", "rejected")
    assert "times" not in gain_reasons(1e6)[0].text


def test_flat_leads_do_not_make_a_heart_small():
    quality = assess(without(("I", "III", "aVL", "V1", "V5", "V6"), zeros), FS_HZ)
    assert {reason.kind for reason in quality.reasons} == {"flat"}


def test_the_note_on_microvolts_and_the_gain_go_together():
    """200 times too large, read as microvolts, is a fifth: neither sentence is certain of the unit."""
    record = record_from_array(200 * clean(), FS_HZ)
    assert any("look like microvolts" in note.text for note in record.notes)
    assert [reason.kind for reason in assess(record.signal, FS_HZ).reasons] == ["overall_gain"]


def test_real_records_are_seldom_said_to_have_another_gain(real_data):
    paths = sorted((real_data / "aiijc/test").glob("*.npy"))[::3]
    said_of = [any(each.kind == "overall_gain" for each in assess(np.load(path), FS_HZ).reasons) for path in paths]
    assert np.mean(said_of) < 0.03
