"""One turn of one conversation: what an inbound does to its stacks of dialogs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.bridge import Bridge, Stack
from bot.model import Assurance, Control, Inbound, Outbound, Parse
from bot.routing import MAX_STACKS, Known, Thresholds, fresh, waiting
from bot.script.answers import Match, fold, yes_no
from bot.script.cases import leave_effects, title
from bot.script.catalogue import parameters
from bot.script.frame import Frame, answers, awaited, stop_waiting
from bot.script.scope import Decision, Feed, Scope, Waiting

log = logging.getLogger("parley.turn")

_LATE = Waiting("late", True, 0)
_CUSTOMER = frozenset({"message", "press", "file"})


@dataclass(slots=True)
class Conversation:
    """The stacks of one conversation during one turn; the last stack is on top."""

    bridge: Bridge
    scope: Scope
    thresholds: Thresholds
    stacks: list[Stack] = field(default_factory=list)
    offers: list[dict[str, Any]] = field(default_factory=list)
    prompts: list[list[str]] = field(default_factory=list)
    lost: int = 0
    context: Any = None
    _driven_last: Stack | None = None

    def load(self) -> bool:
        """Read the state; True when a checkpoint of this very inbound has been written already."""
        self.stacks, rest = self.bridge.decode(self.scope.claim.state)
        self.offers = rest.get("o", [])
        self.prompts = rest.get("p", [])
        self.lost = rest.get("l", 0)
        mid = rest.get("m")
        if mid and mid[0] == self.scope.claim.seq:
            self.scope.n = mid[1]
            self.scope.offers = list(self.offers) if mid[2] else []
            return True
        return False

    def snapshot(self, mid: bool) -> bytes:
        """The state as JSON; `mid` marks a checkpoint within this turn."""
        mark = [self.scope.claim.seq, self.scope.n, len(self.scope.offers)] if mid else None
        offers = self.scope.offers or self.offers
        shown = {root for _, _, root in self.scope.prompts}
        prompts = [*self.scope.prompts, *(p for p in self.prompts if p[2] not in shown)]
        live = [prompt for prompt in prompts if self._lies_open(prompt[2])]
        return self.bridge.encode([s for s in self.stacks if s], o=offers, p=live, l=self.lost, m=mark)

    async def handle(self, redelivered: bool) -> None:
        """Do what this inbound asks for, up to the next wait."""
        scope = self.scope
        self.context = self.bridge.context(scope)
        inbound = scope.claim.inbound
        control = scope.host.recogniser.control(inbound.text, scope.locale) if inbound.kind == "message" else None
        if control is None:
            scope.control = scope.claim.control
        if redelivered:
            if scope.claim.party == "bot":
                await self._drive()
        elif inbound.kind in _CUSTOMER:
            await self._customer(inbound, control)
        elif inbound.kind == "signal":
            await self._signal(inbound)
        elif inbound.kind == "timer":
            await self._timer(inbound)
        else:
            await self._agent(inbound)
        await self._uncover()

    # Customers

    async def _customer(self, inbound: Inbound, control: Control | None) -> None:
        scope = self.scope
        if inbound.data.get("code"):
            # What it was for has come in as a signal of its own; the rest of such a message is not read.
            scope.trace["route"] = "a sign-in's code"
            return
        if scope.claim.party == "agent":
            scope.trace["route"] = "agent holds it"
            return
        stale = inbound.kind == "press" and not self._find_press(str(inbound.data.get("nonce", "")))
        expired = bool(self.stacks) and control is None and self._expire()
        offered = None if expired and inbound.kind == "message" else self._offered(inbound)
        if offered is not None and control != "human":
            # "Start again", typed, is the button's words before it is a command.
            await self._apply(offered)
        elif control is not None:
            await self._apply(Decision(control))
        elif expired:
            await self._late(inbound)
        elif stale:
            await self._apply(Decision("stale"))
        elif self.stacks:
            await self._feed(inbound)
        elif inbound.kind == "file":
            scope.tell("host.file")
        else:
            parse = await self._parse()
            await self._apply(fresh(parse, self._known(), self._args, self.thresholds))

    async def _late(self, inbound: Inbound) -> None:
        """A message to a question just closed: never an answer, to that one or to the one below; maybe a new wish."""
        if inbound.kind == "message" and yes_no(inbound.text) is None:
            decision = waiting(_LATE, None, await self._parse(), self._known(), self._args, self.thresholds)
            if decision.kind not in ("again", "give_up"):
                await self._apply(decision)
                return
        self.scope.trace["route"] = "an answer that came too late"

    async def _feed(self, inbound: Inbound) -> None:
        scope, stack = self.scope, self.stacks[-1]
        kind = inbound.kind if inbound.kind in ("press", "file") else "message"
        scope.feed = Feed(
            kind,
            inbound.text,
            str(inbound.data.get("nonce", "")),
            bool(inbound.data.get("edited")),
        )
        if not self.bridge.is_script(stack[0].id) and not scope.pressed:
            decision = await self._route(Waiting("prompt", True, 0), Match(None, False))
            if decision.kind != "answer":
                scope.feed = None
                await self._apply(decision)
                return
        await self._drive()

    async def _drive(self) -> None:
        """Go on with the top dialog, then with what it decided about the message."""
        if not self.stacks:
            return
        scope, stack = self.scope, self.stacks[-1]
        scope.nested = len(self.stacks) > 1
        root = stack[-1].id
        self._driven_last = stack
        # botbuilder's own dialogs take whatever text the turn has for an answer, so without one they only ask again.
        step = self.bridge.ask_again if scope.feed is None else self.bridge.go_on
        if not self.bridge.is_script(stack[0].id) and scope.feed is not None:
            scope.feed = None
            self.prompts = [prompt for prompt in self.prompts if prompt[2] != root]
        await self._driven(stack, root, await step(stack, scope, self.context))

    async def _driven(self, stack: Stack, root: str, result: Any) -> None:
        scope = self.scope
        if not stack:
            self._remove(stack)
            await self._returned(root, result)
        decision, scope.decision = scope.decision, None
        if decision is not None:
            await self._apply(decision)

    async def _returned(self, root: str, result: Any) -> None:
        """What the host does with the outcome of its own commands' dialogs."""
        scope = self.scope
        if root == "stop" and result is True:
            self._drop_all()
        elif root == "unlink" and result == "unlink":
            scope.changes.extend(scope.host.login.unlink(address=scope.claim.address, now=scope.now, reason="customer"))
            scope.forget_standing()
            scope.tell("unlink.done")

    async def _route(self, waits: Waiting, match: Match | None) -> Decision:
        if match is not None and match.exact:
            return self._traced(Decision("answer"))
        if self.scope.claim.inbound.kind == "file":
            self.scope.tell("host.file")
            return self._traced(Decision("again" if waits.verb in ("ask", "choose", "confirm") else "waiting"))
        parse = await self._parse()
        return self._traced(waiting(waits, match, parse, self._known(), self._args, self.thresholds))

    def _traced(self, decision: Decision) -> Decision:
        self.scope.trace["route"] = f"{decision.kind} {decision.dialog}".strip()
        return decision

    async def _parse(self) -> Parse:
        scope = self.scope
        if scope.parse is None:
            try:
                async with asyncio.timeout(scope.host.limits.read):
                    scope.parse = await scope.host.recogniser.parse(scope.claim.inbound.text, scope.locale)
            except TimeoutError:
                log.error("recogniser gave no answer", extra={"conversation": scope.conversation})
                scope.parse = Parse("", 0.0, backend="none")
        return scope.parse

    def _known(self) -> Known:
        dialogs = self.scope.host.dialogs
        open_now = [stack[-1].id for stack in reversed(self.stacks) if stack]
        return Known(dialogs.by_intent, open_now, len(self.stacks), self.scope.host.limits.misunderstood)

    def _args(self, dialog: str, parse: Parse) -> Mapping[str, object]:
        spec = self.scope.host.dialogs.by_id.get(dialog)
        if spec is None:
            return {}
        wanted = {name for name, _, _ in parameters(spec.fn)}
        given: dict[str, object] = {e.name: e.value for e in parse.entities if e.name in wanted}
        if "intent" in wanted:
            given["intent"] = parse.intent
        return given

    # Decisions

    async def _apply(self, decision: Decision) -> None:
        scope = self.scope
        self._traced(decision)
        kind = decision.kind
        if kind == "start" and len(self.stacks) >= MAX_STACKS and not self._lies_open(decision.dialog):
            kind = "full"
        if kind not in ("unknown", "clarify", "stale", "waiting"):
            self.lost = 0
        if kind == "start":
            await self._begin(decision.dialog, dict(decision.args), decision.guesses)
        elif kind == "anew":
            self._drop(self.stacks[-1])
            await self._begin(decision.dialog, dict(decision.args))
        elif kind == "go_back":
            await self._go_back(decision.dialog)
        elif kind == "human":
            await self._begin("human", {})
        elif kind == "stop":
            if self.stacks:
                await self._begin("stop", {})
            else:
                scope.tell("host.nothing-to-stop")
        elif kind in ("clarify", "unknown"):
            self.lost += 1
            if self.lost >= scope.host.limits.misunderstood:
                self.lost = 0
                scope.tell("host.give-up")
                await self._begin("human", {"reason": "misunderstood"})
            else:
                await self._begin("fallback", {"options": list(decision.options)})
        elif kind == "give_up" and decision.dialog == "backend_down":
            self._drop(self.stacks[-1])
            scope.tell("host.backend-down")
            await self._begin("human", {"reason": "backend_down"})
        elif kind == "give_up":
            scope.tell("host.give-up")
            await self._begin("human", {"reason": "misunderstood"})
        elif kind == "full":
            scope.tell("host.one-at-a-time")
            await self._drive()
        elif kind == "stale":
            scope.tell("host.button-stale")
            await self._drive()

    async def _begin(self, dialog: str, args: dict[str, Any], guesses: Mapping[str, Any] | None = None) -> None:
        scope = self.scope
        if self._lies_open(dialog):
            await self._go_back(dialog)
            return
        if scope.host.dialogs.requires(dialog) >= Assurance.LINKED and scope.claim.address.kind != "private":
            scope.tell("host.private-only")
            return
        stack: Stack = []
        self.stacks.append(stack)
        scope.nested = len(self.stacks) > 1
        scope.place = str(len(self.stacks))
        scope.guesses = guesses or {}
        scope.feed = None
        self._driven_last = stack
        if not scope.nested:
            self.offers = []
        result = await self.bridge.begin(stack, scope, self.context, dialog, args)
        scope.trace.setdefault("dialog", dialog)
        await self._driven(stack, dialog, result)

    async def _go_back(self, dialog: str) -> None:
        for stack in self.stacks:
            if stack and stack[-1].id == dialog:
                self._raise(stack)
                break
        await self._drive()

    def _lies_open(self, dialog: str) -> bool:
        return any(stack and stack[-1].id == dialog for stack in self.stacks)

    def _remove(self, stack: Stack) -> None:
        self.stacks = [kept for kept in self.stacks if kept is not stack]

    async def _uncover(self) -> None:
        """When what lay on top has ended, go on below: its outcome may have come in, or its question is asked again."""
        scope = self.scope
        while self._driven_last is not None and self.stacks and self.stacks[-1] is not self._driven_last:
            if self._expire():
                continue
            top = self.stacks[-1]
            self._driven_last = top
            scope.nested = len(self.stacks) > 1
            scope.feed = None
            root = top[-1].id
            await self._driven(top, root, await self.bridge.ask_again(top, scope, self.context))

    # Signals, timers, agents

    async def _signal(self, inbound: Inbound) -> None:
        scope, op = self.scope, str(inbound.data.get("op", ""))
        found = self._find(op)
        if "notice" in inbound.data:
            scope.trace["route"] = "notice"
            scope.put(Outbound(scope.text(str(inbound.data["notice"])), purpose="proactive"))
            return
        if "again" in inbound.data:
            await self._fresh_link(found)
            return
        if found is None or awaited(found[1]) is None or awaited(found[1])["s"] not in ("w",):
            scope.audit("signal.gone", op)
            scope.trace["route"] = "signal for an operation that is gone"
            return
        stack, frame = found
        self._settle(frame, dict(inbound.data.get("outcome", {})))
        scope.forget_standing()
        scope.trace["route"] = "signal"
        if stack is self.stacks[-1] and scope.claim.party == "bot":
            await self._drive()

    async def _fresh_link(self, found: tuple[Stack, Frame] | None) -> None:
        """Ask for a sign-in or approval anew: where a dialog still waits for one, or by the offer its end left."""
        scope = self.scope
        scope.trace["route"] = "a fresh link"
        if scope.claim.party != "bot":
            return
        entry = awaited(found[1]) if found else None
        retries = {scope.offered("host.sign-in-retry"), scope.offered("host.start_again")}
        offer = next((one for one in self.offers if one["l"] in retries), None)
        if found is not None and entry is not None and entry["s"] == "w" and "txn" in entry:
            stack, frame = found
            scope.changes.extend(
                scope.host.login.void(conversation=scope.conversation, transaction=entry["txn"], now=scope.now)
            )
            del frame["j"][frame["w"]]
            scope.cancel_timer(frame["op"])
            stop_waiting(frame)
            self._raise(stack)
            await self._drive()
        elif offer is not None:
            await self._apply(self._take(offer))
        else:
            scope.tell("host.link-over")

    async def _timer(self, inbound: Inbound) -> None:
        scope, op = self.scope, str(inbound.data.get("op", ""))
        found = self._find(op)
        entry = awaited(found[1]) if found else None
        if found is None or entry is None:
            scope.trace["route"] = "timer for an operation that is gone"
            return
        stack, frame = found
        scope.trace["route"] = "timer"
        if entry["s"] == "w" and "txn" in entry:
            scope.changes.extend(
                scope.host.login.void(conversation=scope.conversation, transaction=entry["txn"], now=scope.now)
            )
            self._settle(frame, {"status": "expired"})
        if stack is self.stacks[-1] and scope.claim.party == "bot":
            await self._drive()

    def _settle(self, frame: Frame, outcome: dict[str, Any]) -> None:
        scope = self.scope
        entry = awaited(frame)
        frame["j"][frame["w"]] = {**entry, "s": "d", "r": outcome, "at": scope.now.timestamp()}
        scope.cancel_timer(frame["op"])
        stop_waiting(frame)

    async def _agent(self, inbound: Inbound) -> None:
        """A person takes the conversation, speaks in it, or gives it back."""
        scope, data = self.scope, inbound.data
        act, name = str(data.get("act", "")), str(data.get("name", ""))
        scope.trace["route"] = f"agent {act}"
        if act == "join":
            scope.party = "agent"
            scope.put(Outbound(scope.text("host.joined", name=name), author="system"))
        elif act == "say":
            scope.put(Outbound(inbound.text, purpose="agent", author=name))
        elif act in ("return", "resolve"):
            scope.party = "bot"
            scope.put(Outbound(scope.text("host.returned", name=name), author="system"))
            found = self._find(str(data.get("op", "")))
            if found is not None and awaited(found[1]) is not None:
                status = "returned" if act == "return" else "resolved"
                self._settle(found[1], {"status": status, "by": name, "note": str(data.get("note", ""))})
            await self._drive()

    # Looking things up

    def _find(self, op: str) -> tuple[Stack, Frame] | None:
        for stack in self.stacks:
            for instance in stack:
                if isinstance(instance.state, dict) and instance.state.get("op") == op and op:
                    return stack, instance.state
        return None

    def _find_press(self, nonce: str) -> bool:
        """Whether this button's question is still open; the stack it belongs to comes on top."""
        for stack in reversed(self.stacks):
            entry = awaited(stack[0].state) if self.bridge.is_script(stack[0].id) else None
            if entry and any(pair[0] == nonce for pair in entry.get("c", ())):
                self._raise(stack)
                return True
            for button, said, root in self.prompts:
                if button == nonce and stack[-1].id == root and not self.bridge.is_script(stack[0].id):
                    self.scope.pressed = said
                    self._raise(stack)
                    return True
        return False

    def _raise(self, stack: Stack) -> None:
        self._remove(stack)
        self.stacks.append(stack)

    def _offered(self, inbound: Inbound) -> Decision | None:
        """The offer that this message takes up: by its button, its words, or "yes" to a single one."""
        nonce, said = str(inbound.data.get("nonce", "")), fold(inbound.text)
        for offer in self.offers:
            if (inbound.kind == "press" and nonce == offer["n"]) or (
                inbound.kind == "message" and not self.stacks and said == fold(offer["l"])
            ):
                return self._take(offer)
        if inbound.kind == "message" and len(self.offers) == 1 and not self.stacks and yes_no(said):
            return self._take(self.offers[0])
        return None

    def _take(self, offer: dict[str, Any]) -> Decision:
        self.offers = []
        if offer["d"] not in self.scope.host.dialogs:
            return Decision("stale")
        return Decision("start", dialog=offer["d"], args=offer["a"], guesses=offer["g"])

    # Ends

    def _expire(self) -> bool:
        """Close a question that has grown old: say what was open, and offer to begin anew with the old answers."""
        scope, stack = self.scope, self.stacks[-1]
        frame = stack[0].state
        entry = awaited(frame) if self.bridge.is_script(stack[0].id) else None
        if not entry or entry["s"] != "o" or scope.now.timestamp() <= entry["at"] + entry["x"]:
            return False
        root = stack[-1]
        self._drop(stack)
        self._driven_last = stack
        said = scope.text("host.expired", title=title(scope, root.id))
        script = self.bridge.is_script(root.id)
        args, guesses = (root.state["args"], answers(root.state)) if script else ({}, {})
        again = scope.offer("host.start_again", root.id, args, guesses)
        scope.put(Outbound(said, choices=(again,)))
        return True

    def _drop_all(self) -> None:
        for stack in list(self.stacks):
            self._drop(stack)

    def _drop(self, stack: Stack) -> None:
        """Leave a stack: void its logins, and never lose sight of an effect that is not settled."""
        scope = self.scope
        self._remove(stack)
        for instance in stack:
            if not self.bridge.is_script(instance.id):
                continue
            frame = instance.state
            leave_effects(scope, instance.id, frame)
            entry = awaited(frame)
            if not entry:
                continue
            scope.cancel_timer(frame["op"])
            if "txn" in entry:
                scope.changes.extend(
                    scope.host.login.void(conversation=scope.conversation, transaction=entry["txn"], now=scope.now)
                )
