"""The page on which somebody has anomalies in RR intervals found, and looks at them. Nothing is stored.

What was sent lies in a folder of its own for as long as its request lasts; the answer is the page itself. Files are read, and
their intervals answered for, by another process (`tasks.rr.apart`).
"""

import math
import re
import tempfile
from pathlib import Path
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import get_locale
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response

from cardiac.apart import Busy
from cardiac.errors import CardiacError, RecordError
from cardiac.files import given_files
from tasks.rr.apart import read_apart
from tasks.rr.simulate import simulate_study
from tasks.rr.site_words_ru import RUSSIAN, SENTENCES

TITLE = "RR intervals"
TITLES = {"ru": "Интервалы RR"}
MOST_BYTES = {"send": 64 * 2**20}
MOST_FILES = 10
FS_RANGE_HZ = (100.0, 10_000.0)  # as the readers take it
SAMPLE, SAMPLE_SEEDS = "simulated.csv", (3, 8, 11)
blueprint = Blueprint("rr", __name__, template_folder="templates", static_folder="static")


def word(text: str, **values: Any) -> str:
    """A text of this page in its language, with its names filled in."""
    told = RUSSIAN.get(text, text) if _is_russian() else text
    return told % values if values else told


def sentence(text: str) -> str:
    """A sentence of what reads for the page, in the page's language; as it is where it is not known."""
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
    return redirect(url_for("rr.index"))


@blueprint.post("/read")
def send() -> Any:
    try:
        if request.form.get("sample"):
            return _page(answer=read_sample())
        answer = read_files(request.files.getlist("file"), _rate(request.form.get("fs_hz", "")))
    except Busy as error:
        return _page(error=str(error)), 503
    except CardiacError as error:
        return _page(error=str(error)), 422
    return _page(answer=answer)


def read_sample() -> dict[str, Any]:
    """The answer for made-up studies, which are named so. Raises Busy."""
    with tempfile.TemporaryDirectory(prefix="rr-") as made:
        given = Path(made) / "given"
        given.mkdir()
        (given / SAMPLE).write_text(sample_table(), encoding="ascii")
        return read_apart(Path(made))


def sample_table() -> str:
    """Made-up studies as the case's CSV."""
    lines = ["id,time,x"]
    for study in map(simulate_study, SAMPLE_SEEDS):
        pairs = zip(study.time_ms.tolist(), study.intervals_ms.tolist(), strict=True)
        lines += [f"{study.record_id},{time},{interval}" for time, interval in pairs]
    return "\n".join([*lines, ""])


def read_files(files: list[FileStorage], fs_hz: float | None) -> dict[str, Any]:
    """The answer for what was sent, which is gone when this ends. Raises RecordError, Busy."""
    files = [each for each in files if each.filename]
    if not files:
        raise RecordError(word("Choose a file first."))
    if len(files) > MOST_FILES:
        raise RecordError(word("These are too many files: send fewer at once."))
    with given_files(files, "rr", word("Two files have one name: rename one of them.")) as folder:
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
    for study in answer["studies"] if answer else ():
        study["notes"] = [{"text": sentence(each), "lang": "en" if is_foreign(each) else ""} for each in study["notes"]]
    return render_template(
        "rr/rr.html",
        w=word,
        sentence=sentence,
        is_foreign=is_foreign,
        answer=answer,
        error=error,
        most_bytes=MOST_BYTES["send"],
        is_sample=bool(answer) and answer["source"] == SAMPLE,
    )
