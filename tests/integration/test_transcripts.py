"""Every transcript, in all four modes, on the real engine and a real store."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.testing import MODES, Case, play, read
from bot.testing.player import Mode
from tests.worlds.demo import DemoWorld

FILES = sorted((Path(__file__).parents[1] / "transcripts").glob("*.md"))
CASES = [case for path in FILES for case in read(path)]
QUICK = ("plain", "crash")


@pytest.mark.promise("turn-once")
@pytest.mark.parametrize("mode", [m if m in QUICK else pytest.param(m, marks=pytest.mark.slow) for m in MODES])
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.path.stem}: {case.name}")
async def test_transcript(case: Case, mode: Mode) -> None:
    await play(case, mode, lambda given: DemoWorld(given.given))
