import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from cardiac.errors import BundleError, ConfigError
from models import build_model
from utils import CARD, WEIGHTS, load_bundle, load_config, run_network, save_bundle, seed_everything

DEFAULTS = "configs/mi.toml"


@pytest.fixture
def bundle(tmp_path):
    """A small bundle with fresh weights."""
    network = {"name": "hybrid", "n_leads": 12, "n_outputs": 1}
    card = {"name": "small", "signal": {}, "thresholds": {}, "stages": {"detect": {"network": network}}}
    save_bundle(tmp_path, {"detect": build_model(**network)}, card)
    return tmp_path


def test_same_seed_same_numbers_other_seed_others():
    draws = []
    for seed in (3, 3, 4):
        seed_everything(seed)
        draws.append((np.random.random(), torch.rand(1).item()))
    assert draws[0] == draws[1]
    assert draws[0][0] != draws[2][0]
    assert draws[0][1] != draws[2][1]


def test_settings_are_taken_in_their_kind(root):
    changed = load_config(root / DEFAULTS, ["train.learning_rate=1", "detect.pool=max", "detect_network.dropout=0.2"])
    assert changed["train"]["learning_rate"] == 1.0
    assert isinstance(changed["train"]["learning_rate"], float)
    assert changed["detect"]["pool"] == "max"
    assert changed["detect_network"]["dropout"] == 0.2
    assert changed["localize"] == load_config(root / DEFAULTS)["localize"]


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("train.epoch=3", "no setting train.epoch"),
        ("detect.epoch=3", "detect.epochs"),
        ("detct.epochs=3", "did you mean detect"),
        ("detect.epochs=many", "give a value like 24"),
        ("detect.epochs=2.5", "give a value like 24"),
        ("train.one_cycle=1", "give a value like True"),
        ("detect_network.droput=0.1", "detect_network.dropout"),
        ("detect_network.name=hybird", "did you mean hybrid"),
        ("epochs=3", "section.key=value"),
        ("train.seed", "section.key=value"),
    ],
)
def test_wrong_settings_are_refused(root, setting, told):
    with pytest.raises(ConfigError, match=told):
        load_config(root / DEFAULTS, [setting])


def test_a_file_changes_only_what_it_names(root, tmp_path):
    (tmp_path / "own.toml").write_text("[train]\nbatch_size = 8\n")
    config = load_config(tmp_path / "own.toml", defaults=root / DEFAULTS)
    assert config["train"]["batch_size"] == 8
    assert config["detect"] == load_config(root / DEFAULTS)["detect"]
    (tmp_path / "own.toml").write_text("[train]\nbatchsize = 8\n")
    with pytest.raises(ConfigError, match=r"train\.batch_size"):
        load_config(tmp_path / "own.toml", defaults=root / DEFAULTS)


def test_every_shipped_config_loads(root):
    paths = sorted((root / "configs").glob("*.toml"))
    assert len(paths) >= 3
    for path in paths:
        config = load_config(path, defaults=root / DEFAULTS)
        for stage in ("detect", "localize"):
            build_model(**config[f"{stage}_network"], n_leads=12, n_outputs=1)


def test_run_network_does_not_depend_on_the_batch():
    network = build_model("hybrid", n_leads=12, n_outputs=6)
    windows = np.random.default_rng(0).standard_normal((9, 12, 700)).astype(np.float32)
    whole = run_network(network, windows)
    assert whole.shape == (9, 6)
    assert np.allclose(whole, run_network(network, windows, batch_size=2), atol=1e-5)


def test_bundle_comes_back_as_it_was_written(bundle):
    loaded = load_bundle(bundle)
    again = bundle / "again"
    save_bundle(again, loaded.networks, loaded.card)
    assert (again / WEIGHTS).read_bytes() == (bundle / WEIGHTS).read_bytes()
    assert load_bundle(again).sha256 == loaded.sha256


def test_changed_weights_are_refused(bundle):
    content = bytearray((bundle / WEIGHTS).read_bytes())
    content[-1] ^= 1
    (bundle / WEIGHTS).write_bytes(content)
    with pytest.raises(BundleError, match="checksum"):
        load_bundle(bundle)


def _rewrite_card(bundle, change):
    card = json.loads((bundle / CARD).read_text())
    change(card)
    (bundle / CARD).write_text(json.dumps(card))


@pytest.mark.parametrize(
    "change",
    [
        lambda card: card["stages"]["detect"]["network"].update(n_outputs=6),
        lambda card: card["stages"]["detect"]["network"].update(name="unheard"),
        lambda card: card["stages"]["detect"]["network"].update(unheard=1),
        lambda card: card["stages"]["detect"].pop("network"),
        lambda card: card["stages"].update(localize=card["stages"]["detect"]),
        lambda card: card.pop("thresholds"),
    ],
)
def test_a_card_for_another_network_is_refused(bundle, change):
    _rewrite_card(bundle, change)
    with pytest.raises(BundleError, match="copy the bundle again"):
        load_bundle(bundle)


def test_missing_and_broken_files_are_named(bundle, tmp_path):
    with pytest.raises(BundleError, match=CARD):
        load_bundle(tmp_path / "nowhere")
    (bundle / WEIGHTS).unlink()
    with pytest.raises(BundleError, match=WEIGHTS):
        load_bundle(bundle)
    (bundle / CARD).write_text("{")
    with pytest.raises(BundleError, match="not JSON"):
        load_bundle(bundle)


def test_a_tensor_too_many_is_refused(bundle):
    tensors = load_file(bundle / WEIGHTS)
    save_file(tensors | {"detect.extra": torch.zeros(1)}, bundle / WEIGHTS)
    import hashlib

    sha256 = hashlib.sha256((bundle / WEIGHTS).read_bytes()).hexdigest()
    _rewrite_card(bundle, lambda card: card.update(weights_sha256=sha256))
    with pytest.raises(BundleError, match="do not fit"):
        load_bundle(bundle)
