"""The test command's parts, in order, each with its seconds: `python -m tests.all [--fast | --long | --lint]`.

Every part is run, whatever became of those before it, so that one run shows all there is to mend. What a part needs
from
outside Python (Chromium, Node's packages) is fetched first where this machine allows it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
NODE = ROOT / "tests" / "integration" / "directline"
REQUIRE_ALL = os.environ.get("PARLEY_REQUIRE_ALL") == "1"


@dataclass(slots=True)
class Run:
    """What was run, how long it took and how it ended."""

    parts: list[tuple[str, float, bool]] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def part(self, name: str, *command: str, env: dict[str, str] | None = None, cwd: Path = ROOT) -> bool:
        """Run one part; True if it passed."""
        print(f"\n== {name}", flush=True)
        began = time.monotonic()
        ended = subprocess.run(command, cwd=cwd, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL)
        passed = ended.returncode == 0
        self.parts.append((name, time.monotonic() - began, passed))
        return passed

    def together(self, *commands: tuple[str, tuple[str, ...], dict[str, str]]) -> None:
        """Run parts side by side: they wait more than they compute. The first prints as it goes, the others after."""
        running = []
        for at, (name, command, env) in enumerate(commands):
            out = None if at == 0 else tempfile.TemporaryFile()  # noqa: SIM115 (closed below, when it is printed)
            if out is None:
                print(f"\n== {name}", flush=True)
            process = subprocess.Popen(
                command, cwd=ROOT, env={**os.environ, **env}, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )
            running.append((name, process, out, time.monotonic()))
        took: dict[str, float] = {}
        while len(took) < len(running):
            time.sleep(0.1)
            for name, process, _, began in running:
                if name not in took and process.poll() is not None:
                    took[name] = time.monotonic() - began
        for name, process, out, _ in running:
            self.parts.append((name, took[name], process.returncode == 0))
            if out is not None:
                print(f"\n== {name}", flush=True)
                out.seek(0)
                shutil.copyfileobj(out, sys.stdout.buffer)
                sys.stdout.flush()
                out.close()

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


def lint(run: Run) -> bool:
    """Style, types, layers."""
    results = [
        run.part("ruff", tool("ruff"), "check", "--quiet", "."),
        run.part("mypy", tool("mypy"), "--no-error-summary"),
        run.part("import-linter", tool("lint-imports"), "--no-cache"),
    ]
    return all(results)


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


PYTEST = (sys.executable, "-m", "pytest", "-q", "-m")


def pytest_of(run: Run, name: str, marks: str) -> bool:
    """One run of pytest."""
    return run.part(name, *PYTEST, marks)


def main(arguments: Sequence[str]) -> int:
    """Run what was asked for; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.all", description=__doc__)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--fast", action="store_true", help="leave out browsers, Node, PostgreSQL and what is slow")
    which.add_argument("--long", action="store_true", help="what takes minutes, and nothing else")
    which.add_argument("--lint", action="store_true", help="style, types and layers alone")
    asked = parser.parse_args(arguments)
    run = Run()
    if asked.lint:
        lint(run)
    elif asked.long:
        pytest_of(run, "long tests", "long")
    elif asked.fast:
        lint(run)
        pytest_of(run, "pytest, fast", "not (slow or browser or postgres or node or long)")
    else:
        lint(run)
        if prepare(run):
            processes = [folder for folder in ("tests/browser", "tests/chaos") if (ROOT / folder).is_dir()]
            run.together(
                (
                    "pytest",
                    (*PYTEST, "not long", *(f"--ignore={folder}" for folder in processes)),
                    {"PARLEY_ALL_PROMISES": "1"},
                ),
                ("pytest, browsers and chaos", (*PYTEST, "not long", *processes), {}),
            )
    return run.summary()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
