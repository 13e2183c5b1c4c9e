"""Files of other people's programs that were read wrongly once, each with its right reading, where the folder is there."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from cardiac.errors import RecordError
from cardiac.leads import LEADS
from cardiac.records import read_record
from inference import main

FAMILIES = (
    "chest_leads_empty", "dicom_channel_label_only", "dicom_empty_sensitivity", "dicom_median_with_more_leads",
    "edf_d_without_gaps", "folder_leaves_a_table_out", "hyphen_labels", "interval_in_header", "labchart_text",
    "labsystem_long_header", "matlab_struct_without_header", "npz_mne_names", "npz_names_as_bytes", "numbered_columns",
    "numbered_columns_with_index", "physiobank_csv", "rate_key_with_unit", "rate_with_thousands_comma",
    "row_number_then_time", "scp_from_zero_to_n", "separator_at_line_ends", "spaces_and_decimal_commas",
    "time_heading_german", "time_in_microseconds", "unit_after_underscore", "units_dropped_for_an_extra_column",
    "wfdb_length_zero", "wfdb_two_samples_a_frame", "xlsx_note_in_a_far_column", "xml_long_comment_first",
    "zip_colon_in_names",
)  # fmt: skip
SENTENCES = {
    "chest_leads_empty": "the chest leads (columns 7 to 12) hold no samples",
    "dicom_empty_sensitivity": "sensitivity",
}


@pytest.fixture(scope="session")
def hunt() -> Path:
    """The folder of such files: ECG_HUNT, or beside the archives of the formats."""
    folder = os.environ.get("ECG_HUNT") or Path(os.environ.get("ECG_FORMATS", "/nowhere")).parent.parent / "hunt"
    if not (Path(folder) / "truth.json").is_file():
        pytest.skip("ECG_HUNT does not name the folder of files that were read wrongly")
    return Path(folder)


def truths(folder: Path) -> dict[str, dict]:
    return json.loads((folder / "truth.json").read_text(encoding="utf-8"))["files"]


def test_every_family_is_tried(hunt):
    assert {name.partition("/")[0] for name in truths(hunt)} == set(FAMILIES)


@pytest.mark.parametrize("family", FAMILIES)
def test_each_is_read_or_answered_as_it_should_be(family, hunt, tmp_path):
    name, truth = next((name, truth) for name, truth in truths(hunt).items() if name.startswith(f"{family}/"))
    if truth.get("recordings") or "give" in truth:
        path = hunt / (family if "give" in truth else name)
        assert main([str(path), "--out", str(tmp_path)]) == 0
        found = json.loads((tmp_path / "findings.json").read_text(encoding="utf-8"))
        assert len(found) == truth.get("recordings", 1)
        assert all(each["fs_hz"] == truth["fs_hz"] for each in found)
        return
    try:
        record = read_record(hunt / name)
    except RecordError as error:
        assert truth["outcome"] == "sentence", str(error)
        assert SENTENCES.get(family, "MATLAB") in str(error)
        assert "\n" not in str(error)
        return
    compare(record, truth if truth["outcome"] == "read" else truth["if_read"])


def compare(record, truth):
    assert record.fs_hz == pytest.approx(truth["fs_hz"], rel=truth["largest_error_of_rate"])
    assert record.signal.shape == (12, truth["n_samples"])
    assert truth["unit"] == "mV"
    least = truth["largest_error_mv"]
    for lead, swing in zip(truth["leads"], truth["peak_to_peak_mv"], strict=True):
        assert np.ptp(record.signal[LEADS.index(lead)]) == pytest.approx(swing, abs=2 * least), lead
    for lead, samples in truth["first_five_mv"].items():
        assert record.signal[LEADS.index(lead), :5] == pytest.approx(samples, abs=least), lead
