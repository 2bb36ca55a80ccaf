"""Understanding."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from bot.model import Control, Parse


class Recogniser(Protocol):
    """Reads what a message means."""

    def control(self, text: str, locale: str | None = None) -> Control | None:
        """Rule-level "human" or "stop", cheap enough for the accept path."""
        ...

    async def parse(self, text: str, locale: str | None = None) -> Parse:
        """The message's intent and entities; never raises for odd text."""
        ...


@runtime_checkable
class Tended(Protocol):
    """A recogniser with something behind it, another process or a service, that a served site keeps going."""

    async def begin(self) -> None:
        """Open what it needs; a backend that is not there yet is no error."""
        ...

    async def run(self) -> None:
        """Keep it going until `stop`."""
        ...

    async def stop(self) -> None:
        """Begin nothing more."""
        ...

    async def close(self) -> None:
        """Let go of what `begin` opened."""
        ...

    async def ready(self) -> str:
        """Which backend reads now, in words for the operator. Raises `ParleyError` where none can."""
        ...
