"""The test command's parts, in order, each with its seconds: `python -m tests.all [--fast | --long | --lint]`.

Every part is run, whatever became of those before it, so that one run shows all there is to mend. What a part needs
from outside Python (Chromium, Node's packages) is fetched first where this machine allows it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import IO

from nlu.rasa.python310 import installed
from tests.plugins.promises import added, missing, table

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
NODE = ROOT / "tests" / "integration" / "directline"
REQUIRE_ALL = os.environ.get("PARLEY_REQUIRE_ALL") == "1"


@dataclass(frozen=True, slots=True)
class Part:
    """A command to run, under a name."""

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path = ROOT

    def run(self, out: IO[bytes] | None = None) -> tuple[str, float, bool]:
        """Run it; its name, its seconds, and whether it passed. Its output goes to `out`, else to ours."""
        began = time.monotonic()
        # Bytecode is kept whatever this shell says: half of what it takes to collect the tests is compiling them.
        env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", **self.env}
        heading = f"\n== {self.name}\n"
        if out is None:
            print(heading, end="", flush=True)
        else:
            out.write(heading.encode())
            out.flush()
        ended = subprocess.run(
            self.command, cwd=self.cwd, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out and subprocess.STDOUT
        )
        return self.name, time.monotonic() - began, ended.returncode == 0


@dataclass(slots=True)
class Run:
    """What was run, how long it took and how it ended."""

    parts: list[tuple[str, float, bool]] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def part(self, name: str, *command: str, env: Mapping[str, str] | None = None, cwd: Path = ROOT) -> bool:
        """Run one part; True if it passed."""
        self.parts.append(Part(name, command, env or {}, cwd).run())
        return self.parts[-1][2]

    def side_by_side(self, here: Sequence[Part], there: Sequence[Part]) -> None:
        """Run two rows of parts beside each other, for they wait as much as they compute: each in its order. The first
        row prints as it goes, the second when both are done."""
        stopped = Event()
        with tempfile.TemporaryFile() as out, ThreadPoolExecutor(1) as beside:
            others = beside.submit(lambda: [part.run(out) for part in there if not stopped.is_set()])
            try:
                self.parts += [part.run() for part in here]
            except KeyboardInterrupt:
                stopped.set()
                raise
            self.parts += others.result()
            out.seek(0)
            shutil.copyfileobj(out, sys.stdout.buffer)
            sys.stdout.flush()

    def promises(self, folder: Path, *, whole: bool) -> None:
        """The table of promises, as the tests of all rows have shown them; of a whole run each must be."""
        shown = added(folder)
        if not whole and not any(one.tests for one in shown.values()):
            return
        print("\n" + "\n".join(table(shown)))
        if whole and missing(shown):
            self.parts.append((f"not shown: {', '.join(missing(shown))}", 0.0, False))

    def summary(self) -> int:
        """The table of parts; the exit code."""
        print("\nseconds  part")
        for name, seconds, passed in self.parts:
            print(f"{seconds:7.1f}  {name}{'' if passed else '  FAILED'}")
        print(f"{time.monotonic() - self.began:7.1f}  in all", flush=True)
        return 0 if all(passed for _, _, passed in self.parts) else 1


def tool(name: str) -> str:
    """A command of the environment."""
    return str(BIN / name)


def lint() -> list[Part]:
    """Style, types, layers."""
    return [
        Part("ruff", (tool("ruff"), "check", "--quiet", ".")),
        Part("mypy", (tool("mypy"), "--no-error-summary")),
        Part("import-linter", (tool("lint-imports"), "--no-cache")),
    ]


BROWSERS = {
    "chromium": ("PARLEY_CHROMIUM", ("chromium", "chromium-browser")),
    "firefox-esr": ("PARLEY_FIREFOX", ("firefox-esr", "firefox")),
}
"""By package: the variable that names one, and the programs that are one."""


def browsers(run: Run) -> bool:
    """Chromium, and where everything is required Firefox as well: installed where we may; whether we can go on."""
    missing = [
        package
        for package, (named, programs) in BROWSERS.items()
        if named not in os.environ and not any(shutil.which(name) for name in programs)
    ]
    wanted = [package for package in missing if REQUIRE_ALL or package == "chromium"]
    if not wanted:
        return True
    if os.geteuid() == 0 and shutil.which("apt-get"):
        quiet = {"DEBIAN_FRONTEND": "noninteractive"}
        run.part("apt-get update", "apt-get", "update", "-qq", env=quiet)
        install = ("apt-get", "install", "-y", "-qq", "--no-install-recommends", *wanted)
        return run.part(" and ".join(wanted), *install, env=quiet) or not REQUIRE_ALL
    said = f"There is no {' and no '.join(wanted)}, and it cannot be installed here."
    if REQUIRE_ALL:
        return run.part(" and ".join(wanted), "sh", "-c", f"echo '{said}'; exit 1")
    print(f"{said} Its tests will be skipped.")
    return True


def prepare(run: Run) -> bool:
    """Browsers, where we may install them, and Node's packages."""
    if not browsers(run):
        return False
    lock, installed = NODE / "package-lock.json", NODE / "node_modules" / ".package-lock.json"
    stale = not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime if lock.exists() else False
    if stale and shutil.which("npm"):
        done = run.part("npm ci", "npm", "ci", "--no-audit", "--no-fund", "--loglevel=error", cwd=NODE)
        return done or not REQUIRE_ALL
    return True


QUICK = "not (slow or browser or postgres or node or long)"
EDGES = tuple(f"tests/integration/test_{channel}_edge.py" for channel in ("messenger", "slack", "telegram"))
BESIDE = ("tests/attacks", "tests/browser", "tests/chaos", "tests/contract", *EDGES)
"""What runs after the linters, beside all other tests: so divided, both rows take about as long."""


def pytest(name: str, marks: str, *arguments: str, env: Mapping[str, str] | None = None) -> Part:
    """One run of pytest."""
    return Part(name, (sys.executable, "-m", "pytest", "-q", "-m", marks, *arguments), env or {})


def other_python(run: Run) -> None:
    """The quick tests on the other Python that may run Parley, in an environment of its own: `make run` takes whichever
    is there, and the image has the newer one."""
    version = "3.12" if sys.version_info[:2] == (3, 11) else "3.11"
    found = next(installed(version), None)
    if found is None:
        said = f"There is no Python {version}."
        if REQUIRE_ALL:
            run.part(f"Python {version}", "sh", "-c", f"echo '{said}'; exit 1")
        else:
            print(f"{said} Nothing is tested on it.")
        return
    folder = f".venv-{version}"
    env = {"PARLEY_VENV": folder, "PARLEY_PYTHON": str(found)}
    if run.part(f"Python {version}", "bash", "deploy/environment.sh", "requirements-dev.lock", env=env):
        run.part(f"quick tests on Python {version}", f"{folder}/bin/python", "-m", "pytest", "-q", "-m", QUICK)


def in_two_rows(run: Run, marks: str, *, whole: bool = False) -> None:
    """The linters and the tests with these marks, in two rows, and the promises that they show."""
    with tempfile.TemporaryDirectory() as folder:
        counts = {"PARLEY_PROMISES_TO": folder}
        rest = pytest("pytest", marks, *(f"--ignore={one}" for one in BESIDE), env=counts)
        beside = pytest("pytest: attacks, browsers, chaos, contracts, edges", marks, *BESIDE, env=counts)
        run.side_by_side([rest], [*lint(), beside])
        run.promises(Path(folder), whole=whole)


def main(arguments: Sequence[str]) -> int:
    """Run what was asked for; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.all", description=__doc__)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--fast", action="store_true", help="leave out browsers, Node, PostgreSQL and what is slow")
    which.add_argument("--long", action="store_true", help="what takes minutes, and the other Python")
    which.add_argument("--lint", action="store_true", help="style, types and layers alone")
    asked = parser.parse_args(arguments)
    run = Run()
    if asked.lint:
        run.parts += [part.run() for part in lint()]
    elif asked.long:
        run.parts.append(pytest("long tests", "long").run())
        other_python(run)
    elif asked.fast:
        in_two_rows(run, QUICK)
    elif prepare(run):
        in_two_rows(run, "not long", whole=True)
    else:
        run.parts += [part.run() for part in lint()]
    return run.summary()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
