"""The annotation of entities in an utterance: `[text](entity)`, `[text](entity:value)`, `[text]{"entity": …}`."""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec

from nlu.errors import BadExamples

_MARK = re.compile(r"\[(?P<text>[^\[\]]+)\](?:\((?P<short>[^()]+)\)|(?P<long>\{[^{}]*\}))")
_KEYS = frozenset({"entity", "value", "role", "group"})


@dataclass(frozen=True, slots=True)
class Span:
    """An annotated part of an utterance: text[start:end] names `entity`; `value` only where the author gave one."""

    entity: str
    text: str
    start: int
    end: int
    value: str | None = None
    role: str | None = None
    group: str | None = None


def read(line: str) -> tuple[str, tuple[Span, ...]]:
    """The utterance without its marks, and its spans. Raises `BadExamples` for a bracket that marks nothing."""
    out: list[str] = []
    spans: list[Span] = []
    at = length = 0
    for mark in _MARK.finditer(line):
        before = line[at : mark.start()]
        out.append(before)
        length += len(before)
        text = mark["text"]
        given = _short(mark["short"]) if mark["short"] else _long(mark["long"])
        spans.append(Span(start=length, end=length + len(text), text=text, **given))
        out.append(text)
        length += len(text)
        at = mark.end()
    out.append(line[at:])
    whole = "".join(out)
    if "[" in whole or "]" in whole:
        raise BadExamples(f'a bracket marks nothing in "{line}"; write [text](entity)')
    return whole, tuple(spans)


def write(text: str, spans: tuple[Span, ...]) -> str:
    """The reverse of `read`, for whoever writes utterances into a file."""
    out, at = [], 0
    for span in sorted(spans, key=lambda s: s.start):
        more = {k: v for k in ("value", "role", "group") if (v := getattr(span, k)) is not None}
        mark = f"({span.entity})" if not more else msgspec.json.encode({"entity": span.entity, **more}).decode()
        out += [text[at : span.start], f"[{span.text}]{mark}"]
        at = span.end
    return "".join(out) + text[at:]


def _short(inside: str) -> dict[str, str]:
    entity, _, value = inside.partition(":")
    return {"entity": entity.strip()} | ({"value": value.strip()} if value else {})


def _long(inside: str) -> dict[str, str]:
    try:
        given = msgspec.json.decode(inside.encode(), type=dict[str, str])
    except msgspec.DecodeError as wrong:
        raise BadExamples(f"the annotation {inside} is not JSON with texts as values ({wrong})") from wrong
    if unknown := given.keys() - _KEYS:
        raise BadExamples(f"the annotation {inside} has an unknown key: {', '.join(sorted(unknown))}")
    if not given.get("entity"):
        raise BadExamples(f"the annotation {inside} names no entity")
    return given
