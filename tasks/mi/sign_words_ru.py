"""What was measured in Russian, as reports of ECGs have it: decimal commas, millivolts, milliseconds."""

import re

from tasks.mi.sign_words import Language

MESSAGES = {
    "q": "зубец Q шириной {q_ms} мс и глубиной {q_mv} мВ в {leads}",
    "q_small": "небольшой зубец Q шириной {q_ms} мс и глубиной {q_mv} мВ в {leads}",
    "q_over": "зубец Q шириной {q_ms} мс и глубиной {q_mv} мВ в {leads} (патологический от {limit_ms} мс и {limit_mv} мВ)",
    "q_alone": "зубец Q шириной {q_ms} мс и глубиной {q_mv} мВ в {leads} (патологический от {limit_ms} мс и {limit_mv} мВ "
    "в двух смежных отведениях)",
    "q_under": "небольшой зубец Q шириной {q_ms} мс и глубиной {q_mv} мВ в {leads} (патологический от {limit_ms} мс "
    "и {limit_mv} мВ)",
    "q_wide": "зубец Q шириной {q_ms} мс и глубиной {q_mv} мВ в {leads} (патологический, если шире {limit_ms} мс)",
    "q_narrow": "небольшой зубец Q шириной {q_ms} мс и глубиной {q_mv} мВ в {leads} (патологический, если шире "
    "{limit_ms} мс)",
    "qs": "QS в {leads}",
    "q_none": "нет зубца Q в {leads}",
    "r_hardly": "почти нет R перед S в {leads} ({r_mv} мВ)",
    "r_low": "низкий зубец R ({r_mv_in})",
    "r": "зубец R {r_mv_in}",
    "r2": "зубец R′ высотой {r2_mv} мВ в {leads}",
    "s_over_r": "зубец S преобладает над R в {leads} (S {s_mv} мВ, R {r_mv} мВ)",
    "q_over_r": "зубец Q преобладает над R в {leads} (Q {q_mv} мВ, R {r_mv} мВ)",
    "r_over_s": "зубец R преобладает над S в {leads} (R {r_mv} мВ, S {s_mv} мВ)",
    "r_without_s": "зубец R без S в {leads} (высотой {r_mv} мВ)",
    "st_raised": "элевация ST {st_j_mv} мВ в точке J в {leads} (порог {limit_mv} мВ)",
    "st_raised_alone": "элевация ST {st_j_mv} мВ в точке J в {leads} (порог {limit_mv} мВ в двух смежных отведениях)",
    "st_raised_under": "элевация ST {st_j_mv} мВ в точке J в {leads}, ниже порога {limit_mv} мВ",
    "st_raised_free": "элевация ST {st_j_mv} мВ в точке J в {leads}",
    "st_lowered": "депрессия ST {st_j_mv} мВ в точке J в {leads} (порог {limit_mv} мВ)",
    "st_lowered_free": "депрессия ST {st_j_mv} мВ в точке J в {leads}",
    "st_rising": "ST в точке J на изолинии, через 80 мс элевация {st_j80_mv} мВ в {leads}",
    "st_falling": "ST в точке J на изолинии, через 80 мс депрессия {st_j80_mv} мВ в {leads}",
    "st_level": "ST на изолинии в {leads} ({st_j_mv} мВ в точке J)",
    "t_inverted": "инверсия T в {leads} ({t_mv} мВ)",
    "t_flat": "сглаженный зубец T в {leads} ({t_mv} мВ)",
    "t_low": "низкий зубец T в {leads} ({t_mv} мВ, меньше десятой части R)",
    "t_upright": "положительный зубец T в {leads} ({t_mv} мВ)",
    "r_grows": "зубец R нарастает от V1 к V4 ({each_mv} мВ)",
    "r_poor": "недостаточное нарастание зубца R от V1 к V4 ({each_mv} мВ)",
    "r_does_not_grow": "нет равномерного нарастания зубца R от V1 к V4 ({each_mv} мВ)",
    "qrs_ms": "длительность QRS {value} мс",
    "qt_ms": "интервал QT {value} мс",
    "pr_ms": "интервал PQ {value} мс",
    "heart_rate_bpm": "ЧСС {value} уд/мин",
    "qrs_axis_deg": "ось QRS {value}°",
    "t_axis_deg": "ось T {value}°",
    "qrs_t_angle_deg": "угол между осями QRS и T {value}°",
    "cornell_mv": "R в aVL и S в V3 в сумме {value_mv} мВ",
    "sokolow_lyon_mv": "S в V1 и R в V5 или V6 в сумме {value_mv} мВ",
}
FINISHED = (
    (re.compile(r"(?<=\d)\.(?=\d)"), ","),
    (re.compile(r"-(?=\d)"), "\N{MINUS SIGN}"),
    (re.compile(r"\bв (?=II\b)"), "во "),  # втором
)


def _finish(text: str) -> str:
    """With decimal commas and a true minus."""
    for pattern, written in FINISHED:
        text = pattern.sub(written, text)
    return text


RUSSIAN = Language(
    MESSAGES,
    usual={
        (False, True): " (обычно до {high})",
        (True, False): " (обычно от {low})",
        (True, True): " (обычно от {low} до {high})",
    },
    conjunction="и",
    between="; ",
    range="от {} до {}",
    run="{}–{}",
    of_lead="{value:.2f} мВ в {lead}",
    finish=_finish,
)
