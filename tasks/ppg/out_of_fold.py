"""What was said of every segment by what learnt nothing from its patient, as a file beside the bundle."""

import hashlib
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cardiac.errors import ConfigError, first_line
from cardiac.files import replace_file

FILE = "out_of_fold.npz"


@dataclass(frozen=True)
class OutOfFold:
    """probabilities : float (n, n_kinds), of the joining.  targets, patients, folds : int (n,).  said : by family, int (n,)."""

    probabilities: np.ndarray
    targets: np.ndarray
    patients: np.ndarray
    folds: np.ndarray
    said: dict[str, np.ndarray]


def out_of_fold_content(told: OutOfFold) -> bytes:
    """The content of the file; the same of the same."""
    content = io.BytesIO()
    arrays = {
        "probabilities": told.probabilities.astype(np.float32),
        "targets": told.targets.astype(np.int16),
        "patients": told.patients.astype(np.int32),
        "folds": told.folds.astype(np.int8),
    }
    np.savez_compressed(
        content, **arrays, **{f"said_{name}": each.astype(np.int16) for name, each in told.said.items()}
    )
    return content.getvalue()


def write_out_of_fold(folder: Path, told: OutOfFold) -> None:
    """Put the file in place whole."""
    replace_file(folder / FILE, out_of_fold_content(told))


def read_out_of_fold(folder: Path, name: str = FILE) -> OutOfFold:
    """What a training wrote. Raises ConfigError where it is missing or no such file."""
    path = folder / name
    try:
        with np.load(path, allow_pickle=False) as file:
            said = {key.removeprefix("said_"): file[key].astype(int) for key in file if key.startswith("said_")}
            columns = (file[key].astype(int) for key in ("targets", "patients", "folds"))
            return OutOfFold(file["probabilities"].astype(float), *columns, said)
    except OSError as error:
        raise ConfigError(f"{path}: is missing or unreadable: give the folder of a training") from error
    except (KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ConfigError(f"{path}: cannot be read ({first_line(error)}): give the folder of a training") from error


def checksum_of(told: OutOfFold) -> str:
    """SHA-256 of what was said, the same whatever compressed it: by it a table knows again what it was made of."""
    digest = hashlib.sha256()
    for each in (told.probabilities.astype(np.float32), told.targets, told.patients, told.folds):
        digest.update(np.ascontiguousarray(each).tobytes())
    for name in sorted(told.said):
        digest.update(name.encode() + told.said[name].astype(int).tobytes())
    return digest.hexdigest()
