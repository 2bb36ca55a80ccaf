"""Waits that a signal ends: the login a dialog requires, the approval of one action, a person's outcome."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bot.errors import NotPlain, StepUpRefused
from bot.model import Assurance, Link, Outbound, Standing
from bot.ports import Begun
from bot.script.cases import leave_effects, open_case, open_reference
from bot.script.convo import HandedOver, NobodyAvailable, Proof, Resolved, ReturnedToBot
from bot.script.drive import Drive, put_private
from bot.script.frame import awaited, new_frame, op_id, stop_waiting, wait_for
from bot.script.leaving import opened
from bot.script.ops import Op
from bot.script.outcomes import Done, Ended, Failed, Restart, Step, Wait, Waits
from bot.script.scope import Decision, Waiting
from bot.script.values import canonical, digest

GATE = "$login"


async def gate(run: Drive) -> Step | None:
    """Let the dialog run only for the customer it began with, at the assurance it requires; else ask them to sign in.

    None: it may run. A login is asked for again when the link has aged under a parked dialog, whose answers are kept.
    """
    scope, frame, entry = run.scope, run.frame, run.journal.get(GATE)
    if scope.claim.address.kind != "private":
        scope.tell("host.private-only")
        return Ended(None)
    standing = await scope.standing()
    if standing.level >= run.spec.requires and standing.person is not None:
        return _admit(run, standing.person.customer_ref, entry)
    if entry is None:
        if await _another_wish(run, "login" if _asks_nothing(run) else "late"):
            return Waits()
        if not await _may_ask(run):
            return _ended_unasked(run)
        _ask_to_sign_in(run, "host.sign-in")
        return Waits()
    if entry["s"] == "d":
        del run.journal[GATE]
        stop_waiting(frame)
        return _not_signed_in(run, str(entry["r"].get("status", "")))
    text = "host.sign-in-again"
    if run.feed is not None:
        if await _another_wish(run, "login"):
            return Waits()
        if scope.parse is not None and scope.parse.intent == "":
            text = "host.sign-in-unclear"
            frame["lost"] = frame.get("lost", 0) + 1
            if frame["lost"] % scope.host.limits.misunderstood == 0:
                scope.decision = Decision("give_up")
                return Waits()
    if await _may_ask(run):
        _ask_to_sign_in(run, text)
    else:
        scope.tell("host.sign-in-too-many")
    return Waits()


def _asks_nothing(run: Drive) -> bool:
    """Whether what the dialog waits for is no question, so that no message was meant for it."""
    waiting = awaited(run.frame)
    return waiting is not None and waiting["s"] != "o"


async def _another_wish(run: Drive, verb: str) -> bool:
    """Whether the message, if there is one, is for another dialog: its turn comes first."""
    if run.feed is None:
        return False
    run.feed = None
    decision = await run.scope.route(Waiting(verb, True, 0), None)
    if decision.kind in ("again", "answer", "unknown", "give_up", "waiting"):
        return False
    run.scope.decision = decision
    return True


async def _may_ask(run: Drive) -> bool:
    """Whether one more link may be sent: a flood of them is refused."""
    return await run.scope.host.login.may_begin(address=run.scope.claim.address, now=run.scope.now)


def _ended_unasked(run: Drive) -> Step:
    scope = run.scope
    again = () if scope.nested else (scope.offer("host.sign-in-retry", run.spec.id, run.frame["args"]),)
    scope.put(Outbound(scope.text("host.sign-in-too-many"), choices=again))
    leave_effects(scope, run.spec.id, run.frame)
    return Ended(None)


def _admit(run: Drive, customer: str, entry: Any) -> Step | None:
    frame, scope = run.frame, run.scope
    if entry is not None:
        _end_login(run, entry)
        _renew_approvals(run)
        if entry["s"] == "d" and entry["r"].get("status") == "linked" and "told" not in entry:
            scope.tell("host.linked", ending=customer[-2:])
    if frame.get("who") not in (None, customer):
        leave_effects(scope, run.spec.id, frame)
        scope.tell("host.other-customer")
        begun = new_frame(
            version=frame["v"], code=frame["h"], run=digest(frame["run"], customer)[:16], args=frame["args"], guesses={}
        )
        frame.clear()
        frame.update(begun)
    frame["who"] = customer
    return None


def _renew_approvals(run: Drive) -> None:
    """An approval asked for before this login is good for nothing any more: it will be asked for anew."""
    scope = run.scope
    for name, entry in list(run.journal.items()):
        if isinstance(entry, dict) and entry["s"] == "w" and "up" in entry:
            del run.journal[name]
            scope.cancel_timer(op_id(run.frame, name))
            scope.changes.extend(
                scope.host.login.void(conversation=scope.conversation, transaction=entry["txn"], now=scope.now)
            )


def _end_login(run: Drive, entry: dict[str, Any]) -> None:
    scope = run.scope
    if run.frame.get("w") == GATE:
        scope.cancel_timer(run.frame["op"])
        stop_waiting(run.frame)
    if entry["s"] == "w":
        scope.changes.extend(
            scope.host.login.void(conversation=scope.conversation, transaction=entry["txn"], now=scope.now)
        )
    del run.journal[GATE]


def _ask_to_sign_in(run: Drive, text: str) -> None:
    scope = run.scope
    op = op_id(run.frame, GATE)
    begun = scope.host.login.begin(
        conversation=scope.conversation,
        address=scope.claim.address,
        purpose="link",
        op=op,
        now=scope.now,
        locale=scope.locale,
    )
    scope.changes.extend(begun.changes)
    run.journal[GATE] = {"s": "w", "txn": begun.transaction}
    wait_for(run.frame, GATE)
    scope.timer(op, scope.now + scope.host.limits.login)
    button = Link(begun.transaction, scope.text("host.sign-in", "button"), "link")
    scope.put(Outbound(scope.text(text), link=button, op=op))


def _not_signed_in(run: Drive, status: str) -> Step:
    scope = run.scope
    known = {"declined", "expired", "other_person", "wrong_browser"}
    text = f"host.sign-in-{status if status in known else 'failed'}"
    again = () if scope.nested else (scope.offer("host.sign-in-retry", run.spec.id, run.frame["args"]),)
    scope.put(Outbound(scope.text(text), choices=again))
    leave_effects(scope, run.spec.id, run.frame)
    return Ended(None)


async def step_up(op: Op[Any], entry: Any, run: Drive) -> Done | Failed | Wait | Restart:
    """Ask for an approval on our page, or take its outcome. Who is known as well as the brand wants it for this action
    need not approve it there; that is looked at again when it is done."""
    scope = run.scope
    mark = digest(canonical(op.values))[:16]
    if entry is None:
        if not await _may_ask(run):
            scope.tell("host.sign-in-too-many")
            return Failed(StepUpRefused("expired"))
        standing = await scope.standing()
        if standing.person is not None and Assurance.ANYONE < scope.host.dialogs.needs(op.text) <= standing.level:
            run.done(
                op,
                {"status": "approved", "grant": ""},
                up=[op.text, mark],
                by=standing.person.customer_ref,
                at=scope.now.timestamp(),
            )
            return Done(Proof("", scope.now))
        _put_approval(op, run, mark, standing)
        return Wait()
    if entry["s"] == "d":
        outcome = entry["r"]
        if outcome.get("status") == "approved":
            return Done(Proof(str(outcome.get("grant", "")), datetime.fromtimestamp(entry["at"], UTC)))
        return Failed(StepUpRefused(str(outcome.get("status", "expired"))))
    if run.feed is not None:
        run.feed = None
        decision = await scope.route(Waiting("step_up", True, 0), None)
        if decision.kind not in ("again", "answer", "unknown", "give_up", "waiting"):
            scope.decision = decision
            return Wait()
    button = Link(entry["txn"], scope.text("host.approve", "button"), "stepup")
    put_private(run, Outbound(scope.text("host.approve-waiting"), link=button, op=op_id(run.frame, op.name)))
    return Wait()


def _put_approval(op: Op[Any], run: Drive, mark: str, standing: Standing) -> None:
    scope = run.scope
    shown = scope.text(f"action.{op.text}", None, **{**op.values, **run.shown})
    begun: Begun = scope.host.login.begin(
        conversation=scope.conversation,
        address=scope.claim.address,
        purpose="stepup",
        op=op_id(run.frame, op.name),
        now=scope.now,
        action=op.text,
        arguments=op.values,
        shown=shown,
        standing=standing,
        locale=scope.locale,
    )
    scope.changes.extend(begun.changes)
    name = run.park(op, {"s": "w", "txn": begun.transaction, "up": [op.text, mark]}, after=scope.host.limits.login)
    button = Link(begun.transaction, scope.text("host.approve", "button"), "stepup")
    put_private(run, Outbound(scope.text("host.approve"), link=button, op=name))


async def handoff(op: Op[Any], entry: Any, run: Drive) -> Done | Wait:
    """Open a case with everything known, and wait if somebody is there to take it."""
    scope = run.scope
    if entry is None:
        attended = scope.host.handoff.attended(scope.now)
        open_already = None if attended else await open_reference(scope, op.text, op.values["about"])
        if open_already is not None:
            opened(scope, "host.callback-again", {"reference": open_already}, waits=False)
            run.done(op, {"status": "nobody", "reference": open_already})
            return Done(NobodyAvailable(open_already))
        case = open_case(run, op.text, about=op.values["about"], op=op_id(run.frame, op.name))
        values = {**case.opened.values, "reference": case.reference}
        opened(scope, case.opened.text, values, waits=case.opened.waits)
        if case.opened.waits:
            run.park(op, {"s": "w", "ref": case.reference})
            return Wait()
        run.done(op, {"status": "nobody", "reference": case.reference})
        return Done(NobodyAvailable(case.reference))
    if entry["s"] == "d":
        return Done(_handed(entry["r"]))
    if run.feed is not None:
        run.feed = None
        decision = await scope.route(Waiting("handoff", True, 0), None)
        if decision.kind not in ("again", "answer", "unknown", "give_up", "waiting"):
            scope.decision = decision
            return Wait()
    if "k" in entry and scope.claim.inbound.kind in ("message", "file") and not scope.nested:
        scope.tell("host.desk-kept")
    else:
        run.journal[op.name] = {**entry, "k": 1}
        scope.tell("host.waiting-for-person", reference=entry["ref"])
    return Wait()


def _handed(outcome: dict[str, Any]) -> HandedOver:
    status, by, note = outcome.get("status"), str(outcome.get("by", "")), str(outcome.get("note", ""))
    if status == "resolved":
        return Resolved(by, note)
    if status == "returned":
        return ReturnedToBot(by, note)
    if status == "nobody":
        return NobodyAvailable(str(outcome.get("reference", "")))
    raise NotPlain(f"a hand-over ended in {status!r}")
