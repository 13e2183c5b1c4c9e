"""Loss by epoch of every training, as a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from cardiac.files import png, replace_file


def write_curves(histories: Mapping[str, Sequence[Mapping[str, Any]]], path: Path) -> None:
    """Loss by epoch of every training, as PNG."""
    replace_file(path, png(draw_curves(histories)))


def draw_curves(histories: Mapping[str, Sequence[Mapping[str, Any]]]) -> Figure:
    """Training and held-out loss by epoch, one colour a training. histories : by part, "fold0", ... and "all"."""
    figure = Figure(figsize=(7, 4.2), dpi=110, layout="constrained")
    axes = figure.subplots()
    for index, (part, history) in enumerate(histories.items()):
        epochs, colour = [epoch["epoch"] for epoch in history], f"C{index % 10}"
        axes.plot(epochs, [epoch["train_loss"] for epoch in history], color=colour, label=part.replace("fold", "fold "))
        if history and history[0]["held_loss"] is not None:
            axes.plot(epochs, [epoch["held_loss"] for epoch in history], color=colour, linestyle=":")
    axes.set(xlabel="epoch", ylabel="loss (dotted: held out, other mixture of targets)")
    axes.legend(fontsize=8, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return figure
