"""Documents that are put into one, read back by pypdf; pages of matplotlib as reports are."""

import io

import pytest
from matplotlib.figure import Figure
from pypdf import PdfReader

from cardiac.errors import CardiacError
from cardiac.pdf_pages import join_pdfs, plain_page


def drawn(text: str, width: float = 4.0) -> bytes:
    """A page with a text and a curve, whose stream may hold whatever looks like a reference."""
    figure = Figure(figsize=(width, 3))
    axes = figure.add_subplot()
    axes.plot(range(50))
    axes.set_title(text)
    content = io.BytesIO()
    figure.savefig(content, format="pdf")
    return content.getvalue()


def test_pages_follow_in_their_order_as_they_were():
    texts = [f"page {n} Ж(\\)" for n in range(7)]
    documents = [drawn(text, width=3 + n) for n, text in enumerate(texts)]
    read = PdfReader(io.BytesIO(b"".join(join_pdfs(documents))), strict=True)
    alone = [PdfReader(io.BytesIO(each), strict=True).pages[0] for each in documents]
    assert len(read.pages) == 7
    for page, own in zip(read.pages, alone, strict=True):
        assert page.mediabox == own.mediabox
        assert page.get_contents().get_data() == own.get_contents().get_data()
        assert (
            page.extract_text() == own.extract_text()
            and page["/Resources"]["/Font"].keys() == own["/Resources"]["/Font"].keys()
        )
    assert "page 6 Ж" in read.pages[6].extract_text()


def test_it_comes_in_pieces_while_documents_do():
    taken = []

    def documents():
        for n in range(3):
            taken.append(n)
            yield drawn(str(n))

    pieces = join_pdfs(documents())
    next(pieces), next(pieces)
    assert taken == [0]


def test_a_plain_page_takes_the_place_of_one_that_was_not_drawn():
    joined = b"".join(join_pdfs([drawn("one"), plain_page("Record 2 of 3 (ж) \\ was not drawn"), drawn("three")]))
    pages = PdfReader(io.BytesIO(joined), strict=True).pages
    assert [round(float(each.mediabox.width)) for each in pages] == [288, 842, 288]
    assert pages[1].extract_text().strip() == "Record 2 of 3 (?) \\ was not drawn"


@pytest.mark.parametrize("document", [b"", b"%PDF-1.4", drawn("x")[:-30], drawn("x")[100:]])
def test_what_is_no_such_document_is_refused(document):
    with pytest.raises(CardiacError):
        b"".join(join_pdfs([document]))
