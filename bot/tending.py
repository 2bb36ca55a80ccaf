"""A recogniser with something behind it: opened and closed with the site, and asked which backend reads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from bot.errors import ParleyError
from bot.ports import Recogniser, Tended


@asynccontextmanager
async def tending(recogniser: Recogniser) -> AsyncIterator[None]:
    """What stands behind the recogniser is there, if anything does."""
    if not isinstance(recogniser, Tended):
        yield
        return
    try:
        await recogniser.begin()
        yield
    finally:
        await recogniser.close()


def tended(recogniser: Recogniser) -> Mapping[str, Tended]:
    """By name, the worker that keeps it going and answers for its readiness; nothing where none is needed."""
    return {"understanding": recogniser} if isinstance(recogniser, Tended) else {}


def reading(recogniser: Recogniser) -> Callable[[], Awaitable[str]]:
    """Says which backend reads now; "" where the recogniser does not say."""

    async def says() -> str:
        try:
            return await recogniser.ready() if isinstance(recogniser, Tended) else ""
        except ParleyError as error:
            return str(error)

    return says
