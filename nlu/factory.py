"""Builds a recogniser from understanding data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from bot.ports import Recogniser
from bot.settings import NluSettings
from nlu.chain import Chain
from nlu.data import load
from nlu.embedded import obtain
from nlu.entities import EntityFinder


def build(
    files: Sequence[Path],
    cache: Path,
    today: Callable[[], date],
    progress: Callable[[str], None] = lambda _: None,
    given: NluSettings | None = None,
    *,
    encoder: Path | None = None,
) -> Recogniser:
    """A recogniser that knows what these Rasa files teach; raises `BadExamples`.

    Trains for a few seconds where `cache` holds no model of this data, so call it outside the event loop
    (`asyncio.to_thread`). `today` gives the brand's date for "last month".
    `given` says which backend reads; without it the embedded one does.
    `encoder` is the folder that `python -m nlu.minilm` filled; without it, or where it is unfit, TF-IDF reads alone
    and `progress` is told.
    """
    data = load(files)
    return Chain(obtain(data, files, cache, progress, encoder), EntityFinder(data, today))
