"""The tables of the detector: of made-up studies, and, where the case's studies are unpacked, those that the documents hold."""

import re

import numpy as np
import pytest

from tasks.rr import evaluate, train
from tasks.rr.dataset import aside, draw_folds, open_aside, open_studies, read_labelled
from tasks.rr.detector import SHIPPED, load_detector
from tasks.rr.nested import EVERY
from tasks.rr.simulate import simulate_study
from tasks.rr.train import NESTED, Told, read_told
from utils import load_config


@pytest.fixture(scope="module")
def studies():
    return [simulate_study(seed) for seed in range(10)]


@pytest.fixture(scope="module")
def told(studies):
    """What somebody says who sees the truth through noise, in two folds."""
    rng = np.random.default_rng(0)
    said = {each.record_id: np.clip(0.6 * each.targets + 0.5 * rng.random(len(each.targets)), 0, 1) for each in studies}
    folds = {each.record_id: index % 2 for index, each in enumerate(studies)}
    return Told(dict.fromkeys(("trees", EVERY), said), folds, {name: {0: 0.55, 1: 0.6} for name in ("trees", EVERY)})


def test_the_tables_hold_the_figures(told, studies, tmp_path):
    text = evaluate.nested_report(told, studies)
    assert f"| trees | {train.pooled_f1(told.answers('trees', studies)):.3f} (" in text
    assert "| every interval | " in text and "| rule | " in text
    assert f"10 studies, {sum(len(each.targets) for each in studies):,} intervals" in text
    assert len(re.findall(r"^\| simulated-\d+ \|", text, re.MULTILINE)) == 10
    evaluate.write_plots(told, studies, tmp_path)
    assert len([*tmp_path.glob("worst*.png")]) == 10 and (tmp_path / "curves.png").stat().st_size > 10_000


def test_a_folder_without_predictions_is_said_to_have_none(tmp_path, capsys):
    (tmp_path / "train.csv").write_text("id,time,x,y\n1,0,800,0\n", encoding="ascii")
    assert evaluate.main(["--bundle", str(tmp_path), "--data", str(tmp_path)]) == 2
    assert "nested.npz: is not there" in capsys.readouterr().err
    assert evaluate.main(["--data", str(tmp_path / "none")]) == 2
    assert "set ECG_DATA" in capsys.readouterr().err


def test_folds_are_whole_and_even(studies):
    folds = draw_folds(studies, 3, seed=0)
    loads = np.bincount(folds, weights=[each.targets.sum() for each in studies])
    assert set(folds) == {0, 1, 2} and loads.max() < 1.6 * loads.min()
    assert np.array_equal(folds, draw_folds(studies, 3, seed=0))


def test_the_shipped_bundle_is_small_and_trained_by_the_shipped_settings():
    detector = load_detector()
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 5 * 2**20
    settings = load_config(train.DEFAULTS, [], train.DEFAULTS)
    assert detector.card["training"]["settings"] == {key: dict(section) for key, section in settings.items()}
    assert "dirty" not in detector.card["training"]["code"]


@pytest.fixture(scope="module")
def real(real_data):
    return open_studies(real_data / "cardiospike"), open_aside(real_data / "cardiospike")


def test_nobody_kept_aside_teaches(real):
    taught, kept = ({each.record_id for each in part} for part in real)
    assert len(taught) == 153 and kept == aside() and not taught & kept
    assert not set(read_told(SHIPPED / NESTED).folds) & kept


def test_the_shipped_predictions_give_the_figures_of_the_card_and_the_documents(real, root):
    told = read_told(SHIPPED / NESTED)
    figures = {name: round(train.pooled_f1(told.answers(name, real[0])), 4) for name in told.probabilities}
    assert figures == load_detector().card["training"]["nested_f1"]
    assert (root / "docs/rr_nested.md").read_text(encoding="utf-8") == evaluate.nested_report(told, real[0]) + "\n"


def test_the_shipped_detector_gives_the_figures_of_those_kept_aside(real, root):
    written, now = (root / "docs/rr_aside.md").read_text(encoding="utf-8"), evaluate.aside_report(SHIPPED, real[1])
    assert now + "\n" == written


def test_the_page_tells_the_same(root):
    told = (root / "docs/rr.md").read_text(encoding="utf-8")
    for page, name in (("docs/rr_nested.md", "trees and network"), ("docs/rr_aside.md", "detector")):
        row = next(
            line for line in (root / page).read_text(encoding="utf-8").splitlines() if line.startswith(f"| {name} | ")
        )
        value, low, high = re.match(r"\| [^|]+ \| (\S+) \((\S+) to (\S+)\)", row).groups()
        assert f"{value} ({low} to {high}" in told


def test_every_study_of_the_case_is_read_by_the_command_line_s_reader(real_data):
    from tasks.rr.tables import read_studies

    path = real_data / "cardiospike" / "train.csv"
    for one, other in zip(read_studies(path), read_labelled(real_data / "cardiospike"), strict=True):
        assert one.record_id == other.record_id and np.array_equal(one.intervals_ms, other.intervals_ms)
        assert np.array_equal(one.time_ms, other.time_ms) and np.array_equal(one.targets, other.targets)
