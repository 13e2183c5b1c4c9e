"""What was measured in Russian: every message of the English table, with its arguments, as Russian writes numbers."""

import re

import pytest

from tasks.mi.sign_words import ENGLISH, lead_words, say
from tasks.mi.sign_words_ru import RUSSIAN


def names(template: str) -> set[str]:
    return {*re.findall(r"{(\w+)}", template)}


def test_every_message_is_there_with_the_same_arguments():
    assert {message: names(text) for message, text in RUSSIAN.messages.items()} == {
        message: names(text) for message, text in ENGLISH.messages.items()
    }
    assert {sides: names(text) for sides, text in RUSSIAN.usual.items()} == {
        sides: names(text) for sides, text in ENGLISH.usual.items()
    }


@pytest.mark.parametrize("message", [*RUSSIAN.messages])
def test_no_english_is_left_and_no_point(message):
    """In Latin letters are waves, leads and what they are measured between; decimals have a comma."""
    arguments = {name: [-0.15, 0.2] for name in names(ENGLISH.messages[message]) - {"leads"}}
    sentence = say(message, ["II", "V2"], arguments | {"low": 0.5, "high": 1.5}, RUSSIAN)
    latin = {*re.findall("[A-Za-z]+", sentence)}
    assert latin <= {"P", "PQ", "Q", "QS", "QRS", "QT", "R", "S", "ST", "T", "J", "V", "II", "aVL"}
    assert not re.search(r"[.{]|-\d|\bв II\b|  ", sentence)
    assert re.search("[а-я]", sentence)
    assert sentence.endswith(" (обычно от 0,5 до 1,5)")


@pytest.mark.parametrize(
    ("message", "leads", "arguments", "sentence"),
    [
        ("q_over", ["III", "aVF"], {"q_ms": 44, "q_mv": 0.3, "limit_ms": 30, "limit_mv": 0.1},
         "зубец Q шириной 44 мс и глубиной 0,30 мВ в III и aVF (патологический от 30 мс и 0,10 мВ)"),
        ("q_over", ["II", "III", "aVF"], {"q_ms": [32, 38], "q_mv": [0.2, 0.53], "limit_ms": 30, "limit_mv": 0.1},
         "зубец Q шириной от 32 до 38 мс и глубиной от 0,20 до 0,53 мВ во II, III и aVF "
         "(патологический от 30 мс и 0,10 мВ)"),
        ("qs", ["V1", "V2", "V3"], {}, "QS в V1–V3"),
        ("r_low", ["II", "V3"], {"r_mv_in": [0.121, 0.3]}, "низкий зубец R (0,12 мВ во II и 0,30 мВ в V3)"),
        ("r_poor", [], {"each_mv": [0.04, 0.08, 0.07, 0.7]},
         "недостаточное нарастание зубца R от V1 к V4 (0,04; 0,08; 0,07 и 0,70 мВ)"),
        ("st_raised", ["V2"], {"st_j_mv": 0.15, "limit_mv": 0.1}, "элевация ST 0,15 мВ в точке J в V2 (порог 0,10 мВ)"),
        ("st_lowered_free", ["V5", "V6"], {"st_j_mv": [0.06, 0.08]},
         "депрессия ST от 0,06 до 0,08 мВ в точке J в V5 и V6"),
        ("t_inverted", ["III"], {"t_mv": [-0.31, -0.15]}, "инверсия T в III (от −0,31 до −0,15 мВ)"),
        ("qrs_axis_deg", [], {"value": -52, "low": -30, "high": 90},
         "ось QRS −52° (обычно от −30 до 90)"),
        ("heart_rate_bpm", [], {"value": 104, "high": 100}, "ЧСС 104 уд/мин (обычно до 100)"),
        ("sokolow_lyon_mv", [], {"value_mv": 3.9, "high": 3.5},
         "S в V1 и R в V5 или V6 в сумме 3,90 мВ (обычно до 3,5)"),
    ],
)  # fmt: skip
def test_sentences(message, leads, arguments, sentence):
    assert say(message, leads, arguments, RUSSIAN) == sentence


def test_leads_in_words():
    assert lead_words(["V1", "V2", "V4", "V5", "V6"], RUSSIAN) == "V1, V2 и V4–V6"
    assert lead_words([], RUSSIAN) == ""
