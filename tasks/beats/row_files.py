"""Files of rows: CSV and Parquet with a `target` column, the published table's form without a head, and single beats as .npy."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cardiac.errors import CardiacError, DatasetError, RecordError, extra, first_line
from cardiac.files import replace_file
from tasks.beats.labels import CLASSES
from tasks.beats.row_recipe import WIDTH, Rows

if TYPE_CHECKING:
    import pandas as pd

TARGET = "target"
SCALE = "scale them as `python -m tasks.beats.rows` does"


def read_rows(path: str | Path) -> Rows:
    """The rows in a file; targets where it has them.

    .csv, .parquet : a column `target` and 187 others in order, or the published table's form: no head, the target last.
    .npy : one beat (1, 1, 187), or (n, 187) of several; without targets.
    Raises DatasetError for a table and RecordError for an .npy that is not this, naming the first row that is wrong.
    """
    path = Path(path)
    kind = path.suffix.lower()
    if kind == ".npy":
        values = _read_npy(path)
        _check_values(path, values, RecordError)
        return Rows(values.astype(np.float32))
    if kind not in (".csv", ".parquet"):
        raise DatasetError(f"{path.name}: is no file of rows: give a .csv, .parquet or .npy")
    table = _read_csv(path) if kind == ".csv" else _read_parquet(path)
    values = _numbers(path, table.drop(columns=TARGET, errors="ignore"))
    _check_values(path, values, DatasetError)
    targets = _targets(path, _numbers(path, table[[TARGET]])[:, 0]) if TARGET in table.columns else None
    return Rows(values.astype(np.float32), targets)


def _read_npy(path: Path) -> np.ndarray:
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise RecordError(f"{path.name}: cannot be read ({first_line(error)}): check the file") from error
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiu":
        raise RecordError(f"{path.name}: holds no numbers: save one array of shape (1, 1, {WIDTH})")
    if values.shape != (1, 1, WIDTH) and (values.ndim != 2 or values.shape[1] != WIDTH):
        raise RecordError(f"{path.name}: has the shape {values.shape}: a beat has (1, 1, {WIDTH}), rows (n, {WIDTH})")
    return values.reshape(-1, WIDTH).astype(float)


def _read_csv(path: Path) -> "pd.DataFrame":
    pd = extra("pandas", "requirements.txt", DatasetError)
    try:
        with path.open(encoding="utf-8-sig") as file:
            head = file.readline().rstrip("\r\n").split(",")
        bare = all(_is_number(each) for each in head) and len(set(head)) < len(head)
        names = [*map(str, range(len(head) - 1)), TARGET] if bare and len(head) == WIDTH + 1 else None
        return pd.read_csv(path, header=None if bare else 0, names=names, encoding="utf-8-sig", index_col=False)
    except (OSError, ValueError, pd.errors.ParserError) as error:
        raise DatasetError(
            f"{path.name}: cannot be read as a CSV table ({first_line(error)}): check the file"
        ) from error


def _read_parquet(path: Path) -> "pd.DataFrame":
    parquet = extra("pyarrow.parquet", "requirements-scale.txt", DatasetError)
    try:
        return parquet.read_table(path).to_pandas()
    except Exception as error:  # pyarrow's own errors have no common parent
        raise DatasetError(f"{path.name}: cannot be read as Parquet ({first_line(error)}): check the file") from error


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _numbers(path: Path, table: "pd.DataFrame") -> np.ndarray:
    try:
        return table.to_numpy(dtype=float, na_value=np.nan)
    except (ValueError, TypeError) as error:
        raise DatasetError(f"{path.name}: holds what is no number ({first_line(error)}): correct the table") from error


def _check_values(path: Path, values: np.ndarray, kind: type[CardiacError]) -> None:
    n, width = values.shape
    if width != WIDTH:
        raise kind(f"{path.name}: has {width} samples in a row besides the target instead of {WIDTH}: {SCALE}")
    if n == 0:
        raise kind(f"{path.name}: has no rows: give at least one")
    wrong = ~np.isfinite(values).all(axis=1)
    if wrong.any():
        raise kind(f"{path.name}: row {wrong.argmax() + 1} has a sample that is no number: leave the row out")
    wrong = ((values < 0) | (values > 1)).any(axis=1)
    if wrong.any():
        raise kind(f"{path.name}: row {wrong.argmax() + 1} has a sample outside of 0 to 1: {SCALE}")


def _targets(path: Path, targets: np.ndarray) -> np.ndarray:
    wrong = ~np.isin(targets, range(len(CLASSES)))
    if wrong.any():
        raise DatasetError(
            f"{path.name}: row {wrong.argmax() + 1} has the target {targets[wrong.argmax()]:g}: "
            f"use 0 to {len(CLASSES) - 1} for {', '.join(CLASSES)}"
        )
    return targets.astype(int)


def write_rows(rows: Rows, path: str | Path) -> None:
    """CSV or Parquet by the file's ending: columns "0" to "186", then `target`; put in place whole.

    Raises DatasetError for another ending, CardiacError where it cannot be written.
    """
    path = Path(path)
    pd = extra("pandas", "requirements.txt", DatasetError)
    table = pd.DataFrame(rows.values, columns=[str(each) for each in range(WIDTH)])
    if rows.targets is not None:
        table[TARGET] = rows.targets
    if path.suffix.lower() == ".csv":
        replace_file(path, table.to_csv(index=False, float_format="%.6g").encode())
    elif path.suffix.lower() == ".parquet":
        extra("pyarrow", "requirements-scale.txt", DatasetError)
        replace_file(path, table.to_parquet(index=False))
    else:
        raise DatasetError(f"{path.name}: rows are written as .csv or .parquet: choose one of these endings")
