"""A small world for the engine's own tests: dialogs given by the test, a bank that can be told to fail, one chat."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import msgspec

from bot.bridge import Bridge
from bot.errors import DomainError, Temporary
from bot.model import Address, Assurance, Control, Entity, Inbound, Outbound, Parse
from bot.ports import Case, Claim, Opened, Sql, Store
from bot.routing import Thresholds
from bot.script.catalogue import Dialogs, Services
from bot.script.effects import UNKEYED, Key, effect
from bot.script.registry import DialogSpec
from bot.script.scope import Host, Limits
from bot.script.texts import HOST, Texts
from bot.store import open_sqlite
from bot.testing.clock import SetClock
from bot.testing.login import ScriptedLogin
from bot.turn import Turns
from dialogs.fallback import fallback
from dialogs.human import human
from dialogs.stop import stop
from dialogs.unlink import unlink

CHANNEL = "chat"
ADDRESS = Address("engine", CHANNEL, CHANNEL, "ana")
ROOT = Path(__file__).resolve().parents[2]
FILES = {"en-GB": [HOST / "en.ftl", ROOT / "dialogs" / "text" / "en.ftl", Path(__file__).with_suffix(".ftl")]}
BRAND = {"name": "Engine", "phone": "0800 000", "hours": "9 to 5"}
FAST = Limits(turn=5.0, read=0.2, effect_grace=1.0)


# The bank


class BankDown(Temporary):
    """The bank does not answer now."""


@dataclass(eq=True, unsafe_hash=True)
class Locked(DomainError):
    """The thing is locked."""

    until: date
    why: str

    def __post_init__(self) -> None:
        DomainError.__init__(self)


@dataclass(frozen=True, slots=True)
class Item:
    """Something to choose. Amount in pence."""

    id: str
    name: str
    pence: int


@dataclass(frozen=True, slots=True)
class Detail:
    """A value with a bit of everything that a journal must carry."""

    on: date
    at: datetime
    parts: tuple[Item, ...]
    by_name: dict[str, int]
    note: str | None = None
    parent: Item | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was done."""

    reference: str
    on: date


class Bank(Protocol):
    """What the dialogs ask of it."""

    async def items(self, *, customer: str = "") -> tuple[Item, ...]:
        """What there is."""
        ...

    async def detail(self, *, thing: str) -> Detail:
        """One of them."""
        ...

    async def maybe(self, *, thing: str) -> Item | None:
        """One of them, or nothing."""
        ...

    async def note(self, *, length: int) -> str:
        """A text so long."""
        ...

    @effect(read_back="paid", keys=True, deadline=0.4)
    async def pay(self, *, thing: str, key: Key = UNKEYED) -> Receipt:
        """Keyed."""
        ...

    async def paid(self, *, thing: str, key: Key = UNKEYED) -> Receipt | None:
        """Its read-back."""
        ...

    @effect(read_back="poked", keys=False, deadline=0.4)
    async def poke(self, *, thing: str) -> Receipt:
        """Not keyed."""
        ...

    async def poked(self, *, thing: str) -> Receipt | None:
        """Its read-back."""
        ...

    @effect(read_back="closed", keys=True, deadline=0.4, approve="close")
    async def close(self, *, thing: str, key: Key = UNKEYED) -> Receipt:
        """Keyed, and needs the customer's approval."""
        ...

    async def closed(self, *, thing: str, key: Key = UNKEYED) -> Receipt | None:
        """Its read-back."""
        ...


ITEMS = (Item("M1", "Home broadband", 3100), Item("M2", "Mobile ending 412", 2300))


class FakeBank:
    """Keeps what was done by key (or by thing, where it takes none); each method can be told how to fail, how often.

    Failures: "down" raises at once; "hang" never answers; "lost" does it, then raises; "die" does it, and the process
    is gone; "refuse" says no; "bug" breaks.
    """

    def __init__(self, clock: SetClock) -> None:
        self.clock = clock
        self.things = ITEMS
        self.calls: list[tuple[str, str, str]] = []
        self.done: dict[str, Receipt] = {}
        self.executed: Counter[str] = Counter()
        self.failing: dict[str, list[str]] = {}
        self.hook: Callable[[str], Any] | None = None

    def fail(self, method: str, how: str, times: int = 1) -> None:
        """Let the next `times` calls of a method fail so."""
        self.failing.setdefault(method, []).extend([how] * times)

    def heal(self) -> None:
        """Fail no more."""
        self.failing.clear()

    def called(self, method: str) -> int:
        """How often a method was called."""
        return sum(1 for name, _, _ in self.calls if name == method)

    async def _enter(self, method: str, what: str = "", key: str = "") -> str:
        self.calls.append((method, what, key))
        if self.hook is not None:
            await self.hook(method)
        waiting = self.failing.get(method)
        how = waiting.pop(0) if waiting else ""
        if how == "down":
            raise BankDown
        if how == "hang":
            await asyncio.sleep(3600)
        if how == "refuse":
            raise Locked(date(2026, 12, 1), "under review")
        if how == "bug":
            raise RuntimeError("a bug in the bank's client")
        return how

    def _do(self, method: str, thing: str, mark: str) -> Receipt:
        self.executed[mark] += 1
        return self.done.setdefault(mark, Receipt(f"{method}-{thing}-{len(self.done) + 1}", self.clock.now().date()))

    async def _effect(self, method: str, thing: str, key: str, mark: str) -> Receipt:
        how = await self._enter(method, thing, key)
        receipt = self.done.get(mark) if key else None
        if receipt is None:
            receipt = self._do(method, thing, mark)
        if how == "lost":
            raise BankDown
        if how == "die":
            raise Crash
        return receipt

    async def items(self, *, customer: str = "") -> tuple[Item, ...]:
        await self._enter("items", customer)
        return self.things

    async def detail(self, *, thing: str) -> Detail:
        await self._enter("detail", thing)
        note = None if thing == "M1" else "noted"
        return Detail(date(2026, 2, 28), self.clock.now(), self.things, {"a": 1}, note, self.things[0])

    async def maybe(self, *, thing: str) -> Item | None:
        await self._enter("maybe", thing)
        return next((item for item in self.things if item.id == thing), None)

    async def note(self, *, length: int) -> str:
        await self._enter("note", str(length))
        return "x" * length

    async def pay(self, *, thing: str, key: Key = UNKEYED) -> Receipt:
        return await self._effect("pay", thing, key, f"pay {key}")

    async def paid(self, *, thing: str, key: Key = UNKEYED) -> Receipt | None:
        await self._enter("paid", thing, key)
        return self.done.get(f"pay {key}")

    async def poke(self, *, thing: str) -> Receipt:
        return await self._effect("poke", thing, "", f"poke {thing}")

    async def poked(self, *, thing: str) -> Receipt | None:
        await self._enter("poked", thing)
        return self.done.get(f"poke {thing}")

    async def close(self, *, thing: str, key: Key = UNKEYED) -> Receipt:
        return await self._effect("close", thing, key, f"close {key}")

    async def closed(self, *, thing: str, key: Key = UNKEYED) -> Receipt | None:
        await self._enter("closed", thing, key)
        return self.done.get(f"close {key}")


# Understanding, people


@dataclass
class Rules:
    """ "open X" opens X, surely; other readings are given by the test: text to (intent, confidence, backend)."""

    meant: dict[str, tuple[str, float, str]] = field(default_factory=dict)
    parsed: list[str] = field(default_factory=list)

    def control(self, text: str, locale: str | None = None) -> Control | None:
        said = text.strip().casefold()
        return "human" if said == "human" else "stop" if said == "stop" else None

    async def parse(self, text: str, locale: str | None = None) -> Parse:
        self.parsed.append(text)
        words = text.split()
        if words[:1] == ["open"] and len(words) > 1:
            found = [word.split("=", 1) for word in words[2:] if "=" in word]
            entities = tuple(Entity(name, value, value, 0, 0) for name, value in found)
            return Parse(words[1], 0.95, ((words[1], 0.95),), entities, backend="model")
        intent, confidence, backend = self.meant.get(text, ("", 0.0, "model"))
        return Parse(intent, confidence, ((intent, confidence),) if intent else (), backend=backend)


@dataclass(slots=True)
class Desk:
    """A handover that waits for a person, or finds nobody."""

    waits: bool = False
    opened: list[Case] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)

    def open(self, case: Case, now: datetime) -> Opened:
        self.opened.append(case)
        return Opened((), self.waits, "host.callback", {})

    def attended(self, now: datetime) -> bool:
        return False

    def opens(self, now: datetime) -> dict[str, Any]:
        return {}

    def close(self, conversation: str, why: str, now: datetime) -> tuple[Sql, ...]:
        self.closed.append(why)
        return ()

    def rated(self, case: str, score: int | None, now: datetime) -> tuple[Sql, ...]:
        return ()


class Crash(BaseException):
    """The process is gone."""


class Crashing:
    """The store, which throws the process away after (or before) the named write, the number of times given."""

    def __init__(self, store: Store, crashes: dict[str, int]) -> None:
        self._store, self._crashes = store, crashes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def _maybe(self, point: str) -> None:
        if self._crashes.get(point, 0) > 0:
            self._crashes[point] -= 1
            raise Crash(point)

    async def checkpoint(self, claim: Any, work: Any) -> Any:
        self._maybe("before checkpoint")
        mark = await self._store.checkpoint(claim, work)
        self._maybe("after checkpoint")
        return mark

    async def commit(self, claim: Any, work: Any, *, lease: float) -> Any:
        self._maybe("before commit")
        following = await self._store.commit(claim, work, lease=lease)
        self._maybe("after commit")
        return following


def specs(*fns: Any) -> list[DialogSpec]:
    """The specs of decorated functions."""
    return [fn.__dialog__ for fn in fns]


def texts(clock: SetClock | None = None) -> Texts:
    """The host's texts, the shipped dialogs' and this world's."""
    held = clock or SetClock()
    return Texts(FILES, BRAND, lambda: held.now().date())


_TEXTS = texts()


class Chat:
    """One customer's conversation with an engine built anew for every turn, state from the store alone."""

    def __init__(
        self,
        *dialogs: Any,
        limits: Limits = FAST,
        address: Address = ADDRESS,
        foreign: Mapping[str, Callable[[], Any]] | None = None,
        retired: Iterable[Any] = (),
        waits: bool = False,
        thresholds: Thresholds | None = None,
    ) -> None:
        self.clock = SetClock()
        self.store = open_sqlite(
            ":memory:", clock=self.clock, log_channels=frozenset({CHANNEL}), now=lambda: self.clock.now().timestamp()
        )
        self.login = ScriptedLogin(self.store, self.clock, "engine")
        self.bank = FakeBank(self.clock)
        self.rules = Rules()
        self.desk = Desk(waits)
        self.limits = limits
        self.address = address
        self.scripts = list(dialogs)
        self.retired = list(retired)
        self.foreign = dict(foreign or {})
        self.locked: dict[tuple[str, int], str] = {}
        self.actions: dict[str, Assurance] = {}
        self.crashes: dict[str, int] = {}
        self.failures: list[tuple[str, bool]] = []
        self.traces: list[dict[str, Any]] = []
        self.thresholds = thresholds
        self.count = 0
        self._told = (0, -1)

    # The engine

    def turns(self) -> Turns:
        """A fresh process."""
        dialogs = Dialogs(specs(human, stop, fallback, unlink, *self.scripts), retired=specs(*self.retired))
        dialogs.locked, dialogs.actions = dict(self.locked), dict(self.actions)
        for id in self.foreign:
            dialogs.add_foreign(id, [id])
        store: Any = Crashing(self.store, self.crashes)
        host = Host(
            store=store,
            clock=self.clock,
            texts=_TEXTS,
            dialogs=dialogs,
            services=Services({Bank: self.bank}),
            recogniser=self.rules,
            identity=self.login,
            login=self.login,
            handoff=self.desk,
            secret=b"engine",
            brand="engine",
            reference_prefix="EN",
            limits=self.limits,
        )
        bridge = Bridge(dialogs, [make() for make in self.foreign.values()])
        return Turns(host, bridge, observer=self, thresholds=self.thresholds)

    def turn(self, trace: dict[str, Any], seconds: float) -> None:
        """See `TurnObserver`."""
        self.traces.append(trace)

    def failed(self, error: str, *, parked: bool) -> None:
        """See `TurnObserver`."""
        self.failures.append((error, parked))

    async def claim(self) -> Claim | None:
        """The next turn's claim, if one is ready."""
        claims = await self.store.claim(1, lease=self.limits.lease)
        return claims[0] if claims else None

    async def step(self) -> bool:
        """Run one claimed turn and those that follow under its lease; False if nothing was ready."""
        claim = await self.claim()
        while claim is not None:
            following = await self.turns().one(claim)
            if following is None:
                return True
            claim = following
        return False

    async def settle(self, *, back_off: bool = True) -> None:
        """Run until nothing is ready; a crash takes the lease with it, a back-off is waited out."""
        for _ in range(60):
            try:
                if await self.step():
                    continue
            except Crash:
                await self.store.change([Sql("UPDATE conversation SET due = 0 WHERE leased = 1")])
                continue
            rows = await self.store.query("SELECT due FROM conversation WHERE due IS NOT NULL")
            if not rows or not back_off:
                return
            self.clock.move(timedelta(seconds=1))
        raise AssertionError("the conversation does not come to rest")

    # What comes in

    async def accept(self, kind: Any = "message", text: str = "", **data: Any) -> None:
        """Accept one inbound of the customer's, without running it."""
        self.count += 1
        control = self.rules.control(text) if kind == "message" else None
        inbound = Inbound(f"m{self.count}", kind, self.clock.now(), self.address, text=text, data=data)
        await self.store.accept(inbound, control)

    async def say(self, text: str, **data: Any) -> list[str]:
        """The customer writes; returns what the bot says to it."""
        await self.accept("message", text, **data)
        await self.settle()
        return await self.new()

    async def press(self, label: str) -> list[str]:
        """The customer presses the newest button with this label."""
        await self.accept("press", label, nonce=await self.nonce(label))
        await self.settle()
        return await self.new()

    async def nonce(self, label: str) -> str:
        """The newest button's nonce."""
        for said in reversed(await self.rows()):
            for choice in said.choices:
                if choice.label == label:
                    return choice.nonce
        raise AssertionError(f"there is no button {label!r}")

    async def signal(self, op: str, outcome: dict[str, Any], *, run: bool = True) -> list[str]:
        """A page or desk tells how a parked operation ended."""
        await self.tell("signal", {"op": op, "outcome": outcome})
        if run:
            await self.settle()
        return await self.new()

    async def agent(self, act: str, text: str = "", **data: Any) -> list[str]:
        """An agent does something."""
        await self.tell("agent", {"act": act, "name": "Priya", **data}, text)
        await self.settle()
        return await self.new()

    async def tell(self, kind: Any, data: dict[str, Any], text: str = "") -> None:
        """Accept an inbound of our own, without running it."""
        self.count += 1
        conversation = await self.store.conversation_of(self.address)
        inbound = Inbound(f"m{self.count}", kind, self.clock.now(), conversation=conversation, text=text, data=data)
        await self.store.accept(inbound)

    async def after(self, **passed: float) -> list[str]:
        """Time passes, and every timer due on the way fires in order."""
        until = self.clock.now() + timedelta(**passed)
        while True:
            rows = await self.store.query("SELECT MIN(at) AS at FROM timer")
            at = rows[0]["at"]
            if at is None or at > until.timestamp():
                break
            self.clock.set(datetime.fromtimestamp(at, until.tzinfo) + timedelta(milliseconds=1))
            await self.store.due_timers(self.clock.now())
            await self.settle()
        self.clock.set(until)
        await self.settle()
        return await self.new()

    # What came of it

    async def rows(self, *statuses: str) -> list[Outbound]:
        """Everything said, in order."""
        wanted = statuses or ("queued", "sent")
        rows = await self.store.query("SELECT status, body FROM outbound ORDER BY seq, n")
        return [msgspec.json.decode(r["body"], type=Outbound) for r in rows if r["status"] in wanted]

    async def new(self) -> list[str]:
        """The texts said since the last time."""
        rows = await self.store.query(
            "SELECT seq, n, body FROM outbound WHERE status IN ('queued', 'sent')"
            " AND (seq > :seq OR (seq = :seq AND n > :n)) ORDER BY seq, n",
            seq=self._told[0],
            n=self._told[1],
        )
        if rows:
            self._told = (rows[-1]["seq"], rows[-1]["n"])
        return [shown(msgspec.json.decode(row["body"], type=Outbound)) for row in rows]

    async def all_said(self) -> list[str]:
        """Every text said so far."""
        return [shown(said) for said in await self.rows()]

    async def conversation(self) -> dict[str, Any]:
        """The conversation's row."""
        return (await self.store.query("SELECT * FROM conversation"))[0]

    async def state(self) -> dict[str, Any]:
        """The conversation's state."""
        found: dict[str, Any] = msgspec.json.decode((await self.conversation())["state"])
        return found

    async def open(self) -> list[str]:
        """The open dialogs' ids, the top last."""
        return [stack[-1][0] for stack in (await self.state()).get("k", [])]

    async def frame(self, at: int = -1, deep: int = 0) -> dict[str, Any]:
        """A frame: of the stack `at`, `deep` from its top."""
        found: dict[str, Any] = (await self.state())["k"][at][deep][1]
        return found

    async def effects(self) -> list[tuple[str, str]]:
        """(function, status) of every effect row."""
        rows = await self.store.query("SELECT function, status FROM effect ORDER BY begun_at")
        return [(row["function"], row["status"]) for row in rows]

    async def cases(self) -> list[str]:
        """The causes of the cases opened."""
        return [row["cause"] for row in await self.store.query("SELECT cause FROM cases ORDER BY opened")]

    async def audits(self) -> list[str]:
        """What the audit holds, in order."""
        return [row["what"] for row in await self.store.query("SELECT what FROM audit ORDER BY at")]

    async def know(self, customer: str = "C-1", level: Assurance = Assurance.KNOWN) -> None:
        """Link the chat to a customer."""
        await self.login.know(self.address, customer, level)

    async def edit(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Change the stored state by hand, as another release would have left it."""
        state = await self.state()
        change(state)
        await self.store.change([Sql("UPDATE conversation SET state = :s", {"s": msgspec.json.encode(state)})])

    def limit(self, **values: Any) -> None:
        """Set some limits otherwise."""
        self.limits = replace(self.limits, **values)

    async def close(self) -> None:
        """The world ends."""
        await self.store.close()


def shown(said: Outbound) -> str:
    """One outbound as text, newlines as " / ", buttons in brackets."""
    text = said.text.replace("\n", " / ")
    if said.card is not None:
        text = f"({said.card.title})"
    if said.file is not None:
        text = f"({said.file.name})"
    if said.items is not None:
        text = f"({', '.join(card.title for card in said.items.cards)})"
    if said.link is not None:
        text += f" <{said.link.label}>"
    return text + "".join(f" [{choice.label}]" for choice in said.choices)


async def made_chats() -> AsyncIterator[Callable[..., Chat]]:
    """For a fixture: makes chats, and closes them at the end."""
    made: list[Chat] = []

    def make(*dialogs: Any, **given: Any) -> Chat:
        made.append(Chat(*dialogs, **given))
        return made[-1]

    yield make
    for chat in made:
        await chat.close()
