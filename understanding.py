"""What the command line does about understanding: train, test, parse, compare, and review what was not understood.

`register` adds the commands to the command line; nothing heavy is imported before one of them is called.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bot.settings import Settings
    from nlu.report import Report
    from nlu.workbench import Workbench

Config = Annotated[Path, typer.Option("--config", "-c", help="The configuration file.", show_default="config.yml")]
Data = Annotated[
    list[Path] | None, typer.Option("--data", help="Utterances: Rasa YAML, or CSV (text,category). Label oos: none.")
]
Train = Annotated[list[Path] | None, typer.Option("--train", help="Learn from these first, not the bot's own.")]
Backend = Annotated[str, typer.Option("--backend", help="embedded, words (without the sentence encoder) or rasa.")]
Folds = Annotated[int, typer.Option("--folds", help="Cross-validate the data in so many parts.", min=0)]
Shots = Annotated[int, typer.Option("--shots", help="Learn from so many utterances an intent, read the rest.", min=0)]
Draws = Annotated[int, typer.Option("--draws", help="Draw them so many times.", min=1)]
Seed = Annotated[int, typer.Option("--seed", help="Of the parts or draws.")]
AsJson = Annotated[bool, typer.Option("--json", help="Nothing but JSON on standard output.")]
Texts = Annotated[list[str], typer.Argument(metavar="TEXT", help="Messages.")]
One = Annotated[str, typer.Argument(help="embedded, words, rasa, or the id of a model.")]
Yes = Annotated[bool, typer.Option("--yes", help="Take it live without asking.")]
CONFIG = Path(__file__).resolve().parent / "config.yml"


def register(cli: typer.Typer, command: Callable[[Callable[..., int]], Callable[..., None]]) -> None:
    """Add the group `nlu`; `command` turns what one raises into a line and an exit code."""
    group = typer.Typer(no_args_is_help=True, help="What messages mean: train, test, parse, compare, review.")
    cli.add_typer(group, name="nlu")
    named: dict[str, Callable[..., int]] = {"train": train, "test": measure, "parse": parse, "compare": compare}
    named["review"] = review
    for name, one in named.items():
        group.command(name)(command(one))


def tell(line: str) -> None:
    """A result."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def note(line: str) -> None:
    """What goes on meanwhile; never among the results."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def train(data: Data = None, yes: Yes = False, config: Config = CONFIG) -> int:
    """Learn from the examples as they are now, show what gets better and worse, and take it live without a restart."""
    from nlu.workbench import side_by_side

    bench, held = _bench(config, data)
    before = bench.live()
    model, found = asyncio.run(bench.retrain(held))
    if model == before:
        tell(f"Model {model} knows all of the examples already.")
        bench.take_live(model)
        return 0
    if found is not None:
        tell(side_by_side((before, model), found))
    if not (yes or (sys.stdin.isatty() and typer.confirm(f"Take model {model} live?"))):
        tell(f"Model {model} is trained and not live. With --yes it is, or at the next start.")
        return 0
    bench.take_live(model)
    tell(f"Model {model} is live; a running server reads with it within seconds.")
    return 0


def measure(
    data: Data = None,
    train: Train = None,
    backend: Backend = "embedded",
    folds: Folds = 0,
    shots: Shots = 0,
    draws: Draws = 5,
    seed: Seed = 0,
    json: AsJson = False,
    config: Config = CONFIG,
) -> int:
    """How well messages are read: on held-out utterances, by cross-validation, or from few examples."""
    import msgspec

    from nlu.picture import draw
    from nlu.report import render

    bench, held = _bench(config, data)
    found = asyncio.run(_measured(bench, held, train or [], backend, folds, shots, draws, seed))
    folder = bench.cache / "report"
    folder.mkdir(parents=True, exist_ok=True)
    written = msgspec.json.format(msgspec.json.encode(found), indent=1)
    (folder / "report.json").write_bytes(written)
    draw(found, folder / "confusion.png")
    tell(written.decode() if json else render(found))
    note(f"wrote {folder}/report.json and confusion.png")
    return 0


async def _measured(
    bench: Workbench, data: list[Path], train: list[Path], backend: str, folds: int, shots: int, draws: int, seed: int
) -> Report:
    if shots:
        return await bench.few(data, shots, draws, seed, backend)
    if folds:
        return await bench.folds(data, folds, seed, backend)
    return await bench.test(data, train, backend)


def parse(texts: Texts, backend: Backend = "embedded", config: Config = CONFIG) -> int:
    """What messages mean, as JSON, one a line."""
    import msgspec

    bench, _ = _bench(config, None)

    async def read() -> None:
        async with bench.recogniser(backend) as recogniser:
            for text in texts:
                tell(msgspec.json.encode(await recogniser.parse(text)).decode())

    asyncio.run(read())
    return 0


def compare(one: One, other: One, data: Data = None, json: AsJson = False, config: Config = CONFIG) -> int:
    """Two models or backends side by side on the same utterances."""
    import msgspec

    from nlu.workbench import side_by_side

    bench, held = _bench(config, data)
    found = asyncio.run(bench.compare(one, other, held))
    tell(msgspec.json.encode(found).decode() if json else side_by_side((one, other), found))
    return 0


def review(config: Config = CONFIG) -> int:
    """Go through what was not understood: accept, relabel, make an intent of it, or discard."""
    from nlu.data import load
    from nlu.review import DONE, FILE, HELP, Review, Utterance

    bench, _ = _bench(config, None)
    settings = _settings(config)
    found = [Utterance.of(row) for row in asyncio.run(_unsure(settings))]
    if not found:
        how = "" if settings.nlu.keep_unsure else " nlu.keep_unsure is off: no message is kept for it."
        tell(f"Nothing waits to be reviewed.{how}")
        return 0
    tell(HELP)
    file = settings.brand_folder / "nlu" / FILE
    sitting = Review(file, bench.cache / DONE, load(bench.files).intents, tell, input)
    count = sitting.walk(found)
    tell(f"{count} added to {file}; now: python app.py nlu train --config {config}" if count else "Nothing was added.")
    return 0


async def _unsure(settings: Settings) -> list[dict[str, str]]:
    import compose
    from nlu.review import QUERY

    store = await compose.opened_store(settings, readonly=True)
    try:
        return [dict(row) for row in await store.query(QUERY)]
    finally:
        await store.close()


def _settings(config: Path) -> Settings:
    from bot.configuration import load_settings

    return load_settings(config)


def _bench(config: Path, data: list[Path] | None) -> tuple[Workbench, list[Path]]:
    """The workbench, and the utterances to measure with: those given, else the brand's held-out ones if it has any."""
    from bot import assembly
    from bot.errors import SettingsError
    from nlu.workbench import Workbench

    settings = _settings(config)
    held = data or [file for file in [settings.brand_folder / "nlu" / "heldout.yml"] if file.is_file()]
    for file in held:
        if not file.is_file():
            raise SettingsError(f"--data: there is no {file}.")
    return Workbench(assembly.nlu_files(settings), settings.data_folder / "nlu", settings.nlu, note), held
