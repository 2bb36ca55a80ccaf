"""The real engine on the site's store: what a chat says before, between and after what happens on the pages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from adapters.intake import Intake
from bot import Convo, dialog, known
from bot.bridge import Bridge
from bot.model import Address, Inbound, Outbound
from bot.script.catalogue import Dialogs, Services
from bot.script.scope import Host
from bot.store.codec import outbound_of
from bot.turn import Turns
from dialogs.fallback import fallback
from dialogs.human import human
from dialogs.stop import stop
from dialogs.unlink import unlink
from tests.attacks.site import Site
from tests.worlds.engine import FAST, Bank, Desk, FakeBank, Rules, specs, texts


@dialog("bill", intents=["bill"], requires=known)
async def bill(c: Convo, bank: Bank) -> None:
    """Shows what the account holds."""
    items = await c.do(bank.items, customer=c.customer)
    await c.say("said.value", value=items[0].name)


@dialog("closing", intents=["closing"], requires=known)
async def closing(c: Convo, bank: Bank) -> None:
    """Closes something, once it is approved."""
    await c.step_up("close", thing="M1")
    receipt = await c.once(bank.close, thing="M1")
    await c.say("said.paid", reference=receipt.reference)


@dialog("paying", intents=["paying"], requires=known)
async def paying(c: Convo, bank: Bank) -> None:
    """Pays, once it is confirmed."""
    if await c.confirm("sure", "q.sure", write=True, thing="M1"):
        await c.once(bank.pay, thing="M1")
        await c.say("said.a")
    else:
        await c.say("said.kept")


SHOWN = "Value: Home broadband."
SIGN_IN = "To look at your account I need to know it's you. Please sign in on our secure page."


@dataclass
class SiteChat:
    """One chat on a site. `new()` is what the bot has said since."""

    site: Site
    address: Address = field(default_factory=lambda: Address("larkspur", "webchat", "webchat", "dl_ana"))
    rules: Rules = field(default_factory=Rules)
    told: int = 0
    count: int = 0

    def __post_init__(self) -> None:
        clock: Any = self.site.clock
        self.bank = FakeBank(clock)
        dialogs = Dialogs(specs(human, stop, fallback, unlink, bill, closing, paying))
        host = Host(
            store=self.site.store,
            clock=self.site.clock,
            texts=texts(),
            dialogs=dialogs,
            services=Services({Bank: self.bank}),
            recogniser=self.rules,
            identity=self.site.auth.identity,
            login=self.site.auth.login,
            handoff=Desk(),
            secret=b"engine",
            brand="larkspur",
            limits=FAST,
        )
        self.turns = Turns(host, Bridge(dialogs, []))
        self.intake = Intake(self.site.store, self.rules.control, self.address.channel, self.site.auth.redactor)

    async def take(self, text: str = "", kind: Any = "message", **more: Any) -> None:
        """Accept what the platform brings, without running it."""
        self.count += 1
        given: dict[str, Any] = {"key": f"{self.address}:{self.count}", "address": self.address, **more}
        await self.intake.take(Inbound(kind=kind, at=self.site.clock.now(), text=text, **given))

    async def says(self, text: str, **more: Any) -> list[str]:
        """The customer writes; what the bot says to it."""
        await self.take(text, **more)
        return await self.run()

    async def press(self, label: str) -> list[str]:
        """The customer presses the newest button with this label."""
        nonce = next(
            choice.nonce for said in reversed(await self.said()) for choice in said.choices if choice.label == label
        )
        await self.take(label, "press", data={"nonce": nonce})
        return await self.run()

    async def run(self) -> list[str]:
        """Run every turn that is ready; what the bot has said since last time."""
        while claims := await self.site.store.claim(8, lease=30):
            for claim in claims:
                following = await self.turns.one(claim)
                while following is not None:
                    following = await self.turns.one(following)
        said = await self.said()
        new, self.told = said[self.told :], len(said)
        return [one.text for one in new]

    async def said(self) -> list[Outbound]:
        """Everything the bot has said in this chat."""
        conversation = await self.site.store.conversation_of(self.address)
        rows = await self.site.store.query(
            "SELECT body FROM outbound WHERE conversation = :id ORDER BY seq, n", id=conversation
        )
        return [outbound_of(row["body"]) for row in rows]

    async def link(self) -> str:
        """The address behind the newest button that opens one of our pages."""
        conversation = await self.site.store.conversation_of(self.address)
        shown = next(said.link for said in reversed(await self.said()) if said.link is not None)
        url = await self.site.auth.minter.url(shown.transaction, conversation)
        assert url, "the newest link is over"
        return url

    async def state(self) -> dict[str, Any]:
        """The dialogs' state, as stored."""
        conversation = await self.site.store.conversation_of(self.address)
        [row] = await self.site.store.query("SELECT state FROM conversation WHERE id = :id", id=conversation)
        held: dict[str, Any] = msgspec.json.decode(row["state"])
        return held
