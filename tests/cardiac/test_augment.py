import numpy as np

from cardiac.augment import add_noisy_copies, augment, lead_gains, mix, random_sections

SECTIONS = np.random.default_rng(0).standard_normal((40, 12, 200)).astype(np.float32)
TARGETS = (np.arange(40)[:, None] % 2).astype(np.float32)
WEIGHTS = np.ones_like(TARGETS)


def generator():
    return np.random.default_rng(1)


def test_random_sections_lie_in_their_records():
    signals = [np.arange(12 * n).reshape(12, n).astype(np.float32) + 10_000 * n for n in (200, 300, 1000)]
    rows = np.array([0, 1, 2] * 50)
    sections = random_sections(signals, rows, 200, generator())
    assert sections.shape == (150, 12, 200)
    starts = sections[2::3, 0, 0] - 10_000_000
    assert starts.min() < 100
    assert starts.max() > 700  # the end of the record is reached
    for section, row in zip(sections, rows, strict=True):
        start = int(section[0, 0] - signals[row][0, 0])
        assert np.array_equal(section, signals[row][:, start : start + 200])


def test_nothing_asked_nothing_changed():
    assert np.array_equal(augment(SECTIONS, generator(), 0.0, 0.0, 0.0), SECTIONS)
    assert mix(SECTIONS, TARGETS, WEIGHTS, generator(), 0.0) == (SECTIONS, TARGETS, WEIGHTS)
    assert add_noisy_copies(SECTIONS, generator(), 0.0) is SECTIONS


def test_gain_noise_and_lost_leads():
    gained = augment(SECTIONS, generator(), 0.2, 0.0, 0.0) / SECTIONS
    assert 0.8 <= gained.min() < 0.9 < 1.1 < gained.max() <= 1.2001
    assert (np.ptp(gained, axis=(1, 2)) < 1e-3).all()  # one gain a section
    noise = augment(SECTIONS, generator(), 0.0, 0.03, 0.0) - SECTIONS
    assert 0 < noise.std() < 0.03
    lost = (augment(SECTIONS, generator(), 0.0, 0.0, 1.0) == 0).all(axis=2)
    assert (lost.sum(axis=1) == 1).all()


def test_gains_of_leads():
    gains = lead_gains(np.array([0.0, 0.3] * 500), 12, generator())
    assert gains.shape == (1000, 12, 1)
    assert gains.dtype == np.float32
    assert (gains[::2] == 1).all()
    logarithms = np.log(gains[1::2, :, 0])
    assert abs(logarithms[:, 5:].std() - 0.3) < 0.02
    assert abs(logarithms.mean()) < 0.02
    assert (np.ptp(gains[:, :6], axis=1) == 0).all()  # the limb leads hang together
    assert (np.ptp(logarithms[:, 5:], axis=1) > 0.05).all()


def test_mixup_keeps_the_larger_share():
    mixed, targets, weights = mix(SECTIONS, TARGETS, WEIGHTS, generator(), 0.3)
    assert targets.shape == TARGETS.shape
    assert (np.abs(targets - TARGETS) <= 0.5).all()
    assert not np.array_equal(mixed, SECTIONS)
    assert np.allclose(weights, 1)
    own = (mixed * SECTIONS).sum(axis=(1, 2)) / (SECTIONS**2).sum(axis=(1, 2))
    assert (own > 0.45).all()


def test_a_target_that_weighs_nothing_has_no_part_in_the_mixed_one():
    """Whatever stands where the truth is not known, the mixture is the same, and where neither is known weighs nothing."""
    rng = np.random.default_rng(2)
    targets = rng.random((40, 5)).astype(np.float32)
    weights = (rng.random((40, 5)) < 0.5).astype(np.float32)
    spoilt = np.where(weights > 0, targets, np.float32(1000))
    _, mixed, counted = mix(SECTIONS, targets, weights, generator(), 0.3)
    _, of_spoilt, _ = mix(SECTIONS, spoilt, weights, generator(), 0.3)
    assert np.array_equal(mixed, of_spoilt)
    assert (mixed <= 1).all()
    assert (counted == 0).any()
    assert (mixed[counted == 0] == 0).all()
    alone = (weights > 0) & (counted < 1)  # its partner's target is not known: its own stands, and weighs its share
    assert alone.any()
    assert np.allclose(mixed[alone], targets[alone], atol=1e-6)
    assert (counted[alone] >= 0.5).all()


def test_noisy_copies_double_the_batch():
    doubled = add_noisy_copies(SECTIONS, generator(), 0.05)
    assert doubled.shape == (80, 12, 200)
    assert doubled.dtype == np.float32
    assert np.array_equal(doubled[:40], SECTIONS)
    assert abs((doubled[40:] - SECTIONS).std() - 0.05) < 0.002
