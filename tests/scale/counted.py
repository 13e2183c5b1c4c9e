"""A detector that learns nothing: its folds score what was chosen. It says who trains what, and waits to be let on.

train.hold : a folder. Each training leaves a file there, and goes on once there is one called "go", or "go1" for the first
of its process.
"""

import os
import uuid
from itertools import count
from pathlib import Path

from tests.patience import wait_until

DEFAULTS = DEMO = Path(__file__).with_name("counted.toml")
SPACE = Path(__file__).with_name("counted_space.toml")
N_BEGUN = count(1)  # in this process


def open_data(folder, config):
    return None


def demonstration(config):
    return None


def fit(config, dataset, out, resume=False, report=None, bundle=True):
    out.mkdir(parents=True, exist_ok=True)
    goes_on = (out / "begun").exists()
    (out / "begun").touch()
    rate, hold = config["train"]["rate"], config["train"]["hold"]
    if hold:
        (Path(hold) / f"{uuid.uuid4().hex}.training").write_text(f"{os.getpid()} {rate!r} {goes_on}", encoding="ascii")
        own = Path(hold) / f"go{next(N_BEGUN)}"
        wait_until(lambda: own.exists() or own.with_name("go").exists())
    for fold in range(config["data"]["n_folds"]):
        report({"fold": fold, "score": rate})
    (out / "train.log").touch()
