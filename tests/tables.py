"""Tables of the papers that are made from the code: `python -m tests.tables` writes them anew.

A table stands between `<!-- generated: NAME -->` and `<!-- end -->`; tests/test_docs.py compares.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args

from prometheus_client import Counter, Gauge, Histogram
from pydantic import BaseModel
from pydantic_core import PydanticUndefined
from typer.main import get_group

import app
import dialogs
from bot import errors
from bot.model import Assurance
from bot.observe import metrics
from bot.script.catalogue import dialogs_in
from bot.script.registry import DialogSpec
from bot.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "adr").glob("*.md")])
_PLACE = re.compile(r"(<!-- generated: ([\w ]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |\n" for line in lines)


# Settings


def settings() -> list[tuple[str, Any]]:
    """Every setting's path and default, in order; a mapping or list is one setting."""
    return list(_fields(Settings, ""))


def _fields(model: type[BaseModel], path: str) -> Iterator[tuple[str, Any]]:
    for name, one in model.model_fields.items():
        kind = one.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _fields(kind, f"{path}{name}.")
        else:
            default = one.default_factory() if one.default is PydanticUndefined and one.default_factory else one.default  # type: ignore[call-arg]
            yield f"{path}{name}", default


def fields_of_lists() -> Iterator[tuple[str, str]]:
    """(setting, field) of the settings that are lists of sections."""

    def walk(model: type[BaseModel], path: str) -> Iterator[tuple[str, str]]:
        for name, one in model.model_fields.items():
            kind = one.annotation
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from walk(kind, f"{path}{name}.")
            for inner in get_args(kind):
                if isinstance(inner, type) and issubclass(inner, BaseModel):
                    yield from ((f"{path}{name}", field) for field in inner.model_fields)

    yield from walk(Settings, "")


def comments() -> dict[str, str]:
    """What config.yml says above each setting."""
    said: dict[str, str] = {}
    above: list[str] = []
    path: list[tuple[int, str]] = []
    for line in (ROOT / "config.yml").read_text("utf-8").splitlines():
        key = re.match(r"( *)#?([a-z_]+):(?: |$)", line)
        if re.match(r" *# ", line):
            above.append(line.strip().removeprefix("# "))
        elif key:
            indent = len(key[1])
            path = [*((at, name) for at, name in path if at < indent), (indent, key[2])]
            said[".".join(name for _, name in path)] = " ".join(above)
            above = []
        else:
            above = []
    return said


def _shown(value: Any) -> str:
    if hasattr(value, "get_secret_value"):
        value = value.get_secret_value()
    if value in ("", (), {}, None):
        return ""
    if isinstance(value, (tuple, list)):
        return f"`[{', '.join(map(str, value))}]`"
    if isinstance(value, dict):
        return f"`{{{', '.join(f'{name}: {_shown(one).strip(chr(96))}' for name, one in value.items())}}}`"
    return f"`{str(value).lower() if isinstance(value, bool) else f'{value:g}' if isinstance(value, float) else value}`"


def settings_table() -> str:
    """Setting, default, meaning."""
    said = comments()
    rows = [(f"`{path}`", _shown(default), said.get(path, "")) for path, default in settings()]
    return table(("Setting", "Default", "Meaning"), rows)


# Metrics


@cache
def _sources() -> str:
    folders = ("bot", "adapters", "auth", "desk", "nlu", "backends")
    files = [file for folder in folders for file in (ROOT / folder).rglob("*.py") if file.name != "metrics.py"]
    return "\n".join(file.read_text("utf-8") for file in files)


def _counted(constant: str) -> bool:
    """Whether anybody sets this metric: one that is declared alone would always read 0."""
    return re.search(rf"\b{constant}\b\.(labels|inc|observe|set|dec|time)\b", _sources()) is not None


def metrics_table() -> str:
    """Metric, kind, labels, meaning; those that are counted."""
    rows: list[tuple[str, ...]] = []
    for constant, one in vars(metrics).items():
        if isinstance(one, (Counter, Gauge, Histogram)):
            if not _counted(constant):
                continue
            kind = type(one).__name__.lower()
            name = one._name + ("_total" if kind == "counter" else "")
            rows.append((f"`{name}`", kind, ", ".join(one._labelnames), one._documentation))
    return table(("Metric", "Kind", "Labels", "Meaning"), rows)


# Errors


def all_errors() -> list[type[Exception]]:
    """The family in bot/errors.py, in its order."""
    return [one for one in vars(errors).values() if inspect.isclass(one) and issubclass(one, errors.ParleyError)]


def _errors(of_dialogs: bool) -> str:
    kinds = (errors.DialogError, errors.DomainError, errors.StepUpRefused, errors.EffectUnknown, errors.NewerJournal)
    rows = [
        (f"`{one.__name__}`", " ".join((inspect.getdoc(one) or "").split()))
        for one in all_errors()
        if issubclass(one, kinds) == of_dialogs
    ]
    return table(("Error", "Says"), rows)


# Commands


def commands() -> list[tuple[str, str, list[tuple[str, str]]]]:
    """(command, what it does, its options with theirs) of the command line, subcommands spelled out."""
    found: list[tuple[str, str, list[tuple[str, str]]]] = []

    def walk(group: Any, before: str) -> None:
        for name, one in group.commands.items():
            if hasattr(one, "commands"):
                walk(one, f"{before}{name} ")
                continue
            taken = [p for p in one.params if p.name != "help"]
            arguments = [
                f"[{p.name.upper()}]" if not p.required else p.name.upper()
                for p in taken
                if p.param_type_name == "argument"
            ]
            options = [(p.opts[0], p.help or "") for p in taken if p.param_type_name == "option"]
            found.append((" ".join([f"{before}{name}", *arguments]), one.help or "", options))

    walk(get_group(app.cli), "")
    return found


def commands_table() -> str:
    """Command, what it does, options."""
    rows = [
        (f"`{command}`", does, "; ".join(f"`{name}` {says}".strip() for name, says in options if name != "--config"))
        for command, does, options in commands()
    ]
    return table(("Command", "Does", "Options, besides `--config`"), rows)


# Dialogs


def shipped() -> list[DialogSpec]:
    """Every dialog that ships."""
    return dialogs_in(*(importlib.import_module(f"dialogs.{m.name}") for m in pkgutil.iter_modules(dialogs.__path__)))


def dialogs_table() -> str:
    """Dialog, what it does, what opens it, what it requires."""
    level = {Assurance.ANYONE: "anyone", Assurance.LINKED: "linked", Assurance.KNOWN: "known"}
    rows = [
        (
            f"`{spec.id}`",
            (inspect.getdoc(spec.fn) or "").splitlines()[0],
            ", ".join(f"`{intent}`" for intent in spec.intents),
            level[spec.requires],
        )
        for spec in shipped()
    ]
    return table(("Dialog", "Does", "Opened by the intents", "Requires"), rows)


# Channels


def channels_table() -> str:
    """What is said, and what becomes of it on each channel that messages are pushed to."""
    from adapters import messenger, render, slack, telegram

    return render.table({"Telegram": telegram.LIMITS, "Slack": slack.LIMITS, "Messenger": messenger.LIMITS})


TABLES: dict[str, Callable[[], str]] = {
    "settings": settings_table,
    "metrics": metrics_table,
    "errors dialogs": lambda: _errors(True),
    "errors": lambda: _errors(False),
    "commands": commands_table,
    "dialogs": dialogs_table,
    "channels": channels_table,
}


def filled(text: str) -> str:
    """A document with its tables as the code has them now."""
    return _PLACE.sub(lambda found: f"{found[1]}\n{TABLES[found[2]]()}\n{found[3]}", text)


if __name__ == "__main__":
    for document in DOCUMENTS:
        before = document.read_text("utf-8")
        after = filled(before)
        if after != before:
            document.write_text(after, "utf-8")
            sys.stdout.write(f"wrote {document.relative_to(ROOT)}\n")
