"""What `scale.tune` and `scale.train` ask of a detector: one module, found by the detector's name."""

import inspect
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from cardiac.errors import ConfigError, first_line
from learning.cross_validate import Training
from utils import Config

AT_TOP = {"mi": "train"}  # the detector whose training is the repository's own; the others are tasks.NAME.train


class Detector(Protocol):
    """A module that trains a detector. A dataset is whatever its functions hand to one another; it must be picklable.

    DEFAULTS : a TOML file that has every setting there is. Its section `data` holds `n_folds`.
    DEMO : a TOML file, over DEFAULTS, for `demonstration`.  SPACE : a TOML file of what a search may choose, see
    `scale.space`.
    It may have `check_settings(config)`, which raises ConfigError for settings that nothing could be trained by, and
    EVALUATE, the module that prints the figures of a bundle.
    """

    DEFAULTS: Path
    DEMO: Path
    SPACE: Path

    def open_data(self, folder: Path | None, config: Config) -> Any:
        """The data set in a folder, without what it is tested by; without a folder, the usual one, or None."""
        ...

    def demonstration(self, config: Config) -> Any:
        """A data set of simulated records."""
        ...

    def fit(self, config: Config, dataset: Any, out: Path, **options: Any) -> Any:
        """A whole run, its folds first, and what comes of it written into `out`.

        options : resume, as `train.fit` has it; bundle, False for the folds alone; report, called after every fold with
        {"fold"} and its scores, "score" among them, whose mean over folds a search takes. Where figures are no mean of
        folds, as F1 of all beats together, "so_far" holds those of all folds up to this one, which it takes as they are.
        All of it stands in `learning.run_folder.training_run`.
        """
        ...


class NetworkDetector(Detector, Protocol):
    """A detector whose networks several processes can train together, by `scale.train`.

    Its `fit` is `cross_validate` of `make_training`. In DEFAULTS `train` holds what `learning.network.NetworkTraining` and
    `cross_validate` ask for.
    """

    def make_training(self, config: Config, dataset: Any, out: Path) -> Training:
        """What is trained: the data read, the folds known or drawn into `out`, the same for the same arguments."""
        ...


ASKED = {
    "DEFAULTS": (),
    "DEMO": (),
    "SPACE": (),
    "open_data": ("folder", "config"),
    "demonstration": ("config",),
    "fit": ("config", "dataset", "out", "resume", "report", "bundle"),
}
ASKED_OF_NETWORKS = {"make_training": ("config", "dataset", "out")}


def module_of(name: str) -> str:
    """The module that trains a detector. name : of the detector, or of the module itself, with a dot in it."""
    return name if "." in name else AT_TOP.get(name, f"tasks.{name}.train")


def find_detector(name: str) -> Detector:
    """The module that trains a detector. Raises ConfigError where there is none, or it lacks what a `Detector` has."""
    return _find(name, ASKED)


def find_network_detector(name: str) -> NetworkDetector:
    """The module that trains a detector of networks. Raises ConfigError as `find_detector`."""
    return _find(name, ASKED | ASKED_OF_NETWORKS)


def _find(name: str, wanted: Mapping[str, tuple[str, ...]]) -> Any:
    """The module, if it has all that is wanted: values, and functions that take these arguments."""
    path = module_of(name)
    try:
        module: Any = import_module(path)
    except ModuleNotFoundError as error:
        if error.name and (path == error.name or path.startswith(f"{error.name}.")):
            raise ConfigError(f"there is no detector {name!r}: no module is called {path}") from error
        raise ConfigError(
            f"the detector {name!r} cannot be used ({first_line(error)}): install what it needs"
        ) from error
    except (ImportError, TypeError, ValueError) as error:
        raise ConfigError(f"there is no detector {name!r} ({first_line(error)}): give a name as in tasks/") from error
    for asked, arguments in wanted.items():
        attribute = getattr(module, asked, None)
        if attribute is None:
            raise ConfigError(f"the detector {name!r} cannot be used: {path} has no {asked} (see scale/detectors.py)")
        if arguments and not takes(attribute, arguments):
            raise ConfigError(f"the detector {name!r} cannot be used: {asked} does not take {', '.join(arguments)}")
    return module


def check_settings(detector: Detector, config: Config) -> None:
    """Raise ConfigError for settings by which a detector could not be trained, as far as it says so beforehand."""
    getattr(detector, "check_settings", lambda _: None)(config)


def takes(function: Any, arguments: tuple[str, ...]) -> bool:
    """Whether a function has all these parameters."""
    return callable(function) and set(arguments) <= inspect.signature(function).parameters.keys()
