"""Messages: the English sentence is a string like any other, and its template and arguments go wherever it goes."""

import copy
import io
import json
import pickle

import numpy as np
import pytest

from cardiac.errors import InternalError, RecordError, RecordRejected, naming
from cardiac.isolation_wire import receive, send
from cardiac.messages import (
    ENGLISH,
    Language,
    Message,
    message_of,
    messages_of,
    plain_message,
    say,
    speaking,
    translate,
)

SAID = Message(
    "{what} of {n:,} samples in {leads:leads} at {fs_hz:g} Hz: {advice}",
    what=Message("a gap"),
    n=np.int64(12_000),
    leads=("I", "V2"),
    fs_hz=np.float32(499.5),
    advice="check {it}",
)
ENGLISH_TEXT = "a gap of 12,000 samples in leads I and V2 at 499.5 Hz: check {it}"
GERMAN = Language(
    {
        "{what} of {n:,} samples in {leads:leads} at {fs_hz:g} Hz: {advice}": "{advice}: {what} {leads:leads}, {fs_hz:g}",
        "a gap": "Lücke",
    },
    {"leads": ("alle Ableitungen", "Ableitung {}", "Ableitungen {}")},
    "und",
    lambda number: number.replace(".", ","),
)


def test_a_message_is_its_english_sentence():
    assert SAID == ENGLISH_TEXT and isinstance(SAID, str) and json.dumps([SAID]) == json.dumps([ENGLISH_TEXT])
    assert type(str(SAID)) is str
    assert translate(SAID, ENGLISH) == ENGLISH_TEXT


@pytest.mark.parametrize(
    "carried",
    [
        lambda message: pickle.loads(pickle.dumps(message)),
        copy.deepcopy,
        lambda message: message_of(json.loads(json.dumps(plain_message(message)))),
        lambda message: sent(message),
    ],
    ids=["pickle", "copy", "json", "wire"],
)
def test_it_can_be_said_again_wherever_it_was_carried(carried):
    again = carried(SAID)
    assert again == ENGLISH_TEXT
    assert translate(again, GERMAN) == "check {it}: Lücke Ableitungen I und V2, 499,5"


def sent(value):
    file = io.BytesIO()
    send(file, value)
    file.seek(0)
    return receive(file)


def test_what_a_language_has_no_words_for_is_english():
    assert translate("never heard", GERMAN) == "never heard"
    assert translate(Message("{n} times", n=2), GERMAN) == "2 times"
    broken = Language({"{n} times": "{m} mal"}, {})
    assert translate(Message("{n} times", n=2), broken) == "2 times"


@pytest.mark.parametrize("hostile", ["{n.__class__}", "{n[0]}", "{0}", "{}", "{m}"])
def test_a_template_reaches_nothing_but_its_arguments(hostile):
    with pytest.raises((KeyError, ValueError)):
        Message(hostile, n=1)
    with pytest.raises(ValueError, match="not a message"):
        message_of({"message": hostile, "arguments": {"n": 1}})


@pytest.mark.parametrize(
    "plain", [{}, {"message": 1, "arguments": {}}, {"message": "a"}, {"message": "{a}", "arguments": []}]
)
def test_what_is_no_message_is_refused(plain):
    with pytest.raises(ValueError, match="not a message"):
        message_of(plain)


def test_texts_of_an_earlier_version_stay_and_messages_that_differ_are_left_out():
    assert messages_of(["a", "b"], None) == ["a", "b"]
    kept = messages_of([ENGLISH_TEXT, "b", "c"], [SAID.to_dict(), {"message": "other", "arguments": {}}])
    assert kept == [ENGLISH_TEXT, "b", "c"] and isinstance(kept[0], Message)


def test_errors_keep_their_message_under_every_name():
    with pytest.raises(RecordError, match=r"^a\.npy: is 93 minutes long$") as caught, naming("a.npy"):
        raise RecordError("is {minutes:.0f} minutes long", minutes=93.2)
    assert caught.value.message.arguments["problem"].arguments == {"minutes": 93.2}
    assert pickle.loads(pickle.dumps(caught.value)).message.template == "{record}: {problem}"
    with pytest.raises(RecordRejected) as rejected, naming("b"):
        raise RecordRejected(Message("too noisy in {leads:leads}", leads=["V1"]), [{"kind": "noise"}])
    assert (str(rejected.value), rejected.value.reasons) == ("b: too noisy in lead V1", [{"kind": "noise"}])
    assert InternalError("KeyError", name="x").message.arguments["fault"] == "KeyError"
    assert str(RecordError("with {braces} and no arguments")) == "with {braces} and no arguments"


def test_what_is_drawn_is_said_in_the_language_that_is_spoken():
    with speaking(GERMAN):
        assert say("a gap") == "Lücke"
    assert say("a gap") == "a gap" and say("{n:g} s", n=1.5) == "1.5 s"


def test_numbers_without_end_are_text():
    assert json.loads(json.dumps(Message("{x:.3g} mV", x=float("nan")).to_dict(), allow_nan=False))["arguments"] == {
        "x": "nan"
    }
