"""Kinds of files that are not read, each by its first bytes or its name: what it is, and what to do instead."""

import re

from cardiac.messages import Message

EXPORT = Message("export the recording as .csv, EDF or DICOM")
SAVE = Message("save its samples as .npy or .csv")
UNPACK = Message("unpack it, or pack it as .zip")

# (offset, bytes, what it is, what to do)
MAGICS: tuple[tuple[int, bytes, str, str], ...] = (
    (0, b"ISHNE1.0", "an ISHNE Holter file", EXPORT),
    (0, b"ANN  1.0", "an ISHNE Holter annotation file", EXPORT),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file", SAVE),
    (0, b"CDF\x01", "a NetCDF file", SAVE),
    (0, b"CDF\x02", "a NetCDF file", SAVE),
    (0, b"CFWB", "a LabChart binary file", "export it as text from LabChart"),
    (0, b"GDF 1.", "a GDF file", EXPORT),
    (0, b"GDF 2.", "a GDF file", EXPORT),
    (0, b"\x40\x20MFR", "an MFER file", EXPORT),
    (0, b"EBS\x94\n\x13\x1a\r", "an EBS file", EXPORT),
    (0, b"XDF:", "an XDF file", SAVE),
    (0, b"TDSm", "a LabVIEW TDMS file", "export it as text from LabVIEW"),
    (0, b"PAR1", "a Parquet table", SAVE),
    (0, b"FEA1", "a Feather table", SAVE),
    (0, b"ARROW1", "an Arrow or Feather table", SAVE),
    (0, b"Obj\x01", "an Avro table", SAVE),
    (0, b"$FL2", "an SPSS table", SAVE),
    (0, b"<stata_dta>", "a Stata table", SAVE),
    (0, b"SQLite format 3\0", "an SQLite database", SAVE),
    (0, b"RDX", "an R data file", SAVE),
    (0, b"RIFF", "a sound file (WAV)", EXPORT),
    (0, b"Rar!\x1a\x07", "a RAR archive", UNPACK),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", UNPACK),
    (0, b"\x28\xb5\x2f\xfd", "packed with Zstandard", UNPACK),
    (0, b"\x04\x22\x4d\x18", "packed with LZ4", UNPACK),
    (0, b"\x1f\x9d\x90", "packed with compress (.Z)", UNPACK),
    (0, b"LZIP\x01", "packed with lzip", UNPACK),
    (0, b"MSCF\0\0\0\0", "a Windows cabinet", UNPACK),
    (2, b"-lh5-", "an LHA archive", UNPACK),
    (0, b"PK\x07\x08", "one part of a .zip in several", "join its parts"),
    (0, b"\x80\x04\x95", "a Python pickle (which could run programs)", SAVE),
    (0, b"\x80\x05\x95", "a Python pickle (which could run programs)", SAVE),
)
ENDINGS: dict[str, tuple[str, str]] = {
    ".adicht": ("a LabChart file", "export it as text from LabChart"),
    ".adidat": ("a LabChart file", "export it as text from LabChart"),
    ".acq": ("a BIOPAC AcqKnowledge file", "export it as text from AcqKnowledge"),
    ".mwf": ("an MFER file", EXPORT),
    ".lzma": ("packed with LZMA", UNPACK),
    ".pkl": ("a Python pickle (which could run programs)", SAVE),
    ".pickle": ("a Python pickle (which could run programs)", SAVE),
    ".joblib": ("a Python pickle (which could run programs)", SAVE),
    ".h5": ("an HDF5 file", SAVE),
    ".hdf5": ("an HDF5 file", SAVE),
    ".cnt": ("an electroencephalograph's file", EXPORT),
    ".fif": ("an MNE file", EXPORT),
    ".smr": ("a Spike2 file", EXPORT),
    ".smrx": ("a Spike2 file", EXPORT),
    ".abf": ("an Axon file", EXPORT),
}
JSON = re.compile(r"\s*(?:\[\s*[\[{\"\d\]-]|\{\s*[\"}])")
TEXTS: tuple[tuple[re.Pattern[str], str, str], ...] = (
    (re.compile(r"\s*Brain ?Vision (?:Data|V-Amp|Marker)", re.I), "a BrainVision header", EXPORT),
    (re.compile(r"MSH\|\^~\\&"), "an HL7 version 2 message", EXPORT),
    (JSON, "JSON", "save its samples as .npy or .csv, or send them to the site's API"),
)  # fmt: skip
OFFICE = ("an Excel 97 workbook (.xls) or another Office file", "save the samples as .xlsx or .csv")
OFFICE_97 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # Word, Excel and others in one container
DOCUMENTS_97 = (".doc", ".dot", ".ppt", ".pps", ".msg", ".msi", ".vsd", ".mpp", ".pub", ".db")


def foreign_kind(head: bytes, suffix: str) -> tuple[str, str] | None:
    """What a binary file is and what to do with it, where it is of a known kind that is not read; else None."""
    if head[512:516] == b"\x89HDF" and suffix != ".mat":  # after a block of the writer's own, as MATLAB has it
        return "an HDF5 file", SAVE
    for offset, magic, name, advice in MAGICS:
        if head[offset : offset + len(magic)] == magic:
            return name, advice
    if head.startswith(OFFICE_97) and suffix not in DOCUMENTS_97:
        return OFFICE
    return None


def foreign_text(text: str) -> tuple[str, str] | None:
    """The same of a text."""
    return next(((name, advice) for pattern, name, advice in TEXTS if pattern.match(text)), None)
