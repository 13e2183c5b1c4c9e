"""Leads and units by the codes and words that devices write for them."""

import re

from cardiac.labels import lead_and_sign

# Leads by number: of SCP-ECG ("5.6.3-9-1" is lead I), of MDC ("2:1", or 131073 with its partition), and -aVR.
_NUMBERED = {1: "I", 2: "II", 61: "III", 62: "aVR", 63: "aVL", 64: "aVF", 65: "-aVR"}
_NUMBERED |= {place + 2: f"V{place}" for place in range(1, 7)}
_MDC_PARTITION = 2 << 16
_VOLTS = {"n": "nV", "u": "uV", "µ": "uV", "μ": "uV", "m": "mV", "": "V"}
_VOLTS |= {"nano": "nV", "micro": "uV", "mikro": "uV", "milli": "mV", "mili": "mV", "mc": "uV", "мк": "uV", "м": "mV"}
_VOLTS |= {"микро": "uV", "милли": "mV", "нано": "nV", "нв": "nV", "н": "nV"}
_SECONDS = {"": 1.0, "m": 1e-3, "u": 1e-6, "µ": 1e-6, "μ": 1e-6, "n": 1e-9}
_SECONDS |= {"milli": 1e-3, "micro": 1e-6, "mikro": 1e-6, "nano": 1e-9}


def lead_of(*told: str) -> str:
    """The lead that the first of these texts or codes names ("V1", "-aVR"); "" where none does."""
    for text in told:
        found = lead_and_sign(text) if text else None
        if found:
            return ("-" if found[1] < 0 else "") + found[0]
        coded = re.fullmatch(r"\s*(?:5\.6\.3-9-|2::?)(\d{1,3})\s*|\s*(1310\d\d|1311\d\d)\s*", text or "")
        if coded:
            number = int(coded[1]) if coded[1] else int(coded[2]) - _MDC_PARTITION
            if number in _NUMBERED:
                return _NUMBERED[number]
    return ""


def volts_of(text: str) -> str:
    """The unit ("nV", "uV", "mV" or "V") that a text stands for; any other text comes back as it is."""
    bare = re.sub(r"[\s\[\]{}()_.-]", "", text).lower()
    found = re.fullmatch(r"(.*?)(?:volts?|вольта?|в|v)", bare)
    return _VOLTS.get(found[1], text) if found else text


def seconds_of(text: str) -> float | None:
    """How many seconds the unit of a time is; None for any other text."""
    bare = text.strip().rstrip(".").lower()
    found = re.fullmatch(r"(.*?)(?:seconds?|sekunden?|secondes?|segundos?|secondi|secs?|sek|s)", bare)
    if bare in ("min", "minute", "minutes"):
        return 60.0
    return _SECONDS.get(found[1]) if found else None
