"""Slack: signed events or a socket in, the Web API out (https://docs.slack.dev)."""

from __future__ import annotations

from adapters.slack.settings import SlackSettings, SlackWords
from adapters.slack.shape import LIMITS
from adapters.slack.slack import Slack

__all__ = ["LIMITS", "Slack", "SlackSettings", "SlackWords"]
