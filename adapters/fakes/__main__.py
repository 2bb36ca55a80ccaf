"""The fake platforms' own process: told what to do on standard input, and gone once that ends."""

from __future__ import annotations

import asyncio
import sys

import msgspec
from aiohttp import web

from adapters.fakes.page import Street
from adapters.fakes.platforms import Platforms, environment
from adapters.fakes.starting import Began, Wanted


async def serve(wanted: Wanted) -> None:
    """Serve until standard input ends."""
    platforms = Platforms()
    street = Street(platforms, brand=wanted.brand, chat=wanted.chat)
    app = web.Application()
    app.add_routes([*street.routes(), *platforms.routes()])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await _listening(runner, wanted.port)
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    platforms.connect(wanted.app, wanted.telegram_secret)
    found = environment(url, platforms.telegram, platforms.slack, platforms.messenger)
    sys.stdout.buffer.write(msgspec.json.encode(Began(url, found)) + b"\n")
    sys.stdout.flush()
    work = [asyncio.create_task(platforms.deliver()), asyncio.create_task(street.run())]
    try:
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)
    finally:
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        await platforms.close()
        await runner.cleanup()


async def _listening(runner: web.AppRunner, port: int) -> None:
    """At this port, or where it is taken at any other."""
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
    except OSError:
        await web.TCPSite(runner, "127.0.0.1", 0).start()


if __name__ == "__main__":
    asyncio.run(serve(msgspec.json.decode(sys.stdin.buffer.readline(), type=Wanted)))
