import numpy as np
import pytest
from scipy import signal as dsp

from cardiac.errors import ConfigError, RecordError
from cardiac.long_signals import prepare_together
from cardiac.signals import SignalSpec, prepare_signal, resample

SPEC = SignalSpec(500.0, (0.5, 45.0))


def tone(hz: float, fs_hz: float, seconds: float = 10.0) -> np.ndarray:
    at_s = np.arange(round(seconds * fs_hz)) / fs_hz
    return np.tile(np.sin(2 * np.pi * hz * at_s), (12, 1))


def middle(signal: np.ndarray) -> np.ndarray:
    return signal[:, signal.shape[1] // 4 : -signal.shape[1] // 4]


@pytest.mark.parametrize(("hz", "least", "most"), [(0.05, 0, 0.02), (2, 0.98, 1.02), (20, 0.95, 1.02), (150, 0, 0.01)])
def test_band(hz, least, most):
    """A tone inside the band passes, one outside is taken away."""
    kept = np.abs(middle(prepare_signal(tone(hz, 500), 500, SPEC))).max()
    assert least <= kept <= most


def test_no_delay():
    """Forth and back: a tone in the band comes out in phase."""
    before, after = tone(10, 500), prepare_signal(tone(10, 500), 500, SPEC)
    assert np.corrcoef(middle(before)[0], middle(after)[0])[0, 1] > 0.9999


@pytest.mark.parametrize("fs_hz", [100.0, 250.0, 257.0, 360.0, 500.0, 1000.0, 1024.0])
def test_resampled_tone_is_the_tone_at_the_other_rate(fs_hz):
    there = resample(tone(7, fs_hz), fs_hz, 500.0)
    assert there.shape == (12, 5000)
    assert np.abs(middle(there) - middle(tone(7, 500))).max() < 0.01


def test_r_peaks_stay_in_place_when_resampled(healthy):
    """At 1,000 Hz every peak of lead V4 comes back within one sample of 500 Hz."""
    signal = healthy.record.signal[9:10].astype(float)
    back = resample(resample(signal, 500.0, 1000.0), 1000.0, 500.0)
    for peak in healthy.r_peaks[1:-1]:
        near = slice(peak - 20, peak + 20)
        assert abs(int(np.argmax(np.abs(signal[0, near]))) - int(np.argmax(np.abs(back[0, near])))) <= 1


def test_short_signals_are_filtered_too():
    assert prepare_signal(tone(5, 500, 0.1), 500, SPEC).shape == (12, 50)


def test_open_band_changes_nothing():
    signal = tone(5, 500)
    assert np.allclose(prepare_signal(signal, 500, SignalSpec(500.0, (0.0, 0.0))), signal, atol=1e-6)


def wandering(n_samples: int) -> np.ndarray:
    """Three leads that start and end anywhere, 300 mV off the middle."""
    return 300 + np.cumsum(np.random.default_rng(n_samples).normal(0, 0.02, (3, n_samples)), axis=1)


@pytest.mark.parametrize("n_samples", [1, 2, 19, 20, 21, 51, 999, 4_999, 5_000, 5_003, 40_001])
@pytest.mark.parametrize("down", [2, 5, 10, 100])
def test_decimated_as_scipy_does(down, n_samples):
    signal = wandering(n_samples)
    expected = dsp.resample_poly(signal, 1, down, axis=1, padtype="line")[:, : round(n_samples / down)]
    decimated = resample(signal, 100.0 * down, 100.0)
    assert decimated.shape == expected.shape
    assert np.abs(decimated - expected).max(initial=0) < 1e-10


@pytest.mark.parametrize("fs_hz", [200.0, 500.0, 1000.0, 360.0])
def test_float32_is_resampled_without_loss(fs_hz):
    """Also 300 mV off the middle, where a float32 itself is 3e-5 mV from the next."""
    signal = wandering(5_000).astype(np.float32)
    assert np.abs(resample(signal, fs_hz, 100.0) - resample(signal.astype(float), fs_hz, 100.0)).max() < 1e-6


def test_a_rate_that_is_all_but_the_other_changes_no_sample():
    signal = wandering(500)
    assert np.allclose(resample(signal, 100.000001, 100.0), signal, rtol=0, atol=1e-10)


@pytest.mark.parametrize("n_samples", [1, 2, 50, 99, 100, 101, 102, 1_000, 7_001])
@pytest.mark.parametrize(
    ("band_hz", "kind", "edges_hz"),
    [((0.5, 45.0), "bandpass", (0.5, 45.0)), ((0.5, 0.0), "highpass", 0.5), ((0.0, 40.0), "lowpass", 40.0)],
)
def test_filtered_as_scipy_does(band_hz, kind, edges_hz, n_samples):
    signal = wandering(n_samples)
    sections = dsp.butter(2, edges_hz, btype=kind, fs=100.0, output="sos")
    expected = dsp.sosfiltfilt(sections, signal, axis=1, padlen=min(100, n_samples - 1))
    assert (
        np.abs(prepare_signal(signal, 100.0, SignalSpec(100.0, band_hz)) - expected).max() < 3e-5
    )  # float32 of 300 mV


@pytest.mark.parametrize("fs_hz", [100.0, 500.0, 360.0])
def test_a_record_comes_out_among_others_as_alone(fs_hz):
    spec = SignalSpec(100.0, (0.5, 45.0))
    records = [scale * wandering(5_000).astype(np.float32) for scale in (1, -2, 0)]
    together = prepare_together(records, fs_hz, spec)
    assert together.dtype == np.float32
    for alone, among in zip(records, together, strict=True):
        assert np.array_equal(prepare_signal(alone, fs_hz, spec), among)


def test_scaled_by_lead_no_gain_matters():
    """Every lead comes to unit variance, whatever its gain; a flat one stays flat and is no noise blown up."""
    scaled = SignalSpec(100.0, (0.5, 45.0), scale="lead")
    signal = np.random.default_rng(0).standard_normal((12, 5000))
    prepared = prepare_signal(signal, 500, scaled)
    assert prepared.shape == (12, 1000)
    assert np.allclose(prepared.std(axis=1), 1, atol=1e-5)
    gains = np.linspace(0.1, 10, 12)[:, None]
    assert np.allclose(prepare_signal(gains * signal, 500, scaled), prepared, atol=1e-5)
    assert not np.allclose(prepare_signal(gains * signal, 500, SPEC), prepare_signal(signal, 500, SPEC), atol=0.1)
    signal[3] *= 1e-4
    assert np.abs(prepare_signal(signal, 500, scaled)[3]).max() < 0.01


def test_impossible_rate_is_refused():
    with pytest.raises(RecordError, match="state the true rate"):
        resample(tone(5, 500), 1e-3, 500.0)


@pytest.mark.parametrize(
    "arguments",
    [
        (500.0, (45.0, 0.5)),
        (500.0, (0.5, 250.0)),
        (500.0, (-1.0, 45.0)),
        (0.0, (0.5, 45.0)),
        (500.0, (0.5,)),
        ("500", (0.5, 45.0)),
        (float("nan"), (0.5, 45.0)),
        (500.0, (0.5, 45.0), SPEC.leads, "mV", "record"),
    ],
)
def test_impossible_specs_are_refused(arguments):
    with pytest.raises(ConfigError):
        SignalSpec(*arguments)
