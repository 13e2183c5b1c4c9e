"""Seed, settings, the last lines of a command line, and what importing all this costs."""

import errno
import subprocess
import sys

import numpy as np
import pytest
import torch

from cardiac.errors import CardiacError, ConfigError
from models import build_model
from utils import load_config, run_command, seed_everything

DEFAULTS = "configs/mi.toml"


def test_same_seed_same_numbers_other_seed_others():
    draws = []
    for seed in (3, 3, 4):
        seed_everything(seed)
        draws.append((np.random.random(), torch.rand(1).item()))
    assert draws[0] == draws[1]
    assert draws[0][0] != draws[2][0]
    assert draws[0][1] != draws[2][1]


def test_settings_are_taken_in_their_kind(root):
    settings = ["train.learning_rate=1", "detect.pool=max", "network.head_dropout=0.2", "network.widths=[8, 8, 8]"]
    changed = load_config(root / DEFAULTS, settings)
    assert changed["train"]["learning_rate"] == 1.0
    assert isinstance(changed["train"]["learning_rate"], float)
    assert changed["detect"]["pool"] == "max"
    plain = load_config(root / DEFAULTS)
    assert changed["network"] == plain["network"] | {"head_dropout": 0.2, "widths": (8, 8, 8)}
    assert changed["localize"] == plain["localize"]


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("train.epoch=3", "no setting train.epoch: did you mean train.epochs"),
        ("detect.windw=3", "detect.window"),
        ("detct.window=3", "did you mean detect"),
        ("train.epochs=many", "give a value like 12"),
        ("train.epochs=2.5", "give a value like 12"),
        ("train.one_cycle=1", "give a value like True"),
        ("decide.calibration=3", "give a value like 'beta'"),
        ("network.dept=1", "network.depth"),
        ("network.depth=deep", "give a value like 2"),
        ("network.name=hybird", "did you mean hybrid"),
        ("epochs=3", "section.key=value"),
        ("train.seed", "section.key=value"),
    ],
)
def test_wrong_settings_are_refused(root, setting, told):
    with pytest.raises(ConfigError, match=told):
        load_config(root / DEFAULTS, [setting])


def test_another_network_takes_none_of_the_defaults_arguments(root, tmp_path):
    (tmp_path / "own.toml").write_text("[network]\ndepth = 1\n")
    (tmp_path / "other.toml").write_text('[network]\nname = "reference"\nheads = [3, 2]\n')
    defaults = tmp_path / "defaults.toml"
    defaults.write_text((root / DEFAULTS).read_text(encoding="utf-8").replace('"hybrid"', '"hybrid"\nspan = 9'))
    own = load_config(tmp_path / "own.toml", defaults=defaults)["network"]
    assert (own["name"], own["span"], own["depth"]) == ("hybrid", 9, 1)
    told = load_config(tmp_path / "other.toml", defaults=defaults)["network"]
    assert told == {"name": "reference", "heads": [3, 2]}


def test_a_file_changes_only_what_it_names(root, tmp_path):
    (tmp_path / "own.toml").write_text("[train]\nbatch_size = 8\n")
    config = load_config(tmp_path / "own.toml", defaults=root / DEFAULTS)
    assert config["train"]["batch_size"] == 8
    assert config["detect"] == load_config(root / DEFAULTS)["detect"]
    (tmp_path / "own.toml").write_text("[train]\nbatchsize = 8\n")
    with pytest.raises(ConfigError, match=r"train\.batch_size"):
        load_config(tmp_path / "own.toml", defaults=root / DEFAULTS)


def test_every_shipped_config_of_infarctions_loads(root):
    others = ("waves", "beats", "rr", "ppg")  # with settings of their own, read by their own tests
    paths = sorted(path for path in (root / "configs").glob("*.toml") if not path.stem.startswith(others))
    assert len(paths) >= 3
    for path in paths:
        config = load_config(path, defaults=root / DEFAULTS)
        windows = [config[stage]["window"] // 10 for stage in ("detect", "localize")]  # a reference of less memory
        build_model(**config["network"], n_leads=12, n_outputs=[1, 6], windows=windows)


def raiser(error):
    def work():
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "options", "status", "told"),
    [
        (CardiacError("a sentence"), {}, 2, "a sentence\n"),
        (CardiacError("a sentence"), {"bad_data": 1}, 1, "a sentence\n"),
        (ConfigError("a setting"), {"bad_data": 1}, 2, "a setting\n"),
        (KeyboardInterrupt(), {"stopped": "It goes on."}, 130, "\nIt goes on.\n"),
        (BrokenPipeError(), {}, 1, ""),
        (
            OSError(errno.ENOSPC, "full"),
            {"written_to": "--out"},
            2,
            "cannot be written or read ([Errno 28] full): look at the disk and at --out\n",
        ),
    ],
)
def test_a_command_ends_in_one_sentence_and_a_status(error, options, status, told, capfd):
    assert run_command(raiser(error), **options) == status
    assert capfd.readouterr().err == told


def test_a_fault_of_the_program_is_no_sentence():
    with pytest.raises(TypeError):
        run_command(raiser(TypeError("a fault")))
    assert run_command(lambda: 1) == 1


def test_importing_them_brings_no_heavy_package():
    """What the stream and the site's workers start with: torch, safetensors and pandas come where they are used."""
    asked = "import sys, utils, cards, runtimes, bundles, inference; print([m for m in {} if m in sys.modules])"
    heavy = ["torch", "safetensors", "onnxruntime", "pandas", "sklearn", "matplotlib", "models"]
    done = subprocess.run([sys.executable, "-c", asked.format(heavy)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
