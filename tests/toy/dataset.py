"""Beats of lead II of simulated hearts, every second of which has a tall T wave."""

import numpy as np

from cardiac.simulate import gaussians, simulate_record

FS_HZ, BEFORE, WIDTH = 100.0, 30, 80  # samples of a beat before its R peak, and in all


def add_tall_t(rng, beats_s, rr_s, n_samples, fs_hz):
    return np.tile(gaussians(beats_s + 0.25, np.full(len(beats_s), 0.05), n_samples, fs_hz), (8, 1))


def simulate_beats(n_patients, seed):
    """Beats (n, 1, WIDTH), mV; whether each T is tall (n, 1); whose it is (n,)."""
    beats, patients = [], []
    for patient in range(n_patients):
        made = simulate_record(1000 * seed + patient, FS_HZ, add=add_tall_t if patient % 2 else None)
        beats += [made.record.signal[1:2, peak - BEFORE :][:, :WIDTH] for peak in made.r_peaks[1:-1]]
        patients += [patient] * (len(made.r_peaks) - 2)
    return np.stack(beats), np.array(patients)[:, None] % 2 == 1, np.array(patients)
