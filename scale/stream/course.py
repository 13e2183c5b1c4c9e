"""What a screen should show of findings that come every second: steady, and what is new since the first one.

A label is shown once it has been found for HOLD findings in a row, a tag (a site of an infarction, say) likewise, and
goes in the same way: one second of noise changes nothing on the screen. The state is plain data, which travels with each
result, so that whoever takes over from a process that has died goes on where it ended.
"""

from collections.abc import Mapping, Sequence
from typing import Any

HOLD = 5  # findings in a row
RATE_CHANGE_BPM = 20


def follow(
    shown: Mapping[str, Any], label: str | None, tags: Sequence[str], end_s: float, rate_bpm: float | None = None
) -> dict[str, Any]:
    """The state after one more finding.

    shown : the state before it; empty at the beginning of a stream.  label : None where no decision was made, which
    changes nothing but `missed`.  end_s : of the finding, seconds since 1970.
    Returns label, tags, since_s (when the label was first found), steady (nothing else is on its way), first, changed (in
    words), missed (findings without a decision, in a row) and what waits to be shown.
    """
    if label is None:
        return dict(shown) | {"missed": shown.get("missed", 0) + 1}
    if not shown.get("first"):
        first = {"label": label, "tags": list(tags), "rate_bpm": rate_bpm, "end_s": end_s}
        return {"label": label, "tags": list(tags), "since_s": end_s, "steady": True, "first": first, "changed": [],
                "waiting": {}, "missed": 0}  # fmt: skip
    waiting: dict[str, Any] = {}
    before, since_s = shown["label"], shown["since_s"]
    now = before
    if label != before:
        times, from_s = _times(shown, f"label {label}", end_s)
        if times >= HOLD:
            now, since_s = label, from_s
        else:
            waiting[f"label {label}"] = [times, from_s]
    now_tags = [*shown["tags"]] if now == before else [*tags]
    for tag in sorted({*tags} ^ {*now_tags}) if now == before else ():
        times, from_s = _times(shown, f"tag {tag}", end_s)
        if times >= HOLD:
            now_tags = [each for each in now_tags if each != tag] + ([tag] if tag in tags else [])
        else:
            waiting[f"tag {tag}"] = [times, from_s]
    first = shown["first"]
    return {"label": now, "tags": now_tags, "since_s": since_s, "steady": not waiting, "first": first,
            "changed": _changed(first, now, now_tags, rate_bpm), "waiting": waiting, "missed": 0}  # fmt: skip


def _times(shown: Mapping[str, Any], what: str, end_s: float) -> tuple[int, float]:
    """How often in a row something else than what is shown was found, this time counted, and since when."""
    times, from_s = shown["waiting"].get(what, (0, end_s))
    return times + 1, from_s


def _changed(first: Mapping[str, Any], label: str, tags: Sequence[str], rate_bpm: float | None) -> list[str]:
    """What is shown that was not so in the first finding, in words."""
    changed = [f"{label} now, {first['label']} in the first ten seconds"] if label != first["label"] else []
    if label == first["label"]:
        new, gone = [tag for tag in tags if tag not in first["tags"]], [tag for tag in first["tags"] if tag not in tags]
        changed += [f"new since the first ten seconds: {', '.join(new)}"] if new else []
        changed += [f"no longer found: {', '.join(gone)}"] if gone else []
    at_first = first.get("rate_bpm")
    if at_first and rate_bpm and abs(rate_bpm - at_first) >= RATE_CHANGE_BPM:
        changed.append(f"heart rate {rate_bpm:.0f}/min, {at_first:.0f}/min in the first ten seconds")
    return changed


def is_state(shown: Mapping[str, Any]) -> bool:
    """Whether plain data is what `follow` gives, by its names."""
    return not shown.get("first") or {"label", "tags", "since_s", "waiting"} <= shown.keys()
