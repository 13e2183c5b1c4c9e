"""The command `ecg-mi`: each of its words is one of the repository's programs, with the same arguments and exit status.

ecg-mi predict ecg.npy --plots        # inference.py; --json prints findings and writes nothing
ecg-mi serve                          # webapp/main.py: the site
ecg-mi train --data DIR               # train.py
ecg-mi evaluate --data DIR            # every figure of a bundle, by the protocol
ecg-mi WORD --help                    # what each takes
"""

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from ecg_mi import __version__

# Of each word its program, and the extra that brings what it needs.
PROGRAMS = {
    "predict": ("inference", ""),
    "serve": ("webapp.main", "web"),
    "train": ("train", "torch"),
    "evaluate": ("tasks.mi.evaluate", "torch"),
}
NOTICE = "An aid for research and a second look, not a medical device."


_OURS = (
    "cardiac",
    "tasks",
    "webapp",
    "learning",
    "inference",
    "train",
    "models",
    "utils",
    "bundles",
    "runtimes",
    "cards",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. The program's own exit status; 2 for a word that there is not."""
    word, *rest = [*(sys.argv[1:] if arguments is None else arguments)] or ["--help"]
    if word == "--version":
        print(f"ecg-mi {__version__}")
        return 0
    if word in ("-h", "--help"):
        print(f"{__doc__.strip()}\n\n{NOTICE}")
        return 0
    if word not in PROGRAMS:
        print(f"ecg-mi: {word!r} is none of {', '.join(PROGRAMS)}: see ecg-mi --help", file=sys.stderr)
        return 2
    module, extra = PROGRAMS[word]
    try:
        program: Callable[[Sequence[str]], int] = import_module(module).main
    except ModuleNotFoundError as error:
        if not extra or error.name is None or error.name.split(".")[0] in _OURS:
            raise
        print(f"ecg-mi {word}: {error.name} is not installed: pip install 'ecg-mi[{extra}]'", file=sys.stderr)
        return 2
    sys.argv[0] = f"ecg-mi {word}"  # what its help and its complaints call it
    return program(arguments_of(word, rest))


def arguments_of(word: str, rest: list[str]) -> list[str]:
    """The site's arguments, with a folder of the user's own where none is named: what is installed is not written into."""
    if word == "serve" and not any(each == "--data" or each.startswith("--data=") for each in rest):
        return ["--data", str(Path.home() / ".ecg-mi"), *rest]
    return rest
