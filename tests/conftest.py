"""What every test stands on: nothing of this machine's environment, and clear words where something is missing."""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
REQUIRE_ALL = os.environ.get("PARLEY_REQUIRE_ALL") == "1"
KEPT = {
    "PARLEY_REQUIRE_ALL", "PARLEY_SHOTS", "PARLEY_ALL_PROMISES", "PARLEY_TEST_POSTGRES", "PARLEY_CHROMIUM",
    "PARLEY_FIREFOX", "PARLEY_PYTHON310", "PARLEY_PROMISES_TO",
}  # fmt: skip

# A developer's own settings must not reach the tests.
for name in [name for name in os.environ if name.startswith("PARLEY_") and name not in KEPT]:
    del os.environ[name]


def chromium() -> str | None:
    """Where Chromium is."""
    named = os.environ.get("PARLEY_CHROMIUM")
    return named or next((found for name in ("chromium", "chromium-browser") if (found := shutil.which(name))), None)


def missing(item: pytest.Item) -> str:
    """What this test needs and this machine does not have; "" if nothing."""
    if item.get_closest_marker("browser") and chromium() is None:
        return "there is no Chromium (apt-get install chromium, or PARLEY_CHROMIUM=/path)"
    if item.get_closest_marker("node"):
        if shutil.which("node") is None:
            return "there is no Node.js (apt-get install nodejs)"
        if not (ROOT / "tests" / "integration" / "directline" / "node_modules").is_dir():
            return "its packages are not installed (npm ci in tests/integration/directline)"
    return ""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, saying why, what this machine cannot run; fail it instead where everything is required."""
    for item in items:
        if (ROOT / "tests" / "browser") in item.path.parents:
            item.add_marker("browser")
            # A window that the machine left waiting; whoever needed a second go is named at the end (ADR 21).
            item.add_marker(pytest.mark.flaky(reruns=1, reruns_delay=1))
        why = missing(item)
        if why and REQUIRE_ALL:
            item.add_marker(pytest.mark.usefixtures("nothing_may_be_missing"))
        elif why:
            item.add_marker(pytest.mark.skip(reason=why))


def pytest_collection_finish() -> None:
    """What has been imported by now stays: the collector need not go through it again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def nothing_may_be_missing(request: pytest.FixtureRequest) -> None:
    """With PARLEY_REQUIRE_ALL=1 a skipped test is a failed one."""
    pytest.fail(missing(request.node), pytrace=False)


@pytest.fixture(scope="module", autouse=True)
def what_is_left_open_fails_its_own_module() -> Iterator[None]:
    """A socket or session that is never closed warns when it is collected; otherwise that may be many modules later."""
    yield
    gc.collect()
    # What lives on is not looked at again: forty modules on, that would take a third of a second each time.
    gc.freeze()
