"""What the quality checks catch and whom they blame, as tables.

    python -m benchmarks.quality --data data/aiijc          # three minutes on one core
    python -m benchmarks.quality --data data/aiijc --fit    # what thresholds were set beside, and the constants

Thresholds were set on folds 0 to 2. The tables are of folds 3 and 4 and of the task's test records; intervals are
Wilson's (1927), 95 %, over records, nearly all of which are of different patients.
"""

import argparse
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from benchmarks.faults import Planted, all_faults
from bundles import ROOT
from cardiac.beats import find_beats, heart_rate_bpm
from cardiac.errors import RecordError
from cardiac.leads import INDEPENDENT, LEADS
from cardiac.metrics import wilson
from cardiac.quality.assess import KINDS, Quality, assess
from cardiac.quality.limbs import misfit
from cardiac.quality.measures import Measures, measure
from cardiac.quality.placement import QUICK_RR_S, changes, evidence, fit_scatter, limb_sizes, segment_products
from cardiac.records import record_from_array

FS_HZ = 500.0
HELD_OUT = (3, 4)
# PTB-XL's flag, and the kinds that are to answer it.
FLAGS = {
    "baseline_drift": ("wander",),
    "static_noise": ("muscle_noise", "hum"),
    "burst_noise": ("muscle_noise", "hum", "spikes", "lead_off"),
    "electrodes_problems": ("flat", "lead_off", "clipped"),
    "pacemaker": ("pacemaker",),
}
PLACEMENT = (
    "arms_exchanged", "arm_leg_exchanged", "left_arm_leg_exchanged", "leg_electrode", "chest_order", "lead_inverted",
    "leads_exchanged", "limb_leads_disagree", "wrong_gain",
)  # fmt: skip
# By which all leads together are off: 200 is a gain of 5 instead of 1000, 5 one of 200.
GAINS = {"1": 1, "2": 2, "5": 5, "10": 10, "100": 100, "200": 200, "1/2": 1 / 2, "1/5": 1 / 5, "1/10": 1 / 10}
NOISE = ("baseline_drift", "static_noise", "burst_noise", "electrodes_problems")


def share_of(hits: Iterable[bool]) -> str:
    """A share with its interval, as cells of a table: share, interval, hits, records."""
    hits = list(hits)
    low, high = wilson(sum(hits), len(hits))
    share = sum(hits) / max(len(hits), 1)
    return f"{share:.3f} | {low:.3f} to {high:.3f} | {sum(hits)} | {len(hits)}"


def says(quality: Quality, kinds: tuple[str, ...], leads: tuple[str, ...] = (), severity: str = "warning") -> bool:
    """Whether a reason is of one of these kinds and names all these leads."""
    fitting = [reason for reason in quality.reasons if reason.kind in kinds]
    if severity == "rejected":
        return any(reason.severity == "rejected" for reason in fitting)
    return bool(fitting) and set(leads) <= {lead for reason in fitting for lead in reason.leads}


def read_signal(folder: Path, record_id: str) -> np.ndarray:
    """One of the task's recordings, float32 (12, 5000), mV."""
    return np.load(folder / f"{record_id}.npy", allow_pickle=False)


def against_flags(flags: pd.DataFrame, qualities: dict[str, Quality]) -> list[str]:
    """The table against PTB-XL's flags. flags : bool, by record_id."""
    clean = flags.index[~flags[list(NOISE)].any(axis=1)]
    lines = ["| PTB-XL's flag, and our kinds | share | 95 % interval | hits | records |", "|---|---|---|---|---|"]
    for flag, kinds in FLAGS.items():
        listed = ", ".join(kinds)
        positives = flags.index[flags[flag]]
        negatives = flags.index[~flags[flag]] if flag == "pacemaker" else clean
        lines.append(f"| {flag} ({listed}): caught | {share_of(says(qualities[name], kinds) for name in positives)} |")
        blamed = share_of(says(qualities[name], kinds) for name in negatives)
        lines.append(f"| {flag}: blamed without {'it' if flag == 'pacemaker' else 'any noise flag'} | {blamed} |")
    return lines


def by_infarction(infarction: pd.Series, qualities: dict[str, Quality]) -> list[str]:
    """Whose leads or electrodes are reported as misplaced: tracings with an infarction more often than others?"""
    lines = ["| said to have misplaced leads | share | 95 % interval | with it | records |", "|---|---|---|---|---|"]
    for truth, label in ((True, "with an infarction"), (False, "without")):
        names = infarction.index[infarction == truth]
        lines.append(f"| {label} | {share_of(says(qualities[name], PLACEMENT) for name in names)} |")
    return lines


def by_kind(head: str, qualities: list[Quality]) -> list[str]:
    """How many records have a reason of each kind, and how many are rejected."""
    lines = [f"| {head} | share | 95 % interval | with it | records |", "|---|---|---|---|---|"]
    for kind in KINDS:
        lines.append(f"| {kind} | {share_of(says(each, (kind,)) for each in qualities)} |")
    for status in ("ok", "warning", "rejected"):
        lines.append(f"| {status} | {share_of(each.status == status for each in qualities)} |")
    return lines


def planted(faults: list[Planted], folder: Path, names: list[str], before: dict[str, Quality]) -> list[str]:
    """The table of planted faults: kind and leads right, the kind right, and any reason that was not there before."""
    lines = [
        "| planted fault | kind and leads right | 95 % interval | hits | records | kind right | anything new |",
        "|---|---|---|---|---|---|---|",
    ]
    signals = {name: read_signal(folder, name) for name in names}
    for index, fault in enumerate(tqdm(faults, desc="planted faults", unit="fault", disable=None)):
        right, kind_right, new = [], [], []
        for number, name in enumerate(names):
            rng = np.random.default_rng([index, number])
            signal, leads = fault.plant(signals[name], FS_HZ, rng)
            quality = assess(signal, FS_HZ)
            had = {(reason.kind, reason.leads) for reason in before[name].reasons}
            right.append(says(quality, fault.kinds, leads, fault.severity))
            kind_right.append(says(quality, fault.kinds))
            new.append(any((reason.kind, reason.leads) not in had for reason in quality.reasons))
        lines.append(f"| {fault.name} | {share_of(right)} | {np.mean(kind_right):.3f} | {np.mean(new):.3f} |")
    return lines


def gains(folder: Path, names: list[str]) -> list[str]:
    """How often the gain of all leads is reported as off, the way that a file goes: read and checked, then assessed.

    Reported by a reason, or in the sentence of a refusal. At a gain of 1 it is reported of a right recording.
    """
    lines = [
        "| all leads times | said to be the gain or the unit | 95 % interval | said | records | no decision |",
        "|---|---|---|---|---|---|",
    ]
    signals = [read_signal(folder, name) for name in names]
    for label, gain in tqdm(GAINS.items(), desc="gains", unit="gain", disable=None):
        named, refused = zip(*[_names_gain(gain * signal) for signal in signals], strict=True)
        lines.append(f"| {label} | {share_of(named)} | {np.mean(refused):.3f} |")
    return lines


def _names_gain(signal: np.ndarray) -> tuple[bool, bool]:
    """Whether the gain is named, and whether there is no decision."""
    try:
        quality = assess(record_from_array(signal, FS_HZ).signal, FS_HZ)
    except RecordError as error:
        return "gain" in str(error), True
    return says(quality, ("overall_gain", "wrong_unit")), quality.status == "rejected"


def percentiles(measured: list[Measures]) -> list[str]:
    """What the leads of these records measure: what thresholds are set beside."""
    rows = {
        "muscle noise, mV, middle window": [np.median(each.muscle, axis=1) for each in measured],
        "50 Hz, mV, middle window": [np.median(each.hum[0], axis=1) for each in measured],
        "60 Hz, mV, middle window": [np.median(each.hum[1], axis=1) for each in measured],
        "baseline's range in three seconds, mV, largest": [each.wander.max(axis=1) for each in measured],
        "height of the QRS, mV, middle lead": [[np.median(np.median(each.heights, axis=1))] for each in measured],
    }
    sizes = np.array([limb_sizes(each.beat[:2], each.at_s) for each in measured])
    rows["size of II over the largest of I, II, III"] = list(sizes[:, 1:2] / sizes.max(axis=1, keepdims=True))
    rows["size of III over the largest of I, II, III"] = list(sizes[:, 2:3] / sizes.max(axis=1, keepdims=True))
    rows["misfit of the limb leads, 1 is tolerated"] = [misfit(each.products) for each in measured]
    at = (0, 0.5, 1, 50, 95, 99, 99.5, 100)
    lines = [
        "| measure | least | 0.5 % | 1 % | 50 % | 95 % | 99 % | 99.5 % | largest |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, values in rows.items():
        cells = " | ".join(f"{value:.3f}" for value in np.percentile(np.concatenate(values), at))
        lines.append(f"| {name} | {cells} |")
    return lines


def fit(folder: Path, names: list[str]) -> list[str]:
    """The constants of cardiac/placement.py from these records, and what the other thresholds are set beside."""
    products, quick, measured = [], [], []
    independent = [LEADS.index(lead) for lead in INDEPENDENT]
    for name in tqdm(names, desc="beats", unit="record", disable=None):
        signal = read_signal(folder, name).astype(np.float32)
        beats = find_beats(signal, FS_HZ)
        measures = measure(signal, FS_HZ, beats, 0, signal.shape[1])
        measured.append(measures)
        products.append(segment_products(measures.beat[independent], measures.at_s))
        rate_bpm = heart_rate_bpm(beats, FS_HZ)
        quick.append(rate_bpm is not None and 60.0 / rate_bpm < QUICK_RR_S)
    stacked = np.stack(products)
    lines = [*percentiles(measured), ""]
    for segment, name in enumerate(("P", "QRS", "T")):
        scatter = fit_scatter(stacked[:, segment])
        rows = [", ".join(f"{value:.4f}" for value in scatter[row, : row + 1]) for row in range(len(scatter))]
        lines += [f"scatter, {name}:", *rows]
    usable = np.ones(len(independent), dtype=bool)
    as_they_stand = np.stack([evidence(*each) for each in zip(products, [usable] * len(products), quick, strict=True)])
    lines += ["", "| change | 99.5 % | 99.8 % | largest | needed |", "|---|---|---|---|---|"]
    for change, values in zip(changes(), as_they_stand[~np.array(quick)].T, strict=True):
        high = " | ".join(f"{value:.2f}" for value in np.percentile(values, [99.5, 99.8, 100]))
        lines.append(f"| {change.kind}, {change.sentence('an infarction')[:60]} | {high} | {change.evidence} |")
    return lines


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT / "data/aiijc", help="folder with train/ and test/")
    parser.add_argument("--records", type=int, default=200, help="clean records that faults are planted in")
    parser.add_argument("--fit", action="store_true", help="print the constants of cardiac/placement.py")
    arguments = parser.parse_args()
    train, test = arguments.data / "train", arguments.data / "test"
    folds = pd.read_csv(ROOT / "checkpoints/mi/folds.csv").set_index("record_id")["fold"]
    table = pd.read_csv(train / "train_ptbxl.csv", dtype=str).set_index("record_name")
    if arguments.fit:
        names = list(folds.index[~folds.isin(HELD_OUT)])
        fitted = {
            name: assess(read_signal(train, name), FS_HZ) for name in tqdm(names, desc="folds 0 to 2", disable=None)
        }
        print("\n".join(against_flags(table.loc[names, list(FLAGS)].notna(), fitted)), end="\n\n")
        print("\n".join(fit(train, names)))
        return
    flags = table.loc[folds.index[folds.isin(HELD_OUT)], list(FLAGS)].notna()
    bar = tqdm(flags.index, desc="folds 3 and 4", unit="record", disable=None)
    qualities = {name: assess(read_signal(train, name), FS_HZ) for name in bar}
    clean = list(flags.index[~flags.any(axis=1)])
    print("\n".join(against_flags(flags, qualities)), end="\n\n")
    print("\n".join(by_kind("folds 3 and 4, no flag", [qualities[name] for name in clean])), end="\n\n")
    infarction = pd.read_csv(train / "train_gts.csv").set_index("record_name")["myocard"].loc[flags.index] == 1
    print("\n".join(by_infarction(infarction, qualities)), end="\n\n")
    some = list(np.random.default_rng(0).permutation(clean)[: arguments.records])
    print("\n".join(planted(all_faults(), train, some, qualities)), end="\n\n")
    print("\n".join(gains(train, clean)), end="\n\n")
    bar = tqdm(sorted(test.glob("*.npy")), desc="test records", unit="record", disable=None)
    of_test = {path.stem: assess(read_signal(test, path.stem), FS_HZ) for path in bar}
    print("\n".join(by_kind("the task's test records", list(of_test.values()))))
    for name, quality in of_test.items():
        for reason in quality.reasons:
            if reason.severity == "rejected":
                print(f"\nrejected: {name}: {reason.text}")


if __name__ == "__main__":
    main()
