"""Why a tracing wants a look or has no value, in the page's language: findings.json has the sentences in English."""

from collections.abc import Mapping
from typing import Any

from cardiac.leads import LEADS
from cardiac.messages import Message, messages_of
from webapp.sentences import russian_number, translated

# Documents that an earlier version wrote have no messages. What is wrong, and what to do, for every kind of
# `cardiac.quality.assess.KINDS`, where their English sentence is not known again.
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


def translate_reasons(document: Mapping[str, Any], language: str) -> list[dict[str, Any]]:
    """Each reason of a finding's document as {"text", "start_s"}, what is wrong with the tracing first."""
    quality = document["quality"]
    details = quality["details"]
    texts = messages_of(quality["reasons"], quality.get("messages"))
    said = [_said(text, detail, language) for text, detail in zip(texts, details, strict=False)]
    said += [translated(text, language) for text in texts[len(details) :]]
    starts = [each["start_s"] for each in details] + [None] * (len(texts) - len(details))
    return [{"text": text, "start_s": start} for text, start in zip(said, starts, strict=True)]


def translate_reason(text: str, language: str) -> str:
    """Why a value could not be measured; as it is where it is not known."""
    return translated(text, language)


def _said(text: str, detail: Mapping[str, Any], language: str) -> str:
    """One thing that is wrong with the tracing; by its kind where its sentence has no translation."""
    said = translated(text, language)
    if language != "ru" or isinstance(text, Message) or said != text or detail["kind"] not in RUSSIAN:
        return said
    leads = detail["leads"]
    which = "все отведения" if len(leads) == len(LEADS) else ", ".join(leads)
    when = "" if detail["start_s"] is None else f" ({_number(detail['start_s'])}–{_number(detail['end_s'])} с)"
    return f"{which}{': ' if which else ''}{RUSSIAN[detail['kind']]}{when}"


def _number(value: float) -> str:
    return russian_number(f"{value:.1f}")
