"""Parley's engine. These names, `bot.testing` and the service contracts are all that a brand's code imports."""

from bot.errors import DomainError, Permanent, StepUpRefused, Temporary
from bot.model import Assurance, Card, File, Items
from bot.script.convo import Again, Convo, NobodyAvailable, Offer, Proof, Resolved, ReturnedToBot
from bot.script.effects import UNKEYED, Key, effect
from bot.script.registry import anyone, dialog, known, linked

__all__ = [
    "UNKEYED",
    "Again",
    "Assurance",
    "Card",
    "Convo",
    "DomainError",
    "File",
    "Items",
    "Key",
    "NobodyAvailable",
    "Offer",
    "Permanent",
    "Proof",
    "Resolved",
    "ReturnedToBot",
    "StepUpRefused",
    "Temporary",
    "anyone",
    "dialog",
    "effect",
    "known",
    "linked",
]
