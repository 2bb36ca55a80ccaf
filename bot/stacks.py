"""What lies open in one conversation during one turn: stacks of dialogs, offers, live buttons."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bot.agents import RATES
from bot.bridge import Bridge, Stack
from bot.model import Inbound, Outbound
from bot.routing import MAX_STACKS
from bot.script.answers import fold, yes_no
from bot.script.cases import leave_effects, title, withdraw
from bot.script.frame import Frame, answers, awaited, effects_done, stop_waiting, waits_for_person
from bot.script.scope import Decision, Scope


@dataclass(slots=True, kw_only=True)
class Stacks:
    """The stacks, the last one on top, and what can still be pressed."""

    bridge: Bridge
    scope: Scope
    stacks: list[Stack] = field(default_factory=list)
    offers: list[dict[str, Any]] = field(default_factory=list)
    prompts: list[list[str]] = field(default_factory=list)
    lost: int = 0
    driven_last: Stack | None = None

    def load(self) -> bool:
        """Read the state; True when a checkpoint of this very inbound has been written already."""
        self.stacks, rest = self.bridge.decode(self.scope.claim.state)
        self.offers = rest.get("o", [])
        self.prompts = rest.get("p", [])
        self.lost = rest.get("l", 0)
        self.lent = rest.get("d")
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
        live = [prompt for prompt in prompts if self.lies_open(prompt[2])]
        return self.bridge.encode([s for s in self.stacks if s], o=offers, p=live, l=self.lost, m=mark, d=self.lent)

    @property
    def lent(self) -> dict[str, str] | None:
        """The dialog that a person offered and the customer took up: it runs while the person holds the
        conversation."""
        return self.scope.lent

    @lent.setter
    def lent(self, to: dict[str, str] | None) -> None:
        self.scope.lent = to

    def speaks(self, stack: Stack) -> bool:
        """Whether the bot may go on with this stack: nobody else holds the conversation, or they have lent it."""
        if self.scope.claim.party == "bot":
            return True
        return self.lent is not None and stack[-1].id == self.lent["d"]

    def lies_open(self, dialog: str) -> bool:
        return any(stack and stack[-1].id == dialog for stack in self.stacks)

    def remove(self, stack: Stack) -> None:
        self.stacks = [kept for kept in self.stacks if kept is not stack]

    def settle(self, frame: Frame, outcome: dict[str, Any]) -> None:
        scope = self.scope
        entry = awaited(frame)
        if "txn" in entry:
            scope.trace["login"] = ("stepup" if "up" in entry else "link", str(outcome.get("status", "")))
        frame["j"][frame["w"]] = {**entry, "s": "d", "r": outcome, "at": scope.now.timestamp()}
        scope.cancel_timer(frame["op"])
        stop_waiting(frame)

    def find(self, op: str) -> tuple[Stack, Frame] | None:
        for stack in self.stacks:
            for instance in stack:
                if isinstance(instance.state, dict) and instance.state.get("op") == op and op:
                    return stack, instance.state
        return None

    def find_press(self, nonce: str) -> bool:
        """Whether this button's question is still open; the stack it belongs to comes on top."""
        for stack in reversed(self.stacks):
            entry = awaited(stack[0].state) if self.bridge.is_script(stack[0].id) else None
            if entry and any(pair[0] == nonce for pair in entry.get("c", ())):
                self.on_top(stack)
                return True
            for button, said, root in self.prompts:
                if button == nonce and stack[-1].id == root and not self.bridge.is_script(stack[0].id):
                    self.scope.pressed = said
                    self.on_top(stack)
                    return True
        return False

    def on_top(self, stack: Stack) -> None:
        self.remove(stack)
        self.stacks.append(stack)

    def offered(self, inbound: Inbound) -> Decision | None:
        """The offer that this message takes up: by its button, its words, or "yes" to a single one."""
        if not self.offers:
            return None
        nonce, said = str(inbound.data.get("nonce", "")), fold(inbound.text)
        for offer in self.offers:
            if (inbound.kind == "press" and nonce == offer["n"]) or (
                inbound.kind == "message"
                and (not self.stacks or "t" in offer or "w" in offer)
                and said == fold(offer["l"])
            ):
                return self.take(offer)
        if inbound.kind == "message" and len(self.offers) == 1 and not self.stacks and yes_no(said):
            return self.take(self.offers[0])
        return None

    def take(self, offer: dict[str, Any]) -> Decision:
        self.offers = []
        if offer["d"] == RATES:
            return Decision("rated", args=offer["a"])
        if offer["d"] not in self.scope.host.dialogs:
            return Decision("stale")
        return Decision("start", dialog=offer["d"], args=offer["a"], guesses=offer["g"])

    def expire(self) -> bool:
        """Close a question that has grown old: say what was open, and offer to begin anew with the old answers."""
        scope, stack = self.scope, self.stacks[-1]
        frame = stack[0].state
        entry = awaited(frame) if self.bridge.is_script(stack[0].id) else None
        if not entry or entry["s"] != "o" or scope.now.timestamp() <= entry["at"] + entry["x"]:
            return False
        root = stack[-1]
        self.drop(stack)
        self.driven_last = stack
        said = scope.text("host.expired", title=title(scope, root.id))
        script = self.bridge.is_script(root.id)
        args, guesses = (root.state["args"], answers(root.state)) if script else ({}, {})
        again = scope.offer("host.start_again", root.id, args, guesses)
        scope.put(Outbound(said, choices=(again,)))
        return True

    def make_room(self) -> bool:
        """See that one more dialog may be opened on top: a "stop here?" that was not answered goes, and of three that
        lie open the oldest is put aside, unless it has begun to change something or waits for a person."""
        if self.stacks and self.stacks[-1][-1].id == "stop":
            self.drop(self.stacks[-1])
        if len(self.stacks) < MAX_STACKS:
            return True
        for stack in self.stacks:
            if not self._must_stay(stack):
                self.drop(stack)
                self.scope.tell("host.put-aside", title=title(self.scope, stack[-1].id))
                return True
        return False

    def _must_stay(self, stack: Stack) -> bool:
        return any(not self.bridge.is_script(i.id) or effects_done(i.state) or waits_for_person(i.state) for i in stack)

    def worth_keeping(self, stack: Stack) -> bool:
        """Whether the customer would lose something with it: an answer given, or something begun."""
        return any(not self.bridge.is_script(i.id) or effects_done(i.state) or answers(i.state) for i in stack)

    def drop_all(self) -> None:
        for stack in list(self.stacks):
            self.drop(stack)

    def drop(self, stack: Stack) -> None:
        """Leave a stack: void its logins, and never lose sight of an effect that is not settled."""
        scope = self.scope
        self.remove(stack)
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
            if entry["s"] == "w" and "ref" in entry:
                withdraw(scope, entry["ref"])
