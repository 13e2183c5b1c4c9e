import numpy as np

from cardiac.leads import LEADS, lead_name
from tasks.mi.labels import AUXILIARY, COLUMNS, NORM, SITES, scp_auxiliary, scp_targets


def test_columns_are_those_of_the_form(root):
    """The order of the submission form, as the simulated one beside the demonstration records has it too."""
    form = (root / "public_data/sample_submission.csv").read_text(encoding="utf-8").splitlines()[0]
    assert form == ("record_name,перегородочный,передний,боковой,передне-боковой,передне-перегородочный,нижний,норма")
    assert form.split(",")[1:] == [COLUMNS[name] for name in (*SITES, NORM)]


def test_lead_names():
    assert [lead_name(lead.upper()) for lead in LEADS] == list(LEADS)
    assert lead_name(" avr ") == "aVR"
    assert lead_name("vx") == "vx"


def named(codes: dict[str, float], least: float = 50.0) -> tuple[bool, list[str]]:
    infarction, sites = scp_targets(codes, least)
    return infarction, [site for site, present in zip(SITES, sites, strict=True) if present]


def test_scp_codes():
    assert named({"NORM": 100.0, "SR": 0.0}) == (False, [])
    assert named({"IMI": 100.0}) == (True, ["inferior"])
    assert named({"ASMI": 50.0, "ILMI": 80.0}) == (True, ["lateral", "anteroseptal", "inferior"])
    assert named({"PMI": 100.0}) == (True, [])
    assert named({"IMI": 35.0}) == (False, [])
    assert named({"IMI": 35.0}, 15.0) == (True, ["inferior"])
    assert named({"INJAS": 100.0}) == (False, [])
    assert scp_targets({}, 50.0)[1].dtype == np.bool_


def stated(codes: dict[str, float]) -> dict[str, float]:
    """The auxiliary targets above 0."""
    targets = scp_auxiliary(codes)
    assert targets.shape == (len(AUXILIARY),)
    assert targets.dtype == np.float32
    return {name: round(float(value), 3) for name, value in zip(AUXILIARY, targets, strict=True) if value > 0}


def test_auxiliary_targets_by_hand():
    """A statement counts whole from 50 % up and where PTB-XL gives no likelihood; a wall's infarction by its own."""
    assert stated({}) == {}
    assert stated({"NORM": 80.0, "SR": 0.0}) == {"NORM": 1.0}
    assert stated({"AFIB": 0.0, "LVH": 35.0, "NDT": 50.0}) == {"AFIB": 1.0, "LVH": 0.35, "NDT": 1.0}
    assert stated({"ILMI": 35.0}) == {
        "ILMI": 0.35, "infarction, any": 0.35, "infarction, inferior": 0.35, "infarction, lateral": 0.35,
    }  # fmt: skip
    assert stated({"PMI": 100.0}) == {"infarction, any": 1.0}  # a wall of its own
    assert stated({"ASMI": 80.0, "IMI": 15.0}) == {
        "ASMI": 1.0, "IMI": 0.15, "infarction, any": 0.8, "infarction, anterior": 0.8, "infarction, inferior": 0.15,
    }  # fmt: skip
