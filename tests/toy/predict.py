"""Whether each beat's T wave is tall, by a bundle: (n, 1, WIDTH) -> bool (n,)."""

from cardiac.windows import pool_windows
from runtimes import run_sections


def predict_beats(bundle, beats):
    card = bundle.card
    logits = run_sections(bundle.forward, beats, card.plans, card.section)
    return pool_windows(logits[0], card.plans[0])[:, 0] >= card.decisions["threshold"]
