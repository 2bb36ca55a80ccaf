"""Waits until something that is read at start has changed: code, texts, examples, configuration."""

from __future__ import annotations

from pathlib import Path

from watchfiles import Change, awatch

from bot.settings import HOME, Settings

SUFFIXES = frozenset({".py", ".ftl", ".yml", ".yaml", ".lock"})
SKIPPED = frozenset({"var", "node_modules", "tests", "docs", "build", "__pycache__", "benchmarks"})


def concerns(change: Change, path: str) -> bool:
    """Whether a changed file is one that a running process has read. A brand's look is read anew by itself."""
    file = Path(path)
    parts = set(file.parts)
    if parts & SKIPPED or any(part.startswith(".") for part in parts):
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


async def changed(settings: Settings) -> None:
    """Returns at the first change that matters."""
    inner = [child for child in HOME.iterdir() if child.is_dir() and child.name not in SKIPPED and child.name[0] != "."]
    files = [child for child in HOME.iterdir() if child.is_file() and child.suffix in SUFFIXES]
    watched = [*inner, *files, *(folder for folder in folders(settings) if folder != HOME)]
    async for _ in awatch(*watched, watch_filter=concerns, debounce=200, step=50):
        return
