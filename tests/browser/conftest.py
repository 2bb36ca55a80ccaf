"""What browser tests wait for at most: only a failure sees it, and a build server may be slow."""

from __future__ import annotations

from playwright.async_api import expect

expect.set_options(timeout=20_000)
