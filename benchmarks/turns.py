"""Durable turns per second, beside botbuilder's own way of running the same dialog, in one run.

The pipeline: accept, claim, route, replayed dialog, commit, log, outbound. `replay_commit` is its second part alone.
`botbuilder` is its WaterfallDialog under `run_dialog` with MemoryStorage, as its samples do: body to Activity,
conversation and user state saved each turn; `botbuilder_bare` leaves both out and is handed ready-made Activities.
Ours reads each message from JSON too. Every figure is the median of `--rounds` rounds; compare ratios, not figures of
different runs.

`--workers N` runs it as N processes on one PostgreSQL, and beside it Procrastinate: as many processes, messages and
conversations, our turn function under its lock.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import os
import shutil
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import psutil

from benchmarks import dialog_waiting
from benchmarks._led import Worked, crew, work
from benchmarks._postgres import server
from benchmarks.dialog import MESSAGES, TEXTS, NoLogin, Rules, order, today
from bot.bridge import Bridge
from bot.model import Address, Inbound
from bot.ports import Store
from bot.script.catalogue import Dialogs, Services, dialogs_in
from bot.script.scope import Host
from bot.script.texts import HOST, Texts
from bot.store import migrate, open_store
from bot.store.system_clock import SystemClock
from bot.tuning import tune
from bot.turn import Turns

CHANNEL = "bench"
WARM = 100
"""Conversations of each before anything is measured."""


@dataclass(slots=True)
class Round:
    """One round's figures."""

    accept_per_s: float = 0.0
    turns_per_s: float = 0.0
    replay_commit_per_s: float = 0.0
    botbuilder_turns_per_s: float = 0.0
    botbuilder_bare_turns_per_s: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    procrastinate_accept_per_s: float = 0.0
    procrastinate_turns_per_s: float = 0.0
    us_cpu: dict[str, float] = field(default_factory=dict)


def host(store: Store, folder: Path, *, wait: float = 0.0) -> Host:
    """An engine over this store; with `wait`, each turn reads once at a backend that takes so many seconds."""
    texts = folder / "bench.ftl"
    texts.write_text(TEXTS, "utf-8")
    login = NoLogin()
    return Host(
        store=store,
        clock=SystemClock(),
        texts=Texts({"en-GB": [HOST / "en.ftl", texts]}, {"name": "Bench", "phone": "0", "hours": "always"}, today),
        dialogs=Dialogs(dialogs_in(dialog_waiting if wait else sys.modules[order.__module__])),
        services=Services({dialog_waiting.Backend: dialog_waiting.Slow(wait)} if wait else {}),
        recogniser=Rules(),
        identity=login,
        login=login,
        handoff=login,
        secret=b"bench",
        brand="bench",
    )


def body(conversation: int, at: int) -> bytes:
    """The `at`-th message of a conversation, as a platform would post it."""
    return msgspec.json.encode(
        {
            "type": "message",
            "id": f"{conversation}-{at}",
            "timestamp": "2026-11-16T10:00:00.000Z",
            "channelId": CHANNEL,
            "locale": "en-GB",
            "from": {"id": f"u{conversation}", "name": "Customer"},
            "recipient": {"id": "bot", "name": "Bot"},
            "conversation": {"id": f"c{conversation}"},
            "text": MESSAGES[at],
        }
    )


def inbound(raw: bytes) -> Inbound:
    """What an adapter makes of it."""
    posted = msgspec.json.decode(raw)
    return Inbound(
        key=posted["id"],
        kind="message",
        at=datetime.fromisoformat(posted["timestamp"]),
        address=Address("bench", CHANNEL, CHANNEL, posted["from"]["id"]),
        text=posted["text"],
        locale=posted["locale"],
    )


async def accept_all(store: Store, conversations: int, messages: range, lanes: int = 64) -> None:
    """Accept message by message over all conversations, `lanes` at a time."""

    bodies = {(c, m): body(c, m) for c in range(conversations) for m in messages}

    async def lane(first: int) -> None:
        for at in messages:
            for conversation in range(first, conversations, lanes):
                await store.accept(inbound(bodies[conversation, at]))

    await asyncio.gather(*(lane(first) for first in range(lanes)))


class Latencies:
    """Told of each turn; knows when all are done."""

    def __init__(self, wanted: int) -> None:
        self.seconds: list[float] = []
        self._wanted = wanted
        self.done = asyncio.Event()

    def turn(self, trace: dict[str, Any], seconds: float) -> None:
        """A turn was committed."""
        self.seconds.append(seconds)
        if len(self.seconds) >= self._wanted:
            self.done.set()

    def failed(self, error: str, *, parked: bool) -> None:
        """A failed turn makes the figures worthless."""
        raise RuntimeError(error)


async def drain(store: Store, folder: Path, wanted: int) -> tuple[float, list[float]]:
    """Run all turns that wait; returns turns per second and each turn's seconds."""
    made = host(store, folder)
    seen = Latencies(wanted)
    turns = Turns(made, Bridge(made.dialogs), observer=seen)
    begun = time.perf_counter()
    running = asyncio.create_task(turns.run())
    await seen.done.wait()
    took = time.perf_counter() - begun
    await turns.stop()
    await running
    return wanted / took, seen.seconds


async def ours(url: str, folder: Path, conversations: int, messages: int, figures: Round) -> None:
    """The pipeline once: all accepted, then all turns; and both together."""
    total = conversations * messages
    store = await open_store(url, log_channels=frozenset({CHANNEL}), writer="process")
    try:
        await store.claim(1, lease=1.0)  # SQLite's writer has started once it answers.
        cpu, wrote = time.process_time(), written()
        begun = time.perf_counter()
        await accept_all(store, conversations, range(messages))
        accepting = time.perf_counter() - begun
        figures.us_cpu["accept"] = (time.process_time() - cpu) / total * 1e6
        figures.us_cpu["accept_writer"] = (written() - wrote) / total * 1e6
        figures.accept_per_s = total / accepting
        cpu, wrote = time.process_time(), written()
        figures.replay_commit_per_s, seconds = await drain(store, folder, total)
        figures.us_cpu["turn"] = (time.process_time() - cpu) / total * 1e6
        figures.us_cpu["turn_writer"] = (written() - wrote) / total * 1e6
        figures.turns_per_s = total / (accepting + total / figures.replay_commit_per_s)
        figures.p50_ms = statistics.median(seconds) * 1e3
        figures.p99_ms = sorted(seconds)[int(len(seconds) * 0.99)] * 1e3
        await _checked(store, conversations, messages)
    finally:
        await store.close()


def written() -> float:
    """Seconds of processor time that SQLite's writing process has taken so far."""
    used = [child.cpu_times() for child in psutil.Process().children()]
    return sum(one.user + one.system for one in used)


async def _checked(store: Store, conversations: int, messages: int) -> None:
    said = (await store.query("SELECT COUNT(*) AS n FROM outbound"))[0]["n"]
    done = (await store.query("SELECT COUNT(*) AS n FROM conversation WHERE done = :m", m=messages))[0]["n"]
    if said != conversations * messages or done != conversations:
        raise RuntimeError(f"{done} of {conversations} conversations done, {said} messages said")


async def botbuilder(conversations: int, messages: int, *, bare: bool) -> float:
    """botbuilder's samples' way: run_dialog, states over MemoryStorage, the same questions."""
    from botbuilder.core import ConversationState, MemoryStorage, MessageFactory, TurnContext, UserState
    from botbuilder.core.adapters import TestAdapter
    from botbuilder.dialogs import (
        ComponentDialog,
        Dialog,
        DialogSet,
        DialogTurnStatus,
        WaterfallDialog,
        WaterfallStepContext,
    )
    from botbuilder.dialogs.prompts import ConfirmPrompt, NumberPrompt, PromptOptions, TextPrompt
    from botbuilder.schema import Activity, ChannelAccount, ConversationAccount

    def ask(prompt: str, text: str) -> Callable[[WaterfallStepContext], Awaitable[Any]]:
        async def step(context: WaterfallStepContext) -> Any:
            return await context.prompt(prompt, PromptOptions(prompt=MessageFactory.text(text)))

        return step

    async def last(context: WaterfallStepContext) -> Any:
        await context.context.send_activity(MessageFactory.text("On their way."))
        return await context.end_dialog()

    root = ComponentDialog("root")
    root.add_dialog(TextPrompt("text"))
    root.add_dialog(NumberPrompt("number", default_locale="en-us"))
    root.add_dialog(ConfirmPrompt("confirm", default_locale="en-us"))
    questions = [("text", "What size?"), ("text", "Which kind?"), ("number", "How many?"), ("confirm", "Sure?")]
    steps = [*(ask(prompt, text) for prompt, text in questions), last]
    root.add_dialog(WaterfallDialog("order", steps))
    root.initial_dialog_id = "order"

    async def run_dialog(dialog: Dialog, context: TurnContext, accessor: Any) -> None:
        dialogs = DialogSet(accessor)
        dialogs.add(dialog)
        dialog_context = await dialogs.create_context(context)
        results = await dialog_context.continue_dialog()
        if results.status == DialogTurnStatus.Empty:
            await dialog_context.begin_dialog(dialog.id)

    storage = MemoryStorage()
    state, users = ConversationState(storage), UserState(storage)
    accessor = state.create_property("DialogState")
    adapter = TestAdapter()
    bodies = {(c, m): body(c, m) for c in range(conversations) for m in range(messages)}
    begun = time.perf_counter()
    for at in range(messages):
        for conversation in range(conversations):
            if bare:
                activity = Activity(
                    type="message",
                    id=f"{conversation}-{at}",
                    text=MESSAGES[at],
                    channel_id=CHANNEL,
                    locale="en-us",
                    from_property=ChannelAccount(id=f"u{conversation}"),
                    recipient=ChannelAccount(id="bot"),
                    conversation=ConversationAccount(id=f"c{conversation}"),
                )
            else:
                activity = Activity().deserialize(msgspec.json.decode(bodies[conversation, at]))
            context = TurnContext(adapter, activity)
            await run_dialog(root, context, accessor)
            await state.save_changes(context)
            if not bare:
                await users.save_changes(context)
    return conversations * messages / (time.perf_counter() - begun)


async def once(store: str, workers: int, conversations: int, messages: int) -> Round:
    """One round, on a database of its own."""
    figures = Round()
    folder = Path(tempfile.mkdtemp(prefix="parley-bench-"))
    try:
        if workers:
            figures = await several(workers, conversations, messages)
        else:
            async with _database(store, folder) as url:
                await ours(url, folder, conversations, messages, figures)
        figures.botbuilder_turns_per_s = await botbuilder(conversations, messages, bare=False)
        figures.botbuilder_bare_turns_per_s = await botbuilder(conversations, messages, bare=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return figures


@asynccontextmanager
async def _database(store: str, folder: Path) -> AsyncIterator[str]:
    if store == "sqlite":
        url = f"sqlite:///{folder / 'bench.db'}"
        await migrate(url)
        yield url
        return
    async with server() as postgres, postgres.database() as url:
        yield url


async def several(workers: int, conversations: int, messages: int) -> Round:
    """One round of so many processes, and of Procrastinate's, on databases of one server."""
    figures, total = Round(), conversations * messages
    async with server() as postgres:
        async with postgres.database() as url:
            unfinished = f"SELECT COUNT(*) FROM conversation WHERE done < {messages}"
            done = await _crew("ours", url, workers, conversations, messages, unfinished)
            figures.accept_per_s = total / done.accept_s
            figures.replay_commit_per_s = total / done.turns_s
            figures.turns_per_s = total / (done.accept_s + done.turns_s)
            figures.us_cpu["turn"] = done.cpu_s / total * 1e6
        async with postgres.database(migrated=False) as url:
            from benchmarks._procrastinate import prepare

            await prepare(url)
            unfinished = f"SELECT {conversations} - COUNT(*) FROM bench_state WHERE done = {messages}"
            done = await _crew("procrastinate", url, workers, conversations, messages, unfinished)
            figures.procrastinate_accept_per_s = total / done.accept_s
            figures.procrastinate_turns_per_s = total / (done.accept_s + done.turns_s)
    return figures


async def _crew(kind: str, url: str, workers: int, conversations: int, messages: int, unfinished: str) -> Worked:
    connection = await asyncpg.connect(url)

    async def left() -> int:
        found: int = await connection.fetchval(unfinished)
        return found

    try:
        async with crew(kind, url, workers, conversations, messages) as led:
            done = await work(led, left)
    finally:
        await connection.close()
    if done.turns != conversations * messages:
        raise RuntimeError(f"{done.turns} turns instead of {conversations * messages}")
    return done


def report(rounds: list[Round], arguments: argparse.Namespace) -> dict[str, Any]:
    """Medians and ratios."""

    def median(of: Callable[[Round], float], digits: int = 0) -> float:
        return round(statistics.median(of(one) for one in rounds), digits)

    return {
        "store": arguments.store,
        "conversations": arguments.conversations,
        "messages": arguments.messages,
        "rounds": len(rounds),
        "workers": arguments.workers,
        "cores": os.cpu_count(),
        "accept_per_s": median(lambda r: r.accept_per_s),
        "turns_per_s": median(lambda r: r.turns_per_s),
        "replay_commit_per_s": median(lambda r: r.replay_commit_per_s),
        "p50_ms": median(lambda r: r.p50_ms, 2),
        "p99_ms": median(lambda r: r.p99_ms, 2),
        "us_cpu_per_turn": {
            stage: round(statistics.median(one.us_cpu[stage] for one in rounds)) for stage in rounds[0].us_cpu
        },
        **(_beside(median) if arguments.workers else {}),
        "botbuilder_turns_per_s": median(lambda r: r.botbuilder_turns_per_s),
        "botbuilder_bare_turns_per_s": median(lambda r: r.botbuilder_bare_turns_per_s),
        "ratio_to_botbuilder": median(lambda r: r.turns_per_s / r.botbuilder_turns_per_s, 2),
        "replay_ratio": median(lambda r: r.replay_commit_per_s / r.botbuilder_turns_per_s, 2),
        "ratio_to_botbuilder_bare": median(lambda r: r.turns_per_s / r.botbuilder_bare_turns_per_s, 2),
    }


def _beside(median: Callable[..., float]) -> dict[str, Any]:
    return {
        "procrastinate_accept_per_s": median(lambda r: r.procrastinate_accept_per_s),
        "procrastinate_turns_per_s": median(lambda r: r.procrastinate_turns_per_s),
        "ratio_to_procrastinate": median(lambda r: r.turns_per_s / r.procrastinate_turns_per_s, 2),
    }


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.turns", description=__doc__)
    parser.add_argument("--store", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--conversations", type=int, default=2000)
    parser.add_argument("--messages", type=int, default=5, choices=range(1, 6))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=0, help="processes, on PostgreSQL; 0: all in this one")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--profile", action="store_true", help="print where one round's time goes")
    arguments = parser.parse_args()
    if arguments.workers and arguments.store == "sqlite":
        parser.error("SQLite has one writing process: --workers needs --store postgres.")
    warnings.simplefilter("ignore")
    # As in a process that serves: everything has been imported and run once before it is tuned.
    asyncio.run(once(arguments.store, 0, WARM, arguments.messages))
    tune()
    if arguments.profile:
        profile = cProfile.Profile()
        profile.enable()
    rounds = [
        asyncio.run(once(arguments.store, arguments.workers, arguments.conversations, arguments.messages))
        for _ in range(arguments.rounds)
    ]
    if arguments.profile:
        profile.disable()
        profile.print_stats("tottime")
        return
    made = report(rounds, arguments)
    if arguments.json:
        print(msgspec.json.encode(made).decode())
    else:
        for name, value in made.items():
            print(f"{name:24} {value}")


if __name__ == "__main__":
    main()
