"""The data's own utterances, word for word: what an author wrote is never read as something else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nlu.annotation import Span
from nlu.data import Example
from nlu.text import plain

_ANY = "§month"
"""Stands for a month in a wording: a word that no customer writes."""
Place = tuple[int, int]


def wordings(examples: Sequence[Example]) -> dict[str, str]:
    """Each utterance as `plain`, and each that names a month also for any other month → its intent."""
    exact = {plain(e.text): e.intent for e in examples if plain(e.text)}
    patterns: dict[str, set[str]] = {}
    for example in examples:
        if places := _months(example.spans):
            patterns.setdefault(any_month(example.text, places), set()).add(example.intent)
    return exact | {wording: intents.pop() for wording, intents in patterns.items() if len(intents) == 1}


def any_month(text: str, places: Iterable[Place]) -> str:
    """`text` as `plain`, with a mark in place of each month; `places` are their starts and ends."""
    for start, end in sorted(places, reverse=True):
        text = f"{text[:start]}{_ANY}{text[end:]}"
    return plain(text)


def _months(spans: Iterable[Span]) -> list[Place]:
    return [(span.start, span.end) for span in spans if span.entity == "month"]
