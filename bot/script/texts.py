"""The text catalogue: Fluent files, one per language, the brand's before ours. Ids are written dotted in code."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from babel.dates import format_date
from babel.lists import format_list
from fluent.runtime import FluentBundle
from fluent.runtime.types import FluentNone
from fluent.syntax import FluentParser, ast

from bot.errors import SettingsError, UnknownText
from bot.model import Choice

HOST = Path(__file__).parent / "text"


@lru_cache(maxsize=4096)
def message_id(text: str) -> str:
    """`debit.confirm` in code stands as `debit-confirm` in the catalogue; underscores become hyphens too."""
    return text.replace(".", "-").replace("_", "-")


@lru_cache(maxsize=4096)
def _field_names(kind: type[Any]) -> tuple[tuple[str, str], ...]:
    return tuple((f.name, f.name.replace("_", "-")) for f in dataclasses.fields(kind))


@lru_cache(maxsize=64)
def _parsed(source: str) -> ast.Resource:
    """A catalogue's syntax tree; processes and tests read the same few files again and again."""
    return FluentParser().parse(source)


def flatten(values: Mapping[str, Any]) -> dict[str, Any]:
    """A dataclass `mandate` becomes `mandate-<field>`; plain values keep their names, underscores as hyphens."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        key = name.replace("_", "-")
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            for field, hyphened in _field_names(type(value)):
                flat[f"{key}-{hyphened}"] = _plain(getattr(value, field))
        else:
            flat[key] = _plain(value)
    return flat


def _plain(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return "\x1f".join(str(v) for v in value)
    return value


def _money(pence: Any) -> str:
    amount = int(pence)
    pounds, rest = divmod(abs(amount), 100)
    return f"{'−' if amount < 0 else ''}£{pounds:,}.{rest:02d}"


class Texts:
    """Formats texts. `brand` values are in reach of every text as `$brand-name`, `$brand-phone`, …"""

    def __init__(self, files: Mapping[str, Sequence[Path]], brand: Mapping[str, str], today: Any) -> None:
        """`files` by locale, later files over earlier ones; raises `SettingsError` naming file and line."""
        self._brand = {f"brand-{key.replace('_', '-')}": value for key, value in brand.items()}
        self._today = today
        self._bundles: dict[str, FluentBundle] = {}
        self.messages: dict[str, dict[str, ast.Message]] = {}
        for locale, paths in files.items():
            bundle = FluentBundle([locale], use_isolating=False, functions=self._functions(locale))
            asts: dict[str, ast.Message] = {}
            for path in paths:
                source = path.read_text("utf-8")
                resource = _parsed(source)
                for node in resource.body:
                    if isinstance(node, ast.Junk):
                        line = source.count("\n", 0, node.span.start if node.span else 0) + 1
                        why = node.annotations[0].message if node.annotations else "not understood"
                        raise SettingsError(f"{path.name} line {line}: {why}")
                    if isinstance(node, ast.Message):
                        asts[node.id.name] = node
                bundle.add_resource(resource, allow_overrides=True)
            self._bundles[locale] = bundle
            self.messages[locale] = asts
        self._default = next(iter(files))
        self._simple: dict[tuple[str, str, str | None], tuple[tuple[str, str], ...] | None] = {}

    def locale(self, wanted: str | None) -> str:
        """The nearest language there is a catalogue for."""
        if wanted:
            if wanted in self._bundles:
                return wanted
            short = wanted.split("-")[0]
            for locale in self._bundles:
                if locale.split("-")[0] == short:
                    return locale
        return self._default

    def has(self, text: str, attribute: str | None = None) -> bool:
        """Whether the default catalogue has this text (and attribute)."""
        node = self.messages[self._default].get(message_id(text))
        if node is None:
            return False
        return attribute is None or any(a.id.name == attribute for a in node.attributes)

    def say(self, text: str, locale: str | None = None, /, **values: Any) -> str:
        """A text, formatted; raises `UnknownText`."""
        return self.format(text, None, values, locale)

    def format(self, text: str, attribute: str | None, values: Mapping[str, Any], locale: str | None) -> str:
        """A text or one of its attributes; raises `UnknownText`."""
        where = self.locale(locale)
        key = message_id(text)
        plain = self._plainly(where, key, attribute, values)
        if plain is not None:
            return plain
        bundle = self._bundles[where]
        if not bundle.has_message(key):
            raise UnknownText(f"{key} ({where})")
        message = bundle.get_message(key)
        pattern = message.value if attribute is None else message.attributes.get(attribute)
        if pattern is None:
            raise UnknownText(f"{key}{'.' + attribute if attribute else ''} ({where})")
        said, errors = bundle.format_pattern(pattern, {**self._brand, **flatten(values)})
        if errors:
            raise UnknownText(f"{key} ({where}): {errors[0]}")
        return str(said)

    def _plainly(self, where: str, key: str, attribute: str | None, values: Mapping[str, Any]) -> str | None:
        """The text where it only puts words and small numbers between words, which is most of them; else None."""
        at = (where, key, attribute)
        if at not in self._simple:
            self._simple[at] = _pieces(self.messages[where].get(key), attribute)
        pieces = self._simple[at]
        if pieces is None:
            return None
        said = []
        for text, name in pieces:
            said.append(text)
            if name:
                value = values.get(name)
                if isinstance(value, str):
                    said.append(value)
                elif type(value) is int and -1000 < value < 1000:
                    said.append(str(value))
                else:
                    return None
        return "".join(said)

    def variables(self, text: str, locale: str) -> set[str]:
        """The variables a text and its attributes use, for the checks at start."""
        found: set[str] = set()
        node = self.messages[locale].get(message_id(text))
        if node is not None:
            _collect(node, found)
        return {name for name in found if not name.startswith("brand-")}

    def locales(self) -> Iterable[str]:
        """The languages there are."""
        return self._bundles.keys()

    def _functions(self, locale: str) -> dict[str, Any]:
        babel_locale = locale.replace("-", "_")

        def money(pence: Any) -> Any:
            return FluentNone("amount") if isinstance(pence, FluentNone) or pence == "" else _money(pence)

        def day(value: Any, style: str = "long") -> Any:
            if isinstance(value, FluentNone) or value == "":
                return FluentNone("date")
            when = date.fromisoformat(str(value)[:10])
            year = "" if when.year == self._today().year else " y"
            shape = {"short": "d MMM", "weekday": "EEEE d MMMM"}.get(str(style), "d MMMM")
            return format_date(when, shape + year, locale=babel_locale)

        def month(value: Any) -> Any:
            if isinstance(value, FluentNone) or value == "":
                return FluentNone("month")
            year, number = str(value)[:7].split("-")
            shape = "MMMM" if int(year) == self._today().year else "MMMM y"
            return format_date(date(int(year), int(number), 1), shape, locale=babel_locale)

        def clock(value: Any) -> Any:
            return (
                FluentNone("time")
                if isinstance(value, FluentNone)
                else datetime.fromisoformat(str(value)).strftime("%H:%M")
            )

        def listing(value: Any) -> Any:
            return (
                FluentNone("list")
                if isinstance(value, FluentNone)
                else format_list(str(value).split("\x1f"), locale=babel_locale)
            )

        return {"MONEY": money, "DATE": day, "MONTH": month, "TIME": clock, "LIST": listing}


def _pieces(message: ast.Message | None, attribute: str | None) -> tuple[tuple[str, str], ...] | None:
    """(words, variable) pairs of a pattern made of nothing else; None for any other pattern."""
    if message is None:
        return None
    found = message if attribute is None else next((a for a in message.attributes if a.id.name == attribute), None)
    if found is None or found.value is None:
        return None
    pieces: list[tuple[str, str]] = []
    for element in found.value.elements:
        if isinstance(element, ast.TextElement):
            pieces.append((element.value, ""))
        elif isinstance(element, ast.Placeable) and isinstance(element.expression, ast.VariableReference):
            pieces.append(("", element.expression.id.name))
        else:
            return None
    return tuple(pieces)


def _collect(node: Any, found: set[str]) -> None:
    if isinstance(node, ast.VariableReference):
        found.add(node.id.name)
    if isinstance(node, ast.BaseNode):
        for value in vars(node).values():
            _collect(value, found)
    elif isinstance(node, list):
        for value in node:
            _collect(value, found)


def numbered(choices: Sequence[Choice]) -> str:
    """Choices as numbered lines, for a channel that shows no buttons."""
    return "\n".join(f"{at}. {choice.label}" for at, choice in enumerate(choices, 1))
