"""How well a recogniser reads: on a file it has never seen, or by cross-validation of its own data.

`python -m nlu.evaluate NLU.yml …` cross-validates; with `--test HELD_OUT.yml` it trains on the first files and scores
the second.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import msgspec

from bot.ports import Recogniser
from nlu.chain import Chain
from nlu.data import Example, NluData, load
from nlu.encoder import Encoder
from nlu.entities import EntityFinder
from nlu.factory import build
from nlu.model import OUT_OF_SCOPE
from nlu.training import folds, train


@dataclass(frozen=True, slots=True)
class Measure:
    """One intent: shares of 1. Precision is over what was read as it, recall over what means it."""

    count: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class Misread:
    """One utterance that was not read as it was meant; `read` is "" where the bot would ask."""

    text: str
    meant: str
    read: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Report:
    """Shares of 1. In scope an utterance is right, asked (nothing was sure enough) or wrong."""

    count: int
    accuracy: float
    """the best guess right, before any threshold, out of scope included"""
    macro_f1: float
    right: float
    asked: float
    wrong: float
    out_of_scope_recall: float
    intents: dict[str, Measure] = field(default_factory=dict)
    misread: tuple[Misread, ...] = ()

    def pairs(self) -> list[tuple[str, str, int]]:
        """(meant, read, how often), the most frequent confusion first; what was asked is not a confusion."""
        counts = Counter((m.meant, m.read) for m in self.misread if m.read)
        return [(meant, read, n) for (meant, read), n in counts.most_common()]


async def score(recogniser: Recogniser, examples: Sequence[Example]) -> Report:
    """Read every example and compare."""
    return _report([(e, *(await _read(recogniser, e.text))) for e in examples])


async def cross_validate(data: NluData, count: int = 5, seed: int = 0, encoder: Path | None = None) -> Report:
    """Stratified folds of the whole chain; thresholds are fitted inside each training part."""
    coder = Encoder(encoder) if encoder else None
    coded = coder([e.text for e in data.examples]) if coder else None
    finder = EntityFinder(replace(data, examples=[]), date.today)
    readings: list[tuple[Example, str, str, float]] = []
    for train_at, test_at in folds([e.intent for e in data.examples], count, seed):
        part = None if coded is None else coded[train_at]
        model = train([data.examples[i] for i in train_at], "fold", vectors=part)
        chain = Chain(replace(model, encode=coder), finder)
        readings += [(data.examples[i], *(await _read(chain, data.examples[i].text))) for i in test_at]
    return _report(readings)


async def _read(recogniser: Recogniser, text: str) -> tuple[str, str, float]:
    """The intent as accepted, the best guess, and its confidence."""
    parse = await recogniser.parse(text)
    best = parse.intent or (OUT_OF_SCOPE if not parse.ranking else parse.ranking[0][0])
    return parse.intent, best, parse.confidence


def _report(readings: Sequence[tuple[Example, str, str, float]]) -> Report:
    tally: dict[str, Counter[str]] = defaultdict(Counter)
    misread: list[Misread] = []
    inside = right = asked = guessed = refused = 0
    for example, intent, best, confidence in readings:
        tally[example.intent]["count"] += 1
        outside = example.intent == OUT_OF_SCOPE
        guessed += (not intent) if outside else best == example.intent
        said = intent or (OUT_OF_SCOPE if outside else "")
        if said:
            tally[said]["read"] += 1
        if said == example.intent:
            tally[said]["right"] += 1
        else:
            misread.append(Misread(example.text, example.intent, intent, confidence))
        if outside:
            refused += not intent
        else:
            inside += 1
            right += intent == example.intent
            asked += not intent
    intents = {name: _measure(counts) for name, counts in sorted(tally.items()) if counts["count"]}
    return Report(
        count=len(readings),
        accuracy=_share(guessed, len(readings)),
        macro_f1=_share(sum(m.f1 for m in intents.values()), len(intents)),
        right=_share(right, inside),
        asked=_share(asked, inside),
        wrong=_share(inside - right - asked, inside),
        out_of_scope_recall=_share(refused, len(readings) - inside),
        intents=intents,
        misread=tuple(misread),
    )


def _measure(counts: Counter[str]) -> Measure:
    precision, recall = _share(counts["right"], counts["read"]), _share(counts["right"], counts["count"])
    return Measure(counts["count"], precision, recall, _share(2 * precision * recall, precision + recall))


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def render(report: Report, confusions: int = 15) -> str:
    """The report as a table for a terminal."""
    lines = [
        f"{report.count} utterances; best guess right {report.accuracy:.1%}, macro F1 {report.macro_f1:.3f}",
        f"in scope: right {report.right:.1%}, asked {report.asked:.1%}, wrong {report.wrong:.1%}"
        f"; out of scope refused {report.out_of_scope_recall:.1%}",
        "",
        f"{'intent':24}{'count':>6}{'precision':>11}{'recall':>8}",
    ]
    lines += [f"{name:24}{m.count:6}{m.precision:11.1%}{m.recall:8.1%}" for name, m in report.intents.items()]
    pairs = report.pairs()[:confusions]
    lines += ["", "confused most often (meant, read as):"] if pairs else []
    for meant, read, n in pairs:
        samples = [m.text for m in report.misread if (m.meant, m.read) == (meant, read)][:3]
        lines.append(f"  {meant} as {read} ({n}): {' | '.join(samples)}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m nlu.evaluate", description="How well the recogniser reads.")
    parser.add_argument("files", nargs="+", type=Path, help="understanding data, Rasa YAML")
    parser.add_argument("--test", type=Path, help="utterances never trained on")
    parser.add_argument("--encoder", type=Path, help="the folder that python -m nlu.minilm filled")
    parser.add_argument("--json", action="store_true", help="the whole report as JSON")
    given = parser.parse_args(arguments)
    if given.test:
        with tempfile.TemporaryDirectory() as cache:
            recogniser = build(given.files, Path(cache), date.today, encoder=given.encoder)
        report = asyncio.run(score(recogniser, load([given.test]).examples))
    else:
        report = asyncio.run(cross_validate(load(given.files), encoder=given.encoder))
    print(msgspec.json.encode(report).decode() if given.json else render(report))


if __name__ == "__main__":
    main()
