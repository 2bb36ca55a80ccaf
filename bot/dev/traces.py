"""The latest turns of this process, as the developer's pane shows them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import msgspec

from bot.model import Parse
from bot.ports import Store

KEPT = 200

_INBOUND = "SELECT text FROM inbound WHERE conversation = :conversation AND seq = :seq"
_OUTBOUND = "SELECT n, body, status, reason FROM outbound WHERE conversation = :conversation AND seq = :seq ORDER BY n"
_STATE = "SELECT state FROM conversation WHERE id = :conversation"


@dataclass(frozen=True, slots=True)
class Turn:
    """One committed turn. `at` counts the turns of this process from 1."""

    at: int
    conversation: str
    seq: int
    kind: str
    parse: Parse | None
    route: str
    effects: list[dict[str, str]]
    ms: float


class Traces:
    """Implements `bot.observe.counting.Watcher`. Keeps no words: texts are read from the store when asked for."""

    def __init__(self) -> None:
        self._turns: deque[Turn] = deque(maxlen=KEPT)
        self._count = 0

    @property
    def latest(self) -> str | None:
        """The conversation of the latest turn."""
        return self._turns[-1].conversation if self._turns else None

    def turn(self, trace: dict[str, Any], seconds: float) -> None:
        """A turn was committed."""
        self._count += 1
        self._turns.append(
            Turn(
                at=self._count,
                conversation=trace["conversation"],
                seq=trace["seq"],
                kind=trace["kind"],
                parse=trace.get("parse"),
                route=trace.get("route", ""),
                effects=list(trace.get("effects", ())),
                ms=seconds * 1000,
            )
        )

    async def read(self, store: Store, after: int) -> list[dict[str, Any]]:
        """The turns behind `after`; the latest one of each conversation with its open dialog, step and journal."""
        newest = {turn.conversation: turn.at for turn in self._turns}
        turns = [turn for turn in self._turns if turn.at > after]
        return [await _shown(store, turn, newest[turn.conversation] == turn.at) for turn in turns]


async def _shown(store: Store, turn: Turn, newest: bool) -> dict[str, Any]:
    where = {"conversation": turn.conversation, "seq": turn.seq}
    inbound = await store.query(_INBOUND, **where)
    outbound = await store.query(_OUTBOUND, **where)
    top = await _top(store, turn.conversation) if newest else {}
    return {
        "seq": turn.at,
        "conversation": turn.conversation,
        "text": inbound[0]["text"] if inbound else "",
        "kind": turn.kind,
        "parse": None if turn.parse is None else msgspec.to_builtins(turn.parse),
        "route": turn.route,
        "dialog": top.get("dialog", ""),
        "step": top.get("step", ""),
        "journal": top.get("journal", {}),
        "effects": turn.effects,
        "outbound": [
            {"n": row["n"], "text": _text(row["body"]), "status": row["status"], "reason": row["reason"] or ""}
            for row in outbound
        ],
        "ms": turn.ms,
    }


async def _top(store: Store, conversation: str) -> dict[str, Any]:
    rows = await store.query(_STATE, conversation=conversation)
    state = msgspec.json.decode(bytes(rows[0]["state"])) if rows and rows[0]["state"] else {}
    stacks = state.get("k", ())
    if not stacks or not stacks[-1]:
        return {}
    dialog, frame = stacks[-1][0]
    journal = frame.get("j", {}) if isinstance(frame, dict) else {}
    return {"dialog": dialog, "step": frame.get("w", ""), "journal": {n: _outcome(v) for n, v in journal.items()}}


def _outcome(entry: Any) -> Any:
    """What the journal holds under a name, without its bookkeeping."""
    return entry.get("r", entry.get("s")) if isinstance(entry, dict) else entry


def _text(body: str) -> str:
    said = msgspec.json.decode(body)
    buttons = [choice["label"] for choice in said.get("choices") or ()]
    link = (said.get("link") or {}).get("label")
    marks = "".join(f" [{label}]" for label in [*buttons, *([link] if link else [])])
    return f"{said.get('text', '')}{marks}"
