"""What the pages share: the vendored Lit, the theme, the parts of a message; and how static files are served."""

from __future__ import annotations

from bot.web.ui.files import FOLDER, serve

__all__ = ["FOLDER", "serve"]
