"""The contract of `bot.ports.Store`: who holds a conversation, and the outbox as a queue. Both stores pass the same."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.errors import Fenced
from bot.model import Address, Inbound, Outbound, Party, Purpose
from bot.ports import OutboxClaim, OutRow, Sql, Store, Work

AT = datetime(2026, 11, 3, 8, 59, 30, tzinfo=UTC)
ANA = Address("larkspur", "telegram", "telegram", "ana")
PAGE = Address("larkspur", "webchat", "webchat", "dl_1")

_turn = 0


def says(*texts: str, purpose: Purpose = "reply", author: str = "", start: int = 0) -> tuple[OutRow, ...]:
    return tuple(OutRow(n, Outbound(text, purpose=purpose, author=author)) for n, text in enumerate(texts, start))


async def turn(store: Store, rows: tuple[OutRow, ...], address: Address = ANA, party: Party | None = None) -> str:
    """One whole turn that says `rows`; the conversation."""
    global _turn
    _turn += 1
    accepted = await store.accept(Inbound(f"key-{_turn}", "message", AT, address=address, text="hello"))
    (claim,) = await store.claim(10, lease=30)
    assert claim.conversation == accepted.conversation
    await store.commit(claim, Work(b"s", rows, party=party), lease=30)
    return claim.conversation


async def head(store: Store, lease: float = 30.0) -> OutboxClaim:
    (held,) = await store.claim_outbox(10, lease=lease)
    return held


async def rows_of(store: Store) -> list[tuple[Any, ...]]:
    rows = await store.query("SELECT seq, n, status FROM outbound ORDER BY conversation, seq, n")
    return [(row["seq"], row["n"], row["status"]) for row in rows]


async def shown(store: Store, conversation: str) -> list[tuple[str, str, str]]:
    """The log without the customer's own lines: side, kind, text or status."""
    entries = await store.entries(conversation)
    return [
        (e.side, e.kind, e.body["status"] + " " + e.body["ref"] if e.kind == "receipt" else e.body["text"])
        for e in entries
        if e.side != "customer"
    ]


async def sent(store: Store, held: OutboxClaim) -> None:
    await store.sent(held, platform_id=f"p-{held.seq}.{held.n}", at=AT)


# Who holds it


async def test_a_channel_that_reads_the_log_needs_no_send(store: Store, clock: Any) -> None:
    conversation = await turn(store, says("hi", "how can I help?"), PAGE)
    assert await rows_of(store) == [(1, 0, "sent"), (1, 1, "sent")]
    assert await store.query("SELECT sent_at FROM outbound WHERE n = 0") == [{"sent_at": clock.now().timestamp()}]
    assert await store.claim_outbox(10, lease=30) == []
    assert await shown(store, conversation) == [("bot", "message", "hi"), ("bot", "message", "how can I help?")]


async def test_the_log_names_who_speaks(store: Store) -> None:
    rows = (
        OutRow(0, Outbound("by the bot")),
        OutRow(1, Outbound("by nobody", author="system")),
        OutRow(2, Outbound("by Sam", author="Sam", purpose="agent")),
    )
    conversation = await turn(store, rows, PAGE, party="agent")
    assert await shown(store, conversation) == [
        ("bot", "message", "by the bot"),
        ("system", "message", "by nobody"),
        ("agent", "message", "by Sam"),
    ]


@pytest.mark.parametrize("address", [ANA, PAGE])
@pytest.mark.promise("silent")
async def test_passing_to_an_agent_withholds_what_the_bot_has_not_sent(store: Store, address: Address) -> None:
    first = await turn(store, says("one", "two"), address)
    if address is ANA:
        await sent(store, await head(store))
    await turn(store, (*says("a person will answer"), *says("bye", purpose="closure", start=1)), address, party="agent")
    (row,) = await store.query("SELECT party, party_epoch FROM conversation")
    assert row == {"party": "agent", "party_epoch": 1}
    if address is PAGE:
        assert {status for *_, status in await rows_of(store)} == {"sent"}
        return
    assert await rows_of(store) == [(1, 0, "sent"), (1, 1, "withheld"), (2, 0, "queued"), (2, 1, "queued")]
    assert (await shown(store, first))[-1] == ("system", "receipt", "withheld 1.1")
    assert (await head(store)).said.text == "a person will answer"


@pytest.mark.promise("silent")
async def test_an_agent_who_takes_over_in_mid_turn_silences_it(store: Store) -> None:
    await store.accept(Inbound("m1", "message", AT, address=PAGE, text="hello"))
    (claim,) = await store.claim(10, lease=30)
    took = Sql(
        "UPDATE conversation SET party = 'agent', party_epoch = party_epoch + 1 WHERE id = :id",
        {"id": claim.conversation},
        rows=1,
    )
    await store.change([took])
    await store.checkpoint(claim, Work(b"half", says("the bot was about to say this")))
    await store.commit(claim, Work(b"kept", says("and this", start=1)), lease=30)
    assert await rows_of(store) == [(1, 0, "withheld"), (1, 1, "withheld")]
    assert await store.query("SELECT state, done FROM conversation") == [{"state": b"kept", "done": 1}]
    assert await shown(store, claim.conversation) == [
        ("system", "withheld", "the bot was about to say this"),
        ("system", "withheld", "and this"),
    ]


@pytest.mark.promise("silent")
async def test_an_agent_speaks_only_while_holding_it(store: Store) -> None:
    await turn(store, says("I am Sam", purpose="agent", author="Sam"), PAGE)
    await turn(store, (), PAGE, party="agent")
    await turn(store, says("I am Sam", purpose="agent", author="Sam"), PAGE)
    await turn(store, says("hi from the bot"), PAGE)
    await turn(store, says("goodbye", purpose="closure"), PAGE)
    conversation = await turn(store, says("I am back"), PAGE, party="bot")
    await turn(store, says("what next?"), PAGE)
    assert [status for *_, status in await rows_of(store)] == ["withheld", "sent", "withheld", "sent", "sent", "sent"]
    assert (await shown(store, conversation))[1] == ("agent", "message", "I am Sam")
    assert await store.query("SELECT party, party_epoch FROM conversation") == [{"party": "bot", "party_epoch": 2}]


async def test_passing_to_who_holds_it_already_changes_nothing(store: Store) -> None:
    await turn(store, says("hi"), party="bot")
    assert await store.query("SELECT party, party_epoch FROM conversation") == [{"party": "bot", "party_epoch": 0}]
    assert await rows_of(store) == [(1, 0, "queued")]


async def test_the_next_claim_knows_who_holds_it_now(store: Store) -> None:
    for key in ("m1", "m2"):
        await store.accept(Inbound(key, "message", AT, address=PAGE))
    (claim,) = await store.claim(10, lease=30)
    after = await store.commit(claim, Work(b"s", party="agent"), lease=30)
    assert after is not None
    assert (after.party, after.party_epoch) == ("agent", 1)


# The queue


@pytest.mark.promise("turn-once")
async def test_rows_go_out_in_order_one_at_a_time(store: Store) -> None:
    conversation = await turn(store, says("one", "two"))
    await turn(store, says("three"))
    texts = []
    for _ in range(3):
        held = await head(store)
        assert await store.claim_outbox(10, lease=30) == []
        assert (held.address, held.purpose, held.tries, held.uncertain) == (ANA, "reply", 0, False)
        assert (held.party, held.last_inbound_at) == ("bot", AT)
        texts.append(held.said.text)
        await sent(store, held)
    assert texts == ["one", "two", "three"]
    assert await store.claim_outbox(10, lease=30) == []
    assert await store.query("SELECT out_due FROM conversation") == [{"out_due": None}]
    assert await store.query("SELECT platform_id FROM outbound WHERE seq = 1 AND n = 1") == [{"platform_id": "p-1.1"}]
    assert (await shown(store, conversation))[-3:] == [
        ("system", "receipt", "sent 1.0"),
        ("system", "receipt", "sent 1.1"),
        ("system", "receipt", "sent 2.0"),
    ]


async def test_conversations_do_not_wait_for_each_other(store: Store) -> None:
    for user in ("a", "b", "c"):
        await turn(store, says(f"hi {user}"), Address("larkspur", "telegram", "telegram", user))
    held = await store.claim_outbox(2, lease=30)
    assert [h.said.text for h in held] == ["hi a", "hi b"]
    assert [h.said.text for h in await store.claim_outbox(2, lease=30)] == ["hi c"]


async def test_a_row_said_while_another_is_sent_waits_its_turn(store: Store) -> None:
    await turn(store, says("one"))
    first = await head(store)
    await turn(store, says("two"))
    assert await store.claim_outbox(10, lease=30) == []
    await sent(store, first)
    assert (await head(store)).said.text == "two"


@pytest.mark.slow
async def test_a_row_that_waits_is_tried_again_before_what_follows(store: Store) -> None:
    await turn(store, says("one", "two"))
    await store.unsent(await head(store), delay=0.6, reason="429", uncertain=False)
    assert await store.claim_outbox(10, lease=30) == []
    assert (await store.query("SELECT status, tries, reason FROM outbound WHERE n = 0"))[0] == {
        "status": "queued",
        "tries": 1,
        "reason": "429",
    }
    await asyncio.sleep(0.7)
    again = await head(store)
    assert (again.said.text, again.tries, again.uncertain) == ("one", 1, False)


@pytest.mark.promise("turn-once")
async def test_an_uncertain_send_is_told_to_the_next_try(store: Store) -> None:
    await turn(store, says("one"))
    await store.unsent(await head(store), delay=0, reason="no answer", uncertain=True)
    assert (await head(store)).uncertain


@pytest.mark.slow
async def test_an_agents_row_passes_the_bots_waiting_retries(store: Store) -> None:
    await turn(store, says("from the bot", "and more", purpose="closure"))
    await store.unsent(await head(store), delay=60, reason="429", uncertain=False)
    await turn(store, (), party="agent")
    assert await store.claim_outbox(10, lease=30) == []
    await turn(store, says("I am Sam", "Hello", purpose="agent", author="Sam"))
    held = await head(store)
    assert held.said.text == "I am Sam"
    await store.unsent(held, delay=0.6, reason="429", uncertain=False)
    assert await store.claim_outbox(10, lease=30) == []
    await asyncio.sleep(0.7)
    held = await head(store)
    assert held.said.text == "I am Sam"
    await sent(store, held)
    held = await head(store)
    assert held.said.text == "Hello"
    await sent(store, held)
    assert await store.claim_outbox(10, lease=30) == []
    (row,) = await store.query("SELECT out_due - :now AS wait FROM conversation", now=await store.database_now())
    assert 50 < row["wait"] < 61


async def test_an_agents_row_does_not_pass_what_was_not_tried_yet(store: Store) -> None:
    await turn(store, says("goodbye from the bot", purpose="closure"))
    await turn(store, (), party="agent")
    await turn(store, says("I am Sam", purpose="agent", author="Sam"))
    assert (await head(store)).said.text == "goodbye from the bot"


async def test_an_agents_row_waits_for_a_send_in_flight(store: Store) -> None:
    await turn(store, says("one"))
    first = await head(store)
    await turn(store, says("I am Sam", purpose="agent", author="Sam"), party="agent")
    assert await store.claim_outbox(10, lease=30) == []
    await sent(store, first)
    assert (await head(store)).said.text == "I am Sam"


@pytest.mark.promise("turn-once")
async def test_a_dead_workers_send_is_taken_up_as_uncertain(store: Store) -> None:
    await turn(store, says("one", "two"))
    lost = await head(store, lease=0.05)
    await asyncio.sleep(0.1)
    again = await head(store)
    assert (again.said.text, again.uncertain, again.epoch > lost.epoch) == ("one", True, True)
    late: list[Callable[[], Awaitable[None]]] = [
        lambda: store.sent(lost, platform_id="x", at=AT),
        lambda: store.unsent(lost, delay=0, reason="x", uncertain=False),
        lambda: store.dead(lost, status="dead", reason="x"),
    ]
    for refused in late:
        with pytest.raises(Fenced):
            await refused()
    await sent(store, again)
    assert (await head(store)).said.text == "two"
    assert await rows_of(store) == [(1, 0, "sent"), (1, 1, "sending")]
    assert await store.query("SELECT uncertain FROM outbound ORDER BY n") == [{"uncertain": 1}, {"uncertain": 0}]


async def test_a_row_is_settled_once(store: Store) -> None:
    conversation = await turn(store, says("one"))
    held = await head(store)
    await sent(store, held)
    with pytest.raises(Fenced):
        await sent(store, held)
    with pytest.raises(Fenced):
        await store.dead(held, status="dead", reason="x")
    assert [line for line in await shown(store, conversation) if line[1] == "receipt"] == [
        ("system", "receipt", "sent 1.0")
    ]


@pytest.mark.parametrize("status", ["dead", "expired", "withheld"])
async def test_a_dead_row_ends_its_turn_and_no_other(store: Store, status: Any) -> None:
    conversation = await turn(store, says("one", "two", "three"))
    await turn(store, says("the next turn"))
    await sent(store, await head(store))
    await store.dead(await head(store), status=status, reason="the customer blocked us")
    assert await rows_of(store) == [(1, 0, "sent"), (1, 1, status), (1, 2, "superseded"), (2, 0, "queued")]
    (why,) = await store.query("SELECT reason FROM outbound WHERE status = 'superseded'")
    assert "1.1" in why["reason"]
    assert "the customer blocked us" in why["reason"]
    assert (await shown(store, conversation))[-2:] == [
        ("system", "receipt", f"{status} 1.1"),
        ("system", "receipt", "superseded 1.2"),
    ]
    assert (await head(store)).said.text == "the next turn"


@pytest.mark.slow
async def test_positions_stay_in_order_under_all_that_writes_to_the_log(store: Store) -> None:
    conversation = await turn(store, says("zero"))

    async def customer() -> None:
        for i in range(8):
            await store.accept(Inbound(f"c{i}", "message", AT, address=ANA, text=str(i)))

    async def bot() -> None:
        for _ in range(40):
            for claim in await store.claim(4, lease=30):
                now: Any = claim
                while now:
                    now = await store.commit(now, Work(b"s", says("re")), lease=30)
            await asyncio.sleep(0.005)

    async def delivery() -> None:
        for _ in range(60):
            for held in await store.claim_outbox(4, lease=30):
                await sent(store, held)
            await asyncio.sleep(0.005)

    await asyncio.gather(customer(), bot(), delivery(), delivery())
    await delivery()
    entries = await store.entries(conversation)
    assert [entry.pos for entry in entries] == list(range(1, len(entries) + 1))
    assert sorted(e.kind for e in entries) == ["message"] * 18 + ["receipt"] * 9
    assert {status for *_, status in await rows_of(store)} == {"sent"}
    receipts = [e.ref for e in entries if e.kind == "receipt"]
    assert receipts == sorted(receipts, key=lambda ref: [int(part) for part in ref.split(".")])
