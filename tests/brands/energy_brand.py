"""The energy supplier: its folder copied to where a test wants it, and its own identity provider on another port."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import yaml
from aiohttp import web

from auth.demo_idp import DemoClient, DemoIdp
from bot.store.system_clock import SystemClock
from tests.brands.serving import free_port

TEMPLATE = Path(__file__).parent / "energy"
PEOPLE = [
    {"sub": "ida", "name": "Ida", "story": "Meter HE-77", "customer_ref": "H-2001"},
    {"sub": "otto", "name": "Otto", "story": "Meter HE-91", "customer_ref": "H-2002"},
]


def make(folder: Path, issuer: str = "") -> Path:
    """Write the brand into `folder`; returns its configuration file."""
    brand = folder / "energy"
    shutil.copytree(TEMPLATE, brand, ignore=shutil.ignore_patterns("__pycache__"))
    config = brand / "config.yml"
    if issuer:
        settings = yaml.safe_load(config.read_text("utf-8"))
        settings["identity"]["providers"][0]["issuer"] = issuer
        config.write_text(yaml.safe_dump(settings), "utf-8")
    return config


@asynccontextmanager
async def provider(port: int, site: str) -> AsyncIterator[DemoIdp]:
    """The brand's identity provider at `http://127.0.0.1:{port}`, for a chat that runs at `site`."""
    secret = yaml.safe_load((TEMPLATE / "config.yml").read_text("utf-8"))["identity"]["providers"][0]["client_secret"]
    idp = DemoIdp(
        issuer=f"http://127.0.0.1:{port}",
        clients=[DemoClient("chat", secret, (f"{site}/link/callback/hearth",))],
        personas=PEOPLE,
        clock=SystemClock(),
        brand={"name": "Hearth account"},
        customer_claim="account_number",
    )
    runner = web.AppRunner(idp.app(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield idp
    finally:
        await runner.cleanup()


def readings(config: Path) -> list[tuple[str, str, str]]:
    """(reference, meter, value) of every reading the brand's own system has recorded."""
    db = sqlite3.connect(f"{(config.parent / 'var' / 'meters.db').as_uri()}?mode=ro", uri=True)
    try:
        return db.execute("SELECT reference, meter, value FROM reading").fetchall()
    finally:
        db.close()


__all__ = ["PEOPLE", "free_port", "make", "provider", "readings"]
