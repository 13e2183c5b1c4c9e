"""HL7 annotated ECG (aECG, ANSI/HL7 V3 ECG R1): the rhythm series."""

from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from cardiac.errors import RecordError
from cardiac.readers.raw import SEXES, Raw
from cardiac.readers.xml_files import number_of, parse_xml, text_of

SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6}


def read_aecg(path: Path) -> Raw:
    """The rhythm series of an aECG file. Raises RecordError for two of them, or leads of several lengths."""
    root = parse_xml(path)
    series = [each for each in root.iter("series") if _code(each) in ("RHYTHM", "")]
    if len(series) != 1:
        raise RecordError(f"holds {len(series) or 'no'} rhythm series: give a file of one recording")
    sets = series[0].findall("component/sequenceSet")  # others belong to series derived from it
    if len(sets) != 1:
        raise RecordError(
            f"its leads stand in {len(sets) or 'no'} sets, not recorded together: give one set of all leads"
        )
    fs_hz, names, samples, units = None, [], [], []
    for sequence in sets[0].iter("sequence"):
        code, value = _code(sequence), sequence.find("value")
        if value is None:
            continue
        if code.startswith("TIME_"):
            fs_hz = _rate(value)
        elif value.find("digits") is not None:
            scale, origin = _quantity(value, "scale"), _quantity(value, "origin", (0.0, None))
            if scale[0] == 0 or origin[1] not in (None, scale[1]):
                raise RecordError(f"states no usable scale for {code[:30]}: export it again")
            samples.append(_digits(value, code) * scale[0] + origin[0])
            names.append(code)
            units.append(scale[1] or "")
    if not samples or len({len(each) for each in samples}) > 1:
        raise RecordError("its leads are not of one length: export it again")
    age, sex = _patient(root)
    return Raw(np.stack(samples), fs_hz, tuple(names), tuple(units), age_years=age, sex=sex)


def _code(element: Element) -> str:
    code = element.find("code")
    return code.get("code", "") if code is not None else ""


def _quantity(value: Element, name: str, default: tuple[float, str | None] | None = None) -> tuple[float, str | None]:
    """A number and its unit."""
    found = value.find(name)
    if found is None:
        if default is None:
            raise RecordError(f"states no {name} of its samples: export it again")
        return default
    return number_of(found.get("value", ""), name), found.get("unit")


def _rate(value: Element) -> float:
    step, unit = _quantity(value, "increment")
    if unit not in SECONDS or step <= 0:
        raise RecordError(f"its time step {step:g} {unit} is not a time: export it again")
    return 1 / (step * SECONDS[unit])


def _digits(value: Element, code: str) -> np.ndarray:
    """The numbers that a list spells out, float64 (n,)."""
    try:
        return np.array(text_of(value, "digits").split(), dtype=np.float64)
    except ValueError as error:
        raise RecordError(f"its samples of {code[:30]} are not numbers: copy it again") from error


def _patient(root: Element) -> tuple[float | None, str | None]:
    """Age in years and sex, where they are stated."""
    sex = next((SEXES.get(each.get("code", "")) for each in root.iter("administrativeGenderCode")), None)
    for each in root.iter():
        value = each.find("value")
        if value is not None and _code(each) == "21612-7" and value.get("unit") in ("a", "year"):  # LOINC: reported age
            return number_of(value.get("value", ""), "age"), sex
    return None, sex
