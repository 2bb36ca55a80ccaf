"""What a Slack message can hold, and a part as blocks (https://docs.slack.dev/reference/block-kit)."""

from __future__ import annotations

from typing import Any

from adapters.render import Limits, Part
from adapters.slack.text import escaped, measure

ADDRESS = 3000


def opens(url: str) -> bool:
    """Whether a button may hold this address. It opens in the customer's own browser, so any host will do."""
    return url.startswith(("https://", "http://")) and len(url) <= ADDRESS


LIMITS = Limits(text=3000, buttons=25, label=75, opens=opens, measure=measure)
"""A section's text, the elements of one actions block, a button's text."""


def blocks(part: Part) -> list[dict[str, Any]]:
    """A section of plain text, where nothing is read as markup, then links, then choices."""
    made: list[dict[str, Any]] = []
    if part.text:
        made.append({"type": "section", "text": _plain(part.text)})
    if part.links:
        made.append(_actions([_button(one.label, f"open_{at}", url=one.url) for at, one in enumerate(part.links)]))
    if part.buttons:
        made.append(
            _actions([_button(one.label, f"choice_{at}", value=one.nonce) for at, one in enumerate(part.buttons)])
        )
    return made


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": escaped(text), "emoji": False}


def _actions(elements: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "actions", "elements": elements}


def _button(label: str, action: str, **what: str) -> dict[str, Any]:
    return {"type": "button", "text": _plain(label), "action_id": action, **what}
