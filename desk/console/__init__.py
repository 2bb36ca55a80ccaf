"""The agents' console: its document and its files."""

from __future__ import annotations

from desk.console.site import ConsoleConfig, assets, document, page_headers, policy

__all__ = ["ConsoleConfig", "assets", "document", "page_headers", "policy"]
