"""Reads the configuration, and says what is wrong with it in one line each: where, what, and what to do."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from bot.errors import SettingsError
from bot.settings import Settings
from bot.yaml_loader import Loader

SHORT = {
    "PARLEY_PORT": "PARLEY_SERVER__PORT",
    "PARLEY_HOST": "PARLEY_SERVER__HOST",
    "PARLEY_PUBLIC_URL": "PARLEY_SERVER__PUBLIC_URL",
}
"""Short names of settings that are often given in the environment."""


def load_settings(file: Path | None, environ: Mapping[str, str] | None = None) -> Settings:
    """Read the configuration file (none: defaults alone) and the environment. Raises `SettingsError`."""
    environ = os.environ if environ is None else environ
    base = file.resolve().parent if file is not None else Path.cwd()
    lines: dict[tuple[str, ...], int] = {}
    raw = _read(file, lines) if file is not None else {}
    _with_brand(raw, base)
    made = _environment(environ)
    written = {name: name for name in made} | {long: short for short, long in SHORT.items() if short in environ}
    kept = dict(os.environ)
    try:
        # pydantic-settings reads os.environ itself; it is shown exactly what was given, then put back.
        os.environ.clear()
        os.environ.update(made)
        settings = Settings(**raw)
    except ValidationError as error:
        raise SettingsError(_explain(error, file, lines, written)) from None
    except (ValueError, TypeError) as error:
        raise SettingsError(f"A PARLEY_ variable cannot be read: {error}.") from None
    finally:
        os.environ.clear()
        os.environ.update(kept)
    settings._base = base
    settings._file = file.resolve() if file is not None else None
    return settings


def _read(file: Path, lines: dict[tuple[str, ...], int]) -> dict[str, Any]:
    try:
        text = file.read_text("utf-8")
    except OSError as error:
        raise SettingsError(
            f"{file}: {error.strerror}. Name a configuration file with --config, or start from a copy of config.yml."
        ) from None
    except UnicodeDecodeError:
        raise SettingsError(f"{file} is not UTF-8 text.") from None
    try:
        loader = Loader(text)
        try:
            node = loader.get_single_node()
            raw = loader.construct_document(node) if node is not None else None
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}" if mark else ""
        raise SettingsError(f"{file.name}{where}: {getattr(error, 'problem', None) or 'it is not YAML'}.") from None
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise SettingsError(f"{file.name}: it must be a list of `name: value` lines.")
    _note_lines(node, (), lines)
    # A section whose values are all commented out reads as empty, which means its defaults.
    return {key: value for key, value in raw.items() if value is not None}


def _note_lines(node: Any, path: tuple[str, ...], lines: dict[tuple[str, ...], int]) -> None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*path, str(key.value))
            lines[here] = key.start_mark.line + 1
            _note_lines(value, here, lines)
    elif isinstance(node, yaml.SequenceNode):
        for at, value in enumerate(node.value):
            lines[(*path, str(at))] = value.start_mark.line + 1
            _note_lines(value, (*path, str(at)), lines)


def _with_brand(raw: dict[str, Any], base: Path) -> None:
    """`brand.yml` in the brand's folder stands beneath what the configuration itself says of the brand."""
    brand = raw.get("brand", {})
    if not isinstance(brand, dict):
        return
    file = base / str(brand.get("folder", ".")) / "brand.yml"
    if file.is_file():
        raw["brand"] = {**_read(file, {}), **brand}


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    made = {name: value for name, value in environ.items() if name.startswith("PARLEY_")}
    for name in [name for name in made if name.endswith("_FILE")]:
        path = made.pop(name)
        try:
            made[name.removesuffix("_FILE")] = Path(path).read_text("utf-8").strip()
        except OSError as error:
            raise SettingsError(f"{name} names {path}, which cannot be read ({error.strerror}).") from None
    for name in made:
        _known(name)
    for short, long in SHORT.items():
        if short in made:
            made[long] = made.pop(short)
    return made


def _known(variable: str) -> None:
    """Refuse what was surely meant for a setting and reaches none; others use the prefix as well. Raises
    `SettingsError`."""
    section, nested, _ = variable.removeprefix("PARLEY_").lower().partition("__")
    if section in Settings.model_fields or variable in SHORT:
        return
    names = [*Settings.model_fields, *(short.removeprefix("PARLEY_").lower() for short in SHORT)]
    near = difflib.get_close_matches(section, names, n=1, cutoff=0.75)
    if nested or near:
        hint = f" Did you mean PARLEY_{near[0].upper()}?" if near else ""
        raise SettingsError(f"{variable}: there is no such setting.{hint}")


def _explain(
    error: ValidationError, file: Path | None, lines: Mapping[tuple[str, ...], int], written: Mapping[str, str]
) -> str:
    said: list[str] = []
    for problem in error.errors(include_url=False, include_input=False):
        loc = tuple(str(part) for part in problem["loc"])
        variable = "PARLEY_" + "__".join(part.upper() for part in loc)
        if variable in written:
            where = f"{written[variable]}: "
        elif file is not None and loc in lines:
            where = f"{file.name} line {lines[loc]}: "
        else:
            where = f"{file.name}: " if file is not None else ""
        said.append(f"{where}{'.'.join(loc)}: {_what(problem, loc)}")
    return "\n  ".join(["", *said]) if len(said) > 1 else said[0]


_SHIFT = "two times of day, such as 08:00-12:30"
_ADDRESS = "an address that begins with http:// or https://, without a slash at its end"
_SHAPES = {
    "public_url": f"{_ADDRESS} or a path, such as https://chat.example.com",
    "url": _ADDRESS,
    "api": _ADDRESS,
    "id": "small letters, digits, - and _, a letter first",
    "page": "digits",
    "app_id": "digits",
    "languages": "a language's code, such as en",
    "reference_prefix": "one to six capital letters or digits",
    "version": "v and a number, such as v25.0",
    **dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), _SHIFT),
}
"""What has to look so, in words: nobody should have to read an expression."""

_FACTORIES = {("desk", "handoff"), ("desk", "acts"), ("nlu", "recogniser")}


def _what(problem: Any, loc: tuple[str, ...]) -> str:
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(loc[-1], names_under(loc[:-1]), n=1, cutoff=0.5)
        hint = f" Did you mean `{near[0]}`?" if near else f" There are: {', '.join(sorted(names_under(loc[:-1])))}."
        return f"there is no such setting.{hint}"
    if problem["type"] == "missing":
        return "it is required and missing."
    if problem["type"] == "string_pattern_mismatch" and (loc[0] == "services" or loc in _FACTORIES):
        return "it must be `module:function`; a module that begins with a dot stands in the brand's folder."
    shape = next((_SHAPES[name] for name in reversed(loc[-2:]) if name in _SHAPES), None)
    if problem["type"] == "string_pattern_mismatch" and shape is not None:
        return f"it must be {shape}."
    message = str(problem["msg"]).removeprefix("Value error, ")
    return f"{message[:1].lower()}{message[1:]}."


def names_under(path: tuple[str, ...]) -> list[str]:
    """The settings there are in a section."""
    model: Any = Settings
    for part in path:
        if not isinstance(model, type) or not issubclass(model, BaseModel) or part not in model.model_fields:
            return []
        found = model.model_fields[part].annotation
        inner = [arg for arg in (found, *get_args(found)) if isinstance(arg, type) and issubclass(arg, BaseModel)]
        model = inner[0] if inner else None
    return list(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []
