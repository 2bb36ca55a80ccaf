"""A Rasa that is none, for tests: `/status` and `/model/parse` as odd as 3.6.21's, with faults at will."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any, Literal

import msgspec
from aiohttp import web

from bot.model import Parse
from bot.ports import Recogniser

Mode = Literal[
    "well", "hung", "slow", "error", "garbage", "html", "endless", "cut", "untrained", "other text", "outside"
]
"""hung: no answer; slow: each takes 0.3 s; error: 500; garbage, html: no JSON; endless: an answer without end; cut: the
connection ends within the answer; untrained: no model; other text: it answers another message; outside: an entity
beyond the message."""
SHOWN = 10
"""Intents in a ranking, as DIET shows them."""


class FakeRasa:
    """Reads with another recogniser and answers as Rasa would. `asked`: every text it was given."""

    def __init__(self, reads: Recogniser, *, model: str = "fake", token: str = "") -> None:
        self._reads, self._token = reads, token
        self.model = model
        self.mode: Mode = "well"
        self.asked: list[str] = []
        self.looked = 0
        self.at_once = self.most_at_once = 0

    def app(self) -> web.Application:
        """The server, to be run by whoever tests."""
        app = web.Application()
        app.add_routes([web.get("/status", self._status), web.post("/model/parse", self._parse)])
        return app

    def _refused(self, request: web.Request) -> web.Response | None:
        if self._token and not secrets.compare_digest(request.query.get("token", ""), self._token):
            return _failure(401, "NotAuthenticated")
        return _failure(409, "Conflict") if self.mode == "untrained" else None

    async def _status(self, request: web.Request) -> web.Response:
        self.looked += 1
        if self.mode == "hung":
            await asyncio.sleep(3600)
        if refused := self._refused(request):
            return refused
        said = {"model_file": f"{self.model}.tar.gz", "model_id": "0" * 32, "num_active_training_jobs": 0}
        return _json(said)

    async def _parse(self, request: web.Request) -> web.StreamResponse:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return await self._read(request)
        finally:
            self.at_once -= 1

    async def _read(self, request: web.Request) -> web.StreamResponse:
        if refused := self._refused(request):
            return refused
        try:
            text = msgspec.json.decode(await request.read(), type=dict[str, str])["text"]
        except (msgspec.MsgspecError, KeyError):
            return _failure(500, "ParsingError")
        self.asked.append(text)
        if self.mode == "hung":
            await asyncio.sleep(3600)
        if self.mode == "slow":
            await asyncio.sleep(0.3)
        if self.mode in ("error", "garbage", "html", "endless", "cut"):
            return await self._broken(request)
        text = text.strip()
        if text.startswith("/"):
            # Rasa takes such a text for a command to itself, whoever wrote it.
            name = text[1:].partition("{")[0]
            return _json(_answer(text, [(name, 1.0)]))
        said = _reading(text, await self._reads.parse(text))
        if self.mode == "other text":
            said["text"] = f"{text} "
        if self.mode == "outside":
            said["entities"] = [{"entity": "service", "start": 0, "end": len(text) + 1, "value": text}]
        return _json(said)

    async def _broken(self, request: web.Request) -> web.StreamResponse:
        if self.mode == "error":
            return _failure(500, "ParsingError")
        if self.mode == "garbage":
            return web.Response(body=b'{"text": "hello", "intent": {"name": 7, "confidence": "\xff', status=200)
        if self.mode == "html":
            return web.Response(text="<html>Bad gateway</html>", content_type="text/html")
        stream = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(1 << 30)})
        await stream.prepare(request)
        await stream.write(b'{"text": "')
        while self.mode == "endless":
            await stream.write(b"x" * 65536)
        if request.transport is not None:
            request.transport.abort()
        return stream


def _reading(text: str, parse: Parse) -> dict[str, Any]:
    ranking = list(parse.ranking[:SHOWN])
    said = _answer(text, ranking)
    if not parse.intent:
        said["intent"] = {"name": "nlu_fallback", "confidence": 0.3}
        said["intent_ranking"].insert(0, said["intent"])
    for one in parse.entities:
        found = {"entity": one.name, "start": one.start, "end": one.end, "value": one.text.lower()}
        said["entities"].append(found | {"confidence_entity": 0.99, "extractor": "DIETClassifier"})
        said["entities"].append(found | {"extractor": "RegexEntityExtractor"})
    return said


def _answer(text: str, ranking: list[tuple[str, float]]) -> dict[str, Any]:
    named = [{"name": name, "confidence": chance} for name, chance in ranking]
    none = {"name": None, "confidence": 0.0}
    return {"text": text, "intent": dict(named[0]) if named else none, "entities": [], "intent_ranking": named}


def _json(said: dict[str, Any], status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(said), status=status, content_type="application/json")


def _failure(status: int, reason: str) -> web.Response:
    said = {"version": "3.6.21", "status": "failure", "message": "An unexpected error occurred.", "reason": reason}
    return _json(said | {"code": status}, status)
