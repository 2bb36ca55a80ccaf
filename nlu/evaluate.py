"""How well a recogniser reads: on utterances it has never seen, by cross-validation, or from few examples an intent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date

import numpy as np

from bot.ports import Recogniser
from nlu.chain import Chain
from nlu.data import Example, NluData
from nlu.entities import EntityFinder
from nlu.front import RULED
from nlu.lesson import Code, Lesson
from nlu.model import OUT_OF_SCOPE
from nlu.report import Read, Report, report
from nlu.training import folds, taught

Split = tuple[Sequence[int], Sequence[int]]
"""Positions to learn from, and positions to read."""


async def score(recogniser: Recogniser, examples: Sequence[Example]) -> Report:
    """Read every example and compare."""
    return report([await reads(recogniser, examples)])


async def reads(recogniser: Recogniser, examples: Iterable[Example]) -> list[Read]:
    """How each example is read."""
    return [await _read(recogniser, example) for example in examples]


async def cross_validate(
    examples: Sequence[Example],
    count: int = 5,
    seed: int = 0,
    code: Code | None = None,
    tables: NluData | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Report:
    """Stratified folds; whatever is fitted is fitted inside each training part. `tables`: lookups and synonyms."""
    return await _splits(examples, folds([e.intent for e in examples], count, seed), code, tables, progress)


async def few(
    examples: Sequence[Example],
    shots: int,
    draws: int = 5,
    seed: int = 0,
    code: Code | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Report:
    """Learn from `shots` examples an intent, drawn `draws` times, and read all the others each time."""
    meant = np.array([e.intent for e in examples])
    splits: list[Split] = []
    for number in range(draws):
        draw = np.random.default_rng([seed, number])
        taken = {
            int(at) for label in sorted(set(meant)) for at in draw.permutation(np.flatnonzero(meant == label))[:shots]
        }
        splits.append((sorted(taken), sorted(set(range(len(examples))) - taken)))
    return await _splits(examples, splits, code, None, progress)


async def _splits(
    examples: Sequence[Example],
    splits: Sequence[Split],
    code: Code | None,
    tables: NluData | None,
    progress: Callable[[str], None],
) -> Report:
    whole = Lesson.of(examples, code)
    finder = EntityFinder(replace(tables, examples=[]) if tables else NluData(), date.today)
    runs: list[list[Read]] = []
    for number, (train_at, test_at) in enumerate(splits, 1):
        model = replace(taught(whole.part(train_at), "split"), encode=_known(whole, test_at, code))
        chain = Chain(model, finder, ruled(examples))
        runs.append(await reads(chain, [examples[i] for i in test_at]))
        progress(f"{number} of {len(splits)}: {report(runs[-1:]).accuracy:.2%} right")
    return report(runs)


def _known(whole: Lesson, at: Sequence[int], code: Code | None) -> Code | None:
    """An encoder that has coded these examples before; a part of one, after a change of mind, it codes now."""
    if whole.vectors is None or code is None:
        return None
    coded = {whole.examples[i].text: whole.vectors[i] for i in at}
    return lambda texts: np.stack([coded[text] if text in coded else code([text])[0] for text in texts])


def ruled(examples: Iterable[Example]) -> bool:
    """Whether the bot's own rules have a say: only where these utterances' labels know what the rules speak of."""
    return bool(RULED & {e.intent for e in examples})


async def _read(recogniser: Recogniser, example: Example) -> Read:
    if isinstance(recogniser, Chain):
        parse, score = recogniser.scored(example.text)
    else:
        parse = await recogniser.parse(example.text)
        score = parse.confidence
    best = parse.intent or (parse.ranking[0][0] if parse.ranking else OUT_OF_SCOPE)
    return Read(example, parse.intent, best, parse.confidence, score)
