"""Tables: leads, sites, the submission's columns, PTB-XL's codes."""

import numpy as np

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")

# In the order of the submission's columns.
SITES = ("septal", "anterior", "lateral", "anterolateral", "anteroseptal", "inferior")
NORM = "norm"
COLUMNS = {
    "septal": "перегородочный",
    "anterior": "передний",
    "lateral": "боковой",
    "anterolateral": "передне-боковой",
    "anteroseptal": "передне-перегородочный",
    "inferior": "нижний",
    NORM: "норма",
}
RECORD_COLUMN = "record_name"

# PTB-XL's infarction codes (scp_statements.csv, diagnostic_class MI, without the subendocardial injury codes INJ..)
# and the sites each one names. PTB-XL has no septal code; a posterior infarction (PMI) is one at none of the six sites.
# A code for two walls sets both: IL = inferolateral, IP = inferoposterior, IPL = inferoposterolateral.
SCP_SITES: dict[str, tuple[str, ...]] = {
    "IMI": ("inferior",),
    "ASMI": ("anteroseptal",),
    "ILMI": ("inferior", "lateral"),
    "AMI": ("anterior",),
    "ALMI": ("anterolateral",),
    "LMI": ("lateral",),
    "IPLMI": ("inferior", "lateral"),
    "IPMI": ("inferior",),
    "PMI": (),
}

_LEAD_NAMES = {lead.upper(): lead for lead in LEADS}


def lead_name(name: str) -> str:
    """The standard name of a lead written in any case (`AVR` -> `aVR`); other names come back as they are."""
    return _LEAD_NAMES.get(name.strip().upper(), name.strip())


def scp_targets(codes: dict[str, float], min_likelihood: float) -> tuple[bool, np.ndarray]:
    """Infarction (bool) and sites (6,) that PTB-XL's codes of one record stand for.

    codes : SCP code -> likelihood in percent; a code counts from `min_likelihood` up.
    """
    named = [sites for code, sites in SCP_SITES.items() if codes.get(code, -1.0) >= min_likelihood]
    found = {site for sites in named for site in sites}
    return bool(named), np.array([site in found for site in SITES], dtype=bool)
