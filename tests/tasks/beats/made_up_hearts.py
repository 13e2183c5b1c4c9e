"""Recordings of a made-up heart whose beats are known, as a Record and as a small MIT-BIH database."""

from pathlib import Path

import numpy as np
import wfdb

from cardiac.records import Record


def made_up(times_s, wide=(), premature=(), n_leads=2, fs_hz=250.0, seed=0):
    """A Record with a P wave and a narrow QRS at each time; without P where premature, wide and turned over where wide.

    Returns it and the samples of its beats, (n,).
    """
    n = round((max(times_s, default=0) + 2) * fs_hz)
    t = np.arange(n) / fs_hz
    signal = np.random.default_rng(seed).normal(0, 0.01, (n_leads, n))
    for index, time in enumerate(times_s):
        sign, width = (-1.4, 0.045) if index in wide else (1.0, 0.015)
        wave = sign * np.exp(-0.5 * ((t - time) / width) ** 2) + 0.2 * np.exp(-0.5 * ((t - time - 0.3) / 0.05) ** 2)
        if index not in wide and index not in premature:
            wave += 0.15 * np.exp(-0.5 * ((t - time + 0.16) / 0.02) ** 2)
        signal += wave * np.linspace(1, 0.6, n_leads)[:, None]
    record = Record("made-up", signal.astype(np.float32), fs_hz, leads=("MLII", "V1", "V5")[:n_leads])
    return record, np.round(np.array(times_s) * fs_hz).astype(int)


def irregular_heart(seed, n_beats=150, share=0.1):
    """Times of beats, s, and their symbols: N, and early ones without P (A) or wide (V), each followed by a pause."""
    rng = np.random.default_rng(seed)
    symbols = ["N" if each > share else "AV"[int(each > share / 2)] for each in rng.random(n_beats)]
    symbols[:4] = "NNNN"
    times, time = [], 1.0
    for before, symbol in zip(["N", *symbols], symbols, strict=False):
        time += 0.5 if symbol != "N" else 0.8 + 0.25 * (before != "N") + rng.normal(0, 0.01)
        times.append(time)
    return times, symbols


def write_database(folder: Path, record_ids):
    """Records of irregular hearts with their annotations, as the MIT-BIH database has them."""
    folder.mkdir(exist_ok=True)
    for seed, record_id in enumerate(record_ids):
        times, symbols = irregular_heart(seed)
        wide = [index for index, symbol in enumerate(symbols) if symbol == "V"]
        premature = [index for index, symbol in enumerate(symbols) if symbol == "A"]
        record, positions = made_up(times, wide, premature, seed=seed)
        signal = record.signal.T.astype(float)
        wfdb.wrsamp(record_id, record.fs_hz, ["mV"] * 2, [*record.leads], signal, fmt=["16"] * 2, write_dir=str(folder))
        wfdb.wrann(record_id, "atr", positions, symbols, fs=record.fs_hz, write_dir=str(folder))
    return folder
