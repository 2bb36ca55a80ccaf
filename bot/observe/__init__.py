"""What the product tells its operators: logs without anybody's words, and metrics declared once."""

from __future__ import annotations

from bot.observe.logs import configure, logger

__all__ = ["configure", "logger"]
