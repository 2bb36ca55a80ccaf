"""A customer with errands: each ends when the bot has said how it went, whatever fell over on the way."""

from __future__ import annotations

import asyncio
import itertools
import random
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks._chaos.chats import Chat, Shown
from benchmarks._chaos.visitor import Visitor

PATIENCE = 120.0
"""Seconds without a word from the bot before an errand is given up as stuck."""

UNKNOWN = "We couldn't confirm whether that went through"
STARTING_OVER = (
    "Something went wrong on our side",
    "That button is from earlier",
    "ran out",
    "has run out",
    "That link is over",
    "The sign-in didn't work",
    "so I closed it",
    "I can't reach our systems",
    "didn't understand",
    "not sure I understood",
    "there's nothing going on",
    "There's nothing going on",
    "so I haven't connected",
    "so nothing has changed",
    "That code doesn't work",
)
"""What makes a customer ask anew."""


@dataclass(frozen=True, slots=True)
class Errand:
    """`ask` opens it; it is over when the bot says `over`."""

    name: str
    ask: str
    over: str


LINK = Errand("link", "sign in", r"Ask me about your bill")
CANCEL = Errand("cancel", "cancel my direct debit", r"Done\. The Direct Debit for .* is cancelled")
DEPOSIT = Errand("deposit", "make a deposit", r"Put in ([\d,]+) pence\.")
POST = Errand("post", "make a posting", r"Posted ([\d,]+) pence\.")
RECEIPTS = Errand("receipts", "what was done for me", r"on record for you|Nothing has been changed")
HUMAN = Errand("human", "talk to a person", r"reference CH-")
UNLINK = Errand("unlink", "unlink this chat", r"no longer linked")
ERRANDS = ((DEPOSIT, 5), (POST, 4), (CANCEL, 4), (RECEIPTS, 1), (HUMAN, 1), (UNLINK, 1), (LINK, 1))


@dataclass(slots=True)
class Tally:
    """What all customers have been through."""

    done: Counter[str] = field(default_factory=Counter)
    anew: Counter[str] = field(default_factory=Counter)
    unknown: int = 0
    stuck: list[str] = field(default_factory=list)
    odd: Counter[str] = field(default_factory=Counter)
    asked: list[tuple[str, str, int]] = field(default_factory=list)
    """Each (kind, customer, amount) that was asked for, once."""


class Customer:
    """Runs errands in one chat."""

    def __init__(
        self, chat: Chat, visitor: Visitor, tally: Tally, amounts: itertools.count[int], dice: random.Random
    ) -> None:
        self.chat, self.visitor, self._tally, self._amounts, self._dice = chat, visitor, tally, amounts, dice
        self._with_a_person: set[str] = set()

    async def run(self, errands: int, going: Callable[[], bool]) -> None:
        """Do so many errands, one after another, as long as the run is `going`."""
        await self.chat.open()
        try:
            for _ in range(errands):
                if not going():
                    return
                errand = self._dice.choices([one for one, _ in ERRANDS], [share for _, share in ERRANDS])[0]
                # What nobody could confirm is with a person, and the dialog waits for them.
                if errand.name not in self._with_a_person:
                    await self.do(errand)
                    self.chat.diary.quiet = None
        finally:
            self.chat.diary.quiet = None
            await self.chat.close()

    async def do(self, errand: Errand) -> None:
        """Do one errand, to its end or until patience is over."""
        inbox = self.chat.diary.inbox
        while not inbox.empty():
            inbox.get_nowait()
        await self.chat.say(errand.ask)
        diary = self.chat.diary
        quiet_since = diary.quiet = time.monotonic()
        for _ in range(200):
            try:
                async with asyncio.timeout(max(0.1, quiet_since + PATIENCE - time.monotonic())):
                    shown = await inbox.get()
            except TimeoutError:
                self._tally.stuck.append(f"{errand.name} in {diary.channel}: {self._last()} ({self.visitor.saw})")
                await self.chat.say("stop")
                return
            quiet_since = diary.quiet = time.monotonic()
            if re.search(errand.over, shown.text):
                self._tally.done[errand.name] += 1
                return
            if UNKNOWN in shown.text:
                self._tally.unknown += 1
                self._with_a_person.add(errand.name)
                return
            await self._answer(errand, shown)
        self._tally.stuck.append(f"{errand.name}: in circles")

    async def _answer(self, errand: Errand, shown: Shown) -> None:
        labels = [label for label, _ in shown.buttons]
        yes = next((place for place, label in enumerate(labels) if label.startswith("Yes")), None)
        if yes is not None:
            await self.chat.press(shown, yes)
        elif "Please approve this" in shown.text or "Please sign in" in shown.text or shown.urls:
            if shown.urls:
                code = await self.visitor.follow(shown.urls[-1])
                if code is not None:
                    await self.chat.say(code)
        elif re.search(r"How many pence", shown.text):
            amount = next(self._amounts)
            self._tally.asked.append((errand.name, self.chat.diary.customer, amount))
            await self.chat.say(str(amount))
        elif found := next((one for one in STARTING_OVER if one in shown.text), None):
            self._tally.anew[found] += 1
            await asyncio.sleep(0.3)
            await self.chat.say(errand.ask)
        elif not any(known in shown.text for known in _LISTENING):
            self._tally.odd[shown.text[:80]] += 1

    def _last(self) -> str:
        return " | ".join(one.text[:60] for one in self.chat.diary.shown[-3:])


_LISTENING = (
    "Before you decide", "you're signed in", "Ask me about", "I'm waiting for you", "I've sent that", "One moment",
    "I'm still waiting", "signed in as somebody else", "Put in", "Posted", "Done.", "eference",
    "on record for you", "I'm not getting this right",
)  # fmt: skip
"""What a customer reads and waits on."""
