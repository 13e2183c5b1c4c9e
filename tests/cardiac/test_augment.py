import numpy as np

from cardiac.augment import add_noisy_copies, augment, mix, random_windows

WINDOWS = np.random.default_rng(0).standard_normal((40, 12, 200)).astype(np.float32)
TARGETS = (np.arange(40)[:, None] % 2).astype(np.float32)


def generator():
    return np.random.default_rng(1)


def test_random_windows_lie_in_their_records():
    signals = [np.arange(12 * n).reshape(12, n).astype(np.float32) + 10_000 * n for n in (200, 300, 1000)]
    rows = np.array([0, 1, 2] * 50)
    windows = random_windows(signals, rows, 200, generator())
    assert windows.shape == (150, 12, 200)
    starts = windows[2::3, 0, 0] - 10_000_000
    assert starts.min() < 100
    assert starts.max() > 700  # the end of the record is reached
    for window, row in zip(windows, rows, strict=True):
        start = int(window[0, 0] - signals[row][0, 0])
        assert np.array_equal(window, signals[row][:, start : start + 200])


def test_nothing_asked_nothing_changed():
    assert np.array_equal(augment(WINDOWS, generator(), 0.0, 0.0, 0.0), WINDOWS)
    assert mix(WINDOWS, TARGETS, generator(), 0.0)[0] is WINDOWS
    assert add_noisy_copies(WINDOWS, TARGETS, generator(), 0.0)[0] is WINDOWS


def test_gain_noise_and_lost_leads():
    gained = augment(WINDOWS, generator(), 0.2, 0.0, 0.0) / WINDOWS
    assert 0.8 <= gained.min() < 0.9 < 1.1 < gained.max() <= 1.2001
    assert (np.ptp(gained, axis=(1, 2)) < 1e-3).all()  # one gain a window
    noise = augment(WINDOWS, generator(), 0.0, 0.03, 0.0) - WINDOWS
    assert 0 < noise.std() < 0.03
    lost = (augment(WINDOWS, generator(), 0.0, 0.0, 1.0) == 0).all(axis=2)
    assert (lost.sum(axis=1) == 1).all()


def test_mixup_keeps_the_larger_share():
    mixed, targets = mix(WINDOWS, TARGETS, generator(), 0.3)
    assert targets.shape == TARGETS.shape
    assert (np.abs(targets - TARGETS) <= 0.5).all()
    assert not np.array_equal(mixed, WINDOWS)


def test_noisy_copies_double_the_batch():
    windows, targets = add_noisy_copies(WINDOWS, TARGETS, generator(), 0.05)
    assert windows.shape == (80, 12, 200)
    assert np.array_equal(windows[:40], WINDOWS)
    assert abs((windows[40:] - WINDOWS).std() - 0.05) < 0.002
    assert np.array_equal(targets[40:], TARGETS)
