"""The promises of the product, each with the tests that show it holds; a table of them ends every run.

A test says which promise it shows: `@pytest.mark.promise("never-lost")`, with several names where it shows several.
Where the tests are run in several rows, each row leaves what it counted in the folder `PARLEY_PROMISES_TO` names, and
whoever started them adds it up (`added`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

PROMISES = {
    "never-lost": "An acknowledged message is never lost, each is handled once, in order; under kill -9 too",
    "turn-once": "State and replies of a turn are applied exactly once; delivery at least once, or marked",
    "effects-once": "An effect's key is saved before its call; done means read back as done; unknown is said",
    "private": "Nothing about an account is said in a chat that is not private, checked again at send time",
    "assured": "Below the needed assurance nothing executes; proof for a write is bound to exactly that action",
    "silent": "After control passes to a person the bot says nothing; on return the dialog goes on",
    "human": "Human is honoured at every step of every dialog, on every channel, in 20 s with the backend hung",
    "secret": "Tokens, codes and secrets never stand in logs, transcripts, dialog state, logged URLs or error texts",
}
"""By a short name; the text is what the table shows."""


@dataclass(slots=True)
class Shown:
    """What became of one promise in this run."""

    tests: set[str] = field(default_factory=set)
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    @property
    def result(self) -> str:
        """In one word."""
        if self.failed:
            return "BROKEN"
        if not self.passed:
            return "not shown"
        return "holds"


class Promises:
    """Collects which tests show which promise, and how they ended."""

    def __init__(self, whole: bool, folder: Path | None = None) -> None:
        self.shown = {name: Shown() for name in PROMISES}
        self.whole = whole
        self.folder = folder

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep each test's promises where its report can carry them; a name nobody knows is an error."""
        for item in items:
            names = [str(name) for mark in item.iter_markers("promise") for name in mark.args]
            unknown = [name for name in names if name not in PROMISES]
            if unknown:
                raise pytest.UsageError(f"{item.nodeid}: no promise is called {unknown}; there are {list(PROMISES)}")
            if names:
                item.user_properties.append(("promises", names))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test for its promises."""
        if report.outcome == "rerun":  # It goes again, and the second go counts.
            return
        ended = report.when == "call" or (report.when == "setup" and not report.passed)
        for name in _names(report.user_properties) if ended or report.failed else ():
            shown = self.shown[name]
            shown.tests.add(report.nodeid.partition("[")[0])
            if report.failed:
                shown.failed += 1
            elif report.skipped:
                shown.skipped += 1
            else:
                shown.passed += 1

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """In a run of everything, a promise without a test that passed fails the run."""
        if self.folder is not None:
            (self.folder / f"{os.getpid()}.json").write_bytes(msgspec.json.encode(self.shown))
        if self.whole and missing(self.shown) and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """The table, where any promise was touched or all should have been, and nobody adds this run to others."""
        touched = any(shown.tests for shown in self.shown.values())
        if self.folder is not None or not (self.whole or touched):
            return
        terminalreporter.section("promises")
        for line in table(self.shown):
            terminalreporter.write_line(line)


def missing(shown: Mapping[str, Shown]) -> list[str]:
    """Promises that no passing test has shown."""
    return [name for name in PROMISES if not shown[name].passed]


def added(folder: Path) -> dict[str, Shown]:
    """What all runs that left their counts in `folder` have shown together."""
    whole = {name: Shown() for name in PROMISES}
    for file in sorted(folder.glob("*.json")):
        for name, shown in msgspec.json.decode(file.read_bytes(), type=dict[str, Shown]).items():
            whole[name].tests |= shown.tests
            whole[name].passed += shown.passed
            whole[name].failed += shown.failed
            whole[name].skipped += shown.skipped
    return whole


def table(shown: Mapping[str, Shown]) -> list[str]:
    """Each promise, its tests, their cases, and what came of them."""
    lines = [f"{'promise':<13} {'tests':>5} {'cases':>5}  result"]
    for name, text in PROMISES.items():
        one = shown[name]
        cases = one.passed + one.failed + one.skipped
        lines += [f"{name:<13} {len(one.tests):>5} {cases:>5}  {one.result}", f"{'':<13} {text}"]
    return lines


def _names(properties: Iterable[tuple[str, object]]) -> list[str]:
    for key, value in properties:
        if key == "promises" and isinstance(value, list):
            return value
    return []


def pytest_configure(config: pytest.Config) -> None:
    """Begin collecting."""
    whole, folder = os.environ.get("PARLEY_ALL_PROMISES") == "1", os.environ.get("PARLEY_PROMISES_TO")
    config.pluginmanager.register(Promises(whole, Path(folder) if folder else None), "parley-promises")
