"""What is measured of a recording is what plain NumPy and SciPy make of it."""

import itertools

import numpy as np
import pytest
from scipy.ndimage import maximum_filter1d, minimum_filter1d, uniform_filter1d

from cardiac.beats import average_blocks, block_length, find_beats
from cardiac.quality import artefacts, limbs, measures, noise, placement
from cardiac.simulate import simulate_record

RATES_HZ = (100.0, 128.0, 257.0, 500.0, 1000.0, 2000.0)


def faulty(fs_hz: float, seed: int = 0) -> np.ndarray:
    """Ten seconds and a bit with noise, hum, wild samples, impulses, a flat stretch and a lead at the end of its scale."""
    rng = np.random.default_rng(seed)
    signal = simulate_record(seed, duration_s=10.3, fs_hz=fs_hz).record.signal.astype(np.float32)
    n = signal.shape[1]
    signal += rng.normal(0, 0.01, signal.shape).astype(np.float32)
    signal[1] += (0.05 * np.sin(2 * np.pi * 50 * np.arange(n) / fs_hz)).astype(np.float32)
    signal[2] += (1.5 * np.sin(2 * np.pi * 0.3 * np.arange(n) / fs_hz)).astype(np.float32)
    signal[rng.integers(0, 12, 30), rng.integers(0, n, 30)] += 1.5
    signal[:7, rng.integers(0, n, 5)] += 2.0
    signal[:3, rng.integers(0, n, 5)] += 1.0
    signal[:3, rng.integers(0, n, 5)] += 0.2  # a spike's, and no pacemaker's
    signal[3, n // 3 : n // 2] = 0.25
    signal[4] = np.clip(signal[4], -0.2, 0.2)
    signal[5, -1] = signal[5].max() + 1  # the greatest, in what the windows leave over
    return signal


@pytest.mark.parametrize("fs_hz", RATES_HZ)
@pytest.mark.parametrize("n_leads", [1, 5, 12])
def test_smoothing_twice(fs_hz, n_leads):
    signal = faulty(fs_hz)[:n_leads]
    width = 2 * round(noise.FINE_S * fs_hz / 2) + 1
    plain = signal - uniform_filter1d(uniform_filter1d(signal.astype(float), width, axis=1), width, axis=1)
    assert noise._fine(signal, width) == pytest.approx(plain, abs=2e-6)


@pytest.mark.parametrize("fs_hz", RATES_HZ)
def test_products_stay_too_small_for_threads(fs_hz, monkeypatch):
    """However long the recording, and nothing is lost where rows are filled up."""
    products, matmul = [], np.matmul

    def counted(first: np.ndarray, second: np.ndarray, out: np.ndarray) -> np.ndarray:
        products.append(first.shape[-2] * first.shape[-1] * second.shape[-1])
        return matmul(first, second, out=out)

    monkeypatch.setattr(noise.np, "matmul", counted)
    width = 2 * round(noise.FINE_S * fs_hz / 2) + 1
    for n in (round(fs_hz), round(61.3 * fs_hz)):
        assert noise._fine(np.ones((2, n), dtype=np.float32), width) == pytest.approx(np.zeros((2, n)), abs=1e-6)
    assert products and max(products) <= noise.MOST_PRODUCTS


@pytest.mark.parametrize("fs_hz", RATES_HZ)
def test_muscle_noise_and_hum(fs_hz):
    signal, n_windows = faulty(fs_hz), 10
    width = 2 * round(noise.FINE_S * fs_hz / 2) + 1
    fine = signal - uniform_filter1d(uniform_filter1d(signal.astype(float), width, axis=1), width, axis=1)
    windows = noise.split(fine, n_windows)
    hum = np.full((2, 12, n_windows), np.nan)
    block = round(noise.HUM_BLOCK_S * fs_hz)
    blocks = windows[..., : windows.shape[2] // block * block].reshape(12, n_windows, -1, block)
    times = np.arange(blocks.shape[2] * block).reshape(-1, block) / fs_hz
    for index, hz in enumerate(noise.HUM_HZ):
        if fs_hz >= noise.LEAST_RATE_PER_HUM * hz:
            phasors = 2 / block * (blocks * np.exp(-2j * np.pi * hz * times)).sum(axis=-1)
            hum[index] = np.hypot(np.median(phasors.real, axis=2), np.median(phasors.imag, axis=2))
    block = max(2, round(noise.MUSCLE_BLOCK_S * fs_hz))
    blocks = windows[..., : windows.shape[2] // block * block].reshape(12, n_windows, -1, block)
    power = np.median((blocks**2).mean(axis=-1), axis=2) - np.nansum(hum**2, axis=0) / 2
    found_muscle, found_hum = noise.measure_noise(signal, fs_hz, n_windows)
    assert found_hum == pytest.approx(hum, abs=2e-6, nan_ok=True)
    assert found_muscle**2 == pytest.approx(np.maximum(power, 0), abs=1e-6)


@pytest.mark.parametrize("fs_hz", RATES_HZ)
def test_wander(fs_hz):
    slow, working_hz = average_blocks(faulty(fs_hz), block_length(fs_hz)), fs_hz / block_length(fs_hz)
    block = round(noise.BASELINE_BLOCK_S * working_hz)
    course = np.median(noise.split(slow, slow.shape[1] // block), axis=2)
    for _ in range(2):
        course = uniform_filter1d(course, round(noise.BASELINE_SMOOTH_S * working_hz / block), axis=1, mode="nearest")
    windows = noise.split(course, 10)
    high = maximum_filter1d(windows.max(axis=2), 3, axis=1, mode="nearest")
    low = minimum_filter1d(windows.min(axis=2), 3, axis=1, mode="nearest")
    assert noise.measure_wander(slow, working_hz, 10) == pytest.approx(high - low, abs=1e-6)


def plain_clipped(signal: np.ndarray, fs_hz: float, n_windows: int) -> np.ndarray:
    where = np.zeros((len(signal), n_windows), dtype=bool)
    least, length = max(2, round(artefacts.PLATEAU_S * fs_hz)), signal.shape[1] // n_windows
    for lead, samples in enumerate(signal):
        middle = np.median(samples[:: max(1, int(fs_hz // 50))])
        for extreme in (samples.max(), samples.min()):
            runs = np.flatnonzero(np.diff(np.concatenate([[0], samples == extreme, [0]]))).reshape(-1, 2)
            runs = [run for run in runs if run[1] - run[0] >= least]
            longest = max((end - first for first, end in runs), default=0)
            many = len(runs) >= artefacts.PLATEAUS or longest >= artefacts.LONG_PLATEAU_S * fs_hz
            if many and abs(extreme - middle) >= artefacts.PLATEAU_MV:
                for first, end in runs:
                    where[lead, np.minimum(np.arange(first, end) // length, n_windows - 1)] = True
    return where


@pytest.mark.parametrize("fs_hz", RATES_HZ)
@pytest.mark.parametrize("n_windows", [7, 10])
def test_flat_and_clipped(fs_hz, n_windows):
    signal = faulty(fs_hz)
    signal[6, -3:] = signal[6].max() + 0.5  # a plateau in what the windows leave over
    signal[7, -round(0.4 * fs_hz) :] = signal[7].min() - 0.5
    flat, clipped = artefacts.flat_and_clipped(signal, fs_hz, n_windows)
    assert np.array_equal(flat, np.ptp(noise.split(signal, 2 * n_windows), axis=2) <= artefacts.FLAT_MV)
    assert np.array_equal(clipped, plain_clipped(signal, fs_hz, n_windows))
    assert flat[3].any() and clipped[4].any() and clipped[7].any() and not clipped[5].any()


@pytest.mark.parametrize("fs_hz", RATES_HZ)
def test_what_the_windows_leave_over_counts(fs_hz):
    """Plateaus there are plateaus, and a greater value there is the lead's extreme."""
    least, n_windows = max(2, round(artefacts.PLATEAU_S * fs_hz)), 50
    n = 100 * round(0.1 * fs_hz) + 99  # so that 99 are left over of the halves of windows
    signal = np.random.default_rng(0).normal(0, 0.1, (3, n)).astype(np.float32)
    for plateau in range(artefacts.PLATEAUS):
        first = plateau * (least + 1) + 1
        signal[0, n - first - least : n - first] = 2.0
        signal[1:, 50 * first : 50 * first + least] = 2.0
    signal[2, -1] = 3.0
    _, clipped = artefacts.flat_and_clipped(signal, fs_hz, n_windows)
    assert np.array_equal(clipped, plain_clipped(signal, fs_hz, n_windows))
    assert clipped.any(axis=1).tolist() == [True, True, False]


@pytest.mark.parametrize("fs_hz", RATES_HZ)
def test_spikes_and_pacing(fs_hz):
    signal = faulty(fs_hz)
    muscle = np.full((12, 10), 0.01)
    wild, impulses, sharp = artefacts.spikes_and_pacing(signal, fs_hz, muscle, np.zeros(0, dtype=int))
    bent = 2 * signal[:, 1:-1] - signal[:, :-2] - signal[:, 2:]
    expected = []
    for lead, at in np.argwhere(np.abs(bent[:, 3:-3]) > max(2 * artefacts.SPIKE_MV, 2 * artefacts.SPIKE_NOISE * 0.01)):
        about = bent[lead, at : at + 7] / bent[lead, at + 3]
        quiet = np.abs(about[[0, 1, 5, 6]]).max() <= artefacts.SPIKE_REST
        if quiet and all(artefacts.SPIKE_SIDE[0] < -side < artefacts.SPIKE_SIDE[1] for side in about[[2, 4]]):
            expected.append((lead, at + 4))
    assert wild == expected and len(wild) > 10
    if fs_hz < artefacts.PACING_RATE_HZ:
        assert impulses.shape == (0,) and sharp.shape == (12, 0)
        return
    step = round(artefacts.PACING_S * fs_hz)
    over = np.abs(2 * signal[:, step:-step] - signal[:, : -2 * step] - signal[:, 2 * step :]) > artefacts.PACING_MV
    at = np.flatnonzero(over.sum(axis=0) >= artefacts.PACING_LEADS)
    at = at[np.diff(at, prepend=-signal.shape[1]) > artefacts.PACING_APART_S * fs_hz]
    assert np.array_equal(impulses, at + step) and len(at)
    assert np.array_equal(sharp, over[:, at])


@pytest.mark.parametrize("fs_hz", [250.0, 500.0])
def test_nothing_sharp_is_no_impulse(fs_hz):
    wild, impulses, sharp = artefacts.spikes_and_pacing(
        np.zeros((12, 5000), dtype=np.float32), fs_hz, np.zeros((12, 10)), np.zeros(0, dtype=int)
    )
    assert wild == [] and impulses.shape == (0,) and sharp.shape == (12, 0)


@pytest.mark.parametrize("fs_hz", RATES_HZ)
def test_beats(fs_hz):
    """Heights, beats that do not stand out, and the middle beat; the first and the last lie at the ends."""
    signal = faulty(fs_hz)
    block, working_hz = block_length(fs_hz), fs_hz / block_length(fs_hz)
    slow = average_blocks(signal, block)
    near = np.concatenate([[0], find_beats(signal, fs_hz) // block, [slow.shape[1] - 1]])
    reach, lag = round(measures.QRS_HALF_S * working_hz), round(measures.SLOPE_S * working_hz)
    steep = np.zeros_like(slow)
    steep[:, lag:-lag] = np.abs(slow[:, 2 * lag :] - slow[:, : -2 * lag])

    def about(values: np.ndarray, sample: float) -> np.ndarray:
        return values[:, max(int(sample) - reach, 0) : int(sample) + reach + 1]

    heights = np.stack([np.ptp(about(slow, sample), axis=1) for sample in near], axis=1)
    assert np.array_equal(measures._heights(slow, working_hz, near), heights)
    quiet = np.stack(
        [
            np.min([about(steep, first + share * (end - first)).max(axis=1) for share in measures.BETWEEN], axis=0)
            for first, end in itertools.pairwise(near)
        ],
        axis=1,
    )
    beside = np.concatenate([quiet[:, :1], (quiet[:, 1:] + quiet[:, :-1]) / 2, quiet[:, -1:]], axis=1)
    steepest = np.stack([about(steep, sample).max(axis=1) for sample in near], axis=1)
    hidden = measures._hidden(measures._slopes(slow, working_hz), working_hz, near)
    assert np.array_equal(hidden, steepest <= measures.STANDS_OUT * beside)
    assert hidden.any() and not hidden.all()

    beat, at_s, n_beats = measures._middle_beat(slow, working_hz, near)
    whole = near[(near + round(at_s[0] * working_hz) >= 0) & (near + round(at_s[-1] * working_hz) < slow.shape[1])]
    beats = np.stack([slow[:, sample + np.round(at_s * working_hz).astype(int)] for sample in whole])
    rest = (at_s > placement.REST_S[0] - 0.005) & (at_s < placement.REST_S[1] + 0.005)
    beats = beats - np.median(beats[..., rest], axis=2, keepdims=True)
    assert n_beats == len(whole) < len(near)
    assert beat == pytest.approx(np.median(beats, axis=0), abs=1e-6)


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("spoilt", [(), (0, 1), (2, 5), (0, 1, 3, 4, 7)])
def test_evidence_is_the_ratio_of_forms(spoilt, quick):
    """Every change undone one after another, as the angular Gaussian has it."""
    rng = np.random.default_rng(0)
    made = rng.normal(0, 1, (3, 8, 20))
    products = made @ made.transpose(0, 2, 1) / 20
    usable = ~np.isin(np.arange(8), spoilt)
    kept = np.ix_(usable, usable)
    found = placement.evidence(products, usable, quick)
    for change, ratio in zip(placement.changes(), found, strict=True):
        moved = np.abs(change.matrix - np.eye(8)).sum(axis=1) > 0
        if (moved & ~usable).any():
            assert ratio == -np.inf
            continue
        back = np.linalg.inv(change.matrix)[kept]
        logs = []
        for segment in [1] if quick else range(3):
            likely, seen = np.linalg.inv(placement.scatter(segment)[kept]), products[segment][kept]
            logs.append(np.log(np.trace(likely @ seen) / np.trace(likely @ back @ seen @ back.T)))
        gain = np.log(np.abs(np.linalg.det(change.matrix)))
        assert ratio == pytest.approx(np.mean(logs) - 2 / usable.sum() * gain, abs=1e-9)


@pytest.mark.parametrize("working_hz", [100.0, 128.0, 199.0])
@pytest.mark.parametrize("bounds", [placement.REST_S, *placement.SEGMENTS_S.values()])
def test_within(working_hz, bounds):
    at_s = np.arange(-round(0.26 * working_hz), round(0.46 * working_hz) + 1) / working_hz
    inside = (at_s > bounds[0] - 0.005) & (at_s < bounds[1] + 0.005)
    assert np.array_equal(at_s[placement.within(at_s, *bounds)], at_s[inside])


@pytest.mark.parametrize("kept", [tuple(range(6)), (0, 2, 3, 4, 5), (1, 2, 4, 5)])
def test_misfit_is_what_i_and_ii_leave(kept):
    """Root mean square of what least squares leave of the leads, over what is tolerated."""
    slopes = np.random.default_rng(0).normal(0, 0.05, (3, 12, 40))
    products = slopes @ slopes.transpose(0, 2, 1) / slopes.shape[2]
    rows = limbs.FROM_I_II[list(kept)]
    expected = []
    for window in slopes[:, list(kept)]:
        left = window - rows @ np.linalg.lstsq(rows, window, rcond=None)[0]
        apart = np.sqrt(np.mean(left**2) * len(kept) / (len(kept) - 2))
        expected.append(apart / (limbs.TOLERANCE_MV + limbs.TOLERANCE_SHARE * np.sqrt(np.mean(window**2))))
    assert limbs.misfit(products, kept) == pytest.approx(np.array(expected), rel=1e-9)
    assert limbs.misfit(products[0], kept) == pytest.approx(expected[0], rel=1e-9)
