"""A detector that learns nothing: its folds score what was chosen. It says who trains what, and waits to be let on.

train.hold : a folder. Each training leaves a file there, and goes on once there is one called "go".
"""

import os
import uuid
from pathlib import Path

from tests.patience import wait_until

DEFAULTS = DEMO = Path(__file__).with_name("counted.toml")
SPACE = Path(__file__).with_name("counted_space.toml")


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
        wait_until((Path(hold) / "go").exists)
    for fold in range(config["data"]["n_folds"]):
        report({"fold": fold, "score": rate})
    (out / "train.log").touch()
