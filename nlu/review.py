"""Walks a developer through what was not understood; what is settled becomes an example in Rasa YAML."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from nlu.annotation import write
from nlu.data import load
from nlu.errors import BadExamples
from nlu.text import plain

FILE = "nlu-reviewed.yml"
"""The file in the brand's folder `nlu` that settled utterances go to; it is read like any other."""
DONE = "reviewed.json"
"""Ids of utterances that were looked at, in the models' folder; no words."""
HELP = "Enter takes the first, a number that one, a name is its intent (or a new one); d discards, s is later, q ends."

QUERY = "SELECT id, text, why, ranking FROM unsure ORDER BY at, id"
"""Reads what `Utterance.of` takes."""

Decision = tuple[str, str]
"""("label", intent), ("discard", ""), ("later", "") or ("quit", "")"""


@dataclass(frozen=True, slots=True)
class Utterance:
    """One message, redacted; `ranking` is what it might have meant, best first."""

    id: str
    text: str
    why: str
    ranking: tuple[tuple[str, float], ...]

    @classmethod
    def of(cls, row: dict[str, str]) -> Utterance:
        """From a row of `QUERY`."""
        ranking = msgspec.json.decode(row["ranking"], type=tuple[tuple[str, float], ...])
        return cls(row["id"], row["text"], row["why"], ranking)

    def shown(self) -> Iterator[str]:
        """The utterance and its readings for a terminal."""
        yield ""
        yield f'"{self.text}"  ({self.why})'
        for number, (intent, chance) in enumerate(self.ranking, 1):
            yield f"  {number} {intent} {chance:.0%}"


@dataclass(slots=True)
class Review:
    """One sitting. `ask` is given a prompt and returns what was typed; the end of input quits."""

    file: Path
    done: Path
    intents: Sequence[str]
    tell: Callable[[str], None]
    ask: Callable[[str], str]
    labelled: dict[str, list[str]] = field(default_factory=dict)

    def walk(self, utterances: Sequence[Utterance]) -> int:
        """Ask about each that has not been looked at; returns how many became examples."""
        seen = self._seen()
        known: set[str] = set()
        for one in utterances:
            if one.id in seen or plain(one.text) in known:
                continue
            known.add(plain(one.text))
            for line in one.shown():
                self.tell(line)
            what, intent = self._decided(one)
            if what == "quit":
                break
            if what == "label":
                self.labelled.setdefault(intent, []).append(one.text)
            if what != "later":
                seen.add(one.id)
        count = sum(map(len, self.labelled.values()))
        if count:
            self._write()
        self.done.parent.mkdir(parents=True, exist_ok=True)
        self.done.write_bytes(msgspec.json.encode(sorted(seen)))
        return count

    def _decided(self, one: Utterance) -> Decision:
        while True:
            try:
                said = self.ask("? ").strip()
            except EOFError:
                return "quit", ""
            if said in ("d", "s", "q"):
                return {"d": "discard", "s": "later", "q": "quit"}[said], ""
            if not said and one.ranking:
                return "label", one.ranking[0][0]
            if said.isdigit() and 1 <= int(said) <= len(one.ranking):
                return "label", one.ranking[int(said) - 1][0]
            if said.isidentifier() and said == said.lower():
                if said in self.intents or said in self.labelled or self._new(said):
                    return "label", said
            else:
                self.tell(HELP)

    def _new(self, intent: str) -> bool:
        try:
            return self.ask(f"{intent} is a new intent: y to make it? ").strip() == "y"
        except EOFError:
            return False

    def _write(self) -> None:
        """All that is in the file, and what was settled now. Raises `BadExamples`, with the file as it was."""
        said: dict[str, list[str]] = {}
        if self.file.is_file():
            for example in load([self.file]).examples:
                said.setdefault(example.intent, []).append(write(example.text, example.spans))
        for intent, texts in self.labelled.items():
            # A bracket would be read as an annotation.
            said.setdefault(intent, []).extend(text.replace("[", "(").replace("]", ")") for text in texts)
        lines = ['version: "3.1"', "nlu:"]
        for intent, texts in said.items():
            lines += [f"- intent: {intent}", "  examples: |", *(f"    - {text}" for text in dict.fromkeys(texts))]
        draft = self.file.with_name(f".{self.file.name}")
        draft.write_text("\n".join(" ".join(line.split("\n")) for line in lines) + "\n", encoding="utf-8")
        try:
            load([draft])
        except BadExamples:
            draft.unlink()
            raise
        draft.replace(self.file)

    def _seen(self) -> set[str]:
        try:
            return msgspec.json.decode(self.done.read_bytes(), type=set[str])
        except (OSError, msgspec.MsgspecError):
            return set()
