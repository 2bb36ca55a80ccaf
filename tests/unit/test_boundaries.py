"""A catch of everything is a named boundary: it says why beside it. And no module needs a table of contents."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("bot", "dialogs", "adapters", "backends", "nlu", "auth", "desk")
LONGEST = 300
BROAD = {"Exception", "BaseException"}


def sources() -> list[Path]:
    """The product's own modules."""
    inner = [file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py")]
    return sorted([*ROOT.glob("*.py"), *inner])


def unexplained(text: str) -> Iterator[int]:
    """Lines on which everything is caught without a word of why, there or on the line after."""
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.ExceptHandler):
            continue
        caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        broad = any(one is None or (isinstance(one, ast.Name) and one.id in BROAD) for one in caught)
        if broad and "#" not in lines[node.lineno - 1] and not lines[node.lineno].lstrip().startswith("#"):
            yield node.lineno


def test_whoever_catches_everything_says_why() -> None:
    files = sources()
    assert len(files) > 200
    found = [f"{file.relative_to(ROOT)}:{line}" for file in files for line in unexplained(file.read_text("utf-8"))]
    assert not found


@pytest.mark.parametrize("caught", ["", " Exception", " (ValueError, Exception) as error", " BaseException"])
def test_a_catch_without_a_word_is_found(caught: str) -> None:
    code = "try:\n    pass\nexcept{}:{}\n    pass\n"
    assert list(unexplained(code.format(caught, ""))) == [3]
    assert not list(unexplained(code.format(caught, "  # A page of one's own fails alone.")))
    assert not list(unexplained("try:\n    pass\nexcept ValueError:\n    pass\n"))


def test_no_module_is_longer_than_can_be_taken_in() -> None:
    long = {str(file.relative_to(ROOT)): len(file.read_text("utf-8").splitlines()) for file in sources()}
    assert not {name: lines for name, lines in long.items() if lines > LONGEST}
