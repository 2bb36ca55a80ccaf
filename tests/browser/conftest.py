"""What the browsers' tests share: a Chromium for each module, and how long an expectation is waited for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

if TYPE_CHECKING:
    from playwright.async_api import Browser


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def browser() -> AsyncIterator[Browser]:
    from tests.browser.launched import launched

    async with launched() as one:
        yield one


@pytest.fixture(scope="session", autouse=True)
def _patient() -> None:
    """Nothing is slower for it: a test waits until it is so, and on a busy machine five seconds are not much."""
    from playwright.async_api import expect

    expect.set_options(timeout=15_000)
