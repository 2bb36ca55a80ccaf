"""What is right, what is wrong and what to do: the parts of a configuration looked at one by one, without serving."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot import assembly
from bot.assembly import Parts, Tell
from bot.errors import ParleyError, Permanent, SchemaBehind, StoreLocked
from bot.model import Assurance
from bot.ports import Store, Tended
from bot.script.catalogue import Dialogs
from bot.script.lint import lint
from bot.script.texts import Texts, message_id
from bot.script.versions import code_of
from bot.settings import Settings
from bot.tending import tending

Opened = Callable[[Settings], Awaitable[Store]]


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that was looked at. `wrong` says what is wrong and what to do; empty: it is right."""

    what: str
    said: str
    wrong: tuple[str, ...] = ()


Check = Callable[[], Awaitable[Found]]

HOSTS = ("human", "stop", "unlink", "fallback")
"""Dialogs that the host opens by itself."""


class NotWhole(Permanent):
    """The dialogs and texts do not fit together, so nothing was started."""


async def run_checks(checks: Sequence[tuple[str, Check]], tell: Tell) -> int:
    """Run them in order; says each outcome, returns how many are wrong. An error of ours is an outcome, too."""
    wrong = 0
    for name, check in checks:
        try:
            found = await check()
        except ParleyError as error:
            found = Found(name, "", (str(error),))
        except OSError as error:
            found = Found(name, "", (f"{error.filename or ''}: {error.strerror or error}",))
        wrong += bool(found.wrong)
        tell(f"{'WRONG' if found.wrong else 'ok   '}  {found.what:<14} {found.said}".rstrip())
        for line in found.wrong:
            tell(f"         {line}")
    return wrong


def of_dialogs(made: Parts) -> Check:
    """Dialogs: each reads as a replay can repeat it, each service is there, none changed under its released version."""

    async def check() -> Found:
        dialogs = made.dialogs
        wrong = [*(str(finding) for finding in lint(dialogs, made.texts)), *_opened_by_host(dialogs)]
        for spec in dialogs.by_id.values():
            locked = dialogs.locked.get((spec.id, spec.version))
            if locked is not None and locked != code_of(spec):
                wrong.append(
                    f"{spec.id}: its code differs from what was released as version {spec.version}."
                    f" Keep the released code in retired/, and give the new one version={spec.version + 1}."
                )
        return Found("dialogs", f"{len(dialogs.by_id)} dialogs, {len(dialogs.locked)} released", tuple(wrong))

    return check


def _opened_by_host(dialogs: Dialogs) -> Iterator[str]:
    """What is wrong with the dialogs that are opened whatever a customer is in the middle of, a person's first."""
    for id in HOSTS:
        if id not in dialogs:
            yield f"{id} is missing, and the host opens it by itself: take it out of dialogs.disable, or write one."
        elif dialogs.requires(id) > Assurance.ANYONE:
            needs = dialogs.requires(id).name.lower()
            yield f"{id} requires {needs}: whoever cannot sign in has to get there, too. Let it require anyone."


def of_texts(made: Parts) -> Check:
    """Texts: every language has every text of the first, with the same variables."""

    async def check() -> Found:
        texts = made.texts
        first = next(iter(texts.locales()))
        said = f"{len(texts.messages[first])} texts in {', '.join(texts.locales())}"
        return Found("texts", said, tuple(_untranslated(texts)))

    return check


def _untranslated(texts: Texts) -> Iterator[str]:
    first, *others = texts.locales()
    for locale in others:
        for id in texts.messages[first]:
            if message_id(id) not in texts.messages[locale]:
                yield f"{id} is missing in {locale}."
            elif more := texts.variables(id, locale) - texts.variables(id, first):
                yield f"{id} in {locale} uses {', '.join(sorted(more))}, which {first} does not."


def require_whole(made: Parts) -> None:
    """Refuse to serve where a customer would meet a missing text or code that a replay cannot repeat.

    Raises `NotWhole`.
    """
    found = (str(finding) for finding in lint(made.dialogs, made.texts))
    wrong = [*found, *_opened_by_host(made.dialogs), *_untranslated(made.texts)]
    if wrong:
        raise NotWhole("\n  ".join(["", *wrong]))


def of_services(made: Parts, services: Callable[[], object]) -> Check:
    """Services: each factory works, and each contract a dialog wants has one."""

    async def check() -> Found:
        from bot.script.catalogue import Services, parameters

        offered = services()
        assert isinstance(offered, Services)
        wrong = [
            f"{spec.id}: nothing is configured under `services` for {kind.__name__}."
            for spec in made.dialogs.by_id.values()
            for _, kind, has_default in parameters(spec.fn)
            if not has_default and getattr(kind, "_is_protocol", False) and kind not in offered
        ]
        return Found("services", ", ".join(sorted(kind.__name__ for kind, _ in offered.items())), tuple(wrong))

    return check


def of_model(made: Parts, tell: Tell) -> Check:
    """Understanding: the examples can be read and learnt, and every dialog's intents have examples."""

    async def check() -> Found:
        files = assembly.nlu_files(made.settings)
        recogniser = await asyncio.to_thread(assembly.recogniser_of, made, tell)
        model = getattr(recogniser, "model", recogniser)
        labels = set(getattr(model, "labels", ()))
        known = labels | {"human", "stop", "affirm", "deny"}
        wrong = [
            f"{intent}, which opens {dialog}, has no example. Add `- intent: {intent}` to one of the files."
            for intent, dialog in sorted(made.dialogs.by_intent.items())
            if labels and intent not in known
        ]
        said = f"{len(labels)} intents from {len(files)} files"
        if made.settings.nlu.backend == "rasa" and isinstance(recogniser, Tended):
            # Nothing else reads: without it nobody is understood.
            async with tending(recogniser):
                try:
                    said += f"; {await recogniser.ready()}"
                except ParleyError as error:
                    wrong.append(f"{error} `make rasa` starts it; nlu.backend: rasa-then-embedded does without.")
        elif isinstance(embedded := getattr(recogniser, "standin", recogniser), Tended):
            said += f"; {await embedded.ready()}"
        return Found("understanding", said, tuple(wrong))

    return check


def of_database(settings: Settings, opened: Opened) -> Check:
    """The database: it is there, readable and of this release."""

    async def check() -> Found:
        url = settings.store_url
        shown = url.partition("://")[0]
        path = Path(url.removeprefix("sqlite:///"))
        if shown == "sqlite" and ":memory:" not in url and not path.exists():
            folder = path.parent
            return Found("database", f"{shown}: {path} is made at the first run", _writable(folder))
        try:
            store = await opened(settings)
        except SchemaBehind as error:
            if shown == "sqlite":
                return Found("database", f"{shown}: an earlier release's; the next run migrates it")
            return Found("database", shown, (str(error),))
        except StoreLocked as error:
            return Found("database", shown, (str(error),))
        try:
            rows = await store.query("SELECT COUNT(*) AS n FROM conversation")
        finally:
            await store.close()
        wrong = _writable(path.parent) if shown == "sqlite" else ()
        return Found("database", f"{shown}: {rows[0]['n']} conversations", wrong)

    return check


def of_data(settings: Settings) -> Check:
    """The data folder: it can be written."""

    async def check() -> Found:
        return Found("data folder", str(settings.data_folder), _writable(settings.data_folder))

    return check


def _writable(folder: Path) -> tuple[str, ...]:
    there = folder
    while not there.exists():
        there = there.parent
    if os.access(there, os.W_OK | os.X_OK):
        return ()
    return (f"{there} cannot be written. Make it writable, or name another folder under `data`.",)
