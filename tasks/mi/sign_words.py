"""Sentences about what was measured, from a message and its arguments: another language is another `Language`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cardiac.leads import LEADS

# {limit_...} is the same for the whole sentence, {..._in} is said of each lead ("0.34 mV in V2"), {each_...} is a row of
# numbers; of all else there may be a least and a greatest.
MESSAGES = {
    "q": "Q {q_ms} ms wide and {q_mv} mV deep in {leads}",
    "q_small": "small Q, {q_ms} ms wide and {q_mv} mV deep, in {leads}",
    "q_over": "Q {q_ms} ms wide and {q_mv} mV deep in {leads} (counts from {limit_ms} ms and {limit_mv} mV)",
    "q_alone": "Q {q_ms} ms wide and {q_mv} mV deep in {leads} (counts from {limit_ms} ms and {limit_mv} mV in two leads "
    "side by side)",
    "q_under": "small Q, {q_ms} ms wide and {q_mv} mV deep, in {leads} (counts from {limit_ms} ms and {limit_mv} mV)",
    "q_wide": "Q {q_ms} ms wide and {q_mv} mV deep in {leads} (counts over {limit_ms} ms)",
    "q_narrow": "small Q, {q_ms} ms wide and {q_mv} mV deep, in {leads} (counts over {limit_ms} ms)",
    "qs": "QS in {leads}",
    "q_none": "no Q in {leads}",
    "r_hardly": "hardly any R before S in {leads} ({r_mv} mV)",
    "r_low": "R only {r_mv_in}",
    "r": "R {r_mv_in}",
    "r2": "R' {r2_mv} mV high in {leads}",
    "s_over_r": "S deeper than R is high in {leads} (S {s_mv} mV, R {r_mv} mV)",
    "q_over_r": "Q deeper than R is high in {leads} (Q {q_mv} mV, R {r_mv} mV)",
    "r_over_s": "R higher than S is deep in {leads} (R {r_mv} mV, S {s_mv} mV)",
    "r_without_s": "R without S in {leads} ({r_mv} mV high)",
    "st_raised": "ST raised by {st_j_mv} mV at J in {leads} (limit {limit_mv})",
    "st_raised_alone": "ST raised by {st_j_mv} mV at J in {leads} (limit {limit_mv} in two leads side by side)",
    "st_raised_under": "ST raised by {st_j_mv} mV at J in {leads}, under the limit of {limit_mv}",
    "st_raised_free": "ST raised by {st_j_mv} mV at J in {leads}",
    "st_lowered": "ST lowered by {st_j_mv} mV at J in {leads} (limit {limit_mv})",
    "st_lowered_free": "ST lowered by {st_j_mv} mV at J in {leads}",
    "st_rising": "ST level at J and raised by {st_j80_mv} mV 80 ms after it in {leads}",
    "st_falling": "ST level at J and lowered by {st_j80_mv} mV 80 ms after it in {leads}",
    "st_level": "ST level in {leads} ({st_j_mv} mV at J)",
    "t_inverted": "T upside down in {leads} ({t_mv} mV)",
    "t_flat": "T flat in {leads} ({t_mv} mV)",
    "t_low": "T low in {leads} ({t_mv} mV, under a tenth of R)",
    "t_upright": "T upright in {leads} ({t_mv} mV)",
    "r_grows": "R grows from V1 to V4 ({each_mv} mV)",
    "r_poor": "poor progression of R from V1 to V4 ({each_mv} mV)",
    "r_does_not_grow": "R does not grow steadily from V1 to V4 ({each_mv} mV)",
    "qrs_ms": "QRS {value} ms wide",
    "qt_ms": "QT {value} ms",
    "pr_ms": "PR {value} ms",
    "heart_rate_bpm": "heart rate {value} a minute",
    "qrs_axis_deg": "QRS axis {value}°",
    "t_axis_deg": "T axis {value}°",
    "qrs_t_angle_deg": "{value}° between the axes of QRS and T",
    "cornell_mv": "R in aVL and S in V3 together {value_mv} mV",
    "sokolow_lyon_mv": "S in V1 and R in V5 or V6 together {value_mv} mV",
}


@dataclass(frozen=True)
class Language:
    """How a language says a message.

    messages : templates by message.  usual : what follows a value that is out of its range, by which sides that has, the
    lower and the upper.  conjunction : before the last of several.  between : of the numbers in a row.  range : of numbers,
    run : of leads, from the first to the last.  of_lead : a number of a lead.  finish : of the whole sentence.
    """

    messages: Mapping[str, str]
    usual: Mapping[tuple[bool, bool], str]
    conjunction: str
    between: str
    range: str
    run: str
    of_lead: str
    finish: Callable[[str], str] = str


ENGLISH = Language(
    MESSAGES,
    usual={
        (False, True): " (usual up to {high})",
        (True, False): " (usual from {low})",
        (True, True): " (usual {low} to {high})",
    },
    conjunction="and",
    between=", ",
    range="{} to {}",
    run="{} to {}",
    of_lead="{value:.2f} mV in {lead}",
)


def say(message: str, leads: Sequence[str], arguments: Mapping[str, Any], language: Language = ENGLISH) -> str:
    """The sentence, without a full stop. arguments : numbers, or [least, greatest]; `each_...` any number of them, and
    `..._in` one for each lead. Raises KeyError for a message that the language has not, or an argument that is missing.
    """
    words = {name: _words(name, each, leads, language) for name, each in arguments.items()}
    template = language.messages[message] + language.usual.get(("low" in arguments, "high" in arguments), "")
    return language.finish(template.format(leads=lead_words(leads, language), **words))


def lead_words(leads: Sequence[str], language: Language = ENGLISH) -> str:
    """Leads in their order: "II, III and aVF", "V1 to V4"; three and more chest leads side by side are joined."""
    places = sorted(LEADS.index(lead) for lead in leads)
    runs: list[list[int]] = []
    for place in places:
        if runs and place == runs[-1][-1] + 1 and place > LEADS.index("V1"):
            runs[-1].append(place)
        else:
            runs.append([place])
    names = []
    for run in runs:
        shown = [LEADS[place] for place in run]
        names += [language.run.format(shown[0], shown[-1])] if len(run) > 2 else shown
    return _listed(names, language)


def _listed(names: Sequence[str], language: Language, between: str = ", ") -> str:
    """Several one after another, with "and" before the last."""
    *before, last = names or [""]
    return f"{between.join(before)} {language.conjunction} {last}" if before else last


def _words(name: str, value: Any, leads: Sequence[str], language: Language) -> str:
    """A number with as many digits as it has to have, a range, several numbers in a row, or the number of each lead."""
    if name.endswith("_in"):
        of_leads = zip(value, leads, strict=True)
        return _listed([language.of_lead.format(value=each, lead=lead) for each, lead in of_leads], language)
    if name.startswith("each_"):
        return _listed([_number(name, each) for each in value], language, language.between)
    if isinstance(value, Sequence):
        least, greatest = (_number(name, each) for each in value)
        return least if least == greatest else language.range.format(least, greatest)
    return _number(name, value)


def _number(name: str, value: float) -> str:
    return f"{value:.2f}" if name.endswith("_mv") else f"{value:g}"
