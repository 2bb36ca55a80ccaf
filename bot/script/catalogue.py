"""Which dialogs there are, what opens them, and the services they are given."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from types import ModuleType
from typing import Any, get_type_hints

import msgspec

from bot.errors import DialogError, NotAnEffect, UnjournaledAwait, UnknownDialog
from bot.model import Assurance
from bot.script.convo import Convo
from bot.script.effects import EffectSpec, spec_of
from bot.script.registry import DialogSpec, Script


class Dialogs:
    """All dialogs by id; a later package's dialog replaces an earlier one's. `foreign` are botbuilder's own dialogs."""

    def __init__(
        self, specs: Iterable[DialogSpec], *, retired: Iterable[DialogSpec] = (), disable: Iterable[str] = ()
    ) -> None:
        self.by_id: dict[str, DialogSpec] = {spec.id: spec for spec in specs}
        for id in disable:
            self.by_id.pop(id, None)
        self.retired = {(spec.id, spec.version): spec for spec in retired}
        self.locked: dict[tuple[str, int], str] = {}
        """Released dialogs: (id, version) to code hash, from versions.lock."""
        self.actions: dict[str, Assurance] = {}
        """What an action needs where the brand says so; all others need an approval of their own."""
        self.foreign: dict[str, tuple[str, ...]] = {}
        self.by_intent: dict[str, str] = {}
        for spec in self.by_id.values():
            for intent in spec.intents:
                self.by_intent[intent] = spec.id

    def add_foreign(self, id: str, intents: Iterable[str]) -> None:
        """Let intents open one of botbuilder's own dialogs."""
        self.foreign[id] = tuple(intents)
        for intent in intents:
            self.by_intent[intent] = id

    def __contains__(self, id: str) -> bool:
        return id in self.by_id or id in self.foreign

    def get(self, id: str) -> DialogSpec:
        """A dialog's spec; raises `UnknownDialog`."""
        try:
            return self.by_id[id]
        except KeyError:
            raise UnknownDialog(id) from None

    def released(self, spec: DialogSpec) -> bool:
        """Whether this version is in versions.lock: its journals are never restarted for a change of code."""
        return (spec.id, spec.version) in self.locked

    def requires(self, id: str) -> Assurance:
        """The assurance a dialog needs."""
        spec = self.by_id.get(id)
        return spec.requires if spec else Assurance.ANYONE

    def needs(self, action: str) -> Assurance:
        """The assurance a step-up for this action needs."""
        return self.actions.get(action, Assurance.APPROVED)


def dialogs_in(*modules: ModuleType) -> list[DialogSpec]:
    """The dialogs that these modules define, in order of definition."""
    found: list[DialogSpec] = []
    for module in modules:
        for value in vars(module).values():
            spec = getattr(value, "__dialog__", None)
            if isinstance(spec, DialogSpec) and getattr(value, "__module__", "") == module.__name__:
                found.append(spec)
    return found


@lru_cache(maxsize=1024)
def parameters(fn: Script) -> tuple[tuple[str, Any, bool], ...]:
    """A dialog's parameters after the conversation: (name, type, whether it has a default)."""
    hints = get_type_hints(fn)
    found = list(inspect.signature(fn).parameters.values())
    if not found or hints.get(found[0].name, Convo) is not Convo:
        raise DialogError(f"{fn.__qualname__}: its first parameter is `c: Convo`.")
    return tuple((p.name, hints.get(p.name, Any), p.default is not inspect.Parameter.empty) for p in found[1:])


class _Given:
    """A service whose asynchronous methods are named, never called: a call that does not wait would go unnoticed."""

    def __init__(self, service: Any) -> None:
        self._service = service

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._service, name)
        if not inspect.iscoroutinefunction(method):
            return method

        def refuse(*_: Any, **__: Any) -> Any:
            raise UnjournaledAwait(f"{type(self._service).__name__}.{name}")

        refuse.__name__ = name
        refuse.__verbed__ = method  # type: ignore[attr-defined]
        setattr(self, name, refuse)
        return refuse


class Services:
    """The instances behind the service contracts, given to dialogs by annotation."""

    def __init__(self, instances: Mapping[type[Any], Any]) -> None:
        self._instances = dict(instances)
        self._given: dict[type[Any], _Given] = {}

    def __contains__(self, contract: Any) -> bool:
        return contract in self._instances

    def get(self, contract: type[Any]) -> Any:
        """The instance for a contract; raises `DialogError` naming what to configure."""
        try:
            return self._instances[contract]
        except KeyError:
            raise DialogError(f"No service is configured for {contract.__name__}: name one under `services`.") from None

    def given(self, contract: type[Any]) -> Any:
        """The instance as a dialog sees it: its methods are for `c.do` and `c.once` alone."""
        if contract not in self._given:
            self._given[contract] = _Given(self.get(contract))
        return self._given[contract]

    def items(self) -> Iterable[tuple[type[Any], Any]]:
        """Contracts and instances."""
        return self._instances.items()

    def effect(self, fn: Callable[..., Any]) -> tuple[EffectSpec, Any, str]:
        """An effect's declaration, its service and "Contract.method"; raises `NotAnEffect`."""
        instance = getattr(fn, "__self__", None)
        name = getattr(fn, "__name__", "")
        for contract, candidate in self._instances.items():
            if candidate is instance:
                declared = spec_of(contract, name)
                if declared is not None:
                    return declared, instance, f"{contract.__name__}.{name}"
        raise NotAnEffect(getattr(fn, "__qualname__", repr(fn)))


_UNFIT = object()


def _typed(value: Any, kind: Any) -> Any:
    """A plain argument as its annotation says; `_UNFIT` where it is none (a word where an amount was expected)."""
    try:
        return msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError:
        return _UNFIT
    except TypeError:  # a type that only the dialog itself understands
        return value


def arguments(spec: DialogSpec, given: Mapping[str, Any], services: Services) -> dict[str, Any]:
    """A dialog's keyword arguments: services by annotation, entities and given values by name, the rest by default."""
    made: dict[str, Any] = {}
    for name, kind, has_default in parameters(spec.fn):
        if name in given and (value := _typed(given[name], kind)) is not _UNFIT:
            made[name] = value
        elif kind in services:
            made[name] = services.given(kind)
        elif not has_default:
            if isinstance(kind, type):
                services.get(kind)
            raise DialogError(f"{spec.id}: nothing fills its parameter `{name}`; give it a default.")
    return made
