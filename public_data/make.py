"""Make the demonstration records of this folder again: the same bytes on every machine.

python public_data/make.py           # write them here
python public_data/make.py --check   # only compare what is here with what would be made
"""

import argparse
import hashlib
import io
import sys
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from cardiac.files import replace_file  # noqa: E402
from tasks.mi.labels import COLUMNS, NORM, RECORD_COLUMN, SITES  # noqa: E402  (the path above comes first)
from tasks.mi.simulate import Simulated, simulate_record  # noqa: E402

SEED = 2023
N_HEALTHY, N_PER_SITE = 10, 3


def simulate_all() -> dict[str, Simulated]:
    """The 28 records by name: ten healthy hearts and three infarctions at each site, shuffled."""
    sites = [None] * N_HEALTHY + [site for site in SITES for _ in range(N_PER_SITE)]
    order = np.random.default_rng(SEED).permutation(len(sites))
    return {
        f"sim_{place:02d}": simulate_record(SEED + place, sites[index]) for place, index in enumerate(order, start=1)
    }


def make_files(simulated: dict[str, Simulated]) -> dict[str, bytes]:
    """Every file of this folder by its path in it, in the task's layout, with truth.csv and checksums beside."""
    files = {}
    for name, each in simulated.items():
        content = io.BytesIO()
        np.save(content, each.record.signal)
        files[f"test/{name}.npy"] = content.getvalue()
    names = pd.DataFrame({RECORD_COLUMN: list(simulated)})
    meta = pd.DataFrame({"patient_id": range(1, len(names) + 1), "age": "", "sex": "", "height": "", "weight": ""})
    truth = names.copy()
    for site in SITES:
        truth[COLUMNS[site]] = [int(each.site == site) for each in simulated.values()]
    truth[COLUMNS[NORM]] = [int(each.site is None) for each in simulated.values()]
    form = truth.copy()
    form[list(COLUMNS.values())] = 0
    truth["r_peaks"] = [" ".join(map(str, each.r_peaks)) for each in simulated.values()]
    tables = {"test/test_meta.csv": meta.join(names), "sample_submission.csv": form, "truth.csv": truth}
    files |= {path: table.to_csv(index=False, lineterminator="\n").encode() for path, table in tables.items()}
    sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {path}\n" for path, content in sorted(files.items()))
    return files | {"SHA256SUMS": sums.encode()}


def main() -> int:
    """The command line. 0; 1 where --check finds a file that differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; say what differs")
    check = parser.parse_args().check
    differing = []
    for path, content in make_files(simulate_all()).items():
        place = HERE / path
        if check:
            differing += [path] if not place.is_file() or place.read_bytes() != content else []
        else:
            place.parent.mkdir(exist_ok=True)
            replace_file(place, content)
    for path in differing:
        print(f"{path}: differs from what `python public_data/make.py` makes", file=sys.stderr)
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
