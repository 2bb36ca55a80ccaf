"""The desk over HTTP: sign-in, the queue, conversations, acts, and the live stream."""

from __future__ import annotations

from desk.api.signin import SignIn
from desk.api.site import DeskSite

__all__ = ["DeskSite", "SignIn"]
