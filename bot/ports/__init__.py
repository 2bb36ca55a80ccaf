"""What the engine asks of its neighbours. Each port is small; `bot.testing` holds a contract test for each."""

from __future__ import annotations

from bot.ports.channel import Capabilities, Channel, ShowsTyping
from bot.ports.clock import Clock
from bot.ports.handoff import Case, Handoff, Opened
from bot.ports.identity import Begun, Identity, Login, Redactor
from bot.ports.recogniser import Recogniser, Tended
from bot.ports.store import Store, Watch
from bot.ports.work import Claim, OutboxClaim, OutRow, Sql, Work

__all__ = [
    "Begun",
    "Capabilities",
    "Case",
    "Channel",
    "Claim",
    "Clock",
    "Handoff",
    "Identity",
    "Login",
    "Opened",
    "OutRow",
    "OutboxClaim",
    "Recogniser",
    "Redactor",
    "ShowsTyping",
    "Sql",
    "Store",
    "Tended",
    "Watch",
    "Work",
]
