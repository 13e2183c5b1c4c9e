"""Boosted trees that say of every interval whether it is an anomaly: how they learn, and how a study is asked of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cardiac.trees import Trees
from learning.trees import fit_trees


def learn_trees(features: Sequence[np.ndarray], targets: Sequence[np.ndarray], settings: Mapping[str, Any]) -> Trees:
    """One sum of trees. features : of each study, (n, n_features).  targets : bool (n,) each.  settings : of `fit_trees`."""
    truth = np.concatenate(targets)
    return fit_trees(np.concatenate(features), [(np.arange(len(truth)), truth)], [settings])
