"""What the command line does about what is kept: erase and export a person, back the embedded database up, restore it.

`register` adds the commands to the command line; nothing heavy is imported before one of them is called.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from auth import Auth
    from bot.assembly import Parts
    from bot.erasure import Mark
    from bot.ports import Store
    from bot.settings import Settings
    from bot.store.subject import Subject

PROVIDER = 10.0
"""Seconds that sign-in providers get to hear that an erased customer's tokens are over."""


Config = Annotated[Path, typer.Option("--config", "-c", help="The configuration file.", show_default="config.yml")]
Person = Annotated[str, typer.Argument(help="A customer's reference, or connection/user of the chat.")]
Target = Annotated[Path, typer.Argument(metavar="FILE", help="The copy; never written over.")]
Source = Annotated[Path, typer.Argument(metavar="FILE", help="A copy made by backup.")]
Out = Annotated[Path | None, typer.Option("--out", help="A file; otherwise standard output.")]
Forget = Annotated[bool, typer.Option("--without-erasures", help="Even if it cannot be read who was erased since.")]
Apply = Annotated[Path | None, typer.Option("--apply", help="A list of another time: erase again who is on it.")]
CONFIG = Path(__file__).resolve().parent / "config.yml"


def register(cli: typer.Typer, command: Callable[[Callable[..., int]], Callable[..., None]]) -> None:
    """Add the commands; `command` turns what one raises into a line and an exit code."""
    for one in (erase, export, erasures, backup, restore):
        cli.command()(command(one))


def tell(line: str) -> None:
    """Say something to whoever gave the command."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def erase(person: Person, config: Config = CONFIG) -> int:
    """Erase all that is kept about one person, for good, running server or not."""
    asyncio.run(_erase(_settings(config), person))
    return 0


def export(person: Person, config: Config = CONFIG, out: Out = None) -> int:
    """Write all that is kept about one person as JSON."""
    asyncio.run(_export(_settings(config), person, out))
    return 0


def erasures(config: Config = CONFIG, apply: Apply = None) -> int:
    """List the erasures that were done, by hashes; for a database that its own tools restored."""
    asyncio.run(_erasures(_settings(config), apply))
    return 0


def backup(target: Target, config: Config = CONFIG) -> int:
    """Copy the embedded database as it is at this moment, beside a running server."""
    from bot.store.backup import copy

    copy(_database(_settings(config)), target)
    tell(f"wrote {target}. Keep the server's secret with it: without it nobody's connection can be used.")
    return 0


def restore(source: Source, config: Config = CONFIG, without_erasures: Forget = False) -> int:
    """Put a copy in the embedded database's place, and erase again whoever was erased since."""
    asyncio.run(_restore(_settings(config), source, without=without_erasures))
    return 0


def _settings(config: Path) -> Settings:
    from bot.configuration import load_settings

    return load_settings(config)


async def _erase(settings: Settings, person: str) -> None:
    """By the running process where there is one: it alone may write, and its sockets to this customer end."""
    from bot.commanding import ask, socket_of
    from bot.errors import StoreLocked

    path = socket_of(settings.store_url)
    try:
        counts = await _erase_here(settings, person)
    except StoreLocked:
        if path is None or not path.exists():
            raise
        counts = await ask(path, "erase", {"person": person})
    for table, rows in counts.items():
        tell(f"{rows:>7}  {table}")
    tell("Erased. What the brand's own systems hold is not touched, nor are backups; restore erases again.")


async def _erase_here(settings: Settings, person: str) -> dict[str, int]:
    from bot import assembly
    from compose import opened_store
    from signin import Proof, auth_of

    made = assembly.parts(settings)
    secrets = assembly.secrets_of(settings)
    store = await opened_store(settings)
    try:
        return await forget(made, store, auth_of(made, store, secrets, Proof()), secrets, person)
    finally:
        await store.close()


async def forget(made: Parts, store: Store, auth: Auth, secrets: list[bytes], person: str) -> dict[str, int]:
    """Erase one person; how many rows went, by table. Raises `NobodyKnown`, `StoreUnavailable`.

    Their links end first, so that a provider hears of it as long as we hold what it knows us by.
    """
    from bot.erasure import Erasure
    from bot.store import subject

    # SQLAlchemy's import takes a moment that customers would feel.
    await asyncio.to_thread(subject.tables)
    erasure = Erasure(store, made.clock, made.settings.brand.id, secrets)
    await _unlink(made, store, auth, await erasure.find(person))
    counts = await erasure.erase(person)
    await _settle(made.settings)
    return counts


async def _unlink(made: Parts, store: Store, auth: Auth, found: Subject) -> None:
    from bot.errors import ParleyError
    from bot.model import Address
    from bot.observe import logger

    brand = made.settings.brand.id
    linked = {
        (row["connection"], row["user_id"], row["channel"])
        for person in found.persons
        for row in await store.query(
            "SELECT connection, user_id, channel FROM identity_link WHERE person = :person AND revoked_at IS NULL",
            person=person,
        )
    }
    for connection, user, channel in sorted(linked):
        address = Address(brand, connection, channel, user)
        await store.change(auth.login.unlink(address=address, now=made.clock.now(), reason="erased"))
    if not linked:
        return
    try:
        async with asyncio.timeout(PROVIDER):
            await auth.tokens.revoke_unlinked(100)
    except (TimeoutError, ParleyError) as error:
        # Erased all the same: a provider that is down must not keep anybody's data here.
        logger("parley.erasure").warning("a provider was not told", exc_info=error)


async def _settle(settings: Settings) -> None:
    """Let nothing that was deleted stand in the log beside an embedded database."""
    from bot.errors import StoreUnavailable
    from bot.observe import logger
    from bot.store.backup import truncate
    from bot.store.urls import POSTGRES, sqlite_path

    url = settings.store_url
    if url.startswith(POSTGRES) or ":memory:" in url:
        return
    try:
        await asyncio.to_thread(truncate, Path(sqlite_path(url)))
    except StoreUnavailable as error:
        logger("parley.erasure").warning("the log beside the database was not emptied", exc_info=error)


def handlers(made: Parts, store: Store, auth: Auth, secrets: list[bytes]) -> Mapping[str, Any]:
    """What a running process does when a command asks it to."""

    async def erased(values: Mapping[str, Any]) -> dict[str, int]:
        return await forget(made, store, auth, secrets, str(values["person"]))

    return {"erase": erased}


async def _export(settings: Settings, person: str, out: Path | None) -> None:
    import msgspec

    from bot import assembly
    from bot.erasure import Erasure
    from bot.store.system_clock import SystemClock
    from compose import opened_store

    store = await opened_store(settings, readonly=True)
    try:
        erasure = Erasure(store, SystemClock(), settings.brand.id, assembly.secrets_of(settings))
        found = await erasure.export(person)
    finally:
        await store.close()
    body = msgspec.json.format(msgspec.json.encode(found), indent=2)
    if out is None:
        sys.stdout.write(body.decode() + "\n")
        return
    out.touch(mode=0o600, exist_ok=True)
    out.write_bytes(body + b"\n")
    tell(f"wrote {out}")


async def _erasures(settings: Settings, apply: Path | None) -> None:
    import msgspec

    from bot import assembly
    from bot.erasure import Erasure, Mark, NotAList
    from bot.store.system_clock import SystemClock
    from compose import opened_store

    store = await opened_store(settings, readonly=apply is None)
    try:
        erasure = Erasure(store, SystemClock(), settings.brand.id, assembly.secrets_of(settings))
        if apply is None:
            for one in await erasure.marks():
                tell(msgspec.json.encode(one).decode())
            return
        try:
            marks = [msgspec.json.decode(line, type=Mark) for line in apply.read_bytes().splitlines() if line.strip()]
        except msgspec.DecodeError as error:
            raise NotAList(f"({apply}: {error})") from None
        again = await erasure.again(marks)
    finally:
        await store.close()
    await _settle(settings)
    tell(f"Erased again: {again}.")


def _database(settings: Settings) -> Path:
    from bot.errors import SettingsError
    from bot.store.urls import POSTGRES, sqlite_path

    url = settings.store_url
    if url.startswith(POSTGRES) or ":memory:" in url:
        raise SettingsError("store.url: this is for the embedded database; PostgreSQL has its own (pg_dump).")
    return Path(sqlite_path(url))


async def _restore(settings: Settings, source: Path, *, without: bool) -> None:
    from bot import assembly
    from bot.erasure import Erasure
    from bot.store import migrate, open_store
    from bot.store.backup import draft_of, put
    from bot.store.lock import FileLock
    from bot.store.system_clock import SystemClock

    database = _database(settings)
    secrets = assembly.secrets_of(settings)
    lock = FileLock(database)
    try:
        marks = await _erased_since(settings, database, without=without)
        with draft_of(source, database) as draft:
            url = f"sqlite:///{draft}"
            await migrate(url)
            store = await open_store(url)
            try:
                again = await Erasure(store, SystemClock(), settings.brand.id, secrets).again(marks)
            finally:
                await store.close()
            put(draft, database)
    finally:
        lock.release()
    tell(f"Restored from {source}.")
    if again:
        tell(f"Erased again: {again}.")


async def _erased_since(settings: Settings, database: Path, *, without: bool) -> list[Mark]:
    """The erasures that the present database knows of. Raises `ErasuresUnknown`."""
    from bot.erasure import Erasure, ErasuresUnknown
    from bot.errors import ParleyError
    from bot.store import open_store
    from bot.store.system_clock import SystemClock

    if not database.exists():
        return []
    with suppress(ParleyError):
        store = await open_store(f"sqlite:///{database}", readonly=True)
        try:
            return await Erasure(store, SystemClock(), settings.brand.id, []).marks()
        finally:
            await store.close()
    if not without:
        raise ErasuresUnknown
    return []
