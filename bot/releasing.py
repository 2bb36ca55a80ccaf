"""Releasing dialogs: their code is noted in versions.lock, so that a journal begun with it is finished on it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bot.assembly import Parts, dialog_packages, home_of
from bot.brand import modules_in
from bot.errors import Permanent
from bot.script.catalogue import dialogs_in
from bot.script.lock import read_lock, write_lock
from bot.script.versions import code_of
from bot.settings import HOME


class ChangedUnderItsVersion(Permanent):
    """A released dialog's code has changed. Keep the released code in retired/, give the new one the next version."""


def release(made: Parts) -> list[Path]:
    """Write each dialog package's versions.lock; returns the files that changed. Raises `ChangedUnderItsVersion`.

    Released lines stay for ever: a journal may name them still.
    """
    planned: list[tuple[Path, dict[tuple[str, int], str]]] = []
    wrong: list[str] = []
    for name in dialog_packages(made.settings):
        file = home_of(name, made.package) / "versions.lock"
        before = read_lock(file)
        now = dict(before)
        for spec in dialogs_in(*modules_in(name, made.package)):
            code = code_of(spec)
            if now.setdefault((spec.id, spec.version), code) != code:
                wrong.append(f"{spec.id} version {spec.version}")
        if now != before:
            planned.append((file, now))
    if wrong:
        raise ChangedUnderItsVersion(_listed(wrong))
    for file, now in planned:
        write_lock(file, now.items())
    return [file for file, _ in planned]


def journals(made: Parts, dialog: str) -> Path:
    """Where a dialog's sample journals are kept: with the brand's, or with this tree's tests."""
    own = made.dialogs.get(dialog).fn.__module__.startswith(f"{made.package}.")
    return made.settings.brand_folder / "journals" if own else HOME / "tests" / "journals"


def _listed(names: Sequence[str]) -> str:
    return f"({', '.join(names)})"
