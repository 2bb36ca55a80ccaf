"""Wake-ups within one process: a watch is an event per topic, and a touch sets those who look."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable


class LocalWatch:
    """One watcher of one topic. See `bot.ports.Watch`."""

    def __init__(self, hub: Hub, topic: str) -> None:
        self._hub = hub
        self._topic = topic
        self._event = asyncio.Event()

    async def wait(self, timeout: float) -> bool:
        """True if the topic was touched since the last wait, False after `timeout` seconds."""
        if not self._event.is_set():
            try:
                async with asyncio.timeout(timeout):
                    await self._event.wait()
            except TimeoutError:
                return False
        self._event.clear()
        return True

    def close(self) -> None:
        """Stop watching."""
        self._hub.drop(self._topic, self)

    def touch(self) -> None:
        """Wake whoever waits, now or at its next wait."""
        self._event.set()


class Hub:
    """Who watches what, in this process. Used on the event loop's thread alone."""

    def __init__(self) -> None:
        self._watches: dict[str, set[LocalWatch]] = {}

    def watch(self, topic: str) -> LocalWatch:
        """A new watcher of a topic."""
        made = LocalWatch(self, topic)
        self._watches.setdefault(topic, set()).add(made)
        return made

    def drop(self, topic: str, watch: LocalWatch) -> None:
        """Forget a watcher."""
        watches = self._watches.get(topic)
        if watches is not None:
            watches.discard(watch)
            if not watches:
                del self._watches[topic]

    def touch(self, topics: Iterable[str]) -> None:
        """Wake the watchers of these topics."""
        for topic in topics:
            for watch in self._watches.get(topic, ()):
                watch.touch()

    def touch_all(self) -> None:
        """Wake everybody: after a gap in which touches may have been missed."""
        self.touch(tuple(self._watches))
