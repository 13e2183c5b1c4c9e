"""The simulator against the accepted signs: what an infarction at a site does to that site's leads."""

import subprocess
import sys

import numpy as np
import pytest

from cardiac.leads import LEADS
from tasks.mi.labels import SITES
from tasks.mi.simulate import simulate_dataset, simulate_record

# Thygesen et al. 2018, table of ST elevation and the usual naming of sites; reciprocal leads where they are accepted.
SITE_LEADS = {
    "septal": ("V1", "V2"),
    "anterior": ("V3", "V4"),
    "lateral": ("I", "aVL", "V5", "V6"),
    "anterolateral": ("I", "aVL", "V3", "V4", "V5", "V6"),
    "anteroseptal": ("V1", "V2", "V3"),
    "inferior": ("II", "III", "aVF"),
}
RECIPROCAL = {"inferior": ("I", "aVL"), "lateral": ("III",), "anterolateral": ("III",)}


def change(seed: int, site: str) -> dict[str, np.ndarray]:
    """What the infarction adds in each lead at the beat's moments, mean over beats: Q (-28 ms), ST (+120 ms)."""
    sick, healthy = simulate_record(seed, site, noise=0), simulate_record(seed, None, noise=0)
    told = {}
    for name, offset in (("Q", -14), ("ST", 60)):
        levels = []
        for each in (sick, healthy):
            peaks = each.r_peaks[2:-2]
            baseline = each.record.signal[:, peaks - 40].mean(axis=1)
            levels.append(each.record.signal[:, peaks + offset].mean(axis=1) - baseline)
        told[name] = levels
    return told


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_signs_stand_in_the_leads_of_the_site(site, seed):
    sick_st = change(seed, site)["ST"][0]
    sick_q = change(seed, site)["Q"][0]
    for lead in SITE_LEADS[site]:
        place = LEADS.index(lead)
        assert sick_q[place] < 0.05, f"{lead}: the initial R is not lost"
        assert sick_st[place] > -0.05, f"{lead}: ST is depressed"
    facing = [LEADS.index(lead) for lead in SITE_LEADS[site]]
    others = [place for place in range(12) if place not in facing and LEADS[place] != "aVR"]
    assert sick_q[facing].mean() < sick_q[others].mean() - 0.1


@pytest.mark.parametrize("site", RECIPROCAL)
def test_reciprocal_leads_are_lower(site):
    """An acute infarction's ST segment against the mean of 20 healthy hearts."""
    facing = [LEADS.index(lead) for lead in SITE_LEADS[site]]
    behind = [LEADS.index(lead) for lead in RECIPROCAL[site]]
    st = np.mean([change(seed, site)["ST"][0] - change(seed, site)["ST"][1] for seed in range(20)], axis=0)
    assert st[facing].mean() > 0.03
    assert st[behind].mean() < 0.0


def test_r_peaks_are_where_the_truth_says():
    simulated = simulate_record(11, noise=0)
    lead = np.abs(simulated.record.signal[LEADS.index("V5")])
    for peak in simulated.r_peaks[1:-1]:
        near = lead[peak - 100 : peak + 100]
        assert abs(int(np.argmax(near)) - 100) <= 8  # 16 ms


def test_heart_rate_varies_within_what_hearts_do():
    for seed in range(20):
        rr_s = np.diff(simulate_record(seed).r_peaks) / 500
        assert 0.5 < rr_s.mean() < 1.3
        assert 0.002 < rr_s.std() < 0.15


def test_limb_leads_follow_from_two():
    """Einthoven and Goldberger, to the rounding of 1 µV."""
    first, second, third, avr, avl, avf = simulate_record(5, "lateral").record.signal[:6].astype(float)
    assert np.abs(third - (second - first)).max() < 0.002
    assert np.abs(avr + (first + second) / 2).max() < 0.002
    assert np.abs(avl - (first - third) / 2).max() < 0.002
    assert np.abs(avf - (second + third) / 2).max() < 0.002


def test_same_arguments_same_record_others_others():
    once, again = simulate_record(4, "septal"), simulate_record(4, "septal")
    assert once.record.signal.tobytes() == again.record.signal.tobytes()
    assert not np.array_equal(once.record.signal, simulate_record(5, "septal").record.signal)
    assert not np.array_equal(once.record.signal, simulate_record(4, "anterior").record.signal)


@pytest.mark.parametrize(("fs_hz", "duration_s"), [(100, 10), (1000, 4), (257, 30)])
def test_any_rate_and_length(fs_hz, duration_s):
    simulated = simulate_record(1, "inferior", fs_hz, duration_s)
    assert simulated.record.signal.shape == (12, round(fs_hz * duration_s))
    assert np.isfinite(simulated.record.signal).all()
    assert np.diff(simulated.r_peaks).min() > 0.4 * fs_hz


def test_data_set_is_half_healthy_and_even():
    dataset = simulate_dataset(48, seed=1)
    assert dataset.infarction.sum() == 24
    assert dataset.sites.sum(axis=0).tolist() == [4] * 6
    assert len(set(dataset.patients)) == 48


def test_public_data_is_what_its_command_makes(root):
    told = subprocess.run(
        [sys.executable, "public_data/make.py", "--check"], cwd=root, capture_output=True, text=True, check=False
    )
    assert (told.returncode, told.stderr) == (0, "")
    assert len(list((root / "public_data/test").glob("*.npy"))) == 28
