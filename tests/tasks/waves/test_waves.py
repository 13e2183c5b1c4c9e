from dataclasses import replace

import numpy as np
import pytest
import torch

from bundles import ROOT
from cardiac.measurements.median_beat import BEFORE, GRID_HZ, group_beats
from cardiac.measurements.wave_network import FIDUCIALS, N_TIMES, TIMES_S, channels, load_network, measured_by
from cardiac.quality.assess import assess_quality
from tasks.waves.examples import WIDTH, build_examples, change_beats
from tasks.waves.ludb import join_waves, make_waves
from tasks.waves.network import TrainedWaveNetwork, plain_network
from tasks.waves.train import _targets, read_fold_networks
from tests.cardiac.measurements.made import Truth, make_record


@pytest.mark.parametrize("n_leads", [1, 3, 12])
def test_numpy_gives_what_torch_gives(n_leads):
    torch.manual_seed(0)
    network = TrainedWaveNetwork(16, 5).eval()
    beat = np.random.default_rng(n_leads).normal(size=(n_leads, WIDTH)).astype(np.float32)
    with torch.inference_mode():
        probabilities = network(torch.from_numpy(channels(beat, (0.8, 0.9)))[None])[0].softmax(dim=-1).numpy()
    places, absent = plain_network(network)(beat, (0.8, 0.9))
    assert absent == pytest.approx(probabilities[..., -1], abs=1e-5)
    likeliest = probabilities[..., :-1].argmax(axis=-1)
    near = np.abs(np.arange(N_TIMES) - likeliest[..., None]) <= 4
    weights = np.where(near, probabilities[..., :-1], 0)
    means = (weights * TIMES_S).sum(axis=-1) / weights.sum(axis=-1)
    inside = (likeliest >= 4) & (likeliest < N_TIMES - 4)
    assert inside.any()
    assert places[inside] == pytest.approx(means[inside], abs=1e-4)


def test_the_order_of_the_leads_is_nothing_to_it():
    record = make_record()
    beat = group_beats(record.signal, 500.0, assess_quality(record).beats)[0].beat
    order = np.random.default_rng(0).permutation(12)
    places, absent = load_network()(beat, (1.0, 1.0))
    turned, turned_absent = load_network()(beat[order], (1.0, 1.0))
    assert turned == pytest.approx(places[order], abs=1e-5)
    assert turned_absent == pytest.approx(absent[order], abs=1e-5)


def drawn(truth: Truth, n_beats: int = 10, fs_hz: float = 500.0):
    """What a careful reader draws into `make_record(truth, jitter_s=0)`, in every lead; nothing into the first beat."""
    onsets = (0.35 + np.arange(1, n_beats) * 60 / truth.rate_bpm) * fs_hz
    ms = fs_hz / 1000
    p = [
        onsets - truth.pr_ms * ms,
        onsets - (truth.pr_ms - truth.p_ms / 2) * ms,
        onsets - (truth.pr_ms - truth.p_ms) * ms,
    ]
    qrs = [onsets, onsets + (truth.q_ms + truth.r_ms / 2) * ms, onsets + truth.qrs_ms * ms]
    t = [
        onsets + (truth.qt_ms - truth.t_ms) * ms,
        onsets + (truth.qt_ms - truth.t_ms / 2) * ms,
        onsets + truth.qt_ms * ms,
    ]
    leads = np.repeat(np.arange(12), len(onsets))
    parts = [
        make_waves(leads, np.full(len(leads), kind), np.tile(np.stack(each, axis=1), (12, 1)))
        for kind, each in enumerate((p, qrs, t))
    ]
    return join_waves(parts)


def test_examples_have_the_waves_where_they_were_drawn():
    truth = Truth()
    examples = build_examples([make_record(truth, jitter_s=0.0)], [drawn(truth)])
    assert examples.beats.shape[1:] == (12, WIDTH)
    assert examples.known.all()
    places = dict(
        zip(FIDUCIALS, 1000 * (examples.places[0] - examples.places[0, :, 3:4]).T, strict=True)
    )  # from the QRS' onset
    assert places["p_onset"] == pytest.approx(-truth.pr_ms, abs=1)
    assert places["qrs_end"] == pytest.approx(truth.qrs_ms, abs=1)
    assert places["t_end"] == pytest.approx(truth.qt_ms, abs=1)
    height = np.abs(examples.beats[0][1])
    assert height.argmax() == pytest.approx(
        BEFORE + GRID_HZ * (examples.places[0, 1, 3] + 0.042), abs=3
    )  # R of lead II


def test_a_lead_without_a_drawn_p_is_known_to_have_none():
    truth = Truth()
    waves = drawn(truth)
    kept = (waves.kinds != 0) | (waves.leads != 4)
    names = ("leads", "kinds", "samples", "known")
    without = replace(waves, **{name: getattr(waves, name)[kept] for name in names})
    examples = build_examples([make_record(truth, jitter_s=0.0)], [without])
    assert examples.known[0, 4, 0]
    assert np.isnan(examples.places[0, 4, :3]).all()
    assert np.isfinite(examples.places[0, 3]).all()


def test_changed_beats_take_their_places_along():
    """The steepest point of a lead moves with what was drawn there."""
    truth = Truth()
    examples = build_examples([make_record(truth, jitter_s=0.0, noise_mv=0.0)], [drawn(truth)])
    rng = np.random.default_rng(0)
    for _ in range(20):
        beats, rr_s, places = change_beats(examples.beats, examples.rr_s, examples.places, rng)
        stretch = rr_s[0, 0] / examples.rr_s[0, 0]
        moved = places[0] - examples.places[0] * stretch
        assert np.ptp(moved) == pytest.approx(0, abs=1e-9)
        lead = beats[0, 1] - np.median(beats[0, 1])
        at_r_s = (np.abs(lead).argmax() - BEFORE) / GRID_HZ
        assert at_r_s == pytest.approx(places[0, 1, 3] + 0.042 * stretch, abs=0.02)


def test_targets_are_a_chance_each():
    places = np.array([[0.0, np.nan, 5.0]])
    targets = _targets(places, 6.0)
    assert targets.sum(axis=-1) == pytest.approx(1)
    assert targets[0, 1:, -1].tolist() == [1.0, 1.0]  # absent, and outside the beat
    assert TIMES_S[targets[0, 0].argmax()] == pytest.approx(0, abs=0.005)


def test_every_record_of_ludb_has_a_network_that_it_did_not_teach():
    by_record = read_fold_networks(ROOT / "checkpoints/waves/folds.npz")
    assert len(by_record) == 159
    assert len({id(network) for network in by_record.values()}) == 5
    assert len(measured_by()) == 64
