"""What a developer does with the recogniser at hand: measure it, compare it, teach it anew and take that live."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from bot.ports import Recogniser, Tended
from bot.settings import NluSettings
from nlu import live
from nlu.chain import Chain
from nlu.data import Example, NluData, load
from nlu.embedded import models, obtain
from nlu.encoder import Encoder
from nlu.entities import EntityFinder
from nlu.errors import BadExamples, NoWeights
from nlu.evaluate import cross_validate, few, reads, ruled
from nlu.factory import build, encoder_of
from nlu.labelled import labelled
from nlu.lesson import Code
from nlu.model import OUT_OF_SCOPE, Model
from nlu.report import Read, Report, report, was_right
from nlu.vectors import remembering

BACKENDS = ("embedded", "words", "rasa")


@dataclass(frozen=True, slots=True)
class Difference:
    """The same utterances read by two: the reports, and what only one of them read right."""

    before: Report
    after: Report
    better: tuple[tuple[str, str, str, str], ...]
    """(text, meant, read before, read after), right only after"""
    worse: tuple[tuple[str, str, str, str], ...]
    """the same, right only before"""


@dataclass(frozen=True, slots=True)
class Workbench:
    """`files` are the bot's own examples, `cache` its models' folder. Takes seconds: not for a site's loop."""

    files: Sequence[Path]
    cache: Path
    given: NluSettings
    progress: Callable[[str], None]
    today: Callable[[], date] = date.today

    async def test(self, data: Sequence[Path], train: Sequence[Path] = (), backend: str = "embedded") -> Report:
        """Read `data` with the bot's own recogniser, or with one that learnt from `train`.

        Labels that the recogniser has never heard of are measured by cross-validation of `data` itself.
        """
        examples = labelled(data)
        if not train and backend != "rasa" and not {e.intent for e in examples} & set(load(self.files).intents):
            self.progress("its labels are not the bot's: cross-validating it by itself")
            return await self.folds(data, backend=backend)
        async with self.recogniser(backend, train, examples) as recogniser:
            return report([await reads(recogniser, examples)])

    async def folds(self, data: Sequence[Path], count: int = 5, seed: int = 0, backend: str = "embedded") -> Report:
        """Stratified cross-validation of `data`."""
        tables = load([file for file in data if file.suffix.lower() != ".csv"])
        return await cross_validate(labelled(data), count, seed, self.code(backend), tables, self.progress)

    async def few(
        self, data: Sequence[Path], shots: int, draws: int = 5, seed: int = 0, backend: str = "embedded"
    ) -> Report:
        """Learn from `shots` utterances an intent, `draws` times over, and read the rest of `data`."""
        return await few(labelled(data), shots, draws, seed, self.code(backend), self.progress)

    async def compare(self, one: str, other: str, data: Sequence[Path]) -> Difference:
        """Two backends, or models in the cache by their id, on the same utterances."""
        examples = labelled(data)
        async with self.recogniser(one, (), examples) as first, self.recogniser(other, (), examples) as second:
            return difference(await reads(first, examples), await reads(second, examples))

    async def retrain(self, data: Sequence[Path]) -> tuple[str, Difference | None]:
        """Train on the examples as they are now; the new model's id, and what it changes against the live one."""
        before = self.live()
        model = self._model("embedded", self.files)
        if before in ("", model.id) or not data:
            return model.id, None
        return model.id, await self.compare(before, model.id, data)

    def live(self) -> str:
        """The id of the model that reads now, or would at the next start; "" where none was ever trained."""
        known = [folder.name for folder in models(self.cache)]
        said = live.named(self.cache)
        return said if said in known else (known or [""])[-1]

    def take_live(self, model: str) -> None:
        """Have a running site read by this model; it looks every second."""
        live.name(self.cache, model)

    @asynccontextmanager
    async def recogniser(
        self, name: str, train: Sequence[Path] = (), examples: Sequence[Example] = ()
    ) -> AsyncIterator[Recogniser]:
        """A backend of `BACKENDS`, or a model in the cache; open for as long as it is used."""
        if name == "rasa":
            if train:
                raise BadExamples("Rasa is trained by `make rasa`, on the bot's own examples alone.")
            given = self.given.model_copy(update={"backend": "rasa"})
            made = build(self.files, self.cache, self.today, self.progress, given)
            assert isinstance(made, Tended)
            try:
                await made.begin()
                await made.ready()
                yield made
            finally:
                await made.close()
            return
        data = NluData() if train else load(self.files)
        yield Chain(
            self._model(name, train or self.files), EntityFinder(data, self.today), not examples or ruled(examples)
        )

    def _model(self, name: str, files: Sequence[Path]) -> Model:
        if name not in BACKENDS:
            return Model.load(self.cache / name, self._encoder())
        own = list(files) == list(self.files)
        data = load(files) if own else NluData(examples=labelled(files))
        weights = encoder_of(self.given) if name != "words" else None
        # What is only tried out must not push the bot's own models out of the cache.
        cache = self.cache if own and name != "words" else self.cache / "tried"
        return obtain(data, files, cache, self.progress, weights)

    def code(self, backend: str) -> Code | None:
        """The encoder with a memory, where there is one and it is wanted."""
        if backend not in ("embedded", "words"):
            raise BadExamples(f"Only the embedded recogniser is trained here, not {backend}.")
        encoder = self._encoder() if backend == "embedded" else None
        return remembering(encoder, self.cache / "tried", self.progress) if encoder else None

    def _encoder(self) -> Encoder | None:
        folder = encoder_of(self.given)
        try:
            return Encoder(folder) if folder else None
        except NoWeights as missing:
            self.progress(str(missing))
            return None


def difference(before: Sequence[Read], after: Sequence[Read]) -> Difference:
    """What changed for the better and for the worse; both read the same utterances in the same order."""
    changed = [
        (_taken(new), (new.example.text, new.example.intent, old.intent, new.intent))
        for old, new in zip(before, after, strict=True)
        if _taken(old) != _taken(new)
    ]
    better = tuple(row for good, row in changed if good)
    return Difference(report([before]), report([after]), better, tuple(row for good, row in changed if not good))


def _taken(read: Read) -> bool:
    """Whether it was accepted as what it meant, or rightly as nothing."""
    return was_right(read) and (bool(read.intent) or read.example.intent == OUT_OF_SCOPE)


def side_by_side(names: tuple[str, str], found: Difference) -> str:
    """The comparison for a terminal."""
    rows = [
        ("best guess right", found.before.accuracy, found.after.accuracy),
        ("macro F1", found.before.macro_f1, found.after.macro_f1),
        ("in scope right", found.before.right, found.after.right),
        ("in scope asked", found.before.asked, found.after.asked),
        ("in scope wrong", found.before.wrong, found.after.wrong),
        ("out of scope refused", found.before.out_of_scope_recall, found.after.out_of_scope_recall),
    ]
    lines = [f"{'':22}{names[0][:16]:>18}{names[1][:16]:>18}"]
    lines += [f"{what:22}{one:18.1%}{other:18.1%}" for what, one, other in rows]
    for title, changes in ((f"better with {names[1]}", found.better), (f"worse with {names[1]}", found.worse)):
        lines += ["", f"{title}: {len(changes)}"]
        lines += [
            f"  {text}  ({meant}: {before or 'asked'} → {after or 'asked'})"
            for text, meant, before, after in changes[:20]
        ]
    return "\n".join(lines)
