"""What is said, shaped for channels that a message is pushed to: parts within a channel's limits, no choice dropped."""

from __future__ import annotations

from adapters.render.minting import FileMinter, LinkMinter, NoLinks
from adapters.render.parts import ENGLISH, Button, Limits, Opens, Part, Words
from adapters.render.progress import Progress
from adapters.render.renderer import Renderer
from adapters.render.splitting import shorten, split
from adapters.render.table import table

__all__ = [
    "ENGLISH",
    "Button",
    "FileMinter",
    "Limits",
    "LinkMinter",
    "NoLinks",
    "Opens",
    "Part",
    "Progress",
    "Renderer",
    "Words",
    "shorten",
    "split",
    "table",
]
