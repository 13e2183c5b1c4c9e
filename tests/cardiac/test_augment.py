import numpy as np

from cardiac.augment import OF_DIPOLE, add_noisy_copies, augment, lead_gains, mix, random_sections, turn_heart

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


def test_sections_read_faster_or_slower():
    """A ramp says where each sample was read: evenly, at a speed in its bounds, and within the recording."""
    signals = [np.tile(np.arange(n, dtype=np.float32), (12, 1)) for n in (200, 300, 1000)]
    sections = random_sections(signals, np.array([0, 1, 2] * 50), 200, generator(), warp=0.2)
    assert sections.shape == (150, 12, 200)
    assert sections.dtype == np.float32
    speeds = np.diff(sections, axis=2)
    assert np.ptp(speeds, axis=(1, 2)).max() < 1e-3
    assert 0.79 < speeds.min() < 0.85
    assert 1.15 < speeds.max() < 1.21
    assert speeds[::3].max() < 1.001  # a recording of one section cannot be read faster
    for row, n in enumerate((200, 300, 1000)):
        assert sections[row::3].min() >= 0
        assert sections[row::3].max() <= n - 1


def test_a_turned_heart_keeps_what_no_dipole_explains():
    dipole = generator().standard_normal((40, 3, 200)).astype(np.float32)
    of_dipole = (OF_DIPOLE @ dipole).astype(np.float32)
    turned = turn_heart(of_dipole, generator(), 30.0)
    back = np.linalg.pinv(OF_DIPOLE) @ turned
    assert np.allclose(np.linalg.norm(back, axis=1), np.linalg.norm(dipole, axis=1), atol=1e-3)  # turned, not stretched
    assert not np.allclose(back, dipole, atol=0.1)
    rest = SECTIONS - OF_DIPOLE @ np.linalg.pinv(OF_DIPOLE) @ SECTIONS
    assert np.allclose(turn_heart(rest.astype(np.float32), generator(), 30.0), rest, atol=1e-4)
    limb = turned[:, :6]
    assert np.allclose(limb[:, 2], limb[:, 1] - limb[:, 0], atol=1e-4)  # III = II - I, as before
    assert np.allclose(limb[:, 3], -(limb[:, 0] + limb[:, 1]) / 2, atol=1e-4)
    assert turned.dtype == np.float32


def test_nothing_asked_nothing_changed():
    assert turn_heart(SECTIONS, generator(), 0.0) is SECTIONS
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
