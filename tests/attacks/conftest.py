"""Each attack gets a site of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.attacks.site import Site, site


@pytest.fixture
async def here() -> AsyncIterator[Site]:
    async with site() as made:
        yield made
