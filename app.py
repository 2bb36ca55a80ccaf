"""Parley's command line: `python app.py run` serves; `--help` lists the rest."""

from __future__ import annotations

import asyncio
import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, ParamSpec

import typer

from bot.errors import ParleyError

P = ParamSpec("P")

cli = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Parley answers a brand's customers inside the social networks they already use.",
)
new = typer.Typer(no_args_is_help=True, help="Write a new dialog or a new brand.")
cli.add_typer(new, name="new")

Config = Annotated[Path, typer.Option("--config", "-c", help="The configuration file.", show_default="config.yml")]
HERE = Path(__file__).resolve().parent
CONFIG = HERE / "config.yml"


def tell(line: str) -> None:
    """Say something to whoever started us."""
    print(line, flush=True)


def command(fn: Callable[P, int | None]) -> Callable[P, None]:
    """A command that ends with a clear line and exit code 1 where something is wrong, never with a traceback."""

    @functools.wraps(fn)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        raise SystemExit(guarded(lambda: fn(*args, **kwargs) or 0))

    return run


def guarded(work: Callable[[], int]) -> int:
    """Do the work; an error of ours, or a file that cannot be used, becomes one line on standard error."""
    try:
        return work()
    except ParleyError as error:
        print(f"Error: {error}", file=sys.stderr, flush=True)
    except OSError as error:
        print(f"Error: {error.filename or ''}: {error.strerror or error}", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        return 130
    return 1


@cli.command()
@command
def run(
    config: Config = CONFIG,
    dev: Annotated[bool, typer.Option("--dev", help="Show turns from inside, and restart when killed.")] = False,
    reload: Annotated[bool, typer.Option("--reload", help="Start anew when code, texts or examples change.")] = False,
) -> int:
    """Serve the site."""
    from bot.configuration import load_settings
    from bot.observe import configure
    from bot.serving import bind

    settings = load_settings(config)
    listening = bind(settings.server.host, settings.server.port)

    def serve() -> int:
        import compose

        # Read anew: a reload may be for the configuration itself.
        settings = load_settings(config)
        configure(level=settings.log.level, pretty=settings.log.format == "text")
        parent = os.getppid() if dev or reload else 0
        return asyncio.run(compose.run(settings, listening, tell, dev=dev, watch=reload, parent=parent))

    if not (dev or reload):
        return serve()
    from bot.dev.supervise import supervise
    from bot.dev.watching import changed

    def child() -> int:
        code = guarded(serve)
        if code == 1 and reload:
            tell("Waiting for a change.")
            from bot.serving import RELOAD

            asyncio.run(changed(settings))
            return RELOAD
        return code

    from bot.assembly import preload

    preload()
    return supervise(child, tell)


if __name__ == "__main__":
    cli()
