"""What the command line does beside serving: checks, talking in the terminal, transcripts, the list of cases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import compose
from adapters.deadletters import DeadLetters
from adapters.render import NoLinks
from bot import assembly, checking, releasing
from bot.assembly import Parts, Tell
from bot.checking import Found
from bot.errors import ParleyError, SettingsError
from bot.model import Address
from bot.ports import Recogniser, Sql, Store
from bot.settings import Settings
from bot.store import open_store
from bot.store.system_clock import SystemClock
from bot.tending import tending
from channels import PUSHED, Pushed, pushed
from desk.builtin import BuiltInDesk
from desks import sign_in_problem
from signin import Proof, auth_of

if TYPE_CHECKING:
    from bot.dev.world import BrandWorld

_DEAD = (
    "SELECT c.channel, o.conversation, o.seq, o.n, o.reason, o.created_at FROM outbound o"
    " JOIN conversation c ON c.id = o.conversation WHERE o.status = 'dead' ORDER BY o.created_at DESC LIMIT 100"
)
# A question asked in public is a case as well, but nobody waits for a person.
_OPEN_CASES = (
    "SELECT reference, cause, origin, opened, summary FROM cases WHERE closed IS NULL AND origin <> 'public'"
    " ORDER BY opened"
)


async def check(settings: Settings, tell: Tell) -> int:
    """Look at every part; returns how many are wrong."""
    made = assembly.parts(settings)
    async with memory() as store:
        looked = [
            ("data folder", checking.of_data(settings)),
            ("database", checking.of_database(settings, partial(compose.opened_store, readonly=True))),
            ("dialogs", checking.of_dialogs(made)),
            ("texts", checking.of_texts(made)),
            ("services", checking.of_services(made, lambda: compose.services(made, store))),
            ("understanding", checking.of_model(made, lambda line: None)),
            ("channels", _channels_check(made, store)),
            ("identity", _identity_check(made, store)),
            ("people", _people_check(made)),
        ]
        wrong = await checking.run_checks(looked, tell)
    assembly.close_backends(made)
    return wrong


@asynccontextmanager
async def memory() -> AsyncIterator[Store]:
    """An empty store, for what only wants one to be there."""
    store = await open_store("sqlite://:memory:")
    try:
        yield store
    finally:
        await store.close()


def _channels_check(made: Parts, store: Store) -> checking.Check:
    async def look() -> Found:
        settings = made.settings
        on = [f"webchat at {settings.public_url}/chat"] if settings.channels.webchat.enabled else []
        wrong: list[str] = []
        for name, one in _pushed(made, store).items():
            try:
                on.append(f"{name}: {await one.check()}")
            except ParleyError as error:
                wrong.append(f"{name}: {error}")
            finally:
                await one.close()
        if not (on or wrong):
            wrong.append("No channel is enabled: nobody can write.")
        return Found("channels", ", ".join(on) or "none", tuple(wrong))

    return look


def _pushed(made: Parts, store: Store, only: str = "") -> Mapping[str, Pushed]:
    """The channels that messages are pushed to, or one, to be looked at or set up; none of them takes a message."""
    secret = assembly.secrets_of(made.settings)[0]
    return pushed(made, store, secret, control=lambda text, locale: None, links=NoLinks(), unlinks=_Nobody(), only=only)


class _Nobody:
    """Nobody is linked to anything here."""

    def unlink(self, *, address: Address, now: datetime, reason: str) -> Sequence[Sql]:
        """No rows."""
        return ()


async def connect(settings: Settings, channel: str, tell: Tell) -> None:
    """Set a channel up at its platform and say what to do next. Raises `SettingsError`."""
    made = assembly.parts(settings)
    async with memory() as store:
        if channel not in PUSHED:
            raise SettingsError(f"There is no channel {channel} to connect: {', '.join(PUSHED)} can be.")
        # Another channel whose secrets are still missing is no reason to wait with this one.
        found = _pushed(made, store, channel)
        if channel not in found:
            variable = f"PARLEY_CHANNELS__{channel.upper()}__ENABLED=true"
            raise SettingsError(f"channels.{channel}.enabled is false: set it to true, or {variable}.")
        try:
            for line in await found[channel].connect(settings.public_url):
                tell(line)
        finally:
            for one in found.values():
                await one.close()
    assembly.close_backends(made)


async def dead_letters(settings: Settings, tell: Tell) -> None:
    """List what will never be sent, and what platforms sent that could not be read; nobody's words."""
    store = await compose.opened_store(settings, readonly=True)
    try:
        unsent = await store.query(_DEAD)
        unread = await DeadLetters(store, SystemClock()).newest()
    finally:
        await store.close()
    for row in unsent:
        at = datetime.fromtimestamp(row["created_at"], UTC)
        tell(
            f"{at:%d %b %H:%M}  not sent    {row['channel']}  "
            f"{row['conversation']} {row['seq']}.{row['n']}: {row['reason']}"
        )
    for letter in unread:
        tell(f"{letter.at:%d %b %H:%M}  not read    {letter.connection}  {letter.id}: {letter.reason}")
    if not unsent and not unread:
        tell("There are none.")


def _identity_check(made: Parts, store: Store) -> checking.Check:
    async def look() -> Found:
        settings = made.settings
        if not settings.identity.demo and not settings.identity.providers:
            empty = "identity.providers is empty: nobody can sign in. Name one, or set demo: true."
            return Found("identity", "", (empty,))
        secrets = assembly.secrets_of(settings)
        problems = await auth_of(made, store, secrets, Proof()).check()
        problems.pop("demo", None)  # It is served by the running process itself.
        wrong = tuple(f"{name}: {problem}" for name, problem in problems.items() if problem)
        names = [*problems, *(["demo sign-in (for trying out, never for customers)"] if settings.identity.demo else [])]
        return Found("identity", ", ".join(names), wrong)

    return look


def _people_check(made: Parts) -> checking.Check:
    async def look() -> Found:
        settings, handoff = made.settings, assembly.handoff_of(made)
        if settings.desk.acts:
            assembly.from_factory(made, settings.desk.acts)
        if not isinstance(handoff, BuiltInDesk):
            return Found("people", settings.desk.handoff)
        problem = await sign_in_problem(settings, made.clock)
        return Found("people", f"the desk at {settings.public_url}/desk", (problem,) if problem else ())

    return look


@asynccontextmanager
async def _world_of(settings: Settings, tell: Tell) -> AsyncIterator[Callable[[Sequence[str]], BrandWorld]]:
    from bot.dev.world import BrandWorld
    from bot.testing.clock import SetClock

    recogniser = await asyncio.to_thread(assembly.recogniser_of, assembly.parts(settings, SetClock()), tell)
    # What is written down must read the same tomorrow: where another can stand in, nobody looks for Rasa here.
    async with tending(recogniser) if settings.nlu.backend == "rasa" else nullcontext():
        yield lambda given: BrandWorld(settings, given, recogniser, compose.services)


async def chat(settings: Settings, tell: Tell, *, record: str, reload: bool) -> None:
    """Talk in the terminal until the customer has had enough."""
    from bot.dev.chat import Terminal, keyboard
    from bot.dev.saving import BRAND_DATA
    from bot.dev.supervise import preload_training
    from bot.testing.clock import SetClock

    def learn() -> Recogniser:
        return assembly.recogniser_of(assembly.parts(settings.for_reload(), SetClock()), tell)

    async with _world_of(settings, tell) as made:
        world = made([BRAND_DATA])
        try:
            terminal = Terminal(settings, world, learn, tell)
            if reload:  # While the first line is being typed.
                Thread(target=preload_training, daemon=True, name="preload").start()
            await terminal.talk(keyboard(), reload=reload)
            if record:
                tell(f"wrote {terminal.record(record)}")
        finally:
            await world.close()


async def transcripts(settings: Settings, files: Sequence[Path], tell: Tell, *, rewrite: bool) -> int:
    """Play transcripts (by default the brand's own); returns how many cases differ."""
    from bot.dev.world import UnknownGiven
    from bot.testing import run_files
    from bot.testing.transcripts import Case

    files = files or sorted((settings.brand_folder / "transcripts").glob("*.md"))
    if not files:
        tell(f"There is no transcript in {settings.brand_folder}/transcripts.")
        return 0
    async with _world_of(settings, tell) as world:

        def made(case: Case) -> BrandWorld:
            try:
                return world(case.given)
            except UnknownGiven as error:
                raise UnknownGiven(f"{case.path.name}, {case.name}: `given {error.detail}`.") from error

        return await run_files(files, made, rewrite=rewrite, tell=tell)


async def release(settings: Settings, files: Sequence[Path], tell: Tell) -> None:
    """Write the locks of dialogs that are new, and a sample journal of each from the transcripts."""
    from bot.dev.sampling import samples, save

    made = assembly.parts(settings)
    before = set(made.dialogs.locked)
    changed = releasing.release(made)
    for file in changed:
        tell(f"wrote {file}")
    fresh = set(assembly.parts(settings).dialogs.locked) - before
    if not fresh:
        tell("Nothing is new.")
        return
    files = files or sorted((settings.brand_folder / "transcripts").glob("*.md"))
    async with _world_of(settings, tell) as world:
        found = await samples(files, world)
    for key in sorted(fresh):
        if key in found:
            tell(f"wrote {save(found[key], releasing.journals(made, key[0]))}")
        else:
            tell(f"{key[0]} version {key[1]} waits for nothing in any transcript, so it has no journal to keep.")


async def cases(settings: Settings, tell: Tell) -> None:
    """List the open cases; reads beside a running process."""
    store = await compose.opened_store(settings, readonly=True)
    try:
        rows = await store.query(_OPEN_CASES)
    finally:
        await store.close()
    for row in rows:
        opened = datetime.fromtimestamp(row["opened"], UTC)
        tell(f"{row['reference']}  {opened:%Y-%m-%d %H:%M} UTC  {row['cause']}, by {row['origin']}")
        for line in str(row["summary"]).splitlines():
            tell(f"    {line}")
    if not rows:
        tell("Nobody waits for a person.")


async def rotate_keys(settings: Settings, tell: Tell) -> None:
    """Seal what is stored anew under the present secret. Raises `StoreLocked` beside a process that holds SQLite."""
    made = assembly.parts(settings)
    secrets = assembly.secrets_of(settings)
    store = await compose.opened_store(settings)
    try:
        done = await auth_of(made, store, secrets, Proof()).tokens.rotate()
    finally:
        await store.close()
    tell(f"{done} {'token is' if done == 1 else 'tokens are'} sealed under the present secret.")
    if settings.earlier_secrets:
        tell("Once links and buttons of the last day may end, earlier_secrets can be emptied.")
