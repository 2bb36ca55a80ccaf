"""The table of what becomes of what."""

from __future__ import annotations

from adapters.render import Limits, table
from adapters.render.table import SAMPLES

CHAT = Limits(text=4096, buttons=100, label=64, opens=lambda url: url.startswith("https://"))


def test_each_kind_of_content_has_a_row_and_each_channel_a_column() -> None:
    lines = table({"Chat": CHAT, "Plain": Limits(text=320)}).splitlines()
    assert lines[0] == "| What is said | Chat | Plain |"
    assert len(lines) == 2 + len(SAMPLES)
    assert all(line.count("|") == 4 for line in lines)


def test_the_cells_say_what_happens() -> None:
    rows = {
        line.split(" | ")[0].strip("| "): line for line in table({"Chat": CHAT, "Plain": Limits(text=320)}).splitlines()
    }
    assert rows["7 choices"] == "| 7 choices | 1 message, 7 buttons | 1 message, listed in the text |"
    assert rows["150 choices"].startswith("| 150 choices | 2 messages, 150 buttons |")
    assert rows["a sign-in or approval link"].endswith("| 1 message, 1 link button | 1 message, address in the text |")
