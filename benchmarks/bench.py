"""`make bench`: every benchmark, short, one after another; writes docs/performance.md and its picture.

`--full` takes the sizes and the five rounds that the figures in the decision records are from (an hour or so).
`--keep FILE` keeps what was measured; `--from FILE` writes the page anew from it.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "performance.md"
PICTURE = ROOT / "docs" / "img" / "performance.svg"


@dataclass(frozen=True, slots=True)
class Part:
    """One benchmark: its module, its arguments short and full."""

    name: str
    module: str
    short: tuple[str, ...]
    full: tuple[str, ...]


PARTS = (
    Part("turns_sqlite", "turns", ("--store", "sqlite", "--rounds", "3"), ("--store", "sqlite")),
    Part(
        "turns_postgres",
        "turns",
        ("--store", "postgres", "--workers", "2", "--conversations", "400", "--rounds", "1"),
        ("--store", "postgres", "--workers", "2", "--conversations", "400"),
    ),
    Part("accept_sqlite", "accept", ("--count", "5000", "--seconds", "3", "--rounds", "3"), ("--store", "sqlite")),
    Part(
        "accept_postgres",
        "accept",
        ("--store", "postgres", "--count", "3000", "--seconds", "3", "--rounds", "3"),
        ("--store", "postgres"),
    ),
    Part(
        "scale_sqlite",
        "scale",
        ("--store", "sqlite", "--parts", "stored", "memory", "--many", "100000", "--rounds", "1"),
        ("--store", "sqlite", "--parts", "stored", "memory"),
    ),
    Part("scale_postgres", "scale", ("--many", "100000", "--rounds", "1"), ("--store", "postgres")),
    Part("chaos_sqlite", "chaos", ("--kills", "10", "--freezes", "0"), ("--kills", "200")),
    Part(
        "chaos_postgres",
        "chaos",
        ("--store", "postgres", "--kills", "10", "--freezes", "0", "--restarts", "1"),
        ("--store", "postgres", "--kills", "200", "--restarts", "20"),
    ),
)


def run(part: Part, full: bool) -> dict[str, Any]:
    """One benchmark's figures. Raises `RuntimeError` where it did not end well."""
    arguments = part.full if full else part.short
    command = [sys.executable, "-W", "ignore", "-m", f"benchmarks.{part.module}", *arguments, "--json"]
    print(f"{part.name}: python -m benchmarks.{part.module} {' '.join(arguments)}", file=sys.stderr, flush=True)
    ended = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=False)
    if ended.returncode:
        raise RuntimeError(f"{part.name} ended with {ended.returncode}.")
    print(ended.stdout.decode().strip(), flush=True)
    figures: dict[str, Any] = msgspec.json.decode(ended.stdout)
    return figures


def machine() -> dict[str, Any]:
    """What it ran on, and of which commit."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "python": platform.python_version(),
        "commit": commit,
    }


def page(found: dict[str, Any]) -> str:
    """docs/performance.md."""
    at, one, two = found["machine"], found["turns_sqlite"], found["turns_postgres"]
    taken, also = found["accept_sqlite"], found["accept_postgres"]
    small, large = found["scale_sqlite"], found["scale_postgres"]
    rows = [
        (
            "turns/s, SQLite, one process",
            one["turns_per_s"],
            f"{one['ratio_to_botbuilder']} × botbuilder's `run_dialog`",
        ),
        ("replay and commit alone, SQLite", one["replay_commit_per_s"], f"{one['replay_ratio']} × the same"),
        (
            "turns/s, PostgreSQL, two processes",
            two["turns_per_s"],
            f"{two['ratio_to_procrastinate']} × Procrastinate with our turn function",
        ),
        ("accepted/s over HTTP, SQLite", taken["accept_per_s"], f"{taken['ratio_to_echo']} of a bare aiohttp echo"),
        ("accepted/s over HTTP, PostgreSQL", also["accept_per_s"], f"{also['ratio_to_pgbench']} of pgbench's inserts"),
        ("p99 at 500 accepted a second, SQLite", f"{taken['p99_ms_at_500']} ms", f"median {taken['p50_ms_at_500']} ms"),
        _cost("SQLite", small["stored"]),
        _cost("PostgreSQL", large["stored"]),
        ("a second process, backend waiting", f"{large['workers']['waiting_gain']} ×", _lanes(large["workers"])),
        ("a second process, processor-bound", f"{large['workers']['cpu_gain']} ×", "both share these cores"),
        (
            "memory for 10,000 idle conversations",
            f"{large['memory']['mb_per_10000_idle']} MB",
            "they stand in the store",
        ),
    ]
    broken = ("lost", "twice", "reordered", "effects_twice", "falsely_done", "unknown_open", "unsent", "stuck")
    ways = [found[name] for name in ("chaos_sqlite", "chaos_postgres") if name in found]
    lines = [
        "# Performance",
        "",
        "Written by `make bench`. Compare the ratios: the figures are this machine's, at this moment.",
        "",
        f"{at['processor']}, {at['cores']} cores, {at['memory_gb']} GB, Python {at['python']}, commit {at['commit']}.",
        "",
        "![Turns a second, and accepted messages a second](img/performance.svg)",
        "",
        "| Measured | Figure | Beside |",
        "|---|---|---|",
        *(f"| {what} | {_told(value)} | {beside} |" for what, value, beside in rows),
        "",
        "The whole pipeline is meant by turns: accept, claim, route, replayed dialog, commit, log and outbound, each"
        " message durable before it is acknowledged. Each file in `benchmarks/` says at its top what it does.",
        "",
        "## Under fire",
        "",
        "`python -m benchmarks.chaos`: workers ended with kill -9 and stopped past their leases, the database"
        " restarted, the backend losing answers.",
        "",
        f"| Store | kills | freezes | restarts | messages | {' | '.join(name.replace('_', ' ') for name in broken)}"
        " | recovery p50 | p99 |",
        "|---|---|---|---|---|" + "---|" * len(broken) + "---|---|",
        *(
            f"| {way['store']} | {way['kills']} | {way['freezes']} | {way['restarts']} | {way['messages']} |"
            f" {' | '.join(str(way[name]) for name in broken)} |"
            f" {way['recovery_p50_s']} s | {way['recovery_p99_s']} s |"
            for way in ways
        ),
        "",
        "Recovery is from a kill to the next answer in each chat that was waiting for one then; on PostgreSQL it is"
        " bounded by the dead worker's lease (`limits.lease`, `limits.send`): 6 s and 5 s in these runs."
        " [Scaling](scaling.md) says what grows with what.",
        "",
    ]
    return "\n".join(lines)


def _cost(store: str, found: dict[str, Any]) -> tuple[str, str, str]:
    what = f"{found['many']:,} stored conversations against {found['few']:,}, {store}"
    return what, f"{found['cost']} × the time", f"{found['many_turns_per_s']:,} turns/s"


def _lanes(found: dict[str, Any]) -> str:
    return f"20 ms a turn, {found['lanes']} turns at once in a process"


def _told(value: Any) -> str:
    return f"{value:,.0f}" if isinstance(value, int | float) else str(value)


def picture(found: dict[str, Any]) -> str:
    """Bars: what is ours, and what stands beside it."""
    one, two, taken = found["turns_sqlite"], found["turns_postgres"], found["accept_sqlite"]
    bars = [
        ("Parley, SQLite", one["turns_per_s"], True),
        ("botbuilder, in memory", one["botbuilder_turns_per_s"], False),
        ("Parley, PostgreSQL, 2 processes", two["turns_per_s"], True),
        ("Procrastinate, PostgreSQL, 2 processes", two["procrastinate_turns_per_s"], False),
        ("accepted over HTTP, SQLite", taken["accept_per_s"], True),
        ("bare aiohttp echo", taken["echo_per_s"], False),
    ]
    wide, most = 360, max(value for _, value, _ in bars)
    rows = []
    for place, (name, value, ours) in enumerate(bars):
        y = 16 + place * 30 + (place // 2) * 14
        rows.append(
            f'<text x="270" y="{y + 15}" text-anchor="end">{escape(name)}</text>'
            f'<rect x="280" y="{y}" width="{max(1, value / most * wide):.0f}" height="20" rx="3"'
            f' class="{"a" if ours else "b"}"/>'
            f'<text x="{286 + value / most * wide:.0f}" y="{y + 15}">{value:,.0f}/s</text>'
        )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 240" role="img" aria-label="A second: '
        + "; ".join(f"{escape(name)} {value:,.0f}" for name, value, _ in bars)
        + '"><style>svg{background:#fff}text{font:13px system-ui,sans-serif;fill:#222}'
        ".a{fill:#1f6f5c}.b{fill:#b9c2c9}</style>" + "".join(rows) + "</svg>\n"
    )


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench", description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--keep", type=Path, help="where the figures go as JSON")
    parser.add_argument("--from", dest="given", type=Path, help="figures kept before, instead of measuring")
    given = parser.parse_args()
    if given.given is not None:
        found = msgspec.json.decode(given.given.read_bytes())
    else:
        found = {"machine": machine(), **{part.name: run(part, given.full) for part in PARTS}}
    if given.keep is not None:
        given.keep.write_bytes(msgspec.json.format(msgspec.json.encode(found)))
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(picture(found), "utf-8")
    PAGE.write_text(page(found), "utf-8")
    print(f"Written: {PAGE.relative_to(ROOT)}, {PICTURE.relative_to(ROOT)}", file=sys.stderr)


if __name__ == "__main__":
    main()
