"""The table of ablations: read from what was kept, paired by seed, and the one that is shipped is what the command prints."""

import json

import numpy as np
import pytest

from benchmarks import ablation_settings, ablations
from cardiac.errors import ConfigError, DatasetError
from tasks.mi.simulate import simulate_dataset

DATASET = simulate_dataset(120, seed=3)
FOLDS = np.arange(120) % 5


def keep(folder, name: str, seed: int, noise: float) -> None:
    """Write what an ablation found: the truth under noise, as logits."""
    rng = np.random.default_rng(seed)
    truth = np.column_stack([DATASET.infarction, DATASET.sites])
    logits = 4.0 * truth - 2.0 + noise * rng.standard_normal(truth.shape)
    told = json.dumps({"seconds": 1.0})
    np.savez_compressed(
        folder / f"{ablation_settings.slug(name)}-{seed}.npz",
        logits=logits.astype(np.float16),
        fold=FOLDS.astype(np.uint8),
        told=told,
    )


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """The base of two seeds, a worse ablation of both and one of the second alone."""
    monkeypatch.setattr(ablations, "RESULTS", tmp_path)
    monkeypatch.setattr(ablations, "open_data", lambda _: DATASET)
    for seed in (1, 2):
        keep(tmp_path, "base", seed, 1.0)
        keep(tmp_path, ablation_settings.WIDE, seed, 1.0)
        keep(tmp_path, "without mixup", seed, 6.0)
    keep(tmp_path, "focal loss", 2, 1.0)
    return tmp_path


def test_differences_are_paired_by_seed(kept):
    scores = ablations.score_all(["base", "without mixup", "focal loss", "500 Hz"], [1, 2], 50)
    worse, equal = (ablations.differences(scores, name, "base") for name in ("without mixup", "focal loss"))
    expected = np.mean([scores["without mixup"][seed] - scores["base"][seed] for seed in (1, 2)], axis=0)
    assert np.array_equal(worse, expected)
    assert worse[0, 0] < -0.05
    assert (np.percentile(worse[1:, 0], [2.5, 97.5]) < 0).all()
    assert (equal == 0).all()  # of the same seed, the very same
    assert scores["500 Hz"] == {}


def test_the_table_has_what_was_trained(kept):
    scores = ablations.score_all(list(ablation_settings.ABLATIONS), [1, 2], 50)
    lines = ablations.table(scores, list(ablation_settings.ABLATIONS))
    rows = [line.split(" | ")[:2] for line in lines[2:]]
    assert rows == [
        ["| base", "2"],
        ["| without mixup", "2"],
        ["| focal loss", "1"],
        [f"| {ablation_settings.WIDE}", "2"],
    ]
    assert "**-" in lines[3]
    assert "**" not in lines[4]
    told = ablations.document(scores, list(ablation_settings.ABLATIONS), {"shipped": scores["base"]})
    assert "| thresholds as fitted | 2 |" in told


def test_what_is_of_other_records_is_refused(kept, monkeypatch):
    monkeypatch.setattr(ablations, "open_data", lambda _: simulate_dataset(30, seed=3))
    with pytest.raises(DatasetError, match=r"base-1\.npz: is of 120 records and the data set has 30"):
        ablations.score_all(["base"], [1], 5)


def test_every_ablation_can_be_set_and_has_a_name_of_its_own():
    names = [*ablation_settings.ABLATIONS, *ablations.DERIVED]
    assert len({ablation_settings.slug(name) for name in names}) == len(names)
    base = ablation_settings.settings_of("base", 1)
    assert base["train"]["precision"] == "float32"
    for name in ablation_settings.ABLATIONS.keys() - {"base", *ablation_settings.RETIRED}:
        assert ablation_settings.settings_of(name, 1) != base


def test_what_is_retired_cannot_be_set_and_is_kept(root):
    """Eight rows of docs/ablations.md: what they changed is gone from the settings, what they gave lies in the repository."""
    assert len(ablation_settings.RETIRED) == 8
    for name in ablation_settings.RETIRED:
        assert (root / f"benchmarks/results/{ablation_settings.slug(name)}-1.npz").is_file()
        with pytest.raises(ConfigError, match="cannot be trained again"):
            ablation_settings.settings_of(name, 1)


def test_what_lies_in_the_repository_was_made_with_the_settings_of_today(root):
    """An ablation whose base or changes were altered afterwards must be trained anew."""
    known = {
        f"{ablation_settings.slug(name)}-{seed}": (name, seed)
        for name in ablation_settings.ABLATIONS
        for seed in (1, 2)
    }
    paths = sorted((root / "benchmarks/results").glob("*.npz"))
    assert len(paths) >= 8
    for path in paths:
        if path.stem in ablation_settings.FORMER or known[path.stem][0] in ablation_settings.RETIRED:
            continue
        with np.load(path) as content:
            config = json.loads(str(content["told"]))["config"]
        now = json.loads(json.dumps(ablation_settings.settings_of(*known[path.stem])))
        for name, off in ablation_settings.GONE.items():
            section, key = name.split(".")
            now[section][key] = off
        for former, name in ablation_settings.FORMER_NAMES.items():
            (section, key), (_, new_key) = former.split("."), name.split(".")
            now[section][key] = now[section][new_key]
        now["train"]["begin_from"] = now["train"]["begin_from"].replace("runs/ablations", "runs/tries")
        shared = {section: {key: now[section][key] for key in values} for section, values in config.items()}
        shared["decide"] = config["decide"]  # of what was found, not of the training
        assert shared == config, path.name


def test_shipped_table_is_what_the_command_prints(root, real_data, monkeypatch):
    monkeypatch.setenv("ECG_DATA", str(real_data))
    scores = ablations.score_all(list(ablation_settings.ABLATIONS), [1, 2], 1) | ablations.score_shipped(1)
    shipped = (root / "docs/ablations.md").read_text(encoding="utf-8")
    rows = {
        row.split(" | ")[0].strip("| "): row.split(" | ")[2:] for row in shipped.splitlines() if row.startswith("| ")
    }
    trained = [name for name, own in scores.items() if own]
    assert set(rows) == {*trained, "ablation"}
    for name in trained:
        means = np.mean([each[0] for each in scores[name].values()], axis=0)
        assert [cell[:5] for cell in rows[name]] == [f"{value:.3f}" for value in means], name
