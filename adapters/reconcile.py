"""After a send without an answer: which of a row's messages did go out, by a tag that the platform gives back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from adapters.render import Progress
from bot.ports import OutboxClaim

_SHAPE = re.compile(r"parley:([\w-]{1,64}):(\d{1,15}):(\d{1,9}):(\d{1,4})/(\d{1,4})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Tag:
    """Travels with one message as the platform's metadata: part `part` (from 0) of the `parts` of a row."""

    conversation: str
    seq: int
    n: int
    part: int
    parts: int

    def __str__(self) -> str:
        return f"parley:{self.conversation}:{self.seq}:{self.n}:{self.part}/{self.parts}"


def tag_for(held: OutboxClaim, part: int, parts: int) -> Tag:
    """The tag of one part of a row."""
    return Tag(held.conversation, held.seq, held.n, part, parts)


def read_tag(text: object) -> Tag | None:
    """A tag that came back; None for anything else."""
    found = _SHAPE.fullmatch(text) if isinstance(text, str) else None
    return None if found is None else Tag(found[1], *(int(number) for number in found.groups()[1:]))


def settle(progress: Progress, held: OutboxClaim, found: Mapping[int, str], parts: int) -> str | None:
    """All ids joined by commas where every part is found or known; else `progress` learns which need not be sent.

    `parts`: how many there are, 0 where nothing was found.
    """
    known = {**dict(enumerate(progress.sent(held))), **found}
    ids: list[str] = []
    while len(ids) in known:
        ids.append(known[len(ids)])
    if parts and len(ids) >= parts:
        return ",".join(ids)
    progress.know(held, ids)
    return None
