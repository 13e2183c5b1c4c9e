"""Why a tracing wants a look or has no value, in the page's language: findings.json has the sentences in English."""

import re
from collections.abc import Mapping
from typing import Any

from cardiac.leads import LEADS

# For every kind in `cardiac.quality.assess.KINDS`: what is wrong, and what to do.
RUSSIAN = {
    "flat": "нет сигнала: проверьте электрод",
    "lead_off": "электрод отходит: проверьте контакт",
    "clipped": "сигнал обрезан по амплитуде: проверьте усиление",
    "spikes": "выбросы: проверьте контакт электродов",
    "muscle_noise": "мышечный шум: запишите в покое",
    "hum": "сетевая наводка: проверьте контакт и заземление",
    "wander": "изолиния плывёт: проверьте контакт и дыхание",
    "pacemaker": "импульсы кардиостимулятора: заключение об инфаркте ненадёжно",
    "no_beats": "сокращений не видно: проверьте запись",
    "heart_rate": "частота, какой не бывает у сердца: проверьте частоту дискретизации",
    "wrong_unit": "амплитуды, каких не бывает у ЭКГ: проверьте единицы",
    "overall_gain": "высота QRS необычна: проверьте усиление (масштаб) всей записи",
    "wrong_gain": "усиление отведения, вероятно, другое: проверьте масштаб",
    "lead_inverted": "отведение, вероятно, перевёрнуто: проверьте провода",
    "leads_exchanged": "отведения, вероятно, перепутаны: проверьте провода",
    "limb_leads_disagree": "отведения от конечностей не согласуются: проверьте подписи отведений",
    "arms_exchanged": "электроды рук, вероятно, перепутаны: проверьте провода",
    "arm_leg_exchanged": "электроды правой руки и левой ноги, вероятно, перепутаны: проверьте провода",
    "left_arm_leg_exchanged": "электроды левой руки и левой ноги, вероятно, перепутаны: проверьте провода",
    "leg_electrode": "электрод правой ноги, вероятно, перепутан с другим: проверьте провода",
    "chest_order": "порядок грудных отведений необычен: проверьте электроды",
}
# Why a value could not be measured, as `cardiac.measurements.measure` says it.
MEASURED = {
    "no beats were found": "сокращений не найдено",
    "fewer than 3 beats of one shape": "меньше трёх комплексов одной формы",
    "the beats are too noisy": "комплексы слишком зашумлены",
    "a pacemaker's impulses": "импульсы кардиостимулятора",
    "no P wave stands out: atrial fibrillation, another rhythm without P, or P within the T wave before": (
        "зубец P не выделяется: фибрилляция предсердий, другой ритм без P или P на предшествующем T"
    ),
    "the end of T cannot be told": "конец зубца T определить нельзя",
    "the QRS cannot be delimited": "границы QRS определить нельзя",
    "the leads that it is measured in are not all there, or nothing is left of it in them": (
        "не хватает нужных отведений, или измерять в них нечего"
    ),
    "no two beats follow each other": "нет двух сокращений подряд",
    "no two measured beats follow each other": "нет двух измеренных сокращений подряд",
    "R is lower than S is deep in all chest leads, or not all six are there": (
        "во всех грудных отведениях R меньше S, или отведений не шесть"
    ),
}
# What was settled on reading a file, as `cardiac` says it.
NOTES = (
    (r"the file states no sampling rate: read as (.+) Hz", r"частота дискретизации в файле не указана: принято \1 Гц"),
    (
        r"no site passed its threshold: the likeliest one is named",
        "ни одна локализация не достигла порога: названа самая вероятная",
    ),
    (
        r"amplitudes of (.+) look like microvolts, not millivolts: divided by 1,000",
        r"амплитуды около \1 похожи на микровольты: разделены на 1000",
    ),
    (r"stored as samples x leads (.+): turned to leads x samples", r"записано как отсчёты × отведения \1: повёрнуто"),
    (
        r"(.+) s alike on all leads \(a calibration pulse or padding\) were cut off",
        r"\1 с, одинаковые во всех отведениях (калибровка или заполнение), отрезаны",
    ),
    (r"left aside: (.+)", r"не использовано: \1"),
    (r"(.+) from (.+) and (.+) \(Einthoven, Goldberger\)", r"\1 вычислены по \2 и \3 (Эйнтховен, Гольдбергер)"),
)


def translate_reasons(document: Mapping[str, Any], language: str) -> list[dict[str, Any]]:
    """Each reason of a finding's document as {"text", "start_s"}, what is wrong with the tracing first."""
    quality = document["quality"]
    details = quality["details"]
    notes = quality["reasons"][len(details) :]
    if language != "ru":
        texts = [each["text"] for each in details] + list(notes)
    else:
        texts = [_in_russian(each) for each in details] + [_note_in_russian(each) for each in notes]
    starts = [each["start_s"] for each in details] + [None] * len(notes)
    return [{"text": text, "start_s": start} for text, start in zip(texts, starts, strict=True)]


def translate_reason(text: str, language: str) -> str:
    """Why a value could not be measured; as it is where it is not known."""
    return MEASURED.get(text, text) if language == "ru" else text


def _in_russian(detail: Mapping[str, Any]) -> str:
    leads = detail["leads"]
    which = "все отведения" if len(leads) == len(LEADS) else ", ".join(leads)
    when = "" if detail["start_s"] is None else f" ({detail['start_s']:.1f}–{detail['end_s']:.1f} с)"
    return f"{which}{': ' if which else ''}{RUSSIAN.get(detail['kind'], detail['text'])}{when}"


def _note_in_russian(text: str) -> str:
    for pattern, russian in NOTES:
        if re.fullmatch(pattern, text):
            return re.sub(pattern, russian, text)
    return text
