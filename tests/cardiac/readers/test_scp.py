"""SCP-ECG: files of a writer that shares nothing with the reader, spoiled ones, and ones that lie."""

import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardiac.errors import RecordError
from cardiac.leads import LEADS
from cardiac.readers.scp import read_scp
from tests.cardiac.readers.scp_writer import (
    DEFAULT,
    WAYS,
    by_default_table,
    compressed,
    crc,
    data_section,
    lead_section,
    patient,
    plain,
    scp,
    simple,
    tag,
    waves,
)
from tests.patience import many_steps, times_as_long


@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("way", WAYS)
def test_what_the_writer_wrote_is_read(way, order):
    assert crc(b"123456789") == 0x29B1  # the check value that is published for this sum
    steps = waves()
    raw = read_scp(simple(steps, order, *WAYS[way], step_nv=1250, interval_us=4000))
    assert np.array_equal(raw.samples, steps * 1.25)
    assert raw.leads == LEADS
    assert raw.units == ("uV",) * 12
    assert raw.fs_hz == 250
    assert raw.notes == ()


def test_extreme_steps():
    steps = np.array([[0, 1, -1, 8, -8, 9, -9, 127, -128, 128, -129, 32767, -32768, 0, 0, 0, -7]])
    for encode, tables in [(plain, None), (by_default_table, DEFAULT)]:
        assert np.array_equal(read_scp(simple(steps, 0, encode, tables, ["V1"])).samples, steps * 2.5)


def test_the_example_of_the_standard():
    """Annex C shows the second differences of these samples (prEN 1064:2002, with its misprints put right)."""
    shown = bytes.fromhex("ff 83 7f e0 e6 f1 53 65 59 b6 5b 96 4b 96 00")
    steps = [13, 14, 15, 14, 16, 18, 19, 20, 22, 22, 23, 23, 23, 22, 22, 20, 17, 15, 12, 8, 6, 3, 1, 0, -2, -2, -3, -3]
    content = scp({2: DEFAULT, 3: lead_section(["I"], 1, 28), 6: data_section([shown], 1000, order=2)})
    assert read_scp(content).samples[0].tolist() == steps


def test_sections_in_any_order():
    steps = waves()
    bodies = {3: lead_section(LEADS, 1, 1000), 6: data_section([plain(row) for row in steps]), 1: patient()}
    assert np.array_equal(read_scp(scp(bodies, order=[6, 1, 3])).samples, steps * 2.5)
    del bodies[1]
    assert np.array_equal(read_scp(scp(bodies) + b"behind its end").samples, steps * 2.5)


def test_lead_names():
    numbers = [1, 9, 11, 16, 17, 18, 19, 61, 64, 65, 66, 110, 0, 200]
    names = ("I", "V7", "V3R", "X", "Y", "Z", "CC5", "III", "aVF", "-aVR", "V8", "CM6", "lead 0", "lead 200")
    assert read_scp(simple(waves(14), leads=numbers)).leads == names


def test_eight_leads_stay_eight():
    eight = ["I", "II", *LEADS[6:]]
    assert read_scp(simple(waves(8), leads=eight)).leads == tuple(eight)


@pytest.mark.parametrize(
    ("tags", "age", "sex"),
    [
        ([tag(4, b"\x37\x00\x01"), tag(8, b"\x02")], 55, "female"),
        ([tag(4, b"\x06\x00\x02"), tag(8, b"\x01")], 0.5, "male"),
        ([tag(5, b"\xa1\x07\x05\x08"), tag(25, b"\xd2\x07\x0b\x16"), tag(8, b"\x09")], 49.54, None),
        ([tag(5, b"\xa1\x07\x0d\x20"), tag(25, b"\xd2\x07\x0b\x16"), tag(8, b"")], None, None),
        ([tag(5, b"\xd2\x07\x0b\x17"), tag(25, b"\xd2\x07\x0b\x16"), tag(8, b"\x00")], None, None),
        ([tag(4, b"\xff\xff\x01"), tag(8, b"\x02")[:-1]], None, None),
        ([], None, None),
    ],
)
def test_patient(tags, age, sex):
    bodies = {1: patient(*tags), 3: lead_section(["I"], 1, 3), 6: data_section([plain([1, 2, 3])])}
    raw = read_scp(scp(bodies))
    assert raw.age_years == pytest.approx(age, abs=0.01) if age else raw.age_years is None
    assert raw.sex == sex
    assert "Secretname" not in repr(raw)


def test_leads_of_different_spans():
    steps = waves(3)
    spans = [(1, 1000), (101, 900), (51, 1000)]
    parts = [plain(row[first - 1 : last]) for row, (first, last) in zip(steps, spans, strict=True)]
    raw = read_scp(scp({3: lead_section(["I", "II", "V1"], last=spans), 6: data_section(parts)}))
    assert np.array_equal(raw.samples, steps[:, 100:900] * 2.5)
    assert [note.level for note in raw.notes] == ["info"]
    spans[1] = (1001, 1800)
    with pytest.raises(RecordError, match="one after another"):
        read_scp(scp({3: lead_section(["I", "II", "V1"], last=spans), 6: data_section(parts)}))


@pytest.mark.parametrize("factor", [1, 2, 3, 4])
@pytest.mark.parametrize("is_subtracted", [True, False])
@pytest.mark.parametrize("whole_rests", [True, False])
def test_bimodal_compression_and_reference_beats(factor, is_subtracted, whole_rests):
    content, microvolts = compressed(factor=factor, is_subtracted=is_subtracted, whole_rests=whole_rests)
    raw = read_scp(content)
    assert raw.fs_hz == 500
    assert np.abs(raw.samples - microvolts).max() < 1e-9


def test_decimation_without_its_flag_is_seen_from_the_samples():
    content, microvolts = compressed(bimodal=0)
    assert np.abs(read_scp(content).samples - microvolts).max() < 1e-9


def test_left_out_samples_lie_on_straight_lines():
    """As the standard puts them back: the first sample twice, lines from the third on, the last one twice."""
    reference = data_section([plain([0] * 10)], 1000, 2000)
    beats = struct.pack("<HHH", 20, 5, 1) + struct.pack("<HIII", 1, 14, 14, 15) + struct.pack("<II", 14, 15)
    rhythm = data_section([plain([8, 16, 12, 100, 50, 60, 0, 4, 7])], 1000, 8000, bimodal=1)
    raw = read_scp(scp({3: lead_section(["I"], 1, 24), 4: beats, 5: reference, 6: rhythm}))
    before = [8, 8, 8, 10, 12, 14, 16, 15, 14, 13, 12, 12, 100]
    assert raw.samples[0].tolist() == [*before, 50, 60, 0, 0, 0, 1, 2, 3, 4, 4, 7]


def beaten(beats):
    return struct.pack("<HHH", 60, 10, len(beats)) + b"".join(struct.pack("<HIII", *beat) for beat in beats)


BEATEN = {
    3: lead_section(["I"], 1, 40, flags=1),
    4: beaten([(0, 1, 6, 20), (0, 25, 31, 60), (1, 21, 22, 23), (0, 900, 905, 910), (0, 9, 8, 7)]),
    5: data_section([plain(range(100, 130))], 1000),
    6: data_section([plain([0] * 40)]),
}


def test_where_a_reference_beat_goes():
    """Fiducial on fiducial, both counted from 1; cut off where the zone, the lead or the beat itself ends."""
    row = read_scp(scp(BEATEN)).samples[0]
    assert row.tolist() == [*range(104, 124), *[0] * 4, *range(103, 119)]
    nothing_taken = {**BEATEN, 4: struct.pack("<HHH", 0, 0, 0)}
    assert not read_scp(scp(nothing_taken)).samples.any()


def test_without_protected_areas_the_zones_of_subtraction_are_they():
    beats = struct.pack("<HHH", 20, 5, 1) + struct.pack("<HIII", 1, 5, 6, 7)
    reference, rhythm = (
        data_section([plain([0] * 10)], 1000),
        data_section([plain([3, 8, 9, 7, 5, 5])], 1000, 8000, bimodal=1),
    )
    raw = read_scp(scp({3: lead_section(["I"], 1, 15), 4: beats, 5: reference, 6: rhythm}))
    assert raw.samples[0].tolist() == [3] * 4 + [8, 9, 7] + [5] * 8


def test_a_reference_beat_that_is_not_there():
    content = scp({3: lead_section(["I"], 1, 4, flags=1), 6: data_section([plain([1, 2, 3, 4])])})
    with pytest.raises(RecordError, match="reference beat was subtracted and is missing"):
        read_scp(content)


def test_a_changed_byte_is_seen():
    content = simple(waves())
    for at in (30, 200, len(content) - 100):
        with pytest.raises(RecordError, match=r"is damaged \(checksum\): copy it again"):
            read_scp(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    unsummed = b"\0\0" + content[2:-100] + bytes([content[-100] ^ 1]) + content[-99:]
    with pytest.raises(RecordError, match=r"is damaged \(checksum in section 6\)"):
        read_scp(unsummed)
    assert read_scp(simple(waves(), checked=False)).leads == LEADS


def tabled(*rows, n_tables=1):
    """A file whose own tables have these rows: bits of the prefix, bits in all, mode, value, code."""
    table = struct.pack("<H", len(rows)) + b"".join(struct.pack("<BBBhI", *row) for row in rows)
    return scp(
        {2: struct.pack("<H", n_tables) + table * n_tables, 3: lead_section(["I"], 1, 8), 6: data_section([b"\0"])}
    )


def moved(content, pointer, place):
    """The file without its checksums' protection, a pointer of section 0 changed."""
    at = 22 + 10 * pointer + 6
    return b"\0\0" + content[2:6] + b"\0\0" + content[8:at] + struct.pack("<I", place) + content[at + 4 :]


WRONG = {
    "a code within another": (tabled((1, 1, 1, 0, 0), (2, 2, 1, 1, 0)), "begins with another"),
    "a code without bits": (tabled((0, 0, 1, 0, 0)), "a Huffman code of 0 bits"),
    "a table that is not there": (tabled((1, 1, 0, 5, 0)), "refers to another that is missing"),
    "round in circles": (tabled((1, 1, 0, 2, 0), (2, 2, 1, 1, 1), n_tables=3), "lead I holds 0 samples"),
    "nothing where it points": (moved(simple(waves()), 6, 10**9), "section 6 lies outside the file"),
    "another where it points": (moved(simple(waves()), 6, 143), "does not hold section 6"),
    "another rate of the reference beat": (
        scp({**BEATEN, 5: data_section([plain([1] * 30)], 1000, 3000)}),
        "at another rate",
    ),
    "a short reference beat": (
        scp({**BEATEN, 5: data_section([plain([1] * 9)], 1000)}),
        "beat holds 9 samples where 30",
    ),
    "beats on beats": (scp({**BEATEN, 4: beaten([(0, 1, 10, 30)] * 40)}), "reference beats overlap"),
    "nothing": (b"", "too few for an SCP-ECG file"),
    "half of it": (simple(waves())[:5000], "states 24348 bytes and holds 5000"),
    "no leads": (scp({6: data_section([])}), "names no lead"),
    "no rhythm": (scp({3: lead_section(["I"], 1, 4)}), "holds no rhythm data"),
    "no lead at all": (scp({3: lead_section([]), 6: data_section([])}), "names no lead"),
    "too few samples": (scp({3: lead_section(["V2"], 1, 9), 6: data_section([b"\0" * 8])}), "lead V2 holds 4 samples"),
    "far too few": (scp({3: lead_section(["I"], 1, 2**32 - 1), 6: data_section([b""])}), "states 4294967295 samples"),
    "backwards": (scp({3: lead_section(["I"], 9, 1), 6: data_section([b""])}), "ends before it begins"),
    "no rate": (scp({3: lead_section(["I"], 1, 1), 6: data_section([b"\0\0"], 5, 0)}), "states no sampling rate"),
    "unknown order": (scp({3: lead_section(["I"], 1, 1), 6: data_section([b"\0\0"], order=3)}), "order 3"),
    "missing tables": (
        scp({2: struct.pack("<H", 3), 3: lead_section(["I"], 1, 1), 6: data_section([b"\0"])}),
        "tables",
    ),
    "version 3": (scp({3: lead_section(["I"], 1, 1), 12: b"\0" * 90}), "section 12"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_files_get_one_sentence(case):
    content, told = WRONG[case]
    with pytest.raises(RecordError, match=told) as caught:
        read_scp(content)
    assert "\n" not in str(caught.value)


def test_a_lying_header_costs_nothing():
    parts = [by_default_table([0] * 1000)] * 12
    rows = b"".join(struct.pack("<BBBhI", 8, 8, 0, 1, code) for code in range(256))
    around = struct.pack("<HH", 1, 256) + rows
    for tables, last in [(DEFAULT, 2**31), (DEFAULT, 300_000), (around, 300_000)]:
        content = scp({2: tables, 3: lead_section(LEADS, 1, last), 6: data_section(parts)})

        def refuse(content=content):
            tracemalloc.start()
            try:
                with pytest.raises(RecordError):
                    read_scp(content)
                assert tracemalloc.get_traced_memory()[1] < 1_000_000
            finally:
                tracemalloc.stop()

        assert times_as_long(refuse, many_steps, 500) < 500  # it takes 40


def test_ten_seconds_are_read_quickly():
    """60,000 samples of a bit or more each, sooner than a decoder that takes a bit at a time could do it."""
    content = simple(waves(12, 5000), 2, by_default_table, DEFAULT, checked=False)
    assert times_as_long(lambda: read_scp(content), many_steps, 200) < 200  # it takes 25


VALID = [simple(waves(3, 60), 2, *way, leads=LEADS[:3], checked=False) for way in WAYS.values()]
VALID += [compressed(1, checked=False)[0]]


@settings(max_examples=400)
@given(st.data())
def test_no_bytes_give_anything_but_samples_or_a_sentence(data):
    content = bytearray(data.draw(st.sampled_from(VALID)))
    header = min(len(content), 800)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, header - 1) | st.integers(0, len(content) - 1))
        content[at] = data.draw(st.sampled_from([0, 1, 127, 128, 255]) | st.integers(0, 255))
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content))) :]
        content[2:6] = struct.pack("<I", len(content))[: max(0, len(content) - 2)]
    try:
        raw = read_scp(bytes(content))
    except RecordError as error:
        assert "\n" not in str(error)
    else:
        assert raw.samples.shape[0] == len(raw.leads) == len(raw.units)
        assert np.isfinite(raw.samples).all() and raw.samples.size and raw.fs_hz > 0


@given(st.binary(max_size=400))
def test_noise_is_refused(content):
    with pytest.raises(RecordError):
        read_scp(content)
