"""`/livez`, `/readyz` and `/metrics`: is the process alive, may it take traffic, and its figures."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from bot.errors import ParleyError
from bot.observe import logger
from bot.observe.metrics import READY, exposition
from bot.web.drain import Drain
from bot.web.problems import json

log = logger("parley.health")

Check = Callable[[], Awaitable[str]]
"""Returns a short detail for the operator; raises when its part is not ready."""

Answer = dict[str, str | bool]


class Health:
    """The readiness checks, by name, and the three routes. A check has `seconds` to answer."""

    def __init__(self, checks: Mapping[str, Check], *, drain: Drain, seconds: float = 2.0) -> None:
        self._checks = dict(checks)
        self._drain = drain
        self._seconds = seconds

    def routes(self) -> list[web.RouteDef]:
        """The routes; they answer while draining, too."""
        return [
            web.get("/livez", self._live, name="livez"),
            web.get("/readyz", self._ready, name="readyz"),
            web.get("/metrics", self._metrics, name="metrics"),
        ]

    async def answers(self) -> list[Answer]:
        """Every check's `{"name", "ok", "detail"}`, run side by side."""
        done = await asyncio.gather(*(self._run(name, check) for name, check in self._checks.items()))
        if self._drain.draining:
            done.append({"name": "drain", "ok": False, "detail": "The process is stopping."})
        return list(done)

    async def _run(self, name: str, check: Check) -> Answer:
        try:
            async with asyncio.timeout(self._seconds):
                detail, ok = await check(), True
        except TimeoutError:
            detail, ok = f"No answer within {self._seconds:g} s.", False
        except ParleyError as error:
            detail, ok = str(error), False
        except Exception as error:  # a check that breaks is a part that is not ready, and must not hide the others
            log.warning("check failed", check=name, exc_info=error)
            detail, ok = f"The check itself failed: {type(error).__name__}.", False
        READY.labels(check=name).set(1 if ok else 0)
        return {"name": name, "ok": ok, "detail": detail}

    async def _live(self, request: web.Request) -> web.Response:
        return json({"ok": True})

    async def _ready(self, request: web.Request) -> web.Response:
        answers = await self.answers()
        ok = all(answer["ok"] for answer in answers)
        return json({"ok": ok, "checks": answers}, status=200 if ok else 503)

    async def _metrics(self, request: web.Request) -> web.Response:
        body, kind = exposition()
        return web.Response(body=body, headers={"Content-Type": kind, "Cache-Control": "no-store"})
