"""Faults to plant in right recordings, each with the reasons that a check should give."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.signal import butter, sosfiltfilt

from cardiac.beats import find_beats
from cardiac.dipole import DOWER
from cardiac.leads import INDEPENDENT, LEADS, twelve_leads

Plant = Callable[[np.ndarray, float, np.random.Generator], tuple[np.ndarray, tuple[str, ...]]]
LIMB, CHEST = range(6), range(6, 12)
UNSEEN = ("flat", "muscle_noise", "lead_off")  # of leads in which nothing is seen of the heart
SKIN_MV = 0.005  # two electrodes on one leg still differ by this, as noise


@dataclass(frozen=True)
class Planted:
    """A fault. plant : (signal (12, n) in mV, rate, random numbers) -> faulty signal and the leads to be named.

    kinds : any of them is right; empty where nothing can be seen.  severity : where it must be "rejected".
    """

    name: str
    kinds: tuple[str, ...]
    plant: Plant
    severity: str = "warning"


def exchange_electrodes(signal: np.ndarray, order: str, rng: np.random.Generator) -> np.ndarray:
    """The leads with the limb electrodes' cables exchanged.

    order : which of R, L, F, N (right leg) the cables of R, L, F, N are on, "LRFN" for exchanged arms. The right leg is
    taken to have the left leg's potential (both are far from the heart).
    """
    potentials = {"R": np.zeros(signal.shape[1]), "L": signal[0], "F": signal[1]}
    potentials["N"] = signal[1] + SKIN_MV * rng.standard_normal(signal.shape[1])
    chest = signal[6:] + sum(potentials[name] for name in "RLF") / 3
    right, left, foot = (potentials[name] for name in order[:3])
    moved = np.vstack([left - right, foot - right, chest - (right + left + foot) / 3])
    return twelve_leads(moved).astype(np.float32)


def _electrodes(order: str, leads: tuple[str, ...] = ()) -> Plant:
    return lambda signal, fs_hz, rng: (exchange_electrodes(signal, order, rng), leads)


def _changed(of_lead: Callable[..., np.ndarray], among: range | int = range(12)) -> Plant:
    """Change one lead, drawn at random. of_lead : (lead's samples, rate, random numbers) -> samples."""

    def plant(signal: np.ndarray, fs_hz: float, rng: np.random.Generator) -> tuple[np.ndarray, tuple[str, ...]]:
        lead = among if isinstance(among, int) else int(rng.choice(among))
        signal = signal.copy()
        signal[lead] = of_lead(signal[lead], fs_hz, rng)
        return signal, (LEADS[lead],)

    return plant


def _scaled(gain: float, among: range | int) -> Plant:
    return _changed(lambda samples, fs_hz, rng: gain * samples, among)


def _swapped(first: range | int, second: range | int) -> Plant:
    def plant(signal: np.ndarray, fs_hz: float, rng: np.random.Generator) -> tuple[np.ndarray, tuple[str, ...]]:
        while True:
            pair = [each if isinstance(each, int) else int(rng.choice(each)) for each in (first, second)]
            near = pair[0] in CHEST and abs(pair[0] - pair[1]) == 1 and not isinstance(first, int)
            if pair[0] != pair[1] and not near:
                break
        signal = signal.copy()
        signal[pair] = signal[pair[::-1]]
        return signal, tuple(LEADS[each] for each in sorted(pair))

    return plant


def _flat(leads: int, seconds: float | None, value: float = 0.0) -> Plant:
    def plant(signal: np.ndarray, fs_hz: float, rng: np.random.Generator) -> tuple[np.ndarray, tuple[str, ...]]:
        chosen = np.sort(rng.choice(12, leads, replace=False))
        length = signal.shape[1] if seconds is None else round(seconds * fs_hz)
        first = int(rng.integers(0, signal.shape[1] - length + 1))
        signal = signal.copy()
        signal[chosen, first : first + length] = value
        return signal, tuple(LEADS[each] for each in chosen)

    return plant


def _without(instead: Callable[..., np.ndarray], leads: tuple[str, ...]) -> Plant:
    """These leads without the heart. instead : (zeros, rate, random numbers) -> samples."""

    def plant(signal: np.ndarray, fs_hz: float, rng: np.random.Generator) -> tuple[np.ndarray, tuple[str, ...]]:
        signal = signal.copy()
        for lead in leads:
            signal[LEADS.index(lead)] = instead(np.zeros(signal.shape[1]), fs_hz, rng)
        return signal, leads

    return plant


def _nothing(samples: np.ndarray, fs_hz: float, rng: np.random.Generator) -> np.ndarray:
    return samples


def _noise(samples: np.ndarray, fs_hz: float, rng: np.random.Generator) -> np.ndarray:
    return samples + 0.1 * rng.standard_normal(len(samples))


def _drift(samples: np.ndarray, fs_hz: float, rng: np.random.Generator) -> np.ndarray:
    return sine(0.5, rng.uniform(0.15, 0.5))(samples, fs_hz, rng) + 0.005 * rng.standard_normal(len(samples))


def _clip(share: float) -> Callable[..., np.ndarray]:
    def of_lead(samples: np.ndarray, fs_hz: float, rng: np.random.Generator) -> np.ndarray:
        moved = samples - np.median(samples)
        bound = share * np.abs(moved).max()
        return np.clip(moved, -bound, bound)

    return of_lead


def sine(amplitude_mv: float, hz: float) -> Callable[..., np.ndarray]:
    def of_lead(samples: np.ndarray, fs_hz: float, rng: np.random.Generator) -> np.ndarray:
        angles = 2 * np.pi * (hz * np.arange(len(samples)) / fs_hz + rng.uniform())
        return samples + amplitude_mv * np.sin(angles)

    return of_lead


def muscle(ratio_db: float) -> Callable[..., np.ndarray]:
    """Noise of 20 to 150 Hz, so many decibels under the lead's own standard deviation."""

    def of_lead(samples: np.ndarray, fs_hz: float, rng: np.random.Generator) -> np.ndarray:
        band = butter(2, (20, min(150, 0.45 * fs_hz)), btype="bandpass", fs=fs_hz, output="sos")
        noise = sosfiltfilt(band, rng.standard_normal(len(samples)))
        return samples + noise / noise.std() * samples.std() * 10 ** (-ratio_db / 20)

    return of_lead


def _spikes(height_mv: float, count: int = 3) -> Callable[..., np.ndarray]:
    def of_lead(samples: np.ndarray, fs_hz: float, rng: np.random.Generator) -> np.ndarray:
        positions = rng.choice(np.arange(10, len(samples) - 10), count, replace=False)
        samples = samples.copy()
        samples[positions] += height_mv * rng.choice([-1, 1], count)
        return samples

    return of_lead


def _pacemaker(height_mv: float) -> Plant:
    """Impulses of 2 ms, 40 ms before every QRS, as a dipole in some direction, through a device's 150 Hz low-pass."""

    def plant(signal: np.ndarray, fs_hz: float, rng: np.random.Generator) -> tuple[np.ndarray, tuple[str, ...]]:
        train = np.zeros(signal.shape[1])
        width = max(1, round(0.002 * fs_hz))
        for beat in find_beats(signal, fs_hz) - round(0.09 * fs_hz):
            train[max(beat, 0) : max(beat + width, 0)] = 1
        direction = rng.standard_normal(3)
        seen = DOWER @ direction
        low_pass = butter(2, min(150, 0.4 * fs_hz), fs=fs_hz, output="sos")
        impulses = seen[:, None] / np.abs(seen).max() * height_mv * sosfiltfilt(low_pass, train)
        return (signal + twelve_leads(impulses)).astype(np.float32), ()

    return plant


def _whole(change: Callable[..., np.ndarray], leads: tuple[str, ...] = ()) -> Plant:
    return lambda signal, fs_hz, rng: (change(signal, rng), leads)


def all_faults() -> list[Planted]:
    """The table of the benchmark, in its order."""
    arm_leg = ("arm_leg_exchanged",)
    faults = [
        Planted("right arm - left arm", ("arms_exchanged",), _electrodes("LRFN")),
        Planted("right arm - left leg", arm_leg, _electrodes("FLRN")),
        Planted("three limb electrodes, one place on", arm_leg, _electrodes("LFRN")),
        Planted("three limb electrodes, one place back", arm_leg, _electrodes("FRLN")),
        Planted("left arm - left leg", ("left_arm_leg_exchanged",), _electrodes("RFLN")),
        Planted("right arm - right leg", ("leg_electrode",), _electrodes("NLFR", ("II",))),
        Planted("left arm - right leg", ("leg_electrode",), _electrodes("RNFL", ("III",))),
        Planted("left leg - right leg (cannot be told)", (), _electrodes("RLNF")),
        *(Planted(f"lead {LEADS[lead]} upside down", ("lead_inverted",), _scaled(-1, lead)) for lead in range(12)),
    ]
    for first in range(6, 11):
        name = f"leads {LEADS[first]} and {LEADS[first + 1]} exchanged"
        faults.append(Planted(name, ("chest_order",), _swapped(first, first + 1)))
    reverse = [*range(6), *range(11, 5, -1)]
    faults += [
        Planted("two chest leads that are not neighbours exchanged", ("chest_order",), _swapped(CHEST, CHEST)),
        Planted("chest leads reversed", ("chest_order",), _whole(lambda x, rng: x[reverse], INDEPENDENT[2:])),
        Planted("two limb leads exchanged", ("leads_exchanged",), _swapped(LIMB, LIMB)),
        Planted("a limb and a chest lead exchanged", ("leads_exchanged",), _swapped(LIMB, CHEST)),
    ]
    for gain in (0.5, 2.0, 10.0):
        faults.append(Planted(f"a limb lead's gain x{gain:g}", ("wrong_gain",), _scaled(gain, LIMB)))
        faults.append(Planted(f"a chest lead's gain x{gain:g}", ("wrong_gain",), _scaled(gain, CHEST)))
    faults += [
        Planted("microvolts given as millivolts", ("wrong_unit",), _whole(lambda x, rng: 1000 * x), "rejected"),
        Planted(
            "volts given as millivolts", ("wrong_unit", "no_beats", "flat"), _whole(lambda x, rng: x / 1000), "rejected"
        ),
        Planted("a lead flat", ("flat",), _flat(1, None)),
        Planted("a lead flat for 3 s", ("lead_off",), _flat(1, 3.0)),
        Planted("a lead missing (not a number) for 2 s", ("lead_off",), _flat(1, 2.0, np.nan)),
        Planted("eight leads flat", ("flat",), _flat(8, None), "rejected"),
        Planted("noise of 0.2 mV instead of a heart", ("no_beats",), _whole(_noise_alone), "rejected"),
    ]
    for share in (0.5, 0.8):
        name = f"a lead clipped at {share:g} of its height"
        faults.append(Planted(name, ("clipped",), _changed(_clip(share))))
    for amplitude_mv, hz in ((0.02, 50), (0.05, 50), (0.1, 50), (0.2, 50), (0.05, 60), (0.1, 60)):
        name = f"{amplitude_mv:g} mV of {hz} Hz in a lead"
        faults.append(Planted(name, ("hum",), _changed(sine(amplitude_mv, hz))))
    for height_mv in (0.5, 1.0, 1.5, 2.0):
        name = f"wandering by {height_mv:g} mV at 0.3 Hz in a lead"
        faults.append(Planted(name, ("wander",), _changed(sine(height_mv / 2, 0.3))))
    for ratio_db in (24, 18, 12, 6, 0):
        faults.append(
            Planted(f"muscle noise at {ratio_db} dB in a lead", ("muscle_noise",), _changed(muscle(ratio_db)))
        )
    for height_mv in (0.15, 0.3, 1.0):
        faults.append(Planted(f"three spikes of {height_mv:g} mV in a lead", ("spikes",), _changed(_spikes(height_mv))))
    for height_mv in (0.5, 1.0, 2.0):
        faults.append(
            Planted(
                f"pacemaker's impulses of {height_mv:g} mV before the filter", ("pacemaker",), _pacemaker(height_mv)
            )
        )
    return faults + _unseen_faults()


def _noise_alone(signal: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return (0.2 * rng.standard_normal(signal.shape)).astype(np.float32)


def _unseen_faults() -> list[Planted]:
    """Leads in which nothing is seen of the heart: a few, and those of a whole wall."""
    return [
        Planted("three leads flat", ("flat",), _flat(3, None)),
        Planted("V4 to V6 flat", ("flat",), _without(_nothing, LEADS[9:])),
        Planted("V1 to V6 flat", ("flat",), _without(_nothing, LEADS[6:]), "rejected"),
        Planted("V1 to V4 flat", ("flat",), _without(_nothing, LEADS[6:10]), "rejected"),
        Planted("all chest leads but V3 flat", ("flat",), _without(_nothing, (*LEADS[6:8], *LEADS[9:])), "rejected"),
        Planted("II, III and aVF flat", ("flat",), _without(_nothing, ("II", "III", "aVF")), "rejected"),
        Planted("noise of 0.1 mV alone in V1 to V6", UNSEEN, _without(_noise, LEADS[6:]), "rejected"),
        Planted("1 mV of 50 Hz alone in V1 to V6", UNSEEN, _without(sine(1.0, 50), LEADS[6:]), "rejected"),
        Planted("wandering by 1 mV alone in V1 to V6", UNSEEN, _without(_drift, LEADS[6:]), "rejected"),
    ]
