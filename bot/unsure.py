"""Keeps what was not understood, redacted, for whoever teaches the recogniser; only where `nlu.keep_unsure` says so.

An utterance is kept where the bot had to ask what was meant (unsure), and where the customer at once left the dialog
that it had opened (repaired). Losing one of them matters to nobody, so they are written beside the turns, in batches.
"""

from __future__ import annotations

import re
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from bot.model import Parse
from bot.observe.counting import Watcher
from bot.observe.redaction import scrub
from bot.ports import Clock, Sql, Store

Why = Literal["unsure", "repaired"]

OFFERED = 5
"""Readings kept of a ranking."""
WAITING = 1000
"""Utterances not yet written, and conversations whose latest reading is remembered; the oldest are dropped."""

_SAID = (
    "SELECT i.text, c.person FROM inbound i JOIN conversation c ON c.id = i.conversation"
    " WHERE i.conversation = :conversation AND i.seq = :seq AND i.kind = 'message'"
)
_KEEP = (
    "INSERT INTO unsure (id, conversation, person, text, why, ranking, model, at)"
    " VALUES (:id, :conversation, :person, :text, :why, :ranking, :model, :at) ON CONFLICT (id) DO NOTHING"
)
_SHAPES = (
    (re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+"), "[email]"),
    (re.compile(r"(?i)\bhttps?://\S+|\bwww\.\S+"), "[link]"),
    (re.compile(r"(?i)\b[a-z]{1,2}\d[a-z\d]?\s*\d[a-z]{2}\b"), "[postcode]"),
    (
        re.compile(
            r"(?i)\b(my name is|my name's|this is|i am|i'm)\s+(?:mr|mrs|ms|miss|dr)\.?\s+[\w'-]+(?:\s+[\w'-]+)?"
        ),
        r"\1 [name]",
    ),
    (re.compile(r"(?i)\b(my name is|my name's)\s+[\w'-]+(?:\s+[A-Z][\w'-]+)?"), r"\1 [name]"),
    (re.compile(r"\d(?=[\d\s/.-]*\d)|(?<=\d)[\s.-]?\d|\d{3,}"), "0"),
)


def redacted(text: str) -> str:
    """The text without addresses, names given as such, links and credentials, and with every longer number as zeros."""
    text = scrub(text)
    for shape, instead in _SHAPES:
        text = shape.sub(instead, text)
    return text


@dataclass(frozen=True, slots=True)
class _Found:
    conversation: str
    seq: int
    why: Why
    parse: Parse


class Unsure:
    """Implements `bot.observe.counting.Watcher`; `write` is called every now and then."""

    def __init__(self, store: Store, clock: Clock, watcher: Watcher | None = None) -> None:
        self._store, self._clock, self._watcher = store, clock, watcher
        self._found: deque[_Found] = deque(maxlen=WAITING)
        self._began: OrderedDict[str, tuple[int, Parse]] = OrderedDict()

    def turn(self, trace: dict[str, Any], seconds: float) -> None:
        """A turn was committed."""
        if self._watcher is not None:
            self._watcher.turn(trace, seconds)
        if trace["kind"] not in ("message", "press"):
            return
        conversation, parse = trace["conversation"], trace.get("parse")
        did = str(trace.get("route", "")).partition(" ")[0]
        before = self._began.pop(conversation, None)
        if before is not None and did in ("stop", "start", "human") and before[0] == trace["seq"] - 1:
            self._found.append(_Found(conversation, before[0], "repaired", before[1]))
        if parse is None or parse.backend == "rules":
            return
        if did in ("clarify", "unknown"):
            self._found.append(_Found(conversation, trace["seq"], "unsure", parse))
        elif did == "start":
            self._began[conversation] = (trace["seq"], parse)
            while len(self._began) > WAITING:
                self._began.popitem(last=False)

    async def write(self) -> int:
        """Write what was found since; returns how many."""
        changes: list[Sql] = []
        found, now = list(self._found), self._clock.now().timestamp()
        for one in found:
            for row in await self._store.query(_SAID, conversation=one.conversation, seq=one.seq):
                values = {
                    "id": f"{one.conversation}:{one.seq}",
                    "conversation": one.conversation,
                    "person": row["person"],
                    "text": redacted(row["text"]),
                    "why": one.why,
                    "ranking": msgspec.json.encode(one.parse.ranking[:OFFERED]).decode(),
                    "model": one.parse.model,
                    "at": now,
                }
                changes.append(Sql(_KEEP, values))
        if changes:
            await self._store.change(changes)
        for one in found:  # only now: a store that could not be written is asked again
            if self._found and self._found[0] is one:
                self._found.popleft()
        return len(changes)
