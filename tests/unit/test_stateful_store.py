"""The store against a small model of itself: any order of accepts, claims, checkpoints, commits, timers, sends, lapses.

Both stores run the same machine. The model holds what must be true whatever happens: each key once, turns in order, one
holder at a time, a stale holder changes nothing, the log without gaps, rows sent in order, the bot silent when an agent
holds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bot.errors import Fenced
from bot.model import Address, Inbound, Outbound
from bot.ports import Claim, OutboxClaim, OutRow, Sql, Store, Work
from bot.store import open_store
from bot.testing.clock import SetClock
from tests.postgres import fresh_database, required

T = TypeVar("T")
USERS = ("ana", "bob")
OPEN = ("queued", "sending")
users = st.sampled_from(USERS)
keys = st.sampled_from([f"k{number}" for number in range(12)])
words = st.lists(st.sampled_from(["hello", "yes", "your bill"]), max_size=3)


@dataclass
class Row:
    """One outbound row: what became of it, and whether it waits for another try."""

    status: str
    purpose: str
    retries: int = 0
    uncertain: bool = False


@dataclass
class Chat:
    """One conversation, as it must be."""

    id: str = ""
    waiting: list[tuple[str, str]] = field(default_factory=list)
    """Kind and text of each inbound, from the first."""
    done: int = 0
    state: bytes = b"{}"
    party: str = "bot"
    tries: int = 0
    log: int = 0
    said: int = 0
    """Rows of the present inbound, over its checkpoints."""
    claim: Claim | None = None
    lapsed: bool = False
    stale: list[Claim] = field(default_factory=list)
    rows: dict[tuple[int, int], Row] = field(default_factory=dict)
    sending: OutboxClaim | None = None
    send_lapsed: bool = False
    stale_sends: list[OutboxClaim] = field(default_factory=list)
    timers: dict[str, float] = field(default_factory=dict)

    @property
    def ready(self) -> bool:
        return self.done < len(self.waiting) and (self.claim is None or self.lapsed)

    def open(self) -> list[tuple[int, int]]:
        return sorted(place for place, row in self.rows.items() if row.status in OPEN)


class Machine(RuleBasedStateMachine):
    """Does things to a store and to the model alike. `run` and `opened` are set for each database."""

    run: Callable[[Awaitable[Any]], Any]
    opened: Callable[[Any], Awaitable[Store]]

    @initialize()
    def begin(self) -> None:
        self.clock = SetClock()
        self.store: Store = self.run(type(self).opened(self.clock))
        self.chats = {user: Chat() for user in USERS}
        self.seen: set[str] = set()

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.run(self.store.close())

    def address(self, user: str) -> Address:
        return Address("larkspur", "telegram", "telegram", user)

    def held(self, user: str) -> Claim | None:
        chat = self.chats[user]
        return None if chat.lapsed else chat.claim

    # In

    @rule(user=users, key=keys, text=st.sampled_from(["hello", "42", "human"]))
    def accept(self, user: str, key: str, text: str) -> None:
        key, chat = f"{user}{key}", self.chats[user]
        inbound = Inbound(key=key, kind="message", at=self.clock.now(), address=self.address(user), text=text)
        accepted = self.run(self.store.accept(inbound))
        assert accepted.fresh == (key not in self.seen)
        assert accepted.conversation == (chat.id or accepted.conversation)
        chat.id = accepted.conversation
        if accepted.fresh:
            self.seen.add(key)
            chat.waiting.append(("message", text))
            chat.log += 1
            assert (accepted.seq, accepted.pos) == (len(chat.waiting), chat.log)

    @precondition(lambda self: any(chat.id for chat in self.chats.values()))
    @rule(user=users, number=st.integers(0, 3))
    def signal(self, user: str, number: int) -> None:
        chat = self.chats[user]
        if not chat.id:
            return
        key = f"signal:{user}:{number}"
        inbound = Inbound(key=key, kind="signal", at=self.clock.now(), conversation=chat.id, data={"op": "x"})
        (accepted,) = self.run(self.store.change([], [inbound]))
        assert accepted.fresh == (key not in self.seen)
        if accepted.fresh:
            self.seen.add(key)
            chat.waiting.append(("signal", ""))

    @rule(seconds=st.sampled_from([0, 30, 100]))
    def timers_fire(self, seconds: int) -> None:
        self.clock.move(timedelta(seconds=seconds))
        now, due = self.clock.now().timestamp(), 0
        for chat in self.chats.values():
            for op in [op for op, at in chat.timers.items() if at <= now]:
                del chat.timers[op]
                chat.waiting.append(("timer", ""))
                due += 1
        assert self.run(self.store.due_timers(self.clock.now())) == due
        assert self.run(self.store.due_timers(self.clock.now())) == 0

    # Turns

    @rule()
    def claim(self) -> None:
        ready = {chat.id: user for user, chat in self.chats.items() if chat.ready}
        claims = self.run(self.store.claim(10, lease=1000.0))
        assert {claim.conversation for claim in claims} == set(ready)
        for claim in claims:
            chat = self.chats[ready[claim.conversation]]
            if chat.claim is not None:
                chat.stale.append(chat.claim)
                chat.tries += 1
            assert claim.seq == chat.done + 1
            assert (claim.inbound.kind, claim.inbound.text) == chat.waiting[chat.done]
            assert (claim.state, claim.party, claim.tries) == (chat.state, chat.party, chat.tries)
            assert all(claim.epoch > stale.epoch for stale in chat.stale)
            chat.claim, chat.lapsed = claim, False
            chat.said = len([place for place in chat.rows if place[0] == claim.seq])

    @rule(user=users)
    def lapse(self, user: str) -> None:
        """The holder freezes for longer than its lease."""
        if self.held(user) is None:
            return
        self.chats[user].lapsed = True
        self.run(
            self.store.change([Sql("UPDATE conversation SET due = 0 WHERE id = :id", {"id": self.chats[user].id})])
        )

    def work(self, user: str, texts: list[str], party: Any, timer: int | None, state: int) -> Work:
        chat = self.chats[user]
        changes: tuple[Sql, ...] = ()
        if timer is not None:
            at = self.clock.now().timestamp() + timer
            chat.timers[f"op{timer}"] = at
            changes = (
                Sql("DELETE FROM timer WHERE conversation = :id AND op = :op", {"id": chat.id, "op": f"op{timer}"}),
                Sql(
                    "INSERT INTO timer (conversation, op, at) VALUES (:id, :op, :at)",
                    {"id": chat.id, "op": f"op{timer}", "at": at},
                ),
            )
        purpose: Any = "agent" if chat.party == "agent" and state % 2 else "reply"
        rows = tuple(OutRow(chat.said + n, Outbound(text, purpose=purpose)) for n, text in enumerate(texts))
        return Work(state=f'{{"s":{state}}}'.encode(), rows=rows, changes=changes, party=party)

    def wrote(self, user: str, work: Work, seq: int) -> None:
        """What a checkpoint or commit leaves."""
        chat = self.chats[user]
        chat.state = work.state
        for row in work.rows:
            side = "agent" if row.said.purpose == "agent" else "bot"
            allowed = side in (chat.party, work.party)
            chat.rows[(seq, row.n)] = Row("queued" if allowed else "withheld", row.said.purpose)
            chat.log += 1
        chat.said += len(work.rows)
        if work.party is not None:
            chat.party = work.party
            if work.party == "agent":
                for place, one in chat.rows.items():
                    if one.status == "queued" and one.purpose == "reply" and place[0] != seq:
                        one.status = "withheld"
                        chat.log += 1

    @rule(user=users, texts=words, timer=st.sampled_from([None, 50]), state=st.integers(0, 9))
    def checkpoint(self, user: str, texts: list[str], timer: int | None, state: int) -> None:
        claim = self.held(user)
        if claim is None:
            return
        work = self.work(user, texts, None, timer, state)
        self.run(self.store.checkpoint(claim, work))
        self.wrote(user, work, claim.seq)

    @rule(
        user=users,
        texts=words,
        party=st.sampled_from([None, None, None, "agent", "bot"]),
        timer=st.sampled_from([None, None, 20]),
        state=st.integers(0, 9),
    )
    def commit(self, user: str, texts: list[str], party: Any, timer: int | None, state: int) -> None:
        claim, chat = self.held(user), self.chats[user]
        if claim is None:
            return
        work = self.work(user, texts, party, timer, state)
        following = self.run(self.store.commit(claim, work, lease=1000.0))
        self.wrote(user, work, claim.seq)
        chat.done, chat.tries, chat.said = chat.done + 1, 0, 0
        assert (following is not None) == (chat.done < len(chat.waiting))
        if following is None:
            chat.stale.append(claim)
        else:
            assert (following.seq, following.state, following.party) == (chat.done + 1, chat.state, chat.party)
            assert (following.inbound.kind, following.inbound.text) == chat.waiting[chat.done]
        chat.claim = following

    @rule(user=users, failed=st.booleans())
    def release(self, user: str, failed: bool) -> None:
        claim, chat = self.held(user), self.chats[user]
        if claim is None:
            return
        self.run(self.store.release(claim, delay=0.0, failed=failed))
        chat.stale.append(claim)
        chat.claim = None
        chat.tries += failed

    @rule(user=users, texts=words, which=st.integers(0, 5), how=st.integers(0, 3))
    def a_stale_holder_changes_nothing(self, user: str, texts: list[str], which: int, how: int) -> None:
        chat = self.chats[user]
        if not chat.stale or chat.lapsed:
            return
        claim = chat.stale[which % len(chat.stale)]
        work = Work(
            state=b"stale", rows=tuple(OutRow(n, Outbound(text)) for n, text in enumerate(texts)), party="agent"
        )
        if how == 3:
            self.run(self.store.release(claim, delay=500.0))
            return
        calls = (
            lambda: self.store.checkpoint(claim, work),
            lambda: self.store.commit(claim, work, lease=9.0),
            lambda: self.store.renew(claim, lease=9.0),
        )
        with pytest.raises(Fenced):
            self.run(calls[how]())

    # Out

    @rule()
    def claim_outbox(self) -> None:
        held = self.run(self.store.claim_outbox(10, lease=1000.0))
        by_id = {chat.id: chat for chat in self.chats.values() if chat.id}
        for one in held:
            chat = by_id.pop(one.conversation)
            place, places = (one.seq, one.n), chat.open()
            assert chat.sending is None or chat.send_lapsed, "two sends at once"
            head = chat.rows[places[0]]
            passes = one.purpose == "agent" and head.purpose != "agent" and head.retries > 0
            assert place == places[0] or passes, "out of order"
            row = chat.rows[place]
            assert one.uncertain == (row.uncertain or row.status == "sending")
            assert one.tries == row.retries
            if chat.sending is not None:
                chat.stale_sends.append(chat.sending)
            row.status, row.uncertain = "sending", one.uncertain
            chat.sending, chat.send_lapsed = one, False
        for chat in by_id.values():
            assert not chat.open() or (chat.sending is not None and not chat.send_lapsed), "nobody sends what waits"

    @rule(user=users, how=st.sampled_from(["sent", "again", "unsure", "dead", "lapse"]))
    def send_ends(self, user: str, how: str) -> None:
        chat = self.chats[user]
        if chat.sending is None or chat.send_lapsed:
            return
        one = chat.sending
        row = chat.rows[(one.seq, one.n)]
        if how == "lapse":
            chat.send_lapsed = True
            ids = {"id": chat.id, "seq": one.seq, "n": one.n}
            here = "WHERE conversation = :id AND seq = :seq AND n = :n"
            self.run(
                self.store.change(
                    [
                        Sql(f"UPDATE outbound SET held = 0 {here}", ids),
                        Sql("UPDATE conversation SET out_due = 0 WHERE id = :id", {"id": chat.id}),
                    ]
                )
            )
            return
        if how == "sent":
            self.run(self.store.sent(one, platform_id="p", at=self.clock.now()))
            row.status = "sent"
            chat.log += 1
        elif how == "dead":
            self.run(self.store.dead(one, status="dead", reason="gone"))
            row.status = "dead"
            rest = [r for place, r in chat.rows.items() if place[0] == one.seq and r.status == "queued"]
            for other in rest:
                other.status = "superseded"
            chat.log += 1 + len(rest)
        else:
            self.run(self.store.unsent(one, delay=0.0, reason="later", uncertain=how == "unsure"))
            row.status, row.retries, row.uncertain = "queued", row.retries + 1, how == "unsure"
        chat.stale_sends.append(one)
        chat.sending = None

    @rule(user=users, how=st.integers(0, 2))
    def a_stale_send_changes_nothing(self, user: str, how: int) -> None:
        chat = self.chats[user]
        if not chat.stale_sends:
            return
        one = chat.stale_sends[-1]
        # A row that was sent in vain and is held again is another claim's.
        calls = (
            lambda: self.store.sent(one, platform_id="p", at=self.clock.now()),
            lambda: self.store.unsent(one, delay=0.0, reason="x", uncertain=False),
            lambda: self.store.dead(one, status="dead", reason="x"),
        )
        with pytest.raises(Fenced):
            self.run(calls[how]())

    # Several steps at once, or most runs would be over before anything was said

    @rule(
        user=users,
        key=keys,
        texts=st.lists(st.sampled_from(["hello", "your bill"]), min_size=1, max_size=3),
        party=st.sampled_from([None, "agent", "bot"]),
        state=st.integers(0, 9),
    )
    def a_whole_turn(self, user: str, key: str, texts: list[str], party: Any, state: int) -> None:
        self.accept(user, key, "hello")
        self.claim()
        self.commit(user, texts, party, None, state)

    @rule(user=users, how=st.sampled_from(["sent", "again", "unsure", "dead", "lapse"]))
    def a_whole_send(self, user: str, how: str) -> None:
        self.claim_outbox()
        self.send_ends(user, how)

    @rule(user=users, key=keys, texts=words, how=st.integers(0, 2))
    def a_frozen_holder_wakes_when_another_has_it(self, user: str, key: str, texts: list[str], how: int) -> None:
        self.accept(user, key, "hello")
        self.claim()
        if self.held(user) is not None:
            self.lapse(user)
            self.claim()
            self.a_stale_holder_changes_nothing(user, texts, len(self.chats[user].stale) - 1, how)

    @rule(user=users, how=st.sampled_from(["sent", "again", "dead"]))
    def a_frozen_sender_wakes_when_another_sends(self, user: str, how: str) -> None:
        self.claim_outbox()
        self.send_ends(user, "lapse")
        self.claim_outbox()
        self.a_stale_send_changes_nothing(user, 0)
        self.send_ends(user, how)

    # What must be true

    @invariant()
    def as_the_model_says(self) -> None:
        if not hasattr(self, "store"):
            return
        for chat in self.chats.values():
            if chat.id:
                self.compare(chat)

    def compare(self, chat: Chat) -> None:
        [row] = self.run(
            self.store.query("SELECT seq, done, pos, party, state FROM conversation WHERE id = :id", id=chat.id)
        )
        wanted = (len(chat.waiting), chat.done, chat.log, chat.party, chat.state)
        assert (row["seq"], row["done"], row["pos"], row["party"], bytes(row["state"])) == wanted
        entries = self.run(self.store.entries(chat.id))
        assert [one.pos for one in entries] == list(range(1, chat.log + 1))
        rows = self.run(
            self.store.query("SELECT seq, n, status FROM outbound WHERE conversation = :id ORDER BY seq, n", id=chat.id)
        )
        found = [((one["seq"], one["n"]), one["status"]) for one in rows]
        assert found == [(place, chat.rows[place].status) for place in sorted(chat.rows)]


def machine(runner: asyncio.Runner, opened: Callable[[Any], Awaitable[Store]]) -> type[Machine]:
    """The machine for one database."""

    async def wait(what: Awaitable[T]) -> T:
        return await what

    return type(
        "On", (Machine,), {"run": staticmethod(lambda what: runner.run(wait(what))), "opened": staticmethod(opened)}
    )


CALM = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]


def tried(made: type[Machine], examples: int, steps: int) -> None:
    long = settings(max_examples=examples, stateful_step_count=steps, deadline=None, derandomize=True)
    run_state_machine_as_test(made, settings=settings(long, suppress_health_check=CALM))


@pytest.mark.slow
@pytest.mark.promise("never-lost")
@pytest.mark.promise("turn-once")
def test_the_embedded_store_is_as_its_model() -> None:
    with asyncio.Runner() as runner:
        tried(machine(runner, lambda clock: open_store("sqlite://:memory:", clock=clock)), 30, 30)


def on_postgres(examples: int, steps: int) -> None:
    required()
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        url = runner.run(stack.enter_async_context(fresh_database()))

        async def opened(clock: Any) -> Store:
            store = await open_store(url, clock=clock)
            await store.change([Sql(f"DELETE FROM {table}") for table in TABLES])
            return store

        try:
            tried(machine(runner, opened), examples, steps)
        finally:
            runner.run(stack.aclose())


TABLES = ("outbound", "inbound", "entry", "seen", "timer", "conversation")


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.promise("never-lost")
@pytest.mark.promise("turn-once")
def test_postgres_is_as_the_model() -> None:
    on_postgres(5, 25)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_both_are_as_the_model_for_long(kind: str) -> None:
    if kind == "postgres":
        on_postgres(60, 50)
        return
    with asyncio.Runner() as runner:
        tried(machine(runner, lambda clock: open_store("sqlite://:memory:", clock=clock)), 300, 60)
