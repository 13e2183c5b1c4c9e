"""Leads by the codes and words that devices write for them."""

import re

from cardiac.leads import lead_and_sign

# Leads by number: of SCP-ECG ("5.6.3-9-1" is lead I), of MDC ("2:1", or 131073 with its partition), and -aVR.
_NUMBERED = {1: "I", 2: "II", 61: "III", 62: "aVR", 63: "aVL", 64: "aVF", 65: "-aVR"}
_NUMBERED |= {number + 2: f"V{number}" for number in range(1, 7)}
_MDC_PARTITION = 2 << 16


def lead_of(*texts: str) -> str:
    """The lead that the first of these texts or codes names ("V1", "-aVR"); "" where none does."""
    for text in texts:
        signed_lead = lead_and_sign(text) if text else None
        if signed_lead:
            return ("-" if signed_lead[1] < 0 else "") + signed_lead[0]
        coded = re.fullmatch(r"\s*(?:5\.6\.3-9-|2::?)(\d{1,3})\s*|\s*(1310\d\d|1311\d\d)\s*", text or "")
        if coded:
            number = int(coded[1]) if coded[1] else int(coded[2]) - _MDC_PARTITION
            if number in _NUMBERED:
                return _NUMBERED[number]
    return ""
