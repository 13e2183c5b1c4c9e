"""Names of leads as programs of many countries write them."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardiac.leads import LEADS, lead_and_sign

PREFIXES = (
    "ECG", "ekg", "Lead", "LEAD", "MDC_ECG_LEAD", "Ableitung", "Abl", "Dérivation", "derivación", "Derivação",
    "derivazione", "Отведение", "отв", "Channel", "ECG Lead", "ЭКГ", "导联",
)  # fmt: skip
SEPARATORS = ("-", " ", "_", ":", ".", " - ", ": ", ". ", "–", "--", "/", " -", "- ")
CASES = (str, str.upper, str.lower)


@pytest.mark.parametrize("prefix", PREFIXES)
def test_what_stands_between_prefix_and_lead_separates(prefix):
    for separator, lead, case in itertools.product(SEPARATORS, LEADS, CASES):
        name = f"{prefix}{separator}{case(lead)}"
        assert lead_and_sign(name) == (lead, 1), name


@given(st.sampled_from(PREFIXES), st.text("-_ .:/|,;\u2013\u2212", min_size=1, max_size=4), st.sampled_from(LEADS))
def test_no_separator_turns_a_lead_round(prefix, separator, lead):
    assert lead_and_sign(prefix + separator + lead) == (lead, 1)


@pytest.mark.parametrize("lead", LEADS)
def test_a_minus_alone_before_a_name_turns_it(lead):
    for name in (
        f"-{lead}",
        f" - {lead.lower()}",
        f"\u2212{lead}",
        f"(-){lead}",
        f"{lead} (inverted)",
        f"-{lead} (mV)",
    ):
        assert lead_and_sign(name) == (lead, -1), name
    assert lead_and_sign(f"+{lead}") == (lead, 1)


@pytest.mark.parametrize("lead", LEADS)
@pytest.mark.parametrize(
    "form",
    ["{}", "'{}'", '"{}"', "b'{}'", "{}_mV", "{} (mV)", "{}[uV]", "{}/mV", "{}, mV", "{} µV", "{}-mV", "{}mV", "{}uV",
     "ECG_{}_mV", "ECG{}", "ecg {} [mV]", "ch01 ({})", "7: {}", "{}-Ref", "{} raw", "{}_filtered", "\ufeff{}", "{}导联",
     "Lead {} (Einthoven)", "(mV) {}", "{}:", "<{}>"],
)  # fmt: skip
def test_glued_quoted_and_decorated(form, lead):
    assert lead_and_sign(form.format(lead)) == (lead, 1)


OTHERS = {"C1": "V1", "c6": "V6", "DI": "I", "D2": "II", "DIII": "III", "Lead 1": "I", "Abl. 3": "III", "Ⅱ": "II",
          "V₁": "V1", "V 1": "V1", "V-1": "V1", "V01": "V1", "aV R": "aVR", "a.V.L": "aVL", "АVF": "aVF", "V1 (C1)": "V1",
          "第II誘導": "II", "1. I": "I"}  # fmt: skip


@pytest.mark.parametrize(("name", "lead"), OTHERS.items())
def test_other_names(name, lead):
    assert lead_and_sign(name) == (lead, 1)


@pytest.mark.parametrize(
    "name",
    ["", "-", "ECG", "lead", "1", "12", "ch1", "Channel 1", "Lead 4", "I-II", "I I", "V1-V2", "I_1", "V1.1", "I (V1)", "IV",
     "MLII", "MCL1", "V3R", "V7", "CM5", "VF", "VR", "A1", "X", "Lead X", "EEG V1", "Resp", "HR", "time", "V", "mV", "A",
     "D4", "II/III", "V1V2", "ECG 1", "SpO2", "C", "T", "AVB", "I (II)"],
)  # fmt: skip
def test_names_of_no_lead_of_the_twelve(name):
    assert lead_and_sign(name) is None
