"""The pages a customer signs in and approves through."""

from __future__ import annotations

from auth.pages.proof import Hint, WebProof
from auth.pages.render import Renderer
from auth.pages.routes import PAGES, LinkPages

__all__ = ["PAGES", "Hint", "LinkPages", "Renderer", "WebProof"]
