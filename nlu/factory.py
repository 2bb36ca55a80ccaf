"""Builds a recogniser from understanding data.

What only a site needs (Rasa's client, the parse process's keeper, the settings) is imported where it is used: the parse
process imports this package too, and starts in half the time without.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from nlu.chain import Chain
from nlu.data import NluData, load
from nlu.embedded import obtain
from nlu.entities import EntityFinder
from nlu.exact import wordings
from nlu.front import Front
from nlu.wire import Plan

if TYPE_CHECKING:
    from bot.ports import Recogniser
    from bot.settings import NluSettings, RasaSettings
    from nlu.rasa import RasaRecogniser
    from nlu.rasa.recogniser import Again, Learnt


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
    `given` says which backend reads, with which encoder and in which process; without it the embedded one does, here.
    `encoder` is the folder that `python -m nlu.minilm` filled; without it, or where it is unfit, TF-IDF reads alone
    and `progress` is told.
    """
    data = load(files)
    find = EntityFinder(data, today)
    if given is None:
        return Chain(obtain(data, files, cache, progress, encoder), find)
    from nlu.apart import Apart
    from nlu.rasa.recogniser import Again

    again = Again(cache, lambda: learnt(load(files), today))
    if given.backend == "rasa":
        return asking_rasa(data, today, given.rasa, again=again)
    encoder = encoder or encoder_of(given)
    kept = given.trust == "kept"
    here = Chain(obtain(data, files, cache, progress, encoder, kept=kept), find)
    plan = Plan([str(file.resolve()) for file in files], str(cache.resolve()), str(encoder or ""))
    # A process of its own takes a model whose trust is fitted, which is what was not to be waited for.
    embedded = Apart(here, plan, today) if given.apart and not kept else here
    return embedded if given.backend == "embedded" else asking_rasa(data, today, given.rasa, embedded, again)


def encoder_of(given: NluSettings) -> Path | None:
    """The encoder's folder that the configuration names, relative to Parley's own; None: words alone."""
    from bot.settings import HOME

    return HOME / given.encoder if given.encoder else None


def asking_rasa(
    data: NluData,
    today: Callable[[], date],
    given: RasaSettings,
    standin: Recogniser | None = None,
    again: Again | None = None,
) -> RasaRecogniser:
    """A recogniser that asks Rasa, and `standin` whenever Rasa does not answer."""
    from nlu.rasa import Client, RasaRecogniser, Watch

    client, known = Client(given), learnt(data, today)
    return RasaRecogniser(known, client, Watch(client, known.wanted, given.look), given.at_once, standin, again)


def learnt(data: NluData, today: Callable[[], date]) -> Learnt:
    """What stands before Rasa and behind it, of these examples."""
    from nlu.rasa.examples import fingerprint
    from nlu.rasa.reading import Entities
    from nlu.rasa.recogniser import Learnt
    from nlu.rasa.watch import OWN

    front = Front(EntityFinder(data, today), wordings(data.examples))
    return Learnt(front, Entities(data), frozenset(data.intents), f"{OWN}{fingerprint(data)}-")
