"""The log as Direct Line activities: what the customer may see of each entry, and in which shape."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Protocol

import msgspec

from adapters.webchat.incoming import CLIENT_ID
from bot.model import Card, Entry, File, Items, Link, Outbound

Activity = dict[str, Any]

SHOWN_EVENTS = frozenset({"spent"})
"""Events of ours that a page acts on; no other event of the log is the customer's business."""

CUSTOMER_KINDS = frozenset({"message", "press", "file"})

_SPEAKER = {"bot": "bot", "agent": "person", "system": "system"}


class LinkMinter(Protocol):
    """Turns a link transaction's id into the address of our page."""

    async def url(self, transaction: str, conversation: str) -> str | None:
        """The page's URL; None where the transaction has ended, is too old, or is another conversation's."""
        ...


class FileMinter(Protocol):
    """Turns a file's reference into an address for this chat alone."""

    async def mint(self, conversation: str, file: File) -> str:
        """An opaque, short-lived URL."""
        ...


class NoLinks:
    """For a composition without pages to link to: every link shows as expired."""

    async def url(self, transaction: str, conversation: str) -> str | None:
        """None: there is no page."""
        return None


class Shaper:
    """Shapes entries for one brand. Links and files get their addresses here, when they are read."""

    def __init__(self, *, bot_name: str, links: LinkMinter, files: FileMinter | None = None) -> None:
        self._bot_name = bot_name
        self._links = links
        self._files = files

    async def activities(self, entries: Sequence[Entry], user: str, *, typing: bool = True) -> list[Activity]:
        """What `user` may see of these entries. `typing`: also that somebody types (never by GET, as the service
        does)."""
        return [activity for entry in entries for activity in await self._shape(entry, user, typing)]

    def typing(self, conversation: str, at: float) -> Activity:
        """Somebody who holds the conversation writes, `at` in epoch seconds; no entry of the log."""
        return {
            "type": "typing",
            "id": f"{conversation}|typing{int(at * 1000)}",
            "timestamp": _stamp(datetime.fromtimestamp(at, UTC)),
            "channelId": "webchat",
            "conversation": {"id": conversation},
            "from": self._speaker(""),
        }

    async def _shape(self, entry: Entry, user: str, typing: bool) -> list[Activity]:
        if entry.side == "customer":
            return [self._echo(entry, user)] if entry.kind in CUSTOMER_KINDS else []
        match entry.kind:
            case "message":
                return await self._said(entry)
            case "typing" if typing:
                return [{**self._frame(entry, "typing"), "from": self._speaker("")}]
            case "event" if entry.body.get("name") in SHOWN_EVENTS:
                return [self._event(entry, str(entry.body["name"]), entry.body.get("value"))]
        return []

    def _event(self, entry: Entry, name: str, value: Any) -> Activity:
        about = {"name": name, "value": value, "channelData": {"pos": entry.pos}}
        return {**self._frame(entry, "event"), "from": self._speaker(""), **about}

    def _echo(self, entry: Entry, user: str) -> Activity:
        data = entry.body.get("data") or {}
        activity = self._frame(entry, "message")
        activity["from"] = {"id": user, "role": "user"}
        activity["text"] = entry.body.get("text", "")
        activity["channelData"] = {"pos": entry.pos}
        if CLIENT_ID in data:
            activity["channelData"][CLIENT_ID] = data[CLIENT_ID]
        if entry.kind == "file":
            activity["attachments"] = [
                {"contentType": data.get("type", ""), "name": data.get("name", ""), "size": data.get("size", 0)}
            ]
        return activity

    async def _said(self, entry: Entry) -> list[Activity]:
        said = msgspec.convert(entry.body, Outbound, strict=False)
        shaped = []
        if said.settles:
            value = {"op": said.settles, "choice": choice_tag(entry.conversation, said.settles, said.chosen)}
            event = self._event(entry, "spent", value)
            # One entry, two activities: the page keeps them apart by id, and both have the entry's place.
            shaped.append({**event, "id": event["id"] + ".spent"})
        attachments = [part async for part in self._parts(said, entry.conversation)]
        if said.text or said.choices or attachments:
            shaped.append(self._message(entry, said, attachments))
        return shaped

    def _message(self, entry: Entry, said: Outbound, attachments: list[Activity]) -> Activity:
        activity = self._frame(entry, "message")
        activity["from"] = self._speaker(said.author)
        activity["text"] = said.text
        data: dict[str, Any] = {"pos": entry.pos, "speaker": _SPEAKER.get(entry.side, "bot")}
        if said.op:
            data["op"] = said.op
        if said.author and entry.side == "agent":
            data["author"] = said.author
        activity["channelData"] = data
        if said.choices:
            activity["suggestedActions"] = {
                "actions": [
                    {
                        "type": "postBack",
                        "title": choice.label,
                        "value": {"nonce": choice.nonce, "id": choice_tag(entry.conversation, said.op, choice.id)},
                    }
                    for choice in said.choices
                ]
            }
        if attachments:
            activity["attachments"] = attachments
        return activity

    async def _parts(self, said: Outbound, conversation: str) -> AsyncIterator[Activity]:
        if said.card is not None:
            yield {"contentType": "application/vnd.parley.card", "content": _card(said.card)}
        if said.items is not None:
            yield {"contentType": "application/vnd.parley.items", "content": _items(said.items)}
        if said.file is not None:
            yield await self._file(said.file, conversation)
        if said.link is not None:
            yield await self._link(said.link, conversation)

    async def _file(self, file: File, conversation: str) -> Activity:
        shaped: Activity = {"contentType": file.type, "name": file.name, "size": file.size}
        if self._files is not None:
            shaped["contentUrl"] = await self._files.mint(conversation, file)
        return shaped

    async def _link(self, link: Link, conversation: str) -> Activity:
        url = await self._links.url(link.transaction, conversation)
        content: Activity = {"title": link.label, "expired": url is None, "purpose": link.purpose}
        if url is not None:
            content["url"] = url
        return {"contentType": "application/vnd.parley.link", "content": content}

    def _speaker(self, author: str) -> Activity:
        return {"id": "bot", "name": author if author not in ("", "system") else self._bot_name, "role": "bot"}

    def _frame(self, entry: Entry, kind: str) -> Activity:
        return {
            "type": kind,
            "id": activity_id(entry.conversation, entry.pos),
            "timestamp": _stamp(entry.at),
            "channelId": "webchat",
            "conversation": {"id": entry.conversation},
        }


def activity_id(conversation: str, pos: int) -> str:
    """The id of the log's entry at `pos`, as Direct Line writes it: `<conversation>|0000042`."""
    return f"{conversation}|{pos:07d}"


def choice_tag(conversation: str, op: str, choice: str) -> str:
    """Names a choice to the page, so that it can mark the chosen one, without showing our own id of it."""
    return sha256(f"{conversation}\n{op}\n{choice}".encode()).hexdigest()[:12] if choice else ""


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _card(card: Card) -> Activity:
    return {"title": card.title, "text": card.text, "rows": [list(row) for row in card.rows], "image": card.image}


def _items(items: Items) -> Activity:
    return {"cards": [_card(card) for card in items.cards]}
