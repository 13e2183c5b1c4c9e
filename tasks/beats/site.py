"""The page on which somebody has the beats of one recording found and classified, and looks at them. Nothing is stored.

What was sent lies in a folder of its own for as long as its request lasts; the answer is the page itself. The recording
is read and classified by another process (`tasks.beats.apart`).
"""

import math
import re
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import get_locale
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response

from cardiac.apart import Busy
from cardiac.errors import CardiacError, RecordError
from cardiac.files import given_files
from tasks.beats.apart import read_apart
from tasks.beats.site_words_ru import RUSSIAN, SENTENCES

TITLE = "Heartbeats"
TITLES = {"ru": "Сокращения сердца"}
MOST_BYTES = {"send": 64 * 2**20}  # a day of two leads at 128 Hz has 33 MB
MOST_FILES = 10
FS_RANGE_HZ = (100.0, 10_000.0)  # as the readers take it
KEPT = ("record", "duration_s", "beats", "runs", "files")  # of the answer, by the page's scripts
NAMES = {
    "N": "normal, or conducted as usual for this heart",
    "S": "supraventricular, early",
    "V": "ventricular",
    "F": "fusion of a ventricular and a normal beat",
    "Q": "paced, or not to be told",
}
KINDS = {"couplets": "Couplets", "runs": "Runs of three and more", "bigeminy": "Bigeminy", "trigeminy": "Trigeminy"}
blueprint = Blueprint("beats", __name__, template_folder="templates", static_folder="static")


def word(text: str, **values: Any) -> str:
    """A text of this page in its language, with its names filled in."""
    told = RUSSIAN.get(text, text) if _is_russian() else text
    return told % values if values else told


def sentence(text: str) -> str:
    """A sentence of the detector, or of what reads for it, in the page's language; as it is where it is not known."""
    for pattern, russian in SENTENCES if _is_russian() else ():
        if re.fullmatch(pattern, text):
            return re.sub(pattern, russian, text)
    return text


def is_foreign(text: str) -> bool:
    """Whether a sentence, as it came, stands in English on a Russian page."""
    return _is_russian() and text not in RUSSIAN.values() and sentence(text) == text


def _is_russian() -> bool:
    return str(get_locale()).startswith("ru")


@blueprint.get("/")
def index() -> str:
    return _page()


@blueprint.get("/read")
def again() -> Response:
    """Of a page that a form gave, asked for once more: the answer is gone."""
    return redirect(url_for("beats.index"))


@blueprint.post("/read")
def send() -> Any:
    try:
        answer = read_files(request.files.getlist("file"), _rate(request.form.get("fs_hz", "")))
    except Busy as error:
        return _page(error=str(error)), 503
    except CardiacError as error:
        return _page(error=str(error)), 422
    return _page(answer=answer)


def read_files(files: list[FileStorage], fs_hz: float | None) -> dict[str, Any]:
    """The answer for the recording in what was sent, which is gone when this ends. Raises RecordError, Busy."""
    files = [each for each in files if each.filename]
    if not files:
        raise RecordError(word("Choose a recording first."))
    if len(files) > MOST_FILES:
        raise RecordError(word("These are too many files: send one recording."))
    with given_files(files, "beats", word("Two files have one name: send one recording.")) as folder:
        return read_apart(folder, fs_hz)


def _rate(text: str) -> float | None:
    """Raises RecordError."""
    if not text.strip():
        return None
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not FS_RANGE_HZ[0] <= rate <= FS_RANGE_HZ[1]:
        raise RecordError(word("The sampling rate is a number from 100 to 10,000 Hz."))
    return rate


def _page(answer: dict[str, Any] | None = None, error: str = "") -> str:
    return render_template(
        "beats/beats.html",
        w=word,
        sentence=sentence,
        is_foreign=is_foreign,
        answer=answer,
        data=answer and {**answer["shown"], **{key: answer[key] for key in KEPT}},
        facts=facts(answer["summary"]) if answer else [],
        number=number,
        time=time,
        error=error,
        most_bytes=MOST_BYTES["send"],
        names=NAMES,
    )


def number(value: float | None, digits: int = 0) -> str:
    """A number in the page's language."""
    if value is None:
        return "–"
    told = f"{value:,.{digits}f}"
    return told.replace(",", "\u202f").replace(".", ",") if _is_russian() else told


def time(seconds: float) -> str:
    """A time of a recording, or how long it is: h:mm:ss."""
    return f"{seconds // 3600:.0f}:{seconds // 60 % 60:02.0f}:{seconds // 1 % 60:02.0f}"


def facts(summary: dict[str, Any]) -> list[tuple[str, str]]:
    """What the beats come to beside their counts: titles and texts."""
    rate, both = summary["rate_bpm"], "V %(V)s, S %(S)s"
    told = [
        (word("Heart rate, mean"), word("%(n)s per minute", n=number(rate["mean"])) if rate["mean"] else "–"),
        (word("Slowest and fastest minute"), f"{number(rate['min'])} – {number(rate['max'])}" if rate["min"] else "–"),
        (word("Longest RR"), _at(summary["longest_rr_s"], summary["longest_rr_at_s"])),
        (word("Pauses over 2 s"), number(summary["pauses"])),
    ]
    return told + [
        (word(title), both % {beat: number(summary[kind][beat]) for beat in "SV"}) for kind, title in KINDS.items()
    ]


def _at(length_s: float | None, at_s: float | None) -> str:
    if length_s is None or at_s is None:
        return "–"
    return word("%(length)s s at %(time)s", length=number(length_s, 2), time=time(at_s))
