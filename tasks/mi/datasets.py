"""Labelled collections on disk -> Dataset: which records there are, whose they are, and what is true of them."""

import ast
import os
import zipfile
import zlib
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from cardiac.errors import DatasetError, first_line
from cardiac.files import read_table
from cardiac.leads import LEADS
from cardiac.listing import PTBXL_INDEX, Listing
from cardiac.records import Record
from tasks.mi.gains import restore_gains
from tasks.mi.labels import (
    AUXILIARY,
    COLUMNS,
    NORM,
    RECORD_COLUMN,
    SCP_AUXILIARY,
    SCP_SITES,
    SITES,
    scp_auxiliary,
    scp_targets,
)

FILTERED_HZ, FILTERED_UNIT = 100.0, 1e-3  # of ptb-xl-filtered's signals.npz
UNKNOWN = np.full(len(AUXILIARY), np.nan, dtype=np.float32)
NOISE_FLAGS = ("baseline_drift", "static_noise", "burst_noise", "electrodes_problems")


@dataclass(frozen=True)
class Dataset:
    """Records with their truth, all in one order.

    table : one row a record: record_id, patient_id, age (years, NaN), sex (0 male, 1 female, NaN), noisy (bool, PTB-XL
        flags noise), ptbxl_infarction (1, 0 or NaN), strat_fold (1 to 10 or NaN).
    sources : a path, or a Record in memory, for each.  infarction : bool (n,).  sites : bool (n, 6).
    layout : "task", "ptb-xl", "ptb-xl-filtered", "labels" or "simulated".  codes : float32 (n, n_auxiliary), PTB-XL's word on
    `labels.AUXILIARY`; NaN where there is none.  weak_datasets : records beside these with weaker labels, to learn from alone.
    """

    table: pd.DataFrame
    sources: Sequence[Path | Record]
    infarction: np.ndarray
    sites: np.ndarray
    layout: str
    codes: np.ndarray | None = None
    weak_datasets: "tuple[Dataset, ...]" = ()

    @property
    def patients(self) -> np.ndarray:
        return self.table["patient_id"].to_numpy()

    @property
    def contradicted(self) -> np.ndarray:
        """Records of which PTB-XL says the contrary about infarction, bool (n,)."""
        opinion = self.table["ptbxl_infarction"].to_numpy(dtype=float)
        return ~np.isnan(opinion) & (opinion != self.infarction)


def read_dataset(folder: str | Path, min_likelihood: float = 50.0) -> Dataset:
    """The data set in a folder, in the task's layout or in PTB-XL's.

    The task's: `train/*.npy` or `*.npy` beside train_gts_final.csv (sites) and train_meta.csv (patients).
    PTB-XL's: ptbxl_database.csv with records500/ or records100/; SCP codes of at least `min_likelihood` percent stand
    for infarction and sites as `labels.SCP_SITES` has it.
    Raises DatasetError.
    """
    folder = Path(folder)
    if not os.path.isdir(folder):  # noqa: PTH112 (False for a name that no disk takes)
        raise DatasetError(f"{folder}: there is no such folder: give the data set's folder with --data")
    if (folder / PTBXL_INDEX).is_file():
        return _read_ptbxl(folder, min_likelihood)
    for candidate in (folder, folder / "train"):
        if (candidate / "train_gts_final.csv").is_file() or (candidate / "train_gts.csv").is_file():
            return _read_task(candidate, min_likelihood)
    raise DatasetError(
        f"{folder}: neither train_gts_final.csv nor ptbxl_database.csv lies here or in train/: give the data set's folder"
    )


def read_labels(path: str | Path, listing: Listing) -> tuple[Dataset, list[str]]:
    """The records of a table of labels, as the site exports it, that lie among recordings; and sentences on all others.

    The table has record_name and the task's seven columns, and may have patient_id (without it, or where it is empty, a
    record is a patient of its own) and verdict, of which "unreadable" leaves a record out. Every row that is not used, and
    every recording without a row, is counted in a sentence that names the first.
    Raises DatasetError for what is no such table, a name that stands in it twice, or recordings of which none has a label.
    """
    path = Path(path)
    table = read_table(path, [RECORD_COLUMN, *COLUMNS.values()], text=[RECORD_COLUMN])
    if listing.unread and not listing.recordings:
        raise DatasetError(listing.unread[0][1])
    names, by_name = table[RECORD_COLUMN].to_list(), {each.record_id: Path(each.path) for each in listing.recordings}
    found = [_as_recording(name, by_name) for name in names]
    faults = [
        fault or ("no recording" if name not in by_name else "")
        for name, fault in zip(found, map(_label_fault, table.to_dict("records")), strict=True)
    ]
    used = np.array([not fault for fault in faults], dtype=bool)
    sentences = [*_sentences(names, faults), *(sentence for _, sentence in listing.unread)]
    if unlabelled := sorted(set(by_name) - set(found)):
        sentences.append(_left_out(unlabelled, ("recording has", "recordings have", "no label")))
    if not used.any():
        raise DatasetError(
            f"{path.name}: none of its {len(table)} rows is a label of one of {len(by_name)} recordings: "
            f"give their folder with --data{''.join(f' ({each})' for each in sentences[:1])}"
        )
    patients, said = _patients(table, found)
    kept = table[used]
    about = pd.DataFrame({"record_id": np.array(found, dtype=object)[used], "patient_id": patients[used]})
    about = about.assign(age=np.nan, sex=np.nan, noisy=False, ptbxl_infarction=np.nan, strat_fold=np.nan)
    sites = kept[[COLUMNS[site] for site in SITES]].to_numpy(dtype=float) == 1
    sources = [by_name[name] for name in about["record_id"]]
    return Dataset(about, sources, sites.any(axis=1), sites, "labels"), [*sentences, said]


LABEL_FAULTS = {
    "no recording": ("row has", "rows have", "no recording"),
    "unreadable": ("review says", "reviews say", "unreadable"),
    "empty": ("row has", "rows have", "no label"),
    "odd": ("row has", "rows have", "a cell that is not 0 or 1"),
    "torn": ("row has", "rows have", "both a site and норма, or neither"),
}


def _as_recording(name: str, known: Container[str]) -> str:
    """A record's name in the site's tables as its file is called: without the mark against formulas, and percent-encoded."""
    plain = name.removeprefix("'")
    encoded = plain.replace("%", "%25").replace("/", "%2F").replace(":", "%3A")
    return next((each for each in (name, plain, encoded) if each in known), name)


def _label_fault(row: Mapping[str, object]) -> str:
    """Why the label in a row cannot be used, a key of LABEL_FAULTS; "" where it can."""
    if str(row.get("verdict", "")).strip().lower() == "unreadable":
        return "unreadable"
    cells = [pd.to_numeric(str(row[column]), errors="coerce") for column in COLUMNS.values()]
    if all(pd.isna(row[column]) for column in COLUMNS.values()):
        return "empty"
    if any(cell not in (0, 1) for cell in cells):
        return "odd"
    has_site, is_norm = any(cells[: len(SITES)]), bool(cells[-1])
    return "torn" if has_site == is_norm else ""


def _sentences(names: Sequence[str], faults: Sequence[str]) -> list[str]:
    """One for each kind of row that is left out."""
    by_fault = {key: [name for name, fault in zip(names, faults, strict=True) if fault == key] for key in LABEL_FAULTS}
    return [_left_out(by_fault[key], words) for key, words in LABEL_FAULTS.items() if by_fault[key]]


def _left_out(names: Sequence[str], words: tuple[str, str, str]) -> str:
    """How many were left out, why, and the first. words : subject and verb of one and of many, and the rest."""
    one, many, what = words
    return f"{len(names)} {one if len(names) == 1 else many} {what}: left out (first {names[0]!r})."


def _patients(table: pd.DataFrame, names: Sequence[str]) -> tuple[np.ndarray, str]:
    """Whose each row is, text (n,), and a sentence on it; a record whose patient is not known is its own."""
    alone = np.array([f"record {name}" for name in names], dtype=object)
    if "patient_id" not in table:
        return alone, "No column patient_id: every record is taken for a patient of its own."
    stated = table["patient_id"]
    patients = np.where(stated.isna(), alone, stated.astype(str))
    n_patients = stated.nunique()
    missing = f"; {int(stated.isna().sum())} records without one are their own" if stated.isna().any() else ""
    return patients, f"{n_patients} patients by patient_id{missing}."


def read_weak_datasets(dataset: Dataset, folders: Sequence[str | Path]) -> Dataset:
    """The data set with weak ones beside it: PTB-XL's records in these folders, without those that it holds already.

    A folder holds PTB-XL's layout, or signals.npz beside labels.csv as in `ptb-xl-filtered`. What several folders hold is
    taken from the first, at whichever rate that has it. Raises DatasetError.
    """
    known, weak_datasets = {*dataset.table["record_id"].map(_tracing)}, []
    for folder in map(Path, folders):
        if not folder.is_dir():
            raise DatasetError(f"{folder}: there is no such folder: unpack it, or leave it out of data.weak_datasets")
        filtered = (folder / "signals.npz").is_file()
        weak = _read_filtered(folder) if filtered else _read_ptbxl(folder, min_likelihood=0.0)
        tracings = weak.table["record_id"].map(_tracing)
        weak_datasets.append(some_rows(weak, ~tracings.isin(known).to_numpy()))
        known |= {*tracings}
    return replace(dataset, weak_datasets=tuple(weak_datasets))


def _tracing(record_id: str) -> str:
    """A record's name without what PTB-XL adds for its rate: 00001_lr and 00001_hr are the same ten seconds."""
    return record_id.removesuffix("_lr").removesuffix("_hr")


def some_rows(dataset: Dataset, kept: np.ndarray) -> Dataset:
    """These records of a data set alone. kept : bool (n,), or the records' indices in the order that is wanted."""
    rows = np.arange(len(dataset.infarction))[kept]
    return replace(
        dataset,
        table=dataset.table.iloc[rows].reset_index(drop=True),
        sources=[dataset.sources[row] for row in rows],
        infarction=dataset.infarction[rows],
        sites=dataset.sites[rows],
        codes=None if dataset.codes is None else dataset.codes[rows],
    )


def _read_task(folder: Path, min_likelihood: float) -> Dataset:
    if not (folder / "train_gts_final.csv").is_file():
        raise DatasetError(
            f"{folder}: train_gts_final.csv is missing, and without it no site can be learnt: put it there"
        )
    truth = read_table(folder / "train_gts_final.csv", [RECORD_COLUMN, *COLUMNS.values()], text=[RECORD_COLUMN])
    meta = read_table(folder / "train_meta.csv", [RECORD_COLUMN, "patient_id"], text=[RECORD_COLUMN])
    table = truth[[RECORD_COLUMN]].merge(meta, on=RECORD_COLUMN, how="left")
    if table["patient_id"].isna().any():
        nameless = table.loc[table["patient_id"].isna(), RECORD_COLUMN].iloc[0]
        raise DatasetError(f"train_meta.csv: record {nameless!r} has no patient_id, and folds go by patient: add it")
    for name in ("age", "sex"):
        table[name] = _numbers(table, name)
    table = table.merge(_ptbxl_opinion(folder / "train_ptbxl.csv", min_likelihood), on=RECORD_COLUMN, how="left")
    table["noisy"] = table["noisy"].eq(True)
    table = table.rename(columns={RECORD_COLUMN: "record_id"})
    paths = [folder / f"{record}.npy" for record in table["record_id"]]
    missing = [path.name for path in paths if not path.is_file()]
    if missing:
        raise DatasetError(
            f"{folder}: {len(missing)} labelled recordings are missing (first {missing[0]}): unpack them all"
        )
    odd = ~truth[list(COLUMNS.values())].isin([0, 1]).all(axis=1)
    if odd.any():
        raise DatasetError(
            f"train_gts_final.csv: record {truth[RECORD_COLUMN][odd].iloc[0]!r} has a cell that is not 0 or 1"
        )
    sites = truth[[COLUMNS[site] for site in SITES]].to_numpy() == 1
    infarction = sites.any(axis=1)
    torn = infarction == (truth[COLUMNS[NORM]].to_numpy() == 1)
    if torn.any():
        raise DatasetError(
            f"train_gts_final.csv: record {truth[RECORD_COLUMN][torn].iloc[0]!r} has both a site and норма, or neither: "
            "set one of them"
        )
    _check_binary(folder / "train_gts.csv", truth[RECORD_COLUMN], infarction)
    codes = np.stack(table.pop("codes").map(lambda row: row if isinstance(row, np.ndarray) else UNKNOWN).to_list())
    return Dataset(table, paths, infarction, sites, "task", codes)


def _check_binary(path: Path, record_ids: pd.Series, infarction: np.ndarray) -> None:
    """Refuse a train_gts.csv that contradicts the sites."""
    if not path.is_file():
        return
    binary = read_table(path, [RECORD_COLUMN, "myocard"], text=[RECORD_COLUMN]).set_index(RECORD_COLUMN)["myocard"]
    myocard = pd.to_numeric(binary, errors="coerce").reindex(record_ids).to_numpy(dtype=float)
    differs = ~np.isnan(myocard) & (myocard != infarction)
    if differs.any():
        raise DatasetError(
            f"{path.name}: record {record_ids[differs].iloc[0]!r} differs from train_gts_final.csv: mend one"
        )


def _ptbxl_opinion(path: Path, min_likelihood: float) -> pd.DataFrame:
    """PTB-XL's own word on the task's records: infarction code, noise flags, strat_fold. Empty where there is no file."""
    names = [RECORD_COLUMN, "ptbxl_infarction", "noisy", "strat_fold", "codes", "ptbxl_codes", "report"]
    if not path.is_file():
        return pd.DataFrame({name: pd.Series(dtype=str if name == RECORD_COLUMN else float) for name in names})
    table = read_table(path, [RECORD_COLUMN, "scp_codes", *NOISE_FLAGS], text=[RECORD_COLUMN])
    record_codes = [_codes(codes) for codes in table["scp_codes"]]
    table["ptbxl_infarction"] = np.array([scp_targets(codes, min_likelihood)[0] for codes in record_codes], dtype=float)
    table["codes"] = [scp_auxiliary(codes) for codes in record_codes]
    table["ptbxl_codes"] = [
        ", ".join(f"{code} {likelihood:g}" for code, likelihood in codes.items()) for codes in record_codes
    ]
    table["report"] = table.get("report", "")
    table["noisy"] = table[list(NOISE_FLAGS)].notna().any(axis=1)
    table["strat_fold"] = _numbers(table, "strat_fold")
    return table[names]


def _read_ptbxl(folder: Path, min_likelihood: float) -> Dataset:
    database = read_table(folder / PTBXL_INDEX, ["ecg_id", "patient_id", "scp_codes", "strat_fold"])
    column = "filename_hr" if (folder / "records500").is_dir() else "filename_lr"
    if column not in database:
        raise DatasetError(f"ptbxl_database.csv: column {column!r} is missing: take PTB-XL's own table")
    present = np.array([(folder / f"{name}.hea").is_file() for name in database[column]])
    if not present.any():
        raise DatasetError(
            f"{folder}: none of the recordings that ptbxl_database.csv names is here: unpack records500/"
        )
    database = database[present].reset_index(drop=True)
    record_codes = [_codes(codes) for codes in database["scp_codes"]]
    targets = [scp_targets(codes, min_likelihood) for codes in record_codes]
    strat_fold = _numbers(database, "strat_fold")
    if not strat_fold.isin(range(1, 11)).all() or database["patient_id"].isna().any():
        raise DatasetError(
            "ptbxl_database.csv: a strat_fold is not 1 to 10, or a patient_id is empty: take PTB-XL's own"
        )
    flags = [name for name in NOISE_FLAGS if name in database]
    infarction = np.array([is_infarction for is_infarction, _ in targets])
    table = pd.DataFrame(
        {
            "record_id": [Path(name).name for name in database[column]],
            "patient_id": database["patient_id"],
            "age": _numbers(database, "age"),
            "sex": _numbers(database, "sex"),
            "noisy": database[flags].notna().any(axis=1),
            "ptbxl_infarction": infarction.astype(float),
            "strat_fold": strat_fold,
        }
    )
    paths = [folder / f"{name}.hea" for name in database[column]]
    auxiliary = np.stack([scp_auxiliary(codes) for codes in record_codes])
    return Dataset(table, paths, infarction, np.stack([sites for _, sites in targets]), "ptb-xl", auxiliary)


def _read_filtered(folder: Path) -> Dataset:
    """PTB-XL's records as `ptb-xl-filtered` has them: 100 Hz, unit variance in each lead, codes without likelihood.

    The amplitudes are lost: `signals.restore_gains` makes them up, and training varies them.
    """
    labels = read_table(folder / "labels.csv", ["ecg_id", "patient_id", "age", "sex", "strat_fold"])
    try:
        with (folder / "signals.npz").open("rb") as file, np.load(file, allow_pickle=False) as content:
            signals, ecg_ids = content["signals"], content["ecg_id"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DatasetError(f"{folder}: signals.npz cannot be read ({first_line(error)}): unpack it again") from error
    if signals.shape[:2] != (len(labels), len(LEADS)) or not np.array_equal(ecg_ids, labels["ecg_id"]):
        raise DatasetError(f"{folder}: labels.csv and signals.npz are not of the same records: unpack both again")
    record_ids = [f"{ecg_id:05d}_hr" for ecg_id in ecg_ids]
    named = zip(record_ids, signals, strict=True)
    sources = [Record(name, restore_gains(FILTERED_UNIT * signal), FILTERED_HZ) for name, signal in named]
    named_codes = [name for name in labels.columns if name in SCP_SITES or name in SCP_AUXILIARY]
    record_codes = [{name: 100.0 for name in named_codes if row[name] == 1} for row in labels.to_dict("records")]
    targets = [scp_targets(codes, 0.0) for codes in record_codes]
    infarction = np.array([is_infarction for is_infarction, _ in targets])
    table = labels[["patient_id", "age", "sex", "strat_fold"]].assign(
        record_id=record_ids, noisy=False, ptbxl_infarction=infarction.astype(float)
    )
    codes = np.stack([scp_auxiliary(each) for each in record_codes])
    return Dataset(table, sources, infarction, np.stack([each for _, each in targets]), "ptb-xl-filtered", codes)


def _numbers(table: pd.DataFrame, name: str) -> pd.Series:
    """A column as numbers; NaN where it is missing, empty or text."""
    return pd.to_numeric(table[name], errors="coerce") if name in table else pd.Series(np.nan, index=table.index)


def _codes(text: str) -> dict[str, float]:
    """PTB-XL's scp_codes cell, a Python literal, as code -> likelihood in percent."""
    try:
        codes = ast.literal_eval(text)
        return {str(code): float(likelihood) for code, likelihood in codes.items()}
    except (ValueError, SyntaxError, AttributeError, TypeError) as error:
        raise DatasetError(
            f"ptbxl_database.csv: scp_codes {text!r:.60} is not a table of codes: take PTB-XL's own"
        ) from error
