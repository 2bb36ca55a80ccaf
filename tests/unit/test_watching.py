"""What a reload is for: code, texts, examples, configuration, new folders; nothing that the process writes itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from watchfiles import Change

from bot.dev.watching import concerns


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
