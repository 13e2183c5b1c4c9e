import numpy as np

from cardiac.labels import COLUMNS, LEADS, NORM, SITES, lead_name, scp_targets


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
