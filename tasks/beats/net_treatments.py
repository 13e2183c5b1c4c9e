"""What each treatment of imbalance does for a network of beats, one at a time, as a table in Markdown.

    python -m tasks.beats.net_treatments --data data/mitdb --out runs/beats-treatments   # some fifteen minutes on one core

Records of DS1, out of fold. Each training is decided by the likeliest class, and by offsets that were chosen on the other
folds. Stopped, it goes on with the same command: what is finished is not done again.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from cardiac.errors import ConfigError
from cardiac.files import replace_file
from tasks.beats.examples import find_data
from tasks.beats.labels import DS1
from tasks.beats.net_examples import read_beats
from tasks.beats.train_net import DEFAULTS, MODELS, fit, table
from utils import load_config, run_command

TREATMENTS = {
    "nothing": ["train.class_power=0"],
    "weights, root": ["train.class_power=0.5"],
    "weights, whole": ["train.class_power=1"],
    "focal, 2": ["train.class_power=0", "train.focal=2"],
    "balanced blocks": ["train.class_power=0", "data.sampling=balanced"],
}
SCORES = "scores.json"
THIN = 8  # of the N one in so many an epoch, in all of them
ALONE = ["train.smoothing=0"]  # so that nothing else evens the classes out


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. 0; 1 for data that cannot be used, 2 for wrong settings, 130 when stopped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=MODELS, default="residual", help="which network (%(default)s)")
    parser.add_argument("--epochs", type=int, default=3, help="of each training (%(default)s)")
    parser.add_argument("--data", type=Path, help="the MIT-BIH database's folder; else $ECG_DATA/mitdb, data/mitdb")
    parser.add_argument("--out", type=Path, default=Path("runs/beats-treatments"), help="folder (%(default)s)")
    options = parser.parse_args(arguments)
    if options.epochs < 1:
        parser.error("--epochs must be at least 1")

    own = [f"model.name={options.model}", f"{options.model}.epochs={options.epochs}", f"{options.model}.thin={THIN}"]

    def train() -> int:
        rows, beats = {}, read_beats(find_data(options.data), DS1)
        for name, settings in TREATMENTS.items():
            out = options.out / name.replace(", ", "-").replace(" ", "-")
            config = load_config(DEFAULTS, [*ALONE, *settings, *own], DEFAULTS)
            kept = json.loads((out / SCORES).read_text()) if (out / SCORES).is_file() else None
            if kept and kept["config"] != config:
                raise ConfigError(f"{out} was trained with other settings: choose another --out")
            scores = kept["scores"] if kept else fit(config, beats, out, resume=True, bundle=False)
            replace_file(out / SCORES, json.dumps({"config": config, "scores": scores}).encode())
            rows |= {name: scores["likeliest"], f"{name}, threshold": scores["f1"]}
        print(f"F1 out of fold, {len(DS1)} records of DS1, {options.model}, {options.epochs} epochs:\n\n{table(rows)}")
        return 0

    return run_command(train, bad_data=1, stopped="Stopped: the same command goes on.", written_to="--out")


if __name__ == "__main__":
    sys.exit(main())
