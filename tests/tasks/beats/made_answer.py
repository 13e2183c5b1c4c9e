"""An answer of the page of beats on a recording that nobody has: a minute and a half, two leads, beats of every class."""

import base64

import numpy as np

from tasks.beats.labels import CLASSES

FS_HZ, DURATION_S = 100.0, 90.0
AT_S = np.arange(0.5, 89.5, 0.8)  # 112 beats
CLASS_AT = {
    5: "V",
    20: "S",
    40: "V",
    41: "V",
    42: "V",
    43: "V",
    60: "F",
    61: "Q",
    80: "S",
    100: "V",
}  # all others are N


def made_answer(record: str = "made", beats: bool = True, duration_s: float = DURATION_S) -> dict:
    """As `tasks.beats.answers.answer_document` gives it, or the beginning of it."""
    at_s = AT_S[duration_s - 0.5 > AT_S] if beats else AT_S[:0]
    classes = [CLASSES.index(CLASS_AT.get(beat, "N")) for beat in range(len(at_s))]
    counts = {name: classes.count(index) for index, name in enumerate(CLASSES)}
    return {
        "record": record,
        "fs_hz": 360.0,
        "duration_s": duration_s,
        "leads": ["MLII", "V5"],
        "no_beats": None if beats else "no beats are found: nothing stands out as a QRS does",
        "summary": made_summary(counts, beats),
        "quality": {"status": "ok", "reasons": ["left aside: Resp"], "details": []},
        "shown": {"fs_hz": FS_HZ, "leads": ["MLII", "V5"], "samples": made_samples(at_s, classes, duration_s)},
        "beats": {
            "at_ms": np.round(1_000 * at_s).astype(int).tolist(),
            "classes": classes,
            "percent": [97] * len(classes),
        },
        "runs": [{"beat": "V", "first": 40, "n": 4, "rate_bpm": 75}] if len(at_s) > 43 else [],
        "files": {"csv": _text("record,sample\nmade,180\n"), "json": _text("[]\n"), "beats": _text("\0\0")},
    }


def made_summary(counts: dict[str, int], beats: bool) -> dict:
    """As `Summary.to_dict` gives it."""
    none = {"S": 0, "V": 0}
    return {
        "beats": sum(counts.values()),
        "counts": counts,
        "couplets": none,
        "runs": {"S": 0, "V": 1} if beats else none,
        "bigeminy": none,
        "trigeminy": none,
        "pauses": 0,
        "longest_rr_s": 0.8 if beats else None,
        "longest_rr_at_s": 61.25 if beats else None,
        "rate_bpm": {"mean": 75.0 if beats else None, "min": None, "max": None},
    }


def made_samples(at_s: np.ndarray, classes: list[int], duration_s: float) -> list[str]:
    """Two leads: a spike of 1 mV at each beat, wider and taller where it is V."""
    times = np.arange(round(FS_HZ * duration_s)) / FS_HZ
    lead = np.zeros(len(times))
    for at, each in zip(at_s, classes, strict=True):
        width, height = (0.05, 1_500) if CLASSES[each] == "V" else (0.02, 1_000)
        lead += height * np.exp(-(((times - at) / width) ** 2))
    return [base64.b64encode(each.astype("<i2").tobytes()).decode() for each in (lead, -0.5 * lead)]


def _text(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
