"""Writes a new dialog, or a new brand, with everything it takes: it runs and its transcript passes at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from bot.errors import Permanent
from bot.settings import HOME, Settings

TEMPLATES = Path(__file__).parent / "templates"


class BadName(Permanent):
    """A name begins with a small letter and has small letters, digits and _ alone."""


class ExistsAlready(Permanent):
    """This is there already, and nothing was changed."""


def new_dialog(settings: Settings, name: str) -> list[Path]:
    """Write dialog, contract and backend, texts, examples and a transcript into the brand's folder.

    The service is named in its configuration. Returns the files. Raises `BadName`, `ExistsAlready`.
    """
    names = _names(name, settings.brand.name)
    folder = settings.brand_folder
    made = {
        folder / "dialogs" / f"{name}.py": "dialog.py",
        folder / "services" / f"{name}.py": "service.py",
        folder / "nlu" / f"nlu_{name}.yml": "nlu.yml",
        folder / "transcripts" / f"{name}.md": "transcript.md",
    }
    texts = folder / "text" / f"{settings.texts.locales[0].split('-')[0]}.ftl"
    said = texts.read_text("utf-8") if texts.is_file() else "# What this brand says, over the texts that ship.\n"
    if re.search(rf"^dialog-{names['hyphened']} =", said, re.MULTILINE):
        raise ExistsAlready(f"{texts} has dialog-{names['hyphened']}.")
    for file in made:
        if file.exists():
            raise ExistsAlready(str(file))
    for file, template in made.items():
        _write(file, template, names)
    texts.parent.mkdir(parents=True, exist_ok=True)
    texts.write_text(f"{said.rstrip()}\n\n\n{_filled('texts.ftl', names)}", "utf-8")
    changed = [*made, texts]
    if settings.file is not None:
        contract = f'  ".services.{name}:{names["camel"]}": .services.{name}:build\n'
        _add_service(settings.file, contract)
        changed.append(settings.file)
    return changed


def new_brand(folder: Path, name: str) -> list[Path]:
    """Write a brand's folder: configuration, facts, look, texts; returns the files. Raises as above."""
    names = _names(name, "")
    brand = folder / name
    if brand.exists():
        raise ExistsAlready(str(brand))
    made = {
        brand / "config.yml": "brand_config.yml",
        brand / "brand.yml": "brand.yml",
        brand / "theme.css": "brand_theme.css",
        brand / "text" / "en.ftl": "brand_texts.ftl",
    }
    for file, template in made.items():
        _write(file, template, names)
    return list(made)


def _names(name: str, brand: str) -> dict[str, str]:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", name):
        raise BadName(name)
    words = name.replace("_", " ")
    return {
        "name": name,
        "hyphened": name.replace("_", "-"),
        "words": words,
        "title": words.capitalize(),
        "camel": "".join(part.capitalize() for part in name.split("_")),
        "brand": brand,
        "parley": str(HOME),
    }


def _write(file: Path, template: str, names: Mapping[str, str]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(_filled(template, names), "utf-8")


def _filled(template: str, names: Mapping[str, str]) -> str:
    text = (TEMPLATES / f"{template}.txt").read_text("utf-8")
    for name, value in names.items():
        text = text.replace(f"<<{name}>>", value)
    return text


def _add_service(config: Path, line: str) -> None:
    """Name a service in the configuration, leaving every other line of it as it is."""
    text = config.read_text("utf-8")
    if re.search(r"^services:[ \t]*(\{\})?[ \t]*(#.*)?$", text, re.MULTILINE):
        text = re.sub(r"^services:[ \t]*(\{\})?", "services:", text, count=1, flags=re.MULTILINE)
        at = text.index("\n", re.search(r"^services:", text, re.MULTILINE).start()) + 1  # type: ignore[union-attr]
        text = text[:at] + line + text[at:]
    else:
        text = f"{text.rstrip()}\n\nservices:\n{line}"
    config.write_text(text, "utf-8")
