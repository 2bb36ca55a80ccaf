"""The brand of the storm: a bot that counts what it hears, written into a folder of its own.

Each answer names the message it answers and how many came before it, so that a message that was lost, handled twice or
answered out of turn shows in what the customer reads.
"""

from __future__ import annotations

import re
from pathlib import Path

HEARD = re.compile(r"Heard (\d+), now number (\d+)\.")
"""What the bot says: how many messages it has heard from this customer, and the number in the last one."""

_FILES = {
    "dialogs/__init__.py": "",
    "dialogs/count.py": '''"""Counts."""

from __future__ import annotations

from bot import Again, Convo, dialog


def numbered(text: str) -> str:
    """The number in "number 17"."""
    word, _, digits = text.partition(" ")
    if word != "number" or not digits.isdecimal():
        raise ValueError(text)
    return digits


numbered.exact = True


@dialog("count", intents=["count"])
async def count(c: Convo, number: str, heard: str = "1") -> Again:
    """Say what was heard and wait for the next."""
    following = await c.ask("next", "count.heard", numbered, number=number, heard=heard)
    return c.again(number=following, heard=str(int(heard) + 1))
''',
    "reading.py": '''"""Reads every message as a number to count."""

from __future__ import annotations

from bot.model import Entity, Parse


class Reading:
    """Understands numbers alone."""

    def control(self, text, locale=None):
        """Never a command."""
        return None

    async def parse(self, text, locale=None):
        """The number in it."""
        digits = text.partition(" ")[2]
        return Parse("count", 1.0, entities=(Entity("number", digits, digits, 7, len(text)),), backend="rules")


def build(*given):
    """Nothing to learn, so nothing that is given is of use."""
    return Reading()
''',
    "text/en.ftl": """dialog-count = counting
count-heard = Heard { $heard }, now number { $number }.
""",
    "nlu/nlu.yml": """version: "3.1"
nlu:
- intent: count
  examples: |
    - number 1
""",
    "config.yml": """brand: {folder: ., id: storm, name: Storm}
data: ./var
store: {url: "sqlite:///var/storm.db"}
dialogs:
  packages: [dialogs, .dialogs]
nlu: {recogniser: ".reading:build"}
services:
  Accounts: backends.demo:accounts
  Billing: backends.demo:billing
  Files: backends.demo:billing
  DirectDebits: backends.demo:direct_debits
  Payg: backends.demo:payg
backends:
  backends.demo: {path: ./var/demo.db, seed: "{parley}/brands/larkspur/seed/people.yml"}
identity: {demo: true, personas: "backends.demo:personas"}
log: {level: WARNING}
""",
}


def write(folder: Path) -> Path:
    """Write the brand; returns its configuration file."""
    for name, text in _FILES.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    return folder / "config.yml"
