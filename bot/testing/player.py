"""Plays a transcript against the real engine and a real store, plainly or with every kind of accident.

Modes: `plain`; `amnesia` (new objects for every turn, state only from the store); `redelivery` (each inbound twice);
`crash` (the process is thrown away after each checkpoint, after each effect returns and after each commit).
"""

from __future__ import annotations

import functools
import re
import types
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal, Protocol

import msgspec

from bot.bridge import Bridge
from bot.model import Address, Assurance, Inbound, Outbound
from bot.ports import Sql, Store
from bot.script.catalogue import Services
from bot.script.effects import spec_of
from bot.script.scope import Host
from bot.testing.clock import SetClock
from bot.testing.login import ScriptedLogin
from bot.testing.transcripts import Case, Line, squeezed
from bot.turn import Turns

Mode = Literal["plain", "amnesia", "redelivery", "crash"]
MODES: tuple[Mode, ...] = ("plain", "amnesia", "redelivery", "crash")
CHANNEL = "transcript"


class Differs(AssertionError):
    """The conversation went otherwise than the transcript says."""


class Crash(BaseException):
    """The process is thrown away here."""


class World(Protocol):
    """What a composition offers a transcript: the parts that outlive a process, and a way to build one."""

    store: Store
    clock: SetClock
    login: ScriptedLogin

    def process(self, wrap: Callable[[Services], Services], store: Store) -> tuple[Host, Bridge]:
        """A fresh process's engine over `store`, its services wrapped."""
        ...

    def deploy(self) -> None:
        """`~ deploy`: later processes run the newer code, where the world has one."""
        ...

    async def effects(self) -> list[str]:
        """What the backend really did, in order, as "debits.cancel mandate=M2"."""
        ...

    async def backend(self, words: str) -> None:
        """`% backend WORDS`: something happens at the backend."""
        ...

    async def close(self) -> None:
        """The world ends."""
        ...


@dataclass(slots=True)
class Accidents:
    """Where a process is thrown away, once each."""

    on: bool
    seen: set[str] = field(default_factory=set)

    def maybe(self, point: str) -> None:
        """Throw the process away the first time this point is reached."""
        if self.on and point not in self.seen:
            self.seen.add(point)
            raise Crash(point)


class _CrashingStore:
    """The store, with an accident after each checkpoint and commit."""

    def __init__(self, store: Store, accidents: Accidents) -> None:
        self._store, self._accidents = store, accidents

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def checkpoint(self, claim: Any, work: Any) -> Any:
        mark = await self._store.checkpoint(claim, work)
        keys = sorted(str(change.values["key"]) for change in work.changes if "deadline" in change.values)
        self._accidents.maybe(f"checkpoint {keys}")
        return mark

    async def commit(self, claim: Any, work: Any, *, lease: float) -> Any:
        following = await self._store.commit(claim, work, lease=lease)
        self._accidents.maybe(f"commit {claim.seq}")
        return following


class _CrashingService:
    """A service, with an accident after each of its effects has returned."""

    def __init__(self, contract: type[Any], real: Any, accidents: Accidents) -> None:
        self._contract, self._real, self._accidents = contract, real, accidents

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._real, name)
        if spec_of(self._contract, name) is None:
            return real

        @functools.wraps(real.__func__)
        async def once(self: _CrashingService, /, **arguments: Any) -> Any:
            value = await real(**arguments)
            self._accidents.maybe(f"effect {name} {sorted(arguments.items())}")
            return value

        return types.MethodType(once, self)


@dataclass(slots=True)
class Player:
    """Plays one case in one mode."""

    world: World
    mode: Mode
    rewrite: bool = False
    said: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    _told: tuple[int, int] = (0, -1)
    _sent: int = 0
    _effects_told: int = 0
    _accidents: Accidents = field(default_factory=lambda: Accidents(False))
    _turns: Turns | None = None
    _lines: int = 0
    _adrift: bool = False

    @property
    def address(self) -> Address:
        """Where the customer of a transcript writes from."""
        return Address("brand", CHANNEL, CHANNEL, "customer")

    async def play(self, case: Case) -> list[str]:
        """Play it; returns its lines as they came out. Raises `Differs` at the first that came out otherwise."""
        self._accidents = Accidents(self.mode == "crash")
        await self.prepare(case)
        expected: list[Line] = list(case.lines)
        at = 0
        while at < len(expected):
            line = expected[at]
            if line.mark == "<":
                at = await self._compare(expected, at, case)
                continue
            await self._nothing_more(line, case)
            self.written.append(f"{line.mark} {line.text}")
            await self._act(line, case)
            at += 1
        await self._nothing_more(None, case)
        return self.written

    async def prepare(self, case: Case) -> None:
        """Set up what is given."""
        self.world.login.clock = self.world.clock
        for given in case.given:
            await self._given(given)

    async def act(self, line: Line, case: Case) -> list[str]:
        """Let one line happen, outside any written transcript; returns what was said to it. Raises `Differs`."""
        self.world.login.clock = self.world.clock
        await self._act(line, case)
        return await self._new_rows()

    def restart(self) -> None:
        """Throw the process away: the next line runs in a fresh one."""
        self._turns = None

    async def _given(self, words: str) -> None:
        first, *marks = (part.strip() for part in words.split(","))
        if first.startswith("customer "):
            customer = first.removeprefix("customer ").strip()
            if "known" in marks or "linked" in marks:
                level = Assurance.KNOWN if "known" in marks else Assurance.LINKED
                await self.world.login.know(self.address, customer, level)

    async def _act(self, line: Line, case: Case) -> None:
        acts: dict[str, Callable[[str], Awaitable[None]]] = {
            ">": self._customer,
            "%": self._browser,
            "!": self._effect,
            "~": self._time,
            "@": self._agent,
            "=": self._state,
        }
        try:
            await acts[line.mark](line.text)
        except (Differs, LookupError) as error:
            raise Differs(f"{case.path.name}:{line.at} [{self.mode}] {case.name}: {error}") from error

    # What happens

    async def _customer(self, text: str) -> None:
        self._sent += 1
        pressed = re.fullmatch(r"\[(.+)\]", text)
        button = await self._button(pressed[1]) if pressed else None
        if pressed and button is None:
            raise Differs(f"there is no button [{pressed[1]}]; the bot last said: {await self._last_said()}")
        inbound = Inbound(
            key=f"m{self._sent}",
            kind="press" if button else "message",
            at=self.world.clock.now(),
            address=self.address,
            text=pressed[1] if pressed else text,
            data={"nonce": button} if button else {},
            locale="en-GB",
        )
        await self._accept(inbound)

    async def _accept(self, inbound: Inbound) -> None:
        host = self._process().host
        control = host.recogniser.control(inbound.text) if inbound.kind == "message" else None
        await self.world.store.accept(inbound, control)
        if self.mode == "redelivery":
            await self.world.store.accept(inbound, control)
        await self._settle()
        if self.mode == "redelivery":
            await self.world.store.accept(inbound, control)
            await self._settle()

    async def _browser(self, words: str) -> None:
        login = self.world.login
        if words.startswith("signs in as "):
            await login.signs_in(words.removeprefix("signs in as ").strip())
        elif words.startswith("approves as "):
            await login.approves(words.removeprefix("approves as ").strip())
        elif words == "declines":
            await login.declines()
        elif words == "lets it expire":
            await self._time("11 minutes")
            return
        elif words.startswith("sees "):
            if squeezed(words.removeprefix("sees ")) != squeezed(login.shown()):
                raise Differs(f"the approval page says {login.shown()!r}")
        elif words.startswith("backend "):
            await self.world.backend(words.removeprefix("backend "))
        else:
            raise Differs(
                f"nobody knows how to {words!r} (signs in as, approves as, declines, lets it expire, sees, backend)"
            )
        await self._settle()

    async def _time(self, words: str) -> None:
        if words == "deploy":
            self.world.deploy()
            self._turns = None
            return
        found = re.fullmatch(r"(\d+) (second|minute|hour|day)s?", words)
        if not found:
            raise Differs(f"time is given as `10 minutes` or `deploy`, not {words!r}")
        until = self.world.clock.now() + timedelta(**{f"{found[2]}s": int(found[1])})
        while (due := await self._next_timer()) is not None and due <= until.timestamp():
            self.world.clock.set(self.world.clock.now().fromtimestamp(due, until.tzinfo))
            await self.world.store.due_timers(self.world.clock.now())
            await self._settle(quietly=True)
        self.world.clock.set(until)
        await self._settle()

    async def _agent(self, words: str) -> None:
        name, _, said = words.partition(":")
        data = {"act": "say", "name": name.strip()} if said else _agents_act(words)
        rows = await self.world.store.query("SELECT id FROM conversation")
        self._sent += 1
        op = await self._parked_op()
        await self._accept(
            Inbound(
                key=f"a{self._sent}",
                kind="agent",
                at=self.world.clock.now(),
                conversation=rows[0]["id"],
                text=said.strip(),
                data={**data, "op": op},
            )
        )

    async def _effect(self, words: str) -> None:
        wanted, done = words.removesuffix(" once").strip(), await self.world.effects()
        alike = [one for one in done if _in_any_order(one) == _in_any_order(wanted)]
        if wanted == "nothing":
            if len(done) > self._effects_told:
                raise Differs(f"the backend did {done[self._effects_told :]}")
            return
        if len(alike) != 1:
            raise Differs(f"the backend did {wanted!r} {len(alike)} times; it did {done}")
        self._effects_told = len(done)

    async def _state(self, words: str) -> None:
        rows = await self.world.store.query("SELECT state, person FROM conversation")
        state = msgspec.json.decode(rows[0]["state"]) if rows and rows[0]["state"] else {}
        stacks = [stack[-1][0] for stack in state.get("k", ())]
        if words == "no open dialog":
            if stacks:
                raise Differs(f"these dialogs are open: {stacks}")
        elif words.startswith("open "):
            if stacks[-1:] != [words.removeprefix("open ").strip()]:
                raise Differs(f"these dialogs are open: {stacks}")
        elif words.startswith("case "):
            cases = await self.world.store.query("SELECT cause FROM cases")
            if words.removeprefix("case ").strip() not in [case["cause"] for case in cases]:
                raise Differs(f"the cases are {[case['cause'] for case in cases]}")
        elif words in ("linked", "not linked"):
            linked = self.address.connection, self.address.user
            if (linked in self.world.login.standings) != (words == "linked"):
                raise Differs(f"the customer is {'linked' if words != 'linked' else 'not linked'}")
        elif words.startswith("effect "):
            found = [row["status"] for row in await self.world.store.query("SELECT status FROM effect")]
            if words.removeprefix("effect ").strip() not in found:
                raise Differs(f"the effects are {found}")
        else:
            raise Differs(f"nobody knows the state {words!r} (no open dialog, open, case, linked, not linked, effect)")

    # Running

    def _process(self) -> Turns:
        if self._turns is None or self.mode == "amnesia":
            store: Store = _CrashingStore(self.world.store, self._accidents)
            host, bridge = self.world.process(self._wrap, store)
            self._turns = Turns(host, bridge)
        return self._turns

    def _wrap(self, services: Services) -> Services:
        if self.mode != "crash":
            return services
        return Services({c: _CrashingService(c, real, self._accidents) for c, real in services.items()})

    async def _settle(self, *, quietly: bool = False) -> None:
        """Run turns until nothing is ready; after an accident with a new process, as after a lapsed lease."""
        for _ in range(400):
            turns = self._process()
            try:
                claims = await turns.host.store.claim(8, lease=30.0)
                for claim in claims:
                    following: Any = claim
                    while following is not None:
                        following = await turns.one(following)
            except Crash as crash:
                self._turns = None
                self._adrift = self._adrift or not str(crash).startswith("commit")
                await self.world.store.change([Sql("UPDATE conversation SET due = 0 WHERE due IS NOT NULL")])
                continue
            if not claims and not (self._adrift and not quietly and await self._sweep_effects()):
                rows = await self.world.store.query("SELECT due, tries FROM conversation WHERE due IS NOT NULL")
                if not rows:
                    return
                self.world.clock.move(timedelta(seconds=1))
        raise Differs("the conversation does not come to rest")

    async def _sweep_effects(self) -> bool:
        """After an accident in mid-effect, let the wait for that effect's deadline pass, once."""
        self._adrift = False
        rows = await self.world.store.query(
            "SELECT t.at AS at FROM timer t JOIN effect e ON e.conversation = t.conversation AND e.status = 'intent'"
            " ORDER BY t.at LIMIT 1"
        )
        if not rows or rows[0]["at"] - self.world.clock.now().timestamp() > 15:
            return False
        self.world.clock.set(self.world.clock.now().fromtimestamp(rows[0]["at"] + 0.001, self.world.clock.now().tzinfo))
        return await self.world.store.due_timers(self.world.clock.now()) > 0

    async def _next_timer(self) -> float | None:
        rows = await self.world.store.query("SELECT MIN(at) AS at FROM timer")
        return rows[0]["at"] if rows else None

    async def _parked_op(self) -> str:
        rows = await self.world.store.query("SELECT op FROM cases ORDER BY opened DESC")
        return str(rows[0]["op"]) if rows else ""

    # Comparing

    async def _compare(self, expected: list[Line], at: int, case: Case) -> int:
        wanted: list[Line] = []
        while at < len(expected) and expected[at].mark == "<":
            if self.mode != "crash" or squeezed(expected[at].text) != self._process().host.texts.say(
                "host.effect-checking"
            ):
                wanted.append(expected[at])
            at += 1
        said = await self._new_rows()
        self.written.extend(f"< {line}" for line in said)
        if self.rewrite:
            return at
        for line, got in zip(wanted, said, strict=False):
            if squeezed(line.text) != squeezed(got):
                raise Differs(
                    f"{case.path.name}:{line.at} [{self.mode}] {case.name}\n  written: {line.text}\n  said:    {got}"
                )
        if len(wanted) > len(said):
            missing = wanted[len(said)]
            raise Differs(f"{case.path.name}:{missing.at} [{self.mode}] {case.name}\n  never said: {missing.text}")
        if len(said) > len(wanted):
            raise Differs(
                f"{case.path.name}:{wanted[-1].at} [{self.mode}] {case.name}\n  also said: {said[len(wanted) :]}"
            )
        return at

    async def _nothing_more(self, line: Line | None, case: Case) -> None:
        said = await self._new_rows()
        if not said:
            return
        if self.rewrite:
            self.written.extend(f"< {text}" for text in said)
            return
        where = f"before line {line.at}" if line else "at the end"
        raise Differs(f"{case.path.name} [{self.mode}] {case.name}: {where} it also said {said}")

    async def _new_rows(self) -> list[str]:
        rows = await self.world.store.query(
            "SELECT seq, n, body FROM outbound WHERE status IN ('queued', 'sent')"
            " AND (seq > :seq OR (seq = :seq AND n > :n))"
            " ORDER BY seq, n",
            seq=self._told[0],
            n=self._told[1],
        )
        if rows:
            self._told = (rows[-1]["seq"], rows[-1]["n"])
        said = [msgspec.json.decode(row["body"], type=Outbound) for row in rows]
        host = self._process().host
        passing = {host.texts.say("host.effect-checking")} if self.mode == "crash" else set()
        # A case's reference comes from the conversation's random id, so a transcript writes "LM-…" for it.
        reference = re.compile(rf"\b{re.escape(host.reference_prefix)}-[A-Z2-7]{{7}}\b")
        masked = f"{host.reference_prefix}-…"
        return [reference.sub(masked, shown(row)) for row in said if row.text not in passing]

    async def _last_said(self) -> str:
        rows = await self.world.store.query("SELECT body FROM outbound ORDER BY seq DESC, n DESC LIMIT 1")
        return shown(msgspec.json.decode(rows[0]["body"], type=Outbound)) if rows else "nothing"

    async def _button(self, label: str) -> str | None:
        rows = await self.world.store.query("SELECT body FROM outbound ORDER BY seq DESC, n DESC LIMIT 40")
        for row in rows:
            said = msgspec.json.decode(row["body"], type=Outbound)
            for choice in said.choices:
                if squeezed(choice.label) == squeezed(label):
                    return choice.nonce
        return None


_ACTS: dict[str, dict[str, str]] = {
    "joins": {"act": "join"},
    "leaves": {"act": "leave"},
    "returns": {"act": "return"},
    "resolves": {"act": "resolve"},
    "offers": {"act": "offer"},
    "starts": {"act": "return", "how": "start"},
    "closes": {"act": "return", "how": "close"},
}


def _agents_act(words: str) -> dict[str, Any]:
    """`@ Priya joins`, `@ Priya offers bill month=2026-10`: the data of the agent's inbound. Raises `Differs`."""
    name, act, *more = words.split()
    if act not in _ACTS:
        raise Differs(f"nobody knows how an agent {act} ({', '.join(_ACTS)}, or `@ Priya: words`)")
    dialog = {"dialog": more[0], "answers": dict(one.split("=", 1) for one in more[1:])} if more else {}
    return {**_ACTS[act], "name": name, **dialog}


def _in_any_order(effect: str) -> tuple[str, ...]:
    """An effect's name and its arguments, whichever came first."""
    name, *arguments = re.split(r" (?=\w+=)", effect)
    return (name, *sorted(arguments))


def shown(said: Outbound) -> str:
    """One outbound as a transcript's line: newlines as " / ", buttons in brackets."""
    parts = [re.sub(r"\s*\n\s*", " / ", said.text.strip())] if said.text else []
    if said.author and said.author != "system":
        parts.insert(0, f"{said.author}:")
    cards = (said.card,) if said.card else said.items.cards if said.items else ()
    for card in cards:
        rows = "".join(f" | {name}: {value}" for name, value in card.rows)
        parts.append(f"({card.title}{' | ' + card.text if card.text else ''}{rows})")
    if said.file:
        parts.append(f"({said.file.name})")
    if said.link:
        parts.append(f"[{said.link.label}]")
    if said.choices:
        parts.append(" ".join(f"[{choice.label}]" for choice in said.choices))
    return "  ".join(parts)
