"""XML of every kind in any encoding, behind anything that may come first, and what would grow."""

import pytest

from cardiac.errors import RecordError
from tests.cardiac.readers.test_xml_kinds import (
    KINDS,
    PEAK_BYTES,
    muse_text,
    peak_of,
    read_as,
    text_of_kind,
    told_of,
    waveform,
    write,
)

pytestmark = pytest.mark.usefixtures("read_here")
ENCODINGS = {
    "UTF-8": ("utf-8", "UTF-8"), "UTF-8 with a mark": ("utf-8-sig", "utf-8"), "undeclared": ("utf-8", None),
    "undeclared with a mark": ("utf-8-sig", None), "UTF-16 with a mark": ("utf-16", "UTF-16"),
    "UTF-16 undeclared": ("utf-16", None), "UTF-16 little-endian without": ("utf-16-le", "UTF-16"),
    "UTF-16 big-endian without": ("utf-16-be", "UTF-16"), "UTF-16LE declared": ("utf-16-le", "utf-16le"),
    "Latin-1": ("latin-1", "ISO-8859-1"), "windows-1252": ("cp1252", "windows-1252"), "windows-1251": ("cp1251", "windows-1251"),
    "Latin-1 undeclared": ("latin-1", None), "Latin-1 declared as UTF-8": ("latin-1", "UTF-8"),
    "UTF-8 declared as UTF-16": ("utf-8", "utf-16"), "US-ASCII": ("ascii", "us-ascii"), "an unknown name": ("utf-8", "x-none"),
    "Latin-9": ("iso-8859-15", "iso-8859-15"), "GBK": ("ascii", "gb2312"),
}  # fmt: skip


@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.parametrize("kind", KINDS)
def test_encodings(kind, name, whole, tmp_path):
    encoding, declared = ENCODINGS[name]
    head = "<?xml version='1.0'" + (f" encoding='{declared}'" if declared else "") + "?>\n"
    text = head + text_of_kind(kind, whole, tmp_path)
    path = tmp_path / "a.xml"
    path.write_bytes(text.encode(encoding, errors="ignore" if encoding in ("ascii", "cp1251") else "strict"))
    read_as(path, whole, 0.01)


@pytest.mark.parametrize("blanks", ["\n", " \r\n\t "])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-16", "utf-8-sig"])
def test_blanks_before_it_in_any_encoding(encoding, blanks, whole, tmp_path):
    path = tmp_path / "a.xml"
    path.write_bytes((blanks + muse_text(waveform(whole))).encode(encoding))
    read_as(path, whole)


BEFORE = {
    "a long comment": f"<!-- {'copyright ' * 2_000} -->", "a comment of 1 MB": f"<!-- {'x' * 1_000_000} -->",
    "many comments": "<!-- a --> " * 2_000, "a processing instruction": f"<?xml-stylesheet href='{'a' * 9_000}.xsl'?>",
    "a DOCTYPE": '<!DOCTYPE {root} SYSTEM "some.dtd">', "a public DOCTYPE": '<!DOCTYPE {root} PUBLIC "-//A//B//EN" "x.dtd">',
    "blanks": "\n" * 9_000, "tags named in a comment": "<!-- <html> <RestingECG> <AnnotatedECG> -->",
}  # fmt: skip
ROOTS = {"aecg": "AnnotatedECG", "muse": "RestingECG", "sierra": "restingecgdata"}


@pytest.mark.parametrize("is_declared", [False, True])
@pytest.mark.parametrize("name", BEFORE)
@pytest.mark.parametrize("kind", KINDS)
def test_what_may_come_first(kind, name, is_declared, whole, tmp_path):
    before = BEFORE[name].replace("{root}", ROOTS[kind])
    text = before + text_of_kind(kind, whole, tmp_path)
    read_as(write(tmp_path / "a.xml", text, '<?xml version="1.0"?>' if is_declared else ""), whole, 0.01)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["a.xml", "a", "a.txt", "a.ecg"])
def test_names_of_files(name, kind, whole, tmp_path):
    read_as(write(tmp_path / name, text_of_kind(kind, whole, tmp_path)), whole, 0.01)


@pytest.mark.parametrize("is_declared", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_prefixes_of_namespaces(kind, is_declared, whole, tmp_path):
    text = text_of_kind(kind, whole, tmp_path).replace(' xmlns="', ' xmlns:old="')
    text = text.replace("</", "\0").replace("<", "<ns0:").replace("\0", "</ns0:")
    if is_declared:
        text = text.replace(f"<ns0:{ROOTS[kind]}", f'<ns0:{ROOTS[kind]} xmlns:ns0="urn:hl7-org:v3"', 1)
    path = write(tmp_path / "a.xml", text)
    read_as(path, whole, 0.01) if is_declared else told_or_read(path, whole)


def told_or_read(path, whole):
    """A prefix that is nowhere declared is not well-formed: read all the same, or refused in one sentence."""
    try:
        read_as(path, whole, 0.01)
    except RecordError:
        told_of(path)


MANY = " ".join(f"b{n}='1'" for n in range(200))
BOMBS = {
    "attributes": lambda root: f"<{root}>" + f"<a {MANY}/>" * 5_000,
    "one tag of many attributes": lambda root: f"<{root} " + " ".join(f'b{n}="x"' for n in range(600_000)) + ">",
    "tags": lambda root: f"<{root}>" + "<a/>" * 1_000_001,
    "nesting": lambda root: f"<{root}>" + "<a>" * 150_000 + "</a>" * 150_000,
    "entities": lambda root: (
        f'<!DOCTYPE {root} [<!ENTITY a "{"x" * 99}"><!ENTITY b "{"&a;" * 99}">]><{root}>{"&b;" * 99}'
    ),
    "an entity in an attribute": lambda root: f'<!DOCTYPE {root} [<!ENTITY a "{"x" * 99}">]><{root} a="{"&a;" * 99}">',
    "a parameter entity": lambda root: f'<!DOCTYPE {root} [<!ENTITY % a SYSTEM "http://x/a.dtd"> %a;]><{root}>',
    "a file": lambda root: f'<!DOCTYPE {root} [<!ENTITY a SYSTEM "file:///etc/passwd">]><{root}>&a;',
    "a name of 8 MB": lambda root: f"<{root}><{'a' * 8_000_000}>",
    "a value of 8 MB": lambda root: f'<{root}><a b="{"c" * 8_000_000}">',
    "many names": lambda root: f"<{root}>" + "".join(f"<a{n}/>" for n in range(100_000)),
}


@pytest.mark.parametrize(("kind", "name"), [(KINDS[place % 3], name) for place, name in enumerate(BOMBS)])
def test_bombs_cost_a_sentence_and_bounded_memory(kind, name, tmp_path):
    path = write(tmp_path / "a.xml", f"{BOMBS[name](ROOTS[kind])}</{ROOTS[kind]}>")
    told, peak = peak_of(path)
    if "entit" in name or name == "a file":
        assert "defines its own entities" in told
    assert peak < PEAK_BYTES
