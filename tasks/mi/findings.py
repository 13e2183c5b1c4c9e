"""From calibrated probabilities to a Finding, and from a Finding to plain data and back."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from cardiac.assessment import Assessment
from cardiac.errors import RecordError
from cardiac.measurements.measure import VALUES
from cardiac.messages import messages_of, plain_message
from cardiac.quality.reasons import Reason
from cardiac.records import Note, Record
from tasks.mi.labels import OUTPUTS, SITES
from tasks.mi.rules import Rule, decide_sites

# The fields of `Finding.to_row` and their types, in order. findings.json (`Finding.to_dict`) is older and has them in
# objects: record_id is `record`, quality is `quality.status`, remarks are `quality.reasons`; its numbers are rounded.
MEASURED = tuple(name for name in VALUES if name != "heart_rate_bpm")  # a rate was a field before there were others
FIELDS: dict[str, Any] = {
    "record_id": str,
    **{
        f"{output}_{name}": kind
        for output in OUTPUTS
        for name, kind in (("probability", float), ("threshold", float), ("present", bool))
    },
    "sites": list[str],
    "sites_by": str,
    "norm": bool,
    "uncertain": bool,
    "spread": float,
    "quality": str,
    "remarks": list[str],
    "heart_rate_bpm": float,
    "fs_hz": float,
    "duration_s": float,
    **{name: str if name == "r_transition" else float for name in MEASURED},  # whatever could not be measured is None
}


@dataclass(frozen=True, slots=True)
class Judgement:
    """One output: its probability, the threshold it is held against, and what was decided."""

    probability: float
    threshold: float
    present: bool

    def to_dict(self) -> dict[str, Any]:
        """The judgement in findings.json."""
        return {
            "probability": round(self.probability, 6),
            "threshold": round(self.threshold, 6),
            "present": self.present,
        }


@dataclass(frozen=True, slots=True)
class Brief:
    """What tables tell of a Finding."""

    record_id: str
    mi: Judgement
    sites: tuple[str, ...]
    norm: bool
    uncertain: bool
    quality: str
    sites_by: str | None = None


@dataclass(frozen=True)
class Finding:
    """What was concluded about one record. A site's probability is that of the site, given an infarction.

    uncertain : the probability of infarction lies in the rule's band of doubt; the decision stands all the same.
    spread : standard deviation of the probability of infarction over windows and networks, before calibration.
    reasons : why the tracing wants a look.  rate_bpm : heart rate; None where it is not known.
    measurements : of the beats, as `Measurements.to_dict` gives them; None of findings made before there were any.
    sites_by : "threshold" where the sites found reached their own thresholds; "closest" where none did, and the one
    closest to its own is named (greatest probability over threshold); None without an infarction.
    """

    record_id: str
    mi: Judgement
    localizations: Mapping[str, Judgement]
    norm: bool
    uncertain: bool
    spread: float
    notes: tuple[Note, ...]
    fs_hz: float
    duration_s: float
    reasons: tuple[Reason, ...] = ()
    rate_bpm: float | None = None
    measurements: Mapping[str, Any] | None = None
    sites_by: str | None = None

    @property
    def sites(self) -> tuple[str, ...]:
        """The sites found, in the order of the submission's columns."""
        return tuple(site for site, judgement in self.localizations.items() if judgement.present)

    @property
    def quality(self) -> str:
        """ "warning" where something about the recording wants a look, else "ok"."""
        return "warning" if self.reasons or any(note.level == "warning" for note in self.notes) else "ok"

    @property
    def brief(self) -> Brief:
        return Brief(self.record_id, self.mi, self.sites, self.norm, self.uncertain, self.quality, self.sites_by)

    @property
    def remarks(self) -> list[str]:
        """Why the tracing wants a look, and what was settled on reading it, in words."""
        return [str(each) for each in self.messages]

    @property
    def messages(self) -> list[str]:
        """The remarks as they were made: a Message can be said in another language."""
        return [each.text for each in (*self.reasons, *self.notes)]

    def to_dict(self) -> dict[str, Any]:
        """The finding as an object of findings.json, of the API and of the database; numbers are rounded."""
        return {
            "record": self.record_id,
            "mi": self.mi.to_dict(),
            "localizations": {site: judgement.to_dict() for site, judgement in self.localizations.items()},
            "sites_by": self.sites_by,
            "norm": self.norm,
            "uncertain": self.uncertain,
            "spread": round(self.spread, 6),
            "quality": {
                "status": self.quality,
                "reasons": self.remarks,
                "details": [each.to_dict() for each in self.reasons],
                "messages": [plain_message(each) for each in self.messages],
            },
            "heart_rate_bpm": None if self.rate_bpm is None else round(self.rate_bpm),
            "fs_hz": self.fs_hz,
            "duration_s": self.duration_s,
            "measurements": self.measurements,
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> "Finding":
        """The finding that `to_dict` wrote. Which of the notes were warnings is not written: all have the whole's level."""
        quality = document["quality"]
        texts = messages_of(quality["reasons"], quality.get("messages"))
        reasons = tuple(
            Reason(**each | {"leads": tuple(each["leads"]), "text": text})
            for each, text in zip(quality["details"], texts, strict=False)
        )
        level = "info" if reasons or quality["status"] == "ok" else "warning"
        return cls(
            record_id=document["record"],
            mi=Judgement(**document["mi"]),
            localizations={site: Judgement(**each) for site, each in document["localizations"].items()},
            norm=document["norm"],
            uncertain=document["uncertain"],
            spread=document["spread"],
            notes=tuple(Note(level, text) for text in texts[len(reasons) :]),
            fs_hz=document["fs_hz"],
            duration_s=document["duration_s"],
            reasons=reasons,
            rate_bpm=document["heart_rate_bpm"],
            measurements=document.get("measurements"),
            sites_by=sites_by_of(document),
        )

    def to_row(self) -> dict[str, Any]:
        """The finding as one row of a table, with the names and types of `FIELDS`; what is not known is None."""
        measured = self.measurements or {}
        row: dict[str, Any] = {"record_id": self.record_id}
        for output, judgement in (("mi", self.mi), *self.localizations.items()):
            row |= {f"{output}_{name}": value for name, value in asdict(judgement).items()}
        return row | {
            "sites": [*self.sites],
            "sites_by": self.sites_by,
            "norm": self.norm,
            "uncertain": self.uncertain,
            "spread": self.spread,
            "quality": self.quality,
            "remarks": self.remarks,
            "heart_rate_bpm": self.rate_bpm or None,  # earlier versions wrote 0
            "fs_hz": self.fs_hz,
            "duration_s": self.duration_s,
            **{name: None if measured.get(name) is None else FIELDS[name](measured[name]) for name in MEASURED},
        }


def decide(
    record: Record, probabilities: np.ndarray, spread: float, rule: Rule, assessment: Assessment | None = None
) -> Finding:
    """The Finding from a record's calibrated probabilities (7,): of infarction, and of the six sites given one.

    assessment : of the tracing, which stands beside the decision.

    A record without an infarction is `norm` and has no site; an infarction has at least one.
    Raises RecordError where a probability is not a number: nothing must be decided on it.
    """
    if not np.isfinite([*probabilities, spread]).all():
        raise RecordError("the networks gave no number for it: check the recording for extreme values")
    thresholds, probability = rule.thresholds, float(probabilities[0])
    mi = Judgement(probability, thresholds.mi, probability >= thresholds.mi)
    of_sites = probabilities[None, 1:]
    present = decide_sites(of_sites, np.array(thresholds.sites), np.array(thresholds.site_scale))[0] & mi.present
    judged = zip(SITES, of_sites[0], thresholds.sites, present, strict=True)
    return Finding(
        record_id=record.record_id,
        mi=mi,
        localizations={
            site: Judgement(float(value), threshold, bool(is_present)) for site, value, threshold, is_present in judged
        },
        norm=not mi.present,
        uncertain=rule.doubt[0] <= probability < rule.doubt[1],
        spread=float(spread),
        notes=record.notes,
        fs_hz=record.fs_hz,
        duration_s=record.duration_s,
        reasons=assessment.quality.reasons if assessment else (),
        rate_bpm=assessment.quality.rate_bpm if assessment else None,
        measurements=assessment.measurements.to_dict() if assessment else None,
        sites_by=_sites_by(mi.present, (of_sites[0] >= thresholds.sites).any()),
    )


def _sites_by(is_infarction: bool, any_reached: bool) -> str | None:
    return ("threshold" if any_reached else "closest") if is_infarction else None


def sites_by_of(document: Mapping[str, Any]) -> str | None:
    """`Finding.sites_by` of a finding's document, also of one of an earlier version, which does not say it."""
    if "sites_by" in document:
        return document["sites_by"]
    sites = document["localizations"].values()
    return _sites_by(document["mi"]["present"], any(each["probability"] >= each["threshold"] for each in sites))
