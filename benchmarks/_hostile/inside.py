"""`app.py` with a window: at SIGUSR1 it writes what it has in memory by type, and where it was asked for.

`python -m benchmarks._hostile.inside FILE run …`: FILE gets one JSON line each time.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import tracemalloc
from collections import Counter
from pathlib import Path

import msgspec


def look(into: Path) -> None:
    """Append one line: live objects by type, bytes by place."""
    gc.collect()
    types = Counter(f"{type(one).__module__}.{type(one).__qualname__}" for one in gc.get_objects())
    places: dict[str, int] = {}
    if tracemalloc.is_tracing():
        for one in tracemalloc.take_snapshot().statistics("lineno")[:400]:
            places[str(one.traceback[0])] = one.size
    line = {"types": dict(types), "places": places, "blocks": sys.getallocatedblocks()}
    with into.open("ab") as file:
        file.write(msgspec.json.encode(line) + b"\n")


def main() -> None:
    """Serve, and look when told to."""
    into = Path(sys.argv.pop(1))
    if os.environ.pop("PLACES", ""):
        tracemalloc.start()
    signal.signal(signal.SIGUSR1, lambda *_: look(into))
    from app import cli

    cli()


if __name__ == "__main__":
    main()
