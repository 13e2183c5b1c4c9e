"""What may stand in a log: kinds of errors and places in this program; no name, no age, no sample, no request."""

import traceback


def error_origin(error: BaseException) -> str:
    """The kind of an error and where it arose, without what it says, which may be a patient's."""
    frames = traceback.extract_tb(error.__traceback__)
    where = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames[-4:]))
    return f"{type(error).__name__} at {where}"
