"""What the console posts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

Key = Annotated[str, Meta(min_length=8, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
Short = Annotated[str, Meta(max_length=400)]
Long = Annotated[str, Meta(max_length=4000)]


class Presence(Struct, frozen=True):
    state: Literal["available", "wrapping_up", "away"]


class Viewing(Struct, frozen=True):
    typing: bool = False


class Seen(Struct, frozen=True):
    pos: Annotated[int, Meta(ge=0)] = 0
    conversation: str = ""


class Say(Struct, frozen=True):
    key: Key
    text: Long = ""
    file: str | None = None


class Note(Struct, frozen=True):
    key: Key
    text: Annotated[str, Meta(min_length=1, max_length=4000)]


class Transfer(Struct, frozen=True):
    to_agent: str | None = None
    to_skill: str | None = None
    note: Long = ""
    key: str = ""


class Snooze(Struct, frozen=True):
    until: datetime


class Resolve(Struct, frozen=True):
    key: Key
    note: Long = ""
    silent: bool = False
    spam: bool = False


class Return(Struct, frozen=True):
    key: Key
    how: Literal["resume", "start", "close"] = "resume"
    dialog: str | None = None
    answers: dict[str, Any] = {}
    note: Long = ""


class Preview(Struct, frozen=True):
    how: Literal["resume", "start", "close"] = "resume"
    dialog: str | None = None


class Offer(Struct, frozen=True):
    key: Key
    dialog: str
    answers: dict[str, Any] = {}


class Act(Struct, frozen=True):
    key: Key
    act: str
    reason: Annotated[str, Meta(min_length=1, max_length=400)]
    amount: Annotated[int, Meta(gt=0, le=1_000_000)] | None = None
    text: Long = ""
    at: str | None = None


class Decision(Struct, frozen=True):
    decision: Literal["approve", "decline"]
    reason: Short = ""


class Reply(Struct, frozen=True):
    shortcut: Annotated[str, Meta(min_length=1, max_length=30, pattern=r"^[a-z0-9_-]+$")]
    title: Annotated[str, Meta(min_length=1, max_length=80)]
    text: Annotated[str, Meta(min_length=1, max_length=4000)]
    id: str | None = None
    shared: bool = False
