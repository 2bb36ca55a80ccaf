"""What the command line writes for whoever adds something: a new dialog, a new brand.

`register` adds the commands to the command line; nothing heavy is imported before one of them is called.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[Path, typer.Option("--config", "-c", help="The configuration file.", show_default="config.yml")]
Folder = Annotated[Path, typer.Option(help="Where its folder goes.")]
CONFIG = Path(__file__).resolve().parent / "config.yml"


def register(cli: typer.Typer, command: Callable[[Callable[..., int]], Callable[..., None]]) -> None:
    """Add the group `new`; `command` turns what one raises into a line and an exit code."""
    group = typer.Typer(no_args_is_help=True, help="Write a new dialog or a new brand.")
    cli.add_typer(group, name="new")
    group.command("dialog")(command(dialog))
    group.command("brand")(command(brand))


def dialog(name: str, config: Config = CONFIG) -> int:
    """Write a dialog with texts, examples, service and transcript into the brand's folder."""
    from bot.configuration import load_settings
    from bot.dev.scaffold import new_dialog

    for file in new_dialog(load_settings(config), name):
        _tell(f"wrote {file}")
    _tell(f"Now: python app.py transcripts --config {config}")
    return 0


def brand(name: str, folder: Folder = Path()) -> int:
    """Write a brand's folder: configuration, facts, look, texts."""
    from bot.dev.scaffold import new_brand

    for file in new_brand(folder, name):
        _tell(f"wrote {file}")
    _tell(f"Now: python app.py run --config {folder / name / 'config.yml'}")
    return 0


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
