"""The samples of a long recording as they are asked for: from the file's channels and units to leads in mV."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from cardiac.amplitudes import LEAD_SWING_MV, check_finite, check_range
from cardiac.channels import settle_leads
from cardiac.errors import naming
from cardiac.readers.raw import Raw

BLOCK = 2**15  # samples of each lead that are settled at once: what is in between stays near the processor
CLOSE = 0.999  # of the largest swing that passes by its float32 values alone


@dataclass(frozen=True)
class SettledSamples:
    """Leads in mV, float32, of which `[:, first:last]` reads a part.

    samples : as `readers.raw.Raw` has them.  stated : by the file, about them.  wanted : as `channels.settle_leads` has it.
    leads : which these are.  factor : from the unit that is stated to mV.
    Raises RecordError, naming the record, for a part that cannot be read or is not what a heart gives.
    """

    record_id: str
    samples: Any
    stated: Raw
    wanted: tuple[str, ...] | None
    leads: tuple[str, ...]
    factor: float

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.leads), self.samples.shape[1]

    def __getitem__(self, key: tuple[Any, ...]) -> np.ndarray:
        first, last, _ = key[1].indices(self.shape[1])
        part, lows, highs = np.empty((len(self.leads), max(last - first, 0)), np.float32), [], []
        with naming(self.record_id), np.errstate(all="ignore"):
            for begin in range(first, last, BLOCK):
                block = part[:, begin - first : begin - first + BLOCK]
                block[:] = self._settle(begin, min(begin + BLOCK, last))
                lows.append(block.min(axis=1))
                highs.append(block.max(axis=1))
            if lows and not (np.max(highs, axis=0) - np.min(lows, axis=0) <= CLOSE * LEAD_SWING_MV).all():
                self._check(first, last)
        return part

    def _settle(self, first: int, last: int) -> np.ndarray:
        """Leads in mV, (n_leads, last - first), float64 where anything was reckoned."""
        settled, _ = settle_leads(np.asarray(self.samples[:, first:last]), self.stated, self.wanted, [])
        return settled if self.factor == 1 else settled.astype(np.float64) * self.factor

    def _check(self, first: int, last: int) -> None:
        """Refuse a part that holds missing samples, or swings as no lead does."""
        settled, numbers = self._settle(first, last), range(first, last)
        extents = np.ptp(settled, axis=1)
        check_finite(settled, extents, self.leads, numbers)
        check_range(settled, extents, self.leads, numbers)
