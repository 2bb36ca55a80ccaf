"""Rewriting transcripts: every other line is kept, also where one cannot happen; effects are told in any order."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.testing import Differs, run_files
from bot.testing.looking import in_any_order
from bot.testing.run import rewrite_case
from bot.testing.transcripts import read
from tests.worlds.demo import DemoWorld

WRITTEN = """# Two conversations

## First
given customer C-1001

> hello
> help
= no open dialog

## Second
given customer C-1001

> talk to a person
< something that is not said any more
= case asked
"""


async def rewritten(path: Path) -> list[str]:
    told: list[str] = []
    await run_files([path], lambda case: DemoWorld(case.given), rewrite=True, tell=told.append)
    return told


async def test_every_case_of_a_file_is_rewritten_where_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "two.md"
    path.write_text(WRITTEN, "utf-8")
    assert [line.split()[0] for line in await rewritten(path)] == ["rewritten", "rewritten"]
    first, second = read(path)
    assert [line.mark for line in first.lines] == [">", "<", ">", "<", "="]
    assert [line.mark for line in second.lines] == [">", "<", "="]
    assert "reference LM-…" in second.lines[1].text
    assert await run_files([path], lambda case: DemoWorld(case.given), tell=lambda line: None) == 0


async def test_a_line_that_cannot_happen_is_told_and_the_rest_kept(tmp_path: Path) -> None:
    path = tmp_path / "one.md"
    path.write_text("## One\ngiven customer C-1001\n\n> hello\n> [Dance]\n> help\n= no open dialog\n", "utf-8")
    with pytest.raises(Differs, match=r"no button \[Dance\]; the bot last said: Hello"):
        await rewrite_case(read(path)[0], lambda case: DemoWorld(case.given))
    lines = [f"{line.mark} {line.text}" for line in read(path)[0].lines]
    assert lines[1].startswith("< Hello")
    assert [line for line in lines if not line.startswith("<")] == [
        "> hello",
        "> [Dance]",
        "> help",
        "= no open dialog",
    ]


def test_an_effect_is_the_same_in_any_order_of_its_arguments() -> None:
    assert in_any_order("A.b street=12 Park Row code=LS1") == in_any_order("A.b code=LS1 street=12 Park Row")
    assert in_any_order('A.b street="12 Park Row" code=LS1') == in_any_order("A.b street=12 Park Row code=LS1")
    assert in_any_order("A.b street=12 Park Row code=LS1") != in_any_order("A.b code=LS1 street=13 Park Row")
