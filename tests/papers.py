"""Runs the code blocks of a document, in order, in a home folder of its own.

A fenced block is taken by its language. A comment on the line before it says more:

`<!-- to: ~/acme/… -->`   the block is that file, and is written;
`<!-- is: ~/acme/… -->`   the block is what that file holds by now;
`<!-- from: PATH -->`     the block stands word for word in that file of the tree, which other tests run.

Otherwise `python` blocks of a document are run in one namespace, `console` blocks are typed into a shell and their
output
compared ("..." stands for anything, "> " begins what is typed into the command), `yaml` is validated as
configuration or
as examples, `fluent` is parsed. Any other language is for reading only.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from fluent.syntax import FluentParser, ast

from bot.settings import Settings
from nlu.data import load

ROOT = Path(__file__).resolve().parent.parent
_MARK = re.compile(r"<!-- (to|is|from): (\S+) -->")
SECONDS = 240
"""What one command may take on a busy machine."""


class Wrong(AssertionError):
    """A block of a document is not true."""


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: its language, its text, the line it begins on, and what the comment before it said."""

    language: str
    text: str
    at: int
    mark: tuple[str, str] | None = None


def blocks(document: Path) -> list[Block]:
    """The fenced blocks of a Markdown file."""
    found: list[Block] = []
    lines = document.read_text("utf-8").splitlines()
    at, mark = 0, None
    while at < len(lines):
        line = lines[at]
        if line.startswith("```"):
            end = lines.index("```", at + 1)
            found.append(Block(line[3:].strip(), "\n".join(lines[at + 1 : end]) + "\n", at + 1, mark))
            at, mark = end, None
        elif line.strip():
            said = _MARK.fullmatch(line.strip())
            mark = (said[1], said[2]) if said else None
        at += 1
    return found


@dataclass(slots=True)
class Runner:
    """Runs one document's blocks; `home` stands for the reader's own home folder."""

    document: Path
    home: Path
    names: dict[str, Any] = field(default_factory=dict)

    def run(self) -> int:
        """Run them all; returns how many there were to run. Raises `Wrong` naming the line."""
        done = 0
        for block in blocks(self.document):
            act = self._written if block.mark else self._acts().get(block.language)
            if act is None:
                continue
            done += 1
            try:
                act(block)
            except Exception as error:  # boundary: whatever a block does wrong is told with its place
                raise Wrong(f"{self.document.relative_to(ROOT)}:{block.at}: {error}") from error
        return done

    def _acts(self) -> dict[str, Callable[[Block], None]]:
        return {"python": self._python, "console": self._console, "yaml": self._yaml, "fluent": self._fluent}

    def _written(self, block: Block) -> None:
        assert block.mark is not None
        kind, path = block.mark
        if kind == "from":
            if block.text.strip() not in (ROOT / path).read_text("utf-8"):
                raise Wrong(f"{path} does not hold this")
            return
        file = self.home / path.removeprefix("~/")
        if kind == "is":
            if file.read_text("utf-8").strip() != block.text.strip():
                raise Wrong(f"{path} is not this but:\n{file.read_text('utf-8')}")
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block.text, "utf-8")

    def _python(self, block: Block) -> None:
        exec(compile(block.text, f"{self.document.name}:{block.at}", "exec"), self.names)

    def _fluent(self, block: Block) -> None:
        for entry in FluentParser().parse(block.text).body:
            if isinstance(entry, ast.Junk):
                raise Wrong(f"not understood: {entry.content!r}")

    def _yaml(self, block: Block) -> None:
        given = yaml.safe_load(block.text)
        if "nlu" in given and "version" in given:
            file = self.home / f"nlu_{block.at}.yml"
            file.write_text(block.text, "utf-8")
            load([file])
        else:
            Settings(**given)

    def _console(self, block: Block) -> None:
        for command, typed, expected in _commands(block.text):
            said = self._shell(command, typed)
            if expected and not matches(expected, said):
                raise Wrong(f"$ {command}\n--- written\n{expected}\n--- said\n{said}")

    def _shell(self, command: str, typed: str) -> str:
        environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PARLEY_")},
            "HOME": str(self.home),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        done = subprocess.run(
            ["bash", "-c", command.replace(".venv/bin/python", sys.executable)],
            cwd=ROOT,
            env=environ,
            input=typed,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        if done.returncode:
            raise Wrong(f"$ {command} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout.replace(str(self.home), "~")


def _commands(text: str) -> list[tuple[str, str, str]]:
    """(command, what is typed into it, what it should say) of each `$ ` line."""
    found: list[tuple[str, list[str], list[str]]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], [], []))
        elif line == ">" or line.startswith("> "):
            found[-1][1].append(line[2:])
        else:
            found[-1][2].append(line)
    return [(command, "".join(f"{line}\n" for line in typed), "\n".join(said)) for command, typed, said in found]


def matches(expected: str, said: str) -> bool:
    """Whether the output is as written; "..." stands for anything, spaces count as one."""

    def squeezed(text: str) -> str:
        return " ".join(text.split())

    pattern = ".*".join(re.escape(squeezed(part)) for part in squeezed(expected).split("..."))
    return re.fullmatch(pattern.replace(r".*", " ?.* ?"), squeezed(said)) is not None
