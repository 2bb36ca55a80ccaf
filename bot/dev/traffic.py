"""Customers for the demo: they talk to a running server's web chat, so that its desk has life at first sight."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence

import aiohttp

from bot.errors import Temporary

Tell = Callable[[str], None]

STORIES: Sequence[Sequence[str]] = (
    ("hello", "why is my bill higher", "talk to a person", "it went up by ten pounds and nobody told me"),
    ("i can't afford to pay my bill", "i've just lost my job"),
    ("my broadband isn't working", "since last night", "the box has a red light"),
    ("my husband has died", "i don't know what to do about his phone"),
    ("i want to dispute a charge", "there's a £4.99 i don't know"),
    ("agent please", "i've moved house"),
    ("cancel a direct debit", "human", "will i be charged for leaving?"),
    ("i want to make a complaint", "i was promised a call and nobody rang"),
    ("what can you do", "receipts", "can i talk to a real person", "never mind"),
    ("put me through to somebody", "are you there?", "hello?"),
)
"""What each customer writes, in order."""

ANSWERS = ("thanks", "ok", "yes please", "i see", "how long will that take?", "great, thank you")
"""What a customer says to a person."""


class NoServer(Temporary):
    """No server answers at this address. Start one: make run."""


async def traffic(url: str, customers: int, seconds: float, tell: Tell, *, seed: int | None = None) -> int:
    """Let `customers` talk, a few at a time, for about so many seconds; returns how many did. Raises `NoServer`."""
    rng = random.Random(seed)
    stories = [STORIES[at % len(STORIES)] for at in range(customers)]
    try:
        async with asyncio.TaskGroup() as group:
            for at, story in enumerate(stories):
                begins = rng.random() * seconds / 2
                group.create_task(_customer(url, at + 1, story, rng, begins, seconds, tell))
    except* (aiohttp.ClientError, TimeoutError):
        raise NoServer(url) from None
    return customers


async def _customer(
    url: str, number: int, story: Sequence[str], rng: random.Random, begins: float, seconds: float, tell: Tell
) -> None:
    await asyncio.sleep(begins)
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True), timeout=timeout) as session:
        async with session.post(f"{url}/chat/session", headers={"Origin": url}) as answer:
            answer.raise_for_status()
            token = (await answer.json())["token"]
        session.headers["Authorization"] = f"Bearer {token}"
        async with session.post(f"{url}/v3/directline/conversations") as answer:
            answer.raise_for_status()
            conversation = (await answer.json())["conversationId"]
        at = f"{url}/v3/directline/conversations/{conversation}/activities"
        for text in story:
            await _say(session, at, text)
            tell(f"customer {number}: {text}")
            await asyncio.sleep(rng.uniform(0.3, 1.0) * seconds / 12)
        await _answer_people(session, at, rng, seconds - begins, number, tell)


async def _say(session: aiohttp.ClientSession, at: str, text: str) -> None:
    body = {"type": "message", "from": {"id": "me"}, "text": text, "locale": "en-GB"}
    async with session.post(at, json=body) as answer:
        answer.raise_for_status()


async def _answer_people(
    session: aiohttp.ClientSession, at: str, rng: random.Random, seconds: float, number: int, tell: Tell
) -> None:
    """Answer whatever a person writes, until the time is over."""
    loop, watermark = asyncio.get_running_loop(), ""
    until = loop.time() + seconds
    while loop.time() < until:
        async with session.get(at, params={"watermark": watermark}) as answer:
            answer.raise_for_status()
            page = await answer.json()
        heard = [one for one in page["activities"] if (one.get("channelData") or {}).get("author")]
        if heard and watermark:
            await asyncio.sleep(rng.uniform(1.0, 3.0))
            text = rng.choice(ANSWERS)
            await _say(session, at, text)
            tell(f"customer {number}: {text}")
        watermark = str(page.get("watermark", watermark))
        await asyncio.sleep(1.0)
