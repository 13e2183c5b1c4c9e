"""The day that is timed, of the real recordings."""

import numpy as np

from tasks.beats.speed import main, write_day


def test_a_day_begins_with_the_first_recording_and_goes_on_with_the_next(real_data, tmp_path):
    write_day(real_data / "mitdb", tmp_path / "day.npy", 0.7)
    day = np.load(tmp_path / "day.npy")
    assert day.shape == (2, 630_000)
    assert np.isfinite(day).all()
    halves = day[:, :450_000], day[:, 452_000:]  # 101 lasts 30 minutes and 5.6 s
    assert all((np.ptp(half, axis=1) > 1).all() for half in halves)


def test_the_command_line_prints_a_row_a_length(real_data, capsys):
    assert main(["--data", str(real_data / "mitdb"), "--hours", "0.01"]) == 0
    head, _, row = capsys.readouterr().out.splitlines()
    assert head == "| hours | seconds | MiB |"
    _, hours, seconds, mib, _ = row.split("|")
    assert float(hours) == 0.01 and float(seconds) > 0 and float(mib) > 50


def test_without_the_recordings_it_is_said(tmp_path, capsys):
    assert main(["--data", str(tmp_path)]) == 2
    assert "101.hea: there is no such file" in capsys.readouterr().err
