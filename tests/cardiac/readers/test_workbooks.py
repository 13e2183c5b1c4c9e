"""Workbooks that claim more than they hold: refused before a library makes room for them."""

import zipfile

import pytest

from cardiac.errors import RecordError
from cardiac.readers.workbooks import read_workbook

SHEET = (
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{}</sheetData></worksheet>'
)
PARTS = {
    "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/></Types>',
    "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/>'
    "</Relationships>",
    "xl/workbook.xml": '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.'
    'openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="a" sheetId="1" r:id="r1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" '
    'Target="worksheets/sheet1.xml"/></Relationships>',
}


def workbook(path, *cells):
    """A workbook by hand with a number in each of the cells of these names."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in PARTS.items():
            file.writestr(name, text)
        file.writestr(
            "xl/worksheets/sheet1.xml",
            SHEET.format("".join(f'<row><c r="{cell}"><v>1</v></c></row>' for cell in cells)),
        )
    return path


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        (("A1", "FXSHRXV4294967295"), "names a cell 'FXSHRXV4294967295' that no sheet has"),
        (("A1", "XFD1048576"), "reaches over 17,179,869,184 cells"),
        (("XFD1", "A1048576"), "reaches over 17,179,869,184 cells"),
        (("A1", "A99999999999999999999"), "that no sheet has"),
        (("A1", "ZZZZ1"), "that no sheet has"),
        (("A1", "Ä1"), "that no sheet has"),
        (("A1", "B2"), "no sheets of samples"),
        ((), "no sheets of samples"),
    ],
)
def test_far_cells(cells, told, tmp_path):
    with pytest.raises(RecordError, match=told):
        read_workbook(workbook(tmp_path / "a.xlsx", *cells))
