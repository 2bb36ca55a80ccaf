"""Rasa's HTTP interface, in this one place: `GET /status` and `POST /model/parse` of Rasa Open Source 3.6.

https://rasa.com/docs/rasa/pages/http-api
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import aiohttp
import msgspec

from bot.settings import RasaSettings
from nlu.rasa.errors import RasaDown, RasaGarbled

LARGEST = 1 << 20
"""Bytes of an answer that are read."""
TRIES = 2
PAUSE = 0.05
"""Seconds before the second try."""

T = TypeVar("T")
Chance = Annotated[float, msgspec.Meta(ge=0, le=1.001)]
"""Its sums are of 32 bits: a little over 1 is no fault."""


class Intent(msgspec.Struct, frozen=True):
    """An intent as Rasa names it; the name is null where it has none to offer."""

    name: str | None
    confidence: Chance


class Found(msgspec.Struct, frozen=True):
    """An entity as Rasa names it. `start` and `end` count characters; the value is as written or a synonym's head."""

    entity: str
    start: int
    end: int
    value: Any = None
    confidence_entity: Chance = 1.0
    extractor: str = ""


class Answer(msgspec.Struct, frozen=True):
    """What `/model/parse` says; what is not listed here is not read."""

    text: str
    intent: Intent
    entities: list[Found] = []
    intent_ranking: list[Intent] = []


class _Status(msgspec.Struct, frozen=True):
    model_file: str | None = None


@dataclass(slots=True)
class Client:
    """One connection pool to one Rasa. Open it inside the event loop, and close it there."""

    given: RasaSettings
    _session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Make the pool; connects to nothing yet."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self.given.at_once + 1),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
            )

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def model(self) -> str:
        """The file name of the model that is loaded, without its ending; raises `RasaDown` where there is none."""
        status = self._read(await self._asked("GET", "/status"), _Status)
        if not status.model_file:
            raise RasaDown("It runs, and has no model.")
        return status.model_file.rpartition("/")[2].removesuffix(".tar.gz")

    async def parse(self, text: str) -> Answer:
        """Its reading of `text`, as stripped. Tried twice within `nlu.rasa.timeout`; raises `RasaDown`, `RasaGarbled`.

        A text that begins with a slash would be taken for a command to Rasa itself ("/cancel_direct_debit"), so that
        anybody could name an intent: the slash becomes a space.
        """
        sent = unslashed(text)
        body = msgspec.json.encode({"text": sent})
        deadline = asyncio.get_running_loop().time() + self.given.timeout
        for tried in range(1, TRIES + 1):
            try:
                async with asyncio.timeout_at(deadline):
                    answer = self._read(await self._asked("POST", "/model/parse", body), Answer)
                _fits(answer, sent.strip())
                return answer
            except TimeoutError:
                raise RasaDown(f"No answer within {self.given.timeout:g} s.") from None
            except RasaDown:
                if tried == TRIES or asyncio.get_running_loop().time() + PAUSE >= deadline:
                    raise
                await asyncio.sleep(PAUSE)
        raise AssertionError("unreachable")

    async def _asked(self, method: str, path: str, body: bytes | None = None) -> bytes:
        if self._session is None:
            raise RasaDown("Nobody has opened the way to it.")
        token = self.given.token.get_secret_value()
        try:
            async with (
                asyncio.timeout(self.given.timeout),
                self._session.request(
                    method,
                    f"{self.given.url}{path}",
                    data=body,
                    headers={"Content-Type": "application/json"},
                    params={"token": token} if token else None,
                    allow_redirects=False,
                ) as response,
            ):
                # Errors name the status alone: Rasa's words repeat the customer's, and the address holds the token.
                if response.status != 200:
                    raise RasaDown(f"Status {response.status}.")
                return await _whole(response)
        except TimeoutError:
            raise RasaDown(f"No answer within {self.given.timeout:g} s.") from None
        except aiohttp.ClientConnectorError:
            raise RasaDown("Nothing listens there.") from None
        except aiohttp.ClientError as error:
            raise RasaDown(type(error).__name__) from None

    @staticmethod
    def _read(body: bytes, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(body, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise RasaGarbled() from None


def _fits(answer: Answer, text: str) -> None:
    if answer.text != text:
        raise RasaGarbled("It read another text.")
    if not all(0 <= found.start < found.end <= len(text) for found in answer.entities):
        raise RasaGarbled("An entity stands outside the message.")


async def _whole(response: aiohttp.ClientResponse) -> bytes:
    read = bytearray()
    async for chunk in response.content.iter_any():
        read += chunk
        if len(read) > LARGEST:
            raise RasaGarbled("Its answer is too long.")
    return bytes(read)


def unslashed(text: str) -> str:
    """As many characters as `text`, fit to be sent: no leading slash, no half of a surrogate pair."""
    text = text.encode("utf-8", "replace").decode()
    front = next((at for at, letter in enumerate(text) if letter != "/" and not letter.isspace()), len(text))
    return text[:front].replace("/", " ") + text[front:]
