"""Writes a new dialog, or a new brand, with everything it takes: it runs and its transcript passes at once."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

from bot.errors import Permanent
from bot.settings import HOME, Settings

TEMPLATES = Path(__file__).parent / "templates"


class BadName(Permanent):
    """A name begins with a small letter and has small letters, digits and _ alone."""


class Reserved(Permanent):
    """This name is one of Python's own words. Choose another."""


class WouldReplace(Permanent):
    """A dialog of this name is there already, and yours would take its place. Choose another name; to replace it, copy
    its file into the brand's dialogs."""


class ExistsAlready(Permanent):
    """This is there already, and nothing was changed."""


def new_dialog(settings: Settings, name: str) -> list[Path]:
    """Write dialog, contract and backend, texts, examples and a transcript into the brand's folder.

    The service is named in its configuration. Returns the files. Raises `BadName`, `Reserved`, `WouldReplace`,
    `ExistsAlready`.
    """
    names = _names(name, settings.brand.name)
    folder = settings.brand_folder
    for file in _shipped(settings):
        if re.search(rf'^@dialog\(\s*"{name}"', file.read_text("utf-8"), re.MULTILINE):
            raise WouldReplace(str(file))
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


def _shipped(settings: Settings) -> Iterator[Path]:
    """The files of the dialog packages that are not the brand's own, read and not imported: one may be broken."""
    for package in settings.dialogs.packages:
        spec = None if package.startswith(".") else find_spec(package)
        for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
            yield from sorted(Path(folder).glob("*.py"))


def _names(name: str, brand: str) -> dict[str, str]:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", name):
        raise BadName(name)
    if keyword.iskeyword(name):
        raise Reserved(name)
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
