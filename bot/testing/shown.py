"""What was said, as a transcript writes it."""

from __future__ import annotations

import re

from bot.model import Outbound


def shown(said: Outbound) -> str:
    """One outbound as a transcript's line: newlines as " / ", buttons in brackets."""
    parts = [re.sub(r"\s*\n\s*", " / ", said.text.strip())] if said.text else []
    if said.author and said.author != "system":
        parts.insert(0, f"{said.author}:")
    cards = (said.card,) if said.card else said.items.cards if said.items else ()
    for card in cards:
        rows = "".join(f" | {name}: {value}" for name, value in card.rows)
        parts.append(f"({card.title}{' | ' + card.text if card.text else ''}{rows})")
    if said.file:
        parts.append(f"({said.file.name})")
    if said.link:
        parts.append(f"[{said.link.label}]")
    if said.choices:
        parts.append(" ".join(f"[{choice.label}]" for choice in said.choices))
    return "  ".join(parts)
