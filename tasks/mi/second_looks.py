"""Go on from a shipped detector with a hospital's own labelled records, and offer a bundle where it is better there.

What it says of each record is nested: neither the step that is chosen, nor its models, nor their calibration and thresholds
have seen a record of the same fold. The bundle that is offered learnt from all records, by the step chosen on all.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from bundles import GRAPH, ROOT, WEIGHTS, Bundle, load_bundle, open_bundle, put_trees, save_bundle
from cardiac.errors import ConfigError
from cardiac.files import replace_file
from cardiac.metrics import Figures
from learning.run_folder import code_revision, training_run
from tasks.mi import BUNDLE
from tasks.mi.compare import LOSS, RULE, Compared, compare, format_compared, is_better, sites_line
from tasks.mi.datasets import Dataset
from tasks.mi.features import trees_entry
from tasks.mi.go_on import GoOn, as_parent, make_go_on
from tasks.mi.joining import Decisions
from tasks.mi.ladder import (
    AS_SHIPPED,
    AddTrees,
    KeepModels,
    Looks,
    Step,
    choose_step,
    decide_all,
    fit_step,
    nested,
    out_of_fold,
)
from tasks.mi.looks import Prepared, known_records, prepare_looks, require_enough
from tasks.mi.model_card import model_card
from tasks.mi.out_of_fold import OutOfFold, write_out_of_fold
from utils import Config, pick_device

STEPS = ("decisions", "trees", "network")
REPORT = "second_looks.md"
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Learnt:
    """What came of it. step : chosen on all records, None for the bundle as it is.  losses : out of fold, by step.

    taken : the step of every fold.  better : whether a bundle is offered.  written : whether it lies in the run's folder.
    """

    step: str | None
    losses: Mapping[str, float]
    taken: Sequence[str]
    compared: Mapping[str, Compared]
    better: bool
    written: bool


def learn_from_labels(
    config: Config,
    dataset: Dataset,
    out: Path,
    up_to: str = STEPS[-1],
    resume: bool = False,
    anyway: bool = False,
    tell: Tell = print,
) -> Learnt:
    """Choose and score the step that these records are worth, out of fold, and write its bundle where it is better.

    config : whose `train.init_from` names the bundle, the shipped one where it is "".  up_to : the last of STEPS that is tried.
    anyway : write a bundle that is not better too.  tell : hears every sentence.
    Raises DatasetError for too few records, ConfigError for settings or a folder that do not fit.
    """
    if up_to not in STEPS:
        raise ConfigError(f"--up-to {up_to} is no step: give one of {', '.join(STEPS)}")
    begun, folder = time.monotonic(), Path(config["train"]["init_from"] or BUNDLE)
    require_enough(dataset)
    bundle = load_bundle(folder, "torch")
    config = as_parent(config, bundle.card)
    config = config | {"train": config["train"] | {"init_from": str(folder)}}
    with _gone_if_empty(out), training_run(config, out, resume) as begin:
        prepared = prepare_looks(dataset, bundle, known_records(folder), config["train"]["seed"])
        for sentence in prepared.sentences:
            tell(sentence)
        if bundle.card.training.get("data_sha256") == prepared.sha256:
            raise ConfigError("train.init_from: it learnt from these recordings: choose the bundle it went on from")
        begin(prepared.sha256)
        shipped = Decisions.from_dict(bundle.card.decisions)
        steps = _steps(config, prepared, shipped, out, up_to)
        learnt, step = _look(steps, prepared, shipped, config)
        for line in (lines := _report(learnt, prepared)):
            tell(line)
        learnt = replace(learnt, written=(learnt.better or anyway))
        if learnt.written:
            _write_bundle(out, folder, bundle, step, prepared, learnt, config, time.monotonic() - begun)
        lines += (ending := _ending(learnt, out, time.monotonic() - begun))
        for line in ending:
            tell(line)
        replace_file(out / REPORT, ("\n".join(["# Second looks", "", *lines]) + "\n").encode())
    return learnt


@contextmanager
def _gone_if_empty(folder: Path) -> Iterator[None]:
    """Where nothing came to be written into the folder, it is not left behind."""
    was_there = folder.exists()
    try:
        yield
    except BaseException:
        with suppress(OSError):
            if not was_there:
                folder.rmdir()
        raise


def _steps(config: Config, prepared: Prepared, shipped: Decisions, out: Path, up_to: str) -> list[Step]:
    looks = prepared.looks
    makers: dict[str, Callable[[], Step]] = {
        "decisions": lambda: KeepModels(looks, shipped),
        "trees": lambda: AddTrees(looks, shipped, config["trees"]),
        "network": lambda: make_go_on(config, prepared, shipped, out),
    }
    return [makers[name]() for name in STEPS[: STEPS.index(up_to) + 1]]


def _look(steps: Sequence[Step], prepared: Prepared, shipped: Decisions, config: Config) -> tuple[Learnt, Step]:
    """The figures of the procedure, and the step of the bundle: the one chosen, or the best of those that were not."""
    looks, settings = prepared.looks, config["decide"]
    decided, taken = nested(steps, looks, shipped, settings)
    before = decide_all(shipped, looks.pooled, looks.trees)
    compared = compare(before, decided, looks)
    chosen, losses = choose_step(steps, looks, shipped, settings)
    better = chosen is not None and is_better(compared)
    step = chosen or min(steps, key=lambda each: losses[each.name])
    return Learnt(None if chosen is None else chosen.name, losses, taken, compared, better, False), step


def _report(learnt: Learnt, prepared: Prepared) -> list[str]:
    """What is said before a bundle is written."""
    looks = prepared.looks
    n_patients = len(set(looks.patients))
    losses = ", ".join(f"{name} {loss:.4f}" for name, loss in learnt.losses.items())
    by_step = ", ".join(f"{name} in {n}" for name, n in Counter(learnt.taken).items())
    return [
        f"{LOSS} of infarction, out of fold: {losses}.".capitalize(),
        f"Chosen, as of least loss: {learnt.step or AS_SHIPPED}. Without each of the {len(learnt.taken)} folds: {by_step}.",
        "",
        *format_compared(dict(learnt.compared), len(looks.infarction), n_patients),
        "",
        *([line, ""] if (line := sites_line(looks.sites)) else []),
        RULE,
    ]


def _ending(learnt: Learnt, out: Path, seconds: float) -> list[str]:
    by = learnt.compared[LOSS].difference
    loss = f"{LOSS} {by.value:+.4f} ({by.low:+.4f} to {by.high:+.4f})"
    if learnt.better:
        said = f"Better than the shipped detector on these records, {loss}. The new bundle is in {out}."
    elif learnt.written:
        said = f"Not better than the shipped detector on these records, {loss}. Written anyway into {out}."
    else:
        said = f"Not better than the shipped detector on these records, {loss}: no bundle was written (--anyway writes it)."
    return [said, *_warning(learnt), f"It took {seconds / 60:.1f} minutes."]


def _warning(learnt: Learnt) -> list[str]:
    """A sentence where the new detector finds fewer infarctions by more than chance, which the rule does not look at."""
    by = learnt.compared["sensitivity"].difference
    if by.high >= 0:
        return []
    return [
        f"It finds fewer infarctions: sensitivity {by.value:+.3f} ({by.low:+.3f} to {by.high:+.3f}). Look at that first."
    ]


def _write_bundle(
    out: Path,
    folder: Path,
    bundle: Bundle,
    step: Step,
    prepared: Prepared,
    learnt: Learnt,
    config: Config,
    seconds: float,
) -> None:
    """Bundle, model card and out-of-fold outputs of a step."""
    looks = prepared.looks
    said = out_of_fold(step, looks)
    decisions = fit_step(said, looks, looks.outside(frozenset()), config["decide"])
    trees = step.bundle_trees(bundle.trees) if isinstance(step, AddTrees) else bundle.trees
    card = replace(
        bundle.card,
        name=out.name,
        decisions=decisions.to_dict(),
        training=_provenance(bundle, step, prepared, config, seconds),
        trees=None if trees is None else trees_entry(),
    )
    if isinstance(step, GoOn):
        network = step.network(frozenset())
        save_bundle(out, [network], replace(card, network=step.training.recipe.network, members=1), trees)
    else:
        files = open_bundle(folder)[1]
        for name in (WEIGHTS, GRAPH):
            if name in files:
                replace_file(out / name, files[name])
        put_trees(out, card, trees)
    records = prepared.dataset.table["record_id"]
    outputs = OutOfFold(looks.folds, said.pooled[:, 0], said.pooled[:, 1:], prepared.spread, said.trees)
    write_out_of_fold(records, outputs, out / "out_of_fold.csv")
    replace_file(out / "README.md", model_card(card, _figures(learnt)).encode())
    load_bundle(out, "torch")  # what was written can be read, or this says so now


def _figures(learnt: Learnt) -> Figures:
    return {
        group: {name: getattr(each, key) for name, each in learnt.compared.items()}
        for group, key in (("shipped", "shipped"), ("new", "new"), ("new minus shipped", "difference"))
    }


def _provenance(bundle: Bundle, step: Step, prepared: Prepared, config: Config, seconds: float) -> dict[str, Any]:
    """Where the bundle comes from: the one before it, the records, the step."""
    looks: Looks = prepared.looks
    trained: Mapping[str, Any] = bundle.card.training["config"]  # `as_parent` has seen it
    added = {"added_trees": config["trees"]} if isinstance(step, AddTrees) else {}
    return {
        "code_revision": code_revision(ROOT),
        "parent_sha256": bundle.sha256,
        "step": step.name,
        "layout": prepared.dataset.layout,
        "records": len(looks.infarction),
        "infarctions": int(looks.infarction.sum()),
        "companions": {},
        "data_sha256": prepared.sha256,
        "folds_sha256": hashlib.sha256(looks.folds.astype("<i8").tobytes()).hexdigest(),
        "config": config | {"trees": trained.get("trees", config["trees"])},
        **added,
        "torch": torch.__version__,
        "device": str(pick_device()),
        "threads": torch.get_num_threads(),
        "training_s": round(seconds, 1),
    }
