"""What kind of file this is: by its content, and by its name only where the content leaves it open."""

import re
import tarfile
from pathlib import Path

from cardiac.errors import RecordError
from cardiac.messages import as_message
from cardiac.readers.foreign import DOCUMENTS_97, ENDINGS, OFFICE_97, foreign_kind, foreign_text
from cardiac.readers.streams import PACKED
from cardiac.readers.zips import open_zip

HEAD = 4_096  # bytes that are read
XML_ROOTS = {"annotatedecg": "aecg", "restingecg": "muse", "restingecgdata": "sierra"}
PAGES = (".html", ".htm", ".xhtml", ".shtml", "")
UTF_16 = (b"<\0", b"\0<")  # how XML begins in it without a mark of its encoding
# How DICOM begins without its preamble: group 2 or 8, the latter with explicit or implicit types, or big-endian.
BARE_DICOM = re.compile(
    rb"\x02\0[\0-\x02]\0(UL|OB|UI)|\x08\0[\0-\x18]\0([A-Z]{2}|[\0-\xff]{2}\0\0)|\0\x08\0[\0-\x18][A-Z]{2}"
)
BINARY = re.compile(rb"[\x00-\x08\x0e-\x1f]")
PICTURES = (b"%PDF", b"%!PS", b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"II*\x00", b"MM\x00*")
MEDIA = (b"ID3\x03", b"ID3\x04", b"OggS", b"\x1aE\xdf\xa3", b"wOFF", b"wOF2", b"OTTO")
PROGRAMS = (b"\x7fELF", b"MZ", b"\xca\xfe\xba\xbe", b"\xcf\xfa\xed\xfe", b"!<arch>")
END = re.compile(rb"\x1a[\x00\x1a]*\Z")  # of a text of DOS
MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


class NoRecording(RecordError):
    """A file that is certainly no recording: a picture, a text document, a program."""


class Unknown(RecordError):
    """A file of no kind that is known here."""


def kind_of(path: Path) -> str:
    """One of npy, npz, xlsx, wfdb, edf, dicom, scp, aecg, muse, sierra, text, archive.

    Raises RecordError for other content, saying what it looks like, NoRecording where that is no recording, and OSError.
    """
    with path.open("rb") as file:
        head = file.read(HEAD)
    suffix = path.suffix.lower()
    if not head:
        raise RecordError("is empty: export the recording again")
    kind = _kind_of_binary(path, head, suffix)
    if kind:
        return kind
    text = decoded(head)
    if text is None:
        if suffix in ENDINGS:
            raise RecordError("is {}, which is not supported: {}".format(*ENDINGS[suffix]))
        raise Unknown("is not a supported kind of file (see docs/formats.md): export it as one of these")
    if re.match(r"\s*<(?:!doctype\s+)?html\b", text, re.IGNORECASE):
        raise _not_if(suffix in PAGES, "is a web page (HTML), not a table of samples: save the samples as .csv")
    if text.lstrip("\ufeff \t\r\n\0").startswith("<"):
        return _kind_of_xml(path)
    if foreign := foreign_text(text):
        raise RecordError(
            "is {kind}, which is not supported: {advice}", kind=as_message(foreign[0]), advice=as_message(foreign[1])
        )
    return "text"


def _kind_of_binary(path: Path, head: bytes, suffix: str) -> str | None:
    """The kind by the first bytes, or by a name that only one kind has; None where it may be text."""
    if head[128:132] == b"DICM":
        if b"1.2.840.10008.1.3.10" in head[132:400]:
            raise NoRecording("is a DICOM directory: use the files it lists")
        return "dicom"
    if BARE_DICOM.match(head):
        return "dicom"
    if head.startswith(b"\x93NUMPY"):
        return "npy"
    _check_recording(head, suffix)
    if foreign := foreign_kind(head, suffix):
        raise RecordError(
            "is {kind}, which is not supported: {advice}", kind=as_message(foreign[0]), advice=as_message(foreign[1])
        )
    if suffix == ".npy":
        return "npy"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _kind_of_zip(path)
    if head.startswith(PACKED) or is_tar(head):
        return "archive"
    if head[16:22] == b"SCPECG" or suffix == ".scp":
        return "scp"
    if head.startswith((b"0       ", b"\xffBIOSEMI")) or (suffix in (".edf", ".bdf") and head[:1] in (b"0", b"\xff")):
        return "edf"
    if (head.startswith(b"MATLAB ") or suffix == ".mat") and not beside(path.parent, f"{path.stem}.hea"):
        return "matlab"
    if suffix in (".hea", ".mat") or (suffix == ".dat" and _is_signal(path, head)):
        return "wfdb"
    return _kind_of_xml(path) if head.lstrip().startswith(UTF_16) or (suffix == ".xml" and not head.strip()) else None


def beside(folder: Path, name: str) -> Path | None:
    """The file of this name in a folder, or, where there is none, one whose name differs in case alone."""
    if (folder / name).is_file():
        return folder / name
    return next((each for each in folder.iterdir() if each.name.lower() == name.lower() and each.is_file()), None)


def _check_recording(head: bytes, suffix: str) -> None:
    """Raises NoRecording for what is certainly none."""
    bitmap = head.startswith(b"BM") and head[6:10] == bytes(4)
    if head.startswith(PICTURES) or bitmap or head[8:12] == b"WEBP":
        raise NoRecording("is a picture or PDF, and only samples are read: export the recording's data")
    if head.startswith(MEDIA) or head[4:8] == b"ftyp" or head[8:12] == b"AVI ":
        raise NoRecording("is a sound, film or font, and only samples are read: export the recording's data")
    if head.startswith(PROGRAMS) and BINARY.search(head):
        raise NoRecording("is a program, not a recording: use the files it has written")
    if head.startswith(OFFICE_97) and suffix in DOCUMENTS_97:
        raise NoRecording("is an office document, not a sheet of numbers: export the samples")


def _is_signal(path: Path, head: bytes) -> bool:
    """Whether a .dat file is WFDB's, and no text that is called so."""
    return path.with_suffix(".hea").is_file() or decoded(head) is None


def is_tar(head: bytes) -> bool:
    """Whether these are the first bytes of a tar archive: a header whose checksum is right."""
    try:
        tarfile.TarInfo.frombuf(head[:512], "utf-8", "surrogateescape")
    except (tarfile.TarError, ValueError):
        return False
    return True


def _not_if(certain: bool, sentence: str) -> RecordError:
    return NoRecording(sentence) if certain else RecordError(sentence)


def encoding_of(head: bytes) -> str | None:
    """How the text is written of which these are the first bytes, or None where they hold none.

    A file without a mark of its encoding is UTF-16 where every other byte is 0, else UTF-8, or Latin-1 where it cannot be.
    """
    for mark, encoding in MARKS:
        if head.startswith(mark):
            return encoding
    for offset, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        half, other = head[offset::2], head[1 - offset :: 2]
        if len(half) > 8 and half.count(0) > 0.8 * len(half) and other.count(0) == 0:
            return encoding
    if BINARY.search(END.sub(b"", head)):
        return None
    try:
        head[: max(len(head) - 3, 1)].decode("utf-8")
    except UnicodeDecodeError as error:
        return "utf-8" if error.reason == "unexpected end of data" and len(head) > 4 else "latin-1"
    return "utf-8"


def decoded(content: bytes) -> str | None:
    """The text in these bytes, or None where they hold none; see `encoding_of`."""
    encoding = encoding_of(content)
    if encoding is None:
        return None
    if encoding != "utf-8":
        return content.decode(encoding, errors="replace").removesuffix("\x1a")
    content = END.sub(b"", content)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _kind_of_zip(path: Path) -> str:
    with open_zip(path) as file:
        names = file.namelist()
    suffix = path.suffix.lower()
    if "[Content_Types].xml" in names:
        if any(name.startswith("xl/") for name in names):
            return "xlsx"
        raise NoRecording("is an office document, not a sheet of numbers: export the samples")
    if "mimetype" in names and "content.xml" in names:
        is_text = suffix in (".odt", ".odp", ".odg", ".epub")
        raise _not_if(is_text, "is an OpenDocument file, which is not supported: save the samples as .xlsx or .csv")
    if any(name.endswith("/data.pkl") for name in names):
        raise RecordError("is a PyTorch file, which could run programs and is not read: save its samples as .npy")
    return "npz" if suffix == ".npz" else "archive"


def _kind_of_xml(path: Path) -> str:
    from cardiac.readers.xml_files import root_of  # of no use to other kinds

    root = root_of(path)
    if root.lower() not in XML_ROOTS:
        raise RecordError(
            "is XML of an unknown kind (<{root}>): give HL7 aECG, GE MUSE or Philips Sierra XML", root=root[:40]
        )
    return XML_ROOTS[root.lower()]
