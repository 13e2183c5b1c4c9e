"""Sums of trees put together: those of a bundle, and further ones for some of its outputs."""

from dataclasses import replace

import numpy as np

from cardiac.trees import Trees
from tasks.mi.labels import OUTPUTS


def scaled(trees: Trees, factor: float) -> Trees:
    """The trees with every sum times a factor."""
    return replace(trees, value=trees.value * factor, base=trees.base * factor)


def without_output(trees: Trees | None, output: int) -> Trees | None:
    """The trees with none for this output, whose sum is then 0."""
    if trees is None:
        return None
    kept, base = trees.output != output, trees.base.copy()
    base[output] = 0.0
    by_tree = {name: getattr(trees, name)[kept] for name in BY_TREE}
    return Trees(**by_tree, base=base)


def together(trees: Trees | None, more: Trees) -> Trees:
    """Sums of both. more : of the first outputs, one or several; None stands for trees that say 0 of all of OUTPUTS."""
    base = np.zeros(len(OUTPUTS)) if trees is None else trees.base.copy()
    base[: len(more.base)] += more.base
    parts = [more] if trees is None else [trees, more]
    n_splits = max(each.feature.shape[1] for each in parts)
    columns = {name: np.concatenate([_padded(each, name, n_splits) for each in parts]) for name in BY_TREE}
    order = np.argsort(columns["output"], kind="stable")
    joined = Trees(**{name: each[order] for name, each in columns.items()}, base=base)
    joined.check()
    return joined


# The arrays that have a row for each tree, and what stands where a tree has fewer splits or leaves than another.
BY_TREE = {"output": None, "feature": -1, "threshold": np.inf, "left": 0, "right": 0, "value": 0.0, "count": 0}


def _padded(trees: Trees, name: str, n_splits: int) -> np.ndarray:
    array, missing = getattr(trees, name), n_splits - trees.feature.shape[1]
    if array.ndim == 1 or missing == 0:
        return array
    return np.pad(array, ((0, 0), (0, missing)), constant_values=BY_TREE[name])
