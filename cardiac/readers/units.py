"""Units of voltage and of time, as programs of many countries write them."""

import re
import unicodedata

_VOLTS = {
    "mv": 1.0, "mvolt": 1.0, "mvolts": 1.0, "millivolt": 1.0, "millivolts": 1.0, "мв": 1.0, "милливольт": 1.0, "毫伏": 1.0,
    "uv": 1e-3, "μv": 1e-3, "mcv": 1e-3, "uvolt": 1e-3, "uvolts": 1e-3, "microvolt": 1e-3, "microvolts": 1e-3,
    "mikrovolt": 1e-3, "мкв": 1e-3, "микровольт": 1e-3, "微伏": 1e-3,
    "v": 1e3, "volt": 1e3, "volts": 1e3, "в": 1e3, "вольт": 1e3,
    "microv": 1e-3, "mikrov": 1e-3, "milliv": 1.0, "nanov": 1e-6, "nvolt": 1e-6, "nvolts": 1e-6, "μvolt": 1e-3, "μvolts": 1e-3,
    "mcvolt": 1e-3, "mikrovolts": 1e-3, "микров": 1e-3, "миллив": 1.0, "вольта": 1e3,
    "nv": 1e-6, "nanovolt": 1e-6, "nanovolts": 1e-6, "нв": 1e-6,
}  # fmt: skip
_SECONDS = {
    1.0: "s sec secs second seconds sekunde sekunden sek seg segs segundo segundos seconde secondes secondo secondi sn "
    "saniye с сек секунда секунды секунд 秒 초 secs. sekund sekundy",
    1e-3: "ms msec msecs millisec millisecs millisecond milliseconds millisekunde millisekunden milisegundo milisegundos "
    "milliseconde millisecondes millisecondi мс мсек миллисекунда миллисекунды миллисекунд 毫秒 ミリ秒 밀리초",
    1e-6: "us μs usec usecs microsec microsecs microsecond microseconds mikrosekunde mikrosekunden microsegundo "
    "microsegundos microseconde microsecondes мкс мксек микросекунда микросекунды 微秒 マイクロ秒",
    1e-9: "ns nsec nanosec nanosecond nanoseconds nanosekunde nanosekunden nanosegundos nanosecondes нс 纳秒",
    60.0: "min mins minute minutes minuten minuto minutos minuti мин минута минуты 分 分钟",
    3_600.0: "h hrs hour hours stunde stunden hora horas heure heures ora ore ч час часы 小时 時間(h)",
    86_400.0: "d day days tag tage jour jours dia dias день дни",
}
TIME_UNITS = {name: seconds for seconds, names in _SECONDS.items() for name in names.split()}
UNKNOWN_TIME_UNITS = (1.0, 1e-3, 1e-6, 1e-9, 60.0, 3_600.0, 86_400.0)
_STEP = re.compile(r"([\d.,]+(?:e[-+]?\d+)?)\s*[*x·]?\s*(\D+)")


def folded(text: str) -> str:
    """A text as it is searched: lower case, letters without accents, one kind of µ, spaces for underscores."""
    text = unicodedata.normalize("NFKC", text).casefold().replace("µ", "μ")
    kept = (letter for letter in unicodedata.normalize("NFD", text) if not unicodedata.combining(letter))
    return unicodedata.normalize("NFC", "".join(kept)).replace("_", " ").strip()


def mv_per_unit(unit: str) -> float | None:
    """Millivolts of a unit of voltage, also of a step of several ("2.5 uV"); None for any other text."""
    text = folded(unit).strip(" ()[]{}.'\"")
    if text in _VOLTS:
        return _VOLTS[text]
    step = _STEP.fullmatch(text)
    if step and (rest := _VOLTS.get(step[2].strip())):
        number = numbers_of(step[1])
        return number[0] * rest if len(number) == 1 and number[0] > 0 else None
    return None


def numbers_of(text: str) -> list[float]:
    """What a number may mean: one value, or two where a comma or point may part thousands ("1,000")."""
    text = re.sub(r"[\s'’]", "", text)
    if re.fullmatch(r"[1-9]\d{0,2}([.,])\d{3}", text):
        return [float(text.replace(",", ".")), float(re.sub(r"[.,]", "", text))]
    if re.fullmatch(
        r"[1-9]\d{0,2}(?:([.,])\d{3})(?:\1\d{3})*(?:(?!\1)[.,]\d+)?", text
    ):  # parted by one sign throughout
        sign = re.search(r"[.,]", text)[0]
        return [float(text.replace(sign, "").replace(",", "."))]
    try:
        return [float(text.replace(",", "."))]
    except ValueError:
        return []
