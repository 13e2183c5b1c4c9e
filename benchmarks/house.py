"""The house as its imports draw it: rooms, floors, arrows and sizes; and the picture of docs/architecture.md.

python -m benchmarks.house                                    # a table: floor, room, lines, what it imports; circles
python -m benchmarks.house --inside cardiac                   # the same of the files of one room
python -m benchmarks.house --picture docs/architecture.png    # draws the picture
"""

import argparse
import ast
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bundles import ROOT
from cardiac.errors import ConfigError

LEFT_OUT = {".venv", "data", "runs", "results", "build", "tests", "public_data", "benchmarks", "migrations"}
Graph = Mapping[str, set[str]]  # who imports whom, by name


def source_files(root: Path = ROOT, left_out: Iterable[str] = LEFT_OUT) -> dict[str, Path]:
    """Every module of ours by its dotted name."""
    found = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        if not set(left_out) & set(parts) and not any(part.startswith(".") for part in parts):
            found[".".join(parts).removesuffix(".__init__")] = path
    return found


def imported_modules(path: Path, modules: Iterable[str]) -> set[str]:
    """Which of these modules a file imports, wherever it does; of `from a import b` the module `a.b` where it is one."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            nearer = {f"{node.module}.{alias.name}" for alias in node.names} & set(modules)
            names |= nearer | ({node.module} if len(nearer) < len(node.names) else set())
    return names & set(modules)


def module_graph(files: Mapping[str, Path]) -> dict[str, set[str]]:
    """Which modules of ours each module imports."""
    return {name: imported_modules(path, files) - {name} for name, path in files.items()}


def joined(graph: Graph, depth: int) -> dict[str, set[str]]:
    """The same of rooms: names cut to so many parts."""

    def room(name: str) -> str:
        return ".".join(name.split(".")[:depth])

    rooms: dict[str, set[str]] = {}
    for name, others in graph.items():
        rooms.setdefault(room(name), set()).update(room(each) for each in others)
    return {name: others - {name} for name, others in rooms.items()}


def circles(graph: Graph) -> list[list[str]]:
    """Sets of two or more that import each other, directly or through others (Tarjan 1972)."""
    index: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = lowest[name] = len(index)
        stack.append(name)
        for other in sorted(graph[name]):
            if other not in index:
                visit(other)
            if other in stack:
                lowest[name] = min(lowest[name], lowest[other])
        if lowest[name] == index[name]:
            members = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            found.extend([sorted(members)] if len(members) > 1 else [])

    for name in sorted(graph):
        if name not in index:
            visit(name)
    return found


def floors(graph: Graph) -> dict[str, int]:
    """Floor of every room: 1 for one that imports none of ours, else one above the highest that it imports.

    Raises ConfigError where there is a circle.
    """
    if met := circles(graph):
        raise ConfigError(f"there is a circle of imports: {', '.join(met[0])}")
    level: dict[str, int] = {}

    def floor(name: str) -> int:
        if name not in level:
            level[name] = 1 + max((floor(each) for each in graph[name]), default=0)
        return level[name]

    return {name: floor(name) for name in graph}


def n_lines(files: Mapping[str, Path], room: str) -> int:
    """Lines of all files of a room."""
    own = [path for name, path in files.items() if name == room or name.startswith(f"{room}.")]
    return sum(path.read_text(encoding="utf-8").count("\n") for path in own)


@dataclass(frozen=True)
class House:
    """What the table shows. rooms : who imports whom.  lines : of each room."""

    rooms: Graph
    lines: Mapping[str, int]

    @classmethod
    def read(cls, inside: str | None = None, root: Path = ROOT) -> "House":
        """The whole house, or the files of one room. Raises ConfigError for a room that is not there."""
        files = source_files(root)
        if inside is not None:
            files = {name: path for name, path in files.items() if name.startswith(f"{inside}.")}
            if not files:
                raise ConfigError(f"there is no room {inside!r}: give one that the table without --inside names")
        graph = joined(module_graph(files), 1 if inside is None else 1 + len(inside.split(".")))
        return cls(graph, {name: n_lines(files, name) for name in graph})


def format_house(house: House) -> str:
    """The rooms from the top floor down, as a Markdown table, and what stands in a circle."""
    met = circles(house.rooms)
    level = floors(house.rooms) if not met else dict.fromkeys(house.rooms, 0)
    lines = ["| floor | room | lines | imports |", "|---|---|---|---|"]
    for name in sorted(house.rooms, key=lambda each: (-level[each], each)):
        told = ", ".join(sorted(house.rooms[name])) or "nothing of ours"
        lines.append(f"| {level[name]} | {name} | {house.lines[name]:,} | {told} |")
    n_arrows = sum(map(len, house.rooms.values()))
    total = f"{len(house.rooms)} rooms, {max(level.values())} floors, {n_arrows} arrows, {sum(house.lines.values()):,} lines"
    return "\n".join([*lines, "", f"{total}; circles: {'; '.join(', '.join(each) for each in met) or 'none'}."])


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. 0, or 2 with one sentence."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inside", help="a room, whose files are shown")
    parser.add_argument("--picture", type=Path, help="file to draw the picture of docs/architecture.md into")
    options = parser.parse_args(arguments)
    try:
        print(format_house(House.read(options.inside)))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    if options.picture:
        from benchmarks.house_picture import draw_house  # matplotlib is slow to import
        from cardiac.files import png, replace_file

        replace_file(options.picture, png(draw_house()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
