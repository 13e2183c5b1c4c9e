"""PDF documents put into one, page after page, as they come: of all of them there is one in the memory at a time.

Documents are as matplotlib writes them: a table of objects (`xref`) and no compressed ones, each object of its own.
Source: ISO 32000-1, 7.5 (file structure) and 7.7.3 (page tree).
"""

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

from cardiac.errors import CardiacError

HEAD = b"%PDF-1.4\n%\xac\xdc \xab\xba\n"
CATALOG, PAGES, FIRST = 1, 2, 3  # numbers of objects
REFERENCE = re.compile(rb"\b(\d+) 0 R\b")
OBJECT = re.compile(rb"\s*(\d+) 0 obj\b")
STREAM = re.compile(rb">>\s*stream\r?\n")


def join_pdfs(documents: Iterable[bytes]) -> Iterator[bytes]:
    """One document of all pages, in pieces. Raises CardiacError for a document that is none of matplotlib's."""
    yield HEAD
    offset, offsets, kids, n_pages = len(HEAD), {}, [], 0
    for document in documents:
        shift = max(offsets, default=FIRST - 1)
        for number, content in _objects(document):
            moved = _moved(content, shift)
            if re.match(rb"\s*<<\s*/Type /Pages\b", moved):
                kids.append(number + shift)
                n_pages += int(re.search(rb"/Count (\d+)", moved)[1])
                moved = moved.replace(b"/Type /Pages", b"/Type /Pages /Parent %d 0 R" % PAGES, 1)
            piece = b"%d 0 obj%s" % (number + shift, moved)
            offsets[number + shift] = offset
            offset += len(piece)
            yield piece
    yield from _end(offset, offsets, kids, n_pages)


def _end(offset: int, offsets: dict[int, int], kids: list[int], n_pages: int) -> Iterator[bytes]:
    """Catalogue, page tree and table of objects."""
    listed = b" ".join(b"%d 0 R" % each for each in kids)
    for number, text in (
        (CATALOG, b"<< /Type /Catalog /Pages %d 0 R >>" % PAGES),
        (PAGES, b"<< /Type /Pages /Kids [ %s ] /Count %d >>" % (listed, n_pages)),
    ):
        piece = b"%d 0 obj\n%s\nendobj\n" % (number, text)
        offsets[number] = offset
        offset += len(piece)
        yield piece
    size = max(offsets) + 1
    free = b"0000000000 65535 f \n"
    rows = (b"%010d 00000 n \n" % offsets[each] if each in offsets else free for each in range(1, size))
    yield b"xref\n0 %d\n%s" % (size, free)
    yield from rows
    yield b"trailer\n<< /Size %d /Root %d 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, CATALOG, offset)


def _objects(document: bytes) -> Iterator[tuple[int, bytes]]:
    """Numbers of a document's objects but its catalogue, each with what stands after "obj"."""
    begin, rows = _table(document)
    edges = [*sorted(rows), begin]
    for at, end in pairwise(edges):
        head = OBJECT.match(document, at, end)
        if head is None:
            raise CardiacError("a report cannot be put into a document with others: draw it again")
        content = document[head.end() : end]
        if not re.match(rb"\s*<<\s*/Type /Catalog\b", content):
            yield int(head[1]), content


def _table(document: bytes) -> tuple[int, list[int]]:
    """Where the table of objects begins, and where the objects do."""
    found = re.search(rb"startxref\s+(\d+)\s+%%EOF\s*$", document)
    begin = int(found[1]) if found else len(document)
    if not re.match(rb"xref\s+0 \d+\s", document[begin : begin + 40]):
        raise CardiacError("a report is no PDF document as it was drawn: draw it again")
    return begin, [int(each) for each in re.findall(rb"(\d{10}) 00000 n", document[begin:])]


def _moved(content: bytes, shift: int) -> bytes:
    """An object with other numbers in its references; samples of its stream are left as they are."""
    stream = STREAM.search(content)
    text, rest = (content[: stream.start()], content[stream.start() :]) if stream else (content, b"")
    return REFERENCE.sub(lambda each: b"%d 0 R" % (int(each[1]) + shift), text) + rest


def plain_page(text: str) -> bytes:
    """A document of one page of A4, landscape, with a line of text in it, for a page that cannot be drawn."""
    line = text.encode("ascii", "replace").replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
    stream = b"BT /F1 14 Tf 60 520 Td (%s) Tj ET" % line
    parts = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [ 3 0 R ] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [ 0 0 841.89 595.28 ] /Contents 4 0 R "
        b"/Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
    )
    document, rows = HEAD, []
    for number, part in enumerate(parts, start=1):
        rows.append(b"%010d 00000 n \n" % len(document))
        document += b"%d 0 obj\n%s\nendobj\n" % (number, part)
    table = b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(parts) + 1, b"".join(rows))
    return document + table + b"trailer\n<< /Size 5 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % len(document)
