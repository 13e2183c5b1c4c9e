"""The model card of a bundle (Mitchell et al. 2019), from its card.json and its figures. Nothing here touches a file."""

from collections.abc import Mapping
from typing import Any

from cardiac.metrics import PROTOCOL, Figures, format_rows
from cards import Card
from tasks.mi.elsewhere import elsewhere_table

INTENDED = """## Intended use

Research on the 12-lead ECG, teaching, and a second look at tracings that a physician reads anyway: is there a sign of
myocardial infarction, and at which of six sites (septal, anterior, lateral, anterolateral, anteroseptal, inferior)?

## What it must not be used for

- Not a medical device: not to diagnose, to treat, to triage, or to send anybody home.
- Not to rule an infarction out. "No infarction found" means that this program found none; `norm` does not mean that
  the ECG is normal.
- Not for acute coronary syndromes: most infarctions that it learnt from are old ones, and acute ones have not been
  measured by themselves.
- Not for children, for paced rhythms taken by themselves, for monitors with fewer than twelve leads, or for tracings of
  other devices without measuring it there first.
- Nothing may be concluded about the lateral site: two recordings in the training data carry it.
"""

CHECKSUM = """## Which bundle decided

The checksum that findings report is `card_sha256` in `card.json`: it covers all that the card says, thresholds and
calibration among it, and the checksums of `weights.safetensors`, `network.onnx` and `trees.npz`. `python bundles.py check
FOLDER` prints it once all files fit, and else says which does not; after a change of the card on purpose `python bundles.py
seal FOLDER` gives the bundle a checksum of its own.
"""

DATA = """The training part of the AIIJC 2023 infarction task: 10 s, 500 Hz, 12 leads from PTB-XL (Wagner et al. 2020, CC BY 4.0;
Schiller devices, Germany, 1989 to 1996), labelled anew by a consensus of cardiologists. The labels are a second opinion
on PTB-XL's own: the two agree with an F1 of about 0.78. Weak data sets are further PTB-XL recordings with PTB-XL's codes
alone; they teach a soft target of infarction and the codes, and are scored by nothing. A record of theirs of a patient who
stands in the training part lies on the same side of every fold.
"""

OTHER_DATA = {
    "simulated": "SIMULATED recordings alone: a demonstration of the program, of no use on people.\n",
    "ptb-xl": "PTB-XL (Wagner et al. 2020, CC BY 4.0), infarctions and sites by its own SCP codes.\n",
}

FAILURES = """## Known failures

- Where PTB-XL's cardiologists and the task's disagree, the detector is near chance (sub-groups below): such tracings
  are hard for people too.
- Septal is weak end to end: PTB-XL has no such code, and it lies within anteroseptal.
- Lateral has two positives, so its F1 says nothing and costs the six-site mean a sixth.
- The worst errors are misses, most of them tracings that PTB-XL's cardiologists read as normal or as something else
  than an infarction; conduction blocks hide infarctions. `docs/errors.md` says what the thirty worst are, and
  `python -m tasks.mi.evaluate --html report.html` draws them. Most lie outside the band of doubt.
- Signs that are textbook-clear in a simulated recording are not always found: the networks learnt from people.
- Hum, wander and swapped leads are not refused.
"""


ELSEWHERE_INTRO = """## Other hospitals' machines

Recordings that taught it nothing about infarction (`python -m benchmarks.elsewhere`), by their own cardiologists' codes; false
alarms are among records without a code of infarction, ischaemia or injury. They were looked at for every candidate, so
they are a validation set, and no untouched test; intervals are Wilson's.
"""


def _trees(card: Card) -> list[str]:
    """What a line of the card says of the trees, where there are any."""
    if card.trees is None:
        return []
    shares, settings = card.decisions["network_share"], card.training["config"]["trees"]
    return [
        f"- trees: {settings['seeds']} times {settings['n_trees']} an output over {len(card.trees['features'])} features of the "
        f"median beat; the network's share of the joint logit is {shares['mi']:.1f} for infarction, {shares['inferior']:.1f} for "
        f"the sites, {shares['lateral']:.1f} for lateral; the trees move infarction by {card.decisions['trees_reach']:g} at "
        "most, and do not look at paced beats"
    ]


def model_card(card: Card, figures: Figures, elsewhere: Mapping[str, Any] | None = None) -> str:
    """The model card in Markdown. elsewhere : as `read_elsewhere` gives it."""
    training, signal, doubt = card.training, card.signal, card.decisions["doubt"]
    weak = ", ".join(f"{n:,} of {name}" for name, n in training["companions"].items()) or "none"
    windows = [
        f"{name}: windows of {stage.plan.window / signal.fs_hz:g} s every {stage.plan.hop / signal.fs_hz:g} s"
        for name, stage in card.stages.items()
    ]
    facts = [
        f"- network: {card.network['name']}, {card.members} of them, averaged over windows and networks",
        f"- signal: {signal.fs_hz:g} Hz, {signal.band_hz[0]:g} to {signal.band_hz[1]:g} Hz, mV",
        f"- {'; '.join(windows)}",
        *_trees(card),
        f"- threshold of infarction: {card.decisions['thresholds']['mi']:.3f}; uncertain from {doubt['low']:.3f} up to "
        f"under {doubt['high']:.3f}",
        f"- recordings: {training['records']:,}, {training['infarctions']} with an infarction; weakly labelled: {weak}",
        f"- training: {training['training_s'] / 60:.0f} minutes, {training['threads']} threads, {training['device']}, torch "
        f"{training['torch']}, seed {training['config']['train']['seed']}, code {training['code_revision']}",
    ]
    layout = training["layout"]
    data = {"task": DATA, **OTHER_DATA}.get(layout, "Other recordings, by their own labels.\n")
    failures = FAILURES if layout == "task" else "## Known failures\n\nThey have not been looked for.\n"
    tables = ["\n".join(format_rows(group, rows)) for group, rows in figures.items()]
    parts = [
        f"# Model card: {card.name}",
        card.use,
        INTENDED,
        "## What it is\n",
        "\n".join(facts),
        f"\n{CHECKSUM}",
        "## Data\n",
        data,
        failures,
    ]
    parts += [f"## Figures\n\n{PROTOCOL}\n", "\n\n".join(tables)]
    if elsewhere is not None:
        of_both = zip(("joint", "alone"), ("network and trees", "the network alone"), strict=True)
        parts += [
            "",
            ELSEWHERE_INTRO,
            "\n\n".join("\n".join(elsewhere_table(elsewhere[key], label)) for key, label in of_both),
        ]
    return "\n".join(parts) + "\n"
