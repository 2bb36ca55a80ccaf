"""The interpreter's own settings, for a process that serves."""

from __future__ import annotations

import gc
import sys

SWITCH = 0.0005
"""Seconds a thread may keep the interpreter while another wants it. At Python's 5 ms SQLite's writer, which gives it up
in every statement, waits for it longer than for the disk."""


def tune() -> None:
    """Call once, when everything has been imported and built and nothing has been served yet."""
    sys.setswitchinterval(SWITCH)
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
