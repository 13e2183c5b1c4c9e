"""Bundles whose card or weights are not what they should be: one sentence, before any record is read."""

import dataclasses
import json
import shutil

import pytest

import inference
from bundles import read_card
from cardiac.errors import BundleError, ConfigError
from cards import Card, Stage, sealed_card
from tasks.mi import BUNDLE
from tests.card_files import change_card
from tests.card_files import read_card as plain_card


@pytest.fixture
def bundle(tmp_path):
    """A copy of the shipped bundle."""
    return shutil.copytree(BUNDLE, tmp_path / "bundle")


def test_damaged_bundles_are_refused(bundle, root, tmp_path, capsys):
    command = [str(root / "public_data"), "--out", str(tmp_path / "out")]
    change_card(bundle, lambda card: card["decisions"]["thresholds"]["sites"].pop("septal"))
    assert inference.main([*command, "--bundle", str(bundle)]) == 2
    assert "septal" in capsys.readouterr().err
    for name, runtime in (("network.onnx", "torch"), ("weights.safetensors", "onnx")):
        with (bundle / name).open("ab") as file:
            file.write(b"\0")
        assert inference.main([*command, "--bundle", str(bundle), "--runtime", runtime]) == 2
        assert f"{name} does not match the checksum in card.json" in capsys.readouterr().err
    assert inference.main([*command, "--bundle", str(tmp_path / "none")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


NAMED = {
    "name": lambda card: card.pop("name"),
    "signal.band_hz": lambda card: card["signal"].update(band_hz=["low", 45.0]),
    "signal.leads": lambda card: card["signal"].update(leads="I"),
    "signal.fs_hz": lambda card: card["signal"].update(fs_hz=float("inf")),
    "signal.section": lambda card: card["signal"].update(section=True),
    "network": lambda card: card.update(network=[]),
    "network.windows": lambda card: card["network"].update(windows=160),
    "network.n_leads": lambda card: card["network"].update(n_leads=8),
    "members": lambda card: card.update(members=1.0),
    "stages.detect.hop": lambda card: card["stages"]["detect"].pop("hop"),
    "stages.detect": lambda card: card["stages"].update(detect=None),
    "stages.localize.outputs": lambda card: card["stages"]["localize"].update(outputs=[1]),
    "training": lambda card: card.update(training=None),
    "onnx": lambda card: card.update(onnx="none"),
    "task": lambda card: card.update(task=1),
}


@pytest.mark.parametrize("key", NAMED)
def test_the_key_that_is_wrong_is_named(key):
    card = plain_card(BUNDLE)
    NAMED[key](card)
    with pytest.raises(ConfigError, match=rf"(^|')({key})( |')"):
        Card.from_json(card)


def test_a_card_is_read_as_it_is_written(tmp_path):
    """With what this program does not know, in the training and beside it; numbers keep their kind."""
    plain = plain_card(BUNDLE) | {"task": "x", "named": {"by": ["somebody"]}}
    plain["training"]["kind of thing"] = 1
    card = Card.from_json(plain)
    assert Card.from_json(card.to_json()) == card
    assert card.to_json() == {key: value for key, value in plain.items() if key not in ("format", "card_sha256")}
    (tmp_path / "card.json").write_bytes(sealed_card(card))
    assert read_card(tmp_path) == card
    assert read_card(tmp_path).sha256 == json.loads((tmp_path / "card.json").read_bytes())["card_sha256"]


def test_a_card_that_does_not_fit_itself_cannot_be_made():
    card = read_card(BUNDLE)
    wider = {
        name: Stage(stage.outputs, dataclasses.replace(stage.plan, window=200)) for name, stage in card.stages.items()
    }
    for change in ({"members": 0}, {"stages": {}}, {"section": 159}, {"stages": wider}):
        with pytest.raises(ConfigError):
            dataclasses.replace(card, **change)


FAULTS = {
    "hop in words": lambda card: card["stages"]["detect"].update(hop="100"),
    "hop of nothing": lambda card: card["stages"]["localize"].update(hop=0),
    "unknown pool": lambda card: card["stages"]["detect"].update(pool="median"),
    "no window": lambda card: card["stages"]["detect"].pop("window"),
    "a window that the network does not take": lambda card: card["stages"]["detect"].update(window=10),
    "a longer window than the network's": lambda card: card["stages"]["detect"].update(window=200),
    "stage missing": lambda card: card["stages"].pop("localize"),
    "sites in another order": lambda card: card["stages"]["localize"]["outputs"].reverse(),
    "stages a list": lambda card: card.update(stages=[]),
    "threshold in words": lambda card: card["decisions"]["thresholds"].update(mi="0.4"),
    "threshold of yes": lambda card: card["decisions"]["thresholds"].update(mi=True),
    "threshold of no number": lambda card: card["decisions"]["thresholds"]["sites"].update(septal=float("nan")),
    "scale of nothing": lambda card: card["decisions"]["thresholds"]["site_scale"].update(septal=0),
    "no thresholds": lambda card: card["decisions"].update(thresholds=None),
    "no decisions": lambda card: card.update(decisions=None),
    "no doubt": lambda card: card["decisions"].pop("doubt"),
    "doubt above the threshold": lambda card: card["decisions"].update(doubt={"low": 1.0, "high": 1.0}),
    "doubt turned": lambda card: card["decisions"].update(doubt={"low": 1.0, "high": 0.0}),
    "doubt in words": lambda card: card["decisions"]["doubt"].update(low="none"),
    "doubt of no number": lambda card: card["decisions"]["doubt"].update(high=float("nan")),
    "no calibration of a site": lambda card: card["decisions"]["calibration"].pop("inferior"),
    "unknown calibration": lambda card: card["decisions"]["calibration"]["mi"].update(method="plat"),
    "calibration that falls": lambda card: card["decisions"]["calibration"].update(
        mi={"method": "platt", "parameters": [-1.0, -1.0, 0.0]}
    ),
    "calibration in words": lambda card: card["decisions"]["calibration"].update(
        mi={"method": "platt", "parameters": ["one", 1.0, 0.0]}
    ),
    "calibration without numbers": lambda card: card["decisions"]["calibration"].update(
        septal={"method": "platt", "parameters": []}
    ),
    "no rate": lambda card: card["signal"].update(fs_hz=0),
    "band turned": lambda card: card["signal"].update(band_hz=[45, 0.5]),
    "leads in another order": lambda card: card["signal"]["leads"].reverse(),
    "fewer leads": lambda card: card["signal"].update(leads=["I", "II"]),
    "another unit": lambda card: card["signal"].update(unit="uV"),
    "unknown scale": lambda card: card["signal"].update(scale="record"),
    "no scale": lambda card: card["signal"].pop("scale"),
    "no section": lambda card: card["signal"].pop("section"),
    "section in words": lambda card: card["signal"].update(section="1000"),
    "section of a fraction": lambda card: card["signal"].update(section=1000.5),
    "section shorter than a window": lambda card: card["signal"].update(section=150),
    "section of less than nothing": lambda card: card["signal"].update(section=-1000),
    "signal a list": lambda card: card.update(signal=[]),
    "another network": lambda card: card["network"].update(heads=5),
    "outputs of another network": lambda card: card["network"].update(n_outputs=[6, 1]),
    "no members": lambda card: card.update(members=0),
    "a member too many": lambda card: card.update(members=card["members"] + 1),
    "members in words": lambda card: card.update(members="one"),
}


@pytest.mark.parametrize("runtime", ["onnx", "torch"])
@pytest.mark.parametrize("case", FAULTS)
def test_cards_that_cannot_be_used_are_refused(case, runtime, bundle):
    change_card(bundle, FAULTS[case])
    with pytest.raises(BundleError, match="copy the bundle again") as caught:
        inference.Detector.load(bundle, runtime)
    assert "\n" not in str(caught.value)
