"""Who reads which signals. A detector brings its own in `tasks/NAME/stream.py`; the 12-lead detector's is beside this.

Such a module has LEADS, the names of the leads that it reads, NAME, and `load(folder)`, which gives a `Reader` with the
bundle of a folder, or with the shipped one. It may have `read_rows(path, fs_hz)`, for tables whose rows are signals, and
`simulate_pulse(person)`; both see `scale.stream.feeds`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import numpy as np

import tasks
from cardiac.errors import ConfigError


@dataclass(frozen=True)
class Window:
    """The last seconds of one patient. samples : float32 (n_leads, n).  newest : how many of them the last one did not have.

    assess : whether it is time to judge the quality of the tracing anew.
    """

    patient: str
    samples: np.ndarray
    fs_hz: float
    leads: tuple[str, ...]
    unit: str
    newest: int
    assess: bool = True


@dataclass(frozen=True)
class Reading:
    """What a reader makes of a window. label : None where nothing is decided, and then `refused` says why.

    tags : what else was found, of which each comes and goes by itself.  assessed : whether the quality was judged anew.
    """

    label: str | None
    tags: tuple[str, ...]
    probabilities: Mapping[str, float]
    finding: Mapping[str, Any]
    refused: str | None = None
    rate_bpm: float | None = None
    assessed: bool = True


class SignalFilter(Protocol):
    """A causal filter of one stream, which goes on over the borders of chunks."""

    state: Any  # plain data, which `restore` takes

    def process(self, samples: np.ndarray) -> np.ndarray:
        """The next samples filtered, (n_leads, n)."""
        ...

    def restore(self, state: Any) -> None:
        """Go on from a state."""
        ...


class Reader(Protocol):
    """What reads the last seconds of signals with certain leads."""

    window_s: float

    def start(self, fs_hz: float) -> SignalFilter | None:
        """The filter through which the stream goes before it is read; None where the windows are read as they come."""
        ...

    def read_windows(self, windows: Sequence[Window]) -> list[Reading]:
        """A reading for each window; each as if it had been read alone."""
        ...

    def forget(self, patient: str) -> None:
        """Drop what is kept of a patient whose stream has ended or has begun anew."""
        ...


class ReaderOfTask:
    """The reader of a task: its `read(windows, fs_hz)` gives for each array {"label", "probabilities"} or {"refused"}."""

    def __init__(self, read_by: Any) -> None:
        self.read_by, self.window_s, self.start = read_by, read_by.window_s, read_by.start

    def read_windows(self, windows: Sequence[Window]) -> list[Reading]:
        """A reading for each window, those of one rate together."""
        readings: dict[int, Reading] = {}
        for fs_hz in {window.fs_hz for window in windows}:
            alike = [index for index, window in enumerate(windows) if window.fs_hz == fs_hz]
            found = self.read_by.read([windows[index].samples for index in alike], fs_hz)
            readings |= zip(alike, map(_reading_of, found), strict=True)
        return [readings[index] for index in range(len(windows))]

    def forget(self, patient: str) -> None:
        """Nothing is kept of a patient."""


def _reading_of(found: Mapping[str, Any]) -> Reading:
    label = None if found.get("refused") else found["label"]
    return Reading(label, (), found.get("probabilities", {}), dict(found), found.get("refused"))


def find_modules() -> list[ModuleType]:
    """The 12-lead detector's module and those of all tasks, by name. Raises ConfigError for one that cannot be imported."""
    names = {path.parent.name for folder in tasks.__path__ for path in Path(folder).glob("*/stream.py")}
    found = []
    for name in ["scale.stream.infarction", *(f"tasks.{name}.stream" for name in sorted(names))]:
        try:
            found.append(import_module(name))
        except ImportError as error:
            raise ConfigError(
                f"{name}: cannot be imported ({error}): install what it needs, or take it away"
            ) from error
    return found


class Readers:
    """All readers, each loaded when the first signal with its leads comes. bundles : folder by NAME of other bundles."""

    def __init__(self, modules: Sequence[ModuleType] | None = None, bundles: Mapping[str, Path] | None = None) -> None:
        self._bundles = dict(bundles or {})
        self._modules = {frozenset(module.LEADS): module for module in (find_modules() if modules is None else modules)}
        self._loaded: dict[frozenset[str], Reader] = {}
        if unknown := self._bundles.keys() - {module.NAME for module in self._modules.values()}:
            known = ", ".join(module.NAME for module in self._modules.values())
            raise ConfigError(f"no detector is called {min(unknown)}: --bundle takes NAME=FOLDER of {known}")

    def name_for(self, leads: Sequence[str]) -> str | None:
        """The name of the reader of these leads, in any order; None where there is none."""
        module = self._modules.get(frozenset(leads))
        return None if module is None else module.NAME

    def reader_for(self, leads: Sequence[str]) -> Reader:
        """The reader of these leads. Raises KeyError where there is none."""
        key = frozenset(leads)
        if key not in self._loaded:
            module = self._modules[key]
            loaded = module.load(self._bundles.get(module.NAME))
            self._loaded[key] = loaded if hasattr(loaded, "read_windows") else ReaderOfTask(loaded)
        return self._loaded[key]
