"""The pages a customer signs in and approves through."""

from __future__ import annotations

from auth.pages.proof import Hint, WebProof
from auth.pages.render import Renderer
from auth.pages.routes import LinkPages

__all__ = ["Hint", "LinkPages", "Renderer", "WebProof"]
