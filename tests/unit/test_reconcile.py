"""Tags on what is sent, and what a platform's answer about them lets be left unsent."""

from __future__ import annotations

import pytest

from adapters.reconcile import Tag, read_tag, settle, tag_for
from adapters.render import Progress
from tests.unit.test_messenger_errors import HELD


def test_a_tag_comes_back_as_it_went() -> None:
    tag = tag_for(HELD, 2, 5)
    assert tag == Tag("c1", 1, 0, 2, 5)
    assert read_tag(str(tag)) == tag


@pytest.mark.parametrize(
    "text",
    [
        *(None, 5, "", "hello", "parley:c:1:0:0", "parley:c:1:0:0/1 ", "x parley:c:1:0:0/1"),
        *("parley:c:-1:0:0/1", "parley:c:\u0661:0:0/1"),
    ],
)
def test_anything_else_is_no_tag(text: object) -> None:
    assert read_tag(text) is None


@pytest.mark.parametrize(
    ("known", "found", "parts", "whole", "left"),
    [
        ([], {}, 0, None, []),
        ([], {0: "a"}, 1, "a", []),
        ([], {0: "a", 1: "b"}, 3, None, ["a", "b"]),
        (["a"], {1: "b"}, 2, "a,b", ["a"]),
        (["a", "b"], {0: "a"}, 3, None, ["a", "b"]),
        ([], {1: "b"}, 2, None, []),
    ],
)
def test_what_is_known_of_a_row_is_put_together(
    known: list[str], found: dict[int, str], parts: int, whole: str | None, left: list[str]
) -> None:
    progress = Progress()
    progress.know(HELD, known)
    assert settle(progress, HELD, found, parts) == whole
    assert list(progress.sent(HELD)) == left
