"""The picture of docs/architecture.md: rooms on their floors, and the straight path through them."""

from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

WIDTH, HEIGHT = 160.0, 123.0
INK, MUTED, PAPER = "#1b1b1f", "#5b5b66", "#fdfcfa"
OUTER, TASK, TRAINING, BENCH, CORE = "#e4ecf7", "#fbe3e0", "#f5ecd7", "#eceaf3", "#e3f0e6"


@dataclass(frozen=True)
class Room:
    """A box: name, what it is for, corner (x, y), width and height, colour."""

    name: str
    purpose: str
    x: float
    y: float
    wide: float
    high: float
    colour: str


ROOMS = (
    Room("ecg_mi/", "the installed command and package: predict, serve, train, evaluate", 14, 109, 142, 9.5, OUTER),
    Room("webapp/", "the site: pages, API, storage;\ntakes in every tasks/*/site.py", 14, 94, 46, 12, OUTER),
    Room("scale/", "many machines: batch, tune,\ntrain (Ray)", 63, 94, 44, 12, OUTER),
    Room("benchmarks/", "every figure of the docs\nis printed by one of these", 110, 94, 46, 12, OUTER),
    Room("inference.py", "from a file to a Finding", 14, 80, 46, 9.5, OUTER),
    Room("train.py", "from recordings to a bundle", 63, 80, 44, 9.5, OUTER),
    Room("export.py", "from weights to an ONNX graph", 110, 80, 46, 9.5, OUTER),
    Room(
        "tasks/mi/",
        "the infarction: labels, datasets, examples, rules,\nfindings, evidence, pictures, figures",
        14,
        64,
        69,
        11.5,
        TASK,
    ),
    Room(
        "tasks/NEXT/",
        "the next detector: dataset, train, predict, site;\ncan be deleted without a trace",
        87,
        64,
        69,
        11.5,
        TASK,
    ),
    Room("learning/", "how any network is trained:\nepochs, folds, stop and resume", 110, 48.5, 46, 11.5, TRAINING),
    Room(
        "bundles.py, cards.py, runtimes.py",
        "weights, graph and card, sealed;\ntorch or ONNX Runtime runs them",
        63,
        48.5,
        44,
        11.5,
        BENCH,
    ),
    Room("utils.py, models.py", "seed, settings, command lines;\nthe networks, torch alone", 14, 48.5, 46, 11.5, BENCH),
)
INSIDE_CORE = (
    ("reading", "sources  listing  records\nreaders/  channels  leads\nisolation"),
    ("signals", "signals  windows  beats\nlong_signals  augment\norder_statistics  simulate"),
    ("trust", "quality/\n(any leads; twelve leads)"),
    ("figures", "folds  metrics\nthresholds  calibration"),
    ("out", "files  paper  tracing\nstored_signals  pipeline"),
)
PATH = (
    ("file", "read_record", OUTER),
    ("Record", "prepare_signal", CORE),
    ("signal, mV", "run_networks", CORE),
    ("windows' logits", "pool_windows", BENCH),
    ("probabilities", "decide", CORE),
    ("Finding", "write", TASK),
    ("CSV JSON page", "", OUTER),
)


def draw_house() -> Figure:
    """The picture. What stands higher may import what stands lower, and never the other way round."""
    figure = Figure(figsize=(13.3, 10.2), dpi=100, facecolor=PAPER)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(0, HEIGHT))
    axes.axis("off")
    for room in ROOMS:
        _box(axes, room)
    for left, right in ((60, 63), (107, 110)):  # in one row the right one imports the left one
        axes.add_patch(
            FancyArrowPatch((right, 54), (left, 54), arrowstyle="-|>", mutation_scale=11, color=MUTED, linewidth=1.2)
        )
    _core(axes)
    _path(axes)
    axes.add_patch(FancyArrowPatch((7, 118), (7, 22), arrowstyle="-|>", mutation_scale=18, color=MUTED, linewidth=1.4))
    axes.text(4.2, 70, "imports point down, never up", rotation=90, va="center", ha="center", color=MUTED, fontsize=10)
    return figure


def _box(axes: Any, room: Room) -> None:
    shape = FancyBboxPatch(
        (room.x, room.y), room.wide, room.high, boxstyle="round,pad=0,rounding_size=1.2", facecolor=room.colour,
        edgecolor=INK, linewidth=0.8,
    )  # fmt: skip
    axes.add_patch(shape)
    top = room.y + room.high
    axes.text(room.x + 2, top - 2.9, room.name, fontsize=11.5, fontweight="bold", color=INK, va="center")
    axes.text(room.x + 2, top - 5.0, room.purpose, fontsize=8.6, color=MUTED, va="top", linespacing=1.35)


def _core(axes: Any) -> None:
    _box(
        axes,
        Room("cardiac/", "the core: arrays in, arrays out, any leads, no diagnosis, no torch", 14, 22, 142, 22.5, CORE),
    )
    wide = (142 - 4 - 4 * 2) / len(INSIDE_CORE)
    for place, (name, files) in enumerate(INSIDE_CORE):
        x = 16 + place * (wide + 2)
        axes.add_patch(
            FancyBboxPatch(
                (x, 24), wide, 11.5, boxstyle="round,pad=0,rounding_size=0.8", facecolor="white", edgecolor="#9bb8a2"
            )
        )
        axes.text(x + 1.5, 33.3, name, fontsize=9.5, fontweight="bold", color=INK, va="center")
        axes.text(x + 1.5, 31.2, files, fontsize=8.2, color=MUTED, va="top", linespacing=1.45)


def _path(axes: Any) -> None:
    axes.text(
        14,
        17.2,
        "The straight path (inference.predict_record)",
        fontsize=10.5,
        fontweight="bold",
        color=INK,
        va="center",
    )
    step = 142 / len(PATH)
    for place, (name, verb, colour) in enumerate(PATH):
        x, wide = 14 + place * step, step - 6.2 if place < len(PATH) - 1 else step
        axes.add_patch(
            FancyBboxPatch(
                (x, 7),
                wide,
                6.5,
                boxstyle="round,pad=0,rounding_size=1",
                facecolor=colour,
                edgecolor=INK,
                linewidth=0.8,
            )
        )
        axes.text(x + wide / 2, 10.2, name, fontsize=8.8, color=INK, ha="center", va="center")
        if verb:
            axes.add_patch(
                FancyArrowPatch((x + wide, 10.2), (x + step, 10.2), arrowstyle="-|>", mutation_scale=11, color=INK)
            )
            axes.text(x + wide + 3.1, 4.6, verb, fontsize=8.2, color=MUTED, ha="center", va="center", style="italic")
