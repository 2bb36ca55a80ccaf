"""Choices within a channel's limits: as buttons, as a list with buttons, or as a list to answer by number or words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from adapters.render.parts import Button, Limits, Words
from adapters.render.splitting import shorten
from bot.model import Outbound

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page:
    """A share of the choices: lines that belong into the text, and the buttons beside it."""

    lines: tuple[str, ...] = ()
    buttons: tuple[Button, ...] = ()


def pages(said: Outbound, limits: Limits, words: Words) -> tuple[Page, ...]:
    """Every choice of `said`, on as many pages as the buttons need; each stands on one, in order."""
    choices = said.choices
    if not choices:
        return ()
    if limits.buttons and (len(choices) <= limits.buttons or limits.keeps_buttons):
        return _with_buttons(said, limits)
    marks = _marks(said)
    intro = words.by_number if answers_by_number(said) else words.by_words
    return (Page((intro, *(mark + choice.label for mark, choice in zip(marks, choices, strict=True)))),)


def answers_by_number(said: Outbound) -> bool:
    """Whether "2" answers it. A yes or no wants its words or its button; offers are taken by words."""
    return bool(said.op) and {choice.id for choice in said.choices} != {"yes", "no"}


def _with_buttons(said: Outbound, limits: Limits) -> tuple[Page, ...]:
    choices = said.choices
    if all(_fits(choice.label, limits) for choice in choices):
        buttons = [Button(choice.label, choice.nonce) for choice in choices]
        return tuple(Page((), tuple(group)) for group in _groups(buttons, limits.buttons))
    marks = _marks(said)
    short = [shorten(choice.label, limits.label, limits.measure) for choice in choices]
    if marks[0] != _BULLET or len(set(short)) < len(short):
        marks = _numbers(len(choices))
        short = [
            shorten(mark + choice.label, limits.label, limits.measure)
            for mark, choice in zip(marks, choices, strict=True)
        ]
    made = [
        (mark + choice.label, Button(label, choice.nonce))
        for mark, choice, label in zip(marks, choices, short, strict=True)
    ]
    return tuple(
        Page(tuple(line for line, _ in group), tuple(button for _, button in group))
        for group in _groups(made, limits.buttons)
    )


_BULLET = "• "


def _marks(said: Outbound) -> list[str]:
    return _numbers(len(said.choices)) if answers_by_number(said) else [_BULLET] * len(said.choices)


def _numbers(count: int) -> list[str]:
    return [f"{number}. " for number in range(1, count + 1)]


def _fits(label: str, limits: Limits) -> bool:
    return limits.measure(label) <= limits.label and "\n" not in label


def _groups(things: list[T], size: int) -> list[list[T]]:
    return [things[at : at + size] for at in range(0, len(things), size)]
