"""The chat page: its document, its files, and the script that puts it into a brand's site."""

from __future__ import annotations

from adapters.webchat.page.site import PageConfig, document, policy, routes

__all__ = ["PageConfig", "document", "policy", "routes"]
