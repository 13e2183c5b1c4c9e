"""The delineation table, on waves made by hand whose errors are known."""

import numpy as np
import pytest
import wfdb

from benchmarks.delineation import (
    FOLDS,
    TABLES,
    in_every_lead,
    own_waves,
    print_tables,
    read_waves,
    waves_from_beats,
    write_waves,
)
from benchmarks.delineation_pictures import draw_worst
from benchmarks.delineation_scores import FIDUCIALS, N_COUNTED, N_DRAWN, N_HITS, compare, figures, match, score_table
from tasks.waves.ludb import (
    LEADS,
    Waves,
    join_waves,
    make_waves,
    parse_annotations,
    put_together,
    read_groups,
    read_truth,
    with_overall,
)
from tasks.waves.train import read_fold_networks

P, QRS, T = 0, 1, 2
NAMES = ("p_onset", "p_peak", "p_end", "qrs_onset", "qrs_end", "t_peak", "t_end")
BEATS = np.arange(500.0, 4500.0, 500.0)  # R peaks of eight beats


def drawn_beats(lead: int = 0) -> Waves:
    """Eight beats of a lead as an annotator draws them: P, QRS and T of each."""
    offsets = {P: (-100, -80, -60), QRS: (-25, 0, 25), T: (80, 120, 160)}
    return join_waves(
        [make_waves(np.full(8, lead), np.full(8, kind), BEATS[:, None] + at) for kind, at in offsets.items()]
    )


def moved(waves: Waves, kind: int, part: int, by: np.ndarray) -> Waves:
    """The waves with one fiducial of a kind moved, in samples."""
    samples = waves.samples.copy()
    samples[waves.kinds == kind, part] += by
    return make_waves(waves.leads, waves.kinds, samples)


def without(waves: Waves, mask: np.ndarray) -> Waves:
    return make_waves(waves.leads[~mask], waves.kinds[~mask], waves.samples[~mask])


def figures_of(drawn: Waves, found: Waves, fiducial: str) -> dict[str, float]:
    counts = compare(drawn, found).counts[None, list(FIDUCIALS).index(fiducial)]
    return {name: float(values[0]) for name, values in figures(counts, np.ones((1, 1))).items()}


def test_known_errors_give_their_mean_and_standard_deviation():
    """4 ms late and 8 ms late in turn: mean 6 ms, standard deviation of eight such values; found minus drawn."""
    late = np.array([2, 4] * 4)
    found = figures_of(drawn_beats(), moved(drawn_beats(), T, 2, late), "T end")
    assert found["sensitivity"] == found["predictivity"] == 1
    assert found["mean"] == pytest.approx(6.0)
    assert found["sd"] == found["own_sd"] == pytest.approx(np.std([4, 8] * 4, ddof=1))
    assert figures_of(drawn_beats(), moved(drawn_beats(), QRS, 0, -late), "QRS onset")["mean"] == pytest.approx(-6.0)


def test_two_standard_deviations_of_two_records():
    """Records each 10 ms early and 10 ms late, without scatter of their own: 0 by record, about 10 ms together."""
    drawn = drawn_beats()
    counts = np.stack([compare(drawn, moved(drawn, P, 0, by)).counts for by in (-5, 5)])
    found = figures(counts[:, list(FIDUCIALS).index("P onset")], np.ones((1, 2)))
    assert found["own_sd"] == pytest.approx([0.0])
    assert found["sd"] == pytest.approx([np.std([-10] * 8 + [10] * 8, ddof=1)])


def test_a_missing_wave_lowers_sensitivity_alone():
    drawn = drawn_beats()
    first_p = np.flatnonzero(drawn.kinds == P)[3]
    found = without(drawn, np.arange(len(drawn.kinds)) == first_p)
    for fiducial in ("P onset", "P peak", "P end"):
        values = figures_of(drawn, found, fiducial)
        assert (values["sensitivity"], values["predictivity"]) == (7 / 8, 1)
    assert figures_of(drawn, found, "T end")["sensitivity"] == 1


def test_a_doubled_detection_lowers_predictivity_alone():
    drawn = drawn_beats()
    again = make_waves([0], [QRS], [[BEATS[4] - 20, BEATS[4] + 5, BEATS[4] + 30]])
    values = figures_of(drawn, join_waves([drawn, again]), "R peak")
    assert (values["sensitivity"], values["predictivity"], values["sd"]) == (1, 8 / 9, 0)


def test_beats_that_the_annotator_left_out_do_not_count():
    """First and last beat are not drawn, nor P of the second: that they are found is neither right nor wrong."""
    found = drawn_beats()
    at = np.tile(np.arange(8), 3)
    drawn = without(found, (at == 0) | (at == 7) | ((at == 1) & (found.kinds == P)))
    counts = compare(drawn, found).counts
    assert (counts[:, N_DRAWN] == counts[:, N_COUNTED]).all()
    assert (counts[:, N_HITS] == [5, 5, 5, 6, 6, 6, 6, 6]).all()
    between = make_waves([0], [P], [[BEATS[3] + 200, BEATS[3] + 220, BEATS[3] + 240]])
    assert figures_of(drawn, join_waves([found, between]), "P peak")["predictivity"] == 5 / 6


def test_a_lead_without_p_makes_every_p_false_and_one_without_anything_none():
    drawn = without(drawn_beats(), drawn_beats().kinds == P)
    values = figures_of(drawn, drawn_beats(), "P peak")
    assert values["predictivity"] == 0
    assert np.isnan(values["sensitivity"])
    assert not compare(drawn, drawn_beats(lead=3)).counts[:, N_COUNTED].any()


def test_a_fiducial_that_nobody_drew_of_a_wave_does_not_count():
    drawn = drawn_beats()
    third = np.flatnonzero(drawn.kinds == QRS)[2]
    known = drawn.known.copy()
    known[third, 0] = False
    values = compare(Waves(drawn.leads, drawn.kinds, drawn.samples, known), drawn).counts
    assert list(values[list(FIDUCIALS).index("QRS onset"), :3]) == [7, 7, 7]
    assert list(values[list(FIDUCIALS).index("QRS end"), :3]) == [8, 8, 8]


@pytest.mark.parametrize(("apart_ms", "hits"), [(150, 8), (152, 0)])
def test_tolerance(apart_ms, hits):
    found = moved(drawn_beats(), T, 2, apart_ms / 2)
    assert compare(drawn_beats(), found).counts[list(FIDUCIALS).index("T end"), N_HITS] == hits


def test_the_nearest_are_matched_first_and_each_once():
    pairs = match(np.array([100.0, 130.0]), np.array([127.0, 160.0, 400.0]), 75.0)
    assert {tuple(pair) for pair in pairs.tolist()} == {(1, 0), (0, 1)}


def test_annotations_with_brackets_missing_or_turned_round():
    """As in paced records: no onset; the onset one sample behind the peak; a P whose onset is behind it."""
    symbols = list("N)(t)N()p()(N)")
    waves = parse_annotations(symbols, np.arange(len(symbols)) * 10, lead=4)
    assert waves.kinds.tolist() == [QRS, T, QRS, P, QRS]
    assert waves.known.tolist() == [[False, True, True]] + [[True] * 3] * 4
    assert waves.samples.tolist() == [[0, 0, 10], [20, 30, 40], [60, 50, 70], [90, 80, 100], [110, 120, 130]]
    assert set(waves.leads) == {4}


def test_global_fiducials_are_quartiles_of_the_leads():
    leads = join_waves([moved(moved(drawn_beats(lead), QRS, 0, lead), QRS, 2, lead) for lead in range(5)])
    overall = put_together(leads)
    qrs = overall.samples[overall.kinds == QRS]
    assert qrs.tolist() == [[beat - 25 + 1, beat, beat + 25 + 3] for beat in BEATS]
    assert overall.known.all()
    assert set(overall.leads) == {-1}


def test_what_two_leads_show_is_not_known_of_the_whole():
    leads = join_waves([drawn_beats(0), drawn_beats(1), without(drawn_beats(2), drawn_beats(2).kinds == P)])
    overall = put_together(leads)
    assert not overall.known[overall.kinds == P].any()
    assert overall.known[overall.kinds != P].all()


def test_a_table_of_beats_becomes_waves():
    """Absent waves are left out, T has no onset, and where there is a QRS it has the beat's R peak."""
    beats = np.array(
        [
            [400, 420, 440, 475, 525, 620, 660],
            [np.nan] * 3 + [975, 1025, 1120, 1160],
            [np.nan] * 5 + [1620, 1660],
        ],
        dtype=float,
    )
    waves = waves_from_beats(beats, NAMES, np.array([500.0, 1000.0, 1500.0]), 7)
    assert waves.kinds.tolist() == [P, QRS, QRS, T, T, T]
    assert waves.samples[0].tolist() == [400, 420, 440]
    assert waves.samples[waves.kinds == QRS].tolist() == [[475, 500, 525], [975, 1000, 1025]]
    assert waves.samples[-2, 1:].tolist() == [1120, 1160]
    assert np.isnan(waves.samples[waves.kinds == T, 0]).all()


def test_waves_are_read_as_they_were_written(tmp_path):
    waves = moved(drawn_beats(), T, 0, np.nan)
    write_waves(tmp_path / "a" / "waves.npz", {"17": waves})
    back = read_waves(tmp_path / "a" / "waves.npz")["17"]
    np.testing.assert_array_equal(back.samples, waves.samples)
    np.testing.assert_array_equal(back.known, waves.known)
    assert back.leads.tolist() == waves.leads.tolist()
    assert back.kinds.tolist() == waves.kinds.tolist()


def test_the_table_says_what_holds_the_bar():
    """QRS onset scattered by 6 ms holds 6.5, by 7 ms does not; a peak has no bar."""
    drawn = drawn_beats()
    for by, held in ((3, "yes"), (3.5, "no")):
        scattered = moved(drawn, QRS, 0, np.array([by, -by] * 4))
        lines = score_table("ours", np.stack([compare(drawn, scattered).counts] * 40))
        row = next(line for line in lines if line.startswith("| QRS onset"))
        assert row.endswith(f"| 6.5 | {held} |")
        assert next(line for line in lines if line.startswith("| R peak")).endswith("|  |  |")


def test_a_table_without_matches_has_dashes_and_counts_what_is_false():
    drawn = without(drawn_beats(), drawn_beats().kinds == P)
    lines = score_table("ours", np.stack([compare(drawn, drawn_beats()).counts] * 3))
    row = next(line for line in lines if line.startswith("| P end"))
    assert row == "| P end | - | 0.000 (0.000 to 0.000) | 0 | 0 | 21 | - | - | - | 12.7 |  |"


def test_groups_by_diagnosis(tmp_path, capsys):
    (tmp_path / "labels.csv").write_text(
        "record,diagnoses\n1,Rhythm: Sinus bradycardia; Complete left bundle branch block\n"
        "2,Rhythm: Atrial fibrillation; UNIpolar ventricular pacing\n"
        "3,Rhythm: Sinus rhythm; Incomplete left bundle branch block; Incomplete right bundle branch block\n"
    )
    groups = read_groups(tmp_path)
    assert groups["all"] == ["1", "2", "3"]
    assert groups["sinus rhythm"] == ["1", "3"]
    assert groups["atrial fibrillation or flutter"] == groups["paced"] == ["2"]
    assert groups["complete bundle branch block"] == ["1"]
    assert groups["incomplete bundle branch block"] == ["3"]
    waves = {record: drawn_beats() for record in groups["all"]}
    print_tables("ours", waves, waves, groups)
    assert "ours, lead by lead, paced, 1 records" in capsys.readouterr().out


def test_global_fiducials_in_every_lead_are_off_by_what_the_leads_differ():
    """Two leads of three agree, the third is drawn 8 ms later: it alone is missed, by 8 ms."""
    drawn = with_overall(join_waves([drawn_beats(0), drawn_beats(1), moved(drawn_beats(2), QRS, 1, 4)]))
    counts = compare(drawn, in_every_lead(drawn)).counts[list(FIDUCIALS).index("R peak")]
    assert list(counts) == [24, 24, 24, -8 * 8, 8 * 8**2]


def test_what_is_drawn_in_a_paced_record(real_data):
    """95's first QRS stand at the pacing spike, without an onset in II; the later ones have all three."""
    waves = read_truth(real_data / "ludb", "95")
    second = waves.of_lead(1)
    qrs = second.known[second.kinds == QRS]
    assert qrs.tolist() == [[False, True, True]] * 4 + [[True] * 3] * 5
    assert not (waves.kinds == P).any()
    overall = waves.of_lead(-1)
    assert (overall.kinds == QRS).sum() == 9
    assert overall.known.all()


def test_our_delineator_finds_what_is_drawn_in_a_clear_record(real_data):
    """Every drawn fiducial of record 2 out of fold, its QRS within 40 ms, and nothing else between the drawn ones."""
    folder = real_data / "ludb"
    found = own_waves(folder, "2", read_fold_networks(FOLDS)["2"])
    for leads in TABLES.values():
        errors = compare(read_truth(folder, "2"), found, leads)
        assert (errors.counts[:, N_DRAWN] == errors.counts[:, N_HITS]).all()
        assert (errors.counts[:, N_COUNTED] == errors.counts[:, N_HITS]).all()
        of_qrs = np.isin(errors.hits[:, 0], [list(FIDUCIALS).index("QRS onset"), list(FIDUCIALS).index("QRS end")])
        assert np.abs(errors.hits[of_qrs, 3]).max() < 40


def test_pictures_of_the_worst(tmp_path):
    """T of one record is 60 ms off, of another 10 ms, of the third not at all: drawn in this order, P does not matter."""
    signal = np.random.default_rng(0).normal(size=(5000, 12))
    drawn, found = {}, {}
    for record, late in (("1", 5), ("2", 0), ("3", 30)):
        wfdb.wrsamp(record, 500, ["mV"] * 12, list(LEADS), p_signal=signal, fmt=["16"] * 12, write_dir=str(tmp_path))
        drawn[record] = drawn_beats()
        found[record] = moved(moved(drawn_beats(), T, 2, late), P, 0, 20 if record == "2" else 0)
    draw_worst(tmp_path / "pictures", tmp_path, "ours", drawn, found, 2, "T end")
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == ["01_3.png", "02_1.png"]
    draw_worst(tmp_path / "all", tmp_path, "ours", drawn, found, 1, None)
    assert [path.name for path in (tmp_path / "all").iterdir()] == ["01_2.png"]
