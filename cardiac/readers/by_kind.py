"""Which reader reads a kind of file; each is imported where it is asked for, as most runs meet one kind alone."""

from collections.abc import Callable
from pathlib import Path

from cardiac.errors import RecordError
from cardiac.readers.raw import Raw


def reader_of(kind: str, is_twelve: bool) -> Callable[[Path], Raw]:
    """What reads a kind of file, as `kinds.kind_of` names it: its twelve leads, or all channels that it has.

    Raises RecordError for a kind that has none.
    """
    match kind:
        case "npy":
            from cardiac.readers.arrays import read_npy as read
        case "npz":
            from cardiac.readers.arrays import read_npz as read
        case "text":
            from cardiac.readers.tables import read_text, read_text_channels

            read = read_text if is_twelve else read_text_channels
        case "xlsx":
            from cardiac.readers.tables import read_xlsx, read_xlsx_channels

            read = read_xlsx if is_twelve else read_xlsx_channels
        case "wfdb":
            from cardiac.readers.wfdb_files import read_wfdb as read
        case "matlab":
            from cardiac.readers.matlab import read_matlab as read
        case "edf":
            from cardiac.readers.edf import read_edf_channels, read_edf_file

            read = read_edf_file if is_twelve else read_edf_channels
        case "dicom":
            from cardiac.readers.dicom import read_dicom as read
        case "aecg":
            from cardiac.readers.aecg import read_aecg as read
        case "muse":
            from cardiac.readers.muse import read_muse as read
        case "sierra":
            from cardiac.readers.sierra import read_sierra as read
        case "scp":
            from cardiac.readers.scp import read_scp_file as read
        case _:
            raise RecordError("is a {kind} file, which is not supported: export it in another format", kind=kind)
    return read
