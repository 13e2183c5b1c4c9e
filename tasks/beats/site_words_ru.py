"""The texts of the page in Russian, by those in English: a task brings its own, and its folder takes them with it."""

RUSSIAN = {
    ".": ",",
    "Beats: %(n)s": "Сокращений: %(n)s",
    "Being read; a recording of a day takes a minute or two.": "Запись читается; суточная занимает минуту-две.",
    "Bigeminy": "Бигеминия",
    "Choose a recording first.": "Сначала выберите запись.",
    "Choose files": "Выбрать файлы",
    "Class": "Класс",
    "Counts and burden": "Число и доля",
    "Couplets": "Парные",
    "Drag it here, or choose it.": "Перетащите её сюда или выберите.",
    "Duration: %(time)s": "Длительность: %(time)s",
    "Earlier": "Раньше",
    "Every beat of a recording: normal, supraventricular, ventricular, fusion or not to be told. One lead or two are looked at, "
    "of more the best two.": (
        "Каждое сокращение записи: нормальное, наджелудочковое, желудочковое, сливное или неопределимое. Смотрятся одно или "
        "два отведения, из большего числа – два лучших."
    ),
    "Files": "Файлы",
    "Find the beats": "Найти сокращения",
    "For research; not a medical device.": "Для исследований; не медицинское изделие.",
    "From the other end again.": "Снова с другого конца.",
    "Gain": "Усиление",
    "Heart rate, mean": "Средняя ЧСС",
    "Heartbeats": "Сокращения сердца",
    "Histogram of {n} intervals from {from} to {to} s; the median is {median} s.": (
        "Гистограмма интервалов ({n}) от {from} до {to} с; медиана {median} с."
    ),
    "How often each interval occurs, by the class of the beat that ends it.": (
        "Как часто встречается каждый интервал, по классу сокращения в его конце."
    ),
    "Keys: V, S and R to the next ventricular beat, supraventricular beat or run, with Shift to the one before; [ and ] "
    "earlier and later.": (
        "Клавиши: V, S и R – к следующему желудочковому, наджелудочковому сокращению или к следующей пробежке, с Shift – к "
        "предыдущим; [ и ] – раньше и позже."
    ),
    "Larger": "Крупнее",
    "Later": "Позже",
    "Leads: %(leads)s": "Отведения: %(leads)s",
    "Longest RR": "Наибольший RR",
    "Next: %(kind)s": "Следующее: %(kind)s",
    "Nothing is stored: the recording is gone from the server when it has been read, and the answer when this page is left "
    "or loaded again.": (
        "Ничего не сохраняется: запись удаляется с сервера, как только прочитана, а ответ исчезает, когда эту страницу "
        "закрывают или загружают заново."
    ),
    "Number": "Число",
    "Of all": "Доля",
    "One recording of any length up to a day": "Одна запись любой длительности до суток",
    "Outside of the axes: {n}.": "За пределами осей: {n}.",
    "Pauses over 2 s": "Паузы дольше 2 с",
    "Poincaré plot: the interval before each beat, and the one after it.": (
        "Диаграмма Пуанкаре: интервал перед каждым сокращением и интервал после него."
    ),
    "Previous: %(kind)s": "Предыдущее: %(kind)s",
    "RR after, s": "RR после, с",
    "RR before, s": "RR перед, с",
    "RR intervals": "Интервалы RR",
    "RR, s": "RR, с",
    "Rate and rhythm": "Частота и ритм",
    "Recording": "Запись",
    "Run": "Пробежка",
    "Runs of three and more": "Пробежки из трёх и более",
    "Sampling rate of a file that states none, Hz": "Частота дискретизации, Гц, если в файле её нет",
    "Slowest and fastest minute": "Самая медленная и самая быстрая минута",
    "Smaller": "Мельче",
    "Speed": "Скорость",
    "Summary (beats.json)": "Сводка (beats.json)",
    "Table of beats (beats.csv)": "Таблица сокращений (beats.csv)",
    "The annotation file lies beside the recording's .hea; rdann -a beats and wfdb.rdann read it.": (
        "Файл аннотаций кладут рядом с .hea записи; его читают rdann -a beats и wfdb.rdann."
    ),
    "The longest runs": "Самые длинные пробежки",
    "The recording is long: of its leads the page shows %(leads)s alone.": (
        "Запись длинная: из её отведений страница показывает только %(leads)s."
    ),
    "The sampling rate is a number from 100 to 10,000 Hz.": "Частота дискретизации – число от 100 до 10 000 Гц.",
    "The server answered with error {status}: send it again.": "Сервер ответил ошибкой {status}: отправьте ещё раз.",
    "The server could not be reached: check the connection and send it again.": (
        "Сервер недоступен: проверьте соединение и отправьте ещё раз."
    ),
    "The tracing": "Кривая",
    "The tracing, the diagrams and the files need scripts, which this browser does not run.": (
        "Для кривой, диаграмм и файлов нужны скрипты, а этот браузер их не выполняет."
    ),
    "The tracing, to be scrolled": "Кривая, её можно прокручивать",
    "There is no S.": "Сокращений S нет.",
    "There is no V.": "Сокращений V нет.",
    "There is no run.": "Пробежек нет.",
    "These are too many files: send one recording.": "Файлов слишком много: отправьте одну запись.",
    "This has {size} MB; at most {most} MB are taken: send a part.": (
        "Здесь {size} МБ, а принимается не больше {most} МБ: отправьте часть."
    ),
    "Time": "Время",
    "Trigeminy": "Тригеминия",
    "True size": "Истинный размер",
    "WFDB (.hea and .dat together), EDF, DICOM, CSV, .npy and what else this site reads, or an archive with one recording; at "
    "most %(most)s MB.": (
        "WFDB (.hea и .dat вместе), EDF, DICOM, CSV, .npy и всё, что читает этот сайт, или архив с одной записью; не больше "
        "%(most)s МБ."
    ),
    "Two files have one name: send one recording.": "У двух файлов одно имя: отправьте одну запись.",
    "WFDB annotations (.beats)": "Аннотации WFDB (.beats)",
    "Your account may look at records, but not send a recording.": (
        "С вашей учётной записью можно смотреть записи, но не отправлять их."
    ),
    "Your session has ended: log in, and send it again.": "Сеанс завершён: войдите и отправьте ещё раз.",
    "Zoom": "Масштаб",
    "and {n} more, which R leads to": "и ещё {n}, к ним ведёт R",
    "beats": "число",
    "fusion of a ventricular and a normal beat": "слияние желудочко\u00adвого и нормального",
    "mm/mV": "мм/мВ",
    "mm/s": "мм/с",
    "normal, or conducted as usual for this heart": "нормальное или с обычным для этого сердца проведением",
    "paced, or not to be told": "от стимулятора или неопреде\u00adлимое",
    "s": "с",
    "supraventricular, early": "наджелудоч\u00adковое, преждевре\u00adменное",
    "ventricular": "желудочковое",
    "%(length)s s at %(time)s": "%(length)s с в %(time)s",
    "%(n)s per minute": "%(n)s в минуту",
    "{from} to {to}": "с {from} по {to}",
    "{leads} on paper, {speed} mm/s, {gain} mm/mV, {from} to {to}. Beats in order: {beats}.": (
        "{leads} на бумаге, {speed} мм/с, {gain} мм/мВ, с {from} по {to}. Сокращения по порядку: {beats}."
    ),
    "{letter} at {time}, beat {number} of {total}; RR before it {before} s; {percent} % sure": (
        "{letter} в {time}, сокращение {number} из {total}; RR перед ним {before} с; уверенность {percent} %"
    ),
    "{letter}: {n} beats from {time}, {rate} per minute": "{letter}: {n} подряд с {time}, {rate} в минуту",
    "{n} beats by the intervals before and after them.": "Сокращения ({n}) по интервалам до и после них.",
    "{names} ({size} MB)": "{names} ({size} МБ)",
}

# What is said of a recording, by patterns of what `tasks.beats` says.
SENTENCES = (
    (
        r"the rhythm is irregular for (\d+)% of the beats, .*",
        r"ритм нерегулярен на \1 % сокращений, как при фибрилляции предсердий: раннее ли сокращение, не понять, S сомнительны",
    ),
    (
        r"S are (\d+)% of the beats: they come early, .*",
        r"S — \1 % сокращений: они ранние и с другим зубцом P, чем поздние, как при пробежках предсердной тахикардии; если ритм "
        r"нерегулярен всюду, проверьте, нет ли фибрилляции предсердий",
    ),
    (
        r"the tracing is too poor for its beats to be trusted",
        "запись слишком плоха, чтобы доверять найденным сокращениям",
    ),
    (
        r"a pacemaker's impulses are seen: the classes of paced beats are not to be trusted",
        "видны импульсы стимулятора: классам навязанных сокращений доверять нельзя",
    ),
    (
        r"the beats are told from leads (.+) and (.+) of (.+), where QRS stand out well",
        r"сокращения определены по \1 и \2 из \3, где хорошо выделяется QRS",
    ),
    (
        r"the beats are told from (.+) of (.+), where QRS stand out well",
        r"сокращения определены по \1 из \2, где хорошо выделяется QRS",
    ),
    (
        r"left out, as without a signal for half the time or more: (.+)",
        r"без сигнала половину времени или дольше, не взяты: \1",
    ),
    (r"samples that are missing stand at 0 mV: (.+)", r"недостающие отсчёты стоят на 0 мВ: \1"),
    (
        r"no beats are found: (.+) s are too short, give (.+) s or more",
        r"сокращений не найдено: \1 с – слишком мало, нужно \2 с и больше",
    ),
    (
        r"no beats are found: it is no ECG, a heart without beats, or noise alone",
        "сокращений не найдено: это не ЭКГ, сердце без сокращений или один шум",
    ),
    (r"no beats are found: nothing stands out as a QRS does", "сокращений не найдено: ничто не выделяется, как QRS"),
    (r"no beats are found: (.+)", r"сокращений не найдено (\1)"),
    (r"no beats .+", "сокращений не видно: проверьте запись"),
    (r"other recordings are being read: .+", "читаются другие записи: отправьте эту через минуту"),
    (r"took longer than (.+) s to read: .+", r"чтение заняло больше \1 с: разделите запись на части"),
    (
        r"ended the program that read it \((.+)\): .+",
        r"программа чтения на ней завершилась (\1): запись повреждена или слишком велика, экспортируйте её заново",
    ),
    (r"(\d+) recordings were sent: .+", r"отправлено записей: \1; отправляйте по одной"),
    (
        r"no recording was among the files: .+",
        "среди файлов нет записи: отправьте .hea вместе с .dat, EDF, CSV или .npy",
    ),
    (
        r"(.+): is longer than a page shows \((.+) h\): use (.+)",
        r"\1: длиннее, чем показывает страница (\2 ч): возьмите \3",
    ),
    (r"does not fit into memory: .+", "не помещается в память: разделите запись на части"),
    # What the readers refuse most often; what is rarer stands there in English.
    (r"(.+?): is empty: .+", r"\1: файл пуст, экспортируйте запись заново"),
    (
        r"(.+?): the file states no sampling rate: .+",
        r"\1: частота дискретизации в файле не указана, впишите её в форму",
    ),
    (
        r"(.+?): a sampling rate of (.+) Hz is outside (.+) to (.+) Hz: .+",
        r"\1: частота дискретизации \2 Гц вне пределов от \3 до \4 Гц, впишите верную",
    ),
    (
        r"(.+?): (\d+) samples are NaN or infinite, the first in lead (.+) at sample (\d+): .+",
        r"\1: не хватает отсчётов (\2), первый – в отведении \3, отсчёт \4; экспортируйте запись без пропусков",
    ),
    (
        r"(.+?): its signal file (.+) is missing: .+",
        r"\1: нет файла сигнала \2, отправьте оба вместе",
    ),
    (
        r"(.+?): is a signal file without its header (.+): .+",
        r"\1: это файл сигнала без заголовка \2, отправьте оба вместе",
    ),
    (
        r"(.+?): is a picture or PDF, .+",
        r"\1: это изображение или PDF, а читаются только отсчёты; экспортируйте данные записи",
    ),
    (
        r"(.+?): holds no rows of numbers: .+",
        r"\1: нет строк с числами, сохраните отсчёты таблицей, по столбцу на отведение",
    ),
    (
        r"(.+?): is a damaged zip file .+",
        r"\1: архив повреждён, скопируйте его заново",
    ),
    (r"(.+?): is encrypted: .+", r"\1: архив зашифрован, упакуйте его без пароля"),
    (r"(.+?): is not a NumPy array .+", r"\1: это не массив NumPy, сохраните его через numpy.save"),
    (r"(.+?): no lead carries a signal .+", r"\1: ни в одном отведении нет сигнала, проверьте электроды или экспорт"),
    (
        r"(.+?): has shape .+ of at least a second are needed",
        r"\1: запись слишком коротка, нужно не меньше секунды",
    ),
    (r"(.+?): has shape (.+): .+", r"\1: форма массива \2 не подходит, нужно отведения × отсчёты"),
    (
        r"(.+?): has an amplitude of (.+) mV .+",
        r"\1: размах \2 мВ, какого не бывает у ЭКГ; проверьте единицы и усиление",
    ),
    (
        r"(.+?): is (?:not a|neither text nor another) supported kind of file.+",
        r"\1: такие файлы не читаются, экспортируйте запись в WFDB, EDF, CSV или .npy",
    ),
    (r"(.+?): contains no recording .+", r"\1: в архиве нет записи"),
)
