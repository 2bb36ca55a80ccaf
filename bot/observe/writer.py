"""Where all logs end. What happens in one pass of the event loop is written at its end, in one piece."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from contextlib import nullcontext
from typing import TextIO

Text = Callable[[], str]
"""Makes a line's text."""


class LineWriter(logging.StreamHandler[TextIO]):
    """A handler of the standard library, which also takes lines that are still to be made.

    A line apiece costs a system call, and what makes a line is no longer at hand when the next request ends. So lines
    wait for the end of the pass, a few milliseconds at most. A warning waits for nothing, nor does a line that is
    written outside of a loop; and the interpreter's end writes what is left.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._waiting: deque[Text] = deque()
        self._due: asyncio.AbstractEventLoop | None = None
        """The loop at whose next pass the waiting lines are written."""

    def add(self, text: Text, *, now: bool) -> None:
        """Write a line with the others of this pass, or now."""
        self._waiting.append(text)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            now = True
        if now:
            self.flush()
        elif self._due is not loop:
            self._due = loop
            loop.call_soon(self._pass)

    def _pass(self) -> None:
        self._due = None
        self.flush()

    def flush(self) -> None:
        """Write what waits."""
        with self.lock or nullcontext():
            lines = []
            while self._waiting:
                lines.append(_made(self._waiting.popleft()))
            if lines:
                self.stream.write("".join(lines))
            super().flush()


def _made(text: Text) -> str:
    try:
        return text()
    except Exception as error:  # One line's boundary: whatever its fields held, the others are written.
        return f'{{"event":"log line lost","level":"error","failure":"{type(error).__name__}"}}\n'
