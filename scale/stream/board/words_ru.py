"""The texts of the board in Russian, by those in English; the pipeline's own sentences stay English and are marked so."""

from tasks.mi.labels import COLUMNS, SITES

RUSSIAN: dict[str, str] = {
    "95 % of the results within": "95 % результатов не позднее чем за",
    "Accuracy": "Точность (accuracy)",
    "Agreement with the labels": "Согласие с метками",
    "All results so far": "Все результаты",
    "An aid for research and a second look; not a medical device.": (
        "Вспомогательное средство для исследований и второго взгляда; не является медицинским изделием."
    ),
    "Changed since the first ten seconds": "Что изменилось после первых десяти секунд",
    "Changes of state": "Смены состояния",
    "Class": "Класс",
    "Classes": "Классы",
    "Confusion matrix": "Матрица ошибок",
    "Confusion matrix: a row for each label, a column for each decision": "Матрица ошибок: строки – метки, столбцы – решения",
    "Connecting": "Подключение",
    "Consumer group": "Группа потребителей",
    "Dead letters": "Недоставленные сообщения",
    "Filter by name or state": "Поиск по имени или состоянию",
    "Gaps, repeats and resets": "Пропуски, повторы и сбросы",
    "Half of the results within": "Половина результатов не позднее чем за",
    "Infarction: {names}": "Инфаркт: {names}",
    "Language": "Язык",
    "Last {n} results": "Последние {n} результатов",
    "Line: probability of {name}; band: the state that was shown.": (
        "Линия – вероятность ({name}), полоса – показанное состояние."
    ),
    "Connected": "Подключено",
    "Live board": "Живое табло",
    "Macro-F1": "Макро-F1",
    "Macro-F1 of the last batches": "Макро-F1 последних пакетов",
    "Macro-F1 of the last batches: {values}": "Макро-F1 последних пакетов: {values}",
    "Messages a second": "Сообщений в секунду",
    "Messages behind": "Отставание, сообщений",
    "No data for {n} s.": "Данных нет уже {n} с.",
    "No patient fits the filter.": "Под условие поиска никто не подходит.",
    "No patient in view": "Пациент не выбран",
    "No patient yet.": "Пациентов пока нет.",
    "None so far.": "Пока нет.",
    "Nothing comes from this patient.": "От этого пациента ничего не поступает.",
    "Nothing is known to have changed.": "Об изменениях ничего не известно.",
    "Patient": "Пациент",
    "Patients": "Пациенты",
    "Patients now": "Пациентов сейчас",
    "Pipeline": "Конвейер",
    "Place": "Место",
    "Probabilities now": "Вероятности сейчас",
    "Probability and state over the last ten minutes": "Вероятность и состояние за последние десять минут",
    "Probability: {name}": "Вероятность: {name}",
    "Reason": "Причина",
    "Results so far": "Результатов всего",
    "Skip to the patient in view": "К выбранному пациенту",
    "The board is closing, or was too slow for this browser; trying again": (
        "Табло закрывается, или браузер за ним не успевал; подключение повторяется"
    ),
    "The board is drawn by scripts, which this browser does not run.": (
        "Табло рисуют скрипты, а этот браузер их не выполняет."
    ),
    "The connection to the board is lost; trying again": "Связь с табло потеряна; подключение повторяется",
    "The label that came along: {name}": "Метка, пришедшая с данными: {name}",
    "The last ten minutes": "Последние десять минут",
    "The stream has ended.": "Поток закончился.",
    "Time": "Время",
    "Topic": "Топик",
    "Tracing of the patient in view": "Кривая выбранного пациента",
    "Tracing of the patient in view: {leads}": "Кривая выбранного пациента: {leads}",
    "Waiting for the tracing.": "Ожидание кривой.",
    "no decision": "без решения",
    "not steady": "не установилось",
    "now": "сейчас",
    "since {time}": "с {time}",
    "{notes} notes; {repeats} messages came twice; {chunks} chunks in all.": (
        "Заметок: {notes}; повторных сообщений: {repeats}; отрезков всего: {chunks}."
    ),
    "{n} of {all}": "{n} из {all}",
    "{n} s": "{n} с",
    "{results} results with a label, {refused} more without a decision. Results of one patient overlap: they are not "
    "independent.": (
        "Результатов с меткой: {results}, ещё без решения: {refused}. Результаты одного пациента перекрываются и не независимы."
    ),
    "{s} s across, a large square is 0.2 s; the height is scaled to the wave.": (
        "По ширине {s} с, большая клетка – 0,2 с; высота подобрана по волне."
    ),
    "{s} s across, a large square is 0.2 s; {gain} mm/mV. At most 125 points a second, the peaks kept: for a look, not for "
    "measuring.": (
        "По ширине {s} с, большая клетка – 0,2 с; {gain} мм/мВ. Не больше 125 точек в секунду, пики сохранены: для просмотра, "
        "а не для измерений."
    ),
    "−{n} min": "−{n} мин",
    "undecided": "не решено",
    "other classes": "прочие классы",
    "infarction": "инфаркт",
    "no infarction": "без инфаркта",
    "sinus rhythm": "синусовый ритм",
    "atrial fibrillation": "фибрилляция предсердий",
    "premature ventricular contraction": "желудочковая экстрасистола",
    "premature atrial contraction": "предсердная экстрасистола",
    "ventricular tachycardia": "желудочковая тахикардия",
    "supraventricular tachycardia": "наджелудочковая тахикардия",
    "normal": "норма",
    **{site: COLUMNS[site] for site in SITES},
}
