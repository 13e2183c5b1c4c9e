"""What kind of file this is: by its content, and by its name only where the content leaves it open."""

import re
import zipfile
from pathlib import Path

from cardiac.errors import RecordError
from cardiac.readers.xml_files import root_of

HEAD = 4_096  # bytes that are looked at
XML_ROOTS = {"annotatedecg": "aecg", "restingecg": "muse", "restingecgdata": "sierra"}
UTF_16 = (b"<\0", b"\0<")  # how XML begins in it without a mark of its encoding
# How DICOM begins without its preamble: group 2 or 8, the latter with explicit or implicit types, or big-endian.
BARE_DICOM = re.compile(
    rb"\x02\0[\0-\x02]\0(UL|OB|UI)|\x08\0[\0-\x18]\0([A-Z]{2}|[\0-\xff]{2}\0\0)|\0\x08\0[\0-\x18][A-Z]{2}"
)
BINARY = re.compile(rb"[\x00-\x08\x0e-\x1f]")
PICTURES = (b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\x00", b"MM\x00*", b"BM")
MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


def kind_of(path: Path) -> str:
    """One of npy, npz, xlsx, wfdb, matlab, edf, dicom, scp, aecg, muse, sierra, text, archive.

    Raises RecordError for other content, saying what it looks like, and OSError.
    """
    with path.open("rb") as file:
        head = file.read(HEAD)
    suffix = path.suffix.lower()
    if not head:
        raise RecordError("is empty: export the recording again")
    if head.startswith(PICTURES):
        raise RecordError("is a picture or PDF, and only samples are read: export the recording's data")
    if head.startswith(b"\x93NUMPY") or suffix == ".npy":
        return "npy"
    if head.startswith(b"PK\x03\x04"):
        return _kind_of_zip(path)
    if head.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00")) or head[257:262] == b"ustar":
        return "archive"
    if head[128:132] == b"DICM" or BARE_DICOM.match(head):
        return "dicom"
    if head[16:22] == b"SCPECG" or suffix == ".scp":
        return "scp"
    if head.startswith((b"0       ", b"\xffBIOSEMI")) or (suffix in (".edf", ".bdf") and head[:1] in (b"0", b"\xff")):
        return "edf"
    if (head.startswith(b"MATLAB ") or suffix == ".mat") and not beside(path.parent, f"{path.stem}.hea"):
        return "matlab"
    if suffix in (".hea", ".dat", ".mat"):
        return "wfdb"
    if head.lstrip().startswith(UTF_16) or (suffix == ".xml" and not head.strip()):
        return _kind_of_xml(path)
    text = decoded(head)
    if text is None:
        raise RecordError("is of no kind that is read (see the README's table): export it as one of these")
    return _kind_of_xml(path) if text.lstrip("\ufeff \t\r\n\0").startswith("<") else "text"


def beside(folder: Path, name: str) -> Path | None:
    """The file of this name in a folder, or, where there is none, one whose name differs in case alone."""
    if (folder / name).is_file():
        return folder / name
    return next((each for each in folder.iterdir() if each.name.lower() == name.lower() and each.is_file()), None)


def decoded(content: bytes) -> str | None:
    """The text in these bytes, or None where they hold none. A file without a mark of its encoding is UTF-8 or Latin-1."""
    for mark, encoding in MARKS:
        if content.startswith(mark):
            return content.decode(encoding, errors="replace")
    if BINARY.search(content):
        return None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _kind_of_zip(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as file:
            names = file.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise RecordError("is a damaged zip file: copy it again") from error
    if "[Content_Types].xml" in names:
        if any(name.startswith("xl/") for name in names):
            return "xlsx"
        raise RecordError("is an office document and no sheet of numbers: export the samples")
    return "npz" if path.suffix.lower() == ".npz" else "archive"


def _kind_of_xml(path: Path) -> str:
    root = root_of(path)
    if root.lower() not in XML_ROOTS:
        raise RecordError(f"is XML of an unknown kind (<{root[:40]}>): give HL7 aECG, GE MUSE or Philips Sierra XML")
    return XML_ROOTS[root.lower()]
