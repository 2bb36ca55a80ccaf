"""Understanding data in Rasa's 3.1 YAML: read from several files, checked, and merged."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from nlu.annotation import Span, read
from nlu.errors import BadExamples
from nlu.model import OUT_OF_SCOPE
from nlu.text import plain

_TOP = frozenset({"version", "nlu"})
_KINDS = ("intent", "synonym", "lookup", "regex")
_Loader: type[yaml.SafeLoader] | type[yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Example:
    """One utterance of an intent, and where it stands ("file:line")."""

    text: str
    intent: str
    spans: tuple[Span, ...] = ()
    where: str = ""


@dataclass(slots=True)
class NluData:
    """All that a recogniser learns from. Utterances in the order of the files; tables by entity or synonym."""

    examples: list[Example] = field(default_factory=list)
    synonyms: dict[str, str] = field(default_factory=dict)
    """wording (lower case) → the value it stands for"""
    lookups: dict[str, list[str]] = field(default_factory=dict)
    regexes: dict[str, list[str]] = field(default_factory=dict)

    @property
    def intents(self) -> tuple[str, ...]:
        """The intents in order of first mention."""
        return tuple(dict.fromkeys(e.intent for e in self.examples))


def load(files: Sequence[Path]) -> NluData:
    """Read and merge; raises `BadExamples` with file and line. An utterance may mean only one intent.

    What is out of scope in one file may be an intent in another: a brand's new dialog takes it.
    """
    data = NluData()
    meant: dict[str, Example] = {}
    for file in files:
        here: dict[str, Example] = {}
        for example in _read_file(Path(file), data):
            key = plain(example.text) or example.text
            before = here.get(key) or meant.get(key)
            if before is None or (before.intent == OUT_OF_SCOPE and key not in here):
                here[key] = example
            elif before.intent != example.intent and (example.intent != OUT_OF_SCOPE or key in here):
                raise BadExamples(
                    f'{example.where}: "{example.text}" is an example of {example.intent}, '
                    f"and of {before.intent} at {before.where}"
                )
        meant.update(here)
    data.examples.extend(meant.values())
    return data


def fingerprint(files: Sequence[Path]) -> str:
    """A hash of the files' contents, in their order."""
    whole = hashlib.sha256()
    for file in files:
        whole.update(hashlib.sha256(_bytes(Path(file))).digest())
    return whole.hexdigest()


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as wrong:
        raise BadExamples(f"{file}: {wrong.strerror}") from wrong


def _read_file(file: Path, data: NluData) -> Iterator[Example]:
    try:
        # Nodes rather than values: they know their lines.
        root = yaml.compose(_bytes(file).decode("utf-8-sig"), Loader=_Loader)
    except yaml.MarkedYAMLError as wrong:
        line = wrong.problem_mark.line + 1 if wrong.problem_mark else 1
        raise BadExamples(f"{file}:{line}: not YAML: {wrong.problem}") from wrong
    except (yaml.YAMLError, UnicodeDecodeError) as wrong:
        raise BadExamples(f"{file}:1: not YAML in UTF-8: {wrong}") from wrong
    if root is None:
        return
    for key, node in _mapping(file, root).items():
        if key not in _TOP:
            raise BadExamples(f"{file}:{_line(node)}: unknown key {key}; expected {' or '.join(sorted(_TOP))}")
        if key == "version" and node.value != "3.1":
            raise BadExamples(f'{file}:{_line(node)}: version {node.value} is not "3.1"')
        if key == "nlu":
            if not isinstance(node, yaml.SequenceNode):
                raise BadExamples(f"{file}:{_line(node)}: nlu is not a list")
            for item in node.value:
                yield from _read_item(file, item, data)


def _read_item(file: Path, item: yaml.Node, data: NluData) -> Iterator[Example]:
    keys = _mapping(file, item)
    kinds = [k for k in _KINDS if k in keys]
    if unknown := keys.keys() - {*_KINDS, "examples", "metadata"}:
        raise BadExamples(f"{file}:{_line(item)}: unknown key {', '.join(sorted(unknown))}")
    if len(kinds) != 1 or "examples" not in keys:
        raise BadExamples(f"{file}:{_line(item)}: an item has one of {', '.join(_KINDS)}, and examples")
    kind = kinds[0]
    name = str(keys[kind].value).strip()
    if not name:
        raise BadExamples(f"{file}:{_line(keys[kind])}: {kind} has no name")
    for line, text in _lines(file, keys["examples"]):
        where = f"{file}:{line}"
        if kind == "intent":
            try:
                said, spans = read(text)
            except BadExamples as wrong:
                raise BadExamples(f"{where}: {wrong.detail}") from wrong
            for span in spans:
                if span.value is not None:
                    _synonym(data, where, span.text, span.value)
            yield Example(said, name, spans, where)
        elif kind == "synonym":
            _synonym(data, where, text, name)
        elif kind == "lookup":
            data.lookups.setdefault(name, []).append(text)
        else:
            try:
                re.compile(text)
            except re.error as wrong:
                raise BadExamples(f"{where}: not a regular expression: {wrong}") from wrong
            data.regexes.setdefault(name, []).append(text)


def _synonym(data: NluData, where: str, wording: str, value: str) -> None:
    before = data.synonyms.setdefault(plain(wording), value)
    if before != value:
        raise BadExamples(f'{where}: "{wording}" stands for {value}, and for {before} elsewhere')


def _lines(file: Path, node: yaml.Node) -> Iterator[tuple[int, str]]:
    if isinstance(node, yaml.SequenceNode):  # the long form, one mapping with `text` an utterance
        for entry in node.value:
            inner = _mapping(file, entry)
            if "text" not in inner or inner.keys() - {"text", "intent", "metadata"}:
                raise BadExamples(f"{file}:{_line(entry)}: an example has text, and perhaps metadata")
            for number, text in enumerate(str(inner["text"].value).splitlines(), _first(inner["text"])):
                if text.strip():
                    yield number, text.strip().removeprefix("- ").strip()
        return
    if not isinstance(node, yaml.ScalarNode):
        raise BadExamples(f"{file}:{_line(node)}: examples is neither a text nor a list")
    for number, text in enumerate(node.value.splitlines(), _first(node)):
        if not text.strip():
            continue
        if not text.startswith("-"):
            raise BadExamples(f'{file}:{number}: an example starts with "- "')
        if said := text[1:].strip():
            yield number, said


def _mapping(file: Path, node: yaml.Node) -> dict[str, yaml.Node]:
    if not isinstance(node, yaml.MappingNode):
        raise BadExamples(f"{file}:{_line(node)}: expected keys and values")
    out: dict[str, yaml.Node] = {}
    for key, value in node.value:
        if key.value in out:
            raise BadExamples(f"{file}:{_line(key)}: {key.value} stands twice")
        out[str(key.value)] = value
    return out


def _first(node: yaml.Node) -> int:
    """The line on which a text itself begins: a block stands below its mark."""
    return _line(node) + (1 if getattr(node, "style", None) in ("|", ">") else 0)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
