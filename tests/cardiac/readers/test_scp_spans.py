"""How writers of SCP-ECG count a lead's samples: from 1 to n as the standard says, from 0, to n, and one too many."""

import numpy as np
import pytest

from cardiac.errors import RecordError
from cardiac.readers.scp import read_scp
from tests.cardiac.readers.scp_writer import DEFAULT, by_default_table, data_section, lead_section, plain, scp, waves

LEADS = (1, 2, 3, 4, 5, 6, 7, 8)  # I, II, V1 to V6 by their codes
N = 1_000


def written(first, last, n=N, encode=plain):
    steps = waves(len(LEADS), n)
    bodies = {2: DEFAULT} if encode is by_default_table else {}
    bodies |= {3: lead_section(LEADS, first, last), 6: data_section([encode(row) for row in steps])}
    return steps, scp(bodies)


@pytest.mark.parametrize("encode", [plain, by_default_table])
@pytest.mark.parametrize(("first", "last"), [(1, N), (0, N - 1), (0, N), (1, N + 1), (5, N + 4)])
def test_every_way_of_counting_gives_the_samples(first, last, encode):
    steps, content = written(first, last, encode=encode)
    raw = read_scp(content)
    assert raw.fs_hz == 500
    assert np.array_equal(raw.samples, steps * 2.5)


@pytest.mark.parametrize("lacking", [2, 10, 500])
def test_more_than_one_sample_too_few_is_refused(lacking):
    with pytest.raises(RecordError, match="too few for 1000"):
        read_scp(written(1, N, n=N - lacking)[1])


def test_one_sample_too_few_is_said():
    assert any("one sample shorter" in note.text for note in read_scp(written(0, N)[1]).notes)
    assert not read_scp(written(1, N)[1]).notes
