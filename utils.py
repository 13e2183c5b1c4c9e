"""The run bench of torch: seed, device, settings, networks run over windows, bundles. Knows no waveform."""

import difflib
import hashlib
import inspect
import random
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import nn

from bundles import WEIGHTS, Bundle, Run, open_bundle, run_sections
from cardiac.errors import BundleError, ConfigError, first_line
from cardiac.files import replace_file
from cardiac.windows import WindowPlan
from cards import CARD, SEAL, sealed_card
from models import NETWORKS, build_model

NETWORK_SECTION = "network"  # holds a network's name and the arguments of its class


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy's global generator and torch."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def pick_device() -> torch.device:
    """CUDA where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def run_networks(
    networks: Sequence[nn.Module], signals: np.ndarray, plans: Sequence[WindowPlan], section: int
) -> list[np.ndarray]:
    """Logits of every window of one signal or of several of one length, as `bundles.run_sections` gives them."""
    return run_sections(_runner(networks), signals, plans, section)


def _runner(networks: Sequence[nn.Module]) -> Run:
    """Networks in evaluation mode, as a `Run`."""
    device = next(networks[0].parameters()).device

    @torch.inference_mode()
    def run(signals: np.ndarray, starts: Sequence[np.ndarray]) -> list[np.ndarray]:
        inputs = torch.from_numpy(signals).to(device)
        at = [torch.from_numpy(each).to(device) for each in starts]
        found = [network.eval()(inputs, at) for network in networks]
        return [torch.stack(of_stage, dim=1).float().cpu().numpy() for of_stage in zip(*found, strict=True)]

    return run


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
        raise ConfigError(f"{path}: {loose[0]} stands outside a section: put it under one")
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
    """Put one value in its place, as the kind of value that stands there."""
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
    if name not in NETWORKS:
        raise ConfigError(f"there is no network {name!r}{_near(name, NETWORKS)}")
    return {key: parameter.default for key, parameter in inspect.signature(NETWORKS[name]).parameters.items()}


def _near(name: str, known: Mapping[str, object], section: str = "") -> str:
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5) or sorted(known)
    return ": did you mean " + " or ".join(f"{section}.{key}" if section else key for key in close) + "?"


def save_bundle(folder: str | Path, networks: Sequence[nn.Module], card: Mapping[str, Any]) -> None:
    """Write weights and card, each file replaced at once; the card is sealed, and names no graph of other weights."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        f"{member}.{name}": tensor.detach().cpu().contiguous()
        for member, network in enumerate(networks)
        for name, tensor in network.state_dict().items()
    }
    weights = save_tensors(tensors)
    content = {key: value for key, value in card.items() if key != "onnx"}
    replace_file(folder / WEIGHTS, weights)
    replace_file(folder / CARD, sealed_card({**content, "weights_sha256": hashlib.sha256(weights).hexdigest()}))


def load_bundle(folder: str | Path, with_graph: bool = True) -> Bundle:
    """The bundle in a folder, its files checked against the card, its networks in evaluation mode.

    with_graph : False leaves the ONNX graph unchecked, for what writes it anew.
    Raises BundleError where a file is missing or damaged, or weights, card and network do not fit.
    """
    folder = Path(folder)
    card, files = open_bundle(folder, with_graph)
    try:
        tensors = load_tensors(files[WEIGHTS])
        networks = [_rebuild(member, card["network"], tensors) for member in range(card["members"])]
        if not networks:
            raise ValueError("no members")
    except (SafetensorError, RuntimeError, KeyError, TypeError, ValueError, AttributeError, AssertionError) as error:
        raise BundleError(
            f"{folder}: the weights do not fit the card's networks ({first_line(error)}): copy the bundle again"
        ) from error
    networks = [network.to(pick_device()).eval() for network in networks]
    return Bundle(card, _runner(networks), card[SEAL], "torch", networks)


def _rebuild(member: int, network: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> nn.Module:
    built = build_model(**network)
    prefix = f"{member}."
    built.load_state_dict({name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)})
    return built
