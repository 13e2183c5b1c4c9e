"""Whether each beat's T wave is tall, by a bundle: (n, 1, WIDTH) -> bool (n,)."""

from bundles import run_sections
from cardiac.windows import WindowPlan, pool_windows


def predict_beats(bundle, beats):
    plan = WindowPlan.of(bundle.card["stages"]["beat"])
    logits = run_sections(bundle.run, beats, [plan], bundle.card["signal"]["section"])
    return pool_windows(logits[0], plan)[:, 0] >= bundle.card["decisions"]["threshold"]
