"""The brand's understanding data as the one file that Rasa is trained on, and the names of its models."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from nlu.annotation import write
from nlu.data import NluData

FORMAT = 1
"""Part of the hash: raise it where `rasa_yaml` comes to write something else."""


def rasa_yaml(data: NluData) -> str:
    """The merged data in Rasa's 3.1 YAML; the same data gives the same text.

    What is out of scope in one file and an intent in a later one stands under the intent alone.
    """
    said: dict[str, list[str]] = {}
    for example in data.examples:
        said.setdefault(example.intent, []).append(write(example.text, example.spans))
    values: dict[str, list[str]] = {}
    for wording, value in data.synonyms.items():
        values.setdefault(value, []).append(wording)
    parts = [
        'version: "3.1"',
        "nlu:",
        *_items("intent", said),
        *_items("synonym", values),
        *_items("lookup", data.lookups),
        *_items("regex", data.regexes),
    ]
    return "\n".join(parts) + "\n"


def fingerprint(data: NluData) -> str:
    """Twelve digits of a hash of what Rasa would be trained on."""
    return hashlib.sha256(f"{FORMAT}\n{rasa_yaml(data)}".encode()).hexdigest()[:12]


def _items(kind: str, tables: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for name, lines in tables.items():
        # A JSON text is a YAML text, whatever stands in it.
        yield f"- {kind}: {msgspec.json.encode(name).decode()}"
        yield "  examples: |"
        yield from (f"    - {line}" for line in lines)
