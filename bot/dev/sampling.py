"""Sample journals: for each released dialog, the state of an open conversation, replayed by later tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from bot.dev.world import BrandWorld
from bot.errors import Permanent
from bot.model import Inbound
from bot.ports import Sql
from bot.testing.player import Player
from bot.testing.transcripts import Case, read
from bot.turn import Turns

NewWorld = Callable[[Sequence[str]], BrandWorld]

_STATE = "SELECT id, state FROM conversation"


@dataclass(frozen=True, slots=True)
class Sample:
    """An open conversation: the dialog's version, what was given, who the customer was, and the state as JSON."""

    dialog: str
    version: int
    given: tuple[str, ...]
    customer: str
    state: dict[str, Any]

    @property
    def weight(self) -> int:
        """How much of the dialog its journal holds."""
        return max((len(frame.get("j", {})) for id, frame in frames(self.state) if id == self.dialog), default=0)


class JournalBroken(Permanent):
    """A saved journal of a released dialog can no longer be continued."""


def frames(state: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The scripts' frames of a state, of all stacks."""
    found = [(id, frame) for stack in state.get("k", ()) for id, frame in stack]
    return [(id, frame) for id, frame in found if isinstance(frame, dict) and "v" in frame]


async def samples(files: Iterable[Path], world: NewWorld) -> dict[tuple[str, int], Sample]:
    """Of each dialog that a transcript leaves open at some point, the sample with the fullest journal."""
    best: dict[tuple[str, int], Sample] = {}
    for file in files:
        for case in read(file):
            made = world(case.given)
            try:
                for sample in await _of_case(made, case):
                    key = (sample.dialog, sample.version)
                    if key not in best or sample.weight > best[key].weight:
                        best[key] = sample
            finally:
                await made.close()
    return best


async def _of_case(world: BrandWorld, case: Case) -> list[Sample]:
    player, found = Player(world, "plain"), []
    await player.prepare(case)
    for line in case.lines:
        if line.mark in "<!=":
            continue
        await player.act(line, case)
        rows = await world.store.query(_STATE)
        state = msgspec.json.decode(bytes(rows[0]["state"])) if rows and rows[0]["state"] else {}
        for dialog, frame in frames(state):
            found.append(Sample(dialog, frame["v"], tuple(case.given), str(frame.get("who", "")), state))
    return found


def save(sample: Sample, folder: Path) -> Path:
    """Write it as `folder`/dialog.vN.json; returns the file."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{sample.dialog}.v{sample.version}.json"
    file.write_bytes(msgspec.json.format(msgspec.json.encode(sample), indent=1) + b"\n")
    return file


def load(file: Path) -> Sample:
    """Read what `save` wrote."""
    return msgspec.json.decode(file.read_bytes(), type=Sample)


class _Failures:
    """Notes that a turn failed."""

    def __init__(self) -> None:
        self.errors: list[str] = []

    def turn(self, trace: dict[str, Any], seconds: float) -> None:
        """A turn was committed."""

    def failed(self, error: str, *, parked: bool) -> None:
        """A turn failed."""
        self.errors.append(error)


async def replay(sample: Sample, world: BrandWorld) -> None:
    """Go on with the saved conversation on today's code: one message that answers nothing. Raises `JournalBroken`."""
    player = Player(world, "plain")
    if sample.customer:
        await world.login.know(player.address, sample.customer)
    conversation = await world.store.conversation_of(player.address)
    await world.store.change(
        [
            Sql(
                "UPDATE conversation SET state = :state WHERE id = :id",
                {"state": msgspec.json.encode(sample.state), "id": conversation},
                rows=1,
            )
        ]
    )
    host, bridge = world.process(lambda services: services, world.store)
    failures = _Failures()
    turns = Turns(host, bridge, observer=failures)
    await world.store.accept(Inbound("replay", "message", world.clock.now(), address=player.address, text="hmm"))
    for claim in await world.store.claim(1, lease=30.0):
        await turns.one(claim)
    if failures.errors:
        raise JournalBroken(f"{sample.dialog} version {sample.version}: {failures.errors[0]}")
