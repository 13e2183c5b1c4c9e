"""Out-of-fold probabilities: what the networks that did not see a patient say, in memory and in out_of_fold.csv."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cardiac.errors import DatasetError
from cardiac.files import read_table, write_table
from cardiac.metrics import roc_auc
from tasks.mi.datasets import Dataset
from tasks.mi.labels import OUTPUTS, SITES

TREES = tuple(f"trees_{output}" for output in OUTPUTS)


@dataclass(frozen=True)
class OutOfFold:
    """What the models that did not see a record's patient say of it, before calibration.

    fold : (n,).  mi : (n,), sites : (n, 6), of the network.  spread : (n,), of mi over windows and networks.
    trees : logits, (n, 7), NaN rows where nothing could be measured; None of a network alone.
    """

    fold: np.ndarray
    mi: np.ndarray
    sites: np.ndarray
    spread: np.ndarray
    trees: np.ndarray | None = None

    @property
    def pooled(self) -> np.ndarray:
        """The network's infarction and six sites side by side, (n, 7)."""
        return np.column_stack([self.mi, self.sites])


def read_out_of_fold(bundle: Path, dataset: Dataset) -> OutOfFold:
    """A bundle's out-of-fold probabilities in the data set's order. Raises DatasetError where a record has none."""
    table = read_out_of_fold_table(bundle / "out_of_fold.csv").reindex(dataset.table["record_id"])
    if table["fold"].isna().any():
        raise DatasetError("out_of_fold.csv: not all labelled records stand in it: take the data it was made from")
    columns_of = (table["fold"].to_numpy(int), table["mi"].to_numpy(), table[list(SITES)].to_numpy())
    trees = table[list(TREES)].to_numpy() if set(TREES) <= set(table) else None
    return OutOfFold(*columns_of, table["spread"].to_numpy(), trees)


def read_out_of_fold_table(path: str | Path) -> pd.DataFrame:
    """Out-of-fold outputs by record_id: fold, mi, the six sites, the spread over windows, and the trees' logits if any."""
    table = read_table(Path(path), ["record_id", "fold", "mi", *SITES, "spread"], text=["record_id"])
    return table.set_index("record_id")


def write_out_of_fold(record_ids: Sequence[str], out_of_fold: OutOfFold, path: Path) -> None:
    """out_of_fold.csv as `read_out_of_fold_table` reads it."""
    columns: dict[str, Sequence[object]] = {"record_id": record_ids, "fold": out_of_fold.fold, "mi": out_of_fold.mi}
    columns |= dict(zip(SITES, out_of_fold.sites.T, strict=True)) | {"spread": out_of_fold.spread}
    if out_of_fold.trees is not None:
        columns |= dict(zip(TREES, out_of_fold.trees.T, strict=True))
    write_table(columns, path, "%.5f")


def ranked(probabilities: np.ndarray, infarction: np.ndarray, sites: np.ndarray) -> dict[str, float]:
    """How well records are ranked: AUC of infarction, and the mean of the sites' AUCs among the infarctions.

    probabilities : (n, 7 or more), infarction first and then the sites.  infarction (n,), sites (n, 6) : bool.
    A site without both kinds among the infarctions is left out; NaN where none has.
    """
    true = np.flatnonzero(infarction)
    columns = [site for site in range(sites.shape[1]) if 0 < sites[true, site].sum() < len(true)]
    of_sites = [roc_auc(probabilities[true, 1 + site], sites[true, site], np.ones(len(true))) for site in columns]
    auc = roc_auc(probabilities[:, 0], infarction, np.ones(len(probabilities)))
    return {"auc": auc, "sites_auc": float(np.mean(of_sites)) if of_sites else float("nan")}
