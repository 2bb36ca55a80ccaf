"""The web side every neighbour stands in: boundary, headers, health, drain, limits, static files."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bot.errors import SettingsError, StoreUnavailable
from bot.observe.metrics import REGISTRY
from bot.web import EXTRA, Drain, Forbidden, Health, Taken, build_app, json, static_routes
from tests.logged import logged

PAGE = {"Accept": "text/html,application/xhtml+xml"}


@asynccontextmanager
async def serving(
    *routes: web.RouteDef, drain: Drain | None = None, checks: dict[str, Callable[[], Awaitable[str]]] | None = None,
    https: bool = False,
) -> AsyncIterator[TestClient[web.Request, web.Application]]:  # fmt: skip
    drain = drain or Drain()
    app = build_app(routes=routes, health=Health(checks or {}, drain=drain, seconds=0.2), drain=drain, https=https)
    async with TestClient(TestServer(app)) as client:
        yield client


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    with logged() as stream:
        yield stream


async def fine(request: web.Request) -> web.Response:
    return json({"fine": True})


def raising(error: Exception) -> web.RouteDef:
    async def handle(request: web.Request) -> web.Response:
        raise error

    return web.get("/raise", handle, name="raises")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Forbidden(), 403, "Forbidden"),
        (StoreUnavailable("disk full"), 503, "ServiceUnavailable"),
        (SettingsError("no key"), 500, "Misconfigured"),
        (web.HTTPNotFound(), 404, "NotFound"),
        (ValueError("cancel my direct debit"), 500, "InternalError"),
    ],
)
async def test_every_failure_is_a_plain_answer_for_programs_and_for_people(
    lines: io.StringIO, error: Exception, status: int, code: str
) -> None:
    async with serving(raising(error)) as client:
        answer = await client.get("/raise")
        body = await answer.json()
        assert (answer.status, body["error"]["code"]) == (status, code)
        page = await client.get("/raise", headers=PAGE)
        text = await page.text()
        assert page.status == status and page.content_type == "text/html" and "<h1>" in text
        for said in (str(body), text, lines.getvalue()):
            assert "cancel my direct debit" not in said and "Traceback" not in said


async def test_an_unexpected_failure_names_an_id_that_the_log_has(lines: io.StringIO) -> None:
    async with serving(raising(ValueError("x"))) as client:
        message = (await (await client.get("/raise")).json())["error"]["message"]
    id_ = message.rsplit(" ", 1)[1].rstrip(".")
    logged = [msgspec.json.decode(line) for line in lines.getvalue().splitlines()]
    (failed,) = [line for line in logged if line["event"] == "request failed"]
    assert failed["request"] == id_
    assert failed["failure"]["chain"][0]["type"] == "builtins.ValueError"


async def test_a_temporary_failure_says_when_to_come_back() -> None:
    async with serving(raising(StoreUnavailable("busy", retry_after=7))) as client:
        assert (await client.get("/raise")).headers["Retry-After"] == "7"


async def test_requests_are_logged_and_counted_by_route_never_by_address(lines: io.StringIO) -> None:
    async with serving(web.get("/c/{id}", fine, name="one"), web.get("/d/{id}", fine)) as client:
        await client.get("/c/customer-7?t=credential")
        await client.get("/d/customer-7")
        await client.get("/nothing/customer-7")
    assert "customer-7" not in lines.getvalue() and "credential" not in lines.getvalue()
    routes = [msgspec.json.decode(line)["route"] for line in lines.getvalue().splitlines()]
    assert routes == ["one", "/d/{id}", "unknown"]
    labels = {"route": "one", "method": "GET", "status": "200"}
    assert (REGISTRY.get_sample_value("parley_http_requests_total", labels) or 0) >= 1


async def test_unknown_addresses_and_methods_get_a_clear_answer() -> None:
    async with serving(web.get("/fine", fine)) as client:
        assert (await client.get("/nothing")).status == 404
        wrong = await client.post("/fine")
        assert wrong.status == 405 and "GET" in wrong.headers["Allow"]
        assert (await wrong.json())["error"]["code"] == "MethodNotAllowed"


async def test_a_body_over_the_cap_is_413_and_a_packed_one_counts_unpacked() -> None:
    import gzip

    async def echo(request: web.Request) -> web.Response:
        return json({"size": len(await request.read())})

    async with serving(web.post("/echo", echo)) as client:
        assert (await client.post("/echo", data=b"x" * 256 * 1024)).status == 200
        big = await client.post("/echo", data=b"x" * 300_000)
        assert big.status == 413 and (await big.json())["error"]["code"] == "MessageSizeTooBig"
        bomb = gzip.compress(b"x" * 5_000_000)
        assert (await client.post("/echo", data=bomb, headers={"Content-Encoding": "gzip"})).status == 413


async def test_security_headers_stand_on_every_answer_and_a_page_may_set_its_own() -> None:
    async def own(request: web.Request) -> web.Response:
        return web.Response(headers={"Content-Security-Policy": "default-src 'self'"})

    async with serving(web.get("/fine", fine), web.get("/own", own), https=True) as client:
        for path in ("/fine", "/nothing", "/livez"):
            headers = (await client.get(path)).headers
            assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Referrer-Policy"] == "no-referrer"
            assert headers["Strict-Transport-Security"]
            assert "aiohttp" not in headers.get("Server", "").lower()
        assert (await client.get("/own")).headers["Content-Security-Policy"] == "default-src 'self'"
    async with serving() as client:
        assert "Strict-Transport-Security" not in (await client.get("/livez")).headers


async def test_readiness_names_each_check_and_a_hanging_or_broken_one_hides_no_other() -> None:
    async def good() -> str:
        return "5 tables"

    async def bad() -> str:
        raise StoreUnavailable("disk full")

    async def hangs() -> str:
        await asyncio.sleep(60)
        return ""

    async def broken() -> str:
        raise ValueError("cancel my direct debit")

    async with serving(checks={"store": good}) as client:
        ready = await client.get("/readyz")
        assert ready.status == 200
        assert await ready.json() == {"ok": True, "checks": [{"name": "store", "ok": True, "detail": "5 tables"}]}
    async with serving(checks={"a": good, "b": bad, "c": hangs, "d": broken}) as client:
        ready = await client.get("/readyz")
        checks = {check["name"]: check for check in (await ready.json())["checks"]}
        assert ready.status == 503
        assert {name: check["ok"] for name, check in checks.items()} == {"a": True, "b": False, "c": False, "d": False}
        assert "disk full" in checks["b"]["detail"] and "0.2 s" in checks["c"]["detail"]
        assert "cancel my direct debit" not in str(checks)
        assert (await client.get("/livez")).status == 200
    assert REGISTRY.get_sample_value("parley_ready", {"check": "b"}) == 0


async def test_metrics_come_in_prometheus_format() -> None:
    async with serving() as client:
        answer = await client.get("/metrics")
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        assert "# TYPE parley_turns_total counter" in await answer.text()


async def test_draining_finishes_what_runs_and_refuses_what_is_new() -> None:
    drain, go, begun = Drain(), asyncio.Event(), asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        begun.set()
        await go.wait()
        return json({"finished": True})

    async with serving(web.get("/slow", slow), web.get("/fine", fine), drain=drain) as client:
        running = asyncio.create_task(client.get("/slow"))
        await begun.wait()
        drain.begin()
        refused = await client.get("/fine")
        assert refused.status == 503 and refused.headers["Retry-After"]
        assert (await client.get("/readyz")).status == 503 and (await client.get("/livez")).status == 200
        assert await drain.finish(within=0.05) is False
        finishing = asyncio.create_task(drain.finish(within=5))
        await asyncio.sleep(0)
        assert not finishing.done()
        go.set()
        assert await finishing is True
        assert await (await running).json() == {"finished": True}


async def test_a_brands_look_is_served_and_nothing_else_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "theme.css").write_text(":root { --brand-colour: teal }")
    (tmp_path / "logo.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (tmp_path / "brand.yml").write_text("phone: secret")
    (tmp_path / "evil.js").write_text("alert(1)")
    (tmp_path / "seed").mkdir()
    (tmp_path / "seed" / "inner.css").write_text("x")
    async with serving(*static_routes(tmp_path)) as client:
        theme = await client.get("/brand/theme.css")
        assert theme.status == 200 and theme.content_type == "text/css"
        again = await client.get("/brand/theme.css", headers={"If-None-Match": theme.headers["ETag"]})
        assert again.status == 304
        assert (await client.get("/brand/logo.svg")).content_type == "image/svg+xml"
        for path in ("brand.yml", "evil.js", "seed/inner.css", "../secret", "%2e%2e/secret", ""):
            assert (await client.get(f"/brand/{path}")).status == 404, path
        assert (await client.get("/ui/vendor/lit.min.js")).status == 200


async def raw(client: TestClient[web.Request, web.Application], request: str) -> tuple[str, list[str], bool]:
    """Status line, headers with the date's shape, and whether a second request on the same line is answered as well."""
    reader, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(request.encode() * 2)
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
    try:
        goes_on = (await reader.readuntil(b"\r\n\r\n")).startswith(first.encode())
    except asyncio.IncompleteReadError:
        goes_on = False
    writer.close()
    await writer.wait_closed()
    return first, sorted(re.sub(r"\d", "0", line) if line.startswith("Date: ") else line for line in lines), goes_on


@pytest.mark.parametrize("https", [False, True])
@pytest.mark.parametrize("version", ["1.1", "1.0"])
@pytest.mark.parametrize("more", ["", "Connection: close\r\n", "Connection: keep-alive\r\n"])
@pytest.mark.parametrize("extra", [{}, {"Access-Control-Allow-Origin": "https://shop.example"}])
async def test_taken_is_the_librarys_own_empty_200(https: bool, version: str, more: str, extra: dict[str, str]) -> None:
    async def plain(request: web.Request) -> web.Response:
        request[EXTRA] = extra
        return web.Response(status=200)

    async def taken(request: web.Request) -> web.Response:
        request[EXTRA] = extra
        return Taken()

    async with serving(web.post("/plain", plain), web.post("/taken", taken), https=https) as client:
        for said in ("", "hello"):
            rest = f" HTTP/{version}\r\nHost: a\r\n{more}Content-Length: {len(said)}\r\n\r\n{said}"
            assert await raw(client, f"POST /taken{rest}") == await raw(client, f"POST /plain{rest}")


async def test_taken_with_a_header_or_a_cookie_of_its_own_keeps_them() -> None:
    async def taken(request: web.Request) -> web.Response:
        answer = Taken()
        if request.query["own"] == "header":
            answer.headers["X-One"] = "1"
        else:
            answer.set_cookie("two", "2")
        return answer

    async with serving(web.post("/taken", taken)) as client:
        assert (await client.post("/taken?own=header")).headers["X-One"] == "1"
        assert (await client.post("/taken?own=cookie")).cookies["two"].value == "2"
