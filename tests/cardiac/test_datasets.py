import numpy as np
import pandas as pd
import pytest

from cardiac.datasets import read_dataset, read_folds, read_template
from cardiac.errors import DatasetError
from cardiac.labels import COLUMNS, SITES

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


def test_ptbxl_opinion_is_joined(task):
    opinion = pd.DataFrame({"record_name": ["c"], "scp_codes": ["{'IMI': 80.0}"], "strat_fold": [4]})
    for flag in ("baseline_drift", "static_noise", "burst_noise", "electrodes_problems"):
        opinion[flag] = " , I-V1,  " if flag == "static_noise" else None
    opinion.to_csv(task / "train_ptbxl.csv", index=False)
    table = read_dataset(task).table.set_index("record_id")
    assert table.loc["c", "ptbxl_infarction"] == 1
    assert np.isnan(table.loc["a", "ptbxl_infarction"])
    assert table["noisy"].to_dict() == {"b": False, "a": False, "c": True}


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
        "'b' stands there twice",
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
        (f"{HEAD}\na{ROW}\na{ROW}\n", "'a' stands there twice"),
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


def test_folds_that_are_none(tmp_path):
    (tmp_path / "folds.csv").write_text("record_id,fold\na,first\n")
    with pytest.raises(DatasetError, match="not a whole number"):
        read_folds(tmp_path / "folds.csv")


def test_shipped_folds_file(root):
    folds = read_folds(root / "checkpoints/mi/folds.csv")
    assert set(folds) == {0, 1, 2, 3, 4}
    assert len(folds) == 1681
