"""MiniRocket as aeon fits it, and its features as plain arrays; needs the environment of tasks/ppg/requirements.txt.

python -m tasks.ppg.aeon_kernels --out tests/tasks/ppg/aeon_features.npz     # what the tests hold NumPy's features to
"""

import argparse
import io
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from cardiac.errors import ConfigError
from cardiac.files import replace_file
from tasks.ppg.bundle import INPUTS
from tasks.ppg.classifier import steps_of
from tasks.ppg.filters import filter_segments
from tasks.ppg.kernels import COMBINATIONS, Kernels
from tasks.ppg.segments import FS_HZ, to_rate
from tasks.ppg.simulate import made_segments
from utils import run_command

N_GOLDEN, N_KERNELS = 12, 1_680

MISSING = (
    "aeon is not installed here, and needs older packages than the program: `make ppg-train` sets up an environment for it, "
    "or install tasks/ppg/requirements.txt into a new one"
)


def aeon_module(name: str) -> ModuleType:
    """aeon's collection of transforms of a name. Raises ConfigError where aeon is not installed."""
    try:
        return import_module(f"aeon.transformations.collection.{name}")
    except ImportError as error:
        raise ConfigError(MISSING) from error


def fit_kernels(steps: np.ndarray, n_kernels: int, dilations: int, seed: int) -> tuple[Kernels, Any]:
    """Kernels with their biases, quantiles of responses to some of the segments, and aeon's own transform of them.

    steps : int16 (n, n_samples).  dilations : at most, of each kernel.
    """
    module = aeon_module("convolution_based")
    transform = module.MiniRocket(n_kernels=n_kernels, max_dilations_per_kernel=dilations, random_state=seed, n_jobs=1)
    transform.fit(_cases(steps))
    return kernels_of(transform), transform


def features_of(transform: Any, steps: np.ndarray) -> np.ndarray:
    """aeon's features, float32 (n, k)."""
    return np.asarray(transform.transform(_cases(steps)), np.float32)


def kernels_of(transform: Any) -> Kernels:
    """A fitted MiniRocket as plain arrays."""
    _, _, dilations, per_dilation, biases = transform.parameters
    n_kernels = len(COMBINATIONS)
    dilation = np.repeat(dilations, n_kernels * per_dilation)
    turn = np.repeat(np.arange(len(dilations)), n_kernels * per_dilation)
    kernel = np.concatenate([np.repeat(np.arange(n_kernels), each) for each in per_dilation])
    padded = (turn + kernel) % 2 == 0  # every second kernel reaches over the ends
    return Kernels(dilation.astype(np.int32), kernel.astype(np.int16), padded, np.asarray(biases, np.float32))


def _cases(steps: np.ndarray) -> np.ndarray:
    return steps.astype(np.float32)[:, None]  # (n, n_samples) -> (n, 1, n_samples)


def golden_arrays() -> dict[str, np.ndarray]:
    """aeon's features of simulated segments with the kernels that made them, by which NumPy's are held to them."""
    filtered = filter_segments(made_segments(N_GOLDEN, 10.0), FS_HZ)
    arrays: dict[str, np.ndarray] = {}
    for name, steps in zip(INPUTS, steps_of(to_rate(filtered, FS_HZ)), strict=True):
        kernels, transform = fit_kernels(steps, N_KERNELS, 10, 0)
        arrays |= kernels.arrays(name) | {f"{name}_steps": steps, f"{name}_features": features_of(transform, steps)}
    return arrays


def difference_line(arrays: Mapping[str, np.ndarray], name: str) -> str:
    """How far NumPy's features are from aeon's, in a sentence."""
    aeons = arrays[f"{name}_features"]
    apart = np.abs(Kernels.from_arrays(arrays, name)(arrays[f"{name}_steps"]) - aeons).max()
    return f"{name}: {aeons.shape[1]:,} features of {len(aeons)}, NumPy's and aeon's at most {apart:g} apart"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, metavar="FILE", help="write aeon's features with their kernels as well")
    options = parser.parse_args(arguments)

    def command() -> int:
        arrays = golden_arrays()
        print(*(difference_line(arrays, name) for name in INPUTS), sep="\n")
        if options.out:
            content = io.BytesIO()
            np.savez_compressed(content, **arrays)
            replace_file(options.out, content.getvalue())
        return 0

    return run_command(command)


if __name__ == "__main__":
    sys.exit(main())
