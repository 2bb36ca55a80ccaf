"""Runs a replayed dialog: from its first line, recorded outcomes at once, on to the next open operation."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.errors import (
    DialogError,
    DomainError,
    JournalFull,
    JournalMismatch,
    NameTwice,
    StepUpRefused,
    Temporary,
    UnjournaledAwait,
)
from bot.model import Assurance, Card, File, Items, Outbound
from bot.script import effecting, questions, waits
from bot.script.catalogue import arguments
from bot.script.convo import Again, Convo
from bot.script.drive import Drive, put_private, still_waiting
from bot.script.frame import MAX_OPS, Frame, stop_waiting, wait_for
from bot.script.ops import Op
from bot.script.outcomes import Calls, Done, Ended, Failed, Outcome, Restart, Step, Wait, Waits
from bot.script.registry import DialogSpec
from bot.script.scope import Decision, Feed, Scope
from bot.script.sealed import unseal
from bot.script.values import canonical, digest, error_from_plain, error_to_plain, from_plain, return_type, to_plain

QUESTIONS = frozenset({"ask", "choose", "confirm"})
RETRY = (2.0, 4.0, 8.0, 15.0)


async def drive(spec: DialogSpec, frame: Frame, scope: Scope, feed: Feed | None) -> Step:
    """Run a frame on. `feed` is tried once as the open question's answer; without it an open question is asked again.

    Raises `DialogError` where the dialog's code is wrong, and whatever its own code raises.
    """
    private = spec.requires >= Assurance.LINKED
    run = Drive(spec, frame, scope, feed, private)
    if private:
        gate = await waits.gate(run)
        if gate is not None:
            return gate
    convo = Convo(frame.get("who"), scope.locale)
    coroutine = spec.fn(convo, **arguments(spec, frame["args"], scope.host.services))
    if not inspect.iscoroutine(coroutine):
        raise DialogError(f"{spec.id} is not an `async def`.")
    try:
        return await _replay(coroutine, run)
    finally:
        coroutine.close()


async def _replay(coroutine: Coroutine[Any, Any, Any], run: Drive) -> Step:
    journal, names = run.journal, set[str]()
    outcome: Outcome = Done(None)
    while True:
        try:
            op = coroutine.throw(outcome.error) if isinstance(outcome, Failed) else coroutine.send(outcome.value)
        except StopIteration as stop:
            return _ended(stop.value, run)
        except StepUpRefused as refused:
            return _refused(refused, run)
        if not isinstance(op, Op):
            raise UnjournaledAwait(f"{run.spec.id}: {op!r}")
        if op.name in names:
            raise NameTwice(f"{run.spec.id}: {op.name}")
        names.add(op.name)
        if op.verb == "confirm":
            run.shown = dict(op.values)
        entry = journal.get(op.name)
        if entry is None and len(journal) >= MAX_OPS:
            raise JournalFull(run.spec.id)
        made = await _perform(op, entry, run)
        if isinstance(made, Wait):
            return Waits()
        if isinstance(made, Calls):
            return made
        if isinstance(made, Restart):
            return made
        outcome = made


def _ended(value: Any, run: Drive) -> Step:
    if isinstance(value, Again):
        return Restart(to_plain(value.args, f"{run.spec.id}: again"))
    return Ended(value)


def _refused(refused: StepUpRefused, run: Drive) -> Step:
    scope = run.scope
    text = f"host.refused.{refused.reason}"
    again = () if scope.nested else (scope.offer("host.start_again", run.spec.id, run.frame["args"]),)
    scope.put(Outbound(scope.text(text), choices=again))
    return Ended(None)


async def _perform(op: Op[Any], entry: Any, run: Drive) -> Outcome | Wait | Calls | Restart:
    if entry is not None and not _same_kind(op, entry):
        raise JournalMismatch(f"{run.spec.id}: {op.name} was recorded by another verb than {op.verb}")
    if entry == 1:
        return Done(None)
    state = entry["s"] if entry is not None else ""
    if run.scope.settling and state not in ("d", "e", "i", "u"):
        return Wait()
    if state == "d" and op.verb not in ("step_up", "handoff"):
        return _replayed(op, entry, run)
    if state == "e":
        _same_arguments(op, entry, run)
        return Failed(error_from_plain(entry))
    verb = op.verb
    if verb == "say":
        return _say(op, run)
    if verb == "show":
        return _show(op, run)
    if verb in QUESTIONS:
        return await questions.put(op, entry, run)
    if verb == "now":
        run.done(op, run.scope.now.timestamp())
        return Done(run.scope.now)
    if verb == "step_up":
        return await waits.step_up(op, entry, run)
    if verb == "handoff":
        return await waits.handoff(op, entry, run)
    if state == "" and await _must_yield(op, run):
        return Wait()
    if run.feed is not None and state in ("t", "n", "i", "u"):
        return await still_waiting(op, run)
    if verb == "do":
        return await _do(op, entry, run)
    if verb == "once":
        return await effecting.once(op, None if state == "n" else entry, run)
    return _call(op, entry, run)


def _replayed(op: Op[Any], entry: dict[str, Any], run: Drive) -> Done:
    value = entry["r"]
    if op.verb == "do" or op.verb == "once":
        _same_arguments(op, entry, run)
        assert op.fn is not None
        return Done(from_plain(value, return_type(op.fn), f"{run.spec.id}: {op.name}"))
    if op.verb == "choose":
        return Done(questions.chosen(op, value))
    if op.verb == "now":
        return Done(datetime.fromtimestamp(value, UTC))
    if op.verb == "ask":
        if entry.get("q") == "secret":
            value = unseal(run.scope.host.secret, value, f"{run.spec.id}: {op.name}")
        return Done(from_plain(value, questions.answer_type(op), f"{run.spec.id}: {op.name}"))
    if op.verb == "call":
        _same_arguments(op, entry, run)
        called = run.scope.host.dialogs.by_id.get(op.text)
        return Done(value if called is None else from_plain(value, return_type(called.fn), f"{run.spec.id}: {op.name}"))
    return Done(value)


def _same_kind(op: Op[Any], entry: Any) -> bool:
    """Whether this verb may have written this entry, as far as the entry tells."""
    if entry == 1 or op.verb in ("say", "show"):
        return entry == 1 and op.verb in ("say", "show")
    if op.verb in QUESTIONS:
        kind = entry.get("q", op.verb)
        return kind == op.verb or (kind == "secret" and op.verb == "ask")
    if op.verb in ("do", "once", "call"):
        return "q" not in entry and ("a" in entry or entry["s"] != "d")
    return "q" not in entry and "a" not in entry


def _same_arguments(op: Op[Any], entry: dict[str, Any], run: Drive) -> None:
    if "a" in entry and entry["a"] != digest(canonical(op.values))[:16]:
        raise JournalMismatch(f"{run.spec.id}: {op.name} was recorded with other arguments")


def _say(op: Op[Any], run: Drive) -> Done:
    scope = run.scope
    # A brand may do without a dialog that another one offers.
    offers = [] if scope.nested else [offer for offer in op.items if offer.dialog in scope.host.dialogs]
    choices = tuple(scope.offer(offer.text, offer.dialog, offer.args) for offer in offers)
    put_private(run, Outbound(scope.text(op.text, **op.values), choices=choices))
    run.journal[op.name] = 1
    return Done(None)


def _show(op: Op[Any], run: Drive) -> Done:
    what = op.values["what"]
    if isinstance(what, Card):
        put_private(run, Outbound(card=what))
    elif isinstance(what, Items):
        put_private(run, Outbound(items=what))
    elif isinstance(what, File):
        put_private(run, Outbound(file=what))
    else:
        raise DialogError(f"{run.spec.id}: show takes a Card, Items or a File")
    run.journal[op.name] = 1
    return Done(None)


async def _must_yield(op: Op[Any], run: Drive) -> bool:
    """Whether to stop before this call: "human" or "stop" has come in, or the turn's time is up."""
    if await run.scope.look() is not None:
        run.park(op, {"s": "n"})
        return True
    if run.scope.left() <= _needs(op, run):
        run.park(op, {"s": "n"}, after=timedelta())
        return True
    return False


def _needs(op: Op[Any], run: Drive) -> float:
    """Seconds a turn must have left for this call: an effect's deadline, as far as a whole turn has as much."""
    if op.verb != "once" or op.fn is None:
        return 0.5
    host = run.scope.host
    return max(0.5, min(host.services.effect(op.fn)[0].deadline, host.limits.turn * 0.8))


async def _do(op: Op[Any], entry: Any, run: Drive) -> Outcome | Wait:
    assert op.fn is not None
    mark = digest(canonical(op.values))[:16]
    limits = run.scope.host.limits
    try:
        async with asyncio.timeout(max(0.1, min(limits.read, run.scope.left()))):
            value = await op.fn(**op.values)
    except DomainError as error:
        plain = error_to_plain(error)
        run.journal[op.name] = {"s": "e", "a": mark, **plain}
        stop_waiting(run.frame)
        return Failed(error)
    except (Temporary, TimeoutError, OSError) as error:
        return _later(op, entry, run, error)
    kind, where = return_type(op.fn), f"{run.spec.id}: {op.name}"
    plain = to_plain(value, where)
    run.done(op, plain, a=mark)
    return Done(from_plain(plain, kind, where))


def _later(op: Op[Any], entry: Any, run: Drive, error: BaseException) -> Wait:
    tries = (entry["n"] if entry is not None and entry["s"] == "t" else 0) + 1
    scope = run.scope
    if tries >= scope.host.limits.reads_tried:
        run.park(op, {"s": "t", "n": 0})
        scope.decision = Decision("give_up", dialog="backend_down")
        return Wait()
    if tries == 1:
        scope.tell("host.one-moment")
    wanted = getattr(error, "retry_after", None)
    run.park(op, {"s": "t", "n": tries}, after=timedelta(seconds=wanted or RETRY[min(tries, len(RETRY)) - 1]))
    return Wait()


def _call(op: Op[Any], entry: Any, run: Drive) -> Calls:
    plain = to_plain(dict(op.values), f"{run.spec.id}: {op.name}")
    run.journal[op.name] = {"s": "c", "a": digest(canonical(op.values))[:16]}
    wait_for(run.frame, op.name)
    run.scope.place = f"{run.frame['run']}.{run.frame['gen']}.{op.name}"
    return Calls(op.text, plain)
