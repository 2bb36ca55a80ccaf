"""One outbound as the parts to send, in order. Addresses are minted here, at the moment of sending."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from adapters.render.choices import Page, pages
from adapters.render.minting import FileMinter, LinkMinter
from adapters.render.parts import ENGLISH, Limits, Opens, Part, Words
from adapters.render.splitting import shorten, split
from bot.model import Card, Outbound


@dataclass(frozen=True, slots=True)
class Renderer:
    """Shapes outbounds for one channel. Without `files`, a file is named and its absence said."""

    limits: Limits
    links: LinkMinter
    files: FileMinter | None = None
    words: Words = ENGLISH

    async def parts(self, said: Outbound, conversation: str) -> tuple[Part, ...]:
        """What to send, in order: within the limits, with every choice reachable; empty only where nothing was said."""
        opens: list[Opens] = []
        notes: list[str] = []
        if said.file is not None:
            if self.files is None:
                notes.append(f"{said.file.name}\n{self.words.no_file}")
            else:
                opens.append(Opens(said.file.name, await self.files.mint(conversation, said.file)))
        if said.link is not None:
            url = await self.links.url(said.link.transaction, conversation)
            if url is None:
                notes.append(self.words.expired)
            else:
                opens.append(Opens(said.link.label, url))
        return shape(said, self.limits, self.words, opens, notes)


def shape(
    said: Outbound, limits: Limits, words: Words = ENGLISH, opens: Sequence[Opens] = (), notes: Sequence[str] = ()
) -> tuple[Part, ...]:
    """The parts of `said`, whose file and link have become `opens` (addresses) or `notes` (why there is none)."""
    cards = _cards(said)
    buttons = tuple(_button(one, limits) for one in opens if limits.opens(one.url))
    blocks = [_spoken(said)]
    if not limits.cards:
        blocks += [_card_text(card) for card in cards]
        cards = ()
    blocks += [f"{one.label}: {one.url}" for one in opens if not limits.opens(one.url)]
    blocks += notes
    # A label that does not fit its button is told in full.
    blocks += [one.label for one in opens if limits.opens(one.url) and _too_long(one.label, limits)]
    listed = pages(said, limits, words)
    first = listed[0] if listed else Page()
    parts = _texts("\n\n".join(filter(str.strip, blocks)), first, buttons, bool(cards), limits, words)
    parts = _with_cards(parts, cards, limits)
    if parts:
        parts[-1] = replace(parts[-1], buttons=first.buttons, links=buttons)
    for page in listed[1:]:
        *before, last = split("\n".join(page.lines), limits.text, limits.measure) or [words.more]
        parts += [*(Part(text) for text in before), Part(last, buttons=page.buttons)]
    return tuple(parts)


def _texts(
    text: str, page: Page, links: tuple[Opens, ...], has_cards: bool, limits: Limits, words: Words
) -> list[Part]:
    """The text and the first page's lines, cut to size; something to hold the buttons where there is no text."""
    whole = "\n\n".join(filter(None, [text, "\n".join(page.lines)]))
    if not whole and not has_cards:
        whole = words.choose if page.buttons else words.opens if links else ""
    pieces = split(whole, limits.text, limits.measure)
    if links and limits.text_with_links and pieces and limits.measure(pieces[-1]) > limits.text_with_links:
        pieces[-1:] = split(pieces[-1], limits.text_with_links, limits.measure)
    return [Part(piece) for piece in pieces]


def _with_cards(parts: list[Part], cards: tuple[Card, ...], limits: Limits) -> list[Part]:
    groups = [cards[at : at + limits.cards] for at in range(0, len(cards), limits.cards or 1)]
    if groups and parts:
        parts[-1] = replace(parts[-1], cards=groups.pop(0))
    return parts + [Part(cards=group) for group in groups]


def _spoken(said: Outbound) -> str:
    """The text with the name of the person who speaks, where it is one."""
    if said.author in ("", "system"):
        return said.text
    return f"{said.author}: {said.text}" if said.text else ""


def _cards(said: Outbound) -> tuple[Card, ...]:
    own = (said.card,) if said.card is not None else ()
    return own + (said.items.cards if said.items is not None else ())


def _card_text(card: Card) -> str:
    """A card in plain lines. Its picture is decoration and left out."""
    rows = [f"{name}: {value}" for name, value in card.rows]
    return "\n".join(filter(None, [card.title, card.text, *rows]))


def _button(one: Opens, limits: Limits) -> Opens:
    return Opens(shorten(one.label, limits.label, limits.measure), one.url)


def _too_long(label: str, limits: Limits) -> bool:
    return limits.measure(label) > limits.label
