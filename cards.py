"""A bundle's card: all that inference must know of the networks beside it, the layout of its file, and the seal over it.

Nothing here touches a file, and nothing else touches the card's JSON.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cardiac.errors import BundleError, ConfigError, first_line
from cardiac.signals import SignalSpec
from cardiac.windows import WindowPlan

CARD = "card.json"
FORMATS = (1, 2)  # of the card's layout, 2 where trees decide with the networks: a program refuses every other one
SEAL = "card_sha256"
KNOWN = {
    "format", "task", "name", "use", "signal", "network", "members", "stages", "decisions", "training", "weights_sha256",
    "onnx", "trees", SEAL,
}  # fmt: skip
KINDS = {str: "a text", int: "a whole number", float: "a number", list: "a list", dict: "an object"}


@dataclass(frozen=True)
class Stage:
    """One head of the networks: its outputs in order, and how its windows are cut and pooled."""

    outputs: tuple[str, ...]
    plan: WindowPlan


@dataclass(frozen=True)
class Card:
    """What a bundle is, and how its networks are used.

    signal : what the networks take.  section : how many samples they are run over at once.  network : name and arguments
    of `models.build_model`.  members : how many such networks there are.  use : what it is for, in words.
    decisions, training : plain data, of which the task alone knows more.  task : whose bundle it is, where that is
    written.  onnx : of the graph, {"sha256", "made_from", "opset"}.  trees : of the trees beside the networks,
    {"sha256", "features", "outputs", "measured_by"}; None without.  more : what else the file says; it is kept.
    sha256 : the seal of the file that it was read from, and so the bundle's checksum; of no meaning in a new card.
    Raises ConfigError where stages, section and network do not fit each other.
    """

    name: str
    signal: SignalSpec
    section: int
    network: Mapping[str, Any]
    members: int
    stages: Mapping[str, Stage]
    use: str = ""
    decisions: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    weights_sha256: str = ""
    onnx: Mapping[str, Any] | None = None
    trees: Mapping[str, Any] | None = None
    task: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)
    sha256: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        windows = [plan.window for plan in self.plans]
        if self.members < 1 or not windows:
            raise ConfigError(f"{self.members} members of {len(windows)} stages: there must be at least one of each")
        if self.section < max(windows):
            raise ConfigError(f"signal.section is {self.section}, and a window has {max(windows)} samples")
        built = {"windows": windows, "n_leads": len(self.signal.leads)}
        for name, own in built.items():
            stated = self.network.get(name, own)
            if (list(stated) if isinstance(stated, tuple) else stated) != own:
                raise ConfigError(f"network.{name} is not {own}, which stages and signal require")

    @property
    def plans(self) -> list[WindowPlan]:
        """The stages' windows, in order."""
        return [stage.plan for stage in self.stages.values()]

    @property
    def networks_sha256(self) -> str:
        """A checksum of all that decides what a graph computes: the networks and their weights."""
        text = json.dumps([self.weights_sha256, self.network, self.members], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Card":
        """The card in plain data. Raises ConfigError that names the first key that is missing or wrong."""
        signal = take(content, "signal", dict)
        stages = take(content, "stages", dict)
        onnx = content.get("onnx")
        return cls(
            name=take(content, "name", str),
            use=take(content, "use", str, default=""),
            signal=SignalSpec(
                take(signal, "fs_hz", float, "signal"),
                take_list(signal, "band_hz", float, "signal"),
                take_list(signal, "leads", str, "signal"),
                take(signal, "unit", str, "signal"),
                take(signal, "scale", str, "signal"),
            ),
            section=take(signal, "section", int, "signal"),
            network=take(content, "network", dict),
            members=take(content, "members", int),
            stages={name: _stage(take(stages, name, dict, "stages"), f"stages.{name}") for name in stages},
            decisions=take(content, "decisions", dict),
            training=take(content, "training", dict, default={}),
            weights_sha256=take(content, "weights_sha256", str),
            onnx=None if onnx is None else take(content, "onnx", dict),
            trees=take(content, "trees", dict, default=None),
            task=take(content, "task", str, default=None),
            more={key: value for key, value in content.items() if key not in KNOWN},
            sha256=take(content, SEAL, str, default=""),
        )

    def to_json(self) -> dict[str, Any]:
        """The card as plain data in the order of its file, without format and seal."""
        spec = self.signal
        signal = {"fs_hz": spec.fs_hz, "band_hz": list(spec.band_hz), "leads": list(spec.leads), "unit": spec.unit}
        content = {
            "task": self.task,
            "name": self.name,
            "use": self.use,
            "signal": signal | {"scale": spec.scale, "section": self.section},
            "network": self.network,
            "members": self.members,
            "stages": {
                name: {"outputs": list(stage.outputs)} | asdict(stage.plan) for name, stage in self.stages.items()
            },
            "decisions": self.decisions,
            "training": self.training,
            "weights_sha256": self.weights_sha256,
            "onnx": self.onnx,
            "trees": self.trees,
            **self.more,
        }
        return {key: value for key, value in content.items() if value is not None}


def _stage(content: Mapping[str, Any], where: str) -> Stage:
    sizes = (take(content, name, int, where) for name in ("window", "hop"))
    names = (take(content, name, str, where) for name in ("tail", "pool"))
    return Stage(take_list(content, "outputs", str, where), WindowPlan(*sizes, *names))


_NEEDED = object()


def take(content: Mapping[str, Any], key: str, kind: type, where: str = "", default: Any = _NEEDED) -> Any:
    """What stands under a key of a card, or the default.

    kind : one of KINDS; float is any number.  where : the keys above it, as "signal".
    Raises ConfigError that names the key where it is missing or of another kind.
    """
    name = f"{where}.{key}" if where else key
    if key not in content:
        if default is _NEEDED:
            raise ConfigError(f"{name!r} is missing")
        return default
    return _checked(content[key], kind, name)


def take_list(content: Mapping[str, Any], key: str, kind: type, where: str = "") -> tuple[Any, ...]:
    """The list that stands under a key, all of one kind. Raises ConfigError as `take` does."""
    name = f"{where}.{key}" if where else key
    return tuple(_checked(each, kind, name) for each in take(content, key, list, where))


def _checked(value: object, kind: type, name: str) -> Any:
    fits = type(value) in (int, float) and math.isfinite(value) if kind is float else type(value) is kind
    if not fits:
        raise ConfigError(f"{name} is {_shown(value)}: {KINDS[kind]} is needed")
    return value


def _shown(value: object) -> str:
    """A value for a message: lists of lists may be too deep to be written."""
    return KINDS[type(value)] if isinstance(value, list | dict) else repr(value)[:40]


def parse_card(content: bytes, folder: Path, changed: bool = False) -> Card:
    """The card in the content of the card.json of a bundle's folder.

    changed : whether it may have been changed since it was sealed, or be of a time before seals.
    Raises BundleError where it is no JSON, of an unknown format, not as it was sealed, or cannot be used.
    """
    plain = _parse(content, folder, changed)
    try:
        return Card.from_json(plain)
    except ConfigError as error:
        raise unusable(folder, error) from error


def unusable(folder: Path | str, error: Exception) -> BundleError:
    """The error for a card that says what cannot be used."""
    return BundleError(f"{folder}: {CARD} cannot be used ({first_line(error)}): copy the bundle again")


def sealed_card(card: Card) -> bytes:
    """The content of card.json: with its format, and sealed."""
    return _sealed(card.to_json())


def seal_again(content: bytes, folder: Path) -> bytes:
    """The content of a card.json that was changed on purpose, sealed. Raises BundleError."""
    try:
        return _sealed(_parse(content, folder, changed=True))
    except (ValueError, RecursionError) as error:  # half a letter, say
        raise BundleError(
            f"{folder}: {CARD} cannot be sealed ({first_line(error)}): correct what was changed"
        ) from error


def _sealed(content: Mapping[str, Any]) -> bytes:
    content = {key: value for key, value in content.items() if key not in ("format", SEAL)}
    layout = FORMATS[1 if content.get("trees") else 0]
    content = json.loads(json.dumps({"format": layout, **content}))  # as it will be read
    return (json.dumps({**content, SEAL: checksum(content)}, indent=2, ensure_ascii=False) + "\n").encode()


def checksum(content: Mapping[str, Any]) -> str:
    """SHA-256, in hexadecimal, of all in a card but the seal itself: as JSON with sorted keys and no spaces, in ASCII."""
    content = {key: value for key, value in content.items() if key != SEAL}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _parse(content: bytes, folder: Path, changed: bool) -> dict[str, Any]:
    """The plain data of a card.json, its format and its seal checked."""
    try:
        card = json.loads(content.decode("utf-8"))
        sha256 = checksum(card) if isinstance(card, dict) else ""
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{folder}: {CARD} is not JSON ({error}): copy the bundle again") from error
    if not isinstance(card, dict):
        raise BundleError(f"{folder}: {CARD} is not a JSON object: copy the bundle again")
    if "format" not in card and not changed:
        raise BundleError(
            f"{folder}: {CARD} does not state its format: copy the bundle again, or run `python bundles.py seal {folder}` "
            "if an earlier version of this program made it"
        )
    layout = card.get("format", FORMATS[0])
    if type(layout) is not int or layout not in FORMATS:
        raise BundleError(
            f"{folder}: {CARD} has format {repr(layout)[:20]}, and this program reads only {FORMATS[0]} and {FORMATS[1]}: "
            "use the version of the program that made the bundle"
        )
    if not changed and card.get(SEAL) != sha256:
        raise BundleError(
            f"{folder}: {CARD} was changed after the bundle was made (checksum): copy the bundle again, or run "
            f"`python bundles.py seal {folder}` if you changed it on purpose"
        )
    return card
