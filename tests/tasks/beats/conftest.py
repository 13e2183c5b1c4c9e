"""Recordings of one lead or two with known beats, and a classifier by two rules: early is S, wide is V."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from cardiac.records import record_from_array
from cardiac.simulate import gaussians

N, S, V, F, Q = range(5)
WIDTH_S = {"N": 0.012, "S": 0.012, "V": 0.03}
WIDE_RATIO, EARLY_SHARE = 1.8, 0.8


class Rules:
    """Early beats are S, wide ones V; sure of itself. Nothing is learnt."""

    prefer = "f1"
    sha256 = "0" * 64

    def __call__(self, record, positions):
        reach = round(0.08 * record.fs_hz)
        widths = []
        for place in positions:
            part = np.asarray(record.signal[0:1, max(place - reach, 0) : place + reach])[0]
            part = np.abs(part - np.median(part))
            widths.append((part > 0.5 * part.max()).mean())
        intervals = (
            np.diff(positions, prepend=positions[0] - np.median(np.diff(positions))) if len(positions) > 1 else [1]
        )
        classes = np.where(intervals < EARLY_SHARE * np.median(intervals), S, N)
        classes[np.array(widths) > WIDE_RATIO * np.median(widths)] = V
        return np.eye(5)[classes] * 0.9 + 0.02

    def decide(self, probabilities):
        return probabilities.argmax(axis=1)


@pytest.fixture
def rules():
    return Rules()


def draw_beats(at_s, letters, duration_s, fs_hz=360.0, n_leads=2, seed=0, p_wave=True):
    """Leads of beats at these seconds: a P wave, a QRS that is wide for V, a T wave; with noise. float32 (n_leads, n), mV."""
    rng = np.random.default_rng(seed)
    n, at_s, letters = round(duration_s * fs_hz), np.asarray(at_s, float), list(letters)
    whole = np.zeros(n)
    for beat, width in WIDTH_S.items():
        own = at_s[[letter == beat for letter in letters]]
        whole += (1.6 if beat == "V" else 1.0) * gaussians(own, np.full(len(own), width), n, fs_hz)
        whole += (-0.4 if beat == "V" else 0.25) * gaussians(own + 0.28, np.full(len(own), 0.05), n, fs_hz)
        if beat != "V" and p_wave:
            whole += 0.12 * gaussians(own - 0.16, np.full(len(own), 0.025), n, fs_hz)
    leads = np.array([1.0, -0.7, 0.5, 0.9, 0.8, 0.6, 0.7, 0.4, 0.3, 0.75, 0.65, 0.55])[:n_leads, None] * whole
    return (leads + 0.01 * rng.standard_normal((n_leads, n))).astype(np.float32)


@pytest.fixture
def draw():
    return draw_beats


@pytest.fixture
def make():
    """A record and its beats from a rhythm in letters: each beat 0.8 s after the last, S and V early, "-" a beat left out."""

    def make(rhythm, fs_hz=360.0, n_leads=2, record_id="made", begin_s=0.5, end_s=0.6, seed=0):
        at_s, letters, now = [], [], begin_s
        for index, letter in enumerate(rhythm):
            if index:
                now += 0.5 if letter in "SV" else 0.8
            if letter != "-":
                at_s.append(now)
                letters.append(letter)
        signal = draw_beats(at_s, letters, now + end_s, fs_hz, n_leads, seed)
        names = ["II", "V1", *(f"X{number}" for number in range(n_leads))][:n_leads]
        record = record_from_array(signal, fs_hz, names, record_id, wanted=None)
        return SimpleNamespace(record=record, at_s=np.array(at_s), letters=letters, signal=signal)

    return make


@pytest.fixture
def tracked(monkeypatch):
    """What a stand-in of MLflow was told."""
    told = SimpleNamespace(params={}, metrics=[], pictures=[], status=[], tags={})

    class Client:
        def __init__(self, tracking_uri):
            told.uri = tracking_uri

        def get_experiment_by_name(self, name):
            return SimpleNamespace(experiment_id=name)

        def create_run(self, experiment_id, tags):
            told.name = experiment_id
            told.tags |= tags
            return SimpleNamespace(info=SimpleNamespace(run_id="r"))

        def log_batch(self, run_id, metrics=(), params=()):
            told.params |= dict(params)
            told.metrics += [(key, step) for key, _, _, step in metrics]

        def log_artifact(self, run_id, path, folder):
            told.pictures.append(path.rsplit("/", 1)[-1])

        def set_terminated(self, run_id, status):
            told.status.append(status)

    entities = SimpleNamespace(Param=lambda key, value: (key, value), Metric=lambda *parts: parts)
    monkeypatch.setitem(sys.modules, "mlflow", SimpleNamespace(MlflowClient=Client, entities=entities))
    monkeypatch.setitem(sys.modules, "mlflow.entities", entities)
    return told
