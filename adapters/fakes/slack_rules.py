"""What the Web API refuses, as the fake one enforces it.

https://docs.slack.dev/reference/block-kit and https://docs.slack.dev/reference/methods/chat.postMessage
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

BLOCKS, SECTION, ELEMENTS, LABEL, VALUE, URL, ID, TEXT, WHOLE = 50, 3000, 25, 75, 2000, 3000, 255, 40_000, 12_000
_OF_MESSAGE = frozenset(
    {
        "channel", "text", "blocks", "thread_ts", "metadata", "unfurl_links", "unfurl_media", "link_names", "parse",
        "mrkdwn", "reply_broadcast", "token",
    }
)  # fmt: skip


class Refusal(Exception):
    """An answer that is not ok: HTTP 200 all the same, or 429 with Retry-After in seconds."""

    def __init__(self, error: str, *, retry_after: int | None = None, **more: Any) -> None:
        super().__init__(error)
        self.error, self.retry_after, self.more = error, retry_after, more

    def body(self) -> dict[str, Any]:
        """The JSON that Slack answers with."""
        return {"ok": False, "error": self.error, **self.more}


@dataclass(frozen=True, slots=True)
class Button:
    """One button as the app shows it; `element` is what its press sends back."""

    label: str
    element: Mapping[str, Any]
    block: str


@dataclass(frozen=True, slots=True)
class Content:
    """A message to post, checked, as the app shows it."""

    text: str
    buttons: tuple[Button, ...] = ()
    tag: Mapping[str, Any] | None = None


def unescaped(text: str) -> str:
    """What the app shows of a text without markup."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def content(given: Mapping[str, Any]) -> Content:
    """The message of chat.postMessage. Raises `Refusal`."""
    if set(given) - _OF_MESSAGE:
        raise Refusal("invalid_arguments", unknown=sorted(set(given) - _OF_MESSAGE))
    text, blocks = given.get("text") or "", given.get("blocks") or []
    if not text and not blocks:
        raise Refusal("no_text")
    if len(text) > TEXT:
        raise Refusal("msg_too_long")
    tag = given.get("metadata")
    if tag is not None and not (isinstance(tag, dict) and tag.get("event_type") and "event_payload" in tag):
        raise Refusal("invalid_metadata_format")
    if not blocks:
        return Content(unescaped(text), (), tag)
    if not isinstance(blocks, list) or len(blocks) > BLOCKS:
        raise Refusal("invalid_blocks")
    texts: list[str] = []
    buttons: list[Button] = []
    try:
        for number, block in enumerate(blocks):
            _block(block, f"b{number}", texts, buttons)
    except (KeyError, TypeError, AttributeError) as error:
        raise Refusal("invalid_blocks") from error
    if sum(map(len, texts)) + sum(len(one.label) for one in buttons) > WHOLE:
        raise Refusal("msg_blocks_too_long")
    return Content("\n".join(unescaped(one) for one in texts), tuple(buttons), tag)


def _block(block: Mapping[str, Any], id_: str, texts: list[str], buttons: list[Button]) -> None:
    if block["type"] == "section":
        texts.append(_plain(block["text"], SECTION))
    elif block["type"] == "actions":
        elements = block["elements"]
        if not 1 <= len(elements) <= ELEMENTS:
            raise Refusal("invalid_blocks")
        actions = [element["action_id"] for element in elements]
        if len(set(actions)) < len(actions) or any(not 0 < len(one) <= ID for one in actions):
            raise Refusal("invalid_blocks")
        buttons += [_button(element, id_) for element in elements]
    else:
        raise Refusal("invalid_blocks")


def _button(element: Mapping[str, Any], block: str) -> Button:
    label = _plain(element["text"], LABEL)
    value, url = element.get("value"), element.get("url")
    if element["type"] != "button" or (value is not None and not 0 < len(value) <= VALUE):
        raise Refusal("invalid_blocks")
    if url is not None and (not url.startswith(("https://", "http://")) or len(url) > URL):
        raise Refusal("invalid_blocks")
    return Button(unescaped(label), element, block)


def _plain(text: Mapping[str, Any], limit: int) -> str:
    if text["type"] != "plain_text":
        # Markup would have to be read; what we post has none.
        raise Refusal("invalid_blocks")
    if not 0 < len(text["text"]) <= limit:
        raise Refusal("invalid_blocks")
    return str(text["text"])
