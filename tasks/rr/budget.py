"""How many intervals of one study can be anomalies: experts marked at most five places in a study, however long it was."""

import numpy as np
from scipy.special import expit, logit

STEPS = 60  # halvings, after which a shift is exact


def within_budget(probabilities: np.ndarray, most: float) -> np.ndarray:
    """The probabilities of one study's intervals, (n,), all lowered alike in their logits until they sum to at most `most`.

    What the sum is over `most` by is not where the anomalies are: which are the likeliest stays as it is.
    """
    if probabilities.sum() <= most:
        return probabilities
    logits = logit(np.clip(probabilities, 1e-9, 1 - 1e-9))
    lowest, highest = 0.0, 40.0
    for _ in range(STEPS):
        middle = (lowest + highest) / 2
        lowest, highest = (middle, highest) if expit(logits - middle).sum() > most else (lowest, middle)
    return expit(logits - highest)
