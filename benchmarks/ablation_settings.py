"""What each ablation of benchmarks.ablations changes, and what settings were called when the kept ones were trained."""

from pathlib import Path

from bundles import ROOT
from cardiac.errors import ConfigError
from utils import Config, load_config

PRETRAINED = Path("runs/ablations/pretrained")  # written by benchmarks.pretrain


WIDER = ["network.widths=[64, 96, 128]", "network.stem_width=48", "network.token_width=96"]


MORE_WEAK = '["ptb-xl-100hz", "ptb-xl", "ptb-xl-filtered"]'  # what is in two of them is taken from the first


WIDE = "wider (twice the work)"


# Name -> settings that differ from configs/ablations.toml. As many seconds of ECG are seen in all, but where it says so.
ABLATIONS: dict[str, list[str]] = {
    "base": [],
    "pooled by the greatest window": ["detect.pool=max", "localize.pool=max"],
    "pooled by the top quarter of windows": ["detect.pool=top", "localize.pool=top"],
    "pooled by the mean logit": ["detect.pool=logit_mean", "localize.pool=logit_mean"],
    "twice the epochs (more work)": ["train.epochs=16"],
    "half of the records": ["data.record_share=0.5", "train.epochs=11"],
    "a quarter of the records": ["data.record_share=0.25", "train.epochs=13"],
    "three quarters of the records": ["data.record_share=0.75", "train.epochs=9"],
    "without weak data sets and PTB-XL's codes": ["data.weak_datasets=[]", "train.epochs=16", "train.auxiliary_weight=0"],
    "with PTB-XL's records of 100 Hz": [f"data.weak_datasets={MORE_WEAK}", "train.epochs=6"],
    "without PTB-XL's codes": ["train.auxiliary_weight=0"],
    "weak data sets' targets hard (1 and 0)": ["data.weak_present=1.0", "data.weak_absent=0.0"],
    "softer targets where PTB-XL disagrees (0.2)": ["data.disagreement=0.2"],
    "noisy records count half": ["data.noisy_weight=0.5"],
    "heart turned by 10 degrees": ["train.turn=10"],
    "sections read 15 % faster or slower": ["train.warp=0.15"],
    "without mixup": ["train.mixup=0.0"],
    "without lost leads": ["train.lead_drop=0.0"],
    "without noise and gain": ["train.noise=0.0", "train.gain=0.0"],
    "without label smoothing": ["train.label_smoothing=0.0"],
    "without averaged weights": ["train.average_decay=0.0"],
    "infarctions once an epoch": ["train.infarction_repeats=1", "train.epochs=9"],
    "positives weighted 2": ["train.positive_weight=2"],
    "focal loss": ["train.focus_present=2.0", "train.focus_absent=2.0"],
    "asymmetric loss": ["train.focus_absent=2.0"],
    "every lead to unit variance": ["signal.scale=lead"],
    "without leads at a like size": ["network.with_shapes=false"],
    "high-pass at 0.2 Hz": ["signal.low_hz=0.2"],
    "500 Hz": ["signal.fs_hz=500", "signal.section=5000", "train.crop=1250", "detect.window=800", "detect.hop=100",
               "localize.window=700", "localize.hop=50", "network.stem_stride=10"],
    "windows of 0.8 s": ["detect.window=80", "detect.hop=10", "localize.window=70", "localize.hop=5"],
    "windows of 2.5 s": ["detect.window=250", "detect.hop=30", "localize.window=250", "localize.hop=30"],
    "without the transformer's layers": ["network.depth=0"],
    "infarction alone": ["localize.weight=0"],
    "sites alone": ["detect.weight=0"],
    "sites' loss counts thrice": ["localize.weight=1.5"],
    "pre-trained without labels (benchmarks.pretrain)": [f"train.init_from={PRETRAINED}"],
    "batches of 48": ["train.batch_size=48", "train.learning_rate=3e-3"],
    WIDE: WIDER,
    "wider, sections of 1.6 s": [*WIDER, "train.crop=160", "train.epochs=12"],
    "wider, sections of 5 s": [*WIDER, "train.crop=500", "train.epochs=4"],
    "wider, batches of 12": [*WIDER, "train.batch_size=12"],
    "wider, weak data sets' sites count half": [*WIDER, "data.companion_sites=0.5"],
}  # fmt: skip


# Settings that bought nothing and are gone from the code, with the value that left a training as it is. What was kept of
# the ablations that changed one stays in the table; they cannot be trained again.
GONE = {
    "data.companion_sites": 0.0,
    "data.disagreement": 0.0,
    "data.noisy_weight": 1.0,
    "train.positive_weight": 1.0,
    "train.turn": 0.0,
    "train.warp": 0.0,
    "train.focus_present": 0.0,
    "train.focus_absent": 0.0,
}


RETIRED = [name for name, settings in ABLATIONS.items() if any(each.partition("=")[0] in GONE for each in settings)]


# Settings by the names that they had when the ablations that are kept were trained.
FORMER_NAMES = {
    "data.companions": "data.weak_datasets",
    "data.companion_present": "data.weak_present",
    "data.companion_absent": "data.weak_absent",
    "train.begin_from": "train.init_from",
}


# What was shipped before: benchmarks/results/NAME.npz, out of fold in the same folds.
FORMER = {
    "former-1": "shipped first: a network for each stage, none of PTB-XL's other records",
}


SAME_WEIGHTS = [name for name, settings in ABLATIONS.items() if settings and all(".pool=" in each for each in settings)]


def slug(name: str) -> str:
    """An ablation's name as part of a file's."""
    return "-".join("".join(each if each.isalnum() or each in ".%" else " " for each in name).split())


def settings_of(name: str, seed: int) -> Config:
    """All settings of an ablation. Raises ConfigError for one that is retired."""
    if name in RETIRED:
        raise ConfigError(f"{name!r} cannot be trained again: the code for it is gone, its results are kept")
    given = [*ABLATIONS[name], f"train.seed={seed}", "train.members=1"]
    return load_config(ROOT / "configs/ablations.toml", given, ROOT / "configs/mi.toml")
