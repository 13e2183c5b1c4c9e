"""SCP-ECG: how programs count a lead's first and last sample (section 3), whatever way the samples are stored."""

import numpy as np
import pytest

from cardiac.errors import RecordError
from cardiac.leads import LEADS
from cardiac.readers.scp import read_scp
from cardiac.records import read_record
from tests.cardiac.readers.scp_writer import WAYS, data_section, differences, lead_section, plain, scp

N = 3000
EIGHT = ["I", "II", *LEADS[6:]]


@pytest.fixture(scope="module")
def steps(signal):
    return (signal[:, :N] * 400).round().astype(int)  # of 2.5 µV


def content(steps, spans, way="plain", order=0, leads=LEADS):
    """A file whose leads are said to run over these spans, each with all samples of its row."""
    encode, tables = WAYS[way]
    parts = [encode(differences(row, order)) for row in steps]
    bodies = {3: lead_section(leads, last=spans), 6: data_section(parts, order=order)}
    return scp({2: tables, **bodies} if tables else bodies)


SPANS = {
    "1 to n": (1, N),
    "0 to n - 1": (0, N - 1),
    "0 to n": (0, N),
    "1 to n + 1": (1, N + 1),
    "2 to n + 1": (2, N + 1),
    "501 to 500 + n": (501, 500 + N),
    "500 to 500 + n": (500, 500 + N),
}


@pytest.mark.parametrize("leads", [LEADS, EIGHT])
@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("span", SPANS)
def test_all_leads_over_one_span(span, way, order, leads, tmp_path, steps):
    rows = steps[[LEADS.index(lead) for lead in leads]]
    path = tmp_path / "a.scp"
    path.write_bytes(content(rows, [SPANS[span]] * len(leads), way, order, leads))
    record = read_record(path)
    first, last = SPANS[span]
    said = [note.text for note in record.notes if "one sample shorter than it counts" in note.text]
    assert record.fs_hz == 500
    if way == "plain" or span == "0 to n":
        assert record.signal.shape == (12, N)
    assert N <= record.signal.shape[1] <= last - first + 1  # bits that fill up a byte may be a sample of their own
    assert bool(said) == (last - first + 1 > record.signal.shape[1])
    at = [LEADS.index(lead) for lead in leads]
    assert np.abs(record.signal[at, :N] - rows * 2.5e-3).max() < 1e-5


@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("way", WAYS)
def test_a_last_sample_that_changes_nothing_is_kept_where_all_are_counted(way, order, steps):
    still = np.concatenate([steps[:, :-20], np.repeat(steps[:, -20:-19], 20, axis=1)], axis=1)
    for span in ((1, N), (0, N - 1)):
        raw = read_scp(content(still, [span] * 12, way, order))
        assert raw.samples.shape == (12, N)
        assert raw.notes == ()


@pytest.mark.parametrize("way", ["plain", "own"])
def test_one_lead_that_is_a_sample_shorter(way, steps):
    rows = [row[: N - (place == 4)] for place, row in enumerate(steps)]
    raw = read_scp(content(rows, [(1, N)] * 12, way, 1))
    kept = raw.samples.shape[1]
    assert N - 1 <= kept <= N
    assert np.array_equal(raw.samples[:, : N - 1], steps[:, : N - 1] * 2.5)
    if way == "plain":
        assert kept == N - 1
        assert any("one sample shorter" in note.text for note in raw.notes)


DIFFERENT = {
    "one begins later": [(1, N)] * 11 + [(101, N)],
    "one ends earlier": [(1, N)] * 11 + [(1, N - 100)],
    "each its own": [(1 + 10 * place, N - 5 * place) for place in range(12)],
    "from 0 and from 1": [(0, N - 1), (1, N - 1)] * 6,
    "in two groups": [(1, N)] * 6 + [(201, N)] * 6,
}


@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", DIFFERENT)
def test_leads_of_different_spans_are_read_where_all_of_them_run(case, way, order, steps):
    spans = DIFFERENT[case]
    base = min(first for first, _ in spans)
    rows = [row[first - base : last + 1 - base] for row, (first, last) in zip(steps, spans, strict=True)]
    raw = read_scp(content(rows, spans, way, order))
    first, last = max(first for first, _ in spans), min(last for _, last in spans)
    assert np.array_equal(raw.samples, steps[:, first - base : last + 1 - base] * 2.5)
    assert ["read where all of them run" in note.text for note in raw.notes] == [True]


@pytest.mark.parametrize("case", DIFFERENT)
def test_different_spans_that_all_count_one_too_many(case, steps):
    spans = DIFFERENT[case]
    base = min(first for first, _ in spans)
    rows = [row[first - base : last - base] for row, (first, last) in zip(steps, spans, strict=True)]
    raw = read_scp(content(rows, spans))
    first, last = max(first for first, _ in spans), min(last for _, last in spans)
    assert np.array_equal(raw.samples, steps[:, first - base : last - base] * 2.5)
    assert any("one sample shorter" in note.text for note in raw.notes)


WRONG = {
    "two samples too few": ([(1, N + 2)] * 12, f"lead I holds {N} samples, too few for {N + 2}"),
    "from 0 and two too few": ([(0, N + 1)] * 12, f"lead I holds {N} samples, too few for {N + 2}"),
    "one lead of half": ([(1, N)] * 11 + [(1, 2 * N)], f"lead V6 holds {N} samples, too few for {2 * N}"),
    "one after another": ([(1, N)] * 6 + [(N + 1, 2 * N)] * 6, "its leads were recorded one after another"),
    "one of them backwards": ([(1, N)] * 11 + [(N, 1)], "its lead V6 ends before it begins"),
    "without end": ([(0, 2**32 - 1)] * 12, "states 51539607552 samples"),
    "nothing but zeros": ([(0, 0)] * 11 + [(5, 4)], "its lead V6 ends before it begins"),
}


@pytest.mark.parametrize("case", WRONG)
def test_spans_that_cannot_be(case, tmp_path, steps):
    spans, told = WRONG[case]
    (tmp_path / "a.scp").write_bytes(content(steps, spans))
    with pytest.raises(RecordError, match=told) as caught:
        read_record(tmp_path / "a.scp")
    assert "\n" not in str(caught.value)
    assert "internal error" not in str(caught.value)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_handful_of_samples(n, steps):
    for span in ((1, n), (0, n), (0, n - 1)):
        rows = [plain(row[:n]) for row in steps]
        raw = read_scp(scp({3: lead_section(LEADS, last=[span] * 12), 6: data_section(rows)}))
        assert raw.samples.shape == (12, n)
