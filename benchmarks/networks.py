"""Parameters and speed of our networks and of the reference solution's, on random windows, as a table.

python -m benchmarks.networks
"""

import argparse
import time

import numpy as np
import torch
from torch import nn

from cardiac.windows import WindowPlan, window_starts
from models import build_model
from utils import ROOT, Config, load_config, pick_device, run_networks, seed_everything

SECONDS = 10.0


def time_record(config: Config, one_by_one: bool, repeats: int) -> tuple[int, int, float]:
    """Windows of both stages a record, parameters, and the median seconds that one record takes."""
    plans = [WindowPlan.of(config[stage]) for stage in ("detect", "localize")]
    windows = [plan.window for plan in plans]
    network = build_model(**config["network"], n_leads=12, n_outputs=[1, 6], windows=windows).to(pick_device())
    n_samples = round(SECONDS * config["signal"]["fs_hz"])
    signal = np.random.default_rng(0).standard_normal((12, n_samples)).astype(np.float32)
    starts = [window_starts(n_samples, plan) for plan in plans]
    seconds = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        if one_by_one:
            _one_by_one(network, signal, starts)
        else:
            run_networks([network], signal, plans, n_samples)
        seconds.append(time.perf_counter() - started)
    n_parameters = sum(parameter.numel() for parameter in network.parameters())
    return sum(map(len, starts)), n_parameters, float(np.median(seconds[1:]))  # the first run warms up


@torch.inference_mode()
def _one_by_one(network: nn.Module, signal: np.ndarray, starts: list[np.ndarray]) -> None:
    """Each window by itself, as the reference's program gives them to its networks."""
    inputs = torch.from_numpy(signal[None]).to(pick_device())
    for stage, at in enumerate(starts):
        for start in at:
            only = [torch.tensor([start] if place == stage else [], dtype=torch.int64) for place in range(len(starts))]
            network.eval()(inputs, only)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=10, help="timed runs of each (%(default)s)")
    repeats = parser.parse_args().repeats
    seed_everything(0)
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, device {pick_device()}\n")
    print("| network | parameters | windows a record | ms a record | records/s |\n|---|---|---|---|---|")
    for name in ("mi", "reference"):
        config = load_config(ROOT / f"configs/{name}.toml", defaults=ROOT / "configs/mi.toml")
        n_windows, n_parameters, seconds = time_record(config, name == "reference", repeats)
        print(f"| {name} | {n_parameters:,} | {n_windows} | {1e3 * seconds:.1f} | {1 / seconds:.0f} |")


if __name__ == "__main__":
    main()
