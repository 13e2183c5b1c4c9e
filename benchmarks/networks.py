"""Parameters and speed of our networks and of the reference solution's, on random windows, as a table.

python -m benchmarks.networks
"""

import argparse
import time

import numpy as np
import torch

from cardiac.windows import WindowPlan, window_starts
from models import build_model
from utils import ROOT, Config, load_config, pick_device, run_network, seed_everything

N_SAMPLES = 5_000  # ten seconds at 500 Hz


def time_record(config: Config, stage: str, one_by_one: bool, repeats: int) -> tuple[int, int, float]:
    """Windows a record, parameters, and the median seconds that one record's windows take."""
    plan = WindowPlan.of(config[stage])
    network = build_model(**config[f"{stage}_network"], n_leads=12, n_outputs=1 if stage == "detect" else 6)
    network.to(pick_device())
    n_windows = len(window_starts(N_SAMPLES, plan))
    windows = np.random.default_rng(0).standard_normal((n_windows, 12, plan.window)).astype(np.float32)
    seconds = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        run_network(network, windows, 1 if one_by_one else n_windows)
        seconds.append(time.perf_counter() - started)
    n_parameters = sum(parameter.numel() for parameter in network.parameters())
    return n_windows, n_parameters, float(np.median(seconds[1:]))  # the first run warms up


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=10, help="timed runs of each (%(default)s)")
    repeats = parser.parse_args().repeats
    seed_everything(0)
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, device {pick_device()}\n")
    print("| network | stage | parameters | windows a record | ms a record | records/s |\n|---|---|---|---|---|---|")
    for name in ("mi", "reference"):
        config = load_config(ROOT / f"configs/{name}.toml", defaults=ROOT / "configs/mi.toml")
        for stage in ("detect", "localize"):
            n_windows, n_parameters, seconds = time_record(config, stage, name == "reference", repeats)
            rate = f"{1e3 * seconds:.1f} | {1 / seconds:.0f}"
            print(f"| {name} | {stage} | {n_parameters:,} | {n_windows} | {rate} |")


if __name__ == "__main__":
    main()
