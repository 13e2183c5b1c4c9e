"""Where live signals come from: recordings, rows of pulse waves, simulated patients. A feed is one patient's."""

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cardiac.errors import CardiacError, ConfigError
from cardiac.files import read_table
from cardiac.leads import LEADS
from cardiac.records import read_record
from cardiac.sources import list_recordings
from scale.stream.readers import find_modules
from tasks.mi.labels import SITES
from tasks.mi.simulate import simulate_record

BLOCK_S = 30.0  # of a recording at a time
HEART_S, HEARTS = 60.0, 24  # so many simulated hearts beat in turn; every patient begins elsewhere in one


@dataclass(frozen=True)
class Stretch:
    """A signal without a gap. blocks : float32 (n_leads, any number of samples), one after another."""

    blocks: Iterable[np.ndarray]
    label: str | None = None


@dataclass(frozen=True)
class Feed:
    """All that one patient sends."""

    patient: str
    fs_hz: float
    leads: tuple[str, ...]
    unit: str
    stretches: Iterable[Stretch] = field(repr=False)


def recorded_feeds(
    paths: Sequence[Path], fs_hz: float | None, truth: Mapping[str, str], stack: ExitStack
) -> tuple[list[Feed], list[str]]:
    """A feed for each recording of twelve leads in files, folders and archives; and why the others are none.

    truth : label by record, which travels along.
    """
    listing = list_recordings(paths, stack, fs_hz)
    feeds, unread = [], [sentence for _, sentence in listing.unread]
    for each in listing.recordings:
        try:
            record = read_record(each.path, each.fs_hz, each.record_id)
        except CardiacError as error:
            unread.append(str(error))
            continue
        stretch = Stretch(_blocks(record.signal, round(BLOCK_S * record.fs_hz)), truth.get(each.record_id))
        feeds.append(Feed(each.record_id, record.fs_hz, record.leads, "mV", [stretch]))
    return feeds, unread


def _blocks(signal: np.ndarray, length: int) -> Iterator[np.ndarray]:
    for first in range(0, signal.shape[1], length):
        yield np.asarray(signal[:, first : first + length], np.float32)


def simulated_feeds(n_patients: int, seconds: float | None, seed: int = 0, fs_hz: float = 500.0) -> list[Feed]:
    """Simulated patients: a third healthy, half with an infarction, the others fall ill after half a minute.

    seconds : how long they send; None for ever.
    """
    hearts = _Hearts(seed, fs_hz)
    feeds = []
    for number in range(n_patients):
        site = None if number % 3 == 0 else SITES[number % len(SITES)]
        falls_ill = site is not None and number % 6 == 5
        blocks = hearts.beat(number, site, falls_ill, seconds)
        label = None if falls_ill else ("infarction" if site else "no infarction")
        feeds.append(Feed(f"simulated {number + 1:03d}", fs_hz, LEADS, "mV", [Stretch(blocks, label)]))
    return feeds


class _Hearts:
    """Simulated hearts, each made once."""

    def __init__(self, seed: int, fs_hz: float) -> None:
        self._seed, self._fs_hz, self._made = seed, fs_hz, {}

    def beat(self, number: int, site: str | None, falls_ill: bool, seconds: float | None) -> Iterator[np.ndarray]:
        """One patient's signal, in blocks of a second."""
        second, total = round(self._fs_hz), round(HEART_S)
        offset = number // HEARTS * 7 % total
        at = 0
        while seconds is None or at < seconds:
            signal = self._heart(number % HEARTS, None if falls_ill and at < total / 2 else site)
            first = (offset + at) % total * second
            yield signal[:, first : first + second]
            at += 1

    def _heart(self, number: int, site: str | None) -> np.ndarray:
        key = (number, site)
        if key not in self._made:
            made = simulate_record(self._seed * 1_000 + number, site, self._fs_hz, HEART_S)
            self._made[key] = made.record.signal
        return self._made[key]


def row_feeds(paths: Sequence[Path], fs_hz: float | None) -> list[Feed]:
    """Feeds from tables whose rows are signals, read by the detector that knows them.

    fs_hz : of tables that state none. Raises ConfigError where no detector reads such tables, or as it has it.
    """
    readers = [module for module in find_modules() if hasattr(module, "read_rows")]
    if not readers:
        raise ConfigError("no detector here reads tables of rows: leave --rows out")
    module = readers[0]
    feeds: dict[str, list[Stretch]] = {}
    rates: dict[str, float] = {}
    for path in paths:
        for patient, signal, label, rate in module.read_rows(path, fs_hz):
            feeds.setdefault(patient, []).append(Stretch([np.asarray(signal, np.float32)], label))
            rates[patient] = rate
    return [
        Feed(patient, rates[patient], tuple(module.LEADS), module.UNIT, stretches)
        for patient, stretches in feeds.items()
    ]


def simulated_pulses(n_patients: int, seconds: float | None, seed: int = 0) -> list[Feed]:
    """Simulated pulse waves from every detector that brings some. seconds : how long they send; None for ever."""
    feeds = []
    for module in find_modules():
        if not hasattr(module, "simulate_pulse"):
            continue
        for number in range(n_patients):
            signal, label, rate = module.simulate_pulse(seed + number)
            stretch = Stretch(_again_and_again(np.asarray(signal, np.float32), rate, seconds), label)
            feeds.append(Feed(f"simulated pulse {number + 1:03d}", rate, tuple(module.LEADS), module.UNIT, [stretch]))
    return feeds


def _again_and_again(signal: np.ndarray, fs_hz: float, seconds: float | None) -> Iterator[np.ndarray]:
    sent = 0
    while seconds is None or sent < round(seconds * fs_hz):
        left = signal.shape[1] if seconds is None else min(signal.shape[1], round(seconds * fs_hz) - sent)
        yield signal[:, :left]
        sent += left


def cut(blocks: Iterable[np.ndarray], length: int) -> Iterator[tuple[np.ndarray, bool]]:
    """Chunks of `length` samples of consecutive blocks, the last one shorter, and whether each is the last."""
    waiting: list[np.ndarray] = []
    ready: np.ndarray | None = None
    for block in blocks:
        waiting.append(block)
        while sum(each.shape[1] for each in waiting) >= length:
            joined = np.concatenate(waiting, axis=1)
            if ready is not None:
                yield ready, False
            ready, waiting = joined[:, :length], [joined[:, length:]] if joined.shape[1] > length else []
    rest = [each for each in waiting if each.shape[1]]
    if ready is not None:
        yield ready, not rest
    if rest:
        yield np.concatenate(rest, axis=1), True


def read_truth(path: Path | None) -> dict[str, str]:
    """Label by record, from a CSV with the columns record and label."""
    if path is None:
        return {}
    table = read_table(path, ["record", "label"], text=["record", "label"])
    return dict(zip(table["record"], table["label"], strict=True))


def phase(patient: str) -> float:
    """Where in a second a patient's chunks are sent, 0 to 1, so that not all come at once."""
    return zlib.crc32(patient.encode()) % 1_000 / 1_000
