"""What a process would log, as lines of text."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from bot.observe import configure, heard


@contextmanager
def logged(level: str = "INFO") -> Iterator[io.StringIO]:
    """Everything that is logged meanwhile, redacted; afterwards logs go where they went before."""
    root, stream = logging.getLogger(), io.StringIO()
    before, was = root.handlers[:], root.level
    # `heard` puts our own lines back to where they went.
    with heard():
        configure(level=level, stream=stream)
        try:
            yield stream
        finally:
            root.handlers[:] = before
            root.setLevel(was)
