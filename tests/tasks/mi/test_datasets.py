import dataclasses
import gc

import numpy as np
import pandas as pd
import pytest
import wfdb

from cardiac.errors import DatasetError
from cardiac.folds import read_folds
from cardiac.leads import LEADS
from cardiac.records import read_record
from tasks.mi.datasets import read_dataset, read_weak_datasets
from tasks.mi.folds import folds_with_weak
from tasks.mi.labels import AUXILIARY, COLUMNS, SITES
from tasks.mi.simulate import simulate_dataset
from tasks.mi.submission import read_template

NAMES = list(COLUMNS.values())


@pytest.fixture
def task(tmp_path, signal):
    """Three records in the task's layout: inferior, septal with anterior, none."""
    folder = tmp_path / "train"
    folder.mkdir()
    truth = pd.DataFrame(0, index=["b", "a", "c"], columns=NAMES)
    truth.loc["b", COLUMNS["inferior"]] = 1
    truth.loc["a", [COLUMNS["septal"], COLUMNS["anterior"]]] = 1
    truth.loc["c", "норма"] = 1
    truth.rename_axis("record_name").reset_index().to_csv(folder / "train_gts_final.csv", index=False)
    meta = pd.DataFrame({"record_name": ["a", "b", "c"], "patient_id": [1.0, 1.0, 2.0], "age": [60, 300, None]})
    meta.to_csv(folder / "train_meta.csv", index=False)
    for name in "abc":
        np.save(folder / f"{name}.npy", signal)
    return folder


def edit(path, change):
    table = pd.read_csv(path)
    changed = change(table)
    (table if changed is None else changed).to_csv(path, index=False)


def test_task_layout(task):
    for folder in (task, task.parent):
        dataset = read_dataset(folder)
        assert dataset.layout == "task"
        assert list(dataset.table["record_id"]) == ["b", "a", "c"]
        assert list(dataset.patients) == [1, 1, 2]
        assert dataset.infarction.tolist() == [True, True, False]
        assert [SITES[place] for place in np.flatnonzero(dataset.sites[1])] == ["septal", "anterior"]
        assert dataset.table["noisy"].tolist() == [False] * 3
        assert dataset.sources[0].name == "b.npy"
        assert np.isnan(dataset.codes).all()  # nothing is known of PTB-XL's word


def test_ptbxl_opinion_is_joined(task):
    opinion = pd.DataFrame({"record_name": ["c"], "scp_codes": ["{'IMI': 80.0}"], "strat_fold": [4]})
    for flag in ("baseline_drift", "static_noise", "burst_noise", "electrodes_problems"):
        opinion[flag] = " , I-V1,  " if flag == "static_noise" else None
    opinion.to_csv(task / "train_ptbxl.csv", index=False)
    table = read_dataset(task).table.set_index("record_id")
    assert table.loc["c", "ptbxl_infarction"] == 1
    assert np.isnan(table.loc["a", "ptbxl_infarction"])
    assert table["noisy"].to_dict() == {"b": False, "a": False, "c": True}
    codes = read_dataset(task).codes
    assert named_auxiliary(codes[2]) == {"IMI": 1.0, "infarction, any": 0.8, "infarction, inferior": 0.8}
    assert np.isnan(codes[:2]).all()


FAULTS = {
    "no sites": (lambda f: (f / "train_gts_final.csv").rename(f / "train_gts.csv"), "train_gts_final.csv is missing"),
    "lost recording": (lambda f: (f / "a.npy").unlink(), r"1 labelled recordings are missing \(first a.npy\)"),
    "no patient": (lambda f: edit(f / "train_meta.csv", lambda t: t[t.record_name != "c"]), "'c' has no patient_id"),
    "no meta": (lambda f: (f / "train_meta.csv").unlink(), "train_meta.csv: cannot be read"),
    "site and norm": (
        lambda f: edit(f / "train_gts_final.csv", lambda t: t.assign(норма=1)),
        "'b' has both a site and норма, or neither",
    ),
    "twice": (
        lambda f: edit(f / "train_gts_final.csv", lambda t: pd.concat([t, t[:1]])),
        "'b' is listed twice",
    ),
    "no column": (
        lambda f: edit(f / "train_gts_final.csv", lambda t: t.drop(columns="нижний")),
        "column 'нижний' is missing",
    ),
    "contradiction": (
        lambda f: pd.DataFrame({"record_name": ["b"], "myocard": [0]}).to_csv(f / "train_gts.csv", index=False),
        "'b' differs from train_gts_final.csv",
    ),
    "half a site": (
        lambda f: edit(f / "train_gts_final.csv", lambda t: t.assign(нижний=0.5)),
        "'b' has a cell that is not 0 or 1",
    ),
    "not text": (lambda f: (f / "train_gts_final.csv").write_bytes(b"\xff\xfe\x00"), "cannot be read as a CSV"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_faults_of_the_task_layout(task, case):
    change, told = FAULTS[case]
    change(task)
    with pytest.raises(DatasetError, match=told):
        read_dataset(task)


def test_folders_that_hold_no_data_set(tmp_path):
    with pytest.raises(DatasetError, match="no such folder"):
        read_dataset(tmp_path / "nowhere")
    with pytest.raises(DatasetError, match="neither"):
        read_dataset(tmp_path)


def test_ptbxl_layout(tmp_path):
    database = pd.DataFrame(
        {
            "ecg_id": [1, 2, 3],
            "patient_id": [10.0, 11.0, 12.0],
            "scp_codes": ["{'NORM': 100.0}", "{'ILMI': 100.0}", "{'IMI': 100.0}"],
            "strat_fold": [1, 9, 10],
            "static_noise": [None, " , I-V1,  ", None],
            "filename_lr": [f"records100/00000/0000{n}_lr" for n in (1, 2, 3)],
            "filename_hr": [f"records500/00000/0000{n}_hr" for n in (1, 2, 3)],
        }
    )
    database.to_csv(tmp_path / "ptbxl_database.csv", index=False)
    with pytest.raises(DatasetError, match="unpack"):
        read_dataset(tmp_path)
    (tmp_path / "records100/00000").mkdir(parents=True)
    for n in (1, 2):
        (tmp_path / f"records100/00000/0000{n}_lr.hea").touch()
    assert list(read_dataset(tmp_path).table["record_id"]) == ["00001_lr", "00002_lr"]
    (tmp_path / "records500/00000").mkdir(parents=True)
    for n in (1, 2):
        (tmp_path / f"records500/00000/0000{n}_hr.hea").touch()
    dataset = read_dataset(tmp_path)
    assert list(dataset.table["record_id"]) == ["00001_hr", "00002_hr"]
    assert dataset.infarction.tolist() == [False, True]
    assert [SITES[place] for place in np.flatnonzero(dataset.sites[1])] == ["lateral", "inferior"]
    assert dataset.table["noisy"].tolist() == [False, True]


@pytest.fixture
def ptbxl(tmp_path, signal):
    """Three records in PTB-XL's layout: none, an inferior infarction of little likelihood, an anterior one."""
    folder = tmp_path / "ptb-xl"
    (folder / "records500/00000").mkdir(parents=True)
    names = [f"0000{n}_hr" for n in (1, 2, 3)]
    pd.DataFrame(
        {
            "ecg_id": [1, 2, 3],
            "patient_id": [10.0, 11.0, 12.0],
            "scp_codes": ["{'NORM': 80.0, 'SR': 0.0}", "{'IMI': 15.0}", "{'AMI': 100.0, 'LVH': 35.0}"],
            "strat_fold": [1, 9, 10],
            "filename_hr": [f"records500/00000/{name}" for name in names],
        }
    ).to_csv(folder / "ptbxl_database.csv", index=False)
    for n, name in enumerate(names):
        wfdb.wrsamp(
            name, fs=500, units=["mV"] * 12, sig_name=list(LEADS), p_signal=(n + 1) * signal.T.astype(float),
            fmt=["16"] * 12, write_dir=str(folder / "records500/00000"),
        )  # fmt: skip
    return folder


@pytest.fixture
def filtered(tmp_path, signal):
    """Four records as ptb-xl-filtered has them: thousandths of a unit-variance signal at 100 Hz, codes as columns."""
    folder = tmp_path / "ptb-xl-filtered"
    folder.mkdir()
    scaled = signal[:, ::5] / signal[:, ::5].std(axis=1, keepdims=True)
    labels = pd.DataFrame({"ecg_id": [3, 7, 8, 9], "patient_id": [12, 13, 13, 14], "age": [50, None, 60, 70]})
    labels = labels.assign(sex=[0, 1, 0, 1], strat_fold=[1, 2, 3, 4], NORM=[0, 1, 0, 0], SR=1)
    labels = labels.assign(AMI=[1, 0, 0, 0], ILMI=[0, 0, 1, 0], LVH=[0, 0, 1, 0])
    labels.to_csv(folder / "labels.csv", index=False)
    samples = np.stack([np.round(1000 * scaled)] * 4).astype(np.int16)
    np.savez_compressed(folder / "signals.npz", signals=samples, ecg_id=labels["ecg_id"].to_numpy())
    return folder


def named_auxiliary(codes):
    return {name: round(float(value), 2) for name, value in zip(AUXILIARY, codes, strict=True) if value > 0}


def test_weak_datasets_of_ptbxl(ptbxl, signal):
    """Every code counts, whatever its likelihood; the soft targets know it."""
    dataset = simulate_dataset(2, seed=1)
    assert dataset.weak_datasets == ()
    (other,) = read_weak_datasets(dataset, [ptbxl]).weak_datasets
    assert other.layout == "ptb-xl"
    assert list(other.table["record_id"]) == ["00001_hr", "00002_hr", "00003_hr"]
    assert list(other.patients) == [10, 11, 12]
    assert other.infarction.tolist() == [False, True, True]
    assert [[SITES[place] for place in np.flatnonzero(row)] for row in other.sites] == [[], ["inferior"], ["anterior"]]
    assert named_auxiliary(other.codes[0]) == {"NORM": 1.0}
    assert named_auxiliary(other.codes[1]) == {"IMI": 0.15, "infarction, any": 0.15, "infarction, inferior": 0.15}
    record = read_record(other.sources[1])
    assert np.allclose(record.signal, 2 * signal, atol=2e-3)


def test_weak_datasets_of_the_filtered_layout(filtered, signal):
    (other,) = read_weak_datasets(simulate_dataset(2, seed=1), [filtered]).weak_datasets
    assert other.layout == "ptb-xl-filtered"
    assert list(other.table["record_id"]) == ["00003_hr", "00007_hr", "00008_hr", "00009_hr"]
    assert list(other.patients) == [12, 13, 13, 14]
    assert other.infarction.tolist() == [True, False, True, False]
    assert [SITES[place] for place in np.flatnonzero(other.sites[2])] == ["lateral", "inferior"]
    assert named_auxiliary(other.codes[1]) == {"NORM": 1.0}
    assert named_auxiliary(other.codes[2])["LVH"] == 1.0
    assert named_auxiliary(other.codes[3]) == {}
    record = read_record(other.sources[0])
    assert (record.signal.shape, record.signal.dtype, record.fs_hz) == ((12, 1000), np.float32, 100)
    for lead, expected in zip(record.signal, signal[:, ::5], strict=True):
        assert np.corrcoef(lead, expected)[0, 1] > 0.999


@pytest.mark.parametrize("ending", ["hr", "lr"])
def test_records_that_stand_in_the_data_set_are_no_weak_datasets(ptbxl, filtered, ending):
    """Neither those of the data set itself, at whichever rate, nor those of a folder before."""
    dataset = simulate_dataset(2, seed=1)
    dataset.table["record_id"] = [f"00002_{ending}", f"00009_{ending}"]
    first, second = read_weak_datasets(dataset, [ptbxl, filtered]).weak_datasets
    assert list(first.table["record_id"]) == ["00001_hr", "00003_hr"]
    assert list(second.table["record_id"]) == ["00007_hr", "00008_hr"]
    for other in (first, second):
        assert len(other.sources) == len(other.infarction) == len(other.sites) == len(other.codes) == 2
    assert [read_record(source).record_id for source in first.sources] == ["00001_hr", "00003_hr"]
    assert [source.record_id for source in second.sources] == ["00007_hr", "00008_hr"]
    assert first.infarction.tolist() == [False, True]
    assert second.infarction.tolist() == [False, True]


def change_npz(folder, **changes):
    with np.load(folder / "signals.npz") as content:
        np.savez_compressed(folder / "signals.npz", **{**content, **changes})


def spoil(path, start: int, stop: int):
    content = bytearray(path.read_bytes())
    content[start:stop] = bytes(255 - byte for byte in content[start:stop])
    path.write_bytes(content)


WEAK_FAULTS = {
    "no npz": (lambda f: (f / "signals.npz").write_bytes(b"junk"), "signals.npz cannot be read"),
    "empty npz": (lambda f: (f / "signals.npz").write_bytes(b""), "signals.npz cannot be read"),
    "torn npz": (
        lambda f: (f / "signals.npz").write_bytes((f / "signals.npz").read_bytes()[:2000]),
        "signals.npz cannot be read",
    ),
    "spoilt npz": (lambda f: spoil(f / "signals.npz", 500, 900), "signals.npz cannot be read"),
    "no signals": (lambda f: np.savez(f / "signals.npz", ecg_id=[3, 7, 8, 9]), "signals.npz cannot be read"),
    "objects": (
        lambda f: change_npz(f, signals=np.array([None] * 4, dtype=object)),
        "signals.npz cannot be read",
    ),
    "no labels": (lambda f: (f / "labels.csv").unlink(), "labels.csv: cannot be read"),
    "no patients": (
        lambda f: edit(f / "labels.csv", lambda t: t.drop(columns="patient_id")),
        "column 'patient_id' is missing",
    ),
    "labels of fewer": (lambda f: edit(f / "labels.csv", lambda t: t[1:]), "are not of the same records"),
    "labels of others": (
        lambda f: edit(f / "labels.csv", lambda t: t.assign(ecg_id=t.ecg_id[::-1].to_numpy())),
        "are not of the same records",
    ),
    "names of fewer": (lambda f: change_npz(f, ecg_id=np.array([3, 7])), "are not of the same records"),
    "eleven leads": (
        lambda f: change_npz(f, signals=np.zeros((4, 11, 1000), np.int16)),
        "are not of the same records",
    ),
}


@pytest.mark.filterwarnings("ignore:unclosed file")  # NumPy leaves an archive open that it cannot read
@pytest.mark.parametrize("case", WEAK_FAULTS)
def test_faults_of_weak_datasets(filtered, case):
    change, told = WEAK_FAULTS[case]
    change(filtered)
    with pytest.raises(DatasetError, match=told) as caught:
        read_weak_datasets(simulate_dataset(2, seed=1), [filtered])
    assert "\n" not in str(caught.value)
    del caught
    gc.collect()


def test_weak_datasets_that_are_not_there(tmp_path):
    with pytest.raises(DatasetError, match="leave it out of"):
        read_weak_datasets(simulate_dataset(2, seed=1), [tmp_path / "nowhere"])
    with pytest.raises(DatasetError, match=r"ptbxl_database.csv: cannot be read"):
        read_weak_datasets(simulate_dataset(2, seed=1), [tmp_path])


def form(folder, text):
    path = folder / "form.csv"
    path.write_text(text, encoding="utf-8")
    return path


HEAD = "record_name," + ",".join(NAMES)
ROW = ",0" * 7


def test_template_keeps_its_order(tmp_path):
    turned = [*NAMES[::-1], "record_name"]
    path = form(tmp_path, ",".join(turned) + "\n" + "0," * 7 + "b\n" + "0," * 7 + "007\n")
    template = read_template(path)
    assert list(template.columns) == turned
    assert list(template["record_name"]) == ["b", "007"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"{HEAD}\na{ROW}\na{ROW}\n", "'a' is listed twice"),
        (f"{HEAD},extra\na{ROW},1\n", "'extra' is not one of the form's"),
        ("record_name,перегородочный\na,0\n", "column 'передний' is missing"),
        (f"{HEAD}\n", "no row"),
        ("", "cannot be read as a CSV"),
        (f"{HEAD}\n{ROW}\n", "row 2 names no record"),
        (f'{HEAD}\n"a{ROW}\n', "cannot be read as a CSV"),
        (HEAD.replace(",", ";") + "\n", "column 'record_name' is missing"),
    ],
)
def test_wrong_templates(tmp_path, text, told):
    with pytest.raises(DatasetError, match=told):
        read_template(form(tmp_path, text))


def test_a_comma_at_the_end_of_rows_does_no_harm(tmp_path):
    assert read_template(form(tmp_path, f"{HEAD}\na{ROW},\nb{ROW},\n")).iloc[1].tolist() == ["b"] + [0] * 7


def test_a_record_may_be_called_na(tmp_path):
    assert list(read_template(form(tmp_path, f"{HEAD}\nNA{ROW}\nnull{ROW}\n"))["record_name"]) == ["NA", "null"]


def test_text_in_columns_of_numbers_is_no_number(task):
    edit(task / "train_meta.csv", lambda t: t.assign(age="old", sex="m"))
    pd.DataFrame({"record_name": ["b"], "myocard": ["yes"]}).to_csv(task / "train_gts.csv", index=False)
    assert read_dataset(task).table[["age", "sex"]].isna().all(axis=None)


def test_weak_datasets_go_with_their_patient():
    """One of a patient in a fold takes that fold; one of a patient of none teaches everywhere and gets -1."""
    dataset, other, third = (simulate_dataset(n, seed=1) for n in (6, 4, 2))
    other.table["patient_id"] = [4, 100, 0, 4]
    third.table["patient_id"] = [200, 5]
    together = dataclasses.replace(dataset, weak_datasets=(other, third))
    folds = np.array([0, 1, 2, 0, 1, 2])
    assert folds_with_weak(together, folds).tolist() == [*folds, 1, -1, 0, 1, -1, 2]
    assert folds_with_weak(dataset, folds).tolist() == folds.tolist()


def test_shipped_folds_file(root):
    folds = read_folds(root / "checkpoints/mi/folds.csv")
    assert set(folds) == {0, 1, 2, 3, 4}
    assert len(folds) == 1681
