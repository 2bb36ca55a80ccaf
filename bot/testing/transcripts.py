"""Transcripts: conversations as Markdown, read by copywriters, run by the tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from bot.errors import Permanent

MARKS = {">": "customer", "<": "bot", "%": "browser", "!": "effect", "~": "time", "@": "agent", "=": "state"}


class TranscriptError(Permanent):
    """The transcript cannot be read."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its mark, its text, where it stands."""

    mark: str
    text: str
    at: int


@dataclass(slots=True)
class Case:
    """One conversation: what is given, then the lines in order."""

    name: str
    path: Path
    given: list[str] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)


def read(path: Path) -> list[Case]:
    """The cases of a file; raises `TranscriptError` naming file and line."""
    cases: list[Case] = []
    fenced = False
    for at, raw in enumerate(path.read_text("utf-8").splitlines(), 1):
        line = raw.strip()
        if line.startswith("```"):
            fenced = not fenced
        elif line.startswith("## "):
            cases.append(Case(line[3:].strip(), path))
        elif line.startswith("# ") or not line or fenced or not cases:
            continue
        elif line.startswith("given ") and not cases[-1].lines:
            cases[-1].given.append(line[6:].strip())
        elif line[0] in MARKS:
            cases[-1].lines.append(Line(line[0], line[1:].strip(), at))
        else:
            raise TranscriptError(f"{path.name} line {at}: begin with one of {' '.join(MARKS)} or `given`: {line!r}")
    return cases


def squeezed(text: str) -> str:
    """Text as a transcript compares it: one space between words."""
    return " ".join(text.split())
