"""The door of the live signal, by the shipped bundle: chunks as files, a batch as one by one, no kind without a pulse."""

import json
import shutil

import numpy as np
import pytest

from bundles import TREES
from cardiac.errors import BundleError, ConfigError
from tasks.ppg.bundle import ARRAYS, CARD, SHIPPED, load_bundle
from tasks.ppg.dataset import RHYTHMS, find_data, read_segments
from tasks.ppg.filters import filter_segments
from tasks.ppg.segments import NO_NUMBERS, NO_PULSE, NOISE
from tasks.ppg.stream import LEADS, UNIT, load
from tests.tasks.ppg.made_up import every, pulses_at


@pytest.fixture(scope="module")
def reader():
    return load()


def noisy(times_s, seed=0, fs_hz=100.0, length_s=10.0):
    noise = 0.01 * np.random.default_rng(seed).standard_normal(round(fs_hz * length_s))
    return pulses_at(times_s, fs_hz, length_s) + noise


def test_what_a_caller_must_know(reader):
    assert (LEADS, UNIT, reader.window_s, reader.outputs) == (("PPG",), "a.u.", 10.0, RHYTHMS)


def test_chunks_give_what_the_whole_gives(reader):
    signal = noisy(every(0.8, 25), length_s=25)
    whole = filter_segments(signal[None], 100)
    own = reader.start(100)
    chunks = [own.process(each[None]) for each in np.split(signal, [1, 17, 500, 1_400])]
    filtered = np.concatenate(chunks, axis=1)
    assert np.array_equal(filtered, whole)
    assert reader.read([filtered[:, -1_000:]], 100) == reader.read([whole[:, 1_500:]], 100)


def test_a_batch_says_what_each_window_says_alone(reader):
    windows = [
        filter_segments(noisy(every(step), seed)[None], 100) for seed, step in enumerate(np.linspace(0.35, 1.2, 9))
    ]
    windows.insert(4, np.zeros((1, 1_000)))
    together = reader.read(windows, 100)
    assert together == [reader.read([each], 100)[0] for each in windows]
    assert json.loads(json.dumps(together)) == together
    for answer in (each for each in together if "label" in each):
        assert sum(answer["probabilities"].values()) == pytest.approx(1)
        assert answer["label"] == max(answer["probabilities"], key=answer["probabilities"].get)
    assert len({each.get("label") for each in together}) > 2  # it does not say one thing of everything
    assert reader.read([], 100) == []


def test_another_rate_gives_nearly_the_same(reader):
    for step in (0.4, 0.8):
        answers = [
            reader.read([filter_segments(pulses_at(every(step), hz)[None], hz)], hz)[0]["probabilities"]
            for hz in (100.0, 125.0, 250.0)
        ]
        for name in reader.outputs:
            assert answers[1][name] == pytest.approx(answers[0][name], abs=0.1)
            assert answers[2][name] == pytest.approx(answers[0][name], abs=0.1)


def test_no_kind_is_named_where_there_is_no_pulse(reader):
    live = filter_segments(noisy(every(0.8))[None], 100)
    holed = live.copy()
    holed[0, 500] = np.nan
    short = live[:, :700]
    windows = [live, np.zeros((1, 1_000)), holed, short, np.full((1, 1_000), np.nan)]
    answers = reader.read(windows, 100)
    assert "label" in answers[0]
    assert [each.get("refused") for each in answers[1:]] == [
        NO_PULSE,
        NO_NUMBERS,
        "the window is 7 s long: give 10 s",
        NO_NUMBERS,
    ]
    assert not any("label" in each or "probabilities" in each for each in answers[1:])
    assert reader.refuse(live, 100) is None
    assert reader.refuse(windows[1], 100) == NO_PULSE
    with pytest.raises(ConfigError, match="give more than 16 Hz"):
        reader.start(10)


def test_noise_is_refused(reader):
    noise = filter_segments(np.random.default_rng(0).standard_normal((20, 1_000)), 100)
    assert [each.get("refused") for each in reader.read([each[None] for each in noise], 100)] == [NOISE] * 20
    assert reader.refuse(noise[0], 100) == NOISE


def test_real_segments_are_told_apart_and_none_is_refused(reader, real_data):
    """Of those that taught it, so no figure: that files and shipped arrays fit together."""
    segments = read_segments(find_data(real_data / "ppg"))
    rows = np.arange(0, len(segments), 30)
    answers = reader.read([each[None] for each in filter_segments(segments.values[rows], 100)], 100)
    right = [each.get("label") == RHYTHMS[kind] for each, kind in zip(answers, segments.targets[rows], strict=True)]
    assert np.mean(right) > 0.85
    assert not any("refused" in each for each in answers)


def copied(tmp_path):
    return shutil.copytree(SHIPPED, tmp_path / "bundle")


@pytest.mark.parametrize("name", [ARRAYS, TREES])
def test_a_damaged_bundle_is_refused(name, tmp_path):
    folder = copied(tmp_path)
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(BundleError, match=f"{name} does not match the checksum"):
        load_bundle(folder)
    (folder / name).unlink()
    with pytest.raises(BundleError, match=f"{name} is missing"):
        load_bundle(folder)


def test_a_changed_card_is_refused(tmp_path):
    folder = copied(tmp_path)
    card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    card["kinds"] = card["kinds"][::-1]
    (folder / CARD).write_text(json.dumps(card), encoding="utf-8")
    with pytest.raises(BundleError, match="was changed"):
        load_bundle(folder)
    with pytest.raises(BundleError, match="missing or unreadable"):
        load_bundle(tmp_path)
