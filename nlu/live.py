"""Which model is to read: a file in the models' folder names it, and whoever reads looks there every second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

LIVE = "live"
"""The file in the models' folder that names the model which is to read."""
LOOK = 1.0
"""Seconds between two looks."""


def named(models: Path) -> str:
    """The model that is to read; "" where none was ever named."""
    try:
        return (models / LIVE).read_text().strip()
    except OSError:
        return ""


def name(models: Path, model: str) -> None:
    """Have running sites read by this model."""
    draft = models / f".{LIVE}"
    draft.write_text(model)
    draft.replace(models / LIVE)


async def changes(models: Path, ending: asyncio.Event) -> AsyncIterator[str]:
    """Each other model that is named from now on, until `ending` is set."""
    seen = named(models)
    while not ending.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(ending.wait(), LOOK)
        if not ending.is_set() and (live := named(models)) != seen:
            seen = live
            yield live
