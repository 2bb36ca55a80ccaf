"""What the browsers' tests share: how long an expectation is waited for."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session", autouse=True)
def _patient() -> None:
    """Nothing is slower for it: a test waits until it is so, and on a busy machine five seconds are not much."""
    playwright = pytest.importorskip("playwright.async_api")
    playwright.expect.set_options(timeout=15_000)
