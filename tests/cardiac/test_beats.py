import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.signal import find_peaks

from cardiac import beats
from cardiac.beats import average_blocks, beatless_stretches, find_beats, heart_rate_bpm, join_beats
from cardiac.signals import resample
from cardiac.simulate import simulate_record

NEAR_S = 0.15  # what counts as the same beat (AAMI EC57)


def missed_and_false(found: np.ndarray, true: np.ndarray, fs_hz: float) -> tuple[int, int]:
    apart = np.abs(found[:, None] - true[None, :]) / fs_hz
    return int((apart.min(axis=0) > NEAR_S).sum()), int((apart.min(axis=1) > NEAR_S).sum())


def heart(rate_bpm: float, fs_hz: float = 500.0, seconds: float = 30.0) -> tuple[np.ndarray, np.ndarray]:
    """Three leads of triangles 40 ms wide at a steady rate, with a little noise; and where they are."""
    at = np.arange(0.3, seconds - 0.2, 60 / rate_bpm)
    times = np.arange(round(seconds * fs_hz)) / fs_hz
    wave = sum(np.clip(1 - np.abs(times - centre) / 0.02, 0, None) for centre in at)
    noise = np.random.default_rng(0).normal(0, 0.01, (3, len(times)))
    return np.array([[1.0], [-0.7], [0.4]]) * wave + noise, np.round(at * fs_hz).astype(int)


@pytest.mark.parametrize("fs_hz", [100.0, 128.0, 250.0, 257.0, 360.0, 500.0, 1000.0, 2000.0])
def test_simulated_beats_are_found_at_any_rate(fs_hz):
    """None missed, none made up, and none further off than a QRS is wide."""
    for seed in range(7):
        simulated = simulate_record(seed, fs_hz=fs_hz)
        found = find_beats(simulated.record.signal, fs_hz)
        assert missed_and_false(found, simulated.r_peaks, fs_hz) == (0, 0)
        assert np.abs(found[:, None] - simulated.r_peaks).min(axis=1).max() <= 0.05 * fs_hz


@pytest.mark.parametrize("rate_bpm", [15, 25, 40, 60, 120, 180, 240, 300, 320])
def test_any_heart_rate(rate_bpm):
    signal, true = heart(rate_bpm)
    found = find_beats(signal, 500.0)
    assert missed_and_false(found, true, 500.0) == (0, 0)
    assert heart_rate_bpm(found, 500.0) == pytest.approx(rate_bpm, rel=0.02)


def test_one_lead_is_enough_and_a_noisy_one_does_not_matter():
    simulated = simulate_record(3)
    lead = simulated.record.signal[1:2]
    assert missed_and_false(find_beats(lead, 500.0), simulated.r_peaks, 500.0) == (0, 0)
    assert missed_and_false(find_beats(lead[0], 500.0), simulated.r_peaks, 500.0) == (0, 0)
    noisy = simulated.record.signal.copy()
    noisy[:4] = np.random.default_rng(0).normal(0, 2.0, (4, 5000))
    assert missed_and_false(find_beats(noisy, 500.0), simulated.r_peaks, 500.0) == (0, 0)


def test_units_and_offsets_do_not_matter():
    """A gain of a half or five and an offset leave every beat where it is."""
    simulated = simulate_record(5)
    found = find_beats(simulated.record.signal, 500.0)
    for gain in (0.5, 5.0):
        assert np.array_equal(find_beats(gain * simulated.record.signal + 3.0, 500.0), found)


def test_long_recordings_as_short_ones():
    simulated = simulate_record(8, duration_s=300.0, fs_hz=250.0)
    found = find_beats(simulated.record.signal, 250.0)
    assert missed_and_false(found, simulated.r_peaks, 250.0) == (0, 0)


def two_leads_with_artefacts(fs_hz: float = 250.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Five minutes of II and V5, the true beats, and the middles of bursts in V5, as large as its QRS, between two beats."""
    simulated = simulate_record(8, duration_s=300.0, fs_hz=fs_hz)
    signal, true = simulated.record.signal[[1, 10]].copy(), simulated.r_peaks
    rng = np.random.default_rng(0)
    at = (0.55 * true[5:-5:9] + 0.45 * true[6:-4:9]).astype(int)
    for centre in at:
        signal[1, centre - 12 : centre + 13] += rng.normal(0, 0.6 * np.ptp(signal[1]), 25)
    return signal, true, at


def test_bursts_in_one_of_two_leads_are_no_beats(monkeypatch):
    signal, true, at = two_leads_with_artefacts()
    assert missed_and_false(find_beats(signal, 250.0), true, 250.0) == (0, 0)
    monkeypatch.setattr(beats, "ABOUT", 10_000)  # with so few beats nothing is compared
    assert missed_and_false(find_beats(signal, 250.0), true, 250.0)[1] > len(at) // 2


@pytest.mark.parametrize(("height", "kept"), [(1.0, True), (-1.0, True), (0.15, False)])
def test_rare_beats_are_beats_where_they_are_strong(height, kept):
    """Three of an odd shape, each between two others, in three leads; faint ones count as artefacts."""
    signal, true = heart(60, seconds=120.0)
    extra = (true[[30, 60, 90]] + true[[31, 61, 91]]) // 2
    for centre in extra:
        signal[:, centre - 25 : centre + 25] += height * np.sin(np.arange(50) / 5)
    assert len(beats._pick(beats._slopes(signal, 500.0)[0], 100.0)) == len(true) + 3  # all stand out enough
    found = find_beats(signal, 500.0)
    assert missed_and_false(found, np.sort(np.concatenate([true, extra])) if kept else true, 500.0) == (0, 0)


def test_faint_beats_are_beats_where_they_would_be_missed():
    signal, true = heart(60, seconds=120.0)
    for centre in true[[30, 60, 90]]:
        signal[:, centre - 30 : centre + 30] *= 0.0
        signal[:, centre - 25 : centre + 25] += 0.15 * np.sin(np.arange(50) / 5)
    assert missed_and_false(find_beats(signal, 500.0), true, 500.0) == (0, 0)


@pytest.mark.parametrize(("n_beats", "found_too"), [(40, False), (120, True)])
def test_early_faint_beats_are_found_where_there_are_many_to_compare_with(n_beats, found_too):
    intervals = np.ones(n_beats)
    intervals[[10, 11, 20, 21, 30, 31]] = 0.75
    true = np.round(500 * np.cumsum(intervals)).astype(int)
    times = np.arange(true[-1] + 500)
    signal = np.random.default_rng(0).normal(0, 0.01, (2, len(times)))
    for place, centre in enumerate(true):
        signal += (0.32 if place in (10, 20, 30) else 1.0) * np.clip(1 - np.abs(times - centre) / 10, 0, None)
    expected = true if found_too else np.delete(true, [10, 20, 30])
    assert missed_and_false(find_beats(signal, 500.0), expected, 500.0) == (0, 0)


def test_p_waves_are_no_beats():
    """Nearly half as high as the QRS, and twice as wide, in one lead."""
    signal, true = heart(60, seconds=120.0)
    for centre in true[1:-1] - 100:
        signal[0, centre - 20 : centre + 20] += 0.45 * (1 - np.abs(np.arange(-20, 20)) / 20)
    assert len(beats._pick(beats._slopes(signal[:1], 500.0)[0], 100.0)) > 1.9 * len(true)
    assert missed_and_false(find_beats(signal[:1], 500.0), true, 500.0) == (0, 0)


@pytest.mark.parametrize(
    ("energy", "apart_s", "beside"),
    [
        ([[0.6], [1.0]], 0.2, [True, False]),
        ([[0.8], [1.0]], 0.2, [False, False]),
        ([[0.6], [1.0]], 0.3, [False, False]),
        ([[1.0], [0.4]], 0.3, [False, True]),
        ([[1.0], [0.6]], 0.3, [False, False]),
        ([[1.0], [0.4]], 0.4, [False, False]),
        ([[0.6, 0.6], [1.0, 1.0]], 0.2, [True, False]),
        ([[0.6, 2.0], [1.0, 1.0]], 0.2, [False, False]),  # an artefact in one of two leads
        ([[0.6, 0.6, 2.0], [1.0, 1.0, 1.0]], 0.2, [True, False]),
        ([[0.0, 0.0], [0.0, 0.0]], 0.2, [False, False]),
    ],
)
def test_what_is_faint_beside_a_beat(energy, apart_s, beside):
    assert beats._beside_stronger(np.array(energy), np.array([1.0, 1.0 + apart_s])).tolist() == beside


def test_fewer_beats_than_tell_anything_all_stay(monkeypatch):
    """Ten seconds, whatever the rate."""
    monkeypatch.setattr(beats, "_without_faint_ones", lambda signal, fs_hz, found: found[:0])
    for rate_bpm, seconds in ((60, 10.0), (350, 10.0), (60, 60.0)):
        assert len(find_beats(heart(rate_bpm, seconds=seconds)[0], 500.0)) > 0
    assert len(find_beats(heart(60, seconds=70.0)[0], 500.0)) == 0


@pytest.mark.parametrize("kind", ["nothing", "white", "brown", "hum", "short"])
def test_no_beats_where_there_are_none(kind):
    rng = np.random.default_rng(1)
    times = np.arange(5000) / 500.0
    signal = {
        "nothing": np.zeros((12, 5000)),
        "white": rng.normal(0, 0.2, (12, 5000)),
        "brown": np.cumsum(rng.normal(0, 0.01, (12, 5000)), axis=1),
        "hum": np.tile(np.sin(2 * np.pi * 50 * times), (12, 1)),
        "short": rng.normal(0, 0.2, (12, 500)),
    }[kind]
    assert find_beats(signal, 500.0).shape == (0,)


def test_rate_needs_two_beats():
    assert heart_rate_bpm(np.array([100]), 500.0) is None
    assert heart_rate_bpm(np.array([0, 500, 1000]), 500.0) == 60.0


@pytest.mark.parametrize("silence_s", [0, 30, 600, 86_400])
@pytest.mark.parametrize("n_bursts", [1, 2, 40])
def test_the_rate_is_that_of_beats_that_follow_each_other(silence_s, n_bursts):
    """Two beats a second apart at the least, silence, and so on: the silences are no intervals."""
    bursts = [np.arange(0, 1_001, 500) + place * (silence_s + 2) * 500 for place in range(n_bursts)]
    assert heart_rate_bpm(np.concatenate(bursts), 500.0) == 60.0
    assert heart_rate_bpm(np.concatenate([burst[:2] for burst in bursts]), 500.0) == 60.0


@pytest.mark.parametrize("beats", [[], [100], [100, 30_100], [0, 5_000, 10_000, 15_000]])
def test_a_rate_that_is_not_known_is_no_number(beats):
    assert heart_rate_bpm(np.array(beats, dtype=int), 500.0) is None


def test_lost_beats_do_not_halve_the_rate():
    beats = np.delete(np.arange(0, 50_000, 400), [5, 6, 20, 41, 60, 80])
    assert heart_rate_bpm(beats, 500.0) == 75.0


def test_what_two_stretches_find_alike_is_one_beat():
    before, after = np.array([100, 600, 1_102]), np.array([1_098, 1_600])
    assert join_beats(before, after, 500.0).tolist() == [100, 600, 1_102, 1_600]
    assert join_beats(before[:0], after, 500.0).tolist() == [1_098, 1_600]
    assert join_beats(before, after[:0], 500.0).tolist() == [100, 600, 1_102]


def test_stretches_without_beats():
    beats = np.array([5_000, 5_500, 6_000, 20_000])
    assert beatless_stretches(beats, 21_000, 500.0) == [(0.0, 10.0), (12.0, 40.0)]
    assert beatless_stretches(beats[:3], 6_500, 500.0)[1:] == []


def test_blocks_are_means():
    assert np.allclose(average_blocks(np.arange(7.0)[None], 3), [[1.0, 4.0]])


@pytest.mark.parametrize("fs_hz", [100.0, 128.0, 250.0, 360.0, 500.0, 1000.0, 2000.0])
def test_resampling_leaves_the_beats_where_they_are(fs_hz):
    """Times of R peaks before and after, by the peaks of lead II themselves."""
    simulated = simulate_record(5, fs_hz=fs_hz, noise=0.0)
    to_100 = resample(simulated.record.signal.astype(float), fs_hz, 100.0)
    for peak in simulated.r_peaks[1:-1]:
        around = slice(round(peak / fs_hz * 100) - 6, round(peak / fs_hz * 100) + 7)
        raw = simulated.record.signal[1, round(peak - 0.06 * fs_hz) : round(peak + 0.06 * fs_hz) + 1]
        before = (round(peak - 0.06 * fs_hz) + raw.argmax()) / fs_hz
        after = (around.start + to_100[1, around].argmax()) / 100
        assert abs(before - after) <= 0.011


@given(arrays(np.float64, st.integers(3, 60), elements=st.integers(0, 6)), st.floats(0, 6), st.integers(1, 12))
def test_peaks_are_scipys(slopes, least, distance):
    """With flat tops, and tops as high as each other."""
    assert np.array_equal(beats._peaks(slopes, least, distance), find_peaks(slopes, least, distance=distance)[0])


@pytest.mark.parametrize("n", [400, 997, 1000, 4321])
def test_the_level_follows_the_windows_about(n):
    """Percentiles of the maxima of up to nine windows; infinite where they do not stand out of the background."""
    slopes = np.random.default_rng(n).random(n) ** 8
    slopes[n // 2 : n // 2 + n // 3] = 0.5
    n_windows = max(2, round(n / 200))
    windows = np.split(slopes, np.linspace(0, n, n_windows + 1).astype(int)[1:-1])
    level = []
    for index, window in enumerate(windows):
        first = max(0, min(index - 4, n_windows - 9))
        about = windows[first : first + 9]
        here = np.percentile([each.max() for each in about], 75)
        background = np.median([np.percentile(each, 25) for each in about])
        level += [here if here > 4 * background else np.inf] * len(window)
    assert beats._level(slopes, 100.0) == pytest.approx(np.array(level), rel=1e-12)
    assert np.isfinite(level).any()


@given(st.integers(1, 10**7), st.integers(1, 40))
def test_parts_are_numpys(n, n_parts):
    assert beats.part_edges(n, n_parts) == np.linspace(0, n, n_parts + 1).astype(int).tolist()
