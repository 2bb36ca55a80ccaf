"""Effects: the intent saved before the call, "done" only from a read-back, never a blind retry."""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import msgspec

from bot.errors import Conflict, DomainError, JournalMismatch, NotApproved, Temporary
from bot.ports import Sql
from bot.script import cases
from bot.script.drive import Drive
from bot.script.effects import EffectSpec, Key
from bot.script.frame import stop_waiting
from bot.script.ops import Op
from bot.script.outcomes import Done, Failed, Restart, Wait
from bot.script.values import canonical, digest, error_to_plain, from_plain, return_type, to_plain

log = logging.getLogger("parley.effects")

TRIES = 3
"""How often a keyed effect is called, each time only after a read-back has proved that it is not done."""
READ_BACKS = (2.0, 4.0, 8.0, 15.0)
"""Seconds between read-backs that fail, before the effect is called unknown."""
MARGIN = 5.0
"""Seconds of lease beyond an effect's deadline, without which it is not begun."""
LATER = (60.0, 300.0, 1800.0, 7200.0)
"""Seconds between read-backs of an unknown effect, before it is left to its case alone."""

_BEGIN = (
    "INSERT INTO effect (key, conversation, person, case_id, dialog, run, op, function, arguments, read_back, status,"
    " deadline, begun_at) VALUES (:key, :conversation, :person, :case_id, :dialog, :run, :op, :function, :arguments,"
    " :read_back, 'intent', :deadline, :at)"
    " ON CONFLICT (key) DO UPDATE SET deadline = excluded.deadline WHERE effect.status IN ('intent', 'unknown')"
)
_SETTLE = (
    "UPDATE effect SET status = :status, outcome = :outcome, reference = :reference, settled_at = :at"
    " WHERE key = :key AND status IN ('intent', 'unknown')"
)


class Effect:
    """One effect of one run: its declaration, its key, and the journal entry that it moves."""

    def __init__(self, op: Op[Any], run: Drive) -> None:
        assert op.fn is not None
        self.op, self.run = op, run
        self.spec: EffectSpec
        self.spec, self.service, self.function = run.scope.host.services.effect(op.fn)
        self.canonical = canonical(op.values)
        self.mark = digest(self.canonical)[:16]
        self.key = digest(run.frame["run"], str(run.frame["gen"]), op.name, self.canonical)
        self.kind = return_type(op.fn)

    async def begin(self, tries: int, told: bool) -> Restart | None:
        """Save the intent (and use up the approval) in a checkpoint. None when saved; else the approval is gone."""
        run, scope = self.run, self.run.scope
        if scope.claim.held_until - time.monotonic() < self.spec.deadline + MARGIN:
            lease = max(scope.host.limits.lease, self.spec.deadline + 2 * MARGIN)
            scope.claim = await scope.host.store.renew(scope.claim, lease=lease)
        deadline = await scope.host.store.database_now() + self.spec.deadline
        approval = await self._approval()
        before = run.journal.get(self.op.name)
        entry = {"s": "i", "key": self.key, "a": self.mark, "dl": deadline, "n": tries, "b": 0}
        run.park(self.op, {**entry, "told": 1} if told else entry)
        kept = len(scope.changes)
        if tries == 1:
            scope.audit("effect.begun", self.key, function=self.function, arguments=self.mark)
        try:
            await scope.checkpoint(*approval, self._row(deadline))
        except Conflict:
            _back(run, self.op.name, before)
            del scope.changes[kept:]
            refused = self._refuse_approval(before)
            if refused is None:
                raise
            return refused
        return None

    def _row(self, deadline: float) -> Sql:
        run, scope = self.run, self.run.scope
        values = {
            "key": self.key,
            "conversation": scope.conversation,
            "person": scope.person or scope.claim.person,
            "case_id": scope.case_id or scope.claim.case_id,
            "dialog": run.spec.id,
            "run": run.frame["run"],
            "op": self.op.name,
            "function": self.function,
            "arguments": self.canonical.decode(),
            "read_back": self.spec.read_back,
            "deadline": deadline,
            "at": scope.now.timestamp(),
        }
        return Sql(_BEGIN, values, rows=1)

    async def _approval(self) -> tuple[Sql, ...]:
        if self.spec.approve is None:
            return ()
        entry = self._approved_op()
        if entry is None:
            raise NotApproved(f"{self.run.spec.id}: {self.function} needs c.step_up({self.spec.approve!r}, …) first.")
        scope = self.run.scope
        standing = await scope.standing()
        by = standing.person.customer_ref if standing.person is not None else ""
        if entry.get("by") == by and standing.level >= scope.host.dialogs.needs(self.spec.approve):
            return ()
        return scope.host.login.consume(
            grant=entry["r"]["grant"],
            action=self.spec.approve,
            arguments=self.op.values,
            standing=standing,
            key=self.key,
            now=scope.now,
        )

    def _approved_op(self) -> dict[str, Any] | None:
        for entry in self.run.journal.values():
            bound = isinstance(entry, dict) and entry.get("up") == [self.spec.approve, self.mark]
            if bound and entry["s"] == "d" and entry["r"].get("status") == "approved":
                found: dict[str, Any] = entry
                return found
        return None

    def _refuse_approval(self, before: Any) -> Restart | None:
        """The approval could not be used (expired, or the link has changed): the dialog sees it as expired."""
        entry = self._approved_op() if self.spec.approve else None
        if entry is None:
            return None
        if before is not None and "key" in before:
            # An earlier call was proved not to have landed, and there will be no other.
            del self.run.journal[self.op.name]
            self._settled("refused", {"reason": "approval"}, None)
        self.run.scope.audit("effect.refused", self.key, reason="approval")
        entry["r"] = {"status": "expired"}
        return Restart(None)

    async def call(self, deadline_at: float) -> DomainError | None:
        """Call the backend until `deadline_at` (monotonic). A domain error is its answer; anything else is uncertain.

        Not called at all when that time, or the lease, is over by now.
        """
        assert self.op.fn is not None
        left = min(deadline_at, self.run.scope.claim.held_until) - time.monotonic()
        if left <= 0:
            return None
        try:
            async with asyncio.timeout(left):
                await self.op.fn(**self.op.values, **self._with_key(self.op.fn))
        except DomainError as error:
            return error
        except Exception as error:  # boundary: whatever a backend raises, the effect may have happened
            log.warning("effect uncertain", extra={"function": self.function, "error": type(error).__name__})
        return None

    async def read_back(self) -> tuple[bool, Any]:
        """(answered, value or None). `answered` is False when the backend could not be asked."""
        fn: Callable[..., Awaitable[Any]] = getattr(self.service, self.spec.read_back)
        try:
            async with asyncio.timeout(max(0.5, min(self.run.scope.host.limits.read, self.run.scope.left()))):
                return True, await fn(**self.op.values, **self._with_key(fn))
        except (Temporary, DomainError, TimeoutError, OSError):
            return False, None

    def _with_key(self, fn: Callable[..., Any]) -> dict[str, Key]:
        return {"key": Key(self.key)} if "key" in inspect.signature(fn).parameters else {}

    def finish(self, value: Any) -> Done:
        """Record the outcome that the read-back showed."""
        plain = to_plain(value, self.op.name)
        self.run.done(self.op, plain, a=self.mark, key=self.key)
        self._settled("done", plain, getattr(value, "reference", None))
        return Done(from_plain(plain, self.kind, self.op.name))

    def refused(self, error: DomainError) -> Failed:
        """Record that the backend said no."""
        plain = error_to_plain(error)
        self.run.journal[self.op.name] = {"s": "e", "a": self.mark, "key": self.key, **plain}
        stop_waiting(self.run.frame)
        self._settled("refused", plain, None)
        return Failed(error)

    def _settled(self, status: str, plain: Any, reference: str | None) -> None:
        scope = self.run.scope
        values = {
            "key": self.key,
            "status": status,
            "outcome": msgspec.json.encode(plain).decode(),
            "reference": reference,
            "at": scope.now.timestamp(),
        }
        scope.changes.append(Sql(_SETTLE, values))
        scope.audit(f"effect.{status}", self.key, function=self.function)
        scope.trace.setdefault("effects", []).append({"key": self.key, "function": self.function, "status": status})


async def once(op: Op[Any], entry: Any, run: Drive) -> Done | Failed | Wait | Restart:
    """Begin the effect, or settle the one that was begun."""
    effect = Effect(op, run)
    if entry is None:
        return await _attempt(effect, 1, told=False)
    if entry.get("a") != effect.mark:
        raise JournalMismatch(f"{run.spec.id}: {op.name} was begun with other arguments")
    return await _settle(effect, entry)


async def _attempt(effect: Effect, tries: int, *, told: bool) -> Done | Failed | Wait | Restart:
    called_by = time.monotonic() + effect.spec.deadline
    gone = await effect.begin(tries, told)
    if gone is not None:
        return gone
    error = await effect.call(called_by)
    if error is not None:
        return effect.refused(error)
    return await _settle(effect, effect.run.journal[effect.op.name])


async def _settle(effect: Effect, entry: dict[str, Any]) -> Done | Failed | Wait | Restart:
    answered, value = await effect.read_back()
    if value is not None:
        effect.run.scope.cancel_timer(effect.run.frame["op"])
        return effect.finish(value)
    scope = effect.run.scope
    if entry["s"] == "u":
        return _still_unknown(effect, entry)
    wait = entry["dl"] + scope.host.limits.effect_grace - await scope.host.store.database_now()
    if wait > 0:
        # Only after its deadline is "not there" proof that the call will not land any more.
        if not entry.get("told"):
            scope.tell("host.effect-checking")
        effect.run.park(effect.op, {**entry, "told": 1}, after=timedelta(seconds=wait))
        return Wait()
    if answered and effect.spec.keys and entry["n"] < TRIES:
        if await scope.look() is not None or scope.left() <= 0.5:
            effect.run.park(effect.op, entry, after=timedelta(seconds=1))
            return Wait()
        return await _attempt(effect, entry["n"] + 1, told="told" in entry)
    if not answered and entry["b"] < len(READ_BACKS):
        if not entry.get("told"):
            scope.tell("host.effect-checking")
        delay = timedelta(seconds=READ_BACKS[entry["b"]])
        effect.run.park(effect.op, {**entry, "b": entry["b"] + 1, "told": 1}, after=delay)
        return Wait()
    return _unknown(effect, entry)


def _unknown(effect: Effect, entry: dict[str, Any]) -> Wait:
    scope = effect.run.scope
    case = cases.open_case(effect.run, "effect_unknown", about={"effect": effect.key}, op=effect.run.frame["op"])
    scope.changes.append(
        Sql("UPDATE effect SET status = 'unknown' WHERE key = :key AND status = 'intent'", {"key": effect.key})
    )
    scope.audit("effect.unknown", effect.key, function=effect.function)
    scope.trace.setdefault("effects", []).append({"key": effect.key, "function": effect.function, "status": "unknown"})
    scope.tell("host.effect-unknown", reference=case.reference)
    effect.run.park(effect.op, {**entry, "s": "u", "b": 0, "ref": case.reference}, after=timedelta(seconds=LATER[0]))
    return Wait()


def _still_unknown(effect: Effect, entry: dict[str, Any]) -> Wait | Done:
    scope, at = effect.run.scope, entry["b"] + 1
    if at < len(LATER):
        effect.run.park(effect.op, {**entry, "b": at}, after=timedelta(seconds=LATER[at]))
        return Wait()
    scope.audit("effect.left", effect.key, function=effect.function)
    effect.run.park(effect.op, {**entry, "b": at})
    return Wait()


def _back(run: Drive, name: str, before: Any) -> None:
    stop_waiting(run.frame)
    if before is None:
        run.journal.pop(name, None)
    else:
        run.journal[name] = before
