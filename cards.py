"""A bundle's card as a file: its format, and the seal over all that it says. Nothing here touches a file."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cardiac.errors import BundleError

CARD = "card.json"
FORMAT = 1  # of the card's layout: a program refuses every other one
SEAL = "card_sha256"


def card_checksum(card: Mapping[str, Any]) -> str:
    """SHA-256, in hexadecimal, of all in a card but the seal itself: as JSON with sorted keys and no spaces, in ASCII."""
    content = {key: value for key, value in card.items() if key != SEAL}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def sealed_card(card: Mapping[str, Any]) -> bytes:
    """The content of card.json for a card of plain data: with its format, and sealed anew."""
    content = {key: value for key, value in card.items() if key not in ("format", SEAL)}
    content = json.loads(json.dumps({"format": FORMAT, **content}))  # as it will be read
    return (json.dumps({**content, SEAL: card_checksum(content)}, indent=2, ensure_ascii=False) + "\n").encode()


def parse_card(content: bytes, folder: Path, changed: bool = False) -> dict[str, Any]:
    """The card in the content of the card.json of a bundle's folder.

    changed : whether it may have been changed since it was sealed, or be of a time before seals.
    Raises BundleError where it is no JSON, of an unknown format, or not as it was sealed.
    """
    try:
        card = json.loads(content.decode("utf-8"))
        checksum = card_checksum(card) if isinstance(card, dict) else ""
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{folder}: {CARD} is not JSON ({error}): copy the bundle again") from error
    if not isinstance(card, dict):
        raise BundleError(f"{folder}: {CARD} is not an object of JSON: copy the bundle again")
    if "format" not in card and not changed:
        raise BundleError(
            f"{folder}: {CARD} does not state its format: copy the bundle again, or run `python bundles.py seal {folder}` "
            "if an earlier version of this program made it"
        )
    layout = card.get("format", FORMAT)
    if type(layout) is not int or layout != FORMAT:
        raise BundleError(
            f"{folder}: {CARD} is of format {repr(layout)[:20]}, and this program reads format {FORMAT} alone: "
            "use the version of the program that made the bundle"
        )
    if not changed and card.get(SEAL) != checksum:
        raise BundleError(
            f"{folder}: {CARD} was changed after the bundle was made (checksum): copy the bundle again, or run "
            f"`python bundles.py seal {folder}` if you changed it on purpose"
        )
    return card
