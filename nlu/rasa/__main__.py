"""`python -m nlu.rasa`, which `make rasa` calls: Rasa's environment, a model of the brand's examples, its server."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from bot.assembly import nlu_files
from bot.configuration import load_settings
from bot.errors import ParleyError
from bot.settings import HOME, Settings
from nlu.data import load
from nlu.rasa.environment import FOLDER, environment
from nlu.rasa.errors import RasaFailed
from nlu.rasa.serving import answering, serving
from nlu.rasa.training import PIPELINE, Lesson, lesson, train


def tell(line: str) -> None:
    """Say something to whoever started us."""
    print(line, flush=True)


def lesson_of(settings: Settings) -> Lesson:
    """What Rasa is to learn of this brand."""
    own = settings.brand_folder / "nlu" / "config.yml"
    return lesson(load(nlu_files(settings)), settings.nlu.rasa.epochs, own if own.is_file() else PIPELINE)


async def serve(settings: Settings, folder: Path) -> None:
    """Prepare, train, and serve until stopped."""
    given = settings.nlu.rasa
    at = urlsplit(given.url)
    python = await environment(tell, folder)
    model = await train(python, lesson_of(settings), folder, tell)
    tell(f"Starting Rasa; what it says is in {folder / 'server.log'}")
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    port = at.port or 5005
    async with serving(python, model, folder, port=port, token=given.token.get_secret_value()) as process:
        waits = [asyncio.create_task(stopped.wait()), asyncio.create_task(process.wait())]
        starts = asyncio.create_task(answering(process, given.model_copy(update={"url": f"http://127.0.0.1:{port}"})))
        await asyncio.wait([*waits, starts], return_when=asyncio.FIRST_COMPLETED)
        if starts.done():
            tell(f"Rasa is up after {starts.result():.0f} s: http://127.0.0.1:{port}, model {model.name}")
            tell("Whatever of Parley runs, or is started now, takes it by itself. Ctrl-C ends it.")
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        starts.cancel()
        for one in waits:
            one.cancel()
        if not stopped.is_set():
            raise RasaFailed(f"It ended with exit code {process.returncode}; see {folder / 'server.log'}.")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m nlu.rasa", description=__doc__)
    parser.add_argument("--config", "-c", type=Path, default=HOME / "config.yml", help="the configuration file")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where environment, models and logs are kept")
    parser.add_argument("--write", type=Path, help="only write what Rasa is to learn into this folder")
    asked = parser.parse_args(arguments)
    try:
        settings = load_settings(asked.config)
        if asked.write:
            lesson_of(settings).write(asked.write)
            return 0
        folder = asked.folder.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        asyncio.run(serve(settings, folder))
    except ParleyError as error:
        print(f"Error: {error}", file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
