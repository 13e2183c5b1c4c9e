"""What is known of a recording before any network reads it: how good the tracing is, and what is measured of its beats."""

from dataclasses import dataclass

from cardiac.measurements.measure import Measurements, measure_record
from cardiac.quality.assess import Quality, assess_quality, require_usable
from cardiac.records import Record


@dataclass(frozen=True)
class Assessment:
    """The quality of a tracing that may be decided on, and its measurements."""

    quality: Quality
    measurements: Measurements


def assess_record(record: Record, sought: str | None = None) -> Assessment:
    """The assessment of a recording of any leads. sought : as `assess_quality` has it.

    Raises RecordRejected for a tracing that is too poor for a decision, RecordError as `assess_quality`.
    """
    quality = require_usable(assess_quality(record, sought))
    return Assessment(quality, measure_record(record, quality))
