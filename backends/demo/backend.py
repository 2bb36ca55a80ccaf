"""The demo backend: one file, its four services, its failure switch and its audit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from backends.demo.agent_acts import DemoAgentActs
from backends.demo.bills import DemoBilling
from backends.demo.customers import DemoAccounts, DemoPayg
from backends.demo.database import Database
from backends.demo.debits import DemoDirectDebits
from backends.demo.failures import Failures
from backends.demo.people import Persona, Seed, personas_of, read_seed
from backends.demo.seed import fill
from bot.ports import Clock


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One effect that was asked for: `arguments` is JSON, `key_hash` "" without a key, `outcome` done or refused."""

    n: int
    at: str
    what: str
    arguments: str
    key_hash: str
    outcome: str


class DemoBackend:
    """What the demo brand's dialogs act on. It knows nothing of the engine's store, and has its own transactions."""

    def __init__(self, database: Database, clock: Clock, *, payee: str, personas: tuple[Persona, ...] = ()) -> None:
        self.database = database
        self.failures = Failures()
        self.personas = personas
        self.accounts = DemoAccounts(database, self.failures)
        self.payg = DemoPayg(database, self.failures)
        self.billing = DemoBilling(database, self.failures, clock, payee)
        self.direct_debits = DemoDirectDebits(database, self.failures, clock, payee)
        self.agent_acts = DemoAgentActs(database, self.failures, clock)

    async def open_file(self, ref: str, customer: str) -> bytes:
        """The bytes behind a `File`; raises `NoSuchFile`, also for another customer's."""
        return await self.billing.open_file(ref, customer)

    async def audit(self) -> tuple[AuditRow, ...]:
        """Every effect that was asked for, oldest first."""
        rows = await self.database.run(lambda db: db.execute("SELECT * FROM audit ORDER BY n").fetchall())
        return tuple(AuditRow(**dict(row)) for row in rows)

    def effects(self) -> list[str]:
        """What was really done, oldest first, as "debits.cancel mandate=M2"; waits for the file, so for tests."""
        rows = self.database.run_now(
            lambda db: db.execute("SELECT * FROM audit WHERE outcome LIKE 'done%' ORDER BY n").fetchall()
        )
        return [" ".join((row["what"], *_pairs(row["arguments"]))) for row in rows]

    def close(self) -> None:
        """Close the file."""
        self.database.close()


def _pairs(arguments: str) -> list[str]:
    return [f"{name}={value}" for name, value in msgspec.json.decode(arguments, type=dict[str, str]).items()]


def build(path: Path | str, clock: Clock, *, seed: Path | None = None) -> DemoBackend:
    """Open the file (made, and filled from `seed`, the first time). Raises `SeedError`, `BackendUnavailable`."""
    read = Seed("", [], []) if seed is None else read_seed(seed)
    database = Database(path)
    today = clock.now().date()
    database.run_now(lambda db: fill(db, read, today))
    return DemoBackend(database, clock, payee=read.payee, personas=personas_of(read))
