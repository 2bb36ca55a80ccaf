"""What becomes of what, per channel, as a table for the docs: found by shaping samples, so that it cannot go stale."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.render.parts import Limits, Opens, Part
from adapters.render.renderer import shape
from bot.model import Card, Choice, Items, Outbound

_PAGE = "https://chat.example/link/x"


def _choose(count: int, label: str = "Option {}") -> Outbound:
    choices = tuple(Choice(f"i{at}", label.format(at), f"n{at}") for at in range(1, count + 1))
    return Outbound("Which one?", choices=choices, op="q")


_LONG = "Home broadband at 12 Example Street, bill number {}, £31.00 a month until 30 November"

SAMPLES: Mapping[str, tuple[Outbound, tuple[Opens, ...]]] = {
    "text of 10,000 characters": (Outbound("A sentence of 20 ch. " * 476), ()),
    "yes or no": (
        Outbound("Cancel it?", choices=(Choice("yes", "Yes, cancel it", "a"), Choice("no", "No", "b")), op="q"),
        (),
    ),
    "3 choices": (_choose(3), ()),
    "7 choices": (_choose(7), ()),
    "20 choices": (_choose(20), ()),
    "150 choices": (_choose(150), ()),
    "3 choices with long labels": (_choose(3, _LONG), ()),
    "one card": (Outbound(card=Card("October", rows=(("Total", "£61.20"),))), ()),
    "a list of 12 cards": (Outbound(items=Items(tuple(Card(f"Bill {at}") for at in range(12)))), ()),
    "a sign-in or approval link": (Outbound("Approve it on our secure page."), (Opens("Approve", _PAGE),)),
    "a file": (Outbound("Here it is."), (Opens("Bill October 2026.pdf", "https://chat.example/files/x"),)),
}
"""What can be said, each with the addresses its file or link was given."""


def table(channels: Mapping[str, Limits]) -> str:
    """A Markdown table: a row for each kind of content, a column for each channel."""
    head = f"| What is said | {' | '.join(channels)} |\n|{'---|' * (len(channels) + 1)}"
    rows = [
        f"| {name} | {' | '.join(describe(shape(said, one, opens=opens)) for one in channels.values())} |"
        for name, (said, opens) in SAMPLES.items()
    ]
    return "\n".join([head, *rows]) + "\n"


def describe(parts: tuple[Part, ...]) -> str:
    """Parts in a few words."""
    said = [f"{len(parts)} messages" if len(parts) > 1 else "1 message"]
    for count, one, many in (
        (sum(len(part.cards) for part in parts), "card", "cards"),
        (sum(len(part.buttons) for part in parts), "button", "buttons"),
        (sum(len(part.links) for part in parts), "link button", "link buttons"),
    ):
        if count:
            said.append(f"{count} {one if count == 1 else many}")
    lines = [line for part in parts for line in part.text.split("\n")]
    if any(line.startswith(("1. ", "• ")) for line in lines):
        said.append("listed in the text")
    if any("https://" in line for line in lines):
        said.append("address in the text")
    return ", ".join(said)
