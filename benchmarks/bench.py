"""`make bench`: every benchmark, short, one after another; writes docs/performance.md and its picture.

A part that fails, or takes too long, is said on the page not to have been taken; the others are, and the exit code is
1. `--full` takes the sizes and the five rounds that the figures in the decision records are from (an hour or so).
`--only NAME …` takes some parts alone. `--keep FILE` keeps what was measured, after each part; `--from FILE` begins
with what was kept, and without `--only` measures nothing and writes the page anew. `--list` says what there is.
"""

from __future__ import annotations

import argparse
import os
import platform
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from benchmarks._page import page, picture

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "performance.md"
PICTURE = ROOT / "docs" / "img" / "performance.svg"
LONGEST, LONGEST_FULL = 420.0, 3600.0
"""Seconds after which a part is ended."""


@dataclass(frozen=True, slots=True)
class Part:
    """One benchmark: its module, its arguments short and full."""

    name: str
    module: str
    short: tuple[str, ...]
    full: tuple[str, ...]

    def command(self, full: bool) -> str:
        """As somebody would type it."""
        return f"python -m benchmarks.{self.module} {' '.join(self.full if full else self.short)}"


_TWO = ("--store", "postgres", "--workers", "2", "--conversations", "400")
_FEW = ("--store", "sqlite", "--parts", "stored", "memory")
PARTS = (
    Part("turns_sqlite", "turns", ("--store", "sqlite", "--rounds", "3"), ("--store", "sqlite")),
    Part("accept_sqlite", "accept", ("--count", "5000", "--seconds", "3", "--rounds", "3"), ("--store", "sqlite")),
    Part("turns_postgres", "turns", (*_TWO, "--rounds", "1"), _TWO),
    Part(
        "accept_postgres",
        "accept",
        ("--store", "postgres", "--count", "3000", "--seconds", "3", "--rounds", "3"),
        ("--store", "postgres"),
    ),
    Part("scale_sqlite", "scale", (*_FEW, "--many", "100000", "--rounds", "1"), _FEW),
    Part("scale_postgres", "scale", ("--many", "100000", "--rounds", "1"), ("--store", "postgres")),
    Part("flood", "flood", ("--seconds", "25"), ("--seconds", "60")),
    Part("storm", "storm", ("--events", "2000", "--users", "60"), ("--events", "10000")),
    Part("hostile", "hostile", ("--count", "10000"), ("--count", "200000")),
    Part("chaos_sqlite", "chaos", ("--kills", "10", "--freezes", "0"), ("--kills", "200")),
    Part(
        "chaos_postgres",
        "chaos",
        ("--store", "postgres", "--kills", "10", "--freezes", "0", "--restarts", "1"),
        ("--store", "postgres", "--kills", "200", "--restarts", "20"),
    ),
)


def run(part: Part, full: bool) -> dict[str, Any]:
    """One benchmark's figures; where it has none, `error` says why."""
    command = [sys.executable, "-W", "ignore", "-m", f"benchmarks.{part.module}", *(part.full if full else part.short)]
    print(f"{part.name}: {part.command(full)}", file=sys.stderr, flush=True)
    began = time.monotonic()
    running = subprocess.Popen([*command, "--json"], cwd=ROOT, stdout=subprocess.PIPE, start_new_session=True)
    try:
        said, _ = running.communicate(timeout=LONGEST_FULL if full else LONGEST)
    except BaseException as error:
        # Asked to end, a part ends what it has started.
        running.terminate()
        running.communicate(timeout=60)
        if not isinstance(error, subprocess.TimeoutExpired):
            raise
        return {"error": f"took more than {error.timeout:.0f} s"}
    took = round(time.monotonic() - began, 1)
    try:
        # A part that ends with 1 has found a promise broken: its figures say which.
        figures: dict[str, Any] = msgspec.json.decode(said)
    except msgspec.DecodeError:
        return {"error": f"ended with {running.returncode}"}
    print(f"{said.decode().strip()}\n{part.name}: {took} s", file=sys.stderr, flush=True)
    return {**figures, "took_s": took, "code": running.returncode}


def machine() -> dict[str, Any]:
    """What it ran on, and of which commit."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if "model name" in line), platform.machine())
    git = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "python": platform.python_version(),
        "commit": commit,
    }


def main() -> int:
    """Run it; 1 where a part was not taken, or found something broken."""
    names = [part.name for part in PARTS]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench", description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--only", nargs="+", choices=names, default=[], metavar="NAME")
    parser.add_argument("--keep", type=Path, help="where the figures go as JSON")
    parser.add_argument("--from", dest="given", type=Path, help="figures kept before")
    parser.add_argument("--list", action="store_true")
    given = parser.parse_args()
    if given.list:
        print("\n".join(f"{part.name:16} {part.command(given.full)}" for part in PARTS))
        return 0
    found: dict[str, Any] = msgspec.json.decode(given.given.read_bytes()) if given.given else {}
    wanted = given.only or ([] if given.given else names)
    if wanted:
        rounds = "medians of five rounds" if given.full else "short rounds"
        found["machine"] = {**machine(), "rounds": rounds}
    # Ended from outside, it still ends the part that runs.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    began = time.monotonic()
    for part in PARTS:
        if part.name in wanted:
            found[part.name] = run(part, given.full)
            if given.keep is not None:
                given.keep.write_bytes(msgspec.json.format(msgspec.json.encode(found)))
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(picture(found), "utf-8")
    PAGE.write_text(page(found, {part.name: part.command(given.full) for part in PARTS}), "utf-8")
    print(f"Written: {PAGE.relative_to(ROOT)}, {PICTURE.relative_to(ROOT)}", file=sys.stderr)
    if wanted:
        print(f"{(time.monotonic() - began) / 60:.1f} minutes.", file=sys.stderr)
    wrong = [name for name in names if (one := found.get(name, {"error": "not run"})).get("error") or one.get("code")]
    for name in wrong:
        print(
            f"{name}: {found[name].get('error') or 'not as promised' if name in found else 'not run'}", file=sys.stderr
        )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
