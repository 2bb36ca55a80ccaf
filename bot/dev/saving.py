"""Writes a conversation that was had as a transcript, to be reviewed and kept as a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from bot.errors import Permanent
from bot.model import Outbound
from bot.ports import Store

BRAND_DATA = "brand data"
"""`given brand data`: what the brand's own backends hold, rather than what a transcript's lines set up."""

_INBOUND = "SELECT seq, kind, text, data FROM inbound WHERE conversation = :conversation ORDER BY seq"
_OUTBOUND = "SELECT seq, body FROM outbound WHERE conversation = :conversation ORDER BY seq, n"
_WHO = (
    "SELECT p.customer_ref, c.state FROM conversation c LEFT JOIN person p ON p.id = c.person"
    " WHERE c.id = :conversation"
)


class TranscriptExists(Permanent):
    """There is a transcript of this name already."""


class NothingSaid(Permanent):
    """There is nothing to save: nothing has been said."""


async def save_transcript(store: Store, folder: Path, conversation: str, name: str) -> Path:
    """Write `folder`/name.md; returns it. Raises `TranscriptExists`, `NothingSaid`."""
    file = folder / f"{name}.md"
    if file.exists():
        raise TranscriptExists(str(file))
    lines = await transcript_lines(store, conversation)
    if not lines:
        raise NothingSaid
    folder.mkdir(parents=True, exist_ok=True)
    title = name.replace("_", " ").replace("-", " ").capitalize()
    file.write_text(f"# {title}\n\n## As it was said\n" + "\n".join(lines) + "\n", "utf-8")
    return file


async def transcript_lines(store: Store, conversation: str) -> list[str]:
    """The conversation in the form of a transcript, with who the customer was."""
    # bot.testing imports the whole engine, which a small command does without.
    from bot.testing.shown import shown

    who = await store.query(_WHO, conversation=conversation)
    customer = who[0]["customer_ref"] if who else None
    said: dict[int, list[str]] = {}
    for row in await store.query(_OUTBOUND, conversation=conversation):
        line = shown(msgspec.json.decode(row["body"], type=Outbound))
        said.setdefault(row["seq"], []).append(f"< {line}")
    lines: list[str] = []
    for row in await store.query(_INBOUND, conversation=conversation):
        lines += [*_happened(row, customer or "?"), *said.get(row["seq"], ())]
    if not lines:
        return []
    given = [f"given {BRAND_DATA}", *([f"given customer {customer}"] if customer else []), ""]
    return [*given, *lines, _ends(bytes(who[0]["state"]))]


def _happened(row: dict[str, Any], customer: str) -> list[str]:
    data = msgspec.json.decode(row["data"]) if row["data"] else {}
    match row["kind"]:
        case "message":
            return [f"> {' '.join(row['text'].split())}"]
        case "press":
            return [f"> [{' '.join(row['text'].split())}]"]
        case "agent" if data.get("act") == "say":
            return [f"@ {data.get('name', '')}: {row['text']}"]
        case "agent":
            return [f"@ {data.get('name', '')} {data.get('act', '')}s"]
        case "signal":
            status = data.get("outcome", {}).get("status", "")
            known = {
                "linked": f"% signs in as {customer}",
                "approved": f"% approves as {customer}",
                "declined": "% declines",
                "expired": "% lets it expire",
            }
            return [known[status]] if status in known else []
    return []


def _ends(state: bytes) -> str:
    stacks = msgspec.json.decode(state).get("k", ()) if len(state) > 2 else ()
    return f"= open {stacks[-1][-1][0]}" if stacks else "= no open dialog"
