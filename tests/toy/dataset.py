"""Beats of lead II of simulated hearts, every second of which has a tall T wave."""

import numpy as np

from cardiac.signals import SignalSpec, prepare_signal
from cardiac.simulate import gaussians, simulate_record
from cardiac.windows import cut_windows

SPEC = SignalSpec(100.0, (0.5, 40.0), leads=("II",))
BEFORE, WIDTH = 30, 80  # samples of a beat before its R peak, and in all


def add_tall_t(rng, beats_s, rr_s, n_samples, fs_hz):
    return np.tile(gaussians(beats_s + 0.25, np.full(len(beats_s), 0.05), n_samples, fs_hz), (8, 1))


def simulate_beats(n_patients, seed):
    """Beats (n, 1, WIDTH), mV; whether each T is tall (n, 1); whose it is (n,)."""
    beats, patients = [], []
    for patient in range(n_patients):
        made = simulate_record(1000 * seed + patient, add=add_tall_t if patient % 2 else None)
        signal = prepare_signal(made.record.signal[1:2], made.record.fs_hz, SPEC)
        peaks = np.round(made.r_peaks[1:-1] * SPEC.fs_hz / made.record.fs_hz).astype(int)
        beats.append(cut_windows(signal, peaks - BEFORE, WIDTH))
        patients += [patient] * len(peaks)
    return np.concatenate(beats), np.array(patients)[:, None] % 2 == 1, np.array(patients)
