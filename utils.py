"""What every program needs: seed, device, settings, and the last lines of a command line. Knows no waveform.

torch and the networks are imported where they are used.
"""

import difflib
import inspect
import os
import random
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cardiac.errors import CardiacError, ConfigError

if TYPE_CHECKING:
    import torch

NETWORK_SECTION = "network"  # holds a network's name and the arguments of its class


def run_command(command: Callable[[], int], bad_data: int = 2, stopped: str = "Stopped.", written_to: str = "") -> int:
    """The exit status of a command line's work; what ends the work is one sentence on standard error.

    2 for what cannot be carried out, 130 for Ctrl-C, 1 where the reader of the output (`head`, say) has gone.
    bad_data : the status for a CardiacError other than a wrong setting.  stopped : what is said after Ctrl-C.
    written_to : the option that names where the program writes.
    """
    try:
        status = command()
        sys.stdout.flush()  # so that a reader who has gone is noticed here
    except CardiacError as error:
        print(error, file=sys.stderr)
        return 2 if isinstance(error, ConfigError) else bad_data
    except KeyboardInterrupt:
        print(f"\n{stopped}", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the files are written
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        where = "look at the disk" + (f" and at {written_to}" if written_to else "")
        print(f"cannot be written or read ({error}): {where}", file=sys.stderr)
        return 2
    return status


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy's global generator and torch."""
    import torch

    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def pick_device() -> "torch.device":
    """CUDA where there is one, else the CPU."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


Config = dict[str, dict[str, Any]]


def load_config(path: str | Path, settings: Sequence[str] = (), defaults: str | Path | None = None) -> Config:
    """Settings by section and key, from a TOML file and from `section.key=value` texts.

    defaults : a file that has every section and key there is; what `path` leaves out is taken from it.
    Raises ConfigError for an unknown key (with near names), or a value of another kind than the default's.
    """
    config = _read_toml(Path(defaults or path))
    if defaults is not None:
        for section, values in _read_toml(Path(path)).items():
            _check_section(config, section)
            if section == NETWORK_SECTION and values.get("name", config[section]["name"]) != config[section]["name"]:
                config[section] = {"name": values["name"]}  # another network: no argument of the default's is its own
            for key, value in values.items():
                _set(config, section, key, value)
    for text in settings:
        name, equals, raw = text.partition("=")
        section, dot, key = name.strip().partition(".")
        if not equals or not dot:
            raise ConfigError(f"--set {text}: write section.key=value, for example train.gain=0.1")
        _check_section(config, section)
        _set(config, section, key, _parse_value(raw.strip()))
    return config


def _read_toml(path: Path) -> Config:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: cannot be read as TOML ({error}): check the file") from error
    loose = [name for name, values in content.items() if not isinstance(values, dict)]
    if loose:
        raise ConfigError(f"{path}: {loose[0]} is not in a section: move it into one")
    return content


def _parse_value(raw: str) -> object:
    try:
        return tomllib.loads(f"value = {raw}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
        return raw  # a bare word is a text


def _check_section(config: Config, section: str) -> None:
    if section not in config:
        raise ConfigError(f"there is no section {section!r}{_near(section, config)}")


def _set(config: Config, section: str, key: str, value: object) -> None:
    """Set one value, as the kind of value that its default is."""
    known: Mapping[str, object] = config[section]
    if section == NETWORK_SECTION:
        known = _network_arguments(str(value) if key == "name" else config[section]["name"]) | known
    if key not in known:
        raise ConfigError(f"there is no setting {section}.{key}{_near(key, known, section)}")
    default = known[key]
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if isinstance(default, tuple) and isinstance(value, list):
        value = tuple(value)
    if default is not inspect.Parameter.empty and type(value) is not type(default):
        raise ConfigError(f"{section}.{key} is {value!r}: give a value like {default!r}")
    config[section][key] = value


def _network_arguments(name: str) -> dict[str, object]:
    """Argument -> default of a network's class."""
    from models import NETWORKS

    if name not in NETWORKS:
        raise ConfigError(f"there is no network {name!r}{_near(name, NETWORKS)}")
    return {key: parameter.default for key, parameter in inspect.signature(NETWORKS[name]).parameters.items()}


def _near(name: str, known: Mapping[str, object], section: str = "") -> str:
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5) or sorted(known)
    return ": did you mean " + " or ".join(f"{section}.{key}" if section else key for key in close) + "?"
