"""What a search may choose: a TOML file of ranges and choices -> distributions; what was chosen -> a configuration."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cardiac.errors import CardiacError, ConfigError, extra
from scale.cluster import REQUIREMENTS
from scale.detectors import Detector, check_settings
from utils import Config, load_config


def read_space(path: Path, config: str | Path, defaults: str | Path) -> dict[str, Any]:
    """Optuna's distributions by "section.key".

    config, defaults : the settings that are searched about, by which every key and bound is tried.
    Raises ConfigError for an unknown key, a bound of another kind than the setting's, or what is no range.
    """
    distributions = extra("optuna.distributions", REQUIREMENTS, ConfigError)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: cannot be read as TOML ({error}): check the file") from error
    space = {}
    for section, keys in content.items():
        if not isinstance(keys, Mapping):
            raise ConfigError(f"{path.name}: {section} is not in a section: move it into one")
        for key, allowed in keys.items():
            name = f"{section}.{key}"
            values = _values(name, allowed)
            try:
                for value in values:
                    load_config(config, [setting(name, value)], defaults)
                space[name] = _distribution(distributions, allowed)
            except (CardiacError, ValueError) as error:
                raise ConfigError(f"{path.name}: {name}: {error}") from error
    if not space:
        raise ConfigError(f"{path.name}: names nothing to search: see scale/search.toml")
    return space


def _values(name: str, allowed: object) -> list[Any]:
    """The choices, or the bounds."""
    if isinstance(allowed, list) and allowed:
        return allowed
    if isinstance(allowed, Mapping) and {"low", "high"} <= allowed.keys() <= {"low", "high", "log"}:
        return [allowed["low"], allowed["high"]]
    raise ConfigError(f"{name}: give a list of choices, or {{ low = ..., high = ..., log = true }}")


def _distribution(distributions: Any, allowed: Any) -> Any:
    if isinstance(allowed, list):
        return distributions.CategoricalDistribution(allowed)
    low, high, log = allowed["low"], allowed["high"], bool(allowed.get("log", False))
    if not low < high:
        raise ValueError(f"the range {low} to {high} holds nothing")
    whole = isinstance(low, int) and isinstance(high, int)
    kind = distributions.IntDistribution if whole else distributions.FloatDistribution
    return kind(low, high, log=log)


def setting(name: str, value: object) -> str:
    """`section.key=value` as `--set` takes it."""
    return f"{name}={json.dumps(value)}"


def chosen_config(
    chosen: Mapping[str, object], config: str | Path, settings: Sequence[str], detector: Detector
) -> Config:
    """The configuration with what was chosen. Raises ConfigError where the settings do not go together."""
    full = load_config(config, [*settings, *(setting(*each) for each in chosen.items())], detector.DEFAULTS)
    check_settings(detector, full)
    return full


def config_text(config: Config, head: str) -> str:
    """A configuration as TOML, as `load_config` reads it. head : what stands above it."""
    lines = [f"# {line}" for line in head.splitlines()]
    for section, values in config.items():
        lines += ["", f"[{section}]", *(f"{key} = {_toml(value)}" for key, value in values.items())]
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False)
