"""What the fake desk knows of its agents, dialogs and acts, and a case with nothing in it yet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

Json = dict[str, Any]

LARKSPUR = {"name": "Larkspur Mobile", "logo": "/brand/logo.svg", "theme": "/brand/theme.css"}
AGENTS = {
    "priya": {"name": "Priya Shah", "first": "Priya", "role": "agent"},
    "tom": {"name": "Tom Reed", "first": "Tom", "role": "agent"},
    "amara": {"name": "Amara Cole", "first": "Amara", "role": "lead"},
}
DIALOGS = [
    {
        "id": "cancel_direct_debit",
        "title": "Cancel a Direct Debit",
        "parameters": [{"name": "service", "label": "Which service", "choices": None}],
    },
    {
        "id": "bill",
        "title": "Explain a bill",
        "parameters": [{"name": "month", "label": "Month", "choices": ["2026-10"]}],
    },
]
ACTS = [
    {
        "id": "goodwill",
        "title": "Goodwill credit",
        "limit": 2000,
        "fields": [
            {"name": "amount", "label": "Amount", "type": "pence", "required": True, "max": 10_000},
            {"name": "reason", "label": "Reason", "type": "text", "required": True, "max": 300},
        ],
    },
    {
        "id": "callback",
        "title": "Call back",
        "limit": None,
        "fields": [{"name": "at", "label": "When", "type": "datetime", "required": True, "max": None}],
    },
]
HELLO = "Hello {first}, I’m {agent}. Your reference is {reference}."
REPLIES = [
    {"id": "r1", "shortcut": "hello", "title": "Hello", "text": HELLO, "placeholders": ["first"], "shared": True},
    {"id": "r2", "shortcut": "help", "title": "Anything else", "text": "Is there anything else?", "shared": True},
]


def ago(seconds: float) -> str:
    """So long ago, as the contract writes times."""
    return (datetime.now(UTC) - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def ahead(seconds: float) -> str:
    """So long from now."""
    return ago(-seconds)


def blank_item(case: str, **item: Any) -> Json:
    """A row of the queue: somebody who asked for a person 37 s ago."""
    return {
        "case": case, "reference": f"LM-{case.upper():0<7}", "state": "waiting", "reason": "asked",
        "reason_label": "Asked for a person", "urgency": 0, "channel": "webchat", "who": "Customer ending 01",
        "since": ago(37), "waited": 37, "last": None, "unread": 0, "skill": None, "language": "en", "holder": None,
        "offered_to": None, "viewers": [], "snoozed_until": None, "at_risk": False, "version": 1, **item,
    }  # fmt: skip


def blank_context(case: str, item: Json) -> Json:
    """What is known of a customer who has signed in and done nothing else."""
    return {
        "summary": ["Asked for a person", "", ""],
        "customer": {"who": item["who"], "assurance": "known", "proven_at": ago(540), "age": 540},
        "conversations": [{"id": f"v-{case}", "channel": item["channel"], "last_at": ago(5), "current": True}],
        "trail": [], "open": [], "effects": [], "failed": [], "cases": [], "approvals": [], "suggested": None,
        "window": {"state": "open", "closes_at": None, "human_agent": False, "human_agent_until": None},
        "return_lines": {
            "resume": "Priya has handed you back to me. Let’s go on where we were.",
            "start": {"bill": "Priya has handed you back to me, to look at your bill."},
            "resolve": "Priya has left the chat.",
            "transfer": "Priya is passing you to a colleague.",
            "close": "Priya has closed this conversation. Write any time.",
        },
    }  # fmt: skip
