"""docs/measurements.md names every value, column, range, reason and limit that there is."""

import re

import pytest

from cardiac.measurements import criteria, limits, measure, median_beat, waves
from cardiac.print_out import DEFINITION, WIDE_QRS_MS, range_words
from tasks.mi.schema import CRITERIA


@pytest.fixture(scope="module")
def page(root) -> str:
    return (root / "docs/measurements.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def rows(page) -> dict[str, str]:
    """By name, the rest of its row; a row may be about several names."""
    found = {}
    for line in page.splitlines():
        first, _, rest = line.removeprefix("| ").partition(" | ")
        if line.startswith("| "):
            found |= dict.fromkeys(re.findall(r"`(\w+)`", first), rest)
    return found


def test_every_value_and_column_has_its_row(rows):
    assert set(rows) >= {*measure.VALUES, *waves.COLUMNS, *CRITERIA}


@pytest.mark.parametrize("name", measure.VALUES)
def test_the_ranges_are_those_that_values_are_held_against(rows, name):
    _, told = (cell.strip() for cell in rows[name].removesuffix("|").split("|"))
    usual = limits.RANGES.get(name)
    if usual is None:
        assert told == ""
        return
    words = [range_words({"low": usual.low, "high": usual.high})]
    for (of, sex), (low, high) in limits.BY_SEX.items():
        if of == name:
            words.append(f"{'men' if sex == 'male' else 'women'} {range_words({'low': low, 'high': high})}")
    assert re.sub(r"(\d)\.0\b", r"\1", told) == "; ".join(words)


def test_the_sources_are_named(page):
    told = " ".join(page.split())
    for source in {each.source for each in limits.RANGES.values()}:
        for reference in re.findall(r"[A-Z]\w+ et al\. \d{4}, [^;(]+?\d+:\w?\d+", source):
            assert reference in told, reference


def test_every_reason_is_there(page):
    reasons = {value for name, value in vars(measure).items() if name.isupper() and isinstance(value, str)}
    assert len(reasons) >= 9
    told = " ".join(page.split())
    for reason in reasons:
        assert reason in told, reason


def test_the_limits_are_those_of_the_program(page, rows):
    assert f"Q of more than {criteria.Q_ANY_MS:g} ms" in rows["pathological_q"]
    assert f"Q of {criteria.Q_MS:g} ms and {criteria.Q_MV:g} mV" in rows["pathological_q"]
    young, old, women = (
        criteria.st_limits_mv(("V2",), *each)[0] for each in (("male", 30), ("male", 40), ("female", None))
    )
    st = rows["st_elevation"]
    assert f"J at {criteria.ST_MV:g} mV" in st
    assert f"{women:g} mV in women, {old:g} mV in men of 40 and more, {young:g} mV in younger ones" in st
    assert f"J at -{criteria.ST_DEPRESSION_MV:g} mV" in rows["st_depression"]
    assert f"T below -{criteria.T_INVERSION_MV:g} mV" in rows["t_inversion"]
    assert f'"{DEFINITION}" on the picture' in page
    assert f"the QRS is {WIDE_QRS_MS} ms" in page
    told = " ".join(page.split())
    assert (
        f"counts from {waves.WAVE_MV:g} mV on; its duration is between the crossings of {waves.ISOELECTRIC_MV:g} mV"
        in told
    )
    assert f"of at least {median_beat.ALIKE:g})" in told
    assert f"median beat** at {median_beat.GRID_HZ:g} Hz" in told
