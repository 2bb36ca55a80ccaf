"""One replay of one frame: what the handlers of the verbs share."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from bot.errors import NotPrivate
from bot.model import Outbound
from bot.script.frame import Frame, stop_waiting, wait_for
from bot.script.ops import Op
from bot.script.outcomes import Wait
from bot.script.registry import DialogSpec
from bot.script.scope import Feed, Scope, Waiting


@dataclass(slots=True)
class Drive:
    """One replay of one frame: what the handlers of the verbs share."""

    spec: DialogSpec
    frame: Frame
    scope: Scope
    feed: Feed | None
    private: bool
    shown: dict[str, Any] = field(default_factory=dict)
    """The values of the latest confirmation, which also word the approval page."""

    @property
    def journal(self) -> dict[str, Any]:
        """The frame's journal."""
        journal: dict[str, Any] = self.frame["j"]
        return journal

    def done(self, op: Op[Any], value: Any, **extra: Any) -> None:
        """Record an outcome and wait no longer."""
        self.journal[op.name] = {"s": "d", "r": value, **extra}
        stop_waiting(self.frame)

    def park(self, op: Op[Any], entry: dict[str, Any], *, after: timedelta | None = None) -> str:
        """Record that the dialog waits with this operation; with `after`, a timer wakes it. Returns the op's id."""
        self.journal[op.name] = entry
        op_id = wait_for(self.frame, op.name)
        if after is not None:
            self.scope.timer(op_id, self.scope.now + after)
        return op_id


def put_private(run: Drive, said: Outbound) -> None:
    """Say something; marked private when the dialog reads an account. Raises `NotPrivate`."""
    if run.private:
        if run.scope.claim.address.kind != "private":
            raise NotPrivate(run.spec.id)
        said = replace(said, private=True)
    run.scope.put(said)


async def still_waiting(op: Op[Any], run: Drive) -> Wait:
    """A message while a call is being settled: another dialog may be opened on top, else it is told that we wait."""
    run.feed = None
    decision = await run.scope.route(Waiting(op.verb, True, 0), None)
    if decision.kind in ("again", "answer", "waiting", "unknown", "give_up"):
        run.scope.tell("host.still-trying")
    else:
        run.scope.decision = decision
    return Wait()
