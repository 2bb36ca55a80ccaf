"""Hand-overs in any order: customers ask and think again, agents take, write, pass on, put aside, give back, vanish.

The engine, the desk, its rounds and the sending run on a real store, under a clock that the machine moves. Whatever the
order: one party has the conversation, one agent at most holds it, the assistant is silent between "has joined" and "has
left", whoever waits for a person stands in the queue and is served, and what the bank did is on record, once.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from bot.bridge import Bridge
from bot.model import Address, Inbound
from bot.ports import OutboxClaim
from bot.script.catalogue import Dialogs, Services
from bot.script.convo import Convo
from bot.script.registry import dialog
from bot.script.scope import Host, Limits
from bot.script.settling import Settling
from bot.settings import DeskSettings
from bot.store import open_sqlite
from bot.testing.clock import SetClock
from bot.testing.login import ScriptedLogin
from bot.turn import Turns
from desk.acts import Acts
from desk.brand_acts import OwnActs
from desk.builtin import BuiltInDesk
from desk.desk import Desk
from desk.errors import Changed, Gone, NotAllowed, Taken
from desk.hours import hours_of
from desk.staff import Agent, SignedInStaff, Staff
from desk.sweep import Sweep
from dialogs.fallback import fallback
from dialogs.human import human
from dialogs.stop import stop
from tests.worlds.engine import Bank, FakeBank, Rules, specs, texts

T = TypeVar("T")
CHANNEL = "chat"
CUSTOMERS = ("ana", "bob")
AGENTS = ("priya", "tom", "amara")
REFUSALS = (Changed, Gone, NotAllowed, Taken)
ACTS = ("say", "pass", "skill", "snooze", "wake", "offer", "resolve", "resume", "start", "close")
DESK = DeskSettings(skills={"cannot_pay": "care"})
FAST = Limits(turn=5.0, read=1.0, effect_grace=1.0)

customers = st.sampled_from(CUSTOMERS)
agents = st.sampled_from(AGENTS)
failing = st.sampled_from(["", "", "", "lost", "down"])
wanted = st.sampled_from(["open race", "open care", "open once", "human", "Ana", "yes", "no", "stop", "hello"])


@dialog("race", intents=["race"])
async def race(c: Convo, bank: Bank) -> None:
    """Pays before its question and after it."""
    first = await c.once(bank.pay, thing="M1").named("one")
    await c.say("said.paid", reference=first.reference)
    await c.ask("name", "q.name", str)
    second = await c.once(bank.pay, thing="M2").named("two")
    await c.say("said.paid", reference=second.reference).named("said two")


@dialog("care", intents=["care"])
async def care(c: Convo, bank: Bank) -> None:
    """Asks, hands over, and goes on with whatever the person made of it."""
    await c.ask("name", "q.name", str)
    await c.handoff("cannot_pay")
    await c.say("said.a")
    paid = await c.once(bank.pay, thing="M3")
    await c.say("said.paid", reference=paid.reference)


@dialog("once", intents=["once"])
async def once(c: Convo, bank: Bank, thing: str = "") -> None:
    """An effect that is never called twice, and may stay unknown."""
    await c.say("said.b")
    done = await c.once(bank.poke, thing=thing)
    await c.say("said.paid", reference=done.reference)


class Machine(RuleBasedStateMachine):
    """The desk and two customers. What is done is checked against the rows as they stood before."""

    runner: asyncio.Runner

    def run(self, what: Awaitable[T]) -> T:
        async def wait() -> T:
            return await what

        return type(self).runner.run(wait())

    @initialize()
    def begin(self) -> None:
        self.clock, self.keys = SetClock(), 0
        self.run(self.build())

    async def build(self) -> None:
        self.store: Any = open_sqlite(":memory:", clock=self.clock, now=lambda: self.clock.now().timestamp())
        self.handoff = BuiltInDesk(DESK, hours_of(DESK))
        self.bank, self.rules = FakeBank(self.clock), Rules()
        login, services = ScriptedLogin(self.store, self.clock, "brand"), Services({Bank: self.bank})
        dialogs = Dialogs(specs(human, stop, fallback, race, care, once))
        host = Host(
            store=self.store, clock=self.clock, texts=TEXTS, dialogs=dialogs, services=services, recogniser=self.rules,
            identity=login, login=login, handoff=self.handoff, secret=b"secret", brand="brand", limits=FAST,
        )  # fmt: skip
        self.turns = Turns(host, Bridge(dialogs), observer=self)
        self.settling = Settling(self.store, self.clock, services)
        staff = Staff(self.store, self.clock, DESK, b"s" * 32)
        acts = Acts(self.store, self.clock, DESK, OwnActs(self.store), credits=False)
        self.sweeps, self.staff = Sweep(self.store, self.clock, self.handoff, staff, acts), staff
        self.desk = Desk(self.store, self.clock)
        self.people: dict[str, Agent] = {}
        for name in AGENTS:
            who = SignedInStaff(
                "https://staff.example", name, f"{name.title()} Shah", ("agent", "care")[: 1 + (name == "priya")]
            )
            found = await staff.of(await staff.begin(who, "agent"))
            assert found is not None
            self.people[name] = found
        self.chats = {user: await self.store.conversation_of(self.address(user)) for user in CUSTOMERS}
        self.heard: dict[str, list[OutboxClaim]] = defaultdict(list)
        self.sending: dict[str, OutboxClaim] = {}
        self.failures: list[str] = []
        await self.sweeps.once()

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.run(self.store.close())

    def turn(self, trace: dict[str, Any], seconds: float) -> None:
        """See `TurnObserver`."""

    def failed(self, error: str, *, parked: bool) -> None:
        """See `TurnObserver`."""
        self.failures.append(error)

    def address(self, user: str) -> Address:
        return Address("brand", CHANNEL, CHANNEL, user)

    def key(self) -> str:
        self.keys += 1
        return f"key-{self.keys:06}"

    # What is there

    async def items(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await self.store.query(
            "SELECT i.*, c.user_id FROM desk_item i JOIN conversation c ON c.id = i.conversation"
            " WHERE i.state <> 'ended' ORDER BY c.user_id"
        )
        return found

    async def item(self, user: str) -> dict[str, Any] | None:
        """The customer's newest, ended ones too."""
        rows = await self.store.query(
            "SELECT * FROM desk_item WHERE conversation = :id ORDER BY opened_at DESC, ended_at IS NULL DESC LIMIT 1",
            id=self.chats[user],
        )
        return rows[0] if rows else None

    async def state(self, user: str) -> bytes:
        rows = await self.store.query("SELECT state FROM conversation WHERE id = :id", id=self.chats[user])
        return bytes(rows[0]["state"])

    async def owed(self, user: str) -> bool:
        """Whether another case of theirs is open."""
        owed = "SELECT 1 FROM cases WHERE conversation = :id AND closed IS NULL"
        return bool(await self.store.query(owed, id=self.chats[user]))

    async def work(self) -> None:
        """Turns, until none is ready."""
        while claims := await self.store.claim(10, lease=1000.0):
            for claim in claims:
                following = claim
                while following is not None:
                    following = await self.turns.one(following)

    async def say(self, user: str, text: str) -> None:
        if text == "open once":
            text = f"{text} thing={self.key()}"
        inbound = Inbound(self.key(), "message", self.clock.now(), self.address(user), text=text)
        await self.store.accept(inbound, self.rules.control(text))

    # Customers

    @rule(user=customers, text=wanted, run=st.booleans(), how=failing)
    def writes(self, user: str, text: str, run: bool, how: str) -> None:
        """What they write may wait for its turn while others act."""
        if how:
            self.bank.fail("poke" if "once" in text else "pay", how)
        self.run(self.say(user, text))
        if run:
            self.run(self.work())

    @rule(user=customers, text=st.sampled_from(["open race", "open care", "open once"]), how=failing)
    def asks_in_the_middle(self, user: str, text: str, how: str) -> None:
        """Something lies open, and they want a person."""
        self.writes(user, text, True, how)
        if text == "open care":
            self.writes(user, "Ana", True, "")
        self.writes(user, "human", True, "")

    @rule()
    def works(self) -> None:
        self.run(self.work())

    # The desk

    @rule(user=customers, agent=agents, run=st.booleans())
    def claims(self, user: str, agent: str, run: bool) -> None:
        me = self.people[agent]
        if (row := self.run(self.item(user))) is None:
            return
        mine = row["agent"] == me.id
        self.does(row["state"] == "waiting" or (mine and row["state"] != "ended"), self.desk.claim(row["id"], me), run)

    @rule(user=customers, run=st.booleans())
    def all_reach_at_once(self, user: str, run: bool) -> None:
        row = self.run(self.item(user))
        if row is None or row["state"] != "waiting":
            return

        async def reach() -> list[Any]:
            claims = [self.desk.claim(row["id"], one) for one in self.people.values()]
            return await asyncio.gather(*claims, return_exceptions=True)

        outcomes = self.run(reach())
        assert sum(outcome is None for outcome in outcomes) == 1
        assert all(outcome is None or isinstance(outcome, REFUSALS) for outcome in outcomes)
        if run:
            self.run(self.work())

    @rule(
        user=customers,
        agent=agents,
        act=st.sampled_from(ACTS),
        run=st.booleans(),
    )
    def acts(self, user: str, agent: str, act: str, run: bool) -> None:
        """Only its holder may, and only from the state that it needs."""
        if (row := self.run(self.item(user))) is None:
            return
        mine, state = row["agent"] == self.people[agent].id, row["state"]
        states = {"say": ("held",), "offer": ("held",), "snooze": ("held",), "wake": ("snoozed",)}
        self.does(mine and state in states.get(act, ("held", "snoozed")), self.act(row["id"], agent, act), run)

    @rule(
        user=customers, act=st.sampled_from(["say", "pass", "snooze", "offer", "resolve", "resume", "start", "close"])
    )
    def its_holder_acts(self, user: str, act: str) -> None:
        """Most acts of just any agent are refused; these are not."""
        row = self.run(self.item(user))
        holder = row and next((name for name, one in self.people.items() if one.id == row["agent"]), None)
        if row is not None and holder is not None and row["state"] == "held":
            self.does(True, self.act(row["id"], holder, act), True)

    async def act(self, item: str, agent: str, act: str) -> None:
        me, key, desk = self.people[agent], self.key(), self.desk
        if act == "say":
            await desk.say(item, me, key, f"Hello from {me.first}.")
        elif act in ("pass", "skill"):
            to = self.people["tom"].id if act == "pass" else None
            skill = "care" if act == "skill" else None
            await desk.transfer(item, me, to_agent=to, to_skill=skill, note="", key=key)
        elif act == "snooze":
            await desk.snooze(item, me, self.clock.now() + timedelta(minutes=10))
        elif act == "wake":
            await desk.wake(item, me)
        elif act == "offer":
            await desk.offer(item, me, key, "race", {})
        elif act == "resolve":
            await desk.resolve(item, me, key, note="", silent=False, csat=True)
        else:
            await desk.give_back(item, me, key, how=act, dialog="race" if act == "start" else "", answers={}, note="")

    def does(self, may: bool, what: Awaitable[Any], run: bool) -> None:
        if may:
            self.run(what)
        else:
            with pytest.raises(REFUSALS):
                self.run(what)
        if run:
            self.run(self.work())

    @rule(
        user=customers, agent=agents, acts=st.permutations(["resolve", "pass", "never mind", "sweep", "work", "claim"])
    )
    def at_once(self, user: str, agent: str, acts: list[str]) -> None:
        """Whatever comes of it, and whoever is refused, what must be true stays true."""
        if (row := self.run(self.item(user))) is None:
            return
        item, me = row["id"], self.people[agent]
        can: dict[str, Any] = {
            "never mind": lambda: self.say(user, "stop"),
            "sweep": self.sweeps.once,
            "work": self.work,
            "claim": lambda: self.desk.claim(item, me),
        }

        async def together() -> list[Any]:
            doing = [can[act]() if act in can else self.act(item, agent, act) for act in acts[:4]]
            return await asyncio.gather(*doing, return_exceptions=True)

        for outcome in self.run(together()):
            assert outcome is None or isinstance(outcome, REFUSALS), outcome

    @rule(
        user=customers, agent=agents, then=st.sampled_from(ACTS), other=agents, second=st.sampled_from(["claim", *ACTS])
    )
    def taken_and_reached_for(self, user: str, agent: str, then: str, other: str, second: str) -> None:
        """Somebody takes it and does something with it; then somebody else, or they themselves, reach for it."""
        self.writes(user, "human", True, "")
        row = self.run(self.item(user))
        if row is None or row["state"] != "waiting":
            return
        self.claims(user, agent, True)
        self.acts(user, agent, then, True)
        if second == "claim":
            self.claims(user, other, True)
        else:
            self.acts(user, other, second, True)
        self.writes(user, "hello", True, "")

    @rule(
        user=customers, agent=agents, seconds=st.sampled_from([50, 100, 700]), aside=st.booleans(), said=st.booleans()
    )
    def its_holder_vanishes(self, user: str, agent: str, seconds: int, aside: bool, said: bool) -> None:
        """Their page is closed, perhaps with a conversation put aside."""
        self.writes(user, "human", True, "")
        self.claims(user, agent, True)
        if said:
            self.its_holder_acts(user, "say")
        if aside:
            self.its_holder_acts(user, "snooze")
        self.time_passes(seconds, set(AGENTS) - {agent}, True)
        self.time_passes(50, set(AGENTS) - {agent}, True)

    @rule(user=customers, seconds=st.sampled_from([1, 100, 700]), again=st.booleans())
    def thinks_again(self, user: str, seconds: int, again: bool) -> None:
        """Asks for a person, waits, and says never mind; perhaps asks once more."""
        self.writes(user, "human", True, "")
        self.time_passes(seconds, set(AGENTS), True)
        row, state = self.run(self.item(user)), self.run(self.state(user))
        self.writes(user, "stop", True, "")
        if row is not None and row["state"] == "waiting" and waits(state, top=True) and not self.run(self.owed(user)):
            ended = self.run(self.item(user))
            assert ended is not None
            assert (ended["id"], ended["state"], ended["ended_why"]) == (row["id"], "ended", "withdrawn")
        if again:
            self.writes(user, "human", True, "")

    @rule(user=customers, what=st.sampled_from(["pay", "poke"]), times=st.integers(1, 6), leave=st.booleans())
    def an_effect_stays_open(self, user: str, what: str, times: int, leave: bool) -> None:
        """It was done, nobody can read it back, and they perhaps leave it at that."""
        self.bank.fail("paid" if what == "pay" else "poked", "down", times)
        self.writes(user, "open race" if what == "pay" else "open once", True, "lost")
        if leave:
            self.writes(user, "stop", True, "")
            self.writes(user, "yes", True, "")
        else:
            self.writes(user, "human", True, "")
        self.time_passes(20, set(AGENTS), True)

    @rule(user=customers, agent=agents)
    def an_effect_stays_unknown_beside_somebody_who_put_it_aside(self, user: str, agent: str) -> None:
        """Its case comes up while a person has the conversation, and has put it aside."""
        self.bank.fail("paid", "down", 6)
        self.writes(user, "open race", True, "lost")
        self.writes(user, "human", True, "")
        self.claims(user, agent, True)
        self.its_holder_acts(user, "snooze")
        for _ in range(3):
            self.time_passes(20, set(AGENTS), True)

    @rule(agent=agents, presence=st.sampled_from(["available", "wrapping_up", "away"]))
    def is_present(self, agent: str, presence: Any) -> None:
        self.run(self.staff.present(self.people[agent].id, presence))

    # Time

    @rule(seconds=st.sampled_from([1, 20, 50, 200, 700, 4000]), there=st.sets(agents), sweep=st.booleans())
    def time_passes(self, seconds: int, there: set[str], sweep: bool) -> None:
        """Agents whose page is open are heard of; the others are gone, after a while."""
        self.clock.move(timedelta(seconds=seconds))
        for name in sorted(there):
            self.run(self.staff.seen(self.people[name].id))
        self.run(self.store.due_timers(self.clock.now()))
        if sweep:
            self.rounds()

    @rule()
    def rounds(self) -> None:
        """A round of the desk moves only what is due, and leaves nobody with an agent who is gone."""
        before = {row["id"]: row for row in self.run(self.items())}
        self.run(self.sweeps.once())
        now, there = self.clock.now().timestamp(), {}
        for agent in self.run(self.staff.all()):
            there[agent.id] = agent.there(self.clock.now(), DESK.offline), agent.seen_at
        for row in self.run(self.items()):
            was = before.pop(row["id"])
            moved = (was["state"], row["state"])
            assert was["state"] == row["state"] or moved in (("held", "waiting"), ("snoozed", "held")), moved
            if row["state"] == "held" and was["state"] == "held":
                gone = min(now - row["claimed_at"], now - there[row["agent"]][1])
                assert gone <= DESK.offline, "held by somebody who has gone"
            if row["state"] == "snoozed":
                assert row["snoozed_until"] > now
            if row["state"] == "waiting" and row["offered_to"] and was["offered_to"]:
                assert there[row["offered_to"]][0], "kept for somebody who is not there"
                assert now - row["offered_at"] <= DESK.offer, "kept for somebody who does not take it"
        assert not before, "a round ends nothing"
        self.run(self.work())

    # Sending

    @rule(user=customers)
    def a_send_begins(self, user: str) -> None:
        """One is under way, and the platform may get it at any time until it ends."""
        self.run(self.claim_sends())

    async def claim_sends(self) -> None:
        for held in await self.store.claim_outbox(10, lease=10**9):
            assert held.conversation not in self.sending, "two sends at once"
            self.sending[held.conversation] = held

    @rule(user=customers)
    def a_send_ends(self, user: str) -> None:
        held = self.sending.pop(self.chats[user], None)
        if held is not None:
            self.heard[user].append(held)
            self.run(self.store.sent(held, platform_id=self.key(), at=self.clock.now()))

    @rule(user=customers)
    def a_send_fails(self, user: str) -> None:
        """The platform did not take it; it is tried again later, and an agent's words may pass it."""
        held = self.sending.pop(self.chats[user], None)
        if held is not None:
            self.run(self.store.unsent(held, delay=30.0, reason="later", uncertain=False))

    @rule(user=customers, agent=agents)
    def a_word_waits_while_they_are_answered(self, user: str, agent: str) -> None:
        """What the assistant could not get through waits, and a person takes over and writes."""
        self.all_is_sent()
        self.writes(user, "human", True, "")
        self.a_send_begins(user)
        self.a_send_fails(user)
        self.claims(user, agent, True)
        self.its_holder_acts(user, "say")
        self.all_is_sent()
        self.time_passes(50, set(AGENTS), False)
        self.all_is_sent()

    @rule()
    def all_is_sent(self) -> None:
        for _ in range(200):
            self.run(self.claim_sends())
            if not self.sending:
                return
            for user in CUSTOMERS:
                self.a_send_ends(user)
        raise AssertionError("the outbox does not come to rest")

    # What must be true

    @invariant()
    def the_assistant_is_silent_where_a_person_has_it(self) -> None:
        for user, got in getattr(self, "heard", {}).items():
            held = False
            for one in got:
                by_agent = one.purpose == "agent" and one.said.author in NAMES
                if by_agent or (one.said.author == "system" and "has joined" in one.said.text):
                    held = True
                elif one.said.author == "system" and any(over in one.said.text for over in OVER):
                    held = False
                assert not (held and one.said.author == "" and one.purpose != "agent"), (user, one.said.text)

    @invariant()
    def one_party_and_one_holder(self) -> None:
        if hasattr(self, "store"):
            self.run(self.compare())

    async def compare(self) -> None:
        assert self.failures == []
        by_chat: dict[str, dict[str, Any]] = {}
        for row in await self.items():
            assert row["conversation"] not in by_chat, "it stands in the queue twice"
            by_chat[row["conversation"]] = row
            assert (row["agent"] is not None) == (row["state"] in ("held", "snoozed")), row["state"]
        assert set(self.bank.executed.values()) <= {1}, "done twice"
        recorded = {row["key"]: row["status"] for row in await self.store.query("SELECT key, status FROM effect")}
        for mark in self.bank.done:
            assert mark.startswith("poke ") or recorded[mark.removeprefix("pay ")] in ("intent", "unknown", "done")
        for row in await self.store.query("SELECT id, party, state, seq, done FROM conversation"):
            if row["seq"] == row["done"]:
                item = by_chat.get(row["id"])
                held = item is not None and item["state"] in ("held", "snoozed")
                assert (row["party"] == "agent") == held, (row["party"], item and item["state"])
                assert not waits(row["state"]) or item is not None, "waits, and stands in no queue"

    @rule()
    def everybody_is_served(self) -> None:
        """From wherever it stands: agents who do their work leave nobody waiting, and nothing unrecorded."""
        self.bank.heal()
        self.run(self.work())
        for _ in range(12):
            for name in AGENTS:
                self.run(self.staff.present(self.people[name].id, "available"))
            self.clock.move(timedelta(seconds=15))
            self.rounds()
            if not (open_items := self.run(self.items())):
                break
            for row in open_items:
                holder = next((name for name, one in self.people.items() if one.id == row["agent"]), "amara")
                if row["state"] == "waiting":
                    self.does(True, self.desk.claim(row["id"], self.people[holder]), True)
                self.does(True, self.act(row["id"], holder, "resolve"), True)
        self.run(self.later())
        self.all_is_sent()
        self.run(self.at_rest())

    async def later(self) -> None:
        """Hours pass, and whatever had been put off is done."""
        for _ in range(12):
            self.clock.move(timedelta(minutes=30))
            await self.store.due_timers(self.clock.now())
            await self.work()
            await self.settling.once()
            await self.work()

    async def at_rest(self) -> None:
        left = [row for row in await self.items() if row["reason"] not in ("effect_unknown", "effect_unsettled")]
        assert left == [], "still in the queue"
        for row in await self.store.query("SELECT * FROM conversation"):
            assert row["seq"] == row["done"]
            assert row["party"] == "bot"
            assert not waits(row["state"]), "waits for ever"
        open_rows = await self.store.query("SELECT status FROM outbound WHERE status IN ('queued', 'sending')")
        assert open_rows == []
        effects = await self.store.query("SELECT key, function, status, arguments FROM effect")
        done = {f"pay {row['key']}" for row in effects if row["status"] == "done" and row["function"].endswith("pay")}
        poked = {
            f"poke {msgspec.json.decode(row['arguments'])['thing']}"
            for row in effects
            if row["status"] == "done" and row["function"].endswith("poke")
        }
        assert done | poked == set(self.bank.done), "done, and not on record"
        assert [row for row in effects if row["status"] == "intent"] == []
        for user in CUSTOMERS:
            before = len(self.heard[user])
            await self.say(user, "hello")
            await self.work()
            await self.claim_sends()
            assert self.chats[user] in self.sending or len(self.heard[user]) > before, "no answer"


NAMES = tuple(name.title() for name in AGENTS)
OVER = ("handed you back", "has left the chat", "passing you to a colleague", "can't carry on just now")
TEXTS = texts()


def waits(state: bytes, *, top: bool = False) -> bool:
    """Whether any dialog that lies open, or the one on top, is parked with a person."""
    for stack in msgspec.json.decode(bytes(state)).get("k", [])[-1 if top else 0 :]:
        for _, frame in stack:
            entry = frame.get("j", {}).get(frame.get("w") or "") if isinstance(frame, dict) else None
            if isinstance(entry, dict) and entry["s"] == "w" and "ref" in entry:
                return True
    return False


def tried(examples: int, steps: int) -> None:
    with asyncio.Runner() as runner:
        made = type("On", (Machine,), {"runner": runner})
        long = settings(max_examples=examples, stateful_step_count=steps, deadline=None, derandomize=True)
        run_state_machine_as_test(made, settings=settings(long, suppress_health_check=list(HealthCheck)))


@pytest.mark.slow
@pytest.mark.promise("silent", "human", "effects-once")
def test_hand_overs_keep_what_is_promised_in_any_order() -> None:
    tried(14, 25)


@pytest.mark.long
@pytest.mark.promise("silent", "human", "effects-once")
def test_hand_overs_keep_what_is_promised_for_long() -> None:
    tried(150, 60)
