"""One network trained by several processes: what one process trains, within noise; a worker that dies is started again."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading

import numpy as np
import pytest

pytest.importorskip("ray", reason="requirements-scale.txt is not installed")

import torch
import torch.multiprocessing

import train
from inference import Detector
from learning.network import average_over_all, rank_and_world_size
from scale import train as together
from tests.patience import LONG_S, wait_until
from tests.scale.killed import workers
from utils import load_config

SMALL = ["--set", "train.epochs=8", "--set", "data.n_folds=2", "--set", "train.crop=500"]


def command(out, workers, *more):
    return [sys.executable, "-m", "scale.train", "--workers", str(workers), "--out", str(out), *SMALL, *more]


@pytest.mark.slow
def test_a_worker_that_dies_is_started_again(root, tmp_path):
    """One of two workers is killed on the way; all go on from the last epoch, and the run ends with a whole bundle."""
    killed = []

    def harm():
        wait_until(lambda: list((tmp_path / "two/state").glob("*.pt")))
        for pid in workers(b"TrainWorker")[:1]:
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)

    watcher = threading.Thread(target=harm)
    watcher.start()
    done = subprocess.run(command(tmp_path / "two", 2), cwd=root, capture_output=True, text=True, check=False)
    watcher.join()
    assert done.returncode == 0, done.stderr[-2000:]
    assert killed
    assert len(Detector.load(tmp_path / "two").logits(np.zeros((12, 1000), np.float32))) == 2
    assert not (tmp_path / "two/state").exists()


@pytest.mark.slow
def test_two_together_train_what_one_trains(root, tmp_path):
    done = subprocess.run(command(tmp_path / "two", 2), cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "SIMULATED" in done.stdout
    config = load_config(root / "configs/demo.toml", SMALL[1::2], root / "configs/mi.toml")
    alone = train.fit(config, train.demonstration(config), tmp_path / "one").figures["infarction"]["AUC"]
    both = json.loads((tmp_path / "two/metrics.json").read_text(encoding="utf-8"))["figures"]["infarction"]["AUC"]
    assert alone.low <= both["value"] <= alone.high
    assert not (tmp_path / "two/state").exists()


def _mean(place: int, n: int, port: int, queue) -> None:
    """In a process: the mean over all of a tensor that holds the process's place."""
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.distributed.init_process_group("gloo", rank=place, world_size=n)
    tensors = [torch.full((2, 3), float(place)), torch.tensor(10.0 * place)]
    average_over_all(tensors)
    queue.put((rank_and_world_size(), tensors[0].tolist(), tensors[1].item()))
    torch.distributed.destroy_process_group()


def test_all_take_the_mean():
    assert rank_and_world_size() == (0, 1)
    context = torch.multiprocessing.get_context("spawn")
    queue = context.Queue()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = [context.Process(target=_mean, args=(place, 2, port, queue)) for place in range(2)]
    for each in processes:
        each.start()
    told = sorted(queue.get(timeout=LONG_S) for _ in processes)
    for each in processes:
        each.join()
    assert [each[0] for each in told] == [(0, 2), (1, 2)]
    assert all(each[1:] == ([[0.5] * 3] * 2, 5.0) for each in told)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--address", "127.0.0.1:1"], "no Ray cluster answers"),
        (["--set", "train.epoch=3"], "did you mean train.epochs"),
        (["--data", "/nowhere"], "/nowhere"),
    ],
)
def test_wrong_settings_are_one_sentence(arguments, told, tmp_path, capsys):
    assert together.main(["--out", str(tmp_path / "out"), *arguments]) in (1, 2)
    said = capsys.readouterr().err
    assert told in said
    assert said.count("\n") == 1


def test_what_ended_a_worker_is_told_in_its_own_words():
    wrapped = (
        "ray.train.WorkerGroupError: [Rank 0]\nTraceback\n  ...\ncardiac.errors.ConfigError: train.crop is 1: no\n"
    )
    assert together._cause(RuntimeError(wrapped)) == "train.crop is 1: no"
    assert together._cause(RuntimeError("gone")) == "gone"
