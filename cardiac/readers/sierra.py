"""Philips Sierra XML (PageWriter, TraceMaster; versions 1.03 and 1.04), decoded by the sierraecg library."""

import io
import warnings
from binascii import Error as Base64Error
from binascii import a2b_base64
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, tostring

import numpy as np

from cardiac.errors import RecordError, first_line
from cardiac.messages import Message
from cardiac.readers.codes import lead_of
from cardiac.readers.identity import Identity, moment_in, stated_identity
from cardiac.readers.raw import Raw, check_length, check_rate
from cardiac.readers.xml_files import number_of, parse_xml, text_of

SEXES = {"female": "female", "male": "male"}
LIMB = ["I", "II", "III", "aVR", "aVL", "aVF"]  # the library takes the four last from what differs from the first two
CODE_BITS, HEADER = 10, 8


def read_sierra(path: Path) -> Raw:
    """The waveforms of a Sierra XML file. Raises RecordError for versions and encodings that are not read."""
    import sierraecg  # needed for this format alone

    root = parse_xml(path)
    waveforms = [*root.iter("parsedwaveforms")]
    if not waveforms and next(root.iter("repbeat"), None) is not None:
        raise RecordError("holds representative beats and no rhythm (parsedwaveforms): export the rhythm's samples")
    if len(waveforms) != 1:
        raise RecordError(
            "holds {n_waveforms} sets of waveforms: export a single recording",
            n_waveforms=len(waveforms) or Message("no"),
        )
    characteristics = root.find("dataacquisition/signalcharacteristics")
    fs_hz = number_of(text_of(characteristics, "samplingrate"), "samplingrate")
    resolution_uv = number_of(text_of(characteristics, "resolution"), "resolution")
    check_rate(fs_hz)
    if resolution_uv <= 0:
        raise RecordError(
            "states no gain (a resolution of {resolution_uv:g}): export it again", resolution_uv=resolution_uv
        )
    plain = _plain(root, waveforms[0], fs_hz)
    n_samples = _expected(waveforms[0], fs_hz)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # damaged samples overflow on their way
            leads = sierraecg.read_file(io.BytesIO(plain)).leads
    except Exception as error:  # the library raises what its decoding runs into
        raise RecordError(
            "cannot be decoded as Sierra XML ({fault}): export it again", fault=first_line(error)
        ) from error
    names = [lead_of(lead.label) or lead.label for lead in leads]
    if names[:6] != LIMB or any(len(lead.samples) != n_samples for lead in leads):
        raise RecordError("its leads are not the stated ones, or not of the stated length: copy it again")
    age, sex = _patient(root)
    samples = np.stack([lead.samples for lead in leads]) * resolution_uv
    units = ("uV",) * len(names)
    return Raw(samples, fs_hz, tuple(names), units, age_years=age, sex=sex, identity=_identity(root))


def _plain(root: Element, waveforms: Element, fs_hz: float) -> bytes:
    """What the library looks at and no more, in plain words: it holds every tag in a kilobyte of memory."""
    version = text_of(root, "documentinfo/documentversion", "")
    if version.split(".")[:2] not in (["1", "03"], ["1", "04"]):
        raise RecordError(
            "is Sierra XML of version {version}, and only 1.03 and 1.04 are supported: export one of these",
            version=version[:20] or Message("none"),
        )
    new = Element("restingecgdata")
    info = SubElement(new, "documentinfo")
    SubElement(info, "documenttype").text = "PhilipsECG"
    SubElement(info, "documentversion").text = ".".join(version.split(".")[:2])
    characteristics = SubElement(SubElement(new, "dataacquisition"), "signalcharacteristics")
    SubElement(characteristics, "samplingrate").text = f"{fs_hz:.0f}"
    for name in ("acquisitiontype", "numberchannelsallocated"):
        SubElement(characteristics, name).text = text_of(root.find("dataacquisition/signalcharacteristics"), name, "")
    kept = SubElement(new, "parsedwaveforms", {key.rpartition("}")[2]: value for key, value in waveforms.items()})
    kept.set("leadlabels", " ".join(kept.get("leadlabels", "").split()))
    kept.text = waveforms.text
    return tostring(new, encoding="utf-8")


def _expected(waveforms: Element, fs_hz: float) -> int:
    """Samples a lead, after making sure that as many and no more come out of what is compressed."""
    n_samples = round(number_of(waveforms.get("durationperchannel", ""), "durationperchannel") * fs_hz / 1_000)
    if n_samples <= 0:
        raise RecordError("states a recording of no length (durationperchannel): export it again")
    check_length(n_samples, fs_hz, at_once=True)
    try:
        content = a2b_base64((waveforms.text or "").encode())
    except (Base64Error, ValueError) as error:
        raise RecordError("its samples are not base64: copy it again") from error
    compression = waveforms.get("compressmethod", waveforms.get("compression", "Uncompressed"))
    if compression != "XLI":
        raise RecordError(
            "its samples are stored as {compression!r}, which is not supported: export it with XLI",
            compression=compression[:20],
        )
    position = 0
    while position < len(content):
        size = int.from_bytes(content[position : position + 4], "little")
        if unpacked_size(content[position + HEADER : position + HEADER + size], 2 * n_samples + 1) != 2 * n_samples:
            raise RecordError("holds another number of samples than it states: copy it again")
        position += HEADER + size
    return n_samples


def unpacked_size(chunk: bytes, limit: int) -> int:
    """Bytes that a chunk of 10-bit LZW codes unpacks to, counted without unpacking them; stops over the limit."""
    lengths, previous, total, bits, n_bits = [1] * 256, 0, 0, 0, 0
    for byte in chunk:
        bits, n_bits = (bits << 8 | byte) & 0xFFFFF, n_bits + 8
        if n_bits < CODE_BITS:
            continue
        n_bits -= CODE_BITS
        code = bits >> n_bits & 0x3FF
        if code > 0x3FE or code > len(lengths) or (code == len(lengths) and not previous):
            break
        length = lengths[code] if code < len(lengths) else previous + 1
        if previous and len(lengths) <= 0x3FE:
            lengths.append(previous + 1)
        previous, total = length, total + length
        if total > limit:
            break
    return total


def _patient(root: Element) -> tuple[float | None, str | None]:
    """Age in years and sex, where they are stated."""
    patient = root.find("patient/generalpatientdata")
    years = text_of(patient, "age/years", "")
    return float(years) if years.isascii() and years.isdigit() else None, SEXES.get(text_of(patient, "sex", "").lower())


def _identity(root: Element) -> Identity:
    """Patient, and date and time of the acquisition."""
    patient, taken = root.find("patient/generalpatientdata"), root.find("dataacquisition")
    name = " ".join(text_of(patient, f"name/{each}name", "") for each in ("last", "first", "middle"))
    date, clock = ("", "") if taken is None else (taken.get("date", ""), taken.get("time", ""))
    return stated_identity(text_of(patient, "patientid", ""), name, moment_in(date, clock))
