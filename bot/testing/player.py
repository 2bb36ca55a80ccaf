"""Plays a transcript against the real engine and a real store, plainly or with every kind of accident.

Modes: `plain`; `amnesia` (new objects for every turn, state only from the store); `redelivery` (each inbound twice);
`crash` (the process is thrown away after each checkpoint, after each effect returns and after each commit).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

import msgspec

from bot.model import Address, Assurance, Inbound, Outbound
from bot.ports import Sql, Store
from bot.script.catalogue import Services
from bot.testing.accidents import Accidents, Crash, CrashingService, CrashingStore
from bot.testing.looking import Differs, agents_act, button, done_once, last_said, look, next_timer, parked_op
from bot.testing.shown import shown
from bot.testing.transcripts import Case, Line, squeezed
from bot.testing.world import World
from bot.turn import Turns

Mode = Literal["plain", "amnesia", "redelivery", "crash"]
MODES: tuple[Mode, ...] = ("plain", "amnesia", "redelivery", "crash")
CHANNEL = "transcript"


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
        if first.startswith("customer ") and ("known" in marks or "linked" in marks):
            level = Assurance.KNOWN if "known" in marks else Assurance.LINKED
            await self.world.login.know(self.address, first.removeprefix("customer ").strip(), level)

    async def _act(self, line: Line, case: Case) -> None:
        acts: dict[str, Callable[[str], Awaitable[None]]] = {
            ">": self._customer,
            "%": self._browser,
            "!": self._effect,
            "~": self._time,
            "@": self._agent,
            "=": self._look,
        }
        try:
            await acts[line.mark](line.text)
        except (Differs, LookupError) as error:
            raise Differs(f"{case.path.name}:{line.at} [{self.mode}] {case.name}: {error}") from error

    # What happens

    async def _customer(self, text: str) -> None:
        self._sent += 1
        pressed = re.fullmatch(r"\[(.+)\]", text)
        nonce = await button(self.world.store, pressed[1]) if pressed else None
        if pressed and nonce is None:
            raise Differs(f"there is no button [{pressed[1]}]; the bot last said: {await last_said(self.world.store)}")
        inbound = Inbound(
            key=f"m{self._sent}",
            kind="press" if nonce else "message",
            at=self.world.clock.now(),
            address=self.address,
            text=pressed[1] if pressed else text,
            data={"nonce": nonce} if nonce else {},
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
        while (due := await next_timer(self.world.store)) is not None and due <= until.timestamp():
            self.world.clock.set(self.world.clock.now().fromtimestamp(due, until.tzinfo))
            await self.world.store.due_timers(self.world.clock.now())
            await self._settle(quietly=True)
        self.world.clock.set(until)
        await self._settle()

    async def _agent(self, words: str) -> None:
        name, _, said = words.partition(":")
        data = {"act": "say", "name": name.strip()} if said else agents_act(words)
        rows = await self.world.store.query("SELECT id FROM conversation")
        self._sent += 1
        op = await parked_op(self.world.store)
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
        self._effects_told = await done_once(self.world, words, self._effects_told)

    async def _look(self, words: str) -> None:
        await look(self.world, self.address, words)

    # Running

    def _process(self) -> Turns:
        if self._turns is None or self.mode == "amnesia":
            store: Store = CrashingStore(self.world.store, self._accidents)
            host, bridge = self.world.process(self._wrap, store)
            self._turns = Turns(host, bridge)
        return self._turns

    def _wrap(self, services: Services) -> Services:
        if self.mode != "crash":
            return services
        return Services({c: CrashingService(c, real, self._accidents) for c, real in services.items()})

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

    # Comparing

    async def _compare(self, expected: list[Line], at: int, case: Case) -> int:
        wanted: list[Line] = []
        passing = self._passing()
        while at < len(expected) and expected[at].mark == "<":
            if squeezed(expected[at].text) not in passing:
                wanted.append(expected[at])
            at += 1
        said = await self._new_rows()
        self.written.extend(f"< {line}" for line in said)
        if self.rewrite:
            return at
        here = f"[{self.mode}] {case.name}"
        for line, got in zip(wanted, said, strict=False):
            if squeezed(line.text) != squeezed(got):
                raise Differs(f"{case.path.name}:{line.at} {here}\n  written: {line.text}\n  said:    {got}")
        if len(wanted) > len(said):
            missing = wanted[len(said)]
            raise Differs(f"{case.path.name}:{missing.at} {here}\n  never said: {missing.text}")
        if len(said) > len(wanted):
            raise Differs(f"{case.path.name}:{wanted[-1].at} {here}\n  also said: {said[len(wanted) :]}")
        return at

    def _passing(self) -> set[str]:
        """What is said only because of an accident."""
        return {self._process().host.texts.say("host.effect-checking")} if self.mode == "crash" else set()

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
        passing = self._passing()
        # A case's reference comes from the conversation's random id, so a transcript writes "LM-…" for it.
        reference = re.compile(rf"\b{re.escape(host.reference_prefix)}-[A-Z2-7]{{7}}\b")
        masked = f"{host.reference_prefix}-…"
        return [reference.sub(masked, shown(row)) for row in said if row.text not in passing]
