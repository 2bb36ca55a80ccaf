"""The store for more than one machine: PostgreSQL, any number of workers, the hot path in batches of one statement."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from functools import partial
from typing import Any, Literal, TypeVar

import asyncpg

from bot.errors import Fenced, SchemaBehind, StoreUnavailable
from bot.model import Accepted, Address, Control, Entry, Inbound
from bot.ports import Claim, Clock, OutboxClaim, Sql, Work
from bot.store import outbox, postgres_sql, turns
from bot.store.claims import claim_after, claim_of, control_after, held_until, said_rows
from bot.store.codec import CUSTOMER_KINDS, dump, entry_of, epoch
from bot.store.faults import POSTGRES_ERRORS, from_postgres
from bot.store.named import positional, row_of
from bot.store.postgres_bulk import Arriving, accept_all, commit_all
from bot.store.postgres_gather import Gathering
from bot.store.postgres_listen import Listener
from bot.store.postgres_pool import Again, connection, for_many, open_pool
from bot.store.postgres_run import drive, run
from bot.store.postgres_turn import Writing, accept
from bot.store.procedure import Procedure
from bot.store.revision import VERSION, require
from bot.store.system_clock import SystemClock
from bot.store.wake import Hub, LocalWatch

T = TypeVar("T")

TRIES = 4
"""How often a transaction is tried that the database ended to break a deadlock."""

LOOK_AGAIN = 0.01
"""Seconds after which a claim that skipped a held row is woken to try once more."""

BATCHES = 2
"""How many batches a process has under way at once: one of what comes in, one of turns."""


class PostgresStore:
    """See `bot.ports.Store`."""

    def __init__(
        self, pool: Any, batches: Any, hub: Hub, listener: Listener, *, clock: Clock, log_channels: frozenset[str]
    ) -> None:
        self._pool = pool
        self._batches = batches
        self._arriving: Gathering[Arriving, Accepted] = Gathering(self._accept_many, self._accept)
        self._ending: Gathering[Writing, Any] = Gathering(self._commit_many, self._commit)
        self._hub = hub
        self._listener = listener
        self._clock = clock
        self._log_channels = log_channels

    async def accept(self, inbound: Inbound, control: Control | None = None) -> Accepted:
        """Write an inbound with its log entry; a known key changes nothing. Raises `Conflict`."""
        arriving = Arriving(inbound, control)
        if inbound.conversation is not None:
            return await self._accept(arriving)
        return await self._arriving.submit(arriving.place, arriving)

    async def change(self, statements: Sequence[Sql], inbounds: Sequence[Inbound] = ()) -> tuple[Accepted, ...]:
        """Apply statements and accept inbounds, all or nothing. Raises `Conflict`."""

        async def apply(con: Any) -> tuple[Accepted, ...]:
            for statement in statements:
                await run(con, statement)
            return tuple([await accept(con, inbound, None) for inbound in inbounds])

        done = await self._transaction(apply)
        for accepted, inbound in zip(done, inbounds, strict=True):
            self._touch_log(accepted, inbound)
        return done

    async def query(self, text: str, **values: Any) -> list[dict[str, Any]]:
        """A SELECT's rows by column name."""
        translated, arguments = positional(text, values)
        async with self._connection() as con:
            return [row_of(record) for record in await con.fetch(translated, *arguments)]

    async def claim(self, limit: int, *, lease: float, release: int = 1) -> list[Claim]:
        """Take up to `limit` ready conversations for `lease` seconds."""
        until = held_until(lease)
        async with self._connection() as con:
            rows = [tuple(row) for row in await con.fetch(postgres_sql.CLAIM, limit, release, lease)]
            for place, row in enumerate(rows):
                if row[20] is None:  # It came while the claim waited for the row, so the claim's join missed it.
                    rows[place] = (*row[:20], *await con.fetchrow(postgres_sql.WAITING, row[0], row[11] + 1))
        if not rows:
            await self._look_again("turns", postgres_sql.TURNS_DUE, release)
        return [claim_of(row, epoch=row[7], tries=row[14], until=until) for row in rows]

    async def renew(self, claim: Claim, *, lease: float) -> Claim:
        """Extend the lease. Raises `Fenced`."""
        until = held_until(lease)
        return turns.renewed(claim, await self._drive(lambda: turns.renew(claim, lease)), until)

    async def checkpoint(self, claim: Claim, work: Work) -> Control | None:
        """Write a part of the turn. Raises `Fenced`, `Conflict`."""
        row = await self._write(postgres_sql.CHECKPOINT, claim, work, 0.0)
        return control_after(row[5], row[6], claim.seq + 1)

    async def commit(self, claim: Claim, work: Work, *, lease: float) -> Claim | None:
        """Write the rest of the turn; the next claim if another inbound waits. Raises `Fenced`, `Conflict`."""
        until = held_until(lease)
        if work.changes or work.party is not None:
            row = await self._write(postgres_sql.COMMIT, claim, work, lease)
        else:
            row = await self._ending.submit(claim.conversation, self._writing(claim, work, lease))
        if row[9] <= claim.seq:
            return None
        standing, inbound = row[:8], row[10:16]
        if inbound[0] is None or work.party is not None:
            async with self._connection() as con:
                inbound = await con.fetchrow(postgres_sql.WAITING, claim.conversation, claim.seq + 1)
                standing = (*await con.fetchrow(postgres_sql.PARTY, claim.conversation), *standing[2:])
        return claim_after(claim, work.state, standing, inbound, until)

    async def release(self, claim: Claim, *, delay: float, failed: bool = True) -> None:
        """Give the conversation back, ready again in `delay` seconds."""
        known = claim.control is not None
        await self._drive(lambda: turns.release(claim, delay, failed=failed, known=known))

    async def claim_outbox(self, limit: int, *, lease: float) -> list[OutboxClaim]:
        """Take the heads of up to `limit` outboxes and mark them as being sent."""
        taken = await self._drive(lambda: outbox.claim_outbox(limit, lease))
        if not taken:
            await self._look_again("outbox", postgres_sql.OUTBOX_DUE)
        return [outbox.claimed(row) for row in taken]

    async def sent(self, held: OutboxClaim, *, platform_id: str, at: datetime) -> None:
        """The row was sent. Raises `Fenced`."""
        ref = f"{held.seq}.{held.n}"
        body = dump({"ref": ref, "status": "sent"})
        ids = (held.conversation, held.epoch, held.seq, held.n)
        async with self._connection() as con:
            if await con.fetchrow(postgres_sql.SENT, *ids, platform_id, epoch(at), body, ref) is None:
                raise Fenced
        self._hub.touch((f"log:{held.conversation}", "outbox"))

    async def unsent(self, held: OutboxClaim, *, delay: float, reason: str, uncertain: bool) -> None:
        """Try again in `delay` seconds. Raises `Fenced`."""
        await self._drive(lambda: outbox.unsent(held, delay, reason, uncertain))

    async def dead(self, held: OutboxClaim, *, status: Literal["dead", "expired", "withheld"], reason: str) -> None:
        """The row and the rest of its turn will not be sent. Raises `Fenced`."""
        await self._drive(lambda: outbox.dead(held, status, reason, self._at()))

    async def due_timers(self, now: datetime, limit: int = 100) -> int:
        """Turn due timers into inbounds, one transaction each; returns how many."""
        async with self._connection() as con:
            due = await run(con, turns.due_timers(now, limit))
        fired = 0
        for conversation, op, at in due:

            async def fire(con: Any, conversation: str = conversation, op: str = op, at: float = at) -> bool:
                taken = await run(con, turns.fire(conversation, op, at))
                # No row: another worker was first. No conversation: it was erased, and its timer goes with it.
                if not taken or await con.fetchrow(postgres_sql.EXISTS, conversation) is None:
                    return False
                inbound = turns.timer_inbound(conversation, op, at, now)
                return (await accept(con, inbound, None)).fresh

            fired += await self._transaction(fire)
        return fired

    async def entries(self, conversation: str, *, after: int = 0, limit: int = 500) -> list[Entry]:
        """The log behind position `after`, in order."""
        async with self._connection() as con:
            rows = await con.fetch(postgres_sql.ENTRIES, conversation, after, limit)
        return [entry_of(*row) for row in rows]

    async def conversation_of(self, address: Address) -> str:
        """The conversation's id for this address, made if it is new."""
        return await self._drive(lambda: turns.conversation_of(address, self._at()))

    def watch(self, topic: str) -> LocalWatch:
        """Woken when the topic is touched in any process."""
        return self._hub.watch(topic)

    async def database_now(self) -> float:
        """Epoch seconds by the database."""
        async with self._connection() as con:
            now: float = await con.fetchval(postgres_sql.DATABASE_NOW)
            return now

    async def close(self) -> None:
        """Finish what is under way and close."""
        await self._arriving.close()
        await self._ending.close()
        await self._listener.close()
        await self._batches.close()
        await self._pool.close()

    def _at(self) -> float:
        return epoch(self._clock.now())

    def _touch_log(self, accepted: Accepted, inbound: Inbound) -> None:
        if accepted.fresh and inbound.kind in CUSTOMER_KINDS:
            self._hub.touch((f"log:{accepted.conversation}",))

    async def _look_again(self, topic: str, text: str, *values: Any) -> None:
        # A claim skips rows that another statement happens to hold, and nobody would wake us for them again.
        async with self._connection() as con:
            if await con.fetchval(text, *values):
                asyncio.get_running_loop().call_later(LOOK_AGAIN, self._hub.touch, (topic,))

    async def _accept_many(self, arriving: Sequence[Arriving]) -> Sequence[Any]:
        async with for_many(self._batches) as con:
            done = await accept_all(con, arriving)
        for one, accepted in zip(arriving, done, strict=True):
            if isinstance(accepted, Accepted):
                self._touch_log(accepted, one.inbound)
        return done

    async def _accept(self, one: Arriving) -> Accepted:
        async with self._connection() as con:
            accepted = await accept(con, one.inbound, one.control)
        self._touch_log(accepted, one.inbound)
        return accepted

    async def _commit_many(self, writings: Sequence[Writing]) -> Sequence[Any]:
        async with for_many(self._batches) as con:
            done = await commit_all(con, writings)
        self._hub.touch([f"log:{one.claim.conversation}" for one in writings if one.said])
        return done

    async def _commit(self, writing: Writing) -> Any:
        return await self._run(writing, postgres_sql.COMMIT)

    def _writing(self, claim: Claim, work: Work, lease: float) -> Writing:
        log = claim.address.channel in self._log_channels
        return Writing(claim, work, said_rows(work.rows, claim.seq), log, self._at(), lease)

    async def _write(self, text: str, claim: Claim, work: Work, lease: float) -> Any:
        return await self._run(self._writing(claim, work, lease), text)

    async def _run(self, writing: Writing, text: str) -> Any:
        work = writing.work
        if work.changes or work.party is not None:
            row = await self._transaction(partial(writing.run, text))
        else:
            async with self._connection() as con:
                row = await writing.run(text, con)
        if writing.said or work.changes:
            self._hub.touch((f"log:{writing.claim.conversation}",))
        return row

    async def _drive(self, procedure: Callable[[], Procedure[T]]) -> T:
        result, logs = await self._transaction(lambda con: drive(con, procedure()))
        self._hub.touch(logs)
        return result

    async def _transaction(self, work: Callable[[Any], Awaitable[T]]) -> T:
        for last in range(TRIES - 1, -1, -1):
            try:
                async with self._connection() as con, con.transaction():
                    return await work(con)
            except Again:
                if not last:
                    raise
        raise StoreUnavailable  # pragma: no cover - the loop returns or raises

    def _connection(self) -> AbstractAsyncContextManager[Any]:
        return connection(self._pool)


async def open_postgres(
    url: str, *, clock: Clock | None = None, log_channels: frozenset[str] = frozenset(), connections: int = 10
) -> PostgresStore:
    """Open a migrated database. Raises `SchemaBehind`, `StoreUnavailable`."""
    try:
        pool = await open_pool(url, connections - BATCHES)
        try:
            require(await pool.fetchval(VERSION))
            batches = await open_pool(url, BATCHES, for_batches=True)
        except BaseException:  # Cancelled as well: nobody else can close the pool yet.
            pool.terminate()
            raise
    except asyncpg.UndefinedTableError as error:
        raise SchemaBehind("(It has no schema yet.)") from error
    except POSTGRES_ERRORS as error:
        raise from_postgres(error) from error
    hub = Hub()
    listener = Listener(url, hub)
    await listener.start()
    return PostgresStore(pool, batches, hub, listener, clock=clock or SystemClock(), log_channels=log_channels)
