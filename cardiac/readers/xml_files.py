"""XML that may come from anywhere, parsed without entities or anything outside of the file."""

from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from cardiac.errors import RecordError, first_line
from cardiac.readers.kinds import ENTITIES

LARGEST_BYTES = 256 * 2**20
MOST_TAGS = 1_000_000  # each takes a hundred bytes of memory and more


def parse_xml(path: Path) -> Element:
    """The root of the file's tree, names without namespaces. Raises RecordError for what is not safe or not XML."""
    if path.stat().st_size > LARGEST_BYTES:
        raise RecordError(f"holds more than {LARGEST_BYTES / 2**20:.0f} MiB of XML: cut it into parts")
    content = path.read_bytes()
    if content.count(b"<") > MOST_TAGS:
        raise RecordError(f"holds more than {MOST_TAGS:,} XML tags: cut it into parts")
    try:
        root = fromstring(content)
    except DefusedXmlException as error:
        raise RecordError(ENTITIES) from error
    except (ParseError, ValueError, LookupError) as error:
        raise RecordError(f"is not whole XML ({first_line(error)}): copy it again") from error
    for element in root.iter():
        element.tag = str(element.tag).rpartition("}")[2]
    return root


def text_of(element: Element | None, path: str, default: str | None = None) -> str:
    """What stands in the first element of that path. Raises RecordError where there is none and no default."""
    found = element.find(path) if element is not None else None
    if found is None or found.text is None:
        if default is None:
            raise RecordError(f"states no {path.rpartition('/')[2]}: export it again")
        return default
    return found.text.strip()


def number_of(text: str, what: str) -> float:
    """The finite number in a text. Raises RecordError."""
    try:
        number = float(text)
    except ValueError as error:
        raise RecordError(f"its {what} {text[:40]!r} is not a number: export it again") from error
    if abs(number) > 1e12 or number != number:
        raise RecordError(f"its {what} {text[:40]!r} cannot be: export it again")
    return number
