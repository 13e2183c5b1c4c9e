"""What readers, quality and reports say, in Russian: every template has one that fits, and old sentences are known again."""

import re

import numpy as np
import pytest
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from benchmarks.faults import all_faults
from cardiac.errors import RecordError
from cardiac.messages import Message, message_of
from cardiac.quality.assess import assess_quality
from cardiac.records import Record, read_record
from cardiac.simulate import simulate_record
from webapp.sentences import languages, russian_number, translated, translated_job
from webapp.storage.tables import Sentence
from webapp.translations.sentences import PO, fields_of, put_together, sentences
from webapp.translations.update import written

HEALTHY = simulate_record(3, 500.0, 10.0, noise=0.3).record.signal.copy()
MOST_PUT_TOGETHER = 19  # of command lines; it may only become smaller
MOST_UNTRANSLATED = 0  # it may only become smaller
FORMATTED = {  # by templates that the tests say with arguments of their kinds
    "leads": ["I", "V2"],
}
CYRILLIC, ENGLISH_WORD = re.compile("[а-яё]"), re.compile(r"\b[a-z]{3,}\b")
LATIN_WORD = re.compile(r"\b(?:the|is|are|its|and|of|from|with|check|export|copy|no|not|holds|states)\b")


@pytest.fixture(scope="module")
def templates():
    return {each.template for each in sentences()}


@pytest.fixture(scope="module")
def catalog():
    with PO.open("rb") as file:
        return read_po(file, locale="ru")


def test_what_is_still_english_is_counted_and_only_becomes_less(templates):
    missing = sorted(templates - {*languages()["ru"].templates})
    assert len(missing) <= MOST_UNTRANSLATED, missing


def test_no_translation_is_left_over(templates, catalog):
    assert {each.id for each in catalog if each.id} == templates


def test_every_template_is_given_the_arguments_that_it_asks_for():
    wrong = [
        f"{each.where}: {each.template}"
        for each in sentences()
        if each.names is not None and (each.wanted or "{" in each.template) and not each.wanted <= each.names
        if each.names or each.where.startswith("cardiac/readers")
    ]
    assert wrong == []


def test_translations_ask_for_the_same_arguments(catalog):
    for each in catalog:
        if each.id:
            assert fields_of(each.id) == fields_of(each.string), each.id


def test_every_translation_can_be_filled_and_leaves_no_english(catalog):
    for each in catalog:
        if not each.id:
            continue
        numbers = {name for name in fields_of(each.id) if re.search(rf"\{{{name}(?:![rs])?:[^}}]*[dfg,]\}}", each.id)}
        arguments = {name: 3 if name in numbers else "X" for name in fields_of(each.id)}
        arguments |= {name: FORMATTED[name] for name in arguments if name in FORMATTED}
        said = translated(Message(each.id, **arguments), "ru")
        assert not LATIN_WORD.search(said.replace("little endian", "")), said
        assert "{" not in said, said


def test_what_is_served_is_what_is_written(catalog):
    assert PO.read_bytes() == written(catalog)
    with PO.with_suffix(".mo").open("rb") as file:
        served = {each.id: each.string for each in read_mo(file) if each.id}
    assert served == {each.id: each.string for each in catalog if each.id}


@pytest.mark.parametrize(
    ("english", "russian"),
    [
        (
            "no signal in lead V2: check its electrode and cable",
            "нет сигнала в отведении V2: проверьте электрод и кабель",
        ),
        (
            "no signal in leads I, II and V3 from 1.5 to 12.0 s: check its electrode and cable",
            "нет сигнала в отведениях I, II и V3 с 1,5 по 12,0 с: проверьте электрод и кабель",
        ),
        (
            "the file states no sampling rate: read as 500 Hz",
            "частота дискретизации в файле не указана: принято 500 Гц",
        ),
        (
            "a.csv: is 93 minutes long and up to 60 are read: cut it into parts",
            "a.csv: длительность 93 мин, а читается до 60: разделите на части",
        ),
        ("aVR from I and II (Einthoven, Goldberger)", "aVR вычислены по I и II (Эйнтховен, Гольдбергер)"),
        ("fewer than 3 beats of one shape", "комплексов одной формы меньше 3"),
        (
            "z.zip: holds more than 20,000 files or 1,000,000 bytes: split it into parts",
            "z.zip: файлов больше 20\u00a0000 или байт больше 1\u00a0000\u00a0000: разделите на части",
        ),
        ("said by nobody: ever", "said by nobody: ever"),
    ],
)
def test_sentences_of_an_earlier_version_are_known_again(english, russian):
    assert translated(english, "ru") == russian
    assert translated(english, "en") == english


def test_numbers_as_russian_has_them():
    assert [russian_number(each) for each in ("-0.12", "1,234.5", "7")] == ["−0,12", "1\u00a0234,5", "7"]


@pytest.mark.parametrize("kept", ["plain", '{"message": "{record}", "arguments": {"record": 1}}', "{not json", None])
def test_a_sentence_is_stored_and_read_as_it_is(kept):
    column = Sentence()
    assert column.process_result_value(column.process_bind_param(kept, None), None) == kept


def test_a_message_is_stored_as_data_whatever_a_stranger_calls_a_file():
    column, name = Sentence(), "a\u202e{x}.npy"
    stored = column.process_bind_param(Message("{record}: {problem}", record=name, problem=Message("is empty")), None)
    assert "\u202e" not in stored and "is empty" in stored
    again = column.process_result_value(stored, None)
    assert isinstance(again, Message) and again == "a_{x}.npy: is empty"
    assert isinstance(message_of(again.to_dict()), Message)


def test_a_job_says_why_in_both_languages():
    job = {"refused": [{"name": "a", "reason": "a: is empty: export the recording again"}], "error": None}
    assert translated_job(job, "en") == job
    assert translated_job(job, "ru")["refused"][0] == {
        **job["refused"][0],
        "translation": "a: файл пуст: экспортируйте запись заново",
    }


@pytest.mark.parametrize("fault", all_faults(), ids=lambda fault: fault.name)
def test_every_planted_fault_is_told_in_russian(fault):
    signal, _ = fault.plant(HEALTHY, 500.0, np.random.default_rng(1))
    quality = assess_quality(Record("a", np.asarray(signal, np.float32), 500.0), Message("an infarction"))
    for reason in quality.reasons:
        said = translated(reason.text, "ru")
        assert not ENGLISH_WORD.search(said) and not re.search(r"\d\.\d", said), said
        assert translated(str(reason.text), "ru") == said  # as an earlier version stored it


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b""),
        ("a.csv", b"1,2,3\n" * 40 + b"1,2,x\n"),
        ("a.npy", b"\x93NUMPY\x01\x00"),
        ("a.json", b'[{"a": 1}]'),
        ("a.hea", b"a 12 500 5000\n"),
        ("a.hea", b"a 2 500 5000\na.dat 16\na.dat 16\n"),
        ("a.xml", b"<a/>"),
        ("a.dcm", b"\0" * 128 + b"DICM" + b"\0" * 200),
        ("a.scp", b"\0" * 100),
        ("a.edf", b"0       " + b" " * 248),
        ("a.mat", b"MATLAB 5.0"),
        ("a.zip", b"PK\x03\x04"),
        ("a.pkl", b"\x80\x04\x95"),
        ("a.png", b"\x89PNG\r\n\x1a\n"),
        ("a.h5", b"\x89HDF\r\n\x1a\n"),
        ("a.bin", bytes(range(256))),
    ],
)
def test_refusals_of_many_kinds_are_told_in_russian(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(RecordError) as refused:
        read_record(path)
    said = translated(refused.value.message, "ru")
    assert CYRILLIC.search(said) and not LATIN_WORD.search(re.sub(r"\(.*?\)", "", said)), said
    assert translated(str(refused.value), "ru") == said


def test_sentences_put_together_by_hand_are_counted_and_only_become_fewer():
    assert len(found := [*put_together()]) <= MOST_PUT_TOGETHER, found
