"""Write simulated pulse waves into a table as the original's: `Unnamed: 0`, 2,000 sample columns, `Label` MI or Normal.

    python -m tasks.ppg.simulate --out pulses.csv        # 400 segments of 10 s at 200 Hz, of 100 made-up people

They are drawn from formulas and are no recordings of anybody: there is no open set of pulse waves in infarction. What is called
MI here has, on average, a faster and less variable pulse, a weaker and later reflected wave and a slower upstroke. A classifier
that learns it has learnt these formulas, nothing about infarction.
"""

import argparse
import io
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cardiac.errors import ConfigError
from cardiac.files import replace_file
from utils import run_command

FS_HZ, N_SAMPLES, N_SEGMENTS, OF_ONE = 200.0, 2_000, 400, 4
KINDS = ("MI", "Normal")
NOTICE = "Simulated pulse waves, no recordings: nothing about infarction can be learnt from them."
# mean and deviation over people: beats a minute, variation of intervals, reflected wave's height and delay in s, upstroke in s
PEOPLE = {
    "MI": ((86, 11), (0.02, 0.008), (0.22, 0.08), (0.30, 0.03), (0.13, 0.015)),
    "Normal": ((70, 10), (0.045, 0.015), (0.38, 0.1), (0.25, 0.03), (0.105, 0.012)),
}


def simulate_segment(kind: str, person: int, part: int, fs_hz: float = FS_HZ, n_samples: int = N_SAMPLES) -> np.ndarray:
    """One segment in arbitrary units, float (n_samples,): pulses of two waves each, breath, drift and noise."""
    own = np.random.default_rng([KINDS.index(kind), person])
    pulse, variation, reflected, delay_s, rise_s = (own.normal(*each) for each in PEOPLE[kind])
    rng = np.random.default_rng([KINDS.index(kind), person, part])
    time_s, interval_s = np.arange(n_samples) / fs_hz, 60 / max(pulse, 40)
    beats = rng.uniform(-interval_s, 0) + np.cumsum(
        interval_s * (1 + max(variation, 0.005) * rng.standard_normal(int(time_s[-1] / interval_s * 1.5) + 4))
    )
    since = time_s[:, None] - beats[None]  # (n_samples, n_beats)
    width = max(rise_s, 0.05) * (1 + (since > 0))  # falls twice as slowly as it rises
    wave = np.exp(-0.5 * (since / width) ** 2) + max(reflected, 0.05) * np.exp(-0.5 * ((since - delay_s) / 0.09) ** 2)
    breath = 0.08 * np.sin(2 * np.pi * (0.25 * time_s + rng.random()))
    drift = rng.uniform(-0.5, 0.5) * time_s / time_s[-1]
    return wave.sum(axis=1) * (1 + breath) + breath + drift + 0.01 * rng.standard_normal(n_samples)


def simulate_table(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Segments (n, N_SAMPLES), their labels and made-up people, str (n,)."""
    people, kinds = np.arange(n) // OF_ONE, np.array(KINDS)[np.arange(n) // OF_ONE % 2]
    values = [simulate_segment(str(kind), int(who), i) for i, (kind, who) in enumerate(zip(kinds, people, strict=True))]
    return np.stack(values), kinds, np.array([f"simulated{who}" for who in people])


def made_segments(n: int, window_s: float, fs_hz: float = 100.0) -> np.ndarray:
    """Simulated segments, again and again with other noise, float (n, n_samples) at fs_hz."""
    n_samples = round(window_s * fs_hz)
    some = np.stack([simulate_segment(KINDS[i % 2], i, 0, fs_hz, n_samples) for i in range(64)])
    return np.resize(some, (n, n_samples)) + 0.02 * np.random.default_rng(0).standard_normal((n, n_samples))


def write_simulated(path: Path, n: int, patients: bool) -> None:
    """The table as a CSV file. patients : with a column that says whose a segment is."""
    values, kinds, people = simulate_table(n)
    content = io.StringIO()
    content.write(",".join(["Unnamed: 0", *map(str, range(N_SAMPLES)), "Label", *["patient"] * patients]) + "\n")
    for index, (row, kind, who) in enumerate(zip(values, kinds, people, strict=True)):
        content.write(",".join([str(index), *(f"{each:.4f}" for each in row), kind, *[who] * patients]) + "\n")
    replace_file(path, content.getvalue().encode())


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the table to write")
    parser.add_argument("--segments", type=int, default=N_SEGMENTS, help="how many (%(default)s)")
    parser.add_argument("--patients", action="store_true", help="add a column that says whose a segment is")
    options = parser.parse_args(arguments)

    def command() -> int:
        if options.segments < 1:
            raise ConfigError(f"--segments is {options.segments}: give 1 or more")
        write_simulated(options.out, options.segments, options.patients)
        print(f"{options.segments} segments of {N_SAMPLES} samples at {FS_HZ:g} Hz are in {options.out}.\n{NOTICE}")
        return 0

    return run_command(command)


if __name__ == "__main__":
    sys.exit(main())
