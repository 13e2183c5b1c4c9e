"""What the bundle in use says of itself, for pages: its card, its figures, its model card."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

from cardiac.errors import BundleError, CardiacError
from cardiac.messages import Message
from cards import CARD, Card, parse_card, take
from tasks.mi.elsewhere import elsewhere_shares, read_elsewhere
from tasks.mi.labels import SITES

README, METRICS = "README.md", "metrics.json"


@dataclass(frozen=True)
class Figures:
    """A bundle's figures by what they are of, each as metrics.json has it: value, low, high, n, positives.

    sites : by site, {"known": given an infarction, "all": end to end}.  groups : by sub-group and metric.
    elsewhere : other hospitals' counts by source, with specificity and sensitivity; empty where nobody has counted.
    """

    protocol: str
    infarction: Mapping[str, Any]
    sites: Mapping[str, Mapping[str, Any]]
    doubt: Mapping[str, Any]
    groups: Mapping[str, Mapping[str, Any]]
    elsewhere: Mapping[str, Mapping[str, Any]]


def read_card(folder: Path) -> Card:
    """The bundle's card. Raises BundleError."""
    try:
        content = (folder / CARD).read_bytes()
    except OSError as error:
        raise BundleError(
            Message("{name}: its {card} cannot be read: ask an admin of this server", name=folder.name, card=CARD)
        ) from error
    return parse_card(content, folder)


def doubt_band(folder: Path) -> tuple[float, float] | None:
    """From which probability up to which a finding is uncertain; None where the card cannot be read or has no band."""
    try:
        band = read_card(folder).decisions["doubt"]
        return band["low"], band["high"]
    except (CardiacError, KeyError, TypeError):
        return None


def layout_of(folder: Path) -> str | None:
    """From which data set the bundle learnt, as its card names it; None where that cannot be read."""
    try:
        return read_card(folder).training.get("layout")
    except CardiacError:
        return None


def read_figures(folder: Path) -> Figures | None:
    """The bundle's figures; None where it has none, as a bundle that was only just trained."""
    try:
        content = json.loads((folder / METRICS).read_text(encoding="utf-8"))
        figures = take(content, "figures", dict, METRICS)
    except (OSError, ValueError, CardiacError, TypeError):
        return None
    known, whole = figures.get("sites on true infarctions", {}), figures.get("end to end", {})
    return Figures(
        protocol=content.get("protocol", ""),
        infarction=figures.get("infarction", {}),
        sites={site: {"known": known[site], "all": whole[site]} for site in SITES if site in known and site in whole},
        doubt=figures.get("doubt", {}),
        groups=_by_group(figures.get("sub-groups", {})),
        elsewhere={source: row | elsewhere_shares(row) for source, row in _elsewhere(folder).items()},
    )


def _by_group(rows: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """From "AUC, men" to {"men": {"AUC": ...}}."""
    groups: dict[str, dict[str, Any]] = {}
    for name, figure in rows.items():
        metric, _, group = name.partition(", ")
        groups.setdefault(group, {})[metric] = figure
    return groups


def _elsewhere(folder: Path) -> Mapping[str, Any]:
    try:
        return (read_elsewhere(folder) or {}).get("joint", {})
    except (OSError, ValueError):
        return {}


def model_card_html(folder: Path, table_label: str) -> str | None:
    """The bundle's own model card as HTML, in which raw HTML is text; None where there is none.

    table_label : what a screen reader is told of a table that scrolls.
    """
    try:
        text = (folder / README).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    return markdown_html(text, table_label)


def markdown_html(text: str, table_label: str) -> str:
    """Markdown with tables as HTML; raw HTML in it stays text, and nothing is fetched from anywhere."""
    parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    parser.add_render_rule("table_open", _open_table)
    parser.add_render_rule("table_close", lambda *_: "</table></div>\n")
    env = {"table_label": table_label}
    tokens = parser.parse(text, env)
    for each in tokens:
        if each.type in ("heading_open", "heading_close"):  # the page has the one of the first level
            each.tag = f"h{min(6, int(each.tag[1:]) + 1)}"
    return parser.renderer.render(tokens, parser.options, env)


def _open_table(renderer: Any, tokens: Any, index: int, options: Any, env: Mapping[str, str]) -> str:
    """A table that scrolls by itself on a narrow screen, also by keys."""
    label = env["table_label"].replace('"', "")
    return f'<div class="table-scroll" role="group" tabindex="0" aria-label="{label}"><table class="table">\n'
