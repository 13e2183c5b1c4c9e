"""A run's folder from its opening to its end."""

import logging

import pytest

from cardiac.errors import ConfigError
from learning.run_folder import STATE, is_finished, training_run

CONFIG = {"train": {"seed": 1}}


def stop_in(out, resume=False, config=CONFIG, checksum="a"):
    """A run that is stopped after its first epoch."""
    with pytest.raises(KeyboardInterrupt), training_run(config, out, resume) as begin:
        begin(checksum)
        (out / STATE).mkdir(exist_ok=True)
        raise KeyboardInterrupt


def test_a_run_that_was_stopped_goes_on_and_ends(tmp_path):
    out = tmp_path / "run"
    assert not is_finished(out)
    stop_in(out)
    assert not is_finished(out)
    with pytest.raises(ConfigError, match="add --resume"):
        stop_in(out)
    with training_run(CONFIG, out, resume=True) as begin:
        begin("a")
        logging.getLogger("train").info("an epoch")
    assert is_finished(out)
    assert {path.name for path in out.iterdir()} == {"train.log"}
    assert "an epoch" in (out / "train.log").read_text(encoding="utf-8")
    assert logging.getLogger("train").handlers == []


def test_what_was_begun_with_other_settings_or_recordings_does_not_go_on(tmp_path):
    out = tmp_path / "run"
    stop_in(out)
    with pytest.raises(ConfigError, match="other settings"):
        stop_in(out, resume=True, config={"train": {"seed": 2}})
    with pytest.raises(ConfigError, match="other recordings"):
        stop_in(out, resume=True, checksum="b")


def test_a_run_that_is_refused_before_it_begins_leaves_nothing_to_go_on_with(tmp_path):
    out = tmp_path / "run"
    with pytest.raises(ConfigError), training_run(CONFIG, out, resume=False):
        raise ConfigError("no such data")
    assert not is_finished(out)
    assert list(out.iterdir()) == []
    with training_run(CONFIG, out, resume=False) as begin:
        begin("a")
    assert is_finished(out)
