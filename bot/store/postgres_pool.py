"""Connections to PostgreSQL, and what a step's failure on one means to the engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from bot.errors import StoreUnavailable
from bot.store.faults import POSTGRES_ERRORS, from_postgres

PATIENCE = 10.0
"""Seconds that a step waits for the database before the store counts as unavailable."""

REPLAN = 30
"""Seconds after which a batch's statement is planned anew: on a table that was small, the plan reads all of it."""

_REFUSED = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)

_OUTAGES = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,
    asyncpg.InternalServerError,
    asyncpg.ReadOnlySQLTransactionError,
)


class Again(StoreUnavailable):
    """The database ended this transaction to break a deadlock; the same may work at once."""


@asynccontextmanager
async def connection(pool: Any) -> AsyncIterator[Any]:
    """One of the pool's, for a step. Raises `StoreUnavailable`, `Again`, `Conflict`, `StatementWrong`."""
    try:
        async with _sound(pool) as con:
            yield con
    except _REFUSED as error:
        raise Again(f"({error})") from error
    except POSTGRES_ERRORS as error:
        meant = from_postgres(error)
        # A refusal's cause quotes the row, and tracebacks are logged; an outage's cause says what broke.
        raise meant from (error if isinstance(meant, StoreUnavailable) else None)


@asynccontextmanager
async def for_many(pool: Any) -> AsyncIterator[Any]:
    """The same for a batch. Raises `StoreUnavailable` where the database is the reason, and asyncpg's own error where
    one of the batch's items may be: nothing of it stands then."""
    try:
        async with _sound(pool) as con:
            yield con
    except POSTGRES_ERRORS as error:
        if isinstance(error, asyncpg.PostgresError) and not isinstance(error, _OUTAGES):
            raise
        raise from_postgres(error) from error


@asynccontextmanager
async def _sound(pool: Any) -> AsyncIterator[Any]:
    async with pool.acquire(timeout=PATIENCE) as con:
        try:
            yield con
        except asyncpg.InternalClientError:
            con.terminate()  # It was cut between two steps and does not know it yet: not for the next caller.
            raise


async def open_pool(url: str, connections: int, *, for_batches: bool = False) -> Any:
    """A pool of so many connections at most. Raises what asyncpg raises."""
    return await asyncpg.create_pool(
        url,
        min_size=1,
        max_size=connections,
        command_timeout=PATIENCE,
        statement_cache_size=500,
        max_cached_statement_lifetime=REPLAN if for_batches else 0,
        reset=_keep,
        init=_by_index if for_batches else None,
        server_settings={"application_name": "parley"},
    )


async def _keep(_con: Any) -> None:
    # asyncpg's own reset costs a round trip a step; we leave nothing behind in a session that would need it.
    return


async def _by_index(con: Any) -> None:
    # A batch's plan is kept for a while, and must suit the table that an empty one becomes meanwhile.
    await con.execute("SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET jit = off")
