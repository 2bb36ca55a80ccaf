"""The contract of `bot.ports.Store`: accept, claim, write, fence, log. Both stores pass the same tests."""

from __future__ import annotations

import asyncio
import time
import traceback
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.errors import Conflict, Fenced
from bot.model import Address, Card, Choice, Control, Inbound, Link, Outbound, Purpose
from bot.ports import Claim, OutRow, Sql, Store, Work

AT = datetime(2026, 11, 3, 8, 59, 30, tzinfo=UTC)
ANA = Address("larkspur", "telegram", "telegram", "ana")
PAGE = Address("larkspur", "webchat", "webchat", "dl_1")


def message(key: str, text: str = "hello", address: Address = ANA, **more: Any) -> Inbound:
    return Inbound(key=key, kind="message", at=AT, address=address, text=text, **more)


def says(*texts: str, purpose: Purpose = "reply", author: str = "") -> tuple[OutRow, ...]:
    return tuple(OutRow(n, Outbound(text=text, purpose=purpose, author=author)) for n, text in enumerate(texts))


async def one(store: Store, lease: float = 30.0) -> Claim:
    claims = await store.claim(10, lease=lease)
    assert len(claims) == 1
    return claims[0]


async def statuses(store: Store, conversation: str) -> list[tuple[int, int, str]]:
    rows = await store.query(
        "SELECT seq, n, status FROM outbound WHERE conversation = :c ORDER BY seq, n", c=conversation
    )
    return [(row["seq"], row["n"], row["status"]) for row in rows]


# Accept


async def test_accept_makes_the_conversation_and_its_first_places(store: Store) -> None:
    first = await store.accept(message("m1"))
    second = await store.accept(message("m2"))
    assert (first.seq, first.pos, first.fresh) == (1, 1, True)
    assert (second.seq, second.pos, second.fresh) == (2, 2, True)
    assert first.conversation == second.conversation
    assert len(first.conversation) == 32
    assert await store.conversation_of(ANA) == first.conversation


@pytest.mark.promise("never-lost")
async def test_a_known_key_changes_nothing_and_returns_the_first_places(store: Store) -> None:
    await store.accept(message("m0"))
    first = await store.accept(message("m1"))
    again = await store.accept(message("m1", text="something else"))
    assert again == replace(first, fresh=False)
    assert len(await store.entries(first.conversation)) == 2
    rows = await store.query("SELECT seq FROM conversation")
    assert rows == [{"seq": 2}]


async def test_keys_are_known_per_connection(store: Store) -> None:
    await store.accept(message("m1"))
    assert (await store.accept(message("m1", address=PAGE))).fresh


@pytest.mark.promise("never-lost")
async def test_the_same_key_at_the_same_time_is_accepted_once(store: Store) -> None:
    done = await asyncio.gather(*[store.accept(message("m1")) for _ in range(12)])
    assert sum(accepted.fresh for accepted in done) == 1
    assert len({accepted.conversation for accepted in done}) == 1
    assert await store.query("SELECT count(*) AS n FROM inbound") == [{"n": 1}]


async def test_many_at_the_same_time_get_places_without_gaps(store: Store) -> None:
    done = await asyncio.gather(*[store.accept(message(f"m{i}")) for i in range(40)])
    assert sorted(accepted.seq for accepted in done) == list(range(1, 41))
    assert [entry.pos for entry in await store.entries(done[0].conversation)] == list(range(1, 41))


@pytest.mark.promise("secret")
async def test_the_log_shows_what_a_customer_sent_without_the_nonce(store: Store) -> None:
    accepted = await store.accept(
        Inbound("p1", "press", AT, address=ANA, text="Mobile", data={"nonce": "secret-nonce", "clientActivityID": "x"})
    )
    (entry,) = await store.entries(accepted.conversation)
    assert (entry.side, entry.kind, entry.ref, entry.at) == ("customer", "press", "p1", AT)
    assert entry.body == {"text": "Mobile", "data": {"clientActivityID": "x"}}
    claim = await one(store)
    assert claim.inbound.data == {"nonce": "secret-nonce", "clientActivityID": "x"}


@pytest.mark.parametrize("kind", ["signal", "agent", "timer"])
async def test_our_own_inbounds_take_a_place_in_order_but_not_in_the_log(store: Store, kind: Any) -> None:
    conversation = await store.conversation_of(ANA)
    accepted = await store.accept(Inbound("s1", kind, AT, conversation=conversation, data={"op": "ask", "outcome": 1}))
    assert (accepted.conversation, accepted.seq, accepted.fresh) == (conversation, 1, True)
    assert await store.entries(conversation) == []
    claim = await one(store)
    assert (claim.inbound.kind, claim.inbound.data) == (kind, {"op": "ask", "outcome": 1})
    assert claim.last_inbound_at is None
    again = await store.accept(Inbound("s1", kind, AT, conversation=conversation))
    assert (again.fresh, again.seq) == (False, 1)


async def test_an_unknown_conversation_is_refused_and_its_key_is_not_spent(store: Store) -> None:
    with pytest.raises(Conflict):
        await store.accept(Inbound("s1", "signal", AT, conversation="nowhere"))
    assert await store.query("SELECT count(*) AS n FROM seen") == [{"n": 0}]


async def test_an_inbound_needs_somewhere_to_go(store: Store) -> None:
    with pytest.raises(Conflict):
        await store.accept(Inbound("s1", "signal", AT))


async def test_conversations_keep_the_first_locale(store: Store) -> None:
    await store.accept(message("m1"))
    await store.accept(message("m2", locale="cy-GB"))
    await store.accept(message("m3", locale="en-GB"))
    assert (await one(store)).locale == "cy-GB"


# Claim


async def test_a_claim_holds_all_that_a_turn_needs(store: Store) -> None:
    accepted = await store.accept(message("m1", text="why is my bill higher? £14 · 日本", locale="en-GB"))
    before = time.monotonic()
    claim = await one(store, lease=20)
    assert claim.conversation == accepted.conversation
    assert claim.address == ANA
    assert (claim.party, claim.party_epoch, claim.state) == ("bot", 0, b"{}")
    assert (claim.seq, claim.control, claim.tries) == (1, None, 0)
    assert claim.inbound == message(
        "m1", text="why is my bill higher? £14 · 日本", locale="en-GB", conversation=accepted.conversation
    )
    assert claim.last_inbound_at == AT
    assert before + 19 < claim.held_until < time.monotonic() + 20.5


async def test_a_held_conversation_is_not_claimed_again(store: Store) -> None:
    await store.accept(message("m1"))
    await one(store)
    await store.accept(message("m2"))
    assert await store.claim(10, lease=30) == []


async def test_claims_go_to_who_waited_longest_and_respect_the_limit(store: Store) -> None:
    for user in ("a", "b", "c"):
        await store.accept(message(f"m-{user}", address=replace(ANA, user=user)))
    assert [claim.address.user for claim in await store.claim(2, lease=30)] == ["a", "b"]
    assert [claim.address.user for claim in await store.claim(2, lease=30)] == ["c"]


async def test_an_older_worker_leaves_newer_state_alone(store: Store) -> None:
    await store.accept(message("m1"))
    claim = await one(store)
    await store.commit(claim, Work(b'{"v":3}', needs=3), lease=30)
    await store.accept(message("m2"))
    assert await store.claim(10, lease=30, release=2) == []
    (newer,) = await store.claim(10, lease=30, release=3)
    assert newer.state == b'{"v":3}'


async def test_a_conversation_due_without_anything_waiting_is_healed(store: Store) -> None:
    conversation = await store.conversation_of(ANA)
    await store.change([Sql("UPDATE conversation SET due = 1.0 WHERE id = :id", {"id": conversation}, rows=1)])
    assert await store.claim(10, lease=30) == []
    assert await store.query("SELECT due FROM conversation") == [{"due": None}]


@pytest.mark.promise("turn-once")
async def test_a_lease_that_runs_out_passes_the_turn_on_and_counts_a_try(store: Store) -> None:
    await store.accept(message("m1"))
    slow = await one(store, lease=0.05)
    await asyncio.sleep(0.1)
    quick = await one(store)
    assert quick.epoch > slow.epoch
    assert (slow.tries, quick.tries) == (0, 1)
    for refused in (
        store.checkpoint(slow, Work(b"slow", says("late"))),
        store.commit(slow, Work(b"slow", says("late")), lease=30),
        store.renew(slow, lease=30),
    ):
        with pytest.raises(Fenced):
            await refused
    await store.release(slow, delay=0)
    assert await store.commit(quick, Work(b"quick", says("in time")), lease=30) is None
    rows = await store.query("SELECT state, done, due, tries FROM conversation")
    assert rows == [{"state": b"quick", "done": 1, "due": None, "tries": 0}]
    assert [entry.body.get("text") for entry in await store.entries(quick.conversation)] == ["hello", "in time"]


async def test_a_worker_whose_lease_ran_out_unnoticed_may_still_commit(store: Store) -> None:
    await store.accept(message("m1"))
    claim = await one(store, lease=0.01)
    await asyncio.sleep(0.05)
    assert await store.commit(claim, Work(b"s"), lease=30) is None


@pytest.mark.slow
async def test_renewal_keeps_others_out(store: Store) -> None:
    await store.accept(message("m1"))
    claim = await one(store, lease=0.1)
    renewed = await store.renew(claim, lease=30)
    assert renewed.held_until > claim.held_until + 25
    await asyncio.sleep(0.7)
    assert await store.claim(10, lease=30) == []
    await store.commit(renewed, Work(b"s"), lease=30)


@pytest.mark.slow
async def test_release_backs_off_and_counts_tries_only_for_failures(store: Store) -> None:
    await store.accept(message("m1"))
    await store.release(await one(store), delay=0, failed=False)
    second = await one(store)
    assert second.tries == 0
    await store.release(second, delay=0.6)
    assert await store.claim(10, lease=30) == []
    await asyncio.sleep(0.7)
    third = await one(store)
    assert (third.tries, third.seq) == (1, 1)
    with pytest.raises(Fenced):
        await store.commit(second, Work(b"s"), lease=30)


async def test_who_gave_it_back_can_no_longer_write(store: Store) -> None:
    await store.accept(message("m1"))
    claim = await one(store)
    await store.release(claim, delay=0)
    with pytest.raises(Fenced):
        await store.commit(claim, Work(b"s"), lease=30)


@pytest.mark.promise("human")
async def test_a_new_message_does_not_cut_a_back_off_short_but_a_mark_does(store: Store) -> None:
    await store.accept(message("m1"))
    await store.release(await one(store), delay=60)
    await store.accept(message("m2"))
    assert await store.claim(10, lease=30) == []
    await store.accept(message("m3", text="human"), control="human")
    claim = await one(store)
    assert (claim.seq, claim.control) == (1, "human")


async def test_a_mark_never_cuts_a_lease_short(store: Store) -> None:
    await store.accept(message("m1"))
    await one(store)
    await store.accept(message("m2", text="human"), control="human")
    assert await store.claim(10, lease=30) == []


@pytest.mark.promise("human")
async def test_a_mark_that_came_during_the_turn_does_not_wait_for_its_back_off(store: Store) -> None:
    await store.accept(message("m1"))
    claim = await one(store)
    await store.accept(message("m2", text="stop"), control="stop")
    await store.release(claim, delay=60)
    again = await one(store)
    assert (again.seq, again.control, again.tries) == (1, "stop", 1)
    await store.release(again, delay=60)
    assert await store.claim(10, lease=30) == []


# Checkpoint and commit


@pytest.mark.promise("turn-once")
async def test_a_commit_moves_on_and_returns_the_next_inbound(store: Store) -> None:
    await store.accept(message("m1", text="one"))
    await store.accept(message("m2", text="two"))
    first = await one(store)
    second = await store.commit(first, Work(b"s1", says("re: one"), locale="cy-GB"), lease=30)
    assert second is not None
    assert (second.seq, second.epoch, second.state, second.tries) == (2, first.epoch, b"s1", 0)
    assert (second.inbound.text, second.inbound.key, second.locale) == ("two", "m2", "cy-GB")
    assert second.held_until > first.held_until
    assert await store.claim(10, lease=30) == []
    with pytest.raises(Fenced):
        await store.commit(first, Work(b"again", says("re: one")), lease=30)
    assert await store.commit(second, Work(b"s2", says("re: two")), lease=30) is None
    assert await store.query("SELECT done, due, leased FROM conversation") == [{"done": 2, "due": None, "leased": 0}]
    assert [(e.side, e.ref) for e in await store.entries(first.conversation)] == [
        ("customer", "m1"),
        ("customer", "m2"),
        ("bot", "1.0"),
        ("bot", "2.0"),
    ]


async def test_a_checkpoint_writes_a_part_and_the_commit_the_rest(store: Store) -> None:
    await store.accept(message("m1"))
    claim = await one(store)
    said = says("looking", "done")
    assert await store.checkpoint(claim, Work(b"half", said[:1])) is None
    assert await store.query("SELECT state, done FROM conversation") == [{"state": b"half", "done": 0}]
    assert await statuses(store, claim.conversation) == [(1, 0, "queued")]
    await store.commit(claim, Work(b"whole", said[1:]), lease=30)
    assert await statuses(store, claim.conversation) == [(1, 0, "queued"), (1, 1, "queued")]


@pytest.mark.promise("turn-once")
async def test_a_redelivered_turn_starts_from_the_last_checkpoint(store: Store) -> None:
    await store.accept(message("m1"))
    claim = await one(store, lease=0.05)
    await store.checkpoint(claim, Work(b"half"))
    await asyncio.sleep(0.1)
    again = await one(store)
    assert (again.state, again.seq, again.tries) == (b"half", 1, 1)


@pytest.mark.parametrize("mark", ["human", "stop"])
async def test_a_checkpoint_tells_of_a_mark_that_came_meanwhile(store: Store, mark: Control) -> None:
    await store.accept(message("m1"))
    claim = await one(store)
    assert claim.control is None
    await store.accept(message("m2"), control=mark)
    assert await store.checkpoint(claim, Work(b"s")) == mark
    assert (await store.renew(claim, lease=30)).control == mark
    after = await store.commit(claim, Work(b"s"), lease=30)
    assert after is not None
    assert after.control == mark
    assert await store.checkpoint(after, Work(b"s")) is None
    await store.commit(after, Work(b"s"), lease=30)
    await store.accept(message("m3"))
    assert (await one(store)).control is None


async def test_work_names_person_and_case_and_keeps_what_it_does_not_name(store: Store) -> None:
    await store.accept(message("m1"))
    await store.accept(message("m2"))
    claim = await one(store)
    after = await store.commit(claim, Work(b"s", says("hi"), person="P-1", case_id="C-1"), lease=30)
    assert after is not None
    assert (after.person, after.case_id) == ("P-1", "C-1")
    await store.commit(after, Work(b"s", says("hi"), case_id=""), lease=30)
    await store.accept(message("m3"))
    last = await one(store)
    assert (last.person, last.case_id) == ("P-1", None)
    rows = await store.query("SELECT seq, person, case_id FROM outbound ORDER BY seq")
    assert [tuple(row.values()) for row in rows] == [(1, "P-1", "C-1"), (2, "P-1", None)]
    assert await store.query("SELECT person FROM inbound WHERE seq = 3") == [{"person": "P-1"}]


async def test_what_was_said_comes_back_whole(store: Store) -> None:
    said = Outbound(
        text="Which one?",
        choices=(Choice("m1", "Mobile", "nonce-1"), Choice("m2", "Broadband", "nonce-2")),
        card=Card("Bill", rows=(("Total", "£31.00"),)),
        link=Link("tx1", "Sign in"),
        private=True,
        op="ask",
        expires_at=AT + timedelta(minutes=5),
    )
    await store.accept(message("m1"))
    await store.commit(await one(store), Work(b"s", (OutRow(0, said),)), lease=30)
    (held,) = await store.claim_outbox(10, lease=30)
    assert held.said == said
    rows = await store.query("SELECT expires_at FROM outbound")
    assert rows == [{"expires_at": (AT + timedelta(minutes=5)).timestamp()}]
    entry = (await store.entries(held.conversation))[-1]
    assert entry.body["choices"][0] == {"id": "m1", "label": "Mobile", "nonce": "nonce-1"}


async def test_entries_are_dated_by_the_given_clock(store: Store, clock: Any) -> None:
    await store.accept(message("m1"))
    clock.forward(3600)
    await store.commit(await one(store), Work(b"s", says("hi")), lease=30)
    entries = await store.entries((await store.accept(message("m1"))).conversation)
    assert [entry.at for entry in entries] == [AT, clock.now()]


async def test_entries_are_read_behind_a_position_and_up_to_a_limit(store: Store) -> None:
    for i in range(5):
        accepted = await store.accept(message(f"m{i}"))
    assert [e.pos for e in await store.entries(accepted.conversation, after=2)] == [3, 4, 5]
    assert [e.pos for e in await store.entries(accepted.conversation, after=1, limit=2)] == [2, 3]
    assert await store.entries("nowhere") == []


# Changes


@pytest.mark.promise("turn-once")
async def test_changes_stand_or_fall_with_the_commit(store: Store) -> None:
    await store.accept(message("m1"))
    claim = await one(store)
    timer = Sql(
        "INSERT INTO timer (conversation, op, at) VALUES (:c, :op, :at)"
        " ON CONFLICT (conversation, op) DO UPDATE SET at = excluded.at",
        {"c": claim.conversation, "op": "ask", "at": AT.timestamp()},
    )
    refused = Sql("UPDATE cases SET outcome = 'done' WHERE id = :id", {"id": "no such case"}, rows=1)
    with pytest.raises(Conflict):
        await store.commit(claim, Work(b"s", says("hi"), (timer, refused)), lease=30)
    assert await store.query("SELECT * FROM timer") == []
    assert await store.query("SELECT * FROM outbound") == []
    assert await store.query("SELECT done, state FROM conversation") == [{"done": 0, "state": b"{}"}]
    again = replace(timer, values={**timer.values, "at": AT.timestamp() + 5})
    await store.commit(claim, Work(b"s", says("hi"), (timer, again)), lease=30)
    assert await store.query("SELECT at FROM timer") == [{"at": AT.timestamp() + 5}]


async def test_a_key_that_stands_already_refuses_the_whole_change(store: Store) -> None:
    person = Sql(
        "INSERT INTO person (id, brand, customer_ref, created_at) VALUES (:id, 'larkspur', :ref, :at)",
        {"id": "p1", "ref": "C-1", "at": 1.0},
    )
    await store.change([person])
    other = replace(person, values={"id": "p2", "ref": "C-2", "at": 2})
    with pytest.raises(Conflict):
        await store.change([other, person])
    assert await store.query("SELECT id FROM person") == [{"id": "p1"}]


@pytest.mark.promise("secret")
async def test_a_refusal_does_not_quote_the_row(store: Store) -> None:
    text = "INSERT INTO person (id, brand, customer_ref, created_at) VALUES (:id, :brand, 'C-SECRET', 1)"
    await store.change([Sql(text, {"id": "p1", "brand": "larkspur"})])
    for refused in ({"id": "p2", "brand": "larkspur"}, {"id": "p3", "brand": None}):
        with pytest.raises(Conflict) as caught:
            await store.change([Sql(text, refused)])
        assert "C-SECRET" not in "".join(traceback.format_exception(caught.value))


async def test_a_change_brings_its_inbounds_or_nothing(store: Store) -> None:
    conversation = await store.conversation_of(ANA)
    other = await store.conversation_of(PAGE)
    signals = [Inbound(f"s-{c}", "signal", AT, conversation=c, data={"op": "x"}) for c in (conversation, other)]
    statement = Sql("UPDATE conversation SET locale = :l WHERE id = :id", {"l": "cy", "id": conversation}, rows=1)
    with pytest.raises(Conflict):
        await store.change([replace(statement, rows=2)], signals)
    with pytest.raises(Conflict):
        await store.change([statement], [*signals, replace(signals[0], conversation="nowhere", key="z")])
    assert await store.query("SELECT locale FROM conversation WHERE locale = 'cy'") == []
    assert await store.claim(10, lease=30) == []
    done = await store.change([statement], signals)
    assert [(a.conversation, a.seq, a.fresh) for a in done] == [(conversation, 1, True), (other, 1, True)]
    assert {c.conversation for c in await store.claim(10, lease=30)} == {conversation, other}


async def test_a_select_may_guard_a_change(store: Store) -> None:
    conversation = await store.conversation_of(ANA)
    guard = Sql("SELECT id FROM conversation WHERE id = :id AND party = 'agent'", {"id": conversation}, rows=1)
    with pytest.raises(Conflict):
        await store.change([guard])
    await store.change([replace(guard, rows=0)])


async def test_empty_values_may_stand_anywhere_in_a_statement(store: Store) -> None:
    await store.conversation_of(ANA)
    text = "SELECT user_id FROM conversation WHERE (:user IS NULL OR user_id = :user) AND coalesce(locale, 'x') = :l"
    assert await store.query(text, user=None, l="x") == [{"user_id": "ana"}]
    assert await store.query(text, user="ana", l="x") == [{"user_id": "ana"}]
    assert await store.query(text, user="tom", l="x") == []
    assert await store.query("SELECT ':user' AS a, 3 AS b WHERE :n > 2", n=3) == [{"a": ":user", "b": 3}]


# Timers


async def test_a_due_timer_becomes_an_inbound_once(store: Store, clock: Any) -> None:
    conversation = await store.conversation_of(ANA)
    at = clock.now().timestamp()
    for op, due in (("soon", at + 10), ("later", at + 1000)):
        values = {"c": conversation, "op": op, "at": due}
        await store.change([Sql("INSERT INTO timer (conversation, op, at) VALUES (:c, :op, :at)", values)])
    assert await store.due_timers(clock.now()) == 0
    clock.forward(10)
    swept = await asyncio.gather(*[store.due_timers(clock.now()) for _ in range(4)])
    assert sum(swept) == 1
    claim = await one(store)
    assert (claim.inbound.kind, claim.inbound.data) == ("timer", {"op": "soon"})
    assert claim.inbound.at == clock.now()
    assert await store.query("SELECT op FROM timer") == [{"op": "later"}]


async def test_a_timer_of_an_erased_conversation_goes_quietly(store: Store, clock: Any) -> None:
    await store.change(
        [Sql("INSERT INTO timer (conversation, op, at) VALUES (:c, 'x', :at)", {"c": "nowhere", "at": 1.0})]
    )
    assert await store.due_timers(clock.now()) == 0
    assert await store.query("SELECT * FROM timer") == []


# Wake-ups and clocks


async def test_watches_wake_for_their_topic_alone(store: Store) -> None:
    conversation = await store.conversation_of(ANA)
    await store.change(
        [Sql("INSERT INTO socket (conversation, epoch, opened_at) VALUES (:c, 1, 1)", {"c": conversation})]
    )
    turns, outbox, log = (store.watch(topic) for topic in ("turns", "outbox", f"log:{conversation}"))
    assert not await turns.wait(0.01)
    await store.accept(message("m1"))
    assert await turns.wait(5)
    assert await log.wait(5)
    assert not await outbox.wait(0.05)
    claim = await one(store)
    await turns.wait(0.05)
    await store.commit(claim, Work(b"s", says("hi")), lease=30)
    assert await outbox.wait(5)
    assert await log.wait(5)
    for watch in (turns, outbox, log):
        watch.close()
    await store.accept(message("m2"))
    assert not await turns.wait(0.05)


async def test_a_touch_between_two_waits_is_not_missed(store: Store) -> None:
    turns = store.watch("turns")
    for i in range(3):
        await store.accept(message(f"m{i}", address=replace(ANA, user=str(i))))
        await asyncio.sleep(0.05)
        assert await turns.wait(0.5)
    turns.close()


async def test_liveness_has_a_clock(store: Store) -> None:
    assert abs(await store.database_now() - time.time()) < 5
