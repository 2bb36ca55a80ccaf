"""What a reload is for: code, texts, examples, configuration, new folders; nothing that the process writes itself."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from watchfiles import Change

from bot.dev import watching
from bot.dev.watching import changed, concerns, seen
from bot.settings import Brand, Settings


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("dialogs/bill.py", True),
        ("text/en.ftl", True),
        ("nlu/nlu.yml", True),
        ("dialogs/versions.lock", True),
        ("theme.css", False),
        ("var/parley.db", False),
        ("var/nlu/x.yml", False),
        ("dialogs/__pycache__/bill.py", False),
        (".git/index.lock", False),
        ("transcripts/bill.md", False),
    ],
)
def test_which_files_matter(name: str, wanted: bool) -> None:
    assert concerns(Change.modified, f"/srv/brand/{name}") is wanted


def test_a_new_folder_matters_once(tmp_path: Path) -> None:
    folder = tmp_path / "dialogs"
    folder.mkdir()
    assert concerns(Change.added, str(folder))
    assert not concerns(Change.modified, str(folder))
    (tmp_path / "__pycache__").mkdir()
    assert not concerns(Change.added, str(tmp_path / "__pycache__"))


def test_a_checkout_may_lie_in_a_folder_of_any_name() -> None:
    root = Path("/home/ana/docs/.work/build")
    assert not concerns(Change.modified, f"{root}/dialogs/bill.py")
    assert concerns(Change.modified, f"{root}/dialogs/bill.py", [Path("/srv"), root])
    assert not concerns(Change.modified, f"{root}/tests/bill.py", [root])


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(watching, "HOME", tmp_path)
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "en.ftl").write_text("a = A")
    (tmp_path / "tests").mkdir()
    settings = Settings(brand=Brand(folder=tmp_path))
    settings._base = tmp_path
    return settings


def rewritten(root: Path) -> None:
    (root / "text" / "en.ftl").write_text("a = Another")


def removed(root: Path) -> None:
    (root / "text" / "en.ftl").unlink()


def older(root: Path) -> None:
    # A version control system may bring an old file back with its old date.
    os.utime(root / "text" / "en.ftl", (1, 1))


@pytest.mark.parametrize("happens", [rewritten, removed, older])
async def test_what_changed_before_it_was_watched_is_a_change(
    tree: Settings, tmp_path: Path, happens: Callable[[Path], None]
) -> None:
    since = seen([tmp_path])
    happens(tmp_path)
    await asyncio.wait_for(changed(tree, since), 10)


async def test_nothing_written_after_it_is_said_to_be_watched_is_missed(tree: Settings, tmp_path: Path) -> None:
    waiting = asyncio.Event()
    watched = asyncio.create_task(changed(tree, seen([tmp_path]), waiting.set))
    await asyncio.wait_for(waiting.wait(), 10)
    (tmp_path / "tests" / "nobody_reads_this.py").write_text("x = 1")
    await asyncio.sleep(0.4)
    assert not watched.done()
    rewritten(tmp_path)
    await asyncio.wait_for(watched, 10)
