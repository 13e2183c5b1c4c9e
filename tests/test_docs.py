"""What the administrator's page and SECURITY.md name is there: commands, flags, files."""

import re

import pytest

from webapp.main import _parser

PAGES = ("SECURITY.md", "docs/admin.md")


@pytest.fixture(scope="module")
def told(root) -> dict[str, str]:
    return {name: (root / name).read_text(encoding="utf-8") for name in PAGES}


def test_the_files_that_are_named_are_there(told, root):
    for name, text in told.items():
        here = (root / name).parent
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            assert (here / link).resolve().exists(), (name, link)
        for path in re.findall(r"`([\w/]+\.py)`", text):
            tried = (root / path, root / "tests/webapp" / path)
            assert any(each.is_file() for each in tried), (name, path)


def test_the_flags_and_commands_that_are_named_are_taken(told):
    parser = _parser()
    shown = [parser.format_help()]
    [commands] = [each for each in parser._actions if each.dest == "command"]
    shown += [each.format_help() for each in commands.choices.values()]
    known = " ".join(shown)
    text = re.sub(r"(?m)^docker .*$|`docker [^`]*`|`--volumes`", "", told["docs/admin.md"])  # another program's
    flags = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text))
    assert len(flags) >= 10
    assert {each for each in flags if each not in known} == set()
    for command in re.findall(r"`user (\w+)", text):
        assert command in known
