"""The folder of a training: begun, gone on with, ended; its log, and trainings side by side."""

import json
import logging
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any

from bundles import CARD
from cardiac.errors import CardiacError, ConfigError
from cardiac.files import open_folder, replace_file
from utils import Config

log = logging.getLogger("train")
STATE, RUN, LOG = "state", "run.json", "train.log"  # in a run's folder, the first two until it is whole


@contextmanager
def training_run(config: Config, out: Path, resume: bool) -> Iterator[Callable[[str], None]]:
    """A run from its folder's opening to its end; what is written inside may be written again when it is gone on with.

    Gives a function to be called with the checksum of all that is learnt from, before the first epoch.
    Raises ConfigError where the folder must not be touched, or holds a run of other settings or recordings.
    """
    open_run(config, out, resume)
    with ExitStack() as stack:

        def begin(checksum: str) -> None:
            begin_run(out, config, checksum)
            stack.enter_context(logged(out))

        yield begin
    end_run(out)


def is_finished(out: Path) -> bool:
    """Whether a run in this folder came to its end."""
    return (out / LOG).is_file() and not (out / RUN).exists()


def open_run(config: Config, out: Path, resume: bool) -> None:
    """Make the run's folder, or find it as it was left. Raises ConfigError where it must not be touched."""
    stopped = (out / STATE).is_dir()
    if stopped and not resume:
        raise ConfigError(f"{out} holds a run that was stopped: add --resume to go on, or choose another --out")
    if not stopped and (out / CARD).is_file():
        raise ConfigError(f"{out} holds a finished bundle: choose another --out, or delete it first")
    if stopped and _read_run(out)["config"] != json.loads(json.dumps(config)):
        raise ConfigError(f"{out} was begun with other settings: take those again, or choose another --out")
    try:
        open_folder(out)
    except CardiacError as error:
        raise ConfigError(str(error)) from error


def _read_run(out: Path) -> dict[str, Any]:
    try:
        content = json.loads((out / RUN).read_text(encoding="utf-8"))
        return {"config": content["config"], "data_sha256": content["data_sha256"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{out / RUN}: cannot be read, so the run cannot go on: choose another --out") from error


def begin_run(out: Path, config: Config, checksum: str) -> None:
    """Note what this run is of, before its first epoch; a run that goes on must be of the same recordings."""
    if not (out / STATE).is_dir():
        replace_file(out / RUN, json.dumps({"config": config, "data_sha256": checksum}, indent=2).encode())
    elif _read_run(out)["data_sha256"] != checksum:
        raise ConfigError(f"{out} was begun with other recordings or labels: take those again, or choose another --out")


@contextmanager
def logged(out: Path) -> Iterator[None]:
    """Write what the training tells into train.log for as long as this lasts."""
    handler = logging.FileHandler(out / LOG, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        handler.close()


def end_run(out: Path) -> None:
    """Take away the epochs' states: the run is whole, and what it made is written."""
    shutil.rmtree(out / STATE, ignore_errors=True)
    (out / RUN).unlink()


def code_revision(root: Path) -> str:
    """The commit of the code in a folder, with "-dirty" where files differ from it; "unknown" without git."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    except OSError:
        return "unknown"
    return done.stdout.strip() or "unknown"


def side_by_side(share: Callable[..., None], arguments: tuple[Any, ...], jobs: int) -> None:
    """Run `share(*arguments, index, jobs)` for every index in so many processes at once.

    Small networks use two cores better by two trainings than by two threads. Raises CardiacError where one fails.
    """
    context = get_context("spawn")
    shares = [context.Process(target=_quietly, args=(share, *arguments, index, jobs)) for index in range(jobs)]
    for each in shares:
        each.start()
    try:
        for each in shares:
            each.join()
    finally:
        for each in shares:
            each.terminate()
    if any(each.exitcode for each in shares):
        raise CardiacError("a training beside this one stopped (see above): the same command with --resume goes on")


def _quietly(share: Callable[..., None], *arguments: Any) -> None:
    """In the process: what stops it is a sentence and a status, not a traceback."""
    try:
        share(*arguments)
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except CardiacError as error:
        raise SystemExit(str(error)) from None


def stop_without_parent(_: Mapping[str, Any]) -> None:
    """A `Report` for a process of `side_by_side`: it ends after the epoch where the one that began it is gone."""
    parent = parent_process()
    if parent is not None and not parent.is_alive():
        raise SystemExit(1)
