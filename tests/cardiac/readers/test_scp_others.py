"""SCP-ECG: a file of a device, and what another program (biosig) makes of files, against the reader."""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from cardiac.errors import RecordError
from cardiac.leads import LEADS
from cardiac.readers.scp import read_scp
from tests.cardiac.readers.scp_writer import WAYS, simple, waves

FORMATS = os.environ.get("ECG_FORMATS")
needs_device_file = pytest.mark.skipif(not FORMATS, reason="ECG_FORMATS names no folder of example files")
needs_biosig = pytest.mark.skipif(not shutil.which("save2gdf"), reason="save2gdf (biosig-tools) is not installed")


def convert(source, target, kind):
    subprocess.run(["save2gdf", f"-f={kind}", source, target], check=True, capture_output=True)


def by_biosig(folder, content):
    """The µV (n_leads, n_samples) that biosig reads in an SCP-ECG file: it writes a text file a lead."""
    (folder / "a.scp").write_bytes(content)
    convert(folder / "a.scp", folder / "out.asc", "ASCII")
    return np.stack([np.loadtxt(path) for path in sorted(folder.glob("out.a[0-9][0-9]"))])


def write_edf(path, steps, fs_hz=500):
    """Whole µV (n_leads, n_samples) as EDF, in records of a second."""
    n_leads, n_records = len(steps), steps.shape[1] // fs_hz

    def field(text, width, repeat=1):
        return str(text).ljust(width).encode()[:width] * repeat

    head = field("0", 8) + field("X M X X", 80) + field("Startdate X X X X", 80) + field("01.01.20", 8)
    head += field("10.00.00", 8) + field(256 * (n_leads + 1), 8) + field("", 44) + field(n_records, 8) + field("1", 8)
    head += field(n_leads, 4) + b"".join(field(lead, 16) for lead in LEADS[:n_leads]) + field("", 80, n_leads)
    head += field("uV", 8, n_leads)
    for limit in (-32768, 32767, -32768, 32767):
        head += field(limit, 8, n_leads)
    head += field("", 80, n_leads) + field(fs_hz, 8, n_leads) + field("", 32, n_leads)
    path.write_bytes(head + steps.reshape(n_leads, n_records, fs_hz).transpose(1, 0, 2).astype("<i2").tobytes())


@needs_biosig
@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("way", ["plain", "default"])
def test_biosig_reads_the_same(tmp_path, way, order):
    content = simple(waves(), order, *WAYS[way])
    assert np.abs(read_scp(content).samples - by_biosig(tmp_path, content)).max() < 1e-3


@needs_biosig
def test_version_3_of_biosig_is_refused_in_a_sentence(tmp_path):
    """It is the one version that biosig-tools 2.5 writes whole: its files of version 2 overwrite their own sections."""
    write_edf(tmp_path / "a.edf", waves(12, 5000))
    convert(tmp_path / "a.edf", tmp_path / "a.scp", "SCP3")
    with pytest.raises(RecordError, match="section 12"):
        read_scp((tmp_path / "a.scp").read_bytes())


@pytest.fixture
def device_file():
    return (Path(FORMATS) / "example.scp").read_bytes()


@needs_device_file
def test_a_file_of_a_device(device_file):
    raw = read_scp(device_file)
    assert raw.leads == ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6", "III", "aVR", "aVL", "aVF")
    assert raw.fs_hz == 500
    assert raw.samples.shape == (12, 5000)
    assert (raw.age_years, raw.sex) == (pytest.approx(49.54, abs=0.01), "male")
    lead = dict(zip(raw.leads, raw.samples, strict=True))
    step = 2.5  # µV; derived leads were rounded to it
    assert np.abs(lead["III"] - lead["II"] + lead["I"]).max() <= step
    assert np.abs(lead["aVR"] + (lead["I"] + lead["II"]) / 2).max() <= step
    assert np.abs(lead["aVL"] - lead["I"] + lead["II"] / 2).max() <= step
    assert np.abs(lead["aVF"] - lead["II"] + lead["I"] / 2).max() <= step
    swings = np.ptp(raw.samples, axis=1)
    assert 400 < swings.min() < swings.max() < 3000
    below = lead["V2"] < -800  # deep S waves, one a beat
    beats = np.flatnonzero(below[1:] & ~below[:-1])
    assert len(beats) == 12
    assert 350 < np.diff(beats).min() < np.diff(beats).max() < 500


@needs_device_file
@needs_biosig
def test_biosig_reads_the_file_of_the_device_the_same(tmp_path, device_file):
    assert np.abs(read_scp(device_file).samples - by_biosig(tmp_path, device_file)).max() < 1e-3
