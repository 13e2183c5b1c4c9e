"""Cards of bundles that tests change."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

CARD = "card.json"


def checksum_by_hand(card: dict[str, Any]) -> str:
    """The seal of a card, by the words of the documentation."""
    content = {key: card[key] for key in card if key != "card_sha256"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode("ascii")).hexdigest()


def read_card(bundle: Path) -> dict[str, Any]:
    return json.loads((bundle / CARD).read_text(encoding="utf-8"))


def change_card(bundle: Path, change: Callable[[dict[str, Any]], object], seal: bool = True) -> None:
    """Change a card as it lies there; sealed, so that what it says is the one fault."""
    card = read_card(bundle)
    change(card)
    if seal:
        card["card_sha256"] = checksum_by_hand(card)
    (bundle / CARD).write_text(json.dumps(card, indent=1), encoding="utf-8")
