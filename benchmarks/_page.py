"""docs/performance.md and its picture, from the figures that `make bench` took. What was not taken is said to be so."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

Found = Mapping[str, Any]
Row = tuple[str, Any, str]

BROKEN = ("lost", "twice", "reordered", "effects_twice", "falsely_done", "unknown_open", "unsent", "stuck")


def _turns_sqlite(one: Found) -> list[Row]:
    beside = f"{one['ratio_to_botbuilder']} × botbuilder's `run_dialog`"
    alone = f"{one['replay_ratio']} × the same"
    return [
        ("turns/s, SQLite, one process", one["turns_per_s"], beside),
        ("replay and commit alone, SQLite", one["replay_commit_per_s"], alone),
    ]


def _turns_postgres(two: Found) -> list[Row]:
    beside = f"{two['ratio_to_procrastinate']} × Procrastinate with our turn function"
    return [("turns/s, PostgreSQL, two processes", two["turns_per_s"], beside)]


def _accept_sqlite(taken: Found) -> list[Row]:
    median = f"median {taken['p50_ms_at_500']} ms"
    return [
        ("accepted/s over HTTP, SQLite", taken["accept_per_s"], f"{taken['ratio_to_echo']} of a bare aiohttp echo"),
        ("p99 at 500 accepted a second, SQLite", f"{taken['p99_ms_at_500']} ms", median),
    ]


def _accept_postgres(taken: Found) -> list[Row]:
    beside = f"{taken['ratio_to_pgbench']} of pgbench's inserts"
    return [("accepted/s over HTTP, PostgreSQL", taken["accept_per_s"], beside)]


def _stored(scale: Found, store: str) -> Row:
    found = scale["stored"]
    what = f"{found['many']:,} stored conversations against {found['few']:,}, {store}"
    return what, f"{found['cost']} × the time", f"{found['many_turns_per_s']:,} turns/s"


def _scale_sqlite(small: Found) -> list[Row]:
    return [_stored(small, "SQLite")]


def _scale_postgres(large: Found) -> list[Row]:
    workers = large["workers"]
    lanes = f"20 ms a turn, {workers['lanes']} turns at once in a process"
    idle = f"{large['memory']['mb_per_10000_idle']} MB"
    return [
        _stored(large, "PostgreSQL"),
        ("a second process, backend waiting", f"{workers['waiting_gain']} ×", lanes),
        ("a second process, processor-bound", f"{workers['cpu_gain']} ×", "both share these cores"),
        ("memory for 10,000 idle conversations", idle, "they stand in the store"),
    ]


def _storm(found: Found) -> list[Row]:
    wrong = f"{found['lost']} lost, {found['twice']} twice, {found['reordered']} out of order"
    what = f"a storm of {found['events']:,} events from {found['users']} customers, one kill -9"
    return [(what, wrong, f"acknowledged in {found['ack_p99_ms']} ms (p99)")]


def _flood(found: Found) -> list[Row]:
    what = f"{found['quiet_customers']} quiet customers' p99 beside one who sends {found['flood_per_s']} a second"
    beside = f"{found['beside_p99_ms']} ms after {found['alone_p99_ms']} ms"
    return [(what, f"{found['ratio_p99']} × as before", beside)]


def _hostile(found: Found) -> list[Row]:
    what = f"{found['sent']:,} hostile inputs over every webhook, Direct Line and the pages"
    wrong = f"{found['responses_5xx']} answered 5xx, {found['hangs']} hung"
    return [(what, wrong, f"memory in the second half: {found['kb_per_1000']:+} KB for 1,000 inputs")]


ROWS: Mapping[str, Callable[[Found], list[Row]]] = {
    "turns_sqlite": _turns_sqlite,
    "turns_postgres": _turns_postgres,
    "accept_sqlite": _accept_sqlite,
    "accept_postgres": _accept_postgres,
    "scale_sqlite": _scale_sqlite,
    "scale_postgres": _scale_postgres,
    "storm": _storm,
    "flood": _flood,
    "hostile": _hostile,
}


def page(found: Found, commands: Mapping[str, str]) -> str:
    """The page. `commands` are the parts there are, and how each is run by itself."""
    at = found["machine"]
    got: dict[str, Any] = {name: found[name] for name in commands if "error" not in found.get(name, {"error": ""})}
    rows = [row for name, make in ROWS.items() if name in got for row in make(got[name])]
    ways = [got[name] for name in ("chaos_sqlite", "chaos_postgres") if name in got]
    missing = [
        f"- Not taken: `{command}`{_why(found.get(name, {}))}" for name, command in commands.items() if name not in got
    ]
    return "\n".join(
        [
            "# Performance",
            "",
            "Written by `make bench`. Compare the ratios: the figures are this machine's, at this moment.",
            "",
            f"{at['processor']}, {at['cores']} cores, {at['memory_gb']} GB, Python {at['python']}, commit"
            f" {at['commit']}{', ' + at['rounds'] if at.get('rounds') else ''}.",
            "",
            "![Turns a second, and accepted messages a second](img/performance.svg)",
            "",
            "| Measured | Figure | Beside |",
            "|---|---|---|",
            *(f"| {what} | {_told(value)} | {beside} |" for what, value, beside in rows),
            "",
            *(_paragraph(missing)),
            "The whole pipeline is meant by turns: accept, claim, route, replayed dialog, commit, log and outbound,"
            " each message durable before it is acknowledged. Each file in `benchmarks/` says at its top what it does.",
            "",
            *_fire(ways),
        ]
    )


def _paragraph(lines: Sequence[str]) -> list[str]:
    return [*lines, ""] if lines else []


def _why(part: Found) -> str:
    return f" ({part['error']})" if part.get("error") else ""


def _fire(ways: Sequence[Found]) -> list[str]:
    if not ways:
        return []
    return [
        "## Under fire",
        "",
        "`python -m benchmarks.chaos`: workers ended with kill -9 and stopped past their leases, the database"
        " restarted, the backend losing answers.",
        "",
        f"| Store | kills | freezes | restarts | messages | {' | '.join(name.replace('_', ' ') for name in BROKEN)}"
        " | recovery p50 | p99 |",
        "|---|---|---|---|---|" + "---|" * len(BROKEN) + "---|---|",
        *(
            f"| {way['store']} | {way['kills']} | {way['freezes']} | {way['restarts']} | {way['messages']} |"
            f" {' | '.join(str(way[name]) for name in BROKEN)} |"
            f" {way['recovery_p50_s']} s | {way['recovery_p99_s']} s |"
            for way in ways
        ),
        "",
        "Recovery is from a kill to the next answer in each chat that was waiting for one then; on PostgreSQL it is"
        " bounded by the dead worker's lease (`limits.lease`, `limits.send`): 6 s and 5 s in these runs."
        " [Scaling](scaling.md) says what grows with what.",
        "",
    ]


def _told(value: Any) -> str:
    return f"{value:,.0f}" if isinstance(value, int | float) else str(value)


PAIRS = (
    ("turns_sqlite", "Parley, SQLite", "turns_per_s", "botbuilder, in memory", "botbuilder_turns_per_s"),
    ("turns_postgres", "Parley, PostgreSQL, 2 processes", "turns_per_s",
     "Procrastinate, PostgreSQL, 2 processes", "procrastinate_turns_per_s"),
    ("accept_sqlite", "accepted over HTTP, SQLite", "accept_per_s", "bare aiohttp echo", "echo_per_s"),
)  # fmt: skip
"""Part, ours and its figure, what stands beside it and its figure."""


def picture(found: Found) -> str:
    """Bars: what is ours, and what stands beside it."""
    bars: list[tuple[str, float, bool]] = []
    for part, ours, figure, theirs, other in PAIRS:
        if figure in found.get(part, {}):
            bars += [(ours, found[part][figure], True), (theirs, found[part][other], False)]
    wide, most = 360, max((value for _, value, _ in bars), default=1)
    rows = []
    for place, (name, value, ours_too) in enumerate(bars):
        y = 16 + place * 30 + (place // 2) * 14
        rows.append(
            f'<text x="270" y="{y + 15}" text-anchor="end">{escape(name)}</text>'
            f'<rect x="280" y="{y}" width="{max(1, value / most * wide):.0f}" height="20" rx="3"'
            f' class="{"a" if ours_too else "b"}"/>'
            f'<text x="{286 + value / most * wide:.0f}" y="{y + 15}">{value:,.0f}/s</text>'
        )
    high = 16 + len(bars) * 37 + 2
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 {high}" role="img" aria-label="A second: '
        + "; ".join(f"{escape(name)} {value:,.0f}" for name, value, _ in bars)
        + '"><style>svg{background:#fff}text{font:13px system-ui,sans-serif;fill:#222}'
        ".a{fill:#1f6f5c}.b{fill:#b9c2c9}</style>" + "".join(rows) + "</svg>\n"
    )
