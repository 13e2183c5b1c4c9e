"""HL7 annotated ECG (aECG, ANSI/HL7 V3 ECG R1): the rhythm series."""

import re
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from cardiac.errors import RecordError
from cardiac.messages import Message
from cardiac.readers.codes import lead_of
from cardiac.readers.groups import Group, choose_rhythm
from cardiac.readers.identity import Identity, moment_of_digits, stated_identity
from cardiac.readers.raw import SEXES, Raw, check_length, check_rate
from cardiac.readers.units import TIME_UNITS, folded, mv_per_unit
from cardiac.readers.xml_files import number_of, parse_xml, text_of

USUAL_HZ = 500.0  # by which series without one are compared in length
PIECE = 2**20  # characters of a list of digits that are taken apart at a time


def read_aecg(path: Path) -> Raw:
    """The rhythm series of an aECG file. Raises RecordError for two of them, or leads of several lengths."""
    root = parse_xml(path)
    sequences = [(series, each) for series in _series(root) for each in series.findall("component/sequenceSet")]
    sequences = [(series, each) for series, each in sequences if _leads(each)]
    if not sequences:
        raise RecordError("holds no rhythm series: export a single recording")
    groups = [_group(*each) for each in sequences]
    index, notes = choose_rhythm(groups, Message("series"), Message("rhythm series"))
    series, chosen = sequences[index]
    fs_hz, doubt = _rate(chosen)
    names, samples, units = [], [], []
    for name, value in _leads(chosen):
        if fs_hz:
            check_length(_count(value), check_rate(fs_hz), at_once=True)
        row, unit = _row(value, name)
        names.append(name)
        samples.append(row)
        units.append(unit)
    if len({len(each) for each in samples}) > 1:
        raise RecordError("its leads differ in length: export it again")
    identity = _identity(root, series, chosen)
    return Raw(np.stack(samples), fs_hz, tuple(names), tuple(units), notes, *_patient(root), doubt, identity)


def _series(root: Element) -> list[Element]:
    """All series, those derived from another too."""
    return [each for each in root.iter() if each.tag in ("series", "derivedSeries")]


def _code(element: Element) -> str:
    code = element.find("code")
    return code.get("code", "") if code is not None else ""


def _shown(element: Element) -> str:
    """A code's name in words."""
    code = element.find("code")
    if code is None:
        return ""
    return code.get("displayName", "") or text_of(code, "originalText", "")


def _group(series: Element, sequences: Element) -> Group:
    leads = _leads(sequences)
    duration_s = max(_count(value) for _, value in leads) / (_rate(sequences)[0] or USUAL_HZ)
    label = f"{_code(series)} {_shown(series)}".strip()
    return Group(tuple(name for name, _ in leads), duration_s, label, series.tag == "derivedSeries")


def _leads(sequences: Element) -> list[tuple[str, Element]]:
    """Name and value of every sequence of samples; a lead's is that of the standard."""
    leads = []
    for sequence in sequences.iter("sequence"):
        value, code, shown = sequence.find("value"), _code(sequence), _shown(sequence)
        if value is None or value.find("digits") is None or code.upper().startswith("TIME"):
            continue
        leads.append((lead_of(code, shown) or code or shown or f"sequence {len(leads) + 1}", value))
    return leads


def _quantity(value: Element, name: str) -> tuple[float, str]:
    """A number and its unit. Raises RecordError where the first is missing."""
    quantity = value.find(name)
    if quantity is None or not quantity.get("value", "").strip():
        raise RecordError("states no {name} of its samples: export it again", name=name)
    return number_of(quantity.get("value", ""), name), quantity.get("unit", "")


def _rate(sequences: Element) -> tuple[float | None, str | None]:
    """The sampling rate; None where no times are there, or, with the reason, where they are not understood."""
    for sequence in sequences.iter("sequence"):
        value = sequence.find("value")
        is_time = _code(sequence).upper().startswith("TIME")
        if value is None or not (is_time or value.find("increment") is not None):
            continue
        increment = next((each for name in ("increment", "period") for each in value.iter(name)), None)
        text, unit = (increment.get("value", ""), increment.get("unit", "")) if increment is not None else ("", "")
        if not text.strip():
            return None, Message("states no increment of its times, so no sampling rate")
        step, seconds = number_of(text, "increment"), TIME_UNITS.get(folded(unit))
        if seconds is None or step <= 0:
            return None, Message("its time step {step:g} {unit} is not a time", step=step, unit=unit[:20])
        return 1 / (step * seconds), None
    return None, None


def _row(value: Element, name: str) -> tuple[np.ndarray, str]:
    """A sequence's samples, float64 (n,), and their unit."""
    scale, unit = _quantity(value, "scale")
    origin = value.find("origin")
    begin = number_of(origin.get("value", "") or "0", "origin") if origin is not None else 0.0
    unit_of_origin = origin.get("unit", "") if origin is not None else ""
    if begin and unit_of_origin and unit_of_origin != unit:
        if not (mv_per_unit(unit) and mv_per_unit(unit_of_origin)):
            raise RecordError(
                "states its origin in {unit_of_origin} and its scale in {unit} for {name}",
                unit_of_origin=unit_of_origin[:20],
                unit=unit[:20],
                name=name[:30],
            )
        begin *= mv_per_unit(unit_of_origin) / mv_per_unit(unit)
    if scale == 0:
        raise RecordError("states no usable scale for {name} (0): export it again", name=name[:30])
    return _digits(value, name) * scale + begin, unit


def _count(value: Element) -> int:
    """Numbers in a sequence, without taking it apart."""
    return sum(1 for _ in re.finditer(r"[^\s,;]+", text_of(value, "digits", "")))


def _digits(value: Element, code: str) -> np.ndarray:
    """The numbers that a list spells out, float64 (n,)."""
    text, parts, begin = text_of(value, "digits"), [np.empty(0)], 0
    while begin < len(text):
        end = min(begin + PIECE, len(text))
        while end < len(text) and text[end] not in " \t\r\n,;":
            end += 1
        try:
            parts.append(np.array(re.sub("[,;]", " ", text[begin:end]).split(), dtype=np.float64))
        except ValueError as error:
            raise RecordError("its samples of {code} are not numbers: copy it again", code=code[:30]) from error
        begin = end
    if sum(map(len, parts)) == 0:
        raise RecordError("holds no sample of {code}: copy it again", code=code[:30])
    return np.concatenate(parts)


def _patient(root: Element) -> tuple[float | None, str | None]:
    """Age in years and sex, where they are stated."""
    sex = next((SEXES.get(each.get("code", "")) for each in root.iter("administrativeGenderCode")), None)
    for each in root.iter():
        value = each.find("value")
        if value is not None and _code(each) == "21612-7" and value.get("unit") in ("a", "year"):  # LOINC: reported age
            age = value.get("value", "").strip()
            return float(age) if re.fullmatch(r"\d{1,3}(\.\d{1,3})?", age) else None, sex
    return None, sex


def _identity(root: Element, series: Element, sequences: Element) -> Identity:
    """The subject and when the series began: by its own time, the document's, or its first sample's."""
    subject = next(root.iter("trialSubject"), None)
    number = subject.find("id") if subject is not None else None
    name = subject.find("subjectDemographicPerson/name") if subject is not None else None
    parts = [text for each in name.iter() for text in (each.text or "").split()] if name is not None else []
    times = [series.find("effectiveTime/low"), series.find("effectiveTime/center"), series.find("effectiveTime")]
    times += [root.find("effectiveTime/low"), root.find("effectiveTime/center"), root.find("effectiveTime")]
    times += [each.find("value/head") for each in sequences.iter("sequence") if _code(each).upper() == "TIME_ABSOLUTE"]
    moments = (moment_of_digits(each.get("value", "")) for each in times if each is not None)
    patient_id = number.get("extension", "") if number is not None else ""
    return stated_identity(patient_id, " ".join(parts), next(filter(None, moments), None))
