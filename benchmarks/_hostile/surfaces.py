"""Where hostile input goes: each webhook with its own proof of origin, Direct Line, and the pages."""

from __future__ import annotations

import hmac
import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from benchmarks._hostile.bending import ODD, TEXTS, bent, broken, encoded, packed

PEOPLE = 1000
"""Customers on each platform: hostile input comes from many, over and over."""
NOW = 1_793_698_200


@dataclass(frozen=True, slots=True)
class Sent:
    """One request."""

    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Surface(Protocol):
    """Makes requests. `name` is what they are counted under."""

    name: str

    def one(self, chance: random.Random) -> Sent:
        """The next request."""
        ...


def _body(good: Any, chance: random.Random) -> bytes:
    """A body: one in five as it should be, the rest bent or broken."""
    kind = chance.random()
    if kind < 0.2:
        return encoded(good)
    if kind < 0.75:
        return encoded(bent(good, chance))
    return broken(encoded(good), chance)


def _sent(path: str, body: bytes, proof: Mapping[str, str], chance: random.Random) -> Sent:
    """The request, its proof mostly right; a few lie about what they are."""
    headers = {"Content-Type": "application/json", **proof}
    if chance.random() < 0.05:
        forged = chance.choice(("", "sha256=", "x" * 4000, "ümlaut", "\t", "sha256=" + "0" * 64, "v0=" + "f" * 64))
        headers = {name: forged.encode("utf-8", "replace").decode("latin-1") for name in headers}
        headers["Content-Type"] = "application/json"
    if chance.random() < 0.03:
        body, more = packed(body, chance)
        headers = {**headers, **more}
    method = "POST" if chance.random() < 0.98 else chance.choice(("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"))
    return Sent(method, path, body, headers)


@dataclass
class Telegram:
    """Updates with the webhook's secret."""

    secret: str
    name: str = "telegram"

    def one(self, chance: random.Random) -> Sent:
        """An update."""
        user = chance.randrange(1_000, 1_000 + PEOPLE)
        person = {"id": user, "is_bot": False, "first_name": "Ana", "language_code": "en-GB"}
        chat: dict[str, Any] = {"id": user, "type": "private", "first_name": "Ana"}
        if chance.random() < 0.1:
            chat = {"id": -1001, "type": "supergroup", "title": "Group"}
        text = chance.choice(TEXTS)
        message = {"message_id": chance.randrange(1, 10**6), "from": person, "chat": chat, "date": NOW, "text": text}
        photo = [{"file_id": "small", "file_unique_id": "s", "width": 90, "height": 90, "file_size": 900}]
        event: dict[str, Any] = chance.choice(
            (
                {"message": message},
                {"message": message},
                {"edited_message": {**message, "edit_date": NOW + 9}},
                {"message": {**message, "text": "@larkspur_bot " + text, "entities": [_mention(chance)]}},
                {"message": {key: value for key, value in message.items() if key != "text"} | {"photo": photo}},
                {"callback_query": {"id": "77", "from": person, "message": message, "data": "n:" + text[:20]}},
                {
                    "my_chat_member": {
                        "chat": chat,
                        "from": person,
                        "date": NOW,
                        "new_chat_member": {"status": "kicked"},
                    }
                },
                {"message": {**message, "migrate_to_chat_id": -1002}},
            )
        )
        body = _body({"update_id": chance.randrange(1, 2**31), **event}, chance)
        return _sent("/channels/telegram", body, {"X-Telegram-Bot-Api-Secret-Token": self.secret}, chance)


def _mention(chance: random.Random) -> dict[str, Any]:
    return {"type": "mention", "offset": chance.choice((0, 0, 3, -1, 999)), "length": chance.choice((13, 0, 99))}


@dataclass
class Slack:
    """Signed events, presses and commands."""

    secret: str
    team: str
    app: str
    name: str = "slack"

    def one(self, chance: random.Random) -> Sent:
        """An event, a press or a command."""
        user = f"U{chance.randrange(PEOPLE):05d}"
        text, stamp = chance.choice(TEXTS), f"{NOW}.{chance.randrange(10**6):06d}"
        event = {"type": "message", "channel": f"D{user}", "channel_type": "im", "user": user, "text": text,
                 "ts": stamp, "team": self.team, "event_ts": stamp}  # fmt: skip
        changed = {**event, "subtype": "message_changed", "message": event, "previous_message": event}
        mention = {**event, "type": "app_mention", "channel": "C0GENERAL", "text": f"<@U0LARKSPUR> {text}"}
        told = chance.choice((event, event, changed, mention, {**event, "files": [{"id": "F1", "name": "a.pdf"}]}))
        outer = {"token": "t", "team_id": self.team, "api_app_id": self.app, "type": "event_callback", "event": told,
                 "event_id": f"Ev{chance.randrange(10**9)}", "event_time": NOW}  # fmt: skip
        press = {"type": "block_actions", "user": {"id": user, "team_id": self.team}, "team": {"id": self.team},
                 "api_app_id": self.app, "channel": {"id": f"D{user}"}, "trigger_id": "1.2",
                 "container": {"type": "message", "message_ts": stamp, "channel_id": f"D{user}"},
                 "actions": [{"action_id": "n", "value": text[:80], "type": "button", "action_ts": stamp}]}  # fmt: skip
        kind, form = "application/json", {"Content-Type": "application/x-www-form-urlencoded"}
        match chance.randrange(5):
            case 0:
                payload = _body(press, chance).decode("utf-8", "replace")
                body, kind = urlencode({"payload": payload}).encode(), form["Content-Type"]
            case 1:
                fields = {"command": "/larkspur", "text": text, "user_id": user, "team_id": self.team,
                          "channel_id": f"D{user}", "trigger_id": str(chance.randrange(10**9))}  # fmt: skip
                body = urlencode({k: str(v) for k, v in dict(bent(fields, chance)).items()}, errors="replace").encode()
                kind = form["Content-Type"]
            case 2 if chance.random() < 0.2:
                body = encoded({"type": "url_verification", "challenge": chance.choice(ODD), "token": "t"})
            case _:
                body = _body(outer, chance)
        now = str(int(time.time()) - (0 if chance.random() < 0.97 else 4000))
        proof = "v0=" + hmac.new(self.secret.encode(), f"v0:{now}:".encode() + body, "sha256").hexdigest()
        stamped = {"Content-Type": kind, "X-Slack-Request-Timestamp": now, "X-Slack-Signature": proof}
        return _sent("/channels/slack", body, stamped, chance)


@dataclass
class Messenger:
    """Signed events of a Page."""

    secret: str
    page: str
    name: str = "messenger"

    def one(self, chance: random.Random) -> Sent:
        """A body of one to four events, or Meta setting the webhook."""
        if chance.random() < 0.02:
            query = {"hub.mode": "subscribe", "hub.verify_token": chance.choice(TEXTS), "hub.challenge": "1"}
            return Sent("GET", f"/channels/messenger?{urlencode(query)}")
        entries = [self._entry(chance) for _ in range(chance.choice((1, 1, 1, 2, 4)))]
        body = _body({"object": "page", "entry": entries}, chance)
        proof = "sha256=" + hmac.new(self.secret.encode(), body, "sha256").hexdigest()
        return _sent("/channels/messenger", body, {"X-Hub-Signature-256": proof}, chance)

    def _entry(self, chance: random.Random) -> dict[str, Any]:
        user, text = str(7_000_000 + chance.randrange(PEOPLE)), chance.choice(TEXTS)
        mid = f"m_{chance.randrange(10**12)}"
        post = {"item": "comment", "verb": "add", "comment_id": f"1_{mid}", "post_id": f"{self.page}_1",
                "message": text, "from": {"id": user, "name": "Ana"}, "created_time": NOW}  # fmt: skip
        if chance.random() < 0.1:
            return {"id": self.page, "time": NOW * 1000, "changes": [{"field": "feed", "value": post}]}
        what: dict[str, Any] = chance.choice(
            (
                {"message": {"mid": mid, "text": text}},
                {"message": {"mid": mid, "text": text}},
                {"message": {"mid": mid, "text": text, "quick_reply": {"payload": "n:" + text[:20]}}},
                {
                    "message": {
                        "mid": mid,
                        "attachments": [{"type": "image", "payload": {"url": "https://x.invalid/a"}}],
                    }
                },
                {"message": {"mid": mid, "text": text, "is_echo": True, "app_id": 1}},
                {"postback": {"mid": mid, "title": "Start", "payload": "start"}},
                {"reaction": {"mid": mid, "action": "react", "emoji": "❤"}},
                {"delivery": {"mids": [mid], "watermark": NOW * 1000}},
                {"read": {"watermark": NOW * 1000}},
                {"referral": {"ref": text[:50], "source": "SHORTLINK", "type": "OPEN_THREAD"}},
                {"account_linking": {"status": "linked", "authorization_code": text[:20]}},
            )
        )
        talk = {
            "sender": {"id": user},
            "recipient": {"id": self.page},
            "timestamp": NOW * 1000 + chance.randrange(10**6),
        }
        return {"id": self.page, "time": NOW * 1000, "messaging": [{**talk, **what}]}


@dataclass
class WebChat:
    """Direct Line, with sessions of its own and with whatever else somebody may show."""

    sessions: list[tuple[str, str]]
    """Conversation and token of customers who are really there."""
    name: str = "webchat"

    def one(self, chance: random.Random) -> Sent:
        """A call of Direct Line, mostly a message."""
        conversation, token = chance.choice(self.sessions)
        line = "/v3/directline"
        shown = token if chance.random() < 0.9 else chance.choice(list(_tokens(token)))
        headers = {"Authorization": f"Bearer {shown}", "Content-Type": "application/json"}
        named = conversation if chance.random() < 0.95 else quote(str(chance.choice(TEXTS)))[:900]
        message = {"type": "message", "text": chance.choice(TEXTS), "locale": "en-GB", "from": {"id": "dl_x"},
                   "channelData": {"clientActivityID": str(chance.randrange(10**9))},
                   "value": {"nonce": chance.choice(TEXTS)}}  # fmt: skip
        match chance.randrange(12):
            case 0:
                mark = quote(str(chance.choice((*ODD, "0", "7"))).encode("utf-8", "replace"))[:200]
                return Sent("GET", f"{line}/conversations/{named}/activities?watermark={mark}", b"", headers)
            case 1:
                path = f"{line}/conversations/{named}/stream?t={quote(chance.choice(TEXTS))}"
                upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
                           "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}  # fmt: skip
                return Sent("GET", path, b"", upgrade if chance.random() < 0.5 else {})
            case 2:
                path = f"{line}{chance.choice(('/tokens/generate', '/tokens/refresh', '/conversations'))}"
                return _sent(path, _body({"user": {"id": "dl_1"}, "trustedOrigins": [], "locale": "en"}, chance),
                             headers, chance)  # fmt: skip
            case 3:
                edge = b"--x\r\nContent-Disposition: form-data; name=activity\r\nContent-Type: application/json\r\n\r\n"
                body = edge + _body(message, chance) + b"\r\n--x--\r\n"
                kind = {"Content-Type": chance.choice(("multipart/form-data; boundary=x", "multipart/form-data"))}
                return Sent("POST", f"{line}/conversations/{named}/upload", body, {**headers, **kind})
            case 4:
                return Sent(chance.choice(("POST", "GET")), "/chat/session", b"", dict(_origins(chance)))
        return _sent(f"{line}/conversations/{named}/activities", _body(message, chance), headers, chance)


def _tokens(own: str) -> Iterator[str]:
    head, body, _ = own.split(".")
    yield from ("", "x", f"{head}.{body}.AA", f"{head}.{body}", "a" * 3000, "\u00fc", f"eyJhbGciOiJub25lIn0.{body}.")


def _origins(chance: random.Random) -> Iterator[tuple[str, str]]:
    yield "Origin", chance.choice(("null", "https://evil.example", "http://127.0.0.1", "", "file://"))
    yield "Cookie", chance.choice(("parley=" + "a" * 43, "parley=", "parley=\xff; parley=b", "a" * 3000))


@dataclass
class Pages:
    """Sign-in pages, files and everything else that has an address."""

    name: str = "pages"

    def one(self, chance: random.Random) -> Sent:
        """A page, with a handle that nobody was given."""
        handle = "".join(chance.choices("abcdefghijklmnopqrstuvwxyzABC-_0123456789", k=chance.choice((43, 43, 1, 200))))
        form = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html"}
        at = chance.choice((f"/link/{handle}", f"/link/{handle}", f"/link/{handle}/again", f"/link/{handle}/unlink",
                            f"/link/callback/{handle[:20]}?code={handle}&state={handle}", f"/files/{handle}",
                            f"/{quote(chance.choice(TEXTS))}", "/brand/../../config.yml", "/ui/%2e%2e/%2e%2e/app.py",
                            "/link/callback/demo?state=" + "%ff" * 30,
                            f"/idp/authorize?{urlencode({'client_id': handle})}"))  # fmt: skip
        if chance.random() < 0.5:
            return Sent("GET", at, b"", {"Accept": "text/html"})
        body = urlencode({"token": chance.choice(TEXTS), "act": "yes", "provider": handle[:9]}).encode()
        return Sent("POST", at, broken(body, chance) if chance.random() < 0.5 else body, form)
