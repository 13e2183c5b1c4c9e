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
        quiet, negatives, found, positives = (
            row["negatives"] - row["false_alarms"],
            row["negatives"],
            row["found"],
            row["positives"],
        )
        auc = "" if row["auc"] is None else f"{row['auc']:.3f}"
        lines.append(
            f"| {source} | {_share(quiet, negatives)} | {row['false_alarms']} of {negatives} | {_share(found, positives)} "
            f"| {found} of {positives} | {auc} | {row['ischaemias_called']} of {row['ischaemias']} | {row['too_poor']} |"
        )
    return lines


def _share(count: int, of: int) -> str:
    if of == 0:
        return ""
    low, high = wilson(count, of)
    return f"{count / of:.3f} ({low:.3f} to {high:.3f})"
