"""What `--detector` takes: a name as in tasks/, or a module that has all that is asked for."""

import sys
from types import ModuleType

import pytest

from cardiac.errors import ConfigError
from scale import detectors


def module(**left_out_or_changed) -> ModuleType:
    """A module of a detector, with something changed, or left out by None."""
    made = ModuleType("made_up.train")
    has = {
        "DEFAULTS": "a",
        "DEMO": "b",
        "SPACE": "c",
        "open_data": lambda folder, config: None,
        "demonstration": lambda config: None,
        "make_training": lambda config, dataset, out: None,
        "fit": lambda config, dataset, out, resume=False, report=None, bundle=True, jobs=1: None,
    }
    vars(made).update({name: value for name, value in (has | left_out_or_changed).items() if value is not None})
    return made


def test_the_infarction_detector_is_one():
    import train

    assert detectors.find_detector("mi") is train
    assert detectors.find_detector("mi").DEFAULTS.is_file()


def test_a_module_is_taken_by_its_path(monkeypatch):
    monkeypatch.setitem(sys.modules, "made_up", ModuleType("made_up"))
    monkeypatch.setitem(sys.modules, "made_up.train", module())
    assert detectors.find_detector("made_up.train").DEMO == "b"


@pytest.mark.parametrize("name", ["none", "no.such.module", "cardiac.nothing", "", ".", "a b", "..x", "мi"])
def test_unknown_ones_are_one_sentence(name):
    with pytest.raises(ConfigError, match="there is no detector") as told:
        detectors.find_detector(name)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"fit": None}, "made_up.train has no fit"),
        ({"SPACE": None}, "made_up.train has no SPACE"),
        ({"fit": lambda config, dataset, out: None}, "fit does not take config, dataset, out, resume"),
        ({"demonstration": "text"}, "demonstration does not take config"),
    ],
)
def test_incomplete_ones_are_one_sentence(changes, told, monkeypatch):
    monkeypatch.setitem(sys.modules, "made_up", ModuleType("made_up"))
    monkeypatch.setitem(sys.modules, "made_up.train", module(**changes))
    with pytest.raises(ConfigError, match=told):
        detectors.find_detector("made_up.train")


def test_what_trains_a_network_together_is_asked_for_there_alone(monkeypatch):
    monkeypatch.setitem(sys.modules, "made_up", ModuleType("made_up"))
    monkeypatch.setitem(sys.modules, "made_up.train", module(make_training=None))
    assert detectors.find_detector("made_up.train").DEMO == "b"
    with pytest.raises(ConfigError, match=r"made_up\.train has no make_training"):
        detectors.find_network_detector("made_up.train")


def test_a_detector_that_lacks_a_package_says_so(tmp_path, monkeypatch):
    (tmp_path / "lacking").mkdir()
    (tmp_path / "lacking/train.py").write_text("import no_such_package\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match=r"cannot be used \(No module named 'no_such_package'\)"):
        detectors.find_detector("lacking.train")
