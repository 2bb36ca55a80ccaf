"""The HTTP surface against the OpenAPI document that it serves: every route is in it, and none answers otherwise."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
import yaml

import compose
from adapters.fakes.platforms import Platforms, environment
from bot import assembly
from bot.configuration import load_settings
from bot.dev.scaffold import new_brand
from bot.settings import HOME
from bot.web.openapi import document, named_routes
from tests.brands.serving import CLEAN, serving

DESCRIBED: dict[str, Any] = yaml.safe_load((HOME / "openapi.yml").read_text("utf-8"))
ELSEWHERE = ("desk", "dev-", "fake", "idp_")
"""Routes that have papers of their own."""


def reader(*_: object) -> object:
    """A recogniser that takes no time to build."""
    return SimpleNamespace(control=lambda text, locale: None)


async def routes(folder: Path) -> dict[str, tuple[str, str]]:
    """Every named route of a site with all channels."""
    kept = {
        "PARLEY_DATA": str(folder),
        "PARLEY_STORE__URL": f"sqlite:///{folder}/p.db",
        "PARLEY_NLU__RECOGNISER": f"{__name__}:reader",
    }
    platforms = Platforms()
    named = environment("http://127.0.0.1:9", platforms.telegram, platforms.slack, platforms.messenger)
    made = assembly.parts(load_settings(HOME / "config.yml", {**kept, **named}))
    async with compose.site(made, lambda line: None) as built:
        return named_routes(built.app)


async def test_every_route_is_described_and_nothing_else(tmp_path: Path) -> None:
    found = {name for name in await routes(tmp_path) if not name.startswith(ELSEWHERE)}
    assert found == set(DESCRIBED["routes"]), "openapi.yml and the routes differ"


async def test_the_document_has_each_operation_once_with_what_it_takes(tmp_path: Path) -> None:
    from aiohttp import web

    async def nothing(request: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    app.add_routes([web.post("/link/{handle}", nothing, name="link_decide"), web.get("/livez", nothing, name="livez")])
    app.add_routes([web.get("/secret", nothing, name="not_described")])
    made = document(app, DESCRIBED, "Acme")
    assert set(made["paths"]) == {"/link/{handle}", "/livez"}
    decide = made["paths"]["/link/{handle}"]["post"]
    assert [one["name"] for one in decide["parameters"]] == ["handle"]
    assert set(decide["requestBody"]["content"]) == {"application/x-www-form-urlencoded"}
    assert {"200", "400", "429", "503"} <= set(decide["responses"])


CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


async def schemathesis(url: str, folder: Path, session: dict[str, Any], examples: int) -> tuple[int, str]:
    """Run it against a server; its exit code and what it said."""
    (folder / "schemathesis.toml").write_text(
        f'[parameters]\nconversation = "{session["conversationId"]}"\nhandle = "{"a" * 43}"\nprovider = "demo"\n'
    )
    ran = await asyncio.create_subprocess_exec(
        Path(sys.executable).parent / "st", "--config-file", str(folder / "schemathesis.toml"),
        "run", f"{url}/openapi.json", "--checks", CHECKS, "--max-examples", str(examples), "--seed", "1",
        "--phases", "examples,coverage,fuzzing", "--no-color", "--suppress-health-check", "all",
        "-H", f"Authorization: Bearer {session['token']}", "--exclude-operation-id", "directline-stream",
        cwd=folder, env={**CLEAN, "PYTHONWARNINGS": "ignore"}, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await asyncio.wait_for(ran.communicate(), 600)
    assert ran.returncode is not None
    return ran.returncode, out.decode()


@pytest.mark.slow
async def test_schemathesis_finds_nothing_otherwise_than_described(tmp_path: Path) -> None:
    new_brand(tmp_path, "acme")
    async with serving(tmp_path / "acme" / "config.yml") as site:
        await site.ready()
        async with aiohttp.ClientSession() as client, client.get(f"{site.url}/openapi.json") as answer:
            assert (await answer.json())["openapi"] == "3.1.0"
        await site.open()
        code, said = await schemathesis(site.url, tmp_path, site.session, 5)
        assert code == 0, said[-6000:]
        assert '"request failed"' not in site.said()


@pytest.mark.long
async def test_schemathesis_for_long(tmp_path: Path) -> None:
    new_brand(tmp_path, "acme")
    async with serving(tmp_path / "acme" / "config.yml") as site:
        await site.ready()
        await site.open()
        code, said = await schemathesis(site.url, tmp_path, site.session, 60)
        assert code == 0, said[-6000:]
        assert '"request failed"' not in site.said()
