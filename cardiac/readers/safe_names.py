"""Names of files in archives -> names under which they can be written and shown: never out of their folder."""

import hashlib
import os
import re
from pathlib import PurePosixPath

LONGEST_PART = 200  # bytes; disks take 255
LONGEST_WAY = 1_000  # bytes of all folders together
MOST_PARTS = 40
LONGEST_SHOWN = 400  # letters
UNWRITABLE = re.compile(r'[<>:"|?*]') if os.name == "nt" else re.compile("[\0]")
RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)", re.IGNORECASE)


def shown_name(name: str) -> str:
    """The name as it is printed: parts between "/", without steps out of the folder and with a mark for what cannot be shown.

    Empty where nothing of it is left.
    """
    name = os.fsencode(name).decode("utf-8", "replace") if _has_bytes(name) else name
    parts = [part for part in name.replace("\\", "/").split("/") if part.strip(" .") or part.strip("/.")]
    return "/".join("".join(letter if letter.isprintable() else "_" for letter in part) for part in parts)


def disk_name(shown: str) -> PurePosixPath:
    """Where a file of this shown name is written: in the same folder as its neighbours, with the stem that they have."""
    parts = [_part(part) for part in shown.split("/")]
    folders = "/".join(parts[:-1])
    if len(parts) > MOST_PARTS or len(folders.encode()) > LONGEST_WAY:
        parts = [f"deep-{_digest(folders)}", parts[-1]]
    return PurePosixPath(*parts)


def short_name(shown: str) -> str:
    """The name as a message shows it: of a very long path the beginning and the end."""
    return (
        shown if len(shown) <= LONGEST_SHOWN else f"{shown[: LONGEST_SHOWN // 2]}.../...{shown[-LONGEST_SHOWN // 2 :]}"
    )


def is_hidden(shown: str) -> bool:
    """Whether a part of it begins with a dot, or is where a system keeps its own."""
    return any(part.startswith(".") or part == "__MACOSX" for part in shown.split("/"))


def hidden_part(shown: str) -> str:
    """The name down to its first hidden part: a hidden folder counts as one, whatever is in it."""
    parts = shown.split("/")
    last = next((index for index, part in enumerate(parts) if is_hidden(part)), len(parts))
    return shown if last >= len(parts) - 1 else "/".join(parts[: last + 1]) + "/"


def _part(part: str) -> str:
    part = UNWRITABLE.sub("_", part)
    if os.name == "nt":
        part = ("_" if RESERVED.match(part) else "") + part.rstrip(" .")
    if len(part.encode()) <= LONGEST_PART:
        return part
    stem, dot, ending = part.rpartition(".")
    if not stem or len(ending.encode()) > 10:
        stem, dot, ending = part, "", ""
    cut = stem.encode()[: LONGEST_PART - 30].decode("utf-8", "ignore")
    return f"{cut}-{_digest(stem)}{dot}{ending}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _has_bytes(name: str) -> bool:
    return any("\udc80" <= letter <= "\udcff" for letter in name)
