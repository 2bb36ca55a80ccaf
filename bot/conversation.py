"""One turn of one conversation: what an inbound does to its stacks of dialogs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.agents import agent, beside, lent_is_over, never_mind
from bot.arrivals import signal, timer
from bot.bridge import Stack
from bot.model import Assurance, Control, Inbound, Parse
from bot.routing import Known, Thresholds, fresh, waiting
from bot.script.answers import Match, yes_no
from bot.script.catalogue import parameters
from bot.script.frame import waits_for_person
from bot.script.leaving import LEFT, keep, takes_any, urgent
from bot.script.scope import Decision, Feed, Waiting
from bot.stacks import Stacks

log = logging.getLogger("parley.turn")

_LATE = Waiting("late", True, 0)
_CUSTOMER = frozenset({"message", "press", "file"})


@dataclass(slots=True, kw_only=True)
class Conversation(Stacks):
    """What an inbound does to what lies open."""

    thresholds: Thresholds
    context: Any = None

    async def handle(self, redelivered: bool) -> None:
        """Do what this inbound asks for, up to the next wait."""
        scope = self.scope
        self.context = self.bridge.context(scope)
        inbound = scope.claim.inbound
        control = scope.host.recogniser.control(inbound.text, scope.locale) if inbound.kind == "message" else None
        if control is None:
            scope.control = scope.claim.control
        if redelivered:
            if scope.claim.party == "bot" or (self.stacks and self.speaks(self.stacks[-1])):
                await self.drive()
        elif inbound.kind in _CUSTOMER:
            await self._customer(inbound, control)
        elif inbound.kind == "signal":
            await signal(self, inbound)
        elif inbound.kind == "timer":
            await timer(self, inbound)
        else:
            await agent(self, inbound)
        await self._uncover()
        lent_is_over(self)
        for name, value in scope.handoffs:
            await self.bridge.announce(self.context, name, value)

    # Customers

    async def _customer(self, inbound: Inbound, control: Control | None) -> None:
        scope = self.scope
        if inbound.data.get("code"):
            # What it was for has come in as a signal of its own; the rest of such a message is not read.
            scope.trace["route"] = "a sign-in's code"
            return
        if scope.claim.party == "agent":
            await beside(self, inbound, control)
            return
        stale = inbound.kind == "press" and not self.find_press(str(inbound.data.get("nonce", "")))
        expired = bool(self.stacks) and control is None and self.expire()
        offered = None if expired and inbound.kind == "message" else self.offered(inbound)
        if offered is not None and (control != "human" or offered.dialog in LEFT):
            # "Start again" or "call me", typed, is the button's words before it is a command.
            await self.apply(offered)
        elif control is not None and not (control == "human" and self.stacks and takes_any(scope, self.stacks[-1])):
            await self.apply(Decision(control))
        elif expired:
            await self._late(inbound)
        elif stale:
            await self.apply(Decision("stale"))
        elif self.stacks:
            await self.feed(inbound)
        elif inbound.kind == "file":
            scope.tell("host.file")
        else:
            parse = await self._parse()
            await self.apply(fresh(parse, self._known(), self._args, self.thresholds))

    async def _late(self, inbound: Inbound) -> None:
        """A message to a question just closed: never an answer, to that one or to the one below; maybe a new wish."""
        if inbound.kind == "message" and yes_no(inbound.text) is None:
            decision = waiting(_LATE, None, await self._parse(), self._known(), self._args, self.thresholds)
            if decision.kind not in ("again", "give_up"):
                await self.apply(decision)
                return
        self.scope.trace["route"] = "an answer that came too late"

    async def feed(self, inbound: Inbound) -> None:
        """Try a message as the top question's answer, and go on."""
        scope, stack = self.scope, self.stacks[-1]
        kind = inbound.kind if inbound.kind in ("press", "file") else "message"
        scope.feed = Feed(
            kind,
            inbound.text,
            str(inbound.data.get("nonce", "")),
            bool(inbound.data.get("edited")),
        )
        if not self.bridge.is_script(stack[0].id) and not scope.pressed:
            decision = await self.route(Waiting("prompt", True, 0), Match(None, False))
            if decision.kind != "answer":
                scope.feed = None
                await self.apply(decision)
                return
        await self.drive()

    async def drive(self) -> None:
        """Go on with the top dialog, then with what it decided about the message."""
        if not self.stacks:
            return
        scope, stack = self.scope, self.stacks[-1]
        scope.nested = len(self.stacks) > 1
        root = stack[-1].id
        self.driven_last = stack
        # botbuilder's own dialogs take whatever text the turn has for an answer, so without one they only ask again.
        step = self.bridge.ask_again if scope.feed is None else self.bridge.go_on
        if not self.bridge.is_script(stack[0].id) and scope.feed is not None:
            scope.feed = None
            self.prompts = [prompt for prompt in self.prompts if prompt[2] != root]
        await self._driven(stack, root, await step(stack, scope, self.context))

    async def _driven(self, stack: Stack, root: str, result: Any) -> None:
        scope = self.scope
        if not stack:
            self.remove(stack)
            await self._returned(root, result)
        decision, scope.decision = scope.decision, None
        if decision is not None:
            await self.apply(decision)

    async def _returned(self, root: str, result: Any) -> None:
        """What the host does with the outcome of its own commands' dialogs."""
        scope = self.scope
        if root == "stop" and result is True:
            self.drop_all()
        elif root == "unlink" and result == "unlink":
            scope.changes.extend(scope.host.login.unlink(address=scope.claim.address, now=scope.now, reason="customer"))
            scope.forget_standing()
            scope.tell("unlink.done")
        elif root in LEFT and isinstance(result, str):
            if (first := urgent(scope, await self._parse())) is not None:
                await self._begin(first, {})
            await keep(scope, root, result)

    async def route(self, waits: Waiting, match: Match | None) -> Decision:
        if match is not None and match.exact:
            return self._traced(Decision("answer"))
        if self.lent is not None:
            return self._traced(Decision("left"))
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
        args = self.stacks[-1][-1].state.get("args", {}) if self.stacks and self.stacks[-1] else {}
        return Known(dialogs.by_intent, open_now, len(self.stacks), self.scope.host.limits.misunderstood, args)

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

    async def apply(self, decision: Decision) -> None:
        scope = self.scope
        self._traced(decision)
        kind = decision.kind
        if kind == "start" and not self.lies_open(decision.dialog) and not self.make_room():
            kind = "full"
        if kind not in ("unknown", "clarify", "stale", "waiting"):
            self.lost = 0
        if kind == "start":
            await self._begin(decision.dialog, dict(decision.args), decision.guesses)
        elif kind == "anew":
            self.drop(self.stacks[-1])
            await self._begin(decision.dialog, dict(decision.args))
        elif kind == "go_back":
            await self._go_back(decision.dialog)
        elif kind == "human":
            await self._begin("human", {})
        elif kind == "rated":
            case, score = str(decision.args["case"]), int(decision.args["score"])
            scope.changes.extend(scope.host.handoff.rated(case, score, scope.now))
            scope.tell("host.desk-csat-thanks")
        elif kind == "stop":
            if self.stacks and waits_for_person(self.stacks[-1][0].state):
                await never_mind(self)
            elif any(self.worth_keeping(stack) for stack in self.stacks):
                await self._begin("stop", {})
            elif self.stacks:
                self.drop_all()
                scope.tell("stop.done")
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
            self.drop(self.stacks[-1])
            scope.tell("host.backend-down")
            await self._begin("human", {"reason": "backend_down"})
        elif kind == "give_up":
            scope.tell("host.give-up")
            await self._begin("human", {"reason": "misunderstood"})
        elif kind == "full":
            scope.tell("host.one-at-a-time")
            await self.drive()
        elif kind == "stale":
            scope.tell("host.button-stale")
            await self.drive()

    async def begin(self, dialog: str, args: dict[str, Any]) -> None:
        """Start a dialog that somebody at the desk chose; one that there is not is left out."""
        if dialog in self.scope.host.dialogs:
            await self._begin(dialog, args, args)

    async def _begin(self, dialog: str, args: dict[str, Any], guesses: Mapping[str, Any] | None = None) -> None:
        scope = self.scope
        if self.lies_open(dialog):
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
        self.driven_last = stack
        if not scope.nested:
            self.offers = []
        result = await self.bridge.begin(stack, scope, self.context, dialog, args)
        scope.trace.setdefault("dialog", dialog)
        await self._driven(stack, dialog, result)

    async def _go_back(self, dialog: str) -> None:
        for stack in self.stacks:
            if stack and stack[-1].id == dialog:
                self.on_top(stack)
                break
        await self.drive()

    async def _uncover(self) -> None:
        """When what lay on top has ended, go on below: its outcome may have come in, or its question is asked again."""
        scope = self.scope
        if scope.settling or (scope.claim.party == "agent" and scope.party != "bot"):
            return
        while self.driven_last is not None and self.stacks and self.stacks[-1] is not self.driven_last:
            if self.expire():
                continue
            top = self.stacks[-1]
            self.driven_last = top
            scope.nested = len(self.stacks) > 1
            scope.feed = None
            root = top[-1].id
            await self._driven(top, root, await self.bridge.ask_again(top, scope, self.context))
