"""Waits until something that is read at start has changed: code, texts, examples, configuration."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from watchfiles import Change, awatch

from bot.settings import HOME, Settings

SUFFIXES = frozenset({".py", ".ftl", ".yml", ".yaml", ".lock"})
SKIPPED = frozenset({"var", "node_modules", "tests", "docs", "build", "__pycache__", "benchmarks"})
START = 100
"""Milliseconds until a watch that has begun looks at what changed before it."""

Seen = Mapping[str, tuple[int, int]]
"""When each file was last written, in nanoseconds, and its size in bytes."""


def concerns(change: Change, path: str, roots: Iterable[Path] = ()) -> bool:
    """Whether a changed file is one that a running process has read. A brand's look is read anew by itself.

    `roots` are the watched folders: what those are called themselves does not matter.
    """
    file = Path(path)
    inner = next((file.relative_to(root) for root in roots if file.is_relative_to(root)), file)
    if any(part in SKIPPED or part.startswith(".") for part in inner.parts):
        return False
    # A file written into a folder that was made a moment ago may go unseen; the folder itself does not.
    return file.suffix in SUFFIXES or (change is Change.added and file.is_dir())


def folders(settings: Settings) -> list[Path]:
    """What to watch: the tree, and the brand's folder where it lies outside."""
    watched = [HOME]
    for folder in (settings.base, settings.brand_folder):
        if not folder.resolve().is_relative_to(HOME):
            watched.append(folder.resolve())
    return watched


def seen(roots: Iterable[Path]) -> Seen:
    """The files that matter below these folders, as they are now."""
    return {file: stamp for root in roots for file, stamp in _below(root)}


async def changed(settings: Settings, since: Seen, watching: Callable[[], None] = lambda: None) -> None:
    """Returns at the first change that matters, at once if there has been one after `since` was taken.

    `watching` is called when no change can be missed any more.
    """
    roots = folders(settings)
    inner = [child for child in HOME.iterdir() if child.is_dir() and child.name not in SKIPPED and child.name[0] != "."]
    files = [child for child in HOME.iterdir() if child.is_file() and child.suffix in SUFFIXES]
    watched = [*inner, *files, *(folder for folder in roots if folder != HOME)]
    begun = False
    async for changes in awatch(
        *watched,
        watch_filter=lambda change, path: concerns(change, path, roots),
        debounce=200,
        step=50,
        rust_timeout=START,
        yield_on_timeout=True,
    ):
        if not begun:
            begun = True
            watching()
            if seen(roots) != since:
                return
        if changes:
            return


def _below(folder: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    with os.scandir(folder) as found:
        children = list(found)
    for child in children:
        if child.name in SKIPPED or child.name.startswith("."):
            continue
        if child.is_dir():
            yield from _below(Path(child.path))
        elif os.path.splitext(child.name)[1] in SUFFIXES:
            at = child.stat()
            yield child.path, (at.st_mtime_ns, at.st_size)
