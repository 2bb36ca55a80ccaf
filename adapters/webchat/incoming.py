"""What a client posts, taken apart strictly: three types, a few fields, everything else dropped."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import msgspec

from adapters.webchat.problems import BadActivity, TextTooLong
from adapters.webchat.settings import WebChatSettings

CLIENT_ID = "clientActivityID"
_ID = 200
_LOCALE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Posted:
    """One activity of a customer's. `nonce` is set for a press; `silent` ones are no entry of the log.

    `typing`: one of these, which says that the customer writes.
    """

    text: str = ""
    nonce: str | None = None
    client_id: str | None = None
    locale: str | None = None
    silent: bool = False
    typing: bool = False


class _Activity(msgspec.Struct):
    type: str
    text: str | None = None
    value: Any = None
    locale: str | None = None
    name: str | None = None
    channelData: Any = None


_decoder = msgspec.json.Decoder(_Activity)


def parse(body: bytes, settings: WebChatSettings, *, needs_text: bool = True) -> Posted:
    """The activity in a request's body. Raises `BadActivity`, `TextTooLong`.

    From, conversation, id, timestamp and all of channelData but the client's own id are never the client's to say.
    """
    try:
        activity = _decoder.decode(body)
    except msgspec.ValidationError as error:
        raise BadActivity("A field is missing or of the wrong type.") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadActivity("It is not JSON.") from error
    match activity.type:
        case "message":
            return _message(activity, settings, needs_text)
        case "typing":
            return Posted(silent=True, typing=True)
        case "event" if activity.name in settings.events:
            return Posted(silent=True)
    raise BadActivity("Only messages, typing and agreed events are taken.")


def _message(activity: _Activity, settings: WebChatSettings, needs_text: bool) -> Posted:
    text = _CONTROLS.sub("", activity.text or "").replace("\u2028", "\n").strip()
    if len(text) > settings.text:
        raise TextTooLong(f"At most {settings.text} characters.")
    nonce = activity.value.get("nonce") if isinstance(activity.value, dict) else None
    nonce = nonce if isinstance(nonce, str) and 0 < len(nonce) <= _ID else None
    if needs_text and not text and nonce is None:
        raise BadActivity("A message needs a text.")
    return Posted(text, nonce, _client_id(activity.channelData), locale_of(activity.locale))


def _client_id(data: Any) -> str | None:
    given = data.get(CLIENT_ID) if isinstance(data, dict) else None
    if given is None:
        return None
    if not isinstance(given, str) or not 0 < len(given) <= _ID or not given.isprintable():
        raise BadActivity(f"{CLIENT_ID} is a text of at most {_ID} printable characters.")
    return given


def locale_of(given: object) -> str | None:
    """A language tag (BCP 47's common part), or None for anything else."""
    return given if isinstance(given, str) and _LOCALE.fullmatch(given) else None
