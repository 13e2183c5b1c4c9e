"""Training that goes on from weights learnt elsewhere."""

import dataclasses

import pytest
import torch
from safetensors.torch import load_file

import train
from bundles import bundle_checksum, load_bundle
from cardiac.errors import ConfigError
from learning.network import init_from
from tasks.mi import BUNDLE
from tasks.mi.simulate import simulate_dataset
from tests.card_files import read_card
from utils import load_config

SMALL = ["train.epochs=1", "data.n_folds=2", "network.widths=[8, 8, 8]", "network.depth=1", "train.crop=200"]
SMALL += ["trees.n_trees=0"]
DATASET = simulate_dataset(30, seed=1)


@pytest.fixture(scope="module")
def fitted(root, tmp_path_factory):
    return train.fit(
        load_config(root / "configs/mi.toml", SMALL), DATASET, tmp_path_factory.mktemp("run") / "first"
    ).out


def from_parent(root, folder):
    settings = [*SMALL, f"train.init_from={folder}", "train.learning_rate=1e-12"]
    return load_config(root / "configs/mi.toml", settings)


def test_training_goes_on_from_a_bundles_weights(root, fitted, tmp_path):
    out = train.fit(from_parent(root, fitted), simulate_dataset(30, seed=7), tmp_path / "on").out
    before, after = (load_file(folder / "weights.safetensors") for folder in (fitted, out))
    assert before.keys() == after.keys()
    learnt = [name for name in before if "running" not in name and "num_batches" not in name]
    assert len(learnt) > 50
    assert all(torch.allclose(before[name], after[name], atol=1e-6) for name in learnt)
    assert read_card(out)["training"]["parent_sha256"] == bundle_checksum(fitted)


def test_weights_that_learnt_from_these_recordings_are_refused(root, fitted, tmp_path):
    with pytest.raises(ConfigError, match="these weights learnt from these recordings"):
        train.fit(from_parent(root, fitted), DATASET, tmp_path / "again")


def test_weights_of_another_network_are_refused():
    other = dataclasses.replace(load_bundle(BUNDLE, "torch"), networks=[torch.nn.Linear(2, 3)])
    with pytest.raises(ConfigError, match="no weight of 'hybrid' fits the network"):
        init_from(torch.nn.BatchNorm2d(5), other)
