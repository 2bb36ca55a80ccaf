"""Every transcript again, through each push channel: the customer uses the platform's app, and reads what it shows.

What each channel showed is kept in `tests/rendered/<channel>/`; `WRITE_RENDERED=1` writes it anew for review.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bot.errors import SendPermanent
from bot.model import Address, Inbound
from bot.testing.player import Mode, Player
from bot.testing.transcripts import Case, read, squeezed
from tests.contract.rigs.base import Rig, Shown, World, rigs
from tests.worlds.demo import DemoWorld, recogniser
from tests.worlds.own import OwnWorld

TESTS = Path(__file__).parents[1]
RENDERED = TESTS / "rendered"
FILES = [*sorted((TESTS / "transcripts").glob("*.md")), *sorted((TESTS / "transcripts" / "own").glob("*.md"))]
RIGS = rigs()
WRITE = os.environ.get("WRITE_RENDERED") == "1"
USER = "1001"


@dataclass(slots=True)
class AppPlayer(Player):
    """A customer with the platform's app: presses what is shown there, and types where nothing can be pressed."""

    rig: Rig = field(kw_only=True)
    channel: str = field(kw_only=True)
    keys: Iterator[int] = field(default_factory=lambda: itertools.count(500_001))
    read: int = 0
    lines: list[str] = field(default_factory=list)

    @property
    def address(self) -> Address:
        """Where the platform says that the customer writes from."""
        return Address("larkspur", self.rig.channel.name, self.channel, USER)

    async def _accept(self, inbound: Inbound) -> None:
        if inbound.kind not in ("message", "press"):
            await Player._accept(self, inbound)
            return
        key = str(next(self.keys))
        pressed = await self._find(inbound.text) if inbound.kind == "press" else None
        self.lines.append(f"> [{inbound.text}]" if pressed else f"> {inbound.text}")
        for _ in range(3 if self.mode == "redelivery" else 1):
            if pressed is not None:
                assert await self.rig.presses(*pressed, user=USER, key=key) == 200
            else:
                assert await self.rig.says(inbound.text, user=USER, key=key) == 200
            await self._settle()

    async def _find(self, label: str) -> tuple[Shown, int] | None:
        """The newest button that says this, in full or as much of it as the platform shows."""
        for message in reversed(await self.rig.shown(user=USER)):
            for at, (said, _) in enumerate(message.buttons):
                name = re.sub(r"^\d+\. ", "", said)
                if squeezed(name) == squeezed(label) or (said.endswith("…") and label.startswith(name.rstrip("…"))):
                    return message, at
        return None

    async def _new_rows(self) -> list[str]:
        while held := await self.world.store.claim_outbox(8, lease=30):
            for one in held:
                try:
                    sent = await self.rig.channel.send(one)
                except SendPermanent as error:
                    raise AssertionError(f"{self.channel} refused {one.said}: {error}") from error
                await self.world.store.sent(one, platform_id=sent, at=self.world.clock.now())
        shown = await self.rig.shown(user=USER)
        for message in shown[self.read :]:
            self.lines += ["", *(f"< {line}".rstrip() for line in message.text.split("\n"))]
            self.lines += [f"  [{label}]" for label, _ in message.buttons]
            self.lines += [f"  [{label}] -> {self._masked(url)}" for label, url in message.links]
        self.read = len(shown)
        # A transcript writes "transcript" where a receipt names the channel it came by.
        return [re.sub(rf"(?i), {self.channel}:", ", transcript:", said) for said in await Player._new_rows(self)]

    @staticmethod
    def _masked(url: str) -> str:
        return re.sub(r"(?<=/(?:link)/).*", "…", url)


async def play(case: Case, channel: str, mode: Mode) -> str:
    """Play it through a channel; what the customer saw and did."""
    world: Any = (OwnWorld if case.path.parent.name == "own" else DemoWorld)(case.given)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(world.close)
        at = World(world.store, world.clock, recogniser().control)
        rig = await stack.enter_async_context(RIGS[channel].opened(at))
        player = AppPlayer(world, mode, rig=rig, channel=channel)
        await player.play(case)
        text = "\n".join(player.lines)
    text = re.sub(r"https://chat\.example/(link|files)/\S+", r"https://chat.example/\1/…", text)
    return re.sub(r"\b(LM)-[A-Z2-7]{7}\b", r"\1-…", text)


ALL = [case for path in FILES for case in read(path)]


def cases() -> list[Any]:
    """Every case on every channel; of each file, the first case on one channel in turn is for a quick look."""
    channels = sorted(RIGS)
    quick = {(read(path)[0].name, path, channels[at % len(channels)]) for at, path in enumerate(FILES)}
    return [
        pytest.param(
            case,
            channel,
            id=f"{channel} {case.path.stem}: {case.name}",
            marks=[] if (case.name, case.path, channel) in quick else [pytest.mark.slow],
        )
        for case in ALL
        for channel in channels
    ]


@pytest.mark.promise("never-lost")
@pytest.mark.parametrize(("case", "channel"), cases())
async def test_a_transcript_passes_on_each_channel_and_looks_as_it_did(case: Case, channel: str) -> None:
    shown = await play(case, channel, "redelivery")
    file = RENDERED / channel / f"{case.path.stem}.txt"
    if WRITE:
        file.parent.mkdir(parents=True, exist_ok=True)
        kept = {**sections(file), case.name: shown}
        names = [one.name for one in ALL if one.path == case.path and one.name in kept]
        file.write_text("\n".join(f"## {name}\n\n{kept[name]}\n" for name in names), "utf-8")
    assert sections(file).get(case.name) == shown, "if the new rendering is right: WRITE_RENDERED=1, and review it"


def sections(file: Path) -> dict[str, str]:
    """What is kept in a file, by case."""
    if not file.exists():
        return {}
    parts = re.split(r"^## (.*)$", file.read_text("utf-8"), flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], (text.strip("\n") for text in parts[1::2]), strict=True))


def test_no_rendering_is_left_over() -> None:
    for channel in RIGS:
        for file in (RENDERED / channel).iterdir():
            wanted = {case.name for case in ALL if case.path.stem == file.stem}
            assert set(sections(file)) <= wanted, file
