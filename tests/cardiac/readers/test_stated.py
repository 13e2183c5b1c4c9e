"""What lines, keys and values say of the sampling rate, in the words and units of many programs."""

import numpy as np
import pytest

from cardiac.readers.stated import settle_rate, statements_in, statements_of

AT_250 = (
    "sampling_rate_hz: 250", "Sampling interval: 4 ms", "Interval=\t0.004 s", "fs=250", "Fs: 0.25 kHz", "sfreq: 250.0",
    "Abtastrate: 250 Hz", "Abtastintervall (ms): 4", "Abtastperiode 4 ms", "fréquence d'échantillonnage : 250 Hz",
    "Taux d'échantillonnage 250", "Frecuencia de muestreo (Hz);250", "Campionamento: 250 Hz", "частота дискретизации: 250 Гц",
    "период дискретизации: 4 мс", "采样频率: 250", "サンプリング周波数: 250 Hz", "4 ms per sample", "4 msec/sample", "250 Hz",
    "ECG sampled at 250 Hz with 12 bits", "Sampling rate,250,Hz", "Sampling rate\t250\tHz", "Sampling rate\t: 250",
    "Filter 0.05-150 Hz, Sampling 250 Hz", "Period: 0.004", "dt = 4e-3", "Δt: 4 ms", "sampling period_us: 4000",
    "Sample period [s] 0,004", "Rate (samples per second) 250", "samples_per_second: 250", "250 samples/s",
    "interval 1/250 s", "every 4 milliseconds", "Interval: 4", "rate_hz=250", "hz: 250", "SamplingFrequency=250",
    "Sampling time: 4 ms", "Sampling step 0.004", "T_s=0.004", "time step,0.004", "sampling rate of 250 (Hz)",
    "Sampling interval in ns: 4000000", "Sampling interval: 0.0000666667 min", "Sampling Rate = 4 ms",
    "Time interval between samples: 0.004 sec", "Sampling rate: 250.000 Hz", "Sample rate (kHz): 0.25", "2.5e2 Hz",
    "# fs_hz,250", "\"fs\": 250,", "Sampling Rate:;250;Samples Exported:;1500", "Sample Rate: 250Hz",
)  # fmt: skip
OF_OTHERS = (
    "Low: .5Hz", "High: 100Hz", "Heart rate: 120", "HR 150 bpm", "Start time: 10:00:00", "End time: 10:00:06",
    "Date: 2024-05-03", "Samples per channel: 1500", "TimeFormat=\tStartOfBlock", "Number of samples: 5000",
    "ExcelDateTime=\t4.5e+04\t5/3/2024 10:00:00", "PR interval: 160 ms", "QT/QTc 400/420 ms", "Notch 50 Hz", "Range: 5mv",
    "Paper speed 25 mm/s", "Gain 1000/mV", "ADC: 16 bit", "Age: 60 years", "Patient: 250", "Low-pass filter 150 Hz",
    "10 mm/mV 25 mm/s 0.05-150 Hz 50 Hz", "Acquisition time: 2024-01-01 10:00", "I,II,III", "V1 (mV);V2 (mV)", "Field 7: value",
    "Ventricular rate: 120", "Mains frequency: 60 Hz", "Data Format 1", "Device: X500 v1.2", "samples: 5000",
)  # fmt: skip
IN_DOUBT = ("Sampling rate: high", "Rate: 120", "Recorder 250Hz", "sampling frequency: two hundred fifty", "Sampling rate: 5",
            "Sampling interval: 3 s", "sampling rate: 250 or 500 Hz", "Abtastrate: unbekannt")  # fmt: skip


@pytest.mark.parametrize("line", AT_250)
def test_lines_that_say_it(line):
    assert [each.fs_hz for each in statements_in([line])] == [pytest.approx(250, rel=1e-3)]


@pytest.mark.parametrize(
    "line", ["Sample Rate: 1,000 Hz", "1.000,0 Hz", "Samplerate;1 000 Hz", "fs 1'000", "1 kHz", "1 msec/sample"]
)
def test_thousands(line):
    assert [each.fs_hz for each in statements_in([line])] == [1000]


@pytest.mark.parametrize("line", OF_OTHERS)
def test_lines_about_other_things_say_nothing(line):
    assert statements_in([line]) == []


@pytest.mark.parametrize("line", IN_DOUBT)
def test_lines_that_are_not_understood_are_in_doubt(line):
    found = statements_in([line])
    assert [each.fs_hz for each in found] == [None]
    assert line[:40] in settle_rate(found, 5000).doubt


def test_a_value_below_its_key():
    assert [each.fs_hz for each in statements_in(["fs,patient", "250,6"])] == [250]
    assert [each.fs_hz for each in statements_in(["Name;Sampling rate;Date", "x;250;2024"])] == [250]


@pytest.mark.parametrize(
    "value", [250, 250.0, "250 Hz", b"250", np.array([250]), np.array([[250.0]]), [250] * 12, "0.25 kHz", "250,0"]
)
@pytest.mark.parametrize(
    "key", ["fs", "Fs", "sfreq", "sampling_rate", "SamplingFrequency", "sample_rate_hz", "Abtastrate"]
)
def test_keys_with_numbers_texts_and_arrays(key, value):
    assert [each.fs_hz for each in statements_of({key: value})] == [250]


def test_keys_of_periods_and_of_other_things():
    for key, value in (("dt", 0.004), ("sampling_interval_ms", 4), ("period_us", 4000), ("Ts", 0.004)):
        assert [each.fs_hz for each in statements_of({key: value})] == [250]
    assert statements_of({"age": 250, "patient": "250", "leads": ["I", "II"], "gain": 1000.0}) == []
    assert [each.fs_hz for each in statements_of({"fs": [250, 500]})] == [None]
    assert [each.fs_hz for each in statements_of({"fs": "unknown"})] == [None]


def test_two_statements_agree_or_stop():
    agreeing = settle_rate(statements_in(["fs: 250", "Sampling interval: 4 ms"]), 1500)
    assert (agreeing.fs_hz, agreeing.doubt) == (250, None)
    assert "fs: 250" in agreeing.notes[0].text
    torn = settle_rate(statements_in(["fs: 250", "Sampling interval: 2 ms"]), 1500)
    assert torn.fs_hz is None
    assert "250 Hz" in torn.doubt
    assert "500 Hz" in torn.doubt


def test_the_length_in_seconds():
    assert settle_rate(statements_in(["Duration: 10 s"]), 5000).fs_hz == 500
    assert settle_rate(statements_in(["Duration: 10 s"]), 4321).fs_hz is None
    assert "Duration" in settle_rate(statements_in(["Duration: 10 s"]), 4321).doubt
    assert settle_rate(statements_in(["Duration: 10 s", "fs: 250"]), 5000).doubt
    assert settle_rate(statements_in(["Duration: 86400 s", "fs: 250"]), 5000).fs_hz == 250  # an excerpt


def test_nothing_said_is_no_doubt():
    rate = settle_rate(statements_in(["Name: X", "12 leads"]), 5000)
    assert (rate.fs_hz, rate.doubt, rate.notes) == (None, None, ())
