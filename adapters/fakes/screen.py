"""A customer's window on one platform: what was said, privately and in public, and what can be done there."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from adapters.fakes.apps import CustomerApp, Line

_WAY_IN = re.compile(r"https://t\.me/\w+\?start=([\w-]{1,64})")


@dataclass
class Screen:
    """One app's window: what was said, privately and in public, since it was opened."""

    app: CustomerApp
    lines: list[Line] = field(default_factory=list)
    public: list[Line] = field(default_factory=list)
    _acted: int = 0
    _typing_until: float = 0.0
    now: Callable[[], float] = time.monotonic

    def say(self, text: str) -> None:
        """The customer writes."""
        self.lines.append(Line(text, mine=True, event=self.app.say(text)))

    def say_in_public(self, text: str) -> None:
        """The customer writes where others read along."""
        self.public.append(Line(text, mine=True, event=self.app.say_in_public(text)))

    def begin(self) -> None:
        """The customer presses what an empty chat offers."""
        event = self.app.begin()
        if event is not None:
            self.lines.append(Line(self.app.start, mine=True, event=event))

    def press(self, at: int, button: int, *, reply: bool) -> None:
        """The customer presses a button of line `at`, or taps its quick reply. Raises `IndexError`."""
        line = self.lines[at]
        label = (line.replies if reply else line.buttons)[button][0]
        event = self.app.press(line.message, (line.replies if reply else line.buttons)[button][1], reply)
        self.lines.append(Line(label, mine=True, event=event))

    def enter(self, at: int, link: int) -> None:
        """The customer follows a public line's way in. Raises `IndexError`."""
        way_in = _WAY_IN.fullmatch(self.public[at].links[link][1])
        if way_in is not None:
            self.lines.append(Line("Start", mine=True, event=self.app.say(f"/start {way_in[1]}")))

    def look(self) -> None:
        """Take in what the platform shows now."""
        for public, line in self.app.fresh():
            (self.public if public else self.lines).append(line)
            self._typing_until = 0.0
        acted = self.app.acted()
        if acted > self._acted:
            self._typing_until = self.now() + 5.0
        self._acted = acted

    def view(self) -> dict[str, Any]:
        """What the page needs."""
        return {
            "name": self.app.name,
            "title": self.app.title,
            "public_title": self.app.public_title,
            "start": "" if self.lines else self.app.start,
            "lines": [self._shown(one) for one in self.lines],
            "public": [self._shown(one) for one in self.public],
            "typing": self.now() < self._typing_until,
            "faults": [{"id": name, "label": label} for name, label in self.app.faults.items()],
            "fault": next(iter(self.app.fake.mischief.faults), ""),
            "twice": bool(self.app.fake.mischief.twice),
            "met": len(self.app.fake.mischief.met),
        }

    def _shown(self, line: Line) -> dict[str, Any]:
        return {
            "text": line.text,
            "mine": line.mine,
            "taken": line.mine and not self.app.owed(line.event),
            "buttons": [label for label, _ in line.buttons],
            "replies": [label for label, _ in line.replies] if self.lines and line is self.lines[-1] else [],
            "links": [
                {"label": label, "url": url, "enters": _WAY_IN.fullmatch(url) is not None} for label, url in line.links
            ],
        }
