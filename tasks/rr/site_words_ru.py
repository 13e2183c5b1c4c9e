"""The texts of the page in Russian, by those in English: a task brings its own, and its folder takes them with it."""

RUSSIAN = {
    ".": ",",
    "A CSV with columns id, time and x (in ms), an export of a phone or a belt, one interval a line, or a recording of any kind "
    "that this site reads; at most %(most)s MB.": (
        "CSV со столбцами id, time и x (в мс), выгрузка телефона или нагрудного датчика, по интервалу в строке или запись "
        "любого вида, который читает этот сайт; не больше %(most)s МБ."
    ),
    "A table of RR intervals, or a recording": "Таблица интервалов RR или запись",
    "All": "Всё",
    "Anomaly from a probability of": "Аномалия с вероятности",
    "As the command line writes them, at the detector's own threshold.": (
        "Такие же пишет командная строка, по собственному порогу детектора."
    ),
    "As the detector has it": "Как у детектора",
    "Being read; a day of intervals takes a minute.": "Файл читается; сутки интервалов занимают минуту.",
    "Choose a file first.": "Сначала выберите файл.",
    "Choose files": "Выбрать файлы",
    "Drag it here, or choose it.": "Перетащите её сюда или выберите.",
    "Earlier": "Раньше",
    "Experts marked at most five places in a study, however long it was; so does the detector, unless this is ticked.": (
        "Эксперты отмечали не больше пяти мест в исследовании любой длины; так же и детектор, если здесь нет отметки."
    ),
    "Files": "Файлы",
    "Find the anomalies": "Найти аномалии",
    "For research; not a medical device.": "Для исследований; не медицинское изделие.",
    "From": "С",
    "Intervals": "Интервалы",
    "Intervals from {from} to {to}; {anomalies} anomalies are seen.": "Интервалы с {from} по {to}; видно аномалий: {anomalies}.",
    "Intervals of all studies (CSV)": "Интервалы всех исследований (CSV)",
    "Later": "Позже",
    "Mean probability": "Средняя вероятность",
    "Next run": "Следующая серия",
    "Not read:": "Не прочитано:",
    "Nothing is stored: the file is gone from the server when it has been read, and the answer when this page is left or loaded "
    "again.": (
        "Ничего не сохраняется: файл удаляется с сервера, как только прочитан, а ответ исчезает, когда эту страницу закрывают "
        "или загружают заново."
    ),
    "Place in the study": "Место в исследовании",
    "Previous run": "Предыдущая серия",
    "RR intervals": "Интервалы RR",
    "RR, ms": "RR, мс",
    "Run": "Серия",
    "Runs of all studies (CSV)": "Серии всех исследований (CSV)",
    "Runs of anomalies": "Серии аномалий",
    "Sampling rate of a recording that states none, Hz": "Частота дискретизации записи, которая её не указывает, Гц",
    "Show less, larger": "Показать меньше, но крупнее",
    "Show more": "Показать больше",
    "Show simulated studies": "Показать смоделированные",
    "Simulated studies": "Смоделированные исследования",
    "Spikes of the rhythm, a longer interval and at once a shorter one amid a calm rhythm, as the experts of the CardioSpike "
    "case marked them after COVID-19.": (
        "Всплески ритма (удлинённый интервал и сразу за ним укороченный среди спокойного ритма), как их отмечали эксперты кейса "
        "CardioSpike после COVID-19."
    ),
    "Study": "Исследование",
    "Summary (rr.json)": "Сводка (rr.json)",
    "The intervals are drawn by scripts, which this browser does not run.": (
        "Интервалы рисуют скрипты, а этот браузер их не выполняет."
    ),
    "The intervals: arrows move, plus and minus zoom": "Интервалы: стрелки двигают, плюс и минус меняют масштаб",
    "The sampling rate is a number from 100 to 10,000 Hz.": "Частота дискретизации – число от 100 до 10 000 Гц.",
    "The server answered with error {status}: send it again.": "Сервер ответил ошибкой {status}: отправьте ещё раз.",
    "The server could not be reached: check the connection and send it again.": (
        "Сервер недоступен: проверьте соединение и отправьте ещё раз."
    ),
    "The two tables are made as this page shows it, from {threshold} % on; rr.json is as the detector has it.": (
        "Обе таблицы составлены так, как видно на странице, с {threshold} %; rr.json – так, как у детектора."
    ),
    "There is none in this study.": "В этом исследовании их нет.",
    "These are too many files: send fewer at once.": "Файлов слишком много: отправьте меньше за раз.",
    "These intervals are made up by the program: they show the page, and say nothing of anybody.": (
        "Эти интервалы придуманы программой: они показывают страницу и не говорят ни о ком."
    ),
    "This has {size} MB; at most {most} MB are taken: send a part.": (
        "Здесь {size} МБ, принимается не больше {most} МБ: отправьте часть."
    ),
    "To": "По",
    "Two files have one name: rename one of them.": "У двух файлов одно имя: переименуйте один из них.",
    "Your account may look at records, but not send a file.": (
        "Ваша учётная запись может смотреть записи, но не отправлять файлы."
    ),
    "Your session has ended: log in, and send it again.": "Сеанс окончен: войдите и отправьте ещё раз.",
    "Zoom": "Масштаб",
    "anomaly, larger where it is likelier": "аномалия, крупнее – вероятнее",
    "error": "ошибка",
    "error: outside 300 to 1,400 ms, or ectopic": "ошибка: вне 300–1400 мс или эктопический",
    "every place that looks like one": "каждое похожее место",
    "interval": "интервал",
    "time, h:mm:ss": "время, ч:мм:сс",
    "{names} ({size} MB)": "{names} ({size} МБ)",
    "Intervals: {n}, anomalies: {anomalies}, runs: {runs}, errors: {errors}": (
        "Интервалов: {n}, аномалий: {anomalies}, серий: {runs}, ошибок: {errors}"
    ),
    "{time}: {x} ms, {p} %": "{time}: {x} мс, {p} %",
}

# Sentences of what reads, as patterns; what is not here stays English and is marked so.
LINE, MEND = r"(.+?), line (\d+): ", "исправьте строку"
SENTENCES = (
    (r"other files are being read: send it again in a minute", "читаются другие файлы: отправьте ещё раз через минуту"),
    (r"no RR intervals were among the files: .*", "среди файлов нет интервалов RR: отправьте таблицу или запись"),
    (r"took longer than (\d+) s to read: .*", r"чтение заняло больше \1 с: разделите на части"),
    (
        r"the detector cannot be read on this server: .*",
        "детектор на этом сервере не читается: спросите того, кто им управляет",
    ),
    (
        r"the intervals are from beat to beat of the recording, as the program found them: (\d+) beats at (\S+) Hz",
        r"интервалы – от сокращения к сокращению записи, как их нашла программа: сокращений \1 при \2 Гц",
    ),
    (LINE + r"the time goes back, .*", r"\1, строка \2: время идёт назад, поэтому оно сложено из интервалов"),
    (r"does not fit into memory: .*", "не помещается в память: разделите на части"),
    (
        r"(.+?): has no column of RR intervals: .*",
        r"\1: нет столбца с интервалами RR: назовите его rr_ms (или rr_s) или x рядом с id и time",
    ),
    (r"(.+?): has no RR intervals under its header: .*", r"\1: под заголовком нет интервалов RR: нужен хотя бы один"),
    (LINE + r"('.*') is no number: .*", rf"\1, строка \2: \3 – не число: {MEND} или уберите её"),
    (LINE + r"the interval is missing: .*", rf"\1, строка \2: нет интервала: {MEND} или уберите её"),
    (LINE + r"the interval is (\S+): .*", rf"\1, строка \2: интервал равен \3, а должен быть больше 0: {MEND}"),
    (LINE + r"has more columns than the header names: .*", rf"\1, строка \2: столбцов больше, чем в заголовке: {MEND}"),
    (
        LINE + r"the study ('.*') goes on after another one: .*",
        r"\1, строка \2: исследование \3 продолжается после другого: отсортируйте по исследованиям",
    ),
    (
        r"(.+?): the intervals look like seconds .*",
        r"\1: интервалы похожи на секунды, а единица не названа: назовите столбец rr_s или дайте их в мс",
    ),
    (r"(.+?): is not text in UTF-8 .*", r"\1: не текст в UTF-8: сохраните в UTF-8"),
    (r"(.+?): fewer than two beats are found.*", r"\1: найдено меньше двух сокращений: дайте запись длиннее или лучше"),
)
