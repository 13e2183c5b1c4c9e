"""Other families of features, each under the ridge that the original had, on the folds of a bundle: beside what is shipped.

    python -m tasks.ppg.families --bundle checkpoints/ppg/rhythms          # a quarter of an hour; writes families.npz there

Needs the environment of tasks/ppg/requirements.txt. aeon's RidgeClassifierCV chooses its penalty by leaving out one segment,
whose patient stays: as the original did, and therefore too small a one.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from cardiac.errors import ConfigError
from cardiac.files import replace_file
from tasks.ppg.aeon_kernels import aeon_module
from tasks.ppg.bundle import SHIPPED, load_bundle
from tasks.ppg.classifier import steps_of
from tasks.ppg.dataset import find_data, read_segments, require_labels
from tasks.ppg.evaluate import OTHERS
from tasks.ppg.filters import filter_segments
from tasks.ppg.out_of_fold import OutOfFold, out_of_fold_content, read_out_of_fold
from tasks.ppg.segments import to_rate
from utils import run_command

N_KERNELS, N_MULTI, TAUGHT_SHAPELETS, N_SHAPELETS, N_TRIED = 1_680, 420, 1_000, 100, 2_000
Transform = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def _rocket(name: str, n_kernels: int) -> Transform:
    def features(teaches: np.ndarray, targets: np.ndarray, asked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        module = aeon_module("convolution_based")
        transform = getattr(module, name)(n_kernels=n_kernels, random_state=0, n_jobs=2).fit(teaches)
        return transform.transform(teaches), transform.transform(asked)

    return features


def _shapelets(teaches: np.ndarray, targets: np.ndarray, asked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of some of the segments, at half the rate: the search takes long."""
    module = aeon_module("shapelet_based")
    teaches, asked = (
        each[:, :, : each.shape[2] // 2 * 2].reshape(len(each), 1, -1, 2).mean(axis=3) for each in (teaches, asked)
    )
    some = np.random.default_rng(0).permutation(len(teaches))[:TAUGHT_SHAPELETS]
    transform = module.RandomShapeletTransform(
        n_shapelet_samples=N_TRIED, max_shapelets=N_SHAPELETS, max_shapelet_length=100, random_state=0, n_jobs=2
    ).fit(teaches[some], targets[some])
    return transform.transform(teaches), transform.transform(asked)


FAMILIES: dict[str, Transform] = {
    "shapelets": _shapelets,
    "mini": _rocket("MiniRocket", N_KERNELS),
    "multi": _rocket("MultiRocket", N_MULTI),
}


def ridge_says(features: np.ndarray, targets: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Kinds, int (n,), as the original's pipeline names them."""
    from sklearn.linear_model import RidgeClassifierCV  # slow to import

    features, asked = (np.nan_to_num(each).astype(np.float32) for each in (features, asked))
    mean, sd = features.mean(axis=0), features.std(axis=0)
    sd = np.where(sd > 1e-6, sd, 1.0)
    model = RidgeClassifierCV(alphas=np.logspace(-3, 3, 10)).fit((features - mean) / sd, targets)
    return model.predict((asked - mean) / sd)


def families_of(steps: np.ndarray, told: OutOfFold, names: Sequence[str]) -> OutOfFold:
    """What each family says of every segment, on the folds of `told`. steps : int16 (n, n_samples)."""
    cases, said = steps.astype(np.float32)[:, None], {name: np.zeros(len(steps), int) for name in names}
    for name in names:
        begin = time.monotonic()
        for fold in range(int(told.folds.max()) + 1):
            teaches, asked = told.folds != fold, told.folds == fold
            features = FAMILIES[name](cases[teaches], told.targets[teaches], cases[asked])
            said[name][asked] = ridge_says(features[0], told.targets[teaches], features[1])
        print(f"{name}: {time.monotonic() - begin:.0f} s", flush=True)
    probabilities = np.zeros((len(steps), told.probabilities.shape[1]), np.float32)
    return OutOfFold(probabilities, told.targets, told.patients, told.folds, said)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, default=SHIPPED, help="folder of the classifier (%(default)s)")
    parser.add_argument("--data", type=Path, help="what it was trained on; else $ECG_DATA/ppg, data/ppg")
    parser.add_argument("--fs-hz", type=float, metavar="HZ", help="sampling rate of a table")
    parser.add_argument("--only", nargs="+", choices=[*FAMILIES], default=[*FAMILIES], help="which families")
    options = parser.parse_args(arguments)

    def command() -> int:
        path, bundle, told = find_data(options.data), load_bundle(options.bundle), read_out_of_fold(options.bundle)
        segments = require_labels(read_segments(path, options.fs_hz), path)
        if not np.array_equal(segments.targets, told.targets):
            raise ConfigError(f"{path.name}: is not what {options.bundle} was trained on: give that with --data")
        filtered = filter_segments(segments.values, segments.fs_hz, bundle.filter)
        steps = next(steps_of(to_rate(filtered, segments.fs_hz)))
        replace_file(options.bundle / OTHERS, out_of_fold_content(families_of(steps, told, options.only)))
        return 0

    return run_command(command, written_to="--bundle")


if __name__ == "__main__":
    sys.exit(main())
