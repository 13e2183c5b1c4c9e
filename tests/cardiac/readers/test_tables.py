"""Tables as programs of many countries write them: one signal, written in every way, is read as the same."""

import itertools

import numpy as np
import openpyxl
import pytest

from cardiac.errors import RecordError
from cardiac.leads import LEADS
from cardiac.records import read_record

MIXED = [*LEADS[6:], *LEADS[:6]]  # an order that nobody assumes


@pytest.fixture
def short(signal):
    return signal[:, :900].round(3).astype(np.float64)


def table(path, rows, header=(), separator=",", decimal=".", encoding="utf-8", end=""):
    """Rows of texts or numbers under lines of a header."""
    lines = [*header]
    for row in rows:
        cells = [each if isinstance(each, str) else f"{each:.10g}".replace(".", decimal) for each in row]
        lines.append(separator.join(cells) + end)
    path.write_bytes(("\r\n".join(lines) + "\r\n").encode(encoding))
    return path


def workbook(path, rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(list(row))
    book.save(path)
    return path


def mixed(short):
    return short[[LEADS.index(lead) for lead in MIXED]].T


def read_as(path, short, fs_hz, given=None):
    record = read_record(path, given)
    assert record.fs_hz == pytest.approx(fs_hz, rel=1e-3)
    assert record.signal.shape == short.shape
    assert np.abs(record.signal - short).max() < 2e-3
    return [note.text for note in record.notes]


def refused(path, *told, given=None):
    with pytest.raises(RecordError) as caught:
        read_record(path, given)
    for each in told:
        assert each in str(caught.value)
    assert "\n" not in str(caught.value)


HEADINGS_OF_TIME = {
    "time": 1.0, "Time (s)": 1.0, "t": 1.0, "Zeit [s]": 1.0, "Zeit": 1.0, "temps (s)": 1.0, "tiempo, s": 1.0, "Время, с": 1.0,
    "seconds": 1.0, "Elapsed time": 1.0, "时间(s)": 1.0, "time_ms": 1e3, "Zeit (ms)": 1e3, "t [msec]": 1e3, "мс": 1e3,
    "Millisekunden": 1e3, "timestamp": 1e3, "time_us": 1e6, "t (µs)": 1e6, "microseconds": 1e6, "timestamp_ns": 1e9,
    "time [min]": 1 / 60, "temps": 1.0, "czas": 1.0, "Sample (ms)": 1e3, "Uhrzeit": 1.0,
}  # fmt: skip


@pytest.mark.parametrize("place", [0, 5, 12])
@pytest.mark.parametrize("heading", HEADINGS_OF_TIME)
def test_a_column_of_times_anywhere_under_any_heading(heading, place, short, tmp_path):
    times = np.arange(900) / 250 * HEADINGS_OF_TIME[heading]
    rows = np.insert(mixed(short), place, times, axis=1)
    header = [*MIXED[:place], heading, *MIXED[place:]]
    notes = read_as(table(tmp_path / "a.csv", rows, [";".join(header)], ";"), short, 250)
    assert any("says 250 Hz" in note for note in notes)


@pytest.mark.parametrize("form", ["csv", "xlsx"])
@pytest.mark.parametrize("first", ["", "Unnamed: 0", "index", "Nr.", "#", "sample"])
def test_a_number_of_the_row_before_the_time(first, form, short, tmp_path):
    rows = [[number, number / 250, *row] for number, row in enumerate(mixed(short).tolist())]
    head = [first, "time", *MIXED]
    if form == "csv":
        read_as(table(tmp_path / "a.csv", rows, [",".join(head)]), short, 250)
    else:
        read_as(workbook(tmp_path / "a.xlsx", [head, *rows]), short, 250)


CLOCKS = {
    "0:00.000": lambda s: f"{int(s // 60)}:{s % 60:06.3f}",
    "10:00:00.000": lambda s: f"10:{int(s // 60):02d}:{s % 60:06.3f}",
    "10:00:00,000": lambda s: f"10:{int(s // 60):02d}:{s % 60:06.3f}".replace(".", ","),
    "date and time": lambda s: f"2024-05-03T10:{int(s // 60):02d}:{s % 60:06.3f}Z",
    "over midnight": lambda s: f"{'23:59' if s < 2 else '00:00'}:{(s + 58) % 60:06.3f}",
    "quoted": lambda s: f"'{int(s // 60)}:{s % 60:06.3f}'",
}  # fmt: skip


@pytest.mark.parametrize("heading", ["time", "'Elapsed time'", "Uhrzeit", ""])
@pytest.mark.parametrize("clock", CLOCKS)
def test_times_of_a_clock(clock, heading, short, tmp_path):
    rows = [[CLOCKS[clock](number / 250), *row] for number, row in enumerate(mixed(short).tolist())]
    read_as(table(tmp_path / "a.csv", rows, [";".join([heading, *MIXED])], ";"), short, 250)


@pytest.mark.parametrize("start", [1714730400.0, 1714730400000.0])
def test_times_since_1970(start, short, tmp_path):
    factor = 1 if start < 1e11 else 1_000
    rows = [[f"{start + number * factor / 250:.6f}", *row] for number, row in enumerate(mixed(short).tolist())]
    read_as(table(tmp_path / "a.csv", rows, [",".join(["timestamp", *MIXED])]), short, 250)


@pytest.mark.parametrize("line", ["Sampling interval: 4 ms", "fs;250", "Abtastrate: 250 Hz", "# sfreq = 250"])
@pytest.mark.parametrize("before", [0, 5, 70])
def test_a_line_of_the_header_says_it(line, before, short, tmp_path):
    header = [*(f"Field {number}: value" for number in range(before)), line, ";".join(MIXED)]
    read_as(table(tmp_path / "a.csv", mixed(short), header, ";"), short, 250)


def test_a_constant_column_says_it(short, tmp_path):
    rows = np.column_stack([mixed(short), np.full(900, 250)])
    read_as(table(tmp_path / "a.csv", rows, [",".join([*MIXED, "sampling_rate"])]), short, 250)
    rows = np.column_stack([mixed(short), np.full(900, 4)])
    for heading in ("sample time (ms)", "sampling interval (ms)", "time step [ms]"):
        read_as(table(tmp_path / "b.csv", rows, [",".join([*MIXED, heading])]), short, 250)


def test_another_sheet_says_it(short, tmp_path):
    path = workbook(tmp_path / "a.xlsx", [MIXED, *mixed(short).tolist()])
    book = openpyxl.load_workbook(path)
    book.create_sheet("Info").append(["Sampling rate (Hz)", 250])
    book.save(path)
    read_as(path, short, 250)


def test_cells_as_text_in_a_workbook(short, tmp_path):
    rows = [[f"{number / 250:.3f}".replace(".", ","), *(f"{each:.3f}".replace(".", ",") for each in row)]
            for number, row in enumerate(mixed(short).tolist())]  # fmt: skip
    read_as(workbook(tmp_path / "a.xlsx", [["Zeit [s]", *MIXED], *rows]), short, 250)


STOPS = {
    "a rate in words": (["Sampling rate: high", ",".join(MIXED)], None, "Sampling rate: high"),
    "two rates": (["fs: 250", "Sampling interval: 2 ms", ",".join(MIXED)], None, "disagree"),
    "line and column": (["fs: 500", ",".join(["time", *MIXED])], 1 / 250, "disagree"),
    "a step of one without unit": ([",".join(["time", *MIXED])], 1.0, "'time'"),
    "a column that rises": ([",".join(["angle", *MIXED])], 0.7, "'angle'"),
    "a rate that no ECG has": (["Sampling rate: 5 Hz", ",".join(MIXED)], None, "5 Hz"),
}


@pytest.mark.parametrize("name", STOPS)
def test_what_is_not_understood_stops_and_names_itself(name, short, tmp_path):
    header, step, told = STOPS[name]
    rows = mixed(short) if step is None else np.column_stack([np.arange(900) * step, mixed(short)])
    path = table(tmp_path / "a.csv", rows, header)
    refused(path, told, "--fs-hz")
    notes = read_as(path, short, 360, given=360)
    assert any("read at the 360 Hz given" in note for note in notes)


def test_only_a_file_that_says_nothing_gets_the_default(short, tmp_path):
    notes = read_as(table(tmp_path / "a.csv", mixed(short), [",".join(MIXED)]), short, 500)
    assert any("states no sampling rate" in note for note in notes)


@pytest.mark.parametrize("form", ["csv", "xlsx"])
@pytest.mark.parametrize(("begin", "index"), [*itertools.product([0, 1], [None, 0, 1, "id"])])
def test_numbered_headings_are_no_sample(begin, index, form, short, tmp_path):
    head = [str(number + begin) for number in range(12)]
    rows = short.T.tolist()
    if index is not None:
        head = ["id" if index == "id" else "", *head]
        rows = [[number + (index == 1), *row] for number, row in enumerate(rows)]
    if form == "csv":
        path = table(tmp_path / "a.csv", rows, [",".join(head)])
    else:
        path = workbook(tmp_path / "a.xlsx", [[int(each) if each.isdigit() else each for each in head], *rows])
    notes = read_as(path, short, 500)
    assert any("no leads' names" in note for note in notes)


def test_an_index_column_alone_makes_no_thirteenth_lead(short, tmp_path):
    rows = np.column_stack([np.arange(900), short.T])
    read_as(table(tmp_path / "a.csv", rows), short, 500)
    read_as(table(tmp_path / "b.csv", np.column_stack([np.arange(1, 901), short.T]), separator="\t"), short, 500)


NAMED = {
    "V1_mV": lambda lead: f"{lead}_mV", "mV in brackets": lambda lead: f"{lead} [mV]", "quoted": lambda lead: f'"{lead}"',
    "single quotes": lambda lead: f"'{lead}'", "bytes": lambda lead: f"b'{lead}'", "ECG-V1": lambda lead: f"ECG-{lead}",
    "German": lambda lead: f"Ableitung {lead}", "lower": str.lower, "glued": lambda lead: f"lead{lead}",
    "channel": lambda lead: f"ch1 ({lead})", "unit glued": lambda lead: f"{lead}mV", "slash": lambda lead: f"{lead}/mV",
    "Russian": lambda lead: f"отведение {lead}", "mdc": lambda lead: f"MDC_ECG_LEAD_{lead.upper()}",
}  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1251"])
@pytest.mark.parametrize("name", NAMED)
def test_named_leads_are_never_taken_in_an_assumed_order(name, encoding, short, tmp_path):
    head = ";".join(map(NAMED[name], MIXED))
    notes = read_as(table(tmp_path / "a.csv", mixed(short), [head], ";", encoding=encoding), short, 500)
    assert not any("no leads' names" in note for note in notes)


@pytest.mark.parametrize("separator", [";", ",", "\t", "|"])
@pytest.mark.parametrize("both", [True, False])
def test_a_separator_at_the_end_of_every_line(separator, both, short, tmp_path):
    head = separator.join(MIXED) + (separator if both else "")
    read_as(table(tmp_path / "a.csv", mixed(short), [head], separator, end=separator), short, 500)


@pytest.mark.parametrize("head", [
    [f"ch{number}" for number in range(1, 13)], list("ABCDEFGHIJKL"), [f"Kanal {number}" for number in range(12)],
    [f"V{number}" for number in range(1, 13)], [f"Lead {number}" for number in range(1, 13)], [f"x{n}" for n in range(12)],
])  # fmt: skip
def test_headings_that_name_no_lead_are_refused_and_named(head, short, tmp_path):
    refused(table(tmp_path / "a.csv", short.T, [",".join(head)]), head[-1])
    refused(workbook(tmp_path / "a.xlsx", [head, *short.T.tolist()]), head[-1])


def test_headings_that_do_not_fit_the_columns(short, tmp_path):
    rows = np.column_stack([short.T, short.T[:, :2]])
    refused(table(tmp_path / "a.csv", rows, [",".join(LEADS)]), "12 headings and 14 columns")


@pytest.mark.parametrize(
    ("unit", "factor"), [("V", 1e-3), ("uV", 1e3), ("µV", 1e3), ("mV", 1), ("nV", 1e6), ("мкВ", 1e3)]
)
def test_units_are_kept_beside_other_columns(unit, factor, short, tmp_path):
    rows = np.column_stack([mixed(short) * factor, np.full(900, 72.0)])
    head = ",".join([*(f"{lead} ({unit})" for lead in MIXED), "HR"])
    notes = read_as(table(tmp_path / "a.csv", rows, [head]), short, 500)
    assert "left aside: HR" in notes
    missing = ",".join([*(f"{lead} ({unit})" for lead in MIXED[:-1]), MIXED[-1]])
    read_as(table(tmp_path / "b.csv", mixed(short) * factor, [missing]), short, 500)
    below = [",".join(MIXED), ",".join([unit] * 12)]
    read_as(table(tmp_path / "c.csv", mixed(short) * factor, below), short, 500)
    read_as(table(tmp_path / "d.csv", mixed(short) * factor, [f"Units: {unit}", ",".join(MIXED)]), short, 500)


def test_counts_are_no_unit(short, tmp_path):
    head = ",".join(f"{lead} (adc)" for lead in MIXED)
    refused(table(tmp_path / "a.csv", (mixed(short) * 200).round(), [head]), "'adc' is not a known unit of voltage")


@pytest.mark.parametrize("separator", [" ", ";", "\t", ", "])
def test_decimal_commas(separator, short, tmp_path):
    read_as(table(tmp_path / "a.txt", short.T, separator=separator, decimal=","), short, 500)
    if separator != ", ":
        read_as(table(tmp_path / "b.txt", mixed(short), [separator.join(MIXED)], separator, ","), short, 500)


def test_leads_in_rows(short, tmp_path):
    rows = [[lead, *row] for lead, row in zip(MIXED, mixed(short).T.tolist(), strict=True)]
    read_as(table(tmp_path / "a.csv", rows), short, 500)
    times = ["lead", *(f"{number / 250:.3f}" for number in range(900))]
    refused(table(tmp_path / "b.csv", rows, [",".join(times)]), "'lead'", "--fs-hz")
    read_as(table(tmp_path / "c.csv", short), short, 500)
    numbered = [[number, *row] for number, row in enumerate(short.tolist())]
    read_as(table(tmp_path / "d.csv", numbered, [",".join(["", *map(str, range(900))])]), short, 500)


def labchart(short):
    cells = lambda name, row: "\t".join([name, *row])  # noqa: E731
    return [
        "Interval=\t0.004 s", "ExcelDateTime=\t4.5e+04\t5/3/2024 10:00:00", "TimeFormat=\tStartOfBlock",
        "DateFormat=\tM/d/yyyy", cells("ChannelTitle=", MIXED), cells("Range=", ["10.000 mV"] * 12),
        cells("UnitName=", ["mV"] * 12),
        *("\t".join([f"{number / 250:.3f}", *(f"{each:.3f}" for each in row)]) for number, row in enumerate(mixed(short))),
    ]  # fmt: skip


def test_labchart(short, tmp_path):
    (tmp_path / "a.txt").write_text("\n".join(labchart(short)))
    read_as(tmp_path / "a.txt", short, 250)
    lines = labchart(short)
    lines[50] += "\t#* a remark of the operator"
    (tmp_path / "b.txt").write_text("\n".join(lines))
    read_as(tmp_path / "b.txt", short, 250)
    (tmp_path / "two.txt").write_text("\n".join(labchart(short) * 2))
    refused(tmp_path / "two.txt", "not all numbers")


def test_biopac(short, tmp_path):
    lines = ["ecg.acq", "4 msec/sample", "12 channels", *itertools.chain.from_iterable((lead, "mV") for lead in MIXED)]
    lines += [",".join(["milliSec", *(f"CH{number}" for number in range(1, 13))]), "," + ",".join(["900"] * 12)]
    path = table(tmp_path / "a.txt", np.column_stack([np.arange(900) * 4, mixed(short)]), lines)
    read_as(path, short, 250)


@pytest.mark.parametrize("range_mv", [5, 10])
def test_labsystem(range_mv, short, tmp_path):
    counts = (mixed(short) * 32_768 / range_mv).round()
    header = ["[Header]", "File Type: 1", "Channels exported: 12", "Samples per channel: 900", "Start time: 10:00:00",
              "End time: 10:00:06", "Sample Rate: 250Hz"]  # fmt: skip
    for number, lead in enumerate(MIXED):
        header += [f"Channel #:  {number + 1}", f"Label: {lead}", f"Range: {range_mv}mv ", "Low: .5Hz", "High: 100Hz",
                   "Sample rate: 250Hz", "Color: FFFFFF", "Scale: -7"]  # fmt: skip
    read_as(table(tmp_path / "a.txt", counts, [*header, "", "[Data]"]), short, 250)


def test_a_column_of_patients(short, tmp_path):
    head = [",".join(["patient_id", *MIXED])]
    read_as(table(tmp_path / "a.csv", [["P01", *row] for row in mixed(short).tolist()], head), short, 500)
    rows = [[f"P{number // 300}", *row] for number, row in enumerate(mixed(short).tolist())]
    refused(table(tmp_path / "b.csv", rows, head), "'patient_id' names several of them")
    rows = [[number // 300, *row] for number, row in enumerate(mixed(short).tolist())]
    refused(table(tmp_path / "c.csv", rows, head), "'patient_id' names several of them")


def test_a_remark_once_in_a_while(short, tmp_path):
    rows = [[*row, 72, "N" if number % 200 == 0 else ""] for number, row in enumerate(mixed(short).tolist())]
    read_as(table(tmp_path / "a.csv", rows, [",".join([*MIXED, "HR", "beat"])]), short, 500)


def test_empty_columns_are_named(short, tmp_path):
    rows = [[*row[:6], *[""] * 6] for row in short.T.tolist()]
    refused(table(tmp_path / "a.csv", rows), "the chest leads (columns 7 to 12) hold no samples")
    refused(table(tmp_path / "b.csv", rows, [",".join(LEADS)]), "the chest leads (columns 7 to 12) hold no samples")
    rows = [[*row[:9], "", *row[10:]] for row in short.T.tolist()]
    refused(table(tmp_path / "c.csv", rows, [",".join(LEADS)]), "lead V4 (column 10) hold no samples")


def test_a_note_far_away_in_a_workbook(short, tmp_path):
    head = [*MIXED, None, None, None, "seen by the ward"]
    read_as(workbook(tmp_path / "a.xlsx", [head, *mixed(short).tolist()]), short, 500)


def test_a_damaged_row_never_cuts_what_stands_before_it(short, tmp_path):
    rows = mixed(short).tolist()
    for place in (100, 450, 890):
        broken = [*rows[:place], ["x", *rows[place][1:]], *rows[place + 1 :]]
        refused(table(tmp_path / "a.csv", broken, [",".join(MIXED)]), "not all numbers", f"line {place + 2}")
    read_as(table(tmp_path / "b.csv", [*rows, ["end of data"]], [",".join(MIXED)]), short, 500)
