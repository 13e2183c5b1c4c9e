"""Tables of RR intervals: the same study in many forms reads as the same, and what could be read wrongly is refused."""

import numpy as np
import pytest

from cardiac.errors import RecordError
from tasks.rr.tables import holds_intervals, read_studies

INTERVALS = [812, 790, 801, 640]


@pytest.fixture
def read(tmp_path):
    def read(text, name="study.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        assert holds_intervals(path)
        return read_studies(path)

    return read


def lines(*rows):
    return "\n".join(rows) + "\n"


FORMS = {
    "the case's": "id,time,x,y\n7,0,812,0\n7,790,790,1\n7,1591,801,1\n7,2231,640,0\n",
    "other order": "x;y;id;time\n812;0;7;0\n790;1;7;790\n801;1;7;1591\n640;0;7;2231\n",
    "seconds and decimal commas": "RR [s]\t id\n0,812\t7\n0,79\t7\n0,801\t7\n0,640\t7\n",
    "a phone's": "Phone timestamp;RR-interval [ms]\n2021-05-01T10:00:00.812;812\n2021-05-01T10:00:01.602;790\n"
    "2021-05-01T10:00:02.403;801\n2021-05-01T10:00:03.043;640\n",
    "one a line": "812\n790\n801\n640\n",
    "one a line, with a head and remarks": "# exported\nrr_ms\n812\n790\n\n801\n640\n\n",
    "spaces": " time  ibi_ms \n 812 812\n 1602  790\n 2403 801\n3043 640\n",
    "quoted": '"id","x"\r\n"7","812"\r\n"7","790"\r\n"7","801"\r\n"7","640"\r\n',
    "lines that end as on an old Macintosh": "id,x\r7,812\r7,790\r7,801\r7,640\r",
    "words above the header": "Export of Ann\n\nTime (s),RR (s)\n0.812,0.812\n1.602,0.79\n2.403,0.801\n3.043,0.64\n",
    "another clock on the way": "time,rr_ms\n2021-05-01T10:00:00.812+02:00,812\n2021-05-01T11:00:01.602+03:00,790\n"
    "2021-05-01T10:00:02.403+02:00,801\n2021-05-01T10:00:03.043+02:00,640\n",
    "BOM and capitals": "\ufeffID,RR_MS\n7,812\n7,790\n7,801\n7,640\n",
}


@pytest.mark.parametrize("form", FORMS)
def test_the_same_study_in_other_forms_is_the_same(read, form):
    (study,) = read(FORMS[form])
    assert study.intervals_ms == pytest.approx(INTERVALS)
    assert np.diff(study.time_ms) == pytest.approx(INTERVALS[1:])
    assert study.record_id in ("7", "study")


def test_utf_16_is_text_too(read):
    assert read(FORMS["the case's"], encoding="utf-16")[0].intervals_ms.tolist() == INTERVALS


def test_marks_are_read_where_there_are_some(read):
    assert read(FORMS["the case's"])[0].targets.tolist() == [False, True, True, False]
    assert read(FORMS["one a line"])[0].targets is None


def test_time_in_seconds_is_known_by_its_steps(read):
    (study,) = read("time,rr_ms\n0.812,812\n1.602,790\n2.403,801\n")
    assert study.time_ms == pytest.approx([812, 1602, 2403])


def test_numbers_alone_are_said_to_be_taken_for_intervals_and_with_a_rate_are_a_recording(read, tmp_path):
    (study,) = read(FORMS["one a line"])
    assert "one number a line" in study.notes[0]
    assert not holds_intervals(tmp_path / "study.csv", bare=False)
    assert read(FORMS["the case's"])[0].notes == ()
    assert holds_intervals(tmp_path / "study.csv", bare=False)


def test_a_fraction_below_ten_is_one_where_all_are_written_so(read):
    assert read("id;x\n1;812,000\n1;4,125\n1;800,500\n")[0].intervals_ms.tolist() == [812, 4.125, 800.5]


def test_studies_keep_their_order_and_their_names(read):
    studies = read("id,x\nb,800\nb,810\na 1,700\n-3,650\n")
    assert [(each.record_id, each.intervals_ms.tolist()) for each in studies] == [
        ("b", [800, 810]),
        ("a 1", [700]),
        ("-3", [650]),
    ]
    assert studies[1].time_ms.tolist() == [700]


def test_a_time_that_starts_anew_is_added_up_and_said(read):
    """As in one of the case's own files, where each study begins with the clock of the one before."""
    first, second = read("id,time,x\n1,0,800\n1,810,810\n2,78431,890\n2,890,1000\n2,1890,698\n")
    assert first.notes == () and "line 5" in second.notes[0]
    assert second.time_ms.tolist() == [890, 1890, 2588]


REFUSED = {
    "seconds without a unit": ("rr\n0.812\n0.790\n", "look like seconds"),
    "seconds in a column of ms": ("rr_ms\n0.812\n0.790\n", "said to be ms"),
    "ms in a column of seconds": ("rr_s\n812\n790\n", "look like ms"),
    "two columns": ("rr,ibi\n800,801\n", "could both be the interval"),
    "the case's column beside another": ("id,time,x,rr\n1,0,800,801\n", "could both be the interval"),
    "times alone": ("id,time\n1,0\n1,800\n", "no column of RR intervals: add them"),
    "two ids": ("id,study,x\n1,1,800\n", "could both be the id"),
    "nothing under the header": ("id,time,x\n", "no RR intervals under"),
    "text": ("id,x\n1,800\n1,abc\n", "line 3: 'abc' is no number"),
    "missing": ("id,x\n1,800\n1,\n", "line 3: the interval is missing"),
    "zero": ("id,x\n1,800\n1,0\n", "line 3: the interval is 0"),
    "negative": ("id,x\n1,-800\n", "line 2: the interval is -800"),
    "too large": ("id,x\n1,1e400\n", "line 2: '1e400' is no number"),
    "not a number": ("id,x\n1,nan\n", "line 2: 'nan' is no number"),
    "no id": ("id,x\n1,800\n,810\n", "line 3: the id is missing"),
    "in pieces": ("id,x\n1,800\n2,800\n1,800\n", "line 4: the study '1' goes on after another"),
    "more cells": ("id,x\n1,800,9\n", "line 2: has more columns"),
    "a mark of two": ("id,x,y\n1,800,2\n", "line 2: the mark is 2"),
    "a time that is none": ("time,rr_ms\nsoon,800\n", "line 2: 'soon' is no time"),
    "thousands in quotes": ('id,x\n1,812\n1,"1,234"\n1,800\n', "line 3: '1,234' may be"),
    "thousands with a point": ("id;x\n1;812\n1;1.234\n1;800\n", "line 3: '1.234' may be"),
    "beats a minute": ("id,x\n1,72\n1,75\n1,71\n", "the middle interval is 72 ms"),
    "microseconds": ("id,x\n1,812000\n1,790000\n", "the middle interval is 801000 ms"),
    "one study in seconds": (
        "id,x\n1,800\n1,810\n1,790\n1,800\n2,.8\n2,.8\n2,.8\n",
        "study '2': the intervals look like sec",
    ),
    "one study in beats a minute": ("id,x\n1,800\n1,810\n1,790\n1,800\n2,70\n2,71\n2,72\n", "study '2': the middle"),
    "longer than a day": ("id,x\n1,800\n1,1e9\n1,800\n", "line 3: the interval is longer than a day"),
    "a time beyond all clocks": ("id,time,x\n1,1e300,800\n", "line 2: '1e300' is no number"),
    "a missing first time": ("id,time,x\n1,,800\n1,800,800\n", "line 2: the time is missing"),
    "an endless quote": ('id,x\n"1,800\n1,800\n', "no table|no number|missing"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_could_be_read_wrongly_is_refused_in_a_sentence(read, case):
    text, sentence = REFUSED[case]
    with pytest.raises(RecordError, match=sentence) as refused:
        read(text)
    assert "study.csv" in str(refused.value) and "\n" not in str(refused.value)


OTHERS = {
    "leads": "I,II,V1\n0.1,0.2,0.3\n0.1,0.2,0.3\n",
    "one lead": "0.1\n-0.2\n0.15\n",
    "a lead in µV": "12\n-40\n300\n",
    "x alone among others": "x,y,z\n1,2,3\n",
    "two columns without a header": "812,790\n790,801\n801,640\n",
    "a heading for a recording": "Interval=\t0.001 s\nChannelTitle=\tII\n812\t0.1\n813\t0.2\n",
    "words": "Dear colleague,\nplease find attached\n",
    "nothing": "",
}


@pytest.mark.parametrize("case", OTHERS)
def test_other_files_are_no_tables_of_intervals(tmp_path, case):
    path = tmp_path / "other.csv"
    path.write_text(OTHERS[case], encoding="utf-8")
    assert not holds_intervals(path)
    with pytest.raises(RecordError, match=r"no column of RR intervals|no table"):
        read_studies(path)


def test_what_is_not_text_is_said_to_be_none(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"id,x\n\xff\xfa,800\n")
    assert holds_intervals(path)
    with pytest.raises(RecordError, match="save it as UTF-8"):
        read_studies(path)
    path.write_bytes(b"id,x\n\0,800\n")
    with pytest.raises(RecordError, match="is not text"):
        read_studies(path)
    with pytest.raises(RecordError, match="cannot be opened"):
        read_studies(tmp_path / "none.csv")
