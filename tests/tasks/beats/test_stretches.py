"""Hand-made rows of beats: what is a couplet, a run, bigeminy, a pause, and what is shown first."""

import numpy as np
import pytest

from tasks.beats.labels import CLASSES
from tasks.beats.stretches import episode_words, find_episodes, interesting_stretches

FS_HZ = 100.0


def beats(letters, interval_s=1.0):
    """Positions and classes: "-" is a second without a beat."""
    places = [index for index, letter in enumerate(letters) if letter != "-"]
    classes = [CLASSES.index(letters[place]) for place in places]
    return np.round(np.array(places) * interval_s * FS_HZ).astype(int), np.array(classes, int)


def kinds(letters):
    return [(each.kind, each.beat, each.n_beats) for each in find_episodes(*beats(letters), FS_HZ)]


@pytest.mark.parametrize(
    ("letters", "expected"),
    [
        ("", []),
        ("N", []),
        ("V", []),
        ("NNVNNSNN", []),
        ("NVVN", [("couplet", "V", 2)]),
        ("VV", [("couplet", "V", 2)]),
        ("NSSN", [("couplet", "S", 2)]),
        ("NVVVN", [("run", "V", 3)]),
        ("SSSS", [("run", "S", 4)]),
        ("NVSN", []),
        ("NVVSSN", [("couplet", "V", 2), ("couplet", "S", 2)]),
        ("NVNVN", []),
        ("NVNVNVN", [("bigeminy", "V", 5)]),
        ("VNVNVNVNV", [("bigeminy", "V", 9)]),
        ("SNSNS", [("bigeminy", "S", 5)]),
        ("NVNNVNNVN", [("trigeminy", "V", 7)]),
        ("VFVFV", []),
        ("VNVNSNVNV", []),
        ("NN--N", [("pause", "", 2)]),
        ("NN-N", []),
        ("VV-------VV", [("couplet", "V", 2), ("pause", "", 2), ("couplet", "V", 2)]),
        ("V-------V", [("pause", "", 2)]),
        ("V--V--V", [("pause", "", 2), ("run", "V", 3), ("pause", "", 2)]),
    ],
)
def test_episodes(letters, expected):
    assert kinds(letters) == expected


def test_rate_and_length_of_a_run():
    (run,) = find_episodes(*beats("NNVVVVVNN", interval_s=0.4), FS_HZ)
    assert run.rate_bpm == pytest.approx(150)
    assert run.length_s == pytest.approx(1.6)
    assert run.to_dict() == {
        "kind": "run", "beat": "V", "start_s": 0.8, "length_s": 1.6, "beats": 5, "rate_bpm": 150,
    }  # fmt: skip
    assert episode_words(run) == "V run of 5 beats, 150 a minute"


def shown(letters, **settings):
    positions, classes = beats(letters)
    episodes = find_episodes(positions, classes, FS_HZ)
    return interesting_stretches(episodes, positions, classes, FS_HZ, float(len(letters)), **settings)


N20 = "N" * 20


def test_runs_come_first_then_couplets_pauses_and_single_beats():
    row = shown(f"{N20}S{N20}V{N20}---{N20}SS{N20}VV{N20}SSS{N20}VVV{N20}", most=8)
    assert [each.title.split(",")[0] for each in row] == [
        "V run of 3 beats", "S run of 3 beats", "V couplet", "S couplet", "pause of 4.0 s",
        "ventricular beat", "supraventricular beat",
    ]  # fmt: skip
    assert all(each.end_s - each.start_s == 10 and each.start_s <= each.at_s <= each.end_s for each in row)


def test_no_more_than_two_of_a_kind_unless_nothing_else_is_left():
    titles = [each.title for each in shown(f"{N20}VVV" * 6 + f"{N20}VV{N20}", most=4)]
    assert [title[:5] for title in titles] == ["V run", "V run", "V run", "V cou"]


def test_nothing_is_shown_twice():
    assert len(shown(f"{N20}VVNVV{N20}")) == 1
    assert len(shown(f"{N20}VVNNNNNNNNVV{N20}")) == 2


def test_a_recording_without_anything_is_shown_from_its_beginning_and_where_its_longest_interval_is():
    first, second = shown(f"{N20}-{N20}")
    assert (first.title, first.start_s) == ("the beginning", 0.0)
    assert second.title == "the longest interval, 2.00 s"
    assert second.start_s <= 19 and second.end_s >= 21
    assert [each.end_s for each in shown("NN")] == [2.0]
    assert [each.title for each in shown("")] == ["the beginning"]


def test_a_long_run_is_shown_from_its_beginning():
    (long, *_) = shown(f"{N20}{'V' * 40}{N20}")
    assert long.start_s == pytest.approx(18.5)


def test_of_those_alike_the_surest_are_shown_first():
    positions, classes = beats(f"{N20}V{N20}VV{N20}V{N20}VV{N20}V{N20}")
    sureness = np.linspace(0.5, 0.9, len(positions))
    episodes = find_episodes(positions, classes, FS_HZ)
    row = interesting_stretches(episodes, positions, classes, FS_HZ, 127.0, sureness)
    assert [each.at_s for each in row] == [84.0, 41.0, 106.0, 63.0, 20.0]
