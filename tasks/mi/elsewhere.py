"""What a detector makes of other hospitals' machines: counts by source, as a bundle's elsewhere.json keeps them, as a table."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cardiac.metrics import wilson

ELSEWHERE = "elsewhere.json"


def read_elsewhere(folder: Path) -> dict[str, dict[str, Any]] | None:
    """The counts in a bundle's folder, by "joint" and "alone" and then by source; None where nobody has counted."""
    path = folder / ELSEWHERE
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def elsewhere_table(rows: Mapping[str, Mapping[str, Any]], label: str) -> list[str]:
    """The counts as a Markdown table, with Wilson's 95 % intervals."""
    lines = [
        f"| {label} | specificity | false alarms | sensitivity | found | AUC | ischaemia alone, called one | too poor |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for source, row in rows.items():
        shares = elsewhere_shares(row)
        auc = "" if row["auc"] is None else f"{row['auc']:.3f}"
        lines.append(
            f"| {source} | {_share_text(shares['specificity'])} | {row['false_alarms']} of {row['negatives']} "
            f"| {_share_text(shares['sensitivity'])} | {row['found']} of {row['positives']} | {auc} "
            f"| {row['ischaemias_called']} of {row['ischaemias']} | {row['too_poor']} |"
        )
    return lines


def elsewhere_shares(row: Mapping[str, Any]) -> dict[str, dict[str, float] | None]:
    """Specificity and sensitivity of one source's counts as {"value", "low", "high"}; None where there was nobody."""
    counts = {
        "specificity": (row["negatives"] - row["false_alarms"], row["negatives"]),
        "sensitivity": (row["found"], row["positives"]),
    }
    return {name: _share(*each) for name, each in counts.items()}


def _share(count: int, of: int) -> dict[str, float] | None:
    return None if of == 0 else dict(zip(("value", "low", "high"), (count / of, *wilson(count, of)), strict=True))


def _share_text(share: Mapping[str, float] | None) -> str:
    return "" if share is None else f"{share['value']:.3f} ({share['low']:.3f} to {share['high']:.3f})"
