"""Training that can be stopped and resumed, for every detector: one network's epochs and its loss.

Knows no waveform and no label.
"""

import hashlib
import io
import math
import time
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import distributed, nn
from torch.nn.functional import softplus
from torch.optim.lr_scheduler import ConstantLR, OneCycleLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from bundles import Bundle
from cardiac.errors import CardiacError, ConfigError
from cardiac.files import replace_file
from learning.run_folder import STATE, log
from utils import pick_device

Report = Callable[[dict[str, Any]], None]
History = list[dict[str, Any]]
Batch = tuple[np.ndarray, ...]  # inputs (b, ...) float32 first, then what the loss needs
Draw = Callable[[np.ndarray, np.random.Generator], Batch]
Loss = Callable[[nn.Module, tuple[torch.Tensor, ...]], torch.Tensor]  # of a batch's tensors, a number
N_TIMED, CLEARLY = 3, 0.9  # steps in either precision, and the share of the time that is clearly less
KEPT = ("network", "average", "optimizer", "schedule")


def seed_of(seed: int, part: str, epoch: int) -> int:
    """The seed of one epoch of one training; epoch 0 is that of the fresh weights."""
    return int.from_bytes(hashlib.sha256(f"{seed} {part} {epoch}".encode()).digest()[:4])


def heads_loss(
    logits: Sequence[torch.Tensor],
    targets: torch.Tensor,
    counts: torch.Tensor,
    weights: Sequence[float],
    smoothing: float,
) -> torch.Tensor:
    """Binary cross-entropy of a network's heads, each over its part of the targets.

    logits : of each head (b, n_windows, k); every window is held against its recording's targets.  targets, counts :
    (b, sum of k), and how much each target counts.  weights : of the heads.
    Raises ValueError where heads, weights and targets do not fit one another: none is left untrained in silence.
    """
    widths = [head.shape[2] for head in logits]
    if len(weights) != len(widths) or targets.shape[1] != sum(widths):
        raise ValueError(f"heads of {widths} outputs do not fit {len(weights)} weights and {targets.shape[1]} targets")
    smoothed = targets * (1 - smoothing) + smoothing / 2
    total = torch.zeros((), device=targets.device)
    parts = zip(logits, smoothed.split(widths, dim=1), counts.split(widths, dim=1), weights, strict=True)
    for head, expected, count, weight in parts:
        wanted = expected[:, None].expand_as(head)  # (b, k) -> (b, n_windows, k)
        losses = (wanted * softplus(-head) + (1 - wanted) * softplus(head)).mean(dim=1)
        total = total + weight * (losses * count).sum() / count.sum().clamp_min(1)
    return total


def init_from(network: nn.Module, parent: Bundle) -> int:
    """Give a network the weights of a bundle's first that have the same names and shapes; how many tensors these are.

    Raises ConfigError where there is none.
    """
    own = network.state_dict()
    fitting = {
        name: tensor
        for name, tensor in parent.networks[0].state_dict().items()
        if name in own and own[name].shape == tensor.shape and own[name].is_floating_point()
    }
    if not fitting:
        raise ConfigError(f"train.init_from: no weight of {parent.card.name!r} fits the network: choose another")
    network.load_state_dict(own | fitting)
    return len(fitting)


def rank_and_world_size() -> tuple[int, int]:
    """This process's rank among those that train one network together, and how many they are: (0, 1) where it is alone."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return 0, 1
    return distributed.get_rank(), distributed.get_world_size()


def average_over_all(tensors: Sequence[torch.Tensor]) -> None:
    """Put in place of these tensors their mean over all processes that train together."""
    flat = torch.cat([tensor.detach().flatten() for tensor in tensors])
    distributed.all_reduce(flat)
    parts = (flat / distributed.get_world_size()).split([tensor.numel() for tensor in tensors])
    with torch.no_grad():
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))


class NetworkTraining:
    """A training that can be stopped at any time: every epoch is kept in the run's folder, and `run` goes on from the last.

    Each epoch draws from generators seeded by (seed, part, epoch) alone, so a resumed training ends in the same
    weights as one that was never stopped. Processes that train together each take their share of every batch and step by
    the mean of their gradients; the first of them alone writes.

    settings : the config's train section.  part : this training's name.  rows : what is learnt from, as indices, each
    as often as an epoch takes it.  draw : (rows, generator) -> a batch.  loss : (network, batch) -> what is made small.
    """

    def __init__(
        self,
        network: nn.Module,
        settings: Mapping[str, Any],
        part: str,
        rows: np.ndarray,
        draw: Draw,
        loss: Loss,
        folder: Path,
    ) -> None:
        self.device = pick_device()
        self.network = network.to(self.device)
        self.settings, self.part, self.rows, self.draw, self.loss = settings, part, rows, draw, loss
        self.n_epochs = settings["epochs"]
        self.state = folder / STATE / f"{part}.pt"
        self.n_batches = -(-len(rows) // settings["batch_size"])
        self.history: History = []
        self.bfloat16: bool | None = None  # whether steps multiply in it, once that is settled
        averaging = get_ema_multi_avg_fn(settings["average_decay"])
        self.average = AveragedModel(self.network, multi_avg_fn=averaging, use_buffers=True)
        rate = settings["learning_rate"]
        decay = settings["weight_decay"]
        self.optimizer = torch.optim.AdamW(self.network.parameters(), rate, weight_decay=decay, fused=True)
        self.schedule = (
            OneCycleLR(self.optimizer, rate, total_steps=self.n_epochs * self.n_batches)
            if settings["one_cycle"]
            else ConstantLR(self.optimizer, factor=1.0)
        )

    @property
    def trained(self) -> nn.Module:
        """The network that is kept: the average of the weights, or the last ones where averaging is off."""
        return (self.average.module if self.settings["average_decay"] > 0 else self.network).eval()

    def run(self, held_out: Batch | None = None, report: Report | None = None) -> nn.Module:
        """Train to the last epoch; returns `trained`.

        held_out : a batch whose loss is drawn as a curve. It chooses nothing: the number of epochs is fixed.
        """
        self._load()
        if self.bfloat16 is None:
            self.bfloat16 = self._settle_precision()
        first = rank_and_world_size()[0] == 0
        disable = None if first else True
        bar = tqdm(total=self.n_epochs, initial=len(self.history), desc=self.part, unit="epoch", disable=disable)
        with bar:
            while len(self.history) < self.n_epochs:
                started = time.monotonic()
                epoch = len(self.history) + 1
                losses = {
                    "train_loss": self._epoch(epoch),
                    "held_loss": self._held_out_loss(held_out) if held_out else None,
                }
                seconds = round(time.monotonic() - started, 2)
                self.history.append({"epoch": epoch, **losses, "seconds": seconds})
                if first:
                    self._save()
                    log.info("%s %s", self.part, self.history[-1])
                bar.set_postfix(loss=f"{losses['train_loss']:.3f}")
                bar.update()
                if report:
                    report({"part": self.part, **self.history[-1]})
        return self.trained

    def _settle_precision(self) -> bool:
        """Whether to multiply in bfloat16; under "auto" only where a step was timed to be faster so. Of all processes alike."""
        able = in_bfloat16(self.settings, self.device)
        if not able or self.settings["precision"] != "auto" or self.device.type != "cpu":
            return able
        rows = np.sort(self.rows)[: self.settings["batch_size"]]
        batch = self._tensors(self.draw(rows, np.random.default_rng(0)))
        faster = torch.tensor(is_faster_in_bfloat16(self.network, self.loss, batch))
        if rank_and_world_size()[1] > 1:
            distributed.broadcast(faster, 0)
        return bool(faster)

    def _epoch(self, epoch: int) -> float:
        seed = seed_of(self.settings["seed"], self.part, epoch)
        rank, n_processes = rank_and_world_size()
        rng = np.random.default_rng(seed)
        order = rng.permutation(self.rows)
        if n_processes > 1:
            rng = np.random.default_rng([seed, rank])
        torch.manual_seed(seed + rank)
        self.network.train()
        losses = []
        for rows in np.array_split(order, self.n_batches):
            share = rows[rank::n_processes] if len(rows) >= n_processes else rows
            losses.append(self.step(self.draw(share, rng)))
        return float(np.mean(losses))

    def step(self, batch: Batch) -> float:
        """Learn from one batch; its loss."""
        loss = self._loss(self.network, batch)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if rank_and_world_size()[1] > 1:
            self._agree(loss)
        nn.utils.clip_grad_norm_(self.network.parameters(), self.settings["clip_norm"])
        self.optimizer.step()
        self.schedule.step()
        self.average.update_parameters(self.network)
        return loss.item()

    def _agree(self, loss: torch.Tensor) -> None:
        """Gradients, running statistics and the loss become their means over all processes."""
        gradients = [parameter.grad for parameter in self.network.parameters() if parameter.grad is not None]
        running = [buffer for buffer in self.network.buffers() if buffer.is_floating_point()]
        average_over_all([*gradients, *running, loss.detach()])

    def _loss(self, network: nn.Module, batch: Batch) -> torch.Tensor:
        bfloat16 = in_bfloat16(self.settings, self.device) if self.bfloat16 is None else self.bfloat16
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=bfloat16):
            return self.loss(network, self._tensors(batch))

    def _tensors(self, batch: Batch) -> tuple[torch.Tensor, ...]:
        return tuple(torch.from_numpy(array).to(self.device) for array in batch)

    @torch.inference_mode()
    def _held_out_loss(self, held_out: Batch) -> float:
        return self._loss(self.trained, held_out).item()

    def _save(self) -> None:
        content = io.BytesIO()
        states = {name: getattr(self, name).state_dict() for name in KEPT}
        torch.save({**states, "history": self.history, "bfloat16": self.bfloat16}, content)
        self.state.parent.mkdir(parents=True, exist_ok=True)
        replace_file(self.state, content.getvalue())

    def _load(self) -> None:
        if not self.state.is_file():
            return
        try:
            content = torch.load(self.state, weights_only=True, map_location=self.device)
            for name in KEPT:
                getattr(self, name).load_state_dict(content[name])
            self.history, self.bfloat16 = content["history"], content.get("bfloat16")
        except Exception as error:  # a damaged file makes torch raise whatever it runs into
            raise CardiacError(f"{self.state}: cannot be read: delete it to train this part from its start") from error


def in_bfloat16(settings: Mapping[str, Any], device: torch.device) -> bool:
    """Whether to multiply in bfloat16: as `precision` says, and under "auto" where the device has instructions for it.

    A processor without them is many times slower in bfloat16 than in float32.
    """
    if settings["precision"] != "auto":
        return settings["precision"] == "bfloat16"
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    can = torch.cpu.get_capabilities()
    return device.type == "cpu" and bool(can.get("amx_bf16") or can.get("avx512_bf16"))


def is_faster_in_bfloat16(network: nn.Module, loss: Loss, batch: tuple[torch.Tensor, ...]) -> bool:
    """Whether a step on this machine takes clearly less processor time in bfloat16: instructions for it may be slow ones.

    Timed on a copy, in turns, the best of some; neither the network nor torch's generator is changed.
    """
    copy, taken = deepcopy(network).train(), {True: math.inf, False: math.inf}
    with torch.random.fork_rng(devices=[]):
        for turn in range(1 + N_TIMED):
            for bfloat16 in taken:
                started = time.process_time()
                with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bfloat16):
                    loss(copy, batch).backward()
                if turn:  # the first one prepares what later ones find
                    taken[bfloat16] = min(taken[bfloat16], time.process_time() - started)
    return taken[True] < CLEARLY * taken[False]
