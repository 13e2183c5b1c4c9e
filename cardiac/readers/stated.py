"""What a file says of its sampling rate: in lines, in keys with values, in columns; understood, or said to be in doubt.

The default rate holds only for a file that says nothing about time. What speaks of rate, frequency, interval or time and
is not understood, and two statements that disagree, leave the rate open with the words that are in doubt.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cardiac.readers.raw import FS_RANGE_HZ, Note
from cardiac.readers.units import TIME_UNITS, UNKNOWN_TIME_UNITS, folded, numbers_of

AGREE = 0.01  # of each other: so far may two statements of one rate be apart
SURE_FROM_HZ = 250.0  # a bare "rate" or "frequency" may be the heart's, up to here
DURATION_AGREES = 0.005
USUAL_HZ = (100, 125, 128, 180, 200, 240, 250, 256, 257, 300, 360, 400, 480, 500, 512, 600, 720, 750, 800, 960, 1000, 1024,
            1200, 1250, 1500, 2000, 2048, 2400, 2500, 4000, 4096, 5000, 8000, 8192, 10000)  # fmt: skip
LONGEST_LINE = 2_000  # letters of a line that are looked at

_NUMBER = r"(?<![\w.,:/-])(?:\d{1,3}(?:[ ,.'’]\d{3})+(?![\d])(?:[.,]\d+)?|\d+(?:[.,]\d+)?(?:e[-+]?\d+)?|[.,]\d+)(?![:\d]|[-/.]\d)"
_TIME_UNIT = "|".join(sorted(map(re.escape, TIME_UNITS), key=len, reverse=True))
_PER_SECOND = (
    r"(?:samples?|samp|smp|points?|pts|abtastwerte|abtastungen|messwerte|echantillons|muestras|amostras|campioni|"
    r"отсчет\w*|s)?\s*(?:/|per|pro|par|por|al|в)\s*(?:s|sec|second|sekunde|seconde|segundo|secondo|с|сек|секунду)\b"
)
_RATE_UNIT = re.compile(
    rf"\s*[\])]?\s*(?:(k)?(?:hz|hertz|гц|赫兹|赫|ヘルツ|헤르츠)(?!\w)|(к)гц(?!\w)|(k)?sps\b|{_PER_SECOND})"
)
_INTERVAL_UNIT = re.compile(rf"\s*[\])]?\s*({_TIME_UNIT})(?!\w)")
_BESIDE = r"[(\[,]\s*{0}(?!\w)|(?<!\w)in {0}(?!\w)|(?<!\w){0}\s*[\])]|\s{0}\s*[:=]"  # a unit of one letter
_ONE_OF_TWO = re.compile(r"\d\s*(?:or|oder|ou|o|или|to|bis|/|-)\s*\d+\s*k?(?:hz|гц)")
_PER_SAMPLE = re.compile(r"\s*(?:/|per|pro|par|por|na|je)\s*(?:sample|abtast|point|echantillon|muestra|amostra|отсчет)")
_SAMPLING = (
    r"sampl\w*|abgetast\w*|abtast\w*|echantillon\w*|muestre\w*|amostra\w*|campionam\w*|дискрет\w*|probkow\w*|vzorkov\w*|"
    r"ornekleme\w*|bemonster\w*|punktprov\w*|mintavetel\w*|nayttee\w*|digiti[sz]\w*|采样\w*|取样\w*|抽样\w*|サンプリング\w*|"
    r"標本\w*|샘플링\w*|표본\w*|acquisition|acq|a/?d|adc|daq|scan|erfassungs\w*|aufnahme\w*"
)
_RATE_WORD = (
    r"rate|raten?|\w*frequen\w*|freqs?|frecuencia|frequencia|frequenza|\w*frekven\w*|frekans\w*|czestotliwosc|taajuus|"
    r"частот\w*|taux|tasa|taxa|频率|頻率|周波数|レート|주파수|hz|\w*rate"
)
_FS = r"fs|f s|fsamp|f samp|f sample|sf|sr|srate|s rate|sfreq|s freq|sps|fe|fa|fm|f abtast|samp freq|samprate|samp rate"
_INTERVAL_WORD = (
    r"\w*interval\w*|\w*period\w*|every|alle|toutes|cada|каждые|dt|delta ?t|δt|d t|\w*time ?step|step|\w*schritt\w*|increment\w*|\w*abstand|tick\w*|"
    r"pas de temps|paso|passo|shag|шаг\w*|период\w*|интервал\w*|间隔|間隔|周期|ts|t s|time base|zeitbasis|resolution time"
)
_IS_SAMPLING = re.compile(rf"(?<!\w)(?:{_SAMPLING})(?!\w)")
_IS_FS = re.compile(rf"(?<!\w)(?:{_FS})(?!\w)")
_IS_RATE = re.compile(rf"(?<!\w)(?:{_RATE_WORD})(?!\w)")
_IS_INTERVAL = re.compile(rf"(?<!\w)(?:{_INTERVAL_WORD})(?!\w)")
_IS_CJK_SAMPLING = re.compile(r"采样|取样|抽样|サンプリング|샘플링")
_IS_DURATION = re.compile(
    r"duration|dauer|duree|duracion|duracao|durata|длительность|продолжительность|时长|recording time|record length|"
    r"length of record|total time|aufzeichnungszeit|messzeit|record time|(?<!\w)length(?!\w)"
)
# Rates, intervals and times of other things than samples.
_OTHERS = re.compile(
    r"heart|pulse|puls\b|herz|cardia|ventric|atrial|vorhof|kammer|resp|atem|breath|bpm|beats|/\s*min|per min|pro minute|чсс|"
    r"filt|pass\b|notch|cut ?off|bandw|band\b|mains|netz|(?<!\w)(?:low|high|lo|hi|lp|hp|lpf|hpf|ac|lowcut|highcut)(?!\w)|"
    r"baud|bit ?rate|paper|papier|speed|vorschub|mm/s|(?<!\w)(?:qt\w?|pr|pq|qrs|rr|st|tp|p|t) ?(?:dur\w*|int\w*|axis|time)|"
    r"(?<!\w)(?:qtc?|pr|pq|qrs|rr|hr|vr|qtcb|qtcf)(?!\w)|zone|refresh|frame ?rate|display|birth|geb|shutter|screen|"
    r"sensitivity|gain|count|number of|anzahl|nombre d|numero d|n ?samples|samples? ?(?:per|/) ?(?:channel|lead|block|frame|record)|"
    r"period of|observation|reporting|study|sample ?(?:size|bits?|format|type|number|no|resolution|depth|count)s?\b|bits?\b|fallback|delay|latency|"
    r"samples exported|record(?:ing)? ?(?:id|number|no|date)|sampled? (?:by|on)|error rate|"
    r"(?<!\w)(?:start|end|stop|begin\w*|anfang|ende|debut|fin|inicio|начало|конец)(?!\w)"
)
_CLOCK_OR_DATE = re.compile(
    r"\d{1,2}:\d{2}|\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|(?<!\d)(?:19|20)\d{6}(?!\d)"
)
_CELLS = r"[;|\t]+|,(?!\d)|(?<!\d),|\s{3,}"


@dataclass(frozen=True)
class Statement:
    """Something said of the rate. told : where, as a sentence's subject ("its line 'fs: 250'").  fs_hz : None in doubt.

    seconds : of the recording, where that is what was said; n samples in it give a rate.
    """

    told: str
    fs_hz: float | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Rate:
    """What all statements give together. doubt : why the rate is open though something was said of it."""

    fs_hz: float | None = None
    doubt: str | None = None
    notes: tuple[Note, ...] = ()


def in_range(fs_hz: float) -> bool:
    """Whether an ECG may be sampled so."""
    return FS_RANGE_HZ[0] * (1 - 1e-9) <= fs_hz <= FS_RANGE_HZ[1] * (1 + 1e-9)


def rate_of_step(step: float, unit_s: float | None = None) -> float | None:
    """The one rate that a step between samples can mean; of an unknown unit that is any unit of time which fits alone."""
    rates = [1 / (step * unit) for unit in ((unit_s,) if unit_s else UNKNOWN_TIME_UNITS) if step > 0]
    fitting = [rate for rate in rates if in_range(rate)]
    return rounded(fitting[0]) if len(fitting) == 1 else None


def rounded(fs_hz: float, tolerance: float = 1e-4) -> float:
    """The whole number that a rate is within the tolerance (a share), or the rate."""
    whole = round(fs_hz)
    return float(whole) if abs(fs_hz - whole) <= tolerance * fs_hz else fs_hz


def settle_rate(statements: Iterable[Statement], n_samples: int) -> Rate:
    """One rate from everything that was said, or the doubt that is left."""
    statements = [_by_duration(each, n_samples) for each in statements]
    known = [each for each in statements if each.fs_hz]
    exact = [each for each in known if each.seconds is None] or known
    if not known:
        doubts = [each.told for each in statements]
        return Rate(doubt=f"{doubts[0]} speaks of time and was not understood") if doubts else Rate()
    first = exact[0]
    for other in known:
        apart = abs(other.fs_hz / first.fs_hz - 1)
        if other.seconds is not None and not 0.2 < other.fs_hz / first.fs_hz < 5:
            continue  # the duration of a whole of which this is a part
        if apart > (AGREE if other.seconds is None else 0.05):
            return Rate(
                doubt=f"{first.told} says {first.fs_hz:g} Hz and {other.told} {other.fs_hz:g} Hz, which disagree"
            )
    return Rate(first.fs_hz, None, (Note("info", f"{first.told} says {first.fs_hz:g} Hz"),))


def _by_duration(each: Statement, n_samples: int) -> Statement:
    if each.seconds is None:
        return each
    rate = n_samples / each.seconds if each.seconds > 0 else 0.0
    near = min(USUAL_HZ, key=lambda usual: abs(rate / usual - 1))
    is_usual = abs(rate / near - 1) <= DURATION_AGREES
    return Statement(each.told, float(near) if is_usual else None, each.seconds)


def statements_in(lines: Sequence[str]) -> list[Statement]:
    """What lines of text say of the rate; a key alone on its line may have its value on the next."""
    found = []
    for place, line in enumerate(lines):
        if not re.search(r"[^\W\d_]", line[:LONGEST_LINE]):
            continue
        below = lines[place + 1] if place + 1 < len(lines) else ""
        for clause in _clauses(line, below):
            found += _statements(clause)
    return _once(found)


def statements_of(pairs: Mapping[str, Any]) -> list[Statement]:
    """What keys with values (numbers, texts, bytes, arrays of them) say of the rate."""
    found = []
    for key, value in pairs.items():
        values = {_as_text(each) for each in np.asarray(value).ravel()[:1_000]}
        if len(values) == 1:
            found += _statements(f"{key}: {values.pop()}", f"its entry {key!r}")
        elif _statements(f"{key}: 500"):
            found.append(Statement(f"its entry {key!r}"))
    return _once(found)


def _as_text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip("\0 ")
    return f"{float(value):.12g}" if isinstance(value, int | float | np.number) else str(value)


def _once(found: list[Statement]) -> list[Statement]:
    seen: dict[tuple[float | None, float | None], Statement] = {}
    for each in found:
        seen.setdefault((each.fs_hz, each.seconds), each)
    return list(seen.values())


def _clauses(line: str, below: str) -> list[str]:
    """The line cut where one statement ends and another begins; a value, or a unit, in the next cell stays with its key."""
    cells = [cell.strip(" #\"'") for cell in re.split(_CELLS, line[:LONGEST_LINE])]
    cells = [cell for cell in cells if cell]
    parted = [re.split(pattern, below[:LONGEST_LINE].strip()) for pattern in (_CELLS, ",")]
    under = [cell.strip(" #\"'") for cell in next((each for each in parted if len(each) == len(cells)), [])]
    joined: list[str] = []
    for cell in cells:
        is_value = bool(joined) and not re.search(r"\d", joined[-1]) and re.match(r"[:=]?\s*[\d.,]", cell) is not None
        continues = is_value or (bool(joined) and _is_unit(cell) and joined[-1][-1:].isdigit())
        joined[len(joined) - continues :] = [f"{joined[-1]} {cell}"] if continues else [cell]
    if len(joined) == len(cells) and not any(re.search(r"\d", cell) for cell in cells) and len(under) == len(cells):
        return [f"{key} {value}" for key, value in zip(cells, under, strict=True)]
    return joined


def _is_unit(cell: str) -> bool:
    text = folded(cell)
    return bool(_RATE_UNIT.fullmatch(text) or _INTERVAL_UNIT.fullmatch(text))


def _statements(clause: str, told: str | None = None) -> list[Statement]:
    """What one clause says: nothing, a rate, a duration, or something in doubt."""
    text = folded(clause)
    told = told or f"its line {clause.strip()[:60]!r}"
    per_sample = _values(text, _INTERVAL_UNIT, _PER_SAMPLE)
    if per_sample:
        return [Statement(told, rate_of_step(per_sample[0]))]
    is_sampling = bool(_IS_SAMPLING.search(text) or _IS_CJK_SAMPLING.search(text))
    is_fs = bool(_IS_FS.search(text))
    hertz = {value for value in _values(text, _RATE_UNIT) if in_range(value)}
    is_sure = is_sampling and (hertz or (re.search(r"rate|freq|interval|period", text) and " bit" not in text))
    if _OTHERS.search(text) and not is_sure:
        return []
    if _CLOCK_OR_DATE.search(text):
        return []
    if _IS_DURATION.search(text) and not is_sampling:
        seconds = _values(text, _INTERVAL_UNIT)
        return [Statement(told, None, seconds[0])] if len(seconds) == 1 and seconds[0] >= 1 else []
    is_interval, is_rate = bool(_IS_INTERVAL.search(text)), bool(_IS_RATE.search(text))
    if not (is_sampling or is_fs or is_interval or is_rate):
        words = re.findall(r"[^\W\d]+", text)
        bare = set(words) - set(
            "ecg ekg экг lead leads at signal data with channel channels khz hz hertz sps s".split()
        )
        return [Statement(told, hertz.pop() if len(hertz) == 1 and not bare else None)] if hertz else []
    return [Statement(told, _understood(text, hertz, is_sampling or is_fs, is_interval))] if _says(text) else []


def _says(text: str) -> bool:
    """Whether there is more than a word that has to do with sampling, "samples" say."""
    is_plain = re.fullmatch(
        r"\W*(?:samples?|data|sampled data|acquisition|aufnahme|step|scan|a/?d|adc)\W*[\d\s.,]*", text
    )
    return not is_plain and bool(
        re.search(r"\d", text) or _IS_RATE.search(text) or _IS_INTERVAL.search(text) or _IS_FS.search(text)
    )


def _understood(text: str, hertz: set[float], is_sampling: bool, is_interval: bool) -> float | None:
    """The rate that a clause states, or None where it can be read in several ways or in none."""
    if hertz:
        return rounded(hertz.pop()) if len(hertz) == 1 and not _ONE_OF_TWO.search(text) else None
    if _values(text, _RATE_UNIT):
        return None  # a rate that no ECG has
    if intervals := _values(text, _INTERVAL_UNIT):
        steps = {rate_of_step(step, 1.0) for step in intervals}
        return steps.pop() if len(steps) == 1 else None
    if fraction := re.search(rf"1\s*/\s*(\d+)\s*(?:{_TIME_UNIT})?(?!\w)", text):
        return float(fraction[1]) if in_range(float(fraction[1])) else None
    numbers = [value for each in re.findall(_NUMBER, text) for value in numbers_of(each)]
    unit = None if re.search(rf"(?<!\w)(?:{_FS})(?!\w)", text) else _unit_named(text)
    if is_interval and not re.search(r"rate|freq|hz", text):
        is_plain = re.fullmatch(rf"\W*(?:{_INTERVAL_WORD})\W*{_NUMBER}\W*", text)
        fitting = (
            {rate for number in numbers if (rate := rate_of_step(number, unit))}
            if is_plain or unit or is_sampling
            else set()
        )
    elif unit:
        fitting = {rate for number in numbers if (rate := rate_of_step(number, unit))}
    else:
        factor = 1_000 if re.search(r"(?<!\w)k ?hz", text) else 1
        least = FS_RANGE_HZ[0] if is_sampling or "hz" in text else SURE_FROM_HZ
        fitting = {number * factor for number in numbers if in_range(number * factor) and number * factor >= least}
    return rounded(fitting.pop()) if len(fitting) == 1 else None


def _values(text: str, unit: re.Pattern[str], then: re.Pattern[str] | None = None) -> list[float]:
    """Numbers with a unit right behind them, in Hz or in seconds."""
    found = []
    for number in re.finditer(_NUMBER, text):
        match = unit.match(text, number.end())
        if match and (then is None or then.match(text, match.end())):
            factor = TIME_UNITS[match[1]] if unit is _INTERVAL_UNIT else 1_000.0 if any(match.groups()) else 1.0
            values = [value * factor for value in numbers_of(number[0])]
            fitting = [
                value for value in values if in_range(value if unit is _RATE_UNIT else 1 / value if value else 0)
            ]
            found += fitting if len(values) > 1 and fitting else values[:1]
    return found


def _unit_named(text: str) -> float | None:
    """A unit of time that the key names: "interval (ms): 4", "period_us = 4000"."""
    text = re.sub(rf"(?<!\w)t s(?!\w)|{_PER_SECOND}", " ", text)
    named = re.findall(rf"(?<![\w.])({_TIME_UNIT})(?!\w)", text)
    units = {TIME_UNITS[each] for each in named if len(each) > 1 or re.search(_BESIDE.format(each), text)}
    return units.pop() if len(units) == 1 else None
