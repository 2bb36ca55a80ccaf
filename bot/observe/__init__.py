"""What the product tells its operators: logs without anybody's words, and metrics declared once."""

from __future__ import annotations

from bot.observe.lines import REQUEST, heard
from bot.observe.logs import configure, logger

__all__ = ["REQUEST", "configure", "heard", "logger"]
