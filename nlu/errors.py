"""Errors of understanding."""

from __future__ import annotations

from bot.errors import Permanent, Temporary


class BadExamples(Permanent):
    """The understanding data cannot be read."""


class BadModel(Permanent):
    """A saved model cannot be read. Delete its folder and it is trained again."""


class NoWeights(Permanent):
    """The sentence encoder cannot be had; understanding goes on with TF-IDF alone."""


class ParserGone(Temporary):
    """The parse process has ended."""
