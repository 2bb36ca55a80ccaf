"""A brand's folder as a Python package, and `module:function` names as objects."""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import pkgutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from bot.errors import SettingsError


def package_of(brand: str, folder: Path) -> str:
    """Make the folder importable under a name of its own; returns the name. Its files need no `__init__.py`."""
    name = f"brand_{brand.replace('-', '_')}"
    known = sys.modules.get(name)
    if known is None or list(known.__path__) != [str(folder)]:
        for stale in [kept for kept in sys.modules if kept == name or kept.startswith(f"{name}.")]:
            del sys.modules[stale]
        spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [str(folder)]
        sys.modules[name] = importlib.util.module_from_spec(spec)
    return name


def module(name: str, package: str) -> ModuleType:
    """Import a module; one that begins with a dot stands in the brand's package. Raises `SettingsError`."""
    full = f"{package}{name}" if name.startswith(".") else name
    try:
        return importlib.import_module(full)
    except ModuleNotFoundError as error:
        if error.name is not None and (full == error.name or full.startswith(f"{error.name}.")):
            where = next(iter(sys.modules[package].__path__)) if name.startswith(".") else "the Python path"
            raise SettingsError(f"There is no module {name} in {where}.") from None
        raise
    except SyntaxError as error:
        raise SettingsError(f"{error.filename} line {error.lineno}: {error.msg}.") from None


def named(name: str, package: str) -> Any:
    """The object behind `module:name`. Raises `SettingsError`."""
    where, _, what = name.partition(":")
    found = getattr(module(where, package), what, None)
    if found is None:
        raise SettingsError(f"The module {where} has no `{what}`.")
    return found


def modules_in(name: str, package: str) -> list[ModuleType]:
    """A package's modules in the order of their names; for a plain module, that one. Raises `SettingsError`."""
    found = module(name, package)
    if not hasattr(found, "__path__"):
        return [found]
    inner = sorted(one.name for one in pkgutil.iter_modules(found.__path__) if not one.ispkg)
    return [module(f"{name}.{one}", package) for one in inner]
