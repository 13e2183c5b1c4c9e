"""RR intervals of a recording: from one beat that is found in it to the next."""

import numpy as np

from cardiac.errors import RecordError
from cardiac.quality.assess import assess_quality
from cardiac.records import Record, with_missing_at_rest
from tasks.rr.studies import Study

SOUGHT = "an RR interval"  # for the sentences that name it
FROM_RECORDING = (
    "the intervals are from beat to beat of the recording, as the program found them: {n} beats at {fs_hz:g} Hz"
)


def study_of(record: Record) -> Study:
    """The intervals of a recording of any leads, in ms; each is at the beat that ends it, from the recording's start.

    Raises RecordError where there are fewer than two beats.
    """
    record = with_missing_at_rest(record)
    quality = assess_quality(record, SOUGHT)
    beats_ms = np.asarray(quality.beats) * (1_000 / record.fs_hz)
    reasons = [each.text for each in quality.reasons]
    if len(beats_ms) < 2:
        why = f" ({reasons[0]})" if reasons else ""
        raise RecordError(
            f"{record.record_id}: fewer than two beats are found{why}: give a longer or a better recording"
        )
    notes = [
        FROM_RECORDING.format(n=len(beats_ms), fs_hz=record.fs_hz),
        *(each.text for each in record.notes),
        *reasons,
    ]
    return Study(record.record_id, beats_ms[1:], np.diff(beats_ms), None, tuple(notes))
