"""XML that may come from anywhere, parsed in pieces, without entities or anything outside of the file."""

import codecs
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from cardiac.errors import RecordError, first_line

LARGEST_BYTES = 128 * 2**20
MOST_TAGS = 1_000_000  # each takes a hundred bytes of memory and more
MOST_ATTRIBUTES = 500_000
LONGEST_MARKUP = 4 * 2**20  # bytes of one tag, comment or declaration, which the parser holds whole
PIECE = 2**16
ENTITIES = "its XML defines its own entities, which are never read: export it without them"
MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
DECLARED = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]{1,40})[\"']")


class _RootName(Exception):
    """Carries the root's name out of the parser."""


class _Root:
    """Takes no more of a file than its root's name."""

    def start(self, tag: str, _: dict[str, str]) -> None:
        raise _RootName(_bare(tag))

    def close(self) -> None:
        """Nothing was built."""


class _Counted(TreeBuilder):
    """A tree that stops growing where it would take more memory than a recording's does."""

    n_tags = n_attributes = 0

    def start(self, tag: str, attributes: dict[str, str]) -> Element:
        self.n_tags += 1
        self.n_attributes += len(attributes)
        if self.n_tags > MOST_TAGS:
            raise RecordError("holds more than {most:,} XML tags: cut it into parts", most=MOST_TAGS)
        if self.n_attributes > MOST_ATTRIBUTES:
            raise RecordError("holds more than {most:,} XML attributes: cut it into parts", most=MOST_ATTRIBUTES)
        return super().start(_bare(tag), attributes)


def parse_xml(path: Path) -> Element:
    """The root of the file's tree, names without namespaces. Raises RecordError for what is not safe or not XML."""
    return _parse(path, _Counted)


def root_of(path: Path) -> str:
    """The name of the file's root, whatever precedes it. Raises RecordError for what is not safe or not XML."""
    try:
        _parse(path, _Root)
    except _RootName as name:
        return str(name)
    raise RecordError("is XML without an element: export it again")


def _parse(path: Path, target: type) -> Any:
    if path.stat().st_size > LARGEST_BYTES:
        raise RecordError("holds more than {most:.0f} MiB of XML: cut it into parts", most=LARGEST_BYTES / 2**20)
    for encoding in _encodings(path):
        parser = DefusedXMLParser(target=target(), encoding="utf-8")
        n_bytes = 0
        try:
            for piece in _pieces(path, encoding):
                n_bytes += len(piece)
                parser.feed(piece)
                if n_bytes - parser.parser.CurrentByteIndex > LONGEST_MARKUP:
                    raise RecordError("holds an XML tag or comment of more than 4 MiB: export it again")
            return parser.close()
        except DefusedXmlException as error:
            raise RecordError(ENTITIES) from error
        except UnicodeDecodeError:
            continue  # in the next encoding
        except ParseError as error:
            raise RecordError("is damaged XML ({fault}): copy it again", fault=first_line(error)) from error
    raise RecordError("is XML in no known encoding: copy it again")


def _encodings(path: Path) -> list[str]:
    """The encodings that its text may have, the likeliest first: by its mark, its first bytes, its declaration."""
    with path.open("rb") as file:
        head = file.read(1_024)
    for mark, encoding in MARKS:
        if head.startswith(mark):
            return [encoding, "latin-1"]
    begin = head.find(b"<")
    if head[begin + 1 : begin + 2] == b"\0":
        return ["utf-16-be" if begin % 2 else "utf-16-le"]
    declared = DECLARED.match(head.lstrip(b" \t\r\n\0"))
    stated = []
    try:
        name = codecs.lookup(declared[1].decode("ascii")).name if declared else "utf-8"
        if not name.startswith(("utf-16", "utf-32")) and "".encode(name) == b"" and b"<".decode(name) == "<":
            stated = [name]  # a declaration of UTF-16 in a file of single bytes was left there by a conversion
    except (LookupError, UnicodeError, TypeError):
        pass
    return [*stated, "utf-8", "cp1252", "latin-1"]


def _pieces(path: Path, encoding: str) -> Iterator[bytes]:
    """The text in UTF-8, without blanks before it. Raises UnicodeDecodeError."""
    decoder, begun = codecs.getincrementaldecoder(encoding)(), False
    with path.open("rb") as file:
        while True:
            plain = file.read(PIECE)
            text = decoder.decode(plain, final=not plain)
            if not begun:
                text = text.lstrip("\ufeff \t\r\n\0")
                begun = bool(text)
            if text:
                yield text.encode("utf-8", errors="replace")
            if not plain:
                return


def _bare(tag: str) -> str:
    """A name without its namespace, whether declared or not."""
    return tag.rpartition("}")[2].rpartition(":")[2]


def text_of(element: Element | None, path: str, default: str | None = None) -> str:
    """The text of the first element of that path. Raises RecordError where there is none and no default."""
    child = element.find(path) if element is not None else None
    if child is None or child.text is None:
        if default is None:
            raise RecordError("states no {name}: export it again", name=path.rpartition("/")[2])
        return default
    return child.text.strip()


def number_of(text: str, what: str) -> float:
    """The finite number in a text, a decimal comma too. Raises RecordError."""
    try:
        number = float(text.strip().replace(",", ".") if text.count(",") == 1 and "." not in text else text)
    except ValueError as error:
        raise RecordError("its {what} {text!r} is not a number: export it again", what=what, text=text[:40]) from error
    if abs(number) > 1e12 or number != number:
        raise RecordError("its {what} {text!r} is not valid: export it again", what=what, text=text[:40])
    return number
