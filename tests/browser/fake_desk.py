"""A desk without an engine behind it: the console's HTTP contract, kept in memory, strict about what it is sent."""

from __future__ import annotations

import asyncio
import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from bot.web.ui import FOLDER, serve
from desk.console import ConsoleConfig, assets, document, page_headers
from tests.browser.desk_data import (
    ACTS,
    AGENTS,
    DIALOGS,
    LARKSPUR,
    REPLIES,
    Json,
    ago,
    ahead,
    blank_context,
    blank_item,
)


@dataclass
class Listener:
    """One open stream."""

    agent: str
    case: str
    events: asyncio.Queue[tuple[str, Json] | None] = field(default_factory=asyncio.Queue)


@dataclass
class FakeDesk:
    """Signs in whoever asks (`/desk/login?as=priya`); `posts` holds every change as it came."""

    cases: dict[str, Json] = field(default_factory=dict)
    approvals: list[Json] = field(default_factory=list)
    presence: dict[str, str] = field(default_factory=lambda: dict.fromkeys(AGENTS, "available"))
    posts: list[tuple[str, str, Any]] = field(default_factory=list)
    replies: list[Json] = field(default_factory=lambda: copy.deepcopy(REPLIES))
    groups: list[Json] = field(default_factory=list)
    act_answer: Json = field(default_factory=lambda: {"status": "done", "reference": "GW-1001", "approval": None})
    faults: list[int] = field(default_factory=list)
    """Statuses for the next posts other than `viewing` and `seen`; 0 answers as it should."""
    down: bool = False
    """Every call gets 503, and open streams are closed."""
    signed_out: bool = False
    sessions: int = 0
    url: str = ""
    listeners: list[Listener] = field(default_factory=list)
    _keys: dict[str, Json] = field(default_factory=dict)
    _joined: asyncio.Condition = field(default_factory=asyncio.Condition)
    _runner: web.AppRunner | None = None
    _port: int = 0

    # Running

    async def start(self) -> None:
        """Listen on 127.0.0.1, on the same port each time."""
        runner = web.AppRunner(self._app(), shutdown_timeout=0.2)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self._port, reuse_address=True)
        await site.start()
        self._port = runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._runner = runner

    async def stop(self) -> None:
        """Close the streams and stop listening."""
        await self.drop()
        if self._runner:
            await self._runner.cleanup()

    async def drop(self) -> None:
        """Close every stream, as a restart would."""
        for one in self.listeners:
            one.events.put_nowait(None)
        self.listeners.clear()
        await asyncio.sleep(0)

    # What happens

    def add(self, case: str, **item: Any) -> Json:
        """A case that waits, with an empty log and a plain context."""
        full = blank_item(case, **item)
        context = blank_context(case, full)
        self.cases[case] = {"item": full, "context": context, "lines": [], "more": None}
        self.tell_queue()
        return self.cases[case]

    def line(self, case: str, side: str, text: str = "", /, **more: Any) -> Json:
        """Something said, in this case's log and to whoever has it open."""
        held = self.cases[case]
        line: Json = {
            "conversation": f"v-{case}", "pos": len(held["lines"]) + 1, "channel": held["item"]["channel"],
            "side": side, "kind": "message", "at": ago(0), "author": "", "text": text, "choices": [], "card": None,
            "link": None, "file": None, "ref": f"{len(held['lines']) + 1}.0", "status": None, "reason": None,
            "mine": False, **more,
        }  # fmt: skip
        held["lines"].append(line)
        if line["kind"] == "message":
            held["item"]["last"] = {"side": side, "text": text[:120], "at": line["at"]}
        for one in self.listeners:
            if one.case == case:
                one.events.put_nowait(("lines", {"case": case, "lines": [self._seen(line, one.agent)]}))
        self.tell_queue()
        return line

    def change(self, case: str, **item: Any) -> None:
        """The item is different now."""
        held = self.cases[case]["item"]
        held.update(item, version=held["version"] + 1)
        self.tell_queue()
        self.tell_context(case)

    def tell_queue(self) -> None:
        """Everybody's queue, as it is now."""
        for one in self.listeners:
            one.events.put_nowait(("queue", self._queue(one.agent)))

    def tell_context(self, case: str) -> None:
        """Whoever has the case open sees its context anew."""
        for one in self.listeners:
            if one.case == case:
                one.events.put_nowait(("context", {"case": case, **self._case(case, one.agent)}))

    def tell(self, agent: str, name: str, data: Json) -> None:
        """One event to one agent."""
        for one in self.listeners:
            if one.agent == agent:
                one.events.put_nowait((name, data))

    async def heard(self, agent: str, case: str = "") -> None:
        """Wait until this agent listens (to this case)."""
        async with asyncio.timeout(8), self._joined:
            await self._joined.wait_for(lambda: any(one.agent == agent and one.case == case for one in self.listeners))

    def posted(self, what: str) -> list[Any]:
        """The bodies that came to paths which end so."""
        return [body for _, path, body in self.posts if path.endswith(what)]

    # What each agent sees

    def _seen(self, line: Json, agent: str) -> Json:
        return {**line, "mine": line.get("by") == agent}

    def _missed(self, listener: Listener, after: str) -> list[Json]:
        """What was said between the page's reading of a case and its stream's beginning."""
        places = (one.rpartition(":") for one in after.split(",") if one)
        read = {conversation: int(pos) for conversation, _, pos in places}
        lines = self.cases[listener.case]["lines"] if listener.case in self.cases else []
        numbered = [one for one in lines if isinstance(one["pos"], int)]
        return [self._seen(one, listener.agent) for one in numbered if one["pos"] > read.get(one["conversation"], 0)]

    def _item(self, case: str, agent: str) -> Json:
        item = self.cases[case]["item"]
        return {**item, "mine": bool(item["holder"]) and item["holder"]["id"] == agent}

    def _queue(self, agent: str) -> Json:
        items = [self._item(case, agent) for case in self.cases]
        held = [one for one in items if one["state"] == "held"]
        parts: Json = {
            "waiting": [one for one in items if one["state"] == "waiting"],
            "mine": [one for one in held if one["mine"]],
            "others": [one for one in held if not one["mine"]],
            "snoozed": [one for one in items if one["state"] == "snoozed"],
        }
        counts = {name: len(part) for name, part in parts.items()}
        lead = AGENTS[agent]["role"] == "lead"
        return {"now": ago(0), **parts, "counts": counts, "approvals": self.approvals if lead else []}

    def _case(self, case: str, agent: str) -> Json:
        held, item = self.cases[case], self._item(case, agent)
        may = {"claim": item["state"] == "waiting", "write": item["mine"], "why": ""}
        return {"item": item, "context": held["context"], "may": may}

    def _csrf(self, agent: str) -> str:
        return f"csrf-{agent}-{self.sessions}"

    def _me(self, agent: str) -> Json:
        load = sum(1 for case in self.cases if self._item(case, agent)["mine"])
        people = [
            {"id": id, **AGENTS[id], "presence": presence, "skills": ["billing"], "languages": ["en"], "capacity": 3}
            for id, presence in self.presence.items()
        ]
        own = next(one for one in people if one["id"] == agent)
        return {
            "agent": {**own, "load": load}, "csrf": self._csrf(agent), "brand": LARKSPUR, "locale": "en-GB",
            "dialogs": DIALOGS, "acts": ACTS, "reasons": {"asked": "Asked for a person"},
            "skills": ["billing", "complaints"],
            "upload": 2_000, "colleagues": [{**one, "load": 0} for one in people],
            "hours": {"open": True, "until": ahead(3600), "next": None, "line": "Monday to Saturday, 8am to 8pm"},
        }  # fmt: skip

    # The contract

    def _app(self) -> web.Application:
        app = web.Application(middlewares=[self._guard()])
        brand = Path(__file__).parents[2] / "brands" / "larkspur"
        app.add_routes([*serve("/ui", FOLDER), *serve("/brand", brand), *assets()])
        app.add_routes(
            [
                web.get("/desk", self._page),
                web.get("/desk/login", self._login),
                web.get("/desk/events", self._events),
                web.get("/desk/api/{path:.+}", self._read),
                web.post("/desk/api/{path:.+}", self._post),
            ]
        )
        return app

    def _guard(self) -> Any:
        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            live = request.path.startswith(("/desk/api", "/desk/events"))
            if live and self.down:
                return _json({"error": {"code": "StoreUnavailable", "message": "We are busy."}}, 503)
            if live and (self.signed_out or request.cookies.get("parley_desk") not in AGENTS):
                return _json({"error": {"code": "SignIn", "message": "Please sign in."}}, 401)
            return await handler(request)

        return guard

    async def _page(self, request: web.Request) -> web.Response:
        text = document(ConsoleConfig(brand=LARKSPUR))
        return web.Response(text=text, content_type="text/html", headers=page_headers())

    async def _login(self, request: web.Request) -> web.Response:
        response = web.Response(status=302, headers={"Location": "/desk"})
        agent = request.query.get("as", "priya")
        response.set_cookie("parley_desk", agent, httponly=True, samesite="Lax", path="/desk")
        self.signed_out = False
        self.sessions += 1
        return response

    async def _events(self, request: web.Request) -> web.StreamResponse:
        listener = Listener(request.cookies["parley_desk"], request.query.get("case", ""))
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        self.listeners.append(listener)
        async with self._joined:
            self._joined.notify_all()
        listener.events.put_nowait(("hello", {"now": ago(0)}))
        listener.events.put_nowait(("queue", self._queue(listener.agent)))
        if missed := self._missed(listener, request.query.get("after", "")):
            listener.events.put_nowait(("lines", {"case": listener.case, "lines": missed}))
        try:
            while (event := await listener.events.get()) is not None:
                name, data = event
                await response.write(b"event: %s\ndata: %s\n\n" % (name.encode(), msgspec.json.encode(data)))
        except ConnectionResetError:
            pass  # the page has gone
        finally:
            if listener in self.listeners:
                self.listeners.remove(listener)
        return response

    async def _read(self, request: web.Request) -> web.Response:
        agent, path = request.cookies["parley_desk"], request.match_info["path"].split("/")
        match path:
            case ["me"]:
                return _json(self._me(agent))
            case ["queue"]:
                return _json(self._queue(agent))
            case ["replies"]:
                return _json({"replies": self.replies})
            case ["figures"]:
                return _json(self._figures())
            case ["cases", case] if case in self.cases:
                shut = AGENTS[agent]["role"] != "lead" and not self._item(case, agent)["mine"]
                if shut and self.cases[case]["item"]["state"] == "held":
                    return _json({"error": {"code": "Forbidden", "message": "A colleague has this conversation."}}, 403)
                held = self.cases[case]
                lines = [self._seen(one, agent) for one in held["lines"]]
                return _json({**self._case(case, agent), "lines": lines, "more": held["more"]})
            case ["cases", case, "lines"] if case in self.cases:
                return _json({"lines": self.cases[case].get("older", []), "more": None})
        return _json({"error": {"code": "NotFound", "message": "There is no such conversation."}}, 404)

    def _figures(self) -> Json:
        day = {"load": 1, "held_today": 7, "resolved_today": 5}
        team = [{"id": id, "name": one["name"], "presence": self.presence[id], **day} for id, one in AGENTS.items()]
        now = {"waiting": 2, "held": 3, "available": 2, "longest_wait": 250}
        return {"from": ago(86_400), "to": ago(0), "groups": self.groups, "now": now, "agents": team}

    async def _post(self, request: web.Request) -> web.Response:
        agent, path = request.cookies["parley_desk"], request.match_info["path"]
        if request.headers.get("X-Desk-CSRF") != self._csrf(agent):
            return _json({"error": {"code": "Forbidden", "message": "This form is not from the desk."}}, 403)
        upload = request.content_type == "multipart/form-data"
        body: Any = {} if upload else await request.json(loads=msgspec.json.decode)
        if not path.endswith(("/viewing", "/seen")) and (fault := self.faults.pop(0) if self.faults else 0):
            return _json({"error": {"code": "Fault", "message": "The desk is busy."}}, fault)
        self.posts.append((agent, path, body))
        if (key := body.get("key")) in self._keys:
            return _json(self._keys[key])
        answer = await self._act(agent, path.split("/"), body, request)
        if key:
            self._keys[key] = answer
        status = answer.pop("status_code", 200)
        return _json(answer, status)

    async def _act(self, agent: str, path: list[str], body: Json, request: web.Request) -> Json:
        match path:
            case ["presence"]:
                self.presence[agent] = body["state"]
                return {"agent": self._me(agent)["agent"]}
            case ["approvals", id]:
                found = next(one for one in self.approvals if one["id"] == id)
                self.approvals.remove(found)
                self.tell_queue()
                return {"approval": {**found, "state": body["decision"]}}
            case ["replies"]:
                self.replies.append({**body, "id": f"r{len(self.replies) + 1}", "placeholders": []})
                return {"id": self.replies[-1]["id"]}
            case ["cases", case, what]:
                return await self._on_case(agent, case, what, body, request)
        return {}

    async def _on_case(self, agent: str, case: str, what: str, body: Json, request: web.Request) -> Json:
        item, person = self.cases[case]["item"], {"id": agent, "name": AGENTS[agent]["name"]}
        first = AGENTS[agent]["first"]
        match what:
            case "claim":
                if item["holder"]:
                    error = {"code": "Taken", "message": "Somebody was faster."}
                    return {"error": error, "by": item["holder"]["name"], "status_code": 409}
                self.change(case, state="held", holder=person)
            case "viewing":
                others = [one for one in item["viewers"] if one["id"] != agent]
                item["viewers"] = [*others, {**person, "typing": body["typing"]}]
                self.tell_queue()
            case "say":
                said = self.line(case, "agent", body["text"], author=first, by=agent, status="sent", key=body["key"])
                # On its way in: the stream brings it with its place.
                return {"line": {**self._seen(said, agent), "pos": 0, "ref": "", "status": "queued"}}
            case "note":
                number = f"n{len(self.cases[case]['lines']) + 1}"
                note = self.line(
                    case, "agent", body["text"], author=first, by=agent, kind="note", pos=number, key=body["key"]
                )
                return {"line": self._seen(note, agent)}
            case "files":
                part = await (await request.multipart()).next()
                data = await part.read()  # type: ignore[union-attr]
                return {"file": {"id": "f1", "name": part.filename, "type": "image/png", "size": len(data)}}  # type: ignore[union-attr]
            case "snooze":
                self.change(case, state="snoozed", snoozed_until=body["until"])
            case "resolve" | "return" | "transfer":
                gone = self._item(case, agent)
                del self.cases[case]
                self.tell_queue()
                return {"item": gone}
            case "preview":
                return {"line": "Priya has handed you back to me, to cancel a Direct Debit."}
            case "act":
                return dict(self.act_answer)
        return {"item": self._item(case, agent)}


def _json(data: Any, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(data), status=status, content_type="application/json")
