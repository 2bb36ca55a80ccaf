"""Parley's command line: `python app.py run` serves; `--help` lists the rest."""

from __future__ import annotations

import asyncio
import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ParamSpec

try:
    import typer
except ModuleNotFoundError:
    sys.exit("Error: this Python has not Parley's packages. Run `make run` once, then call .venv/bin/python app.py …")

import keeping
import scaffolding
import understanding
from bot.errors import ParleyError

if TYPE_CHECKING:
    from bot.dev.watching import Seen
    from bot.settings import Settings

P = ParamSpec("P")

cli = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Parley answers a brand's customers inside the social networks they already use.",
)
demo = typer.Typer(no_args_is_help=True, help="Show what Parley does.")
cli.add_typer(demo, name="demo")

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


def settings_of(config: Path) -> Settings:
    """The configuration, read. Raises `SettingsError`."""
    from bot.configuration import load_settings

    return load_settings(config)


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
    workers: Annotated[
        int | None, typer.Option(help="Processes on this port, kept going; more than one needs PostgreSQL.")
    ] = None,
    channels: Annotated[
        str, typer.Option(help="fake: Telegram, Slack and Messenger as fakes of this machine, side by side on a page.")
    ] = "",
) -> int:
    """Serve the site."""
    if not channels:
        return _run(config, dev, reload, workers)
    from adapters.fakes.starting import beside
    from bot.configuration import load_settings

    with beside(channels, load_settings(config), tell):
        return _run(config, dev, reload, workers)


def _run(config: Path, dev: bool, reload: bool, workers: int | None) -> int:
    from bot.configuration import load_settings
    from bot.observe import configure
    from bot.serving import bind

    settings = load_settings(config)
    count = settings.server.workers if workers is None else workers
    if count > 0 and not (dev or reload):
        import several

        return several.run(config, count, tell)
    listening = bind(settings.server.host, settings.server.port)

    def serve(since: Seen | None = None) -> int:
        import compose

        # Read anew: a reload may be for the configuration itself.
        settings = load_settings(config)
        configure(level=settings.log.level, pretty=settings.log.format == "text")
        settings = settings.for_reload() if reload else settings
        parent = os.getppid() if dev or reload else 0
        made = compose.whole(settings, listening)
        return asyncio.run(compose.run(made, listening, tell, dev=dev, since=since, parent=parent))

    if not (dev or reload):
        return serve()
    from bot.dev.supervise import preload, supervise
    from bot.dev.watching import changed, folders, seen

    def child() -> int:
        # Taken before anything is read, so that a file written while it is read is a change as well.
        since = seen(folders(settings)) if reload else None
        code = guarded(lambda: serve(since))
        if code == 1 and since is not None:
            from bot.serving import RELOAD

            asyncio.run(changed(settings, since, lambda: tell("Waiting for a change.")))
            return RELOAD
        return code

    preload(training=reload)
    return supervise(child, tell)


@cli.command()
@command
def check(config: Config = CONFIG) -> int:
    """Say what is right, what is wrong and what to do."""
    import commands

    settings = settings_of(config)

    tell(f"ok     {'configuration':<14} {config}")
    wrong = asyncio.run(commands.check(settings, tell))
    tell("Everything is right." if not wrong else f"{wrong} to put right.")
    return 1 if wrong else 0


@cli.command()
@command
def chat(
    config: Config = CONFIG,
    record: Annotated[str, typer.Option(help="Write the conversation as a transcript of this name.")] = "",
    reload: Annotated[bool, typer.Option("--reload", help="Take changed dialogs, texts and examples.")] = False,
) -> int:
    """Talk to the bot here, over the real engine, with the brand's own data in memory."""
    import commands

    settings = settings_of(config)

    asyncio.run(commands.chat(settings, tell, record=record, reload=reload))
    return 0


@cli.command()
@command
def transcripts(
    files: Annotated[list[Path] | None, typer.Argument(help="Transcripts; by default the brand's own.")] = None,
    config: Config = CONFIG,
    rewrite: Annotated[bool, typer.Option("--rewrite", help="Write what the bot says now, for review.")] = False,
) -> int:
    """Play transcripts in four modes: plain, amnesia, redelivery, crash."""
    import commands

    settings = settings_of(config)

    return 1 if asyncio.run(commands.transcripts(settings, files or [], tell, rewrite=rewrite)) else 0


@cli.command()
@command
def cases(config: Config = CONFIG) -> int:
    """List what waits for a person."""
    import commands

    settings = settings_of(config)

    asyncio.run(commands.cases(settings, tell))
    return 0


@cli.command()
@command
def connect(
    channel: Annotated[str, typer.Argument(help="The channel: telegram, slack or messenger.")], config: Config = CONFIG
) -> int:
    """Set a channel up at its platform, check its token, and say what to do next."""
    import commands

    settings = settings_of(config)

    asyncio.run(commands.connect(settings, channel, tell))
    return 0


@cli.command("dead-letters")
@command
def dead_letters(config: Config = CONFIG) -> int:
    """List what could not be sent, and what came in and could not be read."""
    import commands

    settings = settings_of(config)

    asyncio.run(commands.dead_letters(settings, tell))
    return 0


@cli.command()
@command
def migrate(config: Config = CONFIG) -> int:
    """Bring the database's schema up to this release."""
    from bot.configuration import load_settings
    from bot.store import migrate as bring_up

    settings = load_settings(config)
    asyncio.run(bring_up(settings.store_url))
    tell("The database is of this release.")
    return 0


@cli.command("rotate-keys")
@command
def rotate_keys(config: Config = CONFIG) -> int:
    """Seal every stored token anew under the present secret, so that an earlier one can be forgotten."""
    import commands

    settings = settings_of(config)

    asyncio.run(commands.rotate_keys(settings, tell))
    return 0


@cli.command()
@command
def release(
    files: Annotated[list[Path] | None, typer.Argument(help="Transcripts to take sample journals from.")] = None,
    config: Config = CONFIG,
) -> int:
    """Write the dialogs' versions.lock, and a sample journal of each newly released one."""
    import commands

    settings = settings_of(config)

    asyncio.run(commands.release(settings, files or [], tell))
    return 0


for group in (scaffolding, keeping, understanding):
    group.register(cli, command)


@demo.command("traffic")
@command
def demo_traffic(
    url: Annotated[str, typer.Option(help="The running server's address.")] = "",
    customers: Annotated[int, typer.Option(min=1, max=200, help="How many customers talk.")] = 8,
    seconds: Annotated[float, typer.Option(min=5, help="For about how long.")] = 120.0,
    config: Config = CONFIG,
) -> int:
    """Let customers talk to a running server's web chat, so that its desk has something to do."""
    from bot.configuration import load_settings
    from bot.dev.traffic import traffic

    at = (url or load_settings(config).public_url).rstrip("/")
    done = asyncio.run(traffic(at, customers, seconds, tell))
    tell(f"{done} customers have talked. See {at}/desk")
    return 0


if __name__ == "__main__":
    cli()
