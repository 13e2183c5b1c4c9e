"""The simulator against the accepted signs: what an infarction at a site does to that site's leads."""

import subprocess
import sys

import numpy as np
import pytest

from cardiac.beats import find_beats
from cardiac.leads import LEADS
from cardiac.quality.assess import assess_quality
from cardiac.simulate import simulate_record as healthy_record
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


def test_same_arguments_same_record_others_others():
    once, again = simulate_record(4, "septal"), simulate_record(4, "septal")
    assert once.record.signal.tobytes() == again.record.signal.tobytes()
    assert not np.array_equal(once.record.signal, simulate_record(5, "septal").record.signal)
    assert not np.array_equal(once.record.signal, simulate_record(4, "anterior").record.signal)


def test_a_healthy_heart_is_the_cores():
    assert np.array_equal(simulate_record(4).record.signal, healthy_record(4).record.signal)


def test_leads_hang_together_and_beats_stand_where_the_truth_says():
    for seed, site in enumerate(SITES):
        simulated = simulate_record(seed, site, 257.0, 12.0, noise=0.3)
        first, second, third = simulated.record.signal[:3].astype(float)
        assert np.abs(third - (second - first)).max() < 0.002
        found = find_beats(simulated.record.signal, 257.0)
        assert np.abs(found[:, None] - simulated.r_peaks).min(axis=1).max() <= 0.05 * 257
        assert np.abs(found[:, None] - simulated.r_peaks).min(axis=0).max() <= 0.05 * 257


@pytest.mark.parametrize("fs_hz", [100.0, 257.0, 500.0, 2000.0])
@pytest.mark.parametrize("site", SITES)
def test_infarctions_alone_give_no_warning(site, fs_hz):
    record = simulate_record(SITES.index(site), site, fs_hz, noise=0.3).record
    assert assess_quality(record).status == "ok"


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
