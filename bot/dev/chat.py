"""Talk to the bot in the terminal, over the real engine. What is typed is a transcript's line.

Plain text is what the customer writes and `[Label]` presses a button. `% signs in as C-1001`, `% approves as C-1001`
and `% declines` are the customer in the browser, `~ 10 minutes` lets time pass, `= case asked` looks at the state.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from bot import assembly
from bot.assembly import Tell
from bot.brand import package_of
from bot.dev.saving import BRAND_DATA, TranscriptExists
from bot.dev.world import BrandWorld
from bot.errors import ParleyError
from bot.ports import Recogniser
from bot.settings import HOME, Settings
from bot.testing.looking import Differs
from bot.testing.player import Player
from bot.testing.transcripts import MARKS, Case, Line

HELP = (
    "Write to the bot. [Label] presses a button, "
    "“% signs in as C-1001” or “% approves as C-1001” does what was asked for, “~ 10 minutes” lets time pass. "
    "An empty line ends it."
)


class Terminal:
    """One conversation in the terminal."""

    def __init__(self, settings: Settings, world: BrandWorld, learn: Callable[[], Recogniser], tell: Tell) -> None:
        self._settings, self._world, self._learn, self._tell = settings, world, learn, tell
        self._player = Player(world, "plain")
        self._case = Case("In the terminal", Path("terminal.md"), [BRAND_DATA])
        self._stamp = stamp(settings)
        self.lines: list[str] = []

    async def talk(self, typed: Iterable[str], *, reload: bool) -> None:
        """Take lines until an empty one, or the end of the input."""
        self._tell(HELP)
        for line in typed:
            if not line.strip():
                break
            if reload:
                self._reload()
            await self._one(line.strip())

    async def _one(self, line: str) -> None:
        mark, text = (line[0], line[1:].strip()) if line[0] in MARKS and line[0] != "<" else (">", line)
        try:
            said = await self._player.act(Line(mark, text, len(self.lines) + 1), self._case)
        except (Differs, ParleyError) as error:
            self._tell(f"! {error}")
            return
        self.lines += [f"{mark} {text}", *(f"< {one}" for one in said)]
        for one in said:
            self._tell(f"  {one}")

    def _reload(self) -> None:
        now = stamp(self._settings)
        if now == self._stamp:
            return
        self._stamp = now
        forget(self._settings)
        try:
            self._world.reload(self._learn())
        except ParleyError as error:
            self._tell(f"! {error}")
            return
        self._player.restart()
        self._tell("(reloaded)")

    def record(self, name: str) -> Path:
        """Write what was said as a transcript into the brand's folder. Raises `TranscriptExists`."""
        file = self._settings.brand_folder / "transcripts" / f"{name}.md"
        if file.exists():
            raise TranscriptExists(str(file))
        file.parent.mkdir(parents=True, exist_ok=True)
        title = name.replace("_", " ").replace("-", " ").capitalize()
        head = [f"# {title}", "", "## As it was said", f"given {BRAND_DATA}", ""]
        file.write_text("\n".join([*head, *self.lines]) + "\n", "utf-8")
        return file


def stamp(settings: Settings) -> float:
    """When any dialog, text or example was last changed."""
    folders = [HOME / "dialogs", settings.brand_folder]
    kinds = (".py", ".ftl", ".yml")
    times = [file.stat().st_mtime for folder in folders for file in folder.rglob("*") if file.suffix in kinds]
    return max(times, default=0.0)


def forget(settings: Settings) -> None:
    """Have dialogs imported anew. Contracts and backends stay: what they hold outlives a reload."""
    package = package_of(settings.brand.id, settings.brand_folder)
    for name in assembly.dialog_packages(settings):
        full = f"{package}{name}" if name.startswith(".") else name
        for loaded in [one for one in sys.modules if one.startswith(f"{full}.") and not one.endswith(".services")]:
            del sys.modules[loaded]


def keyboard() -> Iterable[str]:
    """Lines as they are typed."""
    while True:
        try:
            yield input("> " if sys.stdin.isatty() else "")
        except EOFError:
            return
