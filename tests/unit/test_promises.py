"""The table of promises can fail: an unknown promise, one that is broken, one that nothing shows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugins.promises import PROMISES, added, missing, table

ROOT = Path(__file__).resolve().parents[2]

ALL = "\n".join(
    [
        "import pytest",
        "from tests.plugins.promises import PROMISES",
        "@pytest.mark.parametrize('case', [1, 2])",
        "@pytest.mark.promise(*PROMISES)",
        "def test_shows(case):",
        "    pass",
        "",
    ]
)


def run(folder: Path, code: str, *, whole: bool, to: Path | None = None) -> subprocess.CompletedProcess[str]:
    (folder / "test_one.py").write_text(code)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    promise: shows a promise\n")
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PARLEY_ALL_PROMISES": "1" if whole else "0"}
    env |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PARLEY_PROMISES_TO": str(to or "")}
    plugins = ["-p", "tests.plugins.promises", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", "-q", *plugins, str(folder)]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60)


def test_all_shown_passes_and_is_counted(tmp_path: Path) -> None:
    ran = run(tmp_path, ALL, whole=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert [line.split() for line in ran.stdout.splitlines() if line.startswith("human ")] == [
        ["human", "1", "2", "holds"]
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "row"),
    [
        (ALL.replace("*PROMISES", "*[p for p in PROMISES if p != 'human']"), ["human", "0", "0", "not", "shown"]),
        (ALL.replace("    pass", "    pytest.skip('not here')"), ["human", "1", "2", "not", "shown"]),
        (ALL.replace("    pass", "    assert case == 1"), ["human", "1", "2", "BROKEN"]),
    ],
    ids=["no test", "only skipped", "failing"],
)
def test_a_promise_that_is_not_shown_fails_a_whole_run(tmp_path: Path, code: str, row: list[str]) -> None:
    ran = run(tmp_path, code, whole=True)
    assert ran.returncode != 0
    assert [line.split() for line in ran.stdout.splitlines() if line.startswith("human ")] == [row]


@pytest.mark.slow
def test_a_part_of_the_tests_need_not_show_all(tmp_path: Path) -> None:
    ran = run(tmp_path, "def test_other():\n    pass\n", whole=False)
    assert ran.returncode == 0, ran.stdout
    assert "promise " not in ran.stdout


@pytest.mark.slow
def test_an_unknown_promise_is_refused(tmp_path: Path) -> None:
    ran = run(tmp_path, "import pytest\n@pytest.mark.promise('moon')\ndef test_it():\n    pass\n", whole=False)
    assert ran.returncode != 0
    assert "moon" in ran.stdout + ran.stderr


@pytest.mark.slow
def test_what_several_runs_show_is_added_up(tmp_path: Path) -> None:
    first, second, counts = tmp_path / "first", tmp_path / "second", tmp_path / "counts"
    for folder in (first, second, counts):
        folder.mkdir()
    ran = run(first, ALL.replace("*PROMISES", "'human', 'secret'"), whole=False, to=counts)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "holds" not in ran.stdout, "the table is for whoever adds the runs up"
    assert run(second, ALL.replace("*PROMISES", "'human'"), whole=False, to=counts).returncode == 0
    shown = added(counts)
    assert (len(shown["human"].tests), shown["human"].passed, shown["secret"].passed) == (1, 4, 2)
    assert missing(shown) == [name for name in PROMISES if name not in ("human", "secret")]
    assert [line.split() for line in table(shown) if line.startswith(("human ", "private "))] == [
        ["private", "0", "0", "not", "shown"],
        ["human", "1", "4", "holds"],
    ]
