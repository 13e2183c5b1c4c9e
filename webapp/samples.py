"""Samples that came as JSON, kept as a file until a worker reads them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cardiac.errors import RecordError

ENDING = ".samples"
MOST_BYTES = 64 * 2**20


def write_samples(document: Mapping[str, Any], path: Path) -> None:
    """Keep what was sent: samples (12 lists), fs_hz, and leads where they are named."""
    path.write_text(json.dumps({key: document.get(key) for key in ("samples", "fs_hz", "leads")}), encoding="utf-8")


def read_samples(path: Path) -> tuple[Any, float, list[str] | None]:
    """Samples, rate and leads' names, for `record_from_array`. Raises RecordError."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise RecordError(f"holds more than {MOST_BYTES >> 20} MB of samples as JSON: send the recording as a file")
        document = json.loads(path.read_text(encoding="utf-8"))
        return document["samples"], document["fs_hz"], document["leads"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RecordError("the samples that were sent cannot be read: send them again") from error
