"""What the trees' contributions mean in words: signs that can be checked with calipers, each with its share of the logit.

The features of a lead are taken together by the wave that they measure, and leads that show the same by the sentence. What
a sentence states is from the table of measurements alone, never from the features, which are scaled; where the table shows no
Q, what spoke is said as "no Q". What is not in the table is not named: the notches of the QRS, the time of R's peak, and
a dip before R of under 0.02 mV that speaks for the output. Nor is aVR, whose QRS and T look the other way round, but for
its ST and an upright T.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cardiac.leads import LEADS
from cardiac.measurements.measure import Measurements
from tasks.mi.features import FEATURES, TERRITORIES
from tasks.mi.sign_states import LeadStates, State, state_of_progression, state_of_record
from tasks.mi.sign_words import say

MOST_FOR, MOST_AGAINST = 5, 3
LEAST = 0.1  # of a logit: what says less is not named
MOST_LEADS = 4  # of a sentence with a number for each of them
SMALL = 1 / 3  # a lead that says less than this share of what a sentence's strongest says is left out
WAVES = {  # of a lead, by its feature
    **dict.fromkeys(("q", "q_ms", "qs", "q_share"), "Q"),
    **dict.fromkeys(("first_r", "initial_20", "initial_40"), "start"),
    **dict.fromkeys(("r", "r_share"), "R"),
    "r2": "R'",
    **dict.fromkeys(("s", "lowest", "net"), "QRS"),
    **dict.fromkeys(("st_j", "st_60", "st_80", "st_slope"), "ST"),
    **dict.fromkeys(("t", "t_max", "t_min", "t_share"), "T"),
}
OF_CHEST = ("highest_r", "least_r_23", "least_step", "steps_down", "transition")
OVER = ("q_over", "q_wide", "q_alone", "qs", "r_hardly")  # a Q that counts, or what the features take for a QS
VOLTAGES = {"cornell": "cornell_mv", "sokolow_lyon": "sokolow_lyon_mv"}  # features, and the table's names for them


@dataclass(frozen=True)
class Sign:
    """Something that was measured, and what it adds to the logit; above 0 it speaks for the output.

    message : of `sign_words.MESSAGES`.  leads : that show it; none for what is of the record.  arguments : of the message, as
    plain data: numbers, or [least, greatest] where leads differ.  text : in English, as `say` makes it.
    """

    message: str
    leads: tuple[str, ...]
    text: str
    value: float
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The sign as plain data."""
        return {
            "sign": self.message,
            "leads": [*self.leads],
            "text": self.text,
            "value": round(self.value, 4),
            "arguments": dict(self.arguments),
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> "Sign":
        """The sign that `to_dict` wrote."""
        names = ("sign", "leads", "text", "value", "arguments")
        message, leads, text, value, arguments = (document[name] for name in names)
        return cls(message, tuple(leads), text, value, arguments)


def name_signs(measurements: Measurements, features: np.ndarray, contributions: np.ndarray) -> tuple[Sign, ...]:
    """The signs that speak most for an output, up to five, and then those against it, up to three, the strongest first.

    measurements : of the twelve leads, with a beat.  features, contributions : of it, and of each to the output's logit,
    (n_features,).
    """
    sentences: dict[Any, dict[str, tuple[State, float]]] = {}  # what can be said together, by lead
    for state, value in _spoken(measurements, features, contributions):
        by_lead = sentences.setdefault((state.message, *state.limits.items()), {})
        by_lead[state.lead] = state, value + by_lead.get(state.lead, (state, 0.0))[1]
    signs = [sign for by_lead in sentences.values() for way in (1, -1) if (sign := _sign(by_lead.values(), way))]
    signs.sort(key=lambda sign: -abs(sign.value))
    speak_for, against = ([sign for sign in signs if (sign.value > 0) == is_for] for is_for in (True, False))
    return (*speak_for[:MOST_FOR], *against[:MOST_AGAINST])


def _sign(spoken: Iterable[tuple[State, float]], way: int) -> Sign | None:
    """One sentence of the leads that speak for (way 1) or against the output (-1); None where they say next to nothing."""
    own = [(state, value) for state, value in spoken if value * way > 0]
    strongest = max((abs(value) for _, value in own), default=0.0)
    kept = [(state, value) for state, value in own if abs(value) >= SMALL * strongest]
    if kept and any(name.endswith("_in") for name in kept[0][0].values):
        kept = sorted(kept, key=lambda each: -abs(each[1]))[:MOST_LEADS]
    total = float(sum(value for _, value in kept))
    if abs(total) < LEAST:
        return None
    states = sorted((state for state, _ in kept), key=lambda state: LEADS.index(state.lead) if state.lead else 0)
    leads = tuple(state.lead for state in states if state.lead)
    arguments = {name: _together(name, [state.values[name] for state in states]) for name in states[0].values}
    arguments |= states[0].limits
    return Sign(states[0].message, leads, say(states[0].message, leads, arguments), total, arguments)


def _together(name: str, values: Sequence[Any]) -> Any:
    """A number, or [least, greatest] where they differ; what is said of each lead stays a list."""
    if name.endswith("_in"):
        return [*values]
    if name.startswith("each_"):
        return values[0]
    least, greatest = min(values), max(values)
    return least if least == greatest else [least, greatest]


def _spoken(
    measurements: Measurements, features: np.ndarray, contributions: np.ndarray
) -> Iterator[tuple[State, float]]:
    """What every feature stands for, and what it contributes; what no sentence is for is left out."""
    states = LeadStates(measurements)
    of_record = defaultdict(float)
    of_wave = defaultdict(float)
    for name, value in zip(FEATURES, contributions, strict=True):
        lead, _, feature = name.partition("_")
        if lead in LEADS:
            of_wave[lead, WAVES.get(feature)] += value
        elif lead == "q":  # how many leads of a territory have a Q that counts
            leads = _over(states, TERRITORIES[feature])
            of_wave.update({(each, "Q"): of_wave[each, "Q"] + value / len(leads) for each in leads})
        elif name == "inferior_r":  # of II and aVF together
            of_wave.update({(each, "R"): of_wave[each, "R"] + value / 2 for each in ("II", "aVF")})
        else:
            of_record[None if name in OF_CHEST else VOLTAGES.get(name, name)] += value
    for (lead, wave), value in of_wave.items():
        state = states.of(lead, wave) if wave else None
        if state and not (state.message == "q_none" and value > 0 and features[FEATURES.index(f"{lead}_q")] > 0):
            yield state, value
    for name, value in of_record.items():
        state = state_of_record(measurements, name) if name else state_of_progression(measurements)
        if state:
            yield state, value


def _over(states: LeadStates, leads: Sequence[str]) -> Sequence[str]:
    """The leads that have what is counted; where none has, all of them."""
    found = {lead: states.of(lead, "Q") for lead in leads}
    return [lead for lead, state in found.items() if state and state.message in OVER] or leads
