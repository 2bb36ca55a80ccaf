"""Plays whole transcript files, and rewrites their `<` lines for review."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from bot.testing.looking import Differs
from bot.testing.player import MODES, Mode, Player
from bot.testing.transcripts import Case, read
from bot.testing.world import World

NewWorld = Callable[[Case], World]


async def play(case: Case, mode: Mode, world: NewWorld) -> None:
    """Play one case in one mode in a world of its own; raises `Differs`."""
    made = world(case)
    try:
        await Player(made, mode).play(case)
    finally:
        await made.close()


async def run_files(
    files: Iterable[Path], world: NewWorld, *, rewrite: bool = False, tell: Callable[[str], None] = print
) -> int:
    """Play every case of the files in all modes (or write the `<` lines anew); returns how many differ."""
    differing = 0
    for path in files:
        for at, case in enumerate(read(path)):
            if rewrite:
                try:
                    # Read anew: what was rewritten before this case may have moved its lines.
                    await rewrite_case(read(path)[at], world)
                    tell(f"rewritten  {path.name}: {case.name}")
                except Differs as error:
                    differing += 1
                    tell(f"differs    {error}")
                continue
            for mode in MODES:
                try:
                    await play(case, mode, world)
                    tell(f"ok         {path.name}: {case.name} [{mode}]")
                except Differs as error:
                    differing += 1
                    tell(f"differs    {error}")
    return differing


async def rewrite_case(case: Case, world: NewWorld) -> None:
    """Put into the file what the bot says now, keeping every other line. Raises `Differs` where a line cannot happen;
    what was said up to there is written then, and the rest left as it is."""
    made = world(case)
    player = Player(made, "plain", rewrite=True)
    try:
        await player.play(case)
    finally:
        await made.close()
        _write(case, player.written)


def _write(case: Case, written: list[str]) -> None:
    happened = sum(not line.startswith("<") for line in written)
    others = [at for at, line in enumerate(case.lines) if line.mark != "<"]
    left = case.lines[others[happened] :] if happened < len(others) else []
    lines = case.path.read_text("utf-8").splitlines()
    first, last = case.lines[0].at - 1, case.lines[-1].at
    lines[first:last] = [*written, *(f"{line.mark} {line.text}" for line in left)]
    case.path.write_text("\n".join(lines) + "\n", "utf-8")
