"""Tables: leads, sites, the submission's columns, PTB-XL's codes; and what this is not."""

import numpy as np

from cardiac.leads import LEADS, lead_and_sign, lead_name  # noqa: F401 (which others take from here)

# In the order of the submission's columns.
SITES = ("septal", "anterior", "lateral", "anterolateral", "anteroseptal", "inferior")
OUTPUTS = ("mi", *SITES)  # of the networks, together
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

# What the networks learn beside the task's own labels, from PTB-XL's codes (those with some forty records or more, and
# the infarctions by wall). No finding uses them.
SCP_AUXILIARY = (
    "NORM", "ABQRS", "NDT", "LVH", "IMI", "ASMI", "LAFB", "ISC_", "AFIB", "IRBBB", "STD_", "PVC", "1AVB", "STACH",
    "SARRH", "VCLVH", "NST_", "IVCD", "ISCAL", "CLBBB", "SBRAD", "CRBBB", "LOWT", "QWAVE", "LAO/LAE", "NT_", "PAC",
    "ILMI", "INVT", "AMI", "LPR", "LVOLT", "ISCIN", "ALMI", "ISCIL", "LPFB", "LMI", "INJAS", "PACE", "ISCAS",
)  # fmt: skip
SCP_WALLS: dict[str, tuple[str, ...]] = {
    "any": tuple(SCP_SITES),
    "anterior": ("ASMI", "AMI", "ALMI"),
    "inferior": ("IMI", "ILMI", "IPLMI", "IPMI"),
    "lateral": ("LMI", "ILMI", "ALMI", "IPLMI"),
}
AUXILIARY = (*SCP_AUXILIARY, *(f"infarction, {wall}" for wall in SCP_WALLS))


def scp_targets(codes: dict[str, float], min_likelihood: float) -> tuple[bool, np.ndarray]:
    """Infarction (bool) and sites (6,) that PTB-XL's codes of one record stand for.

    codes : SCP code -> likelihood in percent; a code counts from `min_likelihood` up.
    """
    named = [sites for code, sites in SCP_SITES.items() if codes.get(code, -1.0) >= min_likelihood]
    named_sites = {site for sites in named for site in sites}
    return bool(named), np.array([site in named_sites for site in SITES], dtype=bool)


def scp_auxiliary(codes: dict[str, float]) -> np.ndarray:
    """Soft targets of `AUXILIARY` from PTB-XL's codes of one record, float32 (n_auxiliary,).

    codes : SCP code -> likelihood in percent. A statement counts whole from 50 % up and where PTB-XL gives none (0), as
    for all rhythms and forms; below by its likelihood. An infarction at a wall counts by its likelihood.
    """

    def stated(code: str) -> float:
        likelihood = codes.get(code)
        if likelihood is None:
            return 0.0
        return 1.0 if likelihood >= 50 or likelihood == 0 else likelihood / 100

    walls = [max(codes.get(code, 0.0) for code in of_wall) / 100 for of_wall in SCP_WALLS.values()]
    return np.array([*map(stated, SCP_AUXILIARY), *walls], dtype=np.float32)
