"""The checksum in a finding is that of all that decided: card, weights and graph, whichever runtime runs them."""

import hashlib
import json
import shutil

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import bundles
import cards
import inference
from cardiac.errors import BundleError
from tasks.mi import BUNDLE
from tests.card_files import change_card, checksum_by_hand, read_card

EACH_RUNTIME = pytest.mark.parametrize("runtime", bundles.RUNTIMES)


@pytest.fixture
def bundle(tmp_path):
    """A copy of the shipped bundle."""
    return shutil.copytree(BUNDLE, tmp_path / "bundle")


def set_threshold(card):
    card["decisions"]["thresholds"]["mi"] = 0.25


def another_graph(path):
    """A valid graph whose networks have one weight more or less."""
    model = onnx.load(path)
    weights = next(each for each in model.graph.initializer if each.data_type == onnx.TensorProto.FLOAT)
    weights.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weights) * np.float32(1.5), weights.name))
    path.write_bytes(model.SerializeToString())


def refused(bundle, runtime):
    with pytest.raises(BundleError) as caught:
        inference.Detector.load(bundle, runtime)
    assert "\n" not in str(caught.value)
    return str(caught.value)


CHANGES = {
    "threshold": set_threshold,
    "threshold of a site": lambda card: card["decisions"]["thresholds"]["sites"].update(inferior=0.5),
    "calibration": lambda card: card["decisions"]["calibration"]["mi"]["parameters"].reverse(),
    "band of doubt": lambda card: card["decisions"]["doubt"].update(low=0.1),
    "band of the filter": lambda card: card["signal"].update(band_hz=[0.05, 45.0]),
    "hop": lambda card: card["stages"]["detect"].update(hop=40),
    "name": lambda card: card.update(name="another"),
    "training": lambda card: card["training"].update(records=1),
    "a word more": lambda card: card.update(more=1),
    "another seal": lambda card: card.update(card_sha256="0" * 64),
    "no seal": lambda card: card.pop("card_sha256"),
}


@EACH_RUNTIME
@pytest.mark.parametrize("case", CHANGES)
def test_a_changed_card_is_refused(case, runtime, bundle):
    change_card(bundle, CHANGES[case], seal=False)
    told = refused(bundle, runtime)
    assert "card.json was changed after the bundle was made (checksum): copy the bundle again" in told
    assert f"`python bundles.py seal {bundle}` if you changed it on purpose" in told
    with pytest.raises(BundleError, match="was changed after the bundle was made"):
        bundles.read_card(bundle)


@EACH_RUNTIME
@pytest.mark.parametrize("name", ["weights.safetensors", "network.onnx", "trees.npz"])
def test_a_missing_file_is_refused(name, runtime, bundle, root, capsys):
    """By the runtime that does not run it as well: the checksum speaks of both."""
    (bundle / name).unlink()
    assert f"{name} is missing" in refused(bundle, runtime)
    arguments = [str(root / "public_data"), "--out", str(bundle / "out"), "--runtime", runtime]
    assert inference.main([*arguments, "--bundle", str(bundle)]) == 2
    assert f"{name} is missing" in capsys.readouterr().err
    assert not list(bundle.glob("out/*.json"))


@EACH_RUNTIME
def test_another_graph_is_refused(runtime, bundle):
    another_graph(bundle / "network.onnx")
    assert "network.onnx does not match the checksum in card.json" in refused(bundle, runtime)
    sha256 = hashlib.sha256((bundle / "network.onnx").read_bytes()).hexdigest()
    change_card(bundle, lambda card: card["onnx"].update(sha256=sha256), seal=False)
    assert "card.json was changed" in refused(bundle, runtime)


@EACH_RUNTIME
def test_other_weights_are_refused(runtime, bundle, detector):
    networks = inference.Detector.load(bundle, "torch").bundle.networks
    next(networks[0].parameters()).data *= 1.5
    bundles.save_bundle(bundle / "other", networks, detector.bundle.card)
    shutil.copy(bundle / "other/weights.safetensors", bundle)
    assert "weights.safetensors does not match the checksum in card.json" in refused(bundle, runtime)
    sha256 = hashlib.sha256((bundle / "weights.safetensors").read_bytes()).hexdigest()
    change_card(bundle, lambda card: card.update(weights_sha256=sha256))
    assert "network.onnx was made from other networks" in refused(bundle, runtime)


@EACH_RUNTIME
@pytest.mark.parametrize("layout", [0, 3, 1.5, "1", True, None, [1]])
def test_an_unknown_format_is_refused(layout, runtime, bundle):
    change_card(bundle, lambda card: card.update(format=layout))
    assert "and this program reads only 1 and 2: use the version of the program that made" in refused(bundle, runtime)


@EACH_RUNTIME
def test_a_card_of_before_formats_is_refused_until_it_is_sealed(runtime, bundle, detector):
    change_card(bundle, lambda card: [card.pop("format"), card.pop("card_sha256")], seal=False)
    assert "card.json does not state its format" in refused(bundle, runtime)
    assert bundles.seal_bundle(bundle) == inference.Detector.load(bundle, runtime).bundle.sha256
    assert bundles.bundle_checksum(bundle) == detector.bundle.sha256


def test_runtimes_and_hand_agree_on_the_checksum(root, capsys):
    folder = BUNDLE
    expected = checksum_by_hand(read_card(folder))
    assert {inference.Detector.load(folder, runtime).bundle.sha256 for runtime in bundles.RUNTIMES} == {expected}
    card = read_card(folder)
    for name, sha256 in (
        ("weights.safetensors", card["weights_sha256"]),
        ("network.onnx", card["onnx"]["sha256"]),
        ("trees.npz", card["trees"]["sha256"]),
    ):
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == sha256
    assert bundles.main(["check", str(folder)]) == 0
    assert capsys.readouterr().out == f"{expected}  {folder}\n"
    assert (folder / "card.json").read_bytes() == cards.sealed_card(
        bundles.read_card(folder)
    )  # as this program writes it


@EACH_RUNTIME
def test_findings_carry_the_checksum_of_a_sealed_card(runtime, bundle, root, tmp_path, capsys, detector):
    """Thresholds that a hospital has tuned are used, and are seen in what is reported."""
    change_card(bundle, set_threshold, seal=False)
    assert bundles.main(["check", str(bundle)]) == 2
    assert "card.json was changed" in capsys.readouterr().err
    assert bundles.main(["seal", str(bundle)]) == 0
    sha256 = capsys.readouterr().out.split()[0]
    assert sha256 == checksum_by_hand(read_card(bundle)) != detector.bundle.sha256
    arguments = [str(root / "public_data/test"), "--runtime", runtime, "--out", str(tmp_path)]
    assert inference.main([*arguments, "--bundle", str(bundle)]) == 0
    documents = json.loads((tmp_path / "findings.json").read_text(encoding="utf-8"))
    assert len(documents) == 28
    for document in documents:
        assert document["bundle"] == {"name": "hybrid", "sha256": sha256}
        assert document["mi"]["threshold"] == 0.25


@pytest.mark.parametrize("name", ["weights.safetensors", "network.onnx", "trees.npz"])
def test_what_does_not_fit_its_card_is_not_sealed(name, bundle, capsys):
    change_card(bundle, set_threshold, seal=False)
    before = (bundle / "card.json").read_bytes()
    with (bundle / name).open("ab") as file:
        file.write(b"\0")
    assert bundles.main(["seal", str(bundle)]) == 2
    assert f"{name} does not match the checksum in card.json" in capsys.readouterr().err
    (bundle / name).unlink()
    assert bundles.main(["seal", str(bundle)]) == 2
    assert (bundle / "card.json").read_bytes() == before
    change_card(bundle, lambda card: card.update(format=3))
    assert bundles.main(["seal", str(bundle)]) == 2
    assert "has format 3" in capsys.readouterr().err


def test_the_seal_is_of_what_the_card_says_not_of_how_it_is_written(bundle, detector):
    """Order, indentation and line ends may be those of any editor."""
    card = read_card(bundle)
    turned = json.dumps(dict(reversed(card.items())), indent=7).replace("\n", "\r\n")
    (bundle / "card.json").write_bytes(turned.encode())
    assert inference.Detector.load(bundle).bundle.sha256 == detector.bundle.sha256


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"1", b"null", b"\xff{}", b'{"a":' * 10**5, b"[" * 10**5 + b"]" * 10**5]
)
def test_what_is_no_card_is_one_sentence(content, bundle):
    (bundle / "card.json").write_bytes(content)
    for ask in (inference.Detector.load, bundles.seal_bundle, bundles.bundle_checksum):
        with pytest.raises(BundleError, match=r"is not JSON|is not a JSON object"):
            ask(bundle)


def test_a_card_as_deep_as_can_be_read_is_one_sentence_too(bundle):
    """Where it can be taken apart and not be put together again for its checksum, or the other way round."""
    text = json.dumps(read_card(bundle))[:-1]
    for depth in range(800, 1_000):
        (bundle / "card.json").write_text(f'{text}, "deep": {"[" * depth}{"]" * depth}}}', encoding="utf-8")
        with pytest.raises(BundleError, match=r"is not JSON|was changed"):
            bundles.bundle_checksum(bundle)


def test_what_cannot_be_written_is_not_sealed(bundle):
    content = json.dumps(read_card(bundle))[:-1] + r', "word": "\ud800"}'
    (bundle / "card.json").write_text(content, encoding="utf-8")
    with pytest.raises(BundleError, match=r"cannot be sealed .*: correct what was changed"):
        bundles.seal_bundle(bundle)
    assert (bundle / "card.json").read_text(encoding="utf-8") == content
