import numpy as np
import pandas as pd
import pytest

from benchmarks.faults import all_faults, exchange_electrodes
from cardiac.errors import RecordError
from cardiac.leads import LEADS
from cardiac.quality.assess import KINDS, Quality, assess
from cardiac.quality.limbs import explain, misfit
from cardiac.quality.placement import changes, evidence, fit_scatter, scatter
from cardiac.quality.reasons import Reason
from cardiac.simulate import simulate_record

FS_HZ = 500.0


def clean(seed: int = 0, fs_hz: float = FS_HZ, duration_s: float = 10.0) -> np.ndarray:
    return simulate_record(seed, fs_hz, duration_s, noise=0.3).record.signal.copy()


def only(quality: Quality) -> Reason:
    assert len(quality.reasons) == 1, quality.reasons
    return quality.reasons[0]


def sine(amplitude_mv: float, hz: float, fs_hz: float = FS_HZ, seconds: float = 10.0) -> np.ndarray:
    return amplitude_mv * np.sin(2 * np.pi * hz * np.arange(round(seconds * fs_hz)) / fs_hz)


@pytest.mark.parametrize("fs_hz", [100.0, 250.0, 257.0, 500.0, 1000.0, 2000.0])
def test_clean_records_give_no_warning(fs_hz):
    for seed in range(14):
        quality = assess(clean(seed, fs_hz), fs_hz)
        assert quality.status == "ok", quality.reasons
        assert 45 < quality.rate_bpm < 105


@pytest.mark.parametrize("lead", range(12))
def test_a_flat_lead_is_named(lead):
    signal = clean()
    signal[lead] = 0.4
    reason = only(assess(signal, FS_HZ))
    assert (reason.kind, reason.leads, reason.start_s, reason.severity) == ("flat", (LEADS[lead],), None, "warning")


@pytest.mark.parametrize("value", [0.0, 1.5, np.nan])
def test_a_lead_off_for_a_while_is_named_with_its_seconds(value):
    signal = clean()
    signal[8, 1500:3000] = value
    reason = only(assess(signal, FS_HZ))
    assert (reason.kind, reason.leads) == ("lead_off", ("V3",))
    assert reason.start_s == pytest.approx(3.0, abs=0.5)
    assert reason.end_s == pytest.approx(6.0, abs=0.5)


def test_most_leads_flat_is_rejected():
    signal = clean()
    signal[:8] = 0
    assert assess(signal, FS_HZ).status == "rejected"
    assert assess(np.zeros((12, 5000)), FS_HZ).status == "rejected"


def test_a_lead_that_loses_its_beats_is_named():
    """Its electrode hangs in the air: noise, and no beat."""
    signal = clean()
    signal[9, 2000:] = np.random.default_rng(0).normal(0, 0.005, 3000)
    reason = only(assess(signal, FS_HZ))
    assert (reason.kind, reason.leads) == ("lead_off", ("V4",))
    assert reason.start_s >= 3.9


@pytest.mark.parametrize(("lead", "sign"), [("V5", 1), ("V2", -1)])
def test_clipping(lead, sign):
    signal = clean()
    samples = signal[LEADS.index(lead)]
    moved = sign * (samples - np.median(samples))
    samples[:] = sign * np.minimum(moved, 0.6 * moved.max())
    assert ("clipped", (lead,)) in found(signal)


def test_spikes_are_told_from_qrs():
    signal = clean()
    signal[6, 1234] += 0.3
    reason = only(assess(signal, FS_HZ))
    assert (reason.kind, reason.leads, reason.start_s) == ("spikes", ("V1",), 2.0)


@pytest.mark.parametrize("hz", [50.0, 60.0])
@pytest.mark.parametrize("fs_hz", [250.0, 500.0, 1000.0])
def test_hum(hz, fs_hz):
    signal = clean(fs_hz=fs_hz)
    assert not any(reason.kind == "hum" for reason in assess(signal, fs_hz).reasons)
    signal[7] += sine(0.05, hz, fs_hz)
    reason = next(reason for reason in assess(signal, fs_hz).reasons if reason.kind == "hum")
    assert reason.leads == ("V2",)
    assert f"{hz:.0f} Hz" in reason.text


def test_rates_that_cannot_tell_a_hum_say_nothing():
    signal = clean(fs_hz=100.0)
    signal[7] += sine(0.05, 50.0, 100.0) + sine(0.05, 49.0, 100.0)
    assert not any(reason.kind == "hum" for reason in assess(signal, 100.0).reasons)


def test_muscle_noise_in_a_lead_and_in_a_part_of_it():
    rng = np.random.default_rng(0)
    signal = clean()
    signal[11] += rng.normal(0, 0.05, 5000)
    reason = only(assess(signal, FS_HZ))
    assert (reason.kind, reason.leads, reason.start_s) == ("muscle_noise", ("V6",), None)
    signal = clean()
    signal[11, 1000:2000] += rng.normal(0, 0.1, 1000)
    reason = only(assess(signal, FS_HZ))
    assert (reason.kind, reason.leads, reason.start_s, reason.end_s) == ("muscle_noise", ("V6",), 2.0, 4.0)


def test_noise_that_buries_the_beats_is_rejected():
    signal = clean() + np.random.default_rng(0).normal(0, 0.6, (12, 5000))
    assert assess(signal, FS_HZ).status == "rejected"


def test_wander_in_a_part():
    signal = clean(duration_s=30.0)
    signal[9, 5000:7500] += 1.5 * np.sin(2 * np.pi * 0.2 * np.arange(2500) / FS_HZ)
    reason = only(assess(signal, FS_HZ))
    assert (reason.kind, reason.leads) == ("wander", ("V4",))
    assert (reason.start_s, reason.end_s) == (pytest.approx(10, abs=2), pytest.approx(15, abs=2))


def test_a_pacemaker_is_seen_where_the_rate_allows():
    for fs_hz, seen in ((500.0, True), (1000.0, True), (250.0, False)):
        simulated = simulate_record(2, fs_hz=fs_hz, noise=0.3)
        signal = simulated.record.signal.copy()
        width = max(1, round(0.002 * fs_hz))
        for beat in simulated.r_peaks[simulated.r_peaks > 0.1 * fs_hz]:
            first = beat - round(0.09 * fs_hz)
            signal[:, first : first + width] += 1.5 * np.sign(signal[:, [beat]])
        assert any(reason.kind == "pacemaker" for reason in assess(signal, fs_hz).reasons) == seen


def test_no_beats_is_rejected():
    quality = assess(np.random.default_rng(0).normal(0, 0.2, (12, 5000)), FS_HZ)
    assert quality.status == "rejected"
    assert any(reason.kind == "no_beats" for reason in quality.reasons)


@pytest.mark.parametrize("rate_bpm", [12, 320])
def test_impossible_rates_are_rejected(rate_bpm):
    times = np.arange(15_000) / FS_HZ
    wave = sum(np.clip(1 - np.abs(times - at) / 0.02, 0, None) for at in np.arange(0.3, 29.8, 60 / rate_bpm))
    eight = np.linspace(0.5, 1.5, 12)[:, None] * wave + np.random.default_rng(0).normal(0, 0.005, (12, 15_000))
    assert any(reason.kind == "heart_rate" and reason.severity == "rejected" for reason in assess(eight, FS_HZ).reasons)


@pytest.mark.parametrize("gain", [1e3, 1e-3, 100.0])
def test_another_unit_is_rejected(gain):
    assert assess(gain * clean(), FS_HZ).status == "rejected"


def found(signal: np.ndarray, fs_hz: float = FS_HZ) -> set[tuple[str, tuple[str, ...]]]:
    return {(reason.kind, reason.leads) for reason in assess(signal, fs_hz).reasons}


@pytest.mark.parametrize("lead", range(12))
def test_an_inverted_lead_is_named(lead):
    for seed in range(4):
        signal = clean(seed)
        signal[lead] *= -1
        assert found(signal) == {("lead_inverted", (LEADS[lead],))}


@pytest.mark.parametrize("lead", range(6))
@pytest.mark.parametrize("gain", [0.5, 2.0, 10.0])
def test_a_limb_leads_gain_is_named(lead, gain):
    signal = clean(3)
    signal[lead] *= gain
    reason = next(each for each in assess(signal, FS_HZ).reasons if each.kind == "wrong_gain")
    assert reason.leads == (LEADS[lead],)
    assert f"{gain:.2g} times" in reason.text


@pytest.mark.parametrize("pair", [(0, 1), (1, 2), (3, 4), (0, 5), (2, 8), (4, 10)])
def test_exchanged_leads_are_named(pair):
    signal = clean(4)
    signal[list(pair)] = signal[list(pair[::-1])]
    assert ("leads_exchanged", tuple(LEADS[each] for each in pair)) in found(signal)


@pytest.mark.parametrize(
    ("order", "kind"),
    [
        ("LRFN", "arms_exchanged"),
        ("FLRN", "arm_leg_exchanged"),
        ("NLFR", "leg_electrode"),
        ("RNFL", "leg_electrode"),
    ],
)
def test_exchanged_electrodes(order, kind):
    """Consistent with Einthoven, so found by shape alone; over healthy hearts."""
    for seed in range(5):
        signal = exchange_electrodes(clean(seed), order, np.random.default_rng(0))
        assert kind in {each for each, _ in found(signal)}


def test_exchanged_legs_change_nothing():
    signal = clean()
    assert np.allclose(exchange_electrodes(signal, "RLNF", np.random.default_rng(0)), signal, atol=0.03)


def test_electrodes_exchanged_twice_are_right_again():
    signal, rng = clean(), np.random.default_rng(0)
    for order in ("LRFN", "FLRN", "RFLN"):
        assert np.allclose(exchange_electrodes(exchange_electrodes(signal, order, rng), order, rng), signal, atol=2e-3)
    turned = exchange_electrodes(exchange_electrodes(signal, "LFRN", rng), "FRLN", rng)
    assert np.allclose(turned, signal, atol=2e-3)


@pytest.mark.parametrize("pair", [(6, 7), (6, 9), (7, 10), (8, 11)])
def test_chest_leads_out_of_order(pair):
    for seed in range(3):
        signal = clean(seed)
        signal[list(pair)] = signal[list(pair[::-1])]
        assert ("chest_order", tuple(LEADS[each] for each in pair)) in found(signal)


def test_limb_relations_hold_whatever_the_heart():
    """Any two leads give six that fit; one of them changed does not, and only it is blamed."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        first, second = rng.normal(0, 0.3, (2, 500))
        limb = np.array([first, second, second - first, -(first + second) / 2, first - second / 2, second - first / 2])
        signal = np.vstack([limb, rng.normal(0, 0.3, (6, 500))])
        assert misfit(signal @ signal.T / 500) < 0.01
        assert explain(signal @ signal.T / 500) is None
        lead = int(rng.integers(6))
        signal[lead] = rng.normal(0, 0.3, 500)
        fault = explain(signal @ signal.T / 500)
        assert fault is not None
        assert (fault.kind, fault.leads) == ("limb_leads_disagree", (lead,))


def test_pieces_in_another_order_give_the_same_reasons():
    """Ten-second pieces of a long recording, one of them faulty, whichever place it has."""
    signal = clean(6, duration_s=10.0)
    faulty = signal.copy()
    faulty[7] += sine(0.1, 50.0)
    for place in range(3):
        pieces = [signal, signal, signal]
        pieces[place] = faulty
        hums = [each for each in assess(np.hstack(pieces), FS_HZ).reasons if each.kind == "hum"]
        assert [each.leads for each in hums] == [("V2",)]
        assert (hums[0].start_s, hums[0].end_s) == (
            pytest.approx(10 * place, abs=1),
            pytest.approx(10 * place + 10, abs=1),
        )


def test_offsets_do_not_matter():
    """Leads stand at different levels: nothing is said of it."""
    assert assess(clean() + np.linspace(-2, 2, 12)[:, None], FS_HZ).status == "ok"


def test_long_recordings_keep_their_seconds():
    signal = clean(9, fs_hz=250.0, duration_s=600.0)
    signal[6, 100_000:101_000] = 0.0
    reason = only(assess(signal, 250.0))
    assert (reason.kind, reason.leads) == ("lead_off", ("V1",))
    assert reason.start_s == pytest.approx(400.0, abs=0.6)
    assert reason.end_s == pytest.approx(404.0, abs=0.6)


def test_short_recordings():
    """A window of 1.6 s can be told a flat lead of, and is not blamed for want of beats."""
    signal = clean()[:, 2000:2800]
    assert assess(signal, FS_HZ).status == "ok"
    signal[4] = 0
    assert found(signal) == {("flat", ("aVL",))}


@pytest.mark.parametrize("seed", range(24))
def test_whatever_comes_gets_an_answer(seed):
    """Zeros, noise of any size, steps, rails, gaps, odd rates: reasons, and no error."""
    rng = np.random.default_rng(seed)
    fs_hz = float(rng.choice([100, 101, 128, 257, 512, 1024, 2000]))
    shape = (12, int(rng.integers(fs_hz, 12 * fs_hz)))
    signal = (np.zeros(shape), rng.normal(0, 10 ** rng.uniform(-7, 5), shape), np.round(rng.normal(0, 1, shape)))[
        seed % 3
    ]
    first = int(rng.integers(shape[1]))
    signal[seed % 12, first : first + int(rng.integers(1, shape[1]))] = (np.nan, 5.0, np.inf)[seed // 3 % 3]
    signal[rng.integers(12), rng.integers(0, shape[1], 3)] = 1e4
    assert assess(signal, fs_hz).status in ("warning", "rejected", "ok")


def test_the_signal_is_left_as_it_was():
    signal = clean()
    signal[3, 100:1200] = np.nan
    before = signal.copy()
    assess(signal, FS_HZ)
    assert np.array_equal(signal, before, equal_nan=True)


@pytest.mark.parametrize("shape", [(8, 5000), (12, 300), (12,)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(RecordError, match="twelve leads"):
        assess(np.zeros(shape), FS_HZ)


@pytest.mark.parametrize("fs_hz", [50.0, float("nan"), 0.0])
def test_other_rates_are_refused(fs_hz):
    with pytest.raises(RecordError, match="twelve leads"):
        assess(clean(), fs_hz)


def test_every_reason_is_of_a_known_kind_and_a_sentence():
    rng = np.random.default_rng(0)
    signal = clean(1)
    for fault in all_faults():
        assert set(fault.kinds) <= set(KINDS)
        for reason in assess(fault.plant(signal, FS_HZ, rng)[0], FS_HZ).reasons:
            assert reason.kind in KINDS
            assert reason.severity in ("warning", "rejected")
            assert set(reason.leads) <= set(LEADS)
            assert len(reason.text) > 20


def test_changes_undone_are_no_evidence():
    """A change's evidence is that of the same tracing without it, turned round."""
    products = np.stack([scatter(segment) for segment in range(3)])
    usable = np.ones(8, dtype=bool)
    assert evidence(products, usable).max() < 0
    for change in changes():
        if change.kind == "wrong_gain":
            continue
        moved = change.matrix @ products @ change.matrix.T
        assert np.isclose(evidence(moved, usable).max(), evidence(moved, usable)[changes().index(change)])


def test_scatter_is_found_again():
    """Tyler's scatter of products of vectors that were drawn with one."""
    rng = np.random.default_rng(0)
    true = scatter(1)
    root = np.linalg.cholesky(true)
    vectors = np.einsum("ij,nj->ni", root, rng.standard_normal((20_000, 8))) * rng.lognormal(0, 2, (20_000, 1))
    fitted = fit_scatter(np.einsum("ni,nj->nij", vectors, vectors))
    assert np.abs(fitted - true).max() < 0.1


def test_many_stretches_are_one_sentence():
    """A lead that hums every five seconds of two minutes is told of once, with its first and its last second."""
    signal = clean(6, duration_s=120.0)
    for first in range(0, 60_000, 2500):
        signal[7, first : first + 1000] += sine(0.1, 50.0, seconds=2.0)
    hums = [each for each in assess(signal, FS_HZ).reasons if each.kind == "hum"]
    assert [(each.leads, each.start_s) for each in hums] == [(("V2",), 0.0)]
    assert hums[0].end_s == pytest.approx(117.0, abs=1)
    assert "24 times" in hums[0].text


def test_real_records_are_hardly_ever_rejected(real_data):
    paths = sorted((real_data / "aiijc/test").glob("*.npy"))[::9]
    statuses = [assess(np.load(path), FS_HZ).status for path in paths]
    assert statuses.count("rejected") == 0
    assert statuses.count("ok") > 0.6 * len(statuses)


def test_real_exchanged_arms_are_found(real_data, root):
    """On tracings without a noise flag of the folds that no threshold was set on."""
    told = pd.read_csv(real_data / "aiijc/train/train_ptbxl.csv", dtype=str).set_index("record_name")
    folds = pd.read_csv(root / "checkpoints/mi/folds.csv").set_index("record_id")["fold"]
    flags = told[["baseline_drift", "static_noise", "burst_noise", "electrodes_problems", "pacemaker"]]
    names = [name for name in flags.index[flags.isna().all(axis=1)] if folds[name] >= 3][::12]
    rng = np.random.default_rng(0)
    hits, blamed = [], []
    for name in names:
        signal = np.load(real_data / f"aiijc/train/{name}.npy")
        blamed.append("arms_exchanged" in {each for each, _ in found(signal)})
        hits.append("arms_exchanged" in {each for each, _ in found(exchange_electrodes(signal, "LRFN", rng))})
    assert np.mean(hits) > 0.8
    assert np.mean(blamed) < 0.05


def test_the_word_for_what_is_sought_comes_from_outside():
    """It stands in the sentences that name it, and where there is none they do without."""
    exchanged = exchange_leads(clean(4), "V1", "V3")
    paced = clean(5)
    paced[:, 300:4900:400] += 3.0
    dark = clean()
    dark[7:] = 0
    for signal, kind, words in (
        (exchanged, "chest_order", ("or a flutter or a bundle branch block makes", ", or a bundle branch block makes")),
        (
            paced,
            "pacemaker",
            (": a flutter cannot be read off paced beats as off others", ": paced beats cannot be read"),
        ),
        (dark, "flat", ("is left of the chest leads, where a flutter shows in two", "is left of the chest leads: ")),
    ):
        for sought, wanted in zip(("a flutter", None), words, strict=True):
            texts = [each.text for each in assess(signal, FS_HZ, sought=sought).reasons if each.kind == kind]
            assert any(wanted in text for text in texts), texts
            assert sought or not any("flutter" in text for text in texts)


def exchange_leads(signal: np.ndarray, first: str, second: str) -> np.ndarray:
    places = [LEADS.index(first), LEADS.index(second)]
    signal[places] = signal[places[::-1]]
    return signal
