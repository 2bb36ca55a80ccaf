"""Every metric, declared once. Labels are few and closed: never a person, a conversation or a text."""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

REGISTRY = CollectorRegistry(auto_describe=True)
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)

_FAST = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0)


def _counter(name: str, about: str, *labels: str) -> Counter:
    return Counter(f"parley_{name}", about, labels, registry=REGISTRY)


def _gauge(name: str, about: str, *labels: str) -> Gauge:
    return Gauge(f"parley_{name}", about, labels, registry=REGISTRY)


def _histogram(name: str, about: str, *labels: str, buckets: tuple[float, ...] = _FAST) -> Histogram:
    return Histogram(f"parley_{name}", about, labels, registry=REGISTRY, buckets=buckets)


# The web
HTTP_REQUESTS = _counter(
    "http_requests", "Requests answered, by route, method and status.", "route", "method", "status"
)
HTTP_SECONDS = _histogram("http_seconds", "Seconds from request to response, sockets left out.", "route")
READY = _gauge("ready", "1 while a readiness check passes, 0 while it fails.", "check")
SOCKETS = _gauge("sockets", "Web chat sockets open in this process.")
SOCKETS_CLOSED = _counter("sockets_closed", "Web chat sockets closed, by reason.", "reason")

# Messages in
ACCEPTED = _counter(
    "accepted", "Inbounds taken, by channel, kind and outcome (fresh, duplicate).", "channel", "kind", "outcome"
)
REFUSED = _counter("refused", "Requests to a channel that were refused, by channel and code.", "channel", "code")
LIMITED = _counter("limited", "What was over a limit, by channel or page, and limit.", "channel", "limit")

# Turns
TURNS = _counter("turns", "Turns ended, by outcome (committed, fenced, released, poison).", "outcome")
TURN_SECONDS = _histogram("turn_seconds", "Seconds from claim to commit.")
POISON = _counter("poison", "Messages parked because every try to handle them failed: someone must look.")
EFFECTS = _counter("effects", "Effects, by function and status (done, refused, unknown).", "function", "status")
CASES = _counter("cases", "Cases opened for a person, by reason.", "reason")
PARSE_SECONDS = _histogram("parse_seconds", "Seconds to recognise a message, by backend.", "backend")
INTENTS = _counter("intents", "Messages recognised, by intent.", "intent")
PARSER_STARTS = _counter("parser_starts", "Times that the embedded recogniser's own process began to read.")
PARSES_WAITING = _gauge("parses_waiting", "Messages waiting for the embedded recogniser's own process.")
RASA_UP = _gauge("rasa_up", "1 while Rasa reads messages, 0 while the embedded recogniser stands in for it.")
RASA_FAILURES = _counter("rasa_failures", "Times that Rasa failed to answer as it should, by error.", "error")
STOOD_IN = _counter("stood_in", "Messages that the embedded recogniser read in Rasa's place, by reason.", "reason")

# Messages out
SENDS = _counter("sends", "Outbound rows that reached an end, by channel and status.", "channel", "status")
DEAD_LETTERS = _counter("dead_letters", "Outbound rows that will never be sent: someone must look.", "channel")

# The desk
DESK_WAITING = _gauge("desk_waiting", "Conversations that wait for a person.")
DESK_AGENTS = _gauge("desk_agents", "Agents who are there and available.")
_PATIENCE = (5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 14400.0, 86400.0)
DESK_WAITED = _histogram(
    "desk_waited_seconds",
    "Seconds from hand-over to an agent, by reason and channel.",
    "reason",
    "channel",
    buckets=_PATIENCE,
)
DESK_ANSWERED = _histogram(
    "desk_first_response_seconds",
    "Seconds from hand-over to a person's first words, by reason and channel.",
    "reason",
    "channel",
    buckets=_PATIENCE,
)
DESK_RESOLVED = _histogram(
    "desk_resolution_seconds",
    "Seconds from hand-over to its end, by reason and channel.",
    "reason",
    "channel",
    buckets=_PATIENCE,
)
DESK_ENDED = _counter(
    "desk_ended",
    "Hand-overs that ended, by how (resolved, returned, closed, spam), reason, channel and tariff.",
    "how",
    "reason",
    "channel",
    "tariff",
)
DESK_REHANDOFFS = _counter("desk_rehandoffs", "Conversations taken that came back within a week, by reason.", "reason")

# Identity
LOGINS = _counter("logins", "Links and approvals that ended, by purpose and status.", "purpose", "status")

# What is kept
FORGOTTEN = _counter("forgotten", "Rows deleted because they were older than they may be, by table.", "table")


def exposition() -> tuple[bytes, str]:
    """All metrics in Prometheus's text format, and its content type with version and charset."""
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
