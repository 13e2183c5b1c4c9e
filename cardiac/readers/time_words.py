"""The words and units by which programs of many countries speak of sampling rates, intervals and other times."""

import re

from cardiac.readers.units import TIME_UNITS

NUMBER = r"(?<![\w.,:/-])(?:\d{1,3}(?:[ ,.'’]\d{3})+(?![\d])(?:[.,]\d+)?|\d+(?:[.,]\d+)?(?:e[-+]?\d+)?|[.,]\d+)(?![:\d]|[-/.]\d)"
TIME_UNIT = "|".join(sorted(map(re.escape, TIME_UNITS), key=len, reverse=True))
PER_SECOND = (
    r"(?:samples?|samp|smp|points?|pts|abtastwerte|abtastungen|messwerte|echantillons|muestras|amostras|campioni|"
    r"отсчет\w*|s)?\s*(?:/|per|pro|par|por|al|в)\s*(?:s|sec|second|sekunde|seconde|segundo|secondo|с|сек|секунду)\b"
)
RATE_UNIT = re.compile(
    rf"\s*[\])]?\s*(?:(k)?(?:hz|hertz|гц|赫兹|赫|ヘルツ|헤르츠)(?!\w)|(к)гц(?!\w)|(k)?sps\b|{PER_SECOND})"
)
INTERVAL_UNIT = re.compile(rf"\s*[\])]?\s*({TIME_UNIT})(?!\w)")
BESIDE = r"[(\[,]\s*{0}(?!\w)|(?<!\w)in {0}(?!\w)|(?<!\w){0}\s*[\])]|\s{0}\s*[:=]"  # a unit of one letter
ONE_OF_TWO = re.compile(r"\d\s*(?:or|oder|ou|o|или|to|bis|/|-)\s*\d+\s*k?(?:hz|гц)")
PER_SAMPLE = re.compile(r"\s*(?:/|per|pro|par|por|na|je)\s*(?:sample|abtast|point|echantillon|muestra|amostra|отсчет)")
SAMPLING = (
    r"sampl\w*|abgetast\w*|abtast\w*|echantillon\w*|muestre\w*|amostra\w*|campionam\w*|дискрет\w*|probkow\w*|vzorkov\w*|"
    r"ornekleme\w*|bemonster\w*|punktprov\w*|mintavetel\w*|nayttee\w*|digiti[sz]\w*|采样\w*|取样\w*|抽样\w*|サンプリング\w*|"
    r"標本\w*|샘플링\w*|표본\w*|acquisition|acq|a/?d|adc|daq|scan|erfassungs\w*|aufnahme\w*"
)
RATE_WORD = (
    r"rate|raten?|\w*frequen\w*|freqs?|frecuencia|frequencia|frequenza|\w*frekven\w*|frekans\w*|czestotliwosc|taajuus|"
    r"частот\w*|taux|tasa|taxa|频率|頻率|周波数|レート|주파수|hz|\w*rate"
)
FS = r"fs|f s|fsamp|f samp|f sample|sf|sr|srate|s rate|sfreq|s freq|sps|fe|fa|fm|f abtast|samp freq|samprate|samp rate"
INTERVAL_WORD = (
    r"\w*interval\w*|\w*period\w*|every|alle|toutes|cada|каждые|dt|delta ?t|δt|d t|\w*time ?step|step|\w*schritt\w*|increment\w*|"
    r"\w*abstand|tick\w*|"
    r"pas de temps|paso|passo|shag|шаг\w*|период\w*|интервал\w*|间隔|間隔|周期|ts|t s|time base|zeitbasis|resolution time"
)
IS_SAMPLING = re.compile(rf"(?<!\w)(?:{SAMPLING})(?!\w)")
IS_FS = re.compile(rf"(?<!\w)(?:{FS})(?!\w)")
IS_RATE = re.compile(rf"(?<!\w)(?:{RATE_WORD})(?!\w)")
IS_INTERVAL = re.compile(rf"(?<!\w)(?:{INTERVAL_WORD})(?!\w)")
IS_CJK_SAMPLING = re.compile(r"采样|取样|抽样|サンプリング|샘플링")
IS_DURATION = re.compile(
    r"duration|dauer|duree|duracion|duracao|durata|длительность|продолжительность|时长|recording time|record length|"
    r"length of record|total time|aufzeichnungszeit|messzeit|record time|(?<!\w)length(?!\w)"
)
# Rates, intervals and times of other things than samples.
OTHERS = re.compile(
    r"heart|pulse|puls\b|herz|cardia|ventric|atrial|vorhof|kammer|resp|atem|breath|bpm|beats|/\s*min|per min|pro minute|чсс|"
    r"filt|pass\b|notch|cut ?off|bandw|band\b|mains|netz|(?<!\w)(?:low|high|lo|hi|lp|hp|lpf|hpf|ac|lowcut|highcut)(?!\w)|"
    r"baud|bit ?rate|paper|papier|speed|vorschub|mm/s|(?<!\w)(?:qt\w?|pr|pq|qrs|rr|st|tp|p|t) ?(?:dur\w*|int\w*|axis|time)|"
    r"(?<!\w)(?:qtc?|pr|pq|qrs|rr|hr|vr|qtcb|qtcf)(?!\w)|zone|refresh|frame ?rate|display|birth|geb|shutter|screen|"
    r"sensitivity|gain|count|number of|anzahl|nombre d|numero d|n ?samples|"
    r"samples? ?(?:per|/) ?(?:channel|lead|block|frame|record)|"
    r"period of|observation|reporting|study|sample ?(?:size|bits?|format|type|number|no|resolution|depth|count)s?\b|"
    r"bits?\b|fallback|delay|latency|"
    r"samples exported|record(?:ing)? ?(?:id|number|no|date)|sampled? (?:by|on)|error rate|"
    r"(?<!\w)(?:start|end|stop|begin\w*|anfang|ende|debut|fin|inicio|начало|конец)(?!\w)"
)
CLOCK_OR_DATE = re.compile(
    r"\d{1,2}:\d{2}|\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|(?<!\d)(?:19|20)\d{6}(?!\d)"
)
CELLS = r"[;|\t]+|,(?!\d)|(?<!\d),|\s{3,}"
