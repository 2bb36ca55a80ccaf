"""How many messages a second are durable and acknowledged, over HTTP, beside what bounds it.

A platform's webhook (Telegram's) is posted to over keep-alive connections: signature, parsing, deduplication, log and
queue in one transaction, then 200. On SQLite beside a bare aiohttp handler that reads the body and sends it back; on
PostgreSQL also beside pgbench inserting one row a transaction into a table with a key, same server, as many clients.
`p99_ms_at_500` is from a steady 500 a second, each timed from when it was due. `loop_us` and `echo_loop_us` are the
processor time of the event loop's thread, a request, while requests come as fast as they are answered. `--store none`
takes a store that keeps nothing: what is left is the loop's own. Medians of `--rounds` rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from benchmarks._accepting import PATH, SECRET
from benchmarks._postgres import Postgres, server
from bot.store import migrate

CLIENTS = 64
USERS = 500
STEADY = 500


@dataclass(slots=True)
class Round:
    """One round's figures."""

    accept_per_s: float
    p99_ms: float
    p50_ms: float
    loop_us: float = 0.0
    echo_per_s: float = 0.0
    echo_loop_us: float = 0.0
    pgbench_per_s: float = 0.0


def update(number: int) -> bytes:
    """One update, as Telegram posts it."""
    user = 1000 + number % USERS
    person = {"id": user, "is_bot": False, "first_name": "Person", "language_code": "en-GB"}
    chat = {"id": user, "first_name": "Person", "type": "private"}
    message = {"message_id": number, "from": person, "chat": chat, "date": 1763280000, "text": "why is my bill higher?"}
    body = msgspec.json.encode({"update_id": 810_000_000 + number, "message": message})
    head = f"POST {PATH} HTTP/1.1\r\nHost: b\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + f"X-Telegram-Bot-Api-Secret-Token: {SECRET}\r\n\r\n".encode() + body


class Line:
    """One keep-alive connection, without a client library's own cost."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def post(self, request: bytes) -> None:
        """Send, and read the answer. Raises `RuntimeError` for anything but 200."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode())
        length = re.search(rb"(?i)content-length: (\d+)", head)
        if length and int(length[1]):
            await self._reader.readexactly(int(length[1]))

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


@dataclass(frozen=True, slots=True)
class Server:
    """A server process, and the port it listens on."""

    port: int
    pid: int

    async def flat_out(self, count: int, numbers: itertools.count[int]) -> tuple[float, float]:
        """Messages a second, and the loop's microseconds for one."""
        before = self._on_cpu()
        rate = await flat_out(self.port, count, numbers)
        return rate, (self._on_cpu() - before) / (count // CLIENTS * CLIENTS) * 1e6

    def _on_cpu(self) -> float:
        """Seconds that the main thread has had a processor (Linux: proc(5), schedstat); 0.0 where nobody says."""
        try:
            return int(Path(f"/proc/{self.pid}/task/{self.pid}/schedstat").read_text().split()[0]) / 1e9
        except FileNotFoundError:
            return 0.0


@asynccontextmanager
async def serving(kind: str) -> AsyncIterator[Server]:
    """A server process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "ignore", "-m", "benchmarks._accepting", kind,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Server(int(await process.stdout.readline()), process.pid)
    finally:
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 20)
        except TimeoutError:
            process.kill()
            await process.wait()


async def flat_out(port: int, count: int, numbers: itertools.count[int]) -> float:
    """Messages a second over all lines, each with one request under way."""
    lines = [Line(*await asyncio.open_connection("127.0.0.1", port)) for _ in range(CLIENTS)]
    requests = [[update(next(numbers)) for _ in range(count // CLIENTS)] for _ in lines]

    async def run(line: Line, mine: list[bytes]) -> None:
        for request in mine:
            await line.post(request)

    began = time.perf_counter()
    await asyncio.gather(*(run(*pair) for pair in zip(lines, requests, strict=True)))
    took = time.perf_counter() - began
    for line in lines:
        line.close()
    return sum(map(len, requests)) / took


async def steady(port: int, seconds: float, numbers: itertools.count[int]) -> list[float]:
    """Seconds from when each message was due until it was acknowledged, at 500 a second."""
    lines = [Line(*await asyncio.open_connection("127.0.0.1", port)) for _ in range(CLIENTS)]
    due: asyncio.Queue[float | None] = asyncio.Queue()
    took: list[float] = []

    async def run(line: Line) -> None:
        while (at := await due.get()) is not None:
            await line.post(update(next(numbers)))
            took.append(time.perf_counter() - at)

    running = [asyncio.create_task(run(line)) for line in lines]
    began = time.perf_counter()
    for n in range(int(seconds * STEADY)):
        at = began + n / STEADY
        await asyncio.sleep(max(0.0, at - time.perf_counter()))
        due.put_nowait(at)
    for _ in lines:
        due.put_nowait(None)
    await asyncio.gather(*running)
    for line in lines:
        line.close()
    return took


async def measured(url: str, count: int, seconds: float) -> Round:
    """The store's figures."""
    numbers = itertools.count(1)
    async with serving(url) as server:
        await server.flat_out(CLIENTS * 8, numbers)
        rate, loop = await server.flat_out(count, numbers)
        took = sorted(await steady(server.port, seconds, numbers))
    return Round(rate, took[int(len(took) * 0.99)] * 1e3, statistics.median(took) * 1e3, loop)


async def once(store: str, count: int, seconds: float, postgres: Postgres | None) -> Round:
    """One round."""
    if store == "none":
        figures = await measured(store, count, seconds)
    elif postgres is None:
        with tempfile.TemporaryDirectory(prefix="parley-bench-") as folder:
            url = f"sqlite:///{folder}/bench.db"
            await migrate(url)
            figures = await measured(url, count, seconds)
    else:
        async with postgres.database() as url:
            figures = await measured(url, count, seconds)
        async with postgres.database(migrated=False) as url:
            figures.pgbench_per_s = await asyncio.to_thread(pgbench, postgres, url, max(3, int(seconds)))
    async with serving("echo") as echo:
        await echo.flat_out(CLIENTS * 8, itertools.count(1))
        figures.echo_per_s, figures.echo_loop_us = await echo.flat_out(count, itertools.count(1))
    return figures


def pgbench(postgres: Postgres, url: str, seconds: int) -> float:
    """Rows a second, one a transaction, over as many clients."""
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as folder:
        make, script = Path(folder, "make.sql"), Path(folder, "insert.sql")
        make.write_text(
            "CREATE TABLE taken (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text NOT NULL);\n"
        )
        script.write_text(f"INSERT INTO taken (body) VALUES ('{'x' * 300}');\n")
        Path(folder).chmod(0o755)
        subprocess.run(
            [postgres.pgbench.with_name("psql"), "-q", "-f", make, url], check=True, stdout=subprocess.DEVNULL
        )
        # Warmed up by a second of the same; clients as many as our server has connections.
        command: list[str | Path] = [postgres.pgbench, "-n", "-M", "prepared", "-c", "10", "-j", "2", "-f", script]
        subprocess.run([*command, "-T", "1", url], check=True, capture_output=True)
        said = subprocess.run([*command, "-T", str(seconds), url], check=True, capture_output=True, text=True).stdout
    found = re.search(r"tps = ([\d.]+)", said)
    if found is None:
        raise RuntimeError(said)
    return float(found[1])


async def rounds(given: argparse.Namespace) -> list[Round]:
    """All of them."""
    if given.store != "postgres":
        return [await once(given.store, given.count, given.seconds, None) for _ in range(given.rounds)]
    async with server() as postgres:
        return [await once("postgres", given.count, given.seconds, postgres) for _ in range(given.rounds)]


def report(made: list[Round], given: argparse.Namespace) -> dict[str, Any]:
    """Medians and ratios."""
    middle = statistics.median
    figures: dict[str, Any] = {
        "store": given.store,
        "rounds": len(made),
        "cores": os.cpu_count(),
        "accept_per_s": round(middle(one.accept_per_s for one in made)),
        "p50_ms_at_500": round(middle(one.p50_ms for one in made), 2),
        "p99_ms_at_500": round(middle(one.p99_ms for one in made), 2),
        "loop_us": round(middle(one.loop_us for one in made), 1),
        "echo_per_s": round(middle(one.echo_per_s for one in made)),
        "echo_loop_us": round(middle(one.echo_loop_us for one in made), 1),
        "ratio_to_echo": round(middle(one.accept_per_s / one.echo_per_s for one in made), 3),
    }
    if given.store == "postgres":
        figures["pgbench_per_s"] = round(middle(one.pgbench_per_s for one in made))
        figures["ratio_to_pgbench"] = round(middle(one.accept_per_s / one.pgbench_per_s for one in made), 3)
    return figures


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accept", description=__doc__)
    parser.add_argument("--store", choices=["sqlite", "postgres", "none"], default="sqlite")
    parser.add_argument("--count", type=int, default=10_000, help="messages flat out")
    parser.add_argument("--seconds", type=float, default=5.0, help="of the steady 500 a second")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    made = report(asyncio.run(rounds(given)), given)
    if given.json:
        print(msgspec.json.encode(made).decode())
    else:
        for name, value in made.items():
            print(f"{name:24} {value}")


if __name__ == "__main__":
    main()
