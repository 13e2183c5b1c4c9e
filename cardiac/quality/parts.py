"""The reasons of a long recording's parts in one list: every kind once, and where no beats are found."""

from dataclasses import replace

from cardiac.messages import Message
from cardiac.quality.reasons import MOST_SPANS, Reason

BEATLESS_SHARE = 2 / 3  # of a recording; with more of it without beats too little is left for a decision


def join_reasons(parts: list[list[Reason]], edges_s: list[float], among: tuple[str, ...]) -> list[Reason]:
    """The reasons of consecutive parts, one of each kind and severity; rejected where more than half of the parts are.

    edges_s : (n_parts + 1,), where the parts begin and end; the reasons' seconds are of their own part.  among : all leads.
    """
    n_rejected = sum(any(reason.severity == "rejected" for reason in part) for part in parts)
    by_kind: dict[tuple[str, str], list[tuple[int, Reason]]] = {}
    for index, part in enumerate(parts):
        begin_s, length_s = edges_s[index], edges_s[index + 1] - edges_s[index]
        for each in part:
            start_s = 0.0 if each.start_s is None else each.start_s
            end_s = length_s if each.end_s is None else each.end_s
            moved = replace(each, start_s=begin_s + start_s, end_s=begin_s + end_s)
            by_kind.setdefault((each.kind, each.severity), []).append((index, moved))
    joined = [_joined(each, len(parts), among) for each in by_kind.values()]
    if n_rejected > len(parts) / 2:
        return joined
    kept = [each for each in joined if each.kind != "no_beats"]  # `pause_reasons` says where they are missing
    return [replace(each, severity="warning") for each in kept]


def _joined(reasons: list[tuple[int, Reason]], n_parts: int, among: tuple[str, ...]) -> Reason:
    """One reason for those of one kind from several parts of a long recording."""
    n_affected, first, last = len({index for index, _ in reasons}), reasons[0][1], reasons[-1][1]
    leads = tuple(lead for lead in among if any(lead in each.leads for _, each in reasons))
    text = Message(
        "{fault} (in {n} of {n_parts} parts of the recording, from {start_s:.0f} s on)",
        fault=first.text,
        n=n_affected,
        n_parts=n_parts,
        start_s=first.start_s,
    )
    return Reason(first.kind, leads, first.severity, text, first.start_s, last.end_s)


def pause_reasons(stretches: list[tuple[float, float]], duration_s: float) -> list[Reason]:
    """What stretches without beats, (first, last) second, say of a recording that has beats; many are one sentence."""
    why = Message("a pause of the heart, noise, or no signal; the heart rate is that of the rest")
    total_s = sum(last - first for first, last in stretches)
    if total_s > BEATLESS_SHARE * duration_s:
        text = Message(
            "no beats are found for {total_s:.0f} of {duration_s:.0f} s: too little is left for a decision",
            total_s=total_s,
            duration_s=duration_s,
        )
        return [Reason("no_beats", (), "rejected", text, stretches[0][0], stretches[-1][1])]
    if len(stretches) > MOST_SPANS:
        text = Message(
            "no beats are found {n} times, for {total_s:.0f} s in all: {why}",
            n=len(stretches),
            total_s=total_s,
            why=why,
        )
        return [Reason("no_beats", (), "warning", text, stretches[0][0], stretches[-1][1])]
    return [
        Reason(
            "no_beats",
            (),
            "warning",
            Message(
                "no beats are found from {start_s:.1f} to {end_s:.1f} s: {why}", start_s=first, end_s=last, why=why
            ),
            first,
            last,
        )
        for first, last in stretches
    ]
