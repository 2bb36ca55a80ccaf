"""What a channel can show, and the parts that one outbound becomes within it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.model import Card

Measure = Callable[[str], int]
"""A text's length as the platform counts it: characters, UTF-16 units, bytes, or characters once escaped."""


def never(url: str) -> bool:
    """No address can be opened by a button."""
    return False


@dataclass(frozen=True, slots=True)
class Limits:
    """What one message of a channel can hold. Lengths are in units of `measure`."""

    text: int
    buttons: int = 0
    """Buttons for choices beside one text; 0 where there are none."""
    label: int = 20
    """A button's label."""
    keeps_buttons: bool = True
    """Whether buttons can still be pressed once something newer was said; if not, only the last part has any."""
    cards: int = 0
    """Cards that one part can hold; 0: cards become text."""
    opens: Callable[[str], bool] = never
    """Whether a button can open this address; if not, the address stands in the text."""
    text_with_links: int = 0
    """The text's limit beside a button that opens an address, where that is less than `text`."""
    measure: Measure = len


@dataclass(frozen=True, slots=True)
class Button:
    """One choice to press. `label` is within the limit; `nonce` is what the press must carry back."""

    label: str
    nonce: str


@dataclass(frozen=True, slots=True)
class Opens:
    """A button that opens an address. The address is a secret of this chat: never logged, never stored."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Part:
    """One message to send, plain text without markup (the adapter escapes it).

    A text beside buttons or links is never empty; only a part with `cards` may have none.
    """

    text: str = ""
    buttons: tuple[Button, ...] = ()
    links: tuple[Opens, ...] = ()
    cards: tuple[Card, ...] = ()


@dataclass(frozen=True, slots=True)
class Words:
    """The few words that shaping adds of its own."""

    choose: str = "Please choose:"
    more: str = "More choices:"
    by_number: str = "Reply with a number, or with the words:"
    by_words: str = "Reply with one of these:"
    opens: str = "Open this page:"
    expired: str = "That link no longer works. Ask again for a new one."
    no_file: str = "This chat cannot show the file. Ask us for it another way."


ENGLISH = Words()
