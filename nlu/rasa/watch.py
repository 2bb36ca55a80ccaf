"""Whether Rasa may be asked now: a circuit breaker that is closed again by looking, never by a customer's message."""

from __future__ import annotations

import asyncio
import time

from bot.observe import logger
from bot.observe.metrics import RASA_FAILURES, RASA_UP
from nlu.rasa.client import Client
from nlu.rasa.errors import RasaDown, RasaGarbled, RasaUntrained

log = logger("parley.rasa")

FAILURES = 3
"""In a row, and it is asked no more until it answers again."""
SETTLED = 4
"""While it answers it is looked at so much less often."""
GREETING = "hello"
"""What it must read before customers' messages go to it."""
OWN = "parley-"
"""How the models that `make rasa` trains begin; after it comes the hash of their examples."""


class Watch:
    """`wanted`: how the name of a model of these examples begins. Another's model is used as it is."""

    def __init__(self, client: Client, wanted: str, every: float) -> None:
        self._client, self._every = client, every
        self.wanted = wanted
        self._stopping = asyncio.Event()
        self._failures = 0
        self.up = False
        self.model = ""
        self.why = "It has not been looked for yet."
        self.since = time.monotonic()

    async def look(self) -> bool:
        """Ask once how it is; whether it may be asked."""
        try:
            model = await self._client.model()
            if model.startswith(OWN) and not model.startswith(self.wanted):
                raise RasaUntrained(f"It has {model}.")
            # That it is there does not say that it reads: after a failure it has to show it.
            if not self.up or model != self.model or self._failures:
                await self._client.parse(GREETING)
        except (RasaDown, RasaGarbled, RasaUntrained) as error:
            self.failed(error, at_once=isinstance(error, RasaUntrained))
        else:
            self._answers(model)
        return self.up

    def worked(self) -> None:
        """A message was read."""
        self._failures = 0

    def failed(self, error: RasaDown | RasaGarbled | RasaUntrained, *, at_once: bool = False) -> None:
        """A message was not read, or it did not answer when looked at."""
        if self.up:
            RASA_FAILURES.labels(type(error).__name__).inc()
        self._failures += 1
        if self.up and (at_once or self._failures >= FAILURES):
            self.up, self.since = False, time.monotonic()
            log.warning("rasa is out", reason=str(error))
        if not self.up:
            self.why = str(error)
        RASA_UP.set(self.up)

    def _answers(self, model: str) -> None:
        if not self.up:
            log.info("rasa reads", model=model, seconds_without=round(time.monotonic() - self.since, 1))
            self.since = time.monotonic()
        self.up, self.model, self.why, self._failures = True, model, "", 0
        RASA_UP.set(1)

    async def run(self) -> None:
        """Look again and again until `stop`. Whoever begins this has looked once."""
        while True:
            try:
                await asyncio.wait_for(self._stopping.wait(), self._every * (SETTLED if self.up else 1))
                return
            except TimeoutError:
                await self.look()

    async def stop(self) -> None:
        """Look no more."""
        self._stopping.set()
