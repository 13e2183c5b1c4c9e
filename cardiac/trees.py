"""Boosted trees as plain arrays: what they say of a record, and what every feature adds to it. Knows no label, needs no library.

A tree of up to 16 leaves is read without walking through it, as QuickScorer does (Lucchese et al. 2015, SIGIR: 73): every
split that sends the record right takes the leaves on its left away, and the first leaf that is left over is the one.
"""

import io
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cache, cached_property
from typing import Any

import numpy as np

MOST_LEAVES = 16
_NUMBERS = np.arange(1 << MOST_LEAVES)
FIRST_BIT = (np.frexp((_NUMBERS & -_NUMBERS).astype(float))[1] - 1).astype(np.int8)  # of every number; -1 of 0


@dataclass(frozen=True)
class Trees:
    """Several sums of trees over the same features, one for each output; splits of a tree stand before those under them.

    output : int (n_trees,), which sum a tree belongs to, in order.  feature : int (n_trees, n_splits), -1 in place of a
    split that a tree does not have.  threshold : float, same shape; a record goes left where its feature is at most this.
    left, right : uint16, same shape, the leaves on either side as bits, leftmost first.  value : float (n_trees, n_leaves),
    what each leaf adds.  count : int, same shape, the training records in it.  base : float (n_outputs,), of each sum.
    """

    output: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    value: np.ndarray
    count: np.ndarray
    base: np.ndarray

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """The sums. (n, n_features), all finite -> (n, n_outputs)."""
        return np.array([self._sums(row) for row in np.atleast_2d(features)]).reshape(-1, len(self.base))

    def _sums(self, row: np.ndarray) -> np.ndarray:
        feature, threshold, left = self._by_split
        goes_right = row.take(feature) > threshold  # an absent split's threshold is infinite
        left_over = ~np.bitwise_or.reduce(
            goes_right * left, axis=0
        )  # what lies left of a split that sends it right is out
        values = self.value.take(FIRST_BIT.take(left_over) + self._first_leaves)
        return self.base + np.add.reduceat(np.append(values, 0.0), self._firsts) * self._has_trees

    @cached_property
    def _by_split(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Feature, threshold and left with trees side by side, (n_splits, n_trees): so they are read in the fewest steps."""
        feature, threshold, left = (np.ascontiguousarray(each.T) for each in (self.feature, self.threshold, self.left))
        return feature.astype(np.intp), threshold, left

    @cached_property
    def _first_leaves(self) -> np.ndarray:
        """Of each tree, where its leaves begin in the flat values."""
        return np.arange(len(self.output)) * self.value.shape[1]

    @cached_property
    def _firsts(self) -> np.ndarray:
        """Of each output, its first tree."""
        return np.searchsorted(self.output, np.arange(len(self.base)))

    @cached_property
    def _has_trees(self) -> np.ndarray:
        return np.bincount(self.output, minlength=len(self.base)) > 0

    def contributions(self, row: np.ndarray, output: int) -> tuple[np.ndarray, float]:
        """Shapley values of the features for one output, (n_features,), and its mean over the training records.

        Exact for the trees, with the training records' shares standing for an unknown feature (Lundberg et al. 2020, Nat.
        Mach. Intell. 2:56, path-dependent): the values and the mean add up to what `__call__` gives. row : (n_features,).
        """
        if output not in self._paths:
            self._paths[output] = _paths_of(self, output)
        paths = self._paths[output]
        sums = np.zeros(len(row))
        for of_depth in paths.by_depth:
            sums += of_depth.shapley(row)
        return sums, paths.mean

    @cached_property
    def _paths(self) -> "dict[int, _Paths]":
        """By output, once it was asked for: what is the same for all records."""
        return {}

    def to_bytes(self) -> bytes:
        """The arrays as an .npz file."""
        content = io.BytesIO()
        np.savez_compressed(content, **{each.name: getattr(self, each.name) for each in fields(self)})
        return content.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> "Trees":
        """The trees that `to_bytes` wrote. Raises ValueError or KeyError for another file."""
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            trees = cls(**{each.name: file[each.name] for each in fields(cls)})
        trees.check()
        return trees

    def check(self) -> None:
        """Raise ValueError where the arrays do not fit each other, so that no sum could be trusted."""
        shape, n_trees = self.feature.shape, len(self.output)
        splits_fit = (
            all(each.shape == shape for each in (self.threshold, self.left, self.right)) and shape[0] == n_trees
        )
        leaves_fit = self.value.shape == self.count.shape == (n_trees, self.value.shape[1])
        if not (splits_fit and leaves_fit and self.value.shape[1] <= MOST_LEAVES and shape[1] < MOST_LEAVES):
            raise ValueError("the arrays of the trees do not fit each other")
        in_order = np.all(np.diff(self.output) >= 0) and (
            n_trees == 0 or 0 <= self.output[0] <= self.output[-1] < len(self.base)
        )
        if not (in_order and np.isfinite(self.value).all() and np.isfinite(self.base).all()):
            raise ValueError("the outputs of the trees are not in order, or a leaf is no number")


@dataclass(frozen=True)
class _Paths:
    """How the leaves of one output's trees are reached, and the mean of their sum over the training records."""

    by_depth: "tuple[_PathsOfDepth, ...]"
    mean: float


@dataclass(frozen=True)
class _PathsOfDepth:
    """Leaves whose way asks for the same number of features; all (depth, n_leaves), but value and points.

    A record agrees with a way at a feature that is over `low` and at most `high`.  share : of the training records at the
    splits those that go towards the leaf.  value : (n_leaves,).  points, weights : (n_points,), just enough to be exact.
    """

    feature: np.ndarray
    low: np.ndarray
    high: np.ndarray
    share: np.ndarray
    value: np.ndarray
    points: np.ndarray
    weights: np.ndarray

    def shapley(self, row: np.ndarray) -> np.ndarray:
        """What these leaves give to every feature, (n_features,)."""
        asked = row.take(self.feature)
        known = ((asked > self.low) & (asked <= self.high)).astype(float)
        differs = known - self.share
        mean = np.zeros(known.shape)
        for point, weight in zip(self.points, self.weights, strict=True):
            mixed = self.share + point * differs
            mean += weight * mixed.prod(axis=0) / mixed  # of the other features
        return np.bincount(self.feature.ravel(), (self.value * differs * mean).ravel(), minlength=len(row))


def _paths_of(trees: Trees, output: int) -> _Paths:
    """The ways to the leaves of an output's trees. A feature that is asked for several times on a way stands there once."""
    own = trees.output == output
    feature, count, value = trees.feature[own], trees.count[own].astype(float), trees.value[own]
    n_trees, n_splits = feature.shape
    weights = count / count.sum(axis=1, keepdims=True)
    mean = float(trees.base[output] + (value * weights).sum())
    if n_trees == 0:
        return _Paths((), mean)
    bits = np.left_shift(np.uint16(1), np.arange(count.shape[1], dtype=np.uint16))
    in_left, in_right = ((side[own][:, None, :] & bits[:, None]) > 0 for side in (trees.left, trees.right))
    to_left, to_right = (np.einsum("tls,tl->ts", side, count)[:, None, :] for side in (in_left, in_right))
    both = np.maximum(to_left + to_right, 1.0)
    shares = np.where(in_left, to_left / both, np.where(in_right, to_right / both, 1.0))
    same = (feature[:, :, None] == feature[:, None, :]) & (feature[:, :, None] >= 0)  # (t, split, other)
    first = np.where(
        same.any(axis=2), same.argmax(axis=2), np.arange(n_splits)
    )  # split that asks for the feature first
    shape = (n_trees, count.shape[1], n_splits)
    low, high, share, asked = np.full(shape, -np.inf), np.full(shape, np.inf), np.ones(shape), np.zeros(shape, bool)
    every = np.arange(n_trees)
    for split in range(n_splits):
        at, threshold = first[:, split], trees.threshold[own][:, split, None]
        left, right = in_left[:, :, split], in_right[:, :, split]
        low[every, :, at] = np.maximum(low[every, :, at], np.where(right, threshold, -np.inf))
        high[every, :, at] = np.minimum(high[every, :, at], np.where(left, threshold, np.inf))
        share[every, :, at] *= shares[:, :, split]
        asked[every, :, at] |= left | right
    of_ways = np.broadcast_to(feature[:, None].astype(np.intp), shape), low, high, share
    return _Paths(_by_depth(of_ways, asked & (count > 0)[:, :, None], value), mean)


def _by_depth(of_ways: Iterable[np.ndarray], asked: np.ndarray, value: np.ndarray) -> tuple[_PathsOfDepth, ...]:
    """The leaves by how many features their ways ask for.

    of_ways : feature, low, high and share, (n_trees, n_leaves, n_splits).  asked : same shape, where they count.
    value : (n_trees, n_leaves).
    """
    depth = asked.sum(axis=2)
    groups = []
    for n_asked in range(1, depth.max() + 1):
        leaves = depth == n_asked
        own = (np.ascontiguousarray(each[leaves][asked[leaves]].reshape(-1, n_asked).T) for each in of_ways)
        groups.append(_PathsOfDepth(*own, value[leaves], *unit_quadrature((n_asked + 1) // 2)))
    return tuple(groups)


@cache
def unit_quadrature(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss and Legendre's n points from 0 to 1 and their weights, (n,) each: exact for polynomials of degree 2 n - 1."""
    points, weights = np.polynomial.legendre.leggauss(n)
    return 0.5 + points / 2, weights / 2


def trees_of(boosters: list[tuple[int, Any]], base: np.ndarray) -> Trees:
    """Trees from LightGBM's own account of them, `Booster.dump_model()`, each with the output that its sum belongs to.

    base : (n_outputs,), what each sum starts from. Raises ValueError for a tree of more than MOST_LEAVES leaves, or of
    splits by anything but a number being at most another.
    """
    rows = [
        (output, _splits(tree["tree_structure"]))
        for output, dump in sorted(boosters, key=lambda each: each[0])
        for tree in dump["tree_info"]
    ]
    n_splits = max((len(splits) for _, (splits, _) in rows), default=1) or 1
    n, shape = len(rows), (len(rows), n_splits)
    trees = Trees(
        output=np.array([output for output, _ in rows], dtype=np.int16),
        feature=np.full(shape, -1, dtype=np.int16),
        threshold=np.full(shape, np.inf),
        left=np.zeros(shape, dtype=np.uint16),
        right=np.zeros(shape, dtype=np.uint16),
        value=np.zeros((n, n_splits + 1)),
        count=np.zeros((n, n_splits + 1), dtype=np.int32),
        base=np.asarray(base, dtype=float),
    )
    for index, (_, (splits, leaves)) in enumerate(rows):
        for column, (feature, threshold, left, right) in enumerate(splits):
            trees.feature[index, column], trees.threshold[index, column] = feature, threshold
            trees.left[index, column], trees.right[index, column] = left, right
        for column, (value, count) in enumerate(leaves):
            trees.value[index, column], trees.count[index, column] = value, count
    trees.check()
    return trees


def _splits(node: dict[str, Any]) -> tuple[list[tuple[int, float, int, int]], list[tuple[float, int]]]:
    """The splits of a tree, each before those under it, with its leaves as bits; and the leaves from left to right."""
    splits: list[tuple[int, float, int, int]] = []
    leaves: list[tuple[float, int]] = []

    def walk(node: dict[str, Any]) -> int:
        if "split_feature" not in node:
            if len(leaves) == MOST_LEAVES:
                raise ValueError(f"a tree has more than {MOST_LEAVES} leaves")
            leaves.append((float(node["leaf_value"]), int(node.get("leaf_count", 1))))
            return 1 << (len(leaves) - 1)
        if node["decision_type"] != "<=":
            raise ValueError(f"a split by {node['decision_type']!r} is not known")
        at = len(splits)
        splits.append((0, 0.0, 0, 0))
        left = walk(node["left_child"])
        right = walk(node["right_child"])
        splits[at] = (int(node["split_feature"]), float(node["threshold"]), left, right)
        return left | right

    walk(node)
    return splits, leaves
