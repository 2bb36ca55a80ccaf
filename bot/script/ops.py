"""What a dialog can await: one `Op` a verb. The host drives the coroutine and sends each outcome back in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Generic, Literal, TypeVar

R = TypeVar("R")

Verb = Literal["say", "show", "ask", "choose", "confirm", "do", "once", "call", "step_up", "handoff", "now"]
WAITS: frozenset[str] = frozenset({"ask", "choose", "confirm", "step_up", "handoff"})


@dataclass(slots=True, eq=False)
class Op(Generic[R]):
    """One awaited verb: its journal name, and what it needs. Awaiting it yields it to the host."""

    verb: Verb
    name: str
    text: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    fn: Callable[..., Awaitable[Any]] | None = None
    parse: Callable[[str], Any] | None = None
    items: tuple[Any, ...] = ()
    label: str | Callable[[Any], str] = ""
    guess: str | None = None
    write: bool = False
    secret: bool = False
    digress: bool = True
    expires: timedelta | None = None
    private: bool = False

    def named(self, name: str) -> Op[R]:
        """Give this operation a name of its own, where its default one is used twice in a run."""
        self.name = name
        return self

    def __await__(self) -> Generator[Op[R], R, R]:
        return (yield self)
