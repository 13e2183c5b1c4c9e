"""The twelve leads, and which of them a name stands for, however a program spells, glues or decorates it."""

import re
import unicodedata
from functools import lru_cache

import numpy as np

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")

# Other names of the leads: IEC's C1 to C6, and D for "derivation" as in Romance languages.
QUOTES = "'\"`´’‘“”«» \t"
_NAMES = {lead.upper(): lead for lead in LEADS}
_NAMES |= {f"{letter}{zero}{number}": f"V{number}" for number in range(1, 7) for letter in "VC" for zero in ("", "0")}
_NAMES |= {f"D{name}": lead for lead in LEADS[:3] for name in (lead, str(len(lead)))}
_BY_NUMBER = {"1": "I", "2": "II", "3": "III"}  # "Lead 1", "Ableitung 2"

# What stands before or behind a lead's name and is no part of it.
_LEAD_TEXT = """LEAD LEADS LD ABLEITUNG ABL DERIVATION DERIVACION DERIVACAO DERIVAZIONE DERIV DER AFLEIDING AVLEDNING AVLEDN
ODPROWADZENIE ODPR ODP ELVEZETES SVOD OTVEDENI DERIVASYON KYTKENTA ОТВЕДЕНИЕ ОТВ ВІДВЕДЕННЯ ВІДВ 导联 導聯 誘導 유도"""
_OTHER_TEXT = """ECG EKG ECGS ЭКГ ЕКГ 心电 心電図 MDC CHANNEL CHAN CH KANAL CANAL CANALE КАНАЛ SIGNAL SIG RAW FILT FILTERED RHYTHM
DATA WAVE WAVEFORM VOLTAGE AMPLITUDE AMP VALUE VALUES SURFACE REF AVG WCT WILSON EINTHOVEN GOLDBERGER ELECTRODE ELEKTRODE
STANDARD RESTING 第"""
_UNIT_TEXT = "MV UV ΜV NV V MILLIVOLT MILLIVOLTS MICROVOLT MICROVOLTS VOLT VOLTS МВ МКВ В"
_LEAD_WORDS, _UNITS = _LEAD_TEXT.split(), frozenset(_UNIT_TEXT.split())
_WORDS = frozenset((*_LEAD_WORDS, *_OTHER_TEXT.split()))
_TURNED = {"NEG", "NEGATIVE", "INV", "INVERTED", "INVERTIERT", "INVERSE", "MINUS", "REVERSED"}
_SPLIT_NAMES = re.compile(r"(?:V|C|D|A ?V) [\dRLF]+|D I{1,3}|A VR|A VL|A VF")
_GLUED = re.compile(rf"^(?:{'|'.join(sorted((w for w in _WORDS if len(w) > 1), key=len, reverse=True))})+(?=.)")
_GLUED_UNIT = re.compile(r"(?<=.)(?:MV|UV|ΜV|NV)$")
_MINUS = "-\u2212\u2013\u2010\u2011\ufe63"
_LIKE_LATIN = str.maketrans("АВЕІаеі", "ABEIaei")  # Cyrillic letters that look like Latin ones, in АVR say
_BRACKETED = re.compile(r"[(\[{<]([^()\[\]{}<>]*)[)\]}>]")


@lru_cache(maxsize=4096)
def lead_and_sign(name: str) -> tuple[str, int] | None:
    """The standard lead that a name stands for, and -1 where it is turned round (`-aVR`, Cabrera); None for any other.

    Read are any case, `MDC_ECG_LEAD_AVR`, `Lead I (Einthoven)`, `ECG-V1`, `V1_mV`, `b'V1'`, `C1`, `DII`, `Abl. I`. A minus
    is one only where nothing stands before it; behind a prefix it separates, as in `ECG-I`.
    """
    text = unicodedata.normalize("NFKC", name).strip().strip("\ufeff")
    text = re.sub(r"^b(['\"])(.*)\1$", r"\2", text).strip(QUOTES)
    text, sign = _sign_of(text)
    parts = _BRACKETED.findall(text)
    inside = {match for part in parts if (match := _plain(part))}
    turned = any(part.strip() in tuple(_MINUS) or _TURNED.intersection(_tokens(part)) for part in parts)
    outside = _plain(_BRACKETED.sub(" ", text))
    leads = ({outside[0]} if outside else set()) | {each[0] for each in inside}
    if len(leads) != 1:
        return None
    sign *= (outside[1] if outside else 1) * (-1 if turned else 1)
    return leads.pop(), sign


def lead_name(name: str) -> str:
    """The standard name of a lead (`AVR` -> `aVR`, `-AVR` -> `-aVR`); other names come back as they are."""
    match = lead_and_sign(name)
    return ("-" if match[1] < 0 else "") + match[0] if match else name.strip()


def is_decoration(text: str) -> bool:
    """Whether a text holds nothing but words that stand about a lead's name."""
    return all(token in _WORDS | _TURNED for token in _tokens(text))


def _sign_of(text: str) -> tuple[str, int]:
    """The text without a sign that stands before all else, and the sign."""
    if text[:1] and text[0] in _MINUS:
        return text[1:].strip(), -1
    return text.removeprefix("+").strip(), 1


def _tokens(text: str) -> list[str]:
    bare = "".join(letter for letter in unicodedata.normalize("NFD", text) if not unicodedata.combining(letter))
    return [token for token in re.split(r"[\W_]+", bare.upper()) if token]


def _plain(text: str) -> tuple[str, int] | None:
    """The one lead in a text without brackets, and its sign; None where there is none, or anything that is not known."""
    tokens = _tokens(_split_scripts(text))
    is_lead_word = any(token in _LEAD_WORDS for token in tokens)
    turned = sum(token in _TURNED for token in tokens)
    kept = [token for token in tokens if token not in _WORDS | _TURNED]
    lead = _one_lead(kept, is_lead_word)
    return (lead, -1 if turned else 1) if lead and turned < 2 else None


def _split_scripts(text: str) -> str:
    """Chinese, Japanese and Korean words apart from what they are glued to; Cyrillic letters in a lead's name as Latin."""
    apart = re.sub(r"([\u3040-\u9fff\uac00-\ud7a3]+)", r" \1 ", text)
    return " ".join(
        word.translate(_LIKE_LATIN) if re.search(r"[A-Za-z]", word) and not re.search(r"[б-дж-зй-я]", word) else word
        for word in apart.split()
    )


def _one_lead(tokens: list[str], is_lead_word: bool) -> str | None:
    while len(tokens) > 1 and tokens[-1] in _UNITS:
        tokens = tokens[:-1]
    text = " ".join(tokens)
    if _SPLIT_NAMES.fullmatch(text):  # "V 1", "aV R"; never "I I", which may be two leads
        return _NAMES.get(text.replace(" ", ""))
    if len(tokens) == 2 and re.fullmatch(r"(?:CH|CHAN|NO|NR)?0*\d{1,2}", tokens[0]):  # "7: V1", "ch07 V1"
        tokens = tokens[1:]
    if len(tokens) != 1:
        return None
    token = tokens[0]
    for bare in (token, _GLUED.sub("", token), _GLUED_UNIT.sub("", token), _GLUED_UNIT.sub("", _GLUED.sub("", token))):
        if bare in _NAMES:
            return _NAMES[bare]
    numbered = re.fullmatch(rf"(?:{'|'.join(_LEAD_WORDS)})?0*([123])", token)
    is_numbered = numbered and (is_lead_word or not token.isdigit())
    return _BY_NUMBER[numbered[1]] if is_numbered else None


INDEPENDENT = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")


def twelve_leads(signal: np.ndarray) -> np.ndarray:
    """Twelve leads from I, II, V1 to V6: III = II - I, and Goldberger's. (8, n) -> (12, n)."""
    first, second = signal[0], signal[1]
    limbs = [first, second, second - first, -(first + second) / 2, first - second / 2, second - first / 2]
    return np.vstack([*limbs, signal[2:]])
