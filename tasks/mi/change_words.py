"""Sentences about what changed between two recordings, in English and in Russian; `sign_words` has how they are said."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tasks.mi.changes import Change
from tasks.mi.sign_words import ENGLISH, say
from tasks.mi.sign_words_ru import RUSSIAN

MESSAGES = {
    "earlier_unmeasured": "nothing was measured in the earlier recording",
    "later_unmeasured": "nothing was measured in the later recording",
    "q_not_compared": "Q is not compared: a QRS of 120 ms and more, or paced beats",
    "q_new": "new Q in {leads} ({q_ms} ms wide, {q_mv} mV deep)",
    "qs_new": "new QS in {leads}",
    "q_gone": "no pathological Q in {leads} any more",
    "r_higher": "R higher by {change_mv_in}",
    "r_lower": "R lower by {change_mv_in}",
    "st_rose": "ST at J rose by {change_mv_in}",
    "st_fell": "ST at J fell by {change_mv_in}",
    "t_inverted": "T newly inverted in {leads} ({t_mv} mV)",
    "t_upright": "T upright again in {leads} ({t_mv} mV)",
    "axis_left": "QRS axis turned by {change}° to the left (from {before}° to {after}°)",
    "axis_right": "QRS axis turned by {change}° to the right (from {before}° to {after}°)",
    "p_gone": "P waves no longer stand out",
    "p_new": "P waves stand out now",
    "qrs_wider": "QRS wider by {change} ms (from {before} to {after} ms)",
    "qrs_narrower": "QRS narrower by {change} ms (from {before} to {after} ms)",
    "pr_longer": "PR longer by {change} ms (from {before} to {after} ms)",
    "pr_shorter": "PR shorter by {change} ms (from {before} to {after} ms)",
    "qtc_longer": "QTc longer by {change} ms (from {before} to {after} ms, Fridericia)",
    "qtc_shorter": "QTc shorter by {change} ms (from {before} to {after} ms, Fridericia)",
    "rate_higher": "heart rate higher by {change} a minute (from {before} to {after})",
    "rate_lower": "heart rate lower by {change} a minute (from {before} to {after})",
}
MESSAGES_RU = {
    "earlier_unmeasured": "в более ранней записи ничего не измерено",
    "later_unmeasured": "в более поздней записи ничего не измерено",
    "q_not_compared": "зубцы Q не сравниваются: QRS 120 мс и шире или ритм кардиостимулятора",
    "q_new": "новый зубец Q в {leads} (ширина {q_ms} мс, глубина {q_mv} мВ)",
    "qs_new": "новый комплекс QS в {leads}",
    "q_gone": "патологического зубца Q больше нет в {leads}",
    "r_higher": "зубец R выше на {change_mv_in}",
    "r_lower": "зубец R ниже на {change_mv_in}",
    "st_rose": "ST в точке J поднялся на {change_mv_in}",
    "st_fell": "ST в точке J снизился на {change_mv_in}",
    "t_inverted": "новая инверсия T в {leads} ({t_mv} мВ)",
    "t_upright": "зубец T снова положительный в {leads} ({t_mv} мВ)",
    "axis_left": "ось QRS повернулась влево на {change}° (с {before}° до {after}°)",
    "axis_right": "ось QRS повернулась вправо на {change}° (с {before}° до {after}°)",
    "p_gone": "зубцы P больше не выделяются",
    "p_new": "зубцы P теперь выделяются",
    "qrs_wider": "QRS шире на {change} мс (с {before} до {after} мс)",
    "qrs_narrower": "QRS уже на {change} мс (с {before} до {after} мс)",
    "pr_longer": "PQ длиннее на {change} мс (с {before} до {after} мс)",
    "pr_shorter": "PQ короче на {change} мс (с {before} до {after} мс)",
    "qtc_longer": "QTc длиннее на {change} мс (с {before} до {after} мс, по Фридерисия)",
    "qtc_shorter": "QTc короче на {change} мс (с {before} до {after} мс, по Фридерисия)",
    "rate_higher": "ЧСС больше на {change} уд/мин (с {before} до {after})",
    "rate_lower": "ЧСС меньше на {change} уд/мин (с {before} до {after})",
}
LANGUAGES = {"en": replace(ENGLISH, messages=MESSAGES), "ru": replace(RUSSIAN, messages=MESSAGES_RU)}


def say_change(change: Change, language: str = "en") -> str:
    """The sentence, without a full stop. Raises KeyError for a language that there is not."""
    return say(change.message, change.leads, change.arguments, LANGUAGES[language])


def change_document(change: Change, language: str = "en") -> dict[str, Any]:
    """A change as plain data, with its sentence in a language."""
    arguments: Mapping[str, Any] = change.arguments
    said = say_change(change, language)
    return {"change": change.message, "leads": [*change.leads], "arguments": dict(arguments), "text": said}
