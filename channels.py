"""The channels that messages are pushed to, as the configuration names them. Knows their adapters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Protocol

from adapters.intake import ControlRule
from adapters.render import FileMinter, LinkMinter
from auth.pages import Hint
from bot.assembly import Parts
from bot.errors import SettingsError
from bot.model import Address
from bot.ports import Channel, Redactor, Sql, Store
from bot.secret import derive
from bot.serving import Worker

if TYPE_CHECKING:
    from aiohttp.web import RouteDef


PUSHED = ("telegram", "slack", "messenger")
"""All there are."""

HINTING = frozenset({"messenger"})
"""Channels whose app opens the page with a token of its own."""


class Unlinks(Protocol):
    """Whoever knows how a chat is linked to an account: `bot.ports.Login` is one."""

    def unlink(self, *, address: Address, now: datetime, reason: str) -> Sequence[Sql]:
        """Rows that revoke an address's link, its tokens and its live transactions."""
        ...


class Pushed(Protocol):
    """One such channel: its edge, what delivery sends by, what runs beside it."""

    @property
    def channel(self) -> Channel:
        """What delivery sends by."""
        ...

    def routes(self) -> list[RouteDef]:
        """Its webhooks."""
        ...

    def workers(self) -> dict[str, Worker]:
        """What runs beside the web server."""
        ...

    async def connect(self, public_url: str) -> list[str]:
        """Set it up at its platform; what there is to know, a line each. Raises `ParleyError`."""
        ...

    async def check(self) -> str:
        """Whether its platform answers to us, in a few words. Raises `ParleyError`."""
        ...

    async def close(self) -> None:
        """Finish and close, after delivery has stopped."""
        ...


def pushed(
    made: Parts,
    store: Store,
    secret: bytes,
    *,
    control: ControlRule,
    links: LinkMinter,
    unlinks: Unlinks,
    files: FileMinter | None = None,
    redactor: Redactor | None = None,
    only: str = "",
) -> Mapping[str, Pushed]:
    """The enabled ones (or `only` one of them), by name. Raises `SettingsError`.

    A platform's library is imported only if it is wanted.
    """
    makers = {"telegram": _telegram, "slack": _slack, "messenger": _messenger}
    wanted = [name for name in PUSHED if getattr(made.settings.channels, name).enabled and only in ("", name)]
    return {
        name: makers[name](made, secret)(
            store=store,
            clock=made.clock,
            control=control,
            links=links,
            files=files,
            unlinks=unlinks,
            redactor=redactor,
        )
        for name in wanted
    }


def hints_of(push: Mapping[str, Pushed]) -> dict[str, Hint]:
    """By channel, what its own app tells the sign-in page about the account in it."""
    return {name: one for name, one in push.items() if name in HINTING and isinstance(one, Hint)}


Edge = Callable[..., Pushed]
"""A channel's edge with its settings; what all have in common is still to be given."""


def _telegram(made: Parts, secret: bytes) -> Edge:
    from adapters.telegram import Telegram, TelegramSettings

    given = made.settings.channels.telegram
    token = given.token.get_secret_value()
    if not token:
        raise SettingsError("channels.telegram.token: give the token that BotFather made for the bot.")
    settings = TelegramSettings(
        brand=made.settings.brand.id,
        token=token,
        secret=derive(secret, "telegram").hex(),
        mode=given.mode,
        api=given.api,
    )
    return partial(Telegram, settings=settings)


def _slack(made: Parts, secret: bytes) -> Edge:
    from adapters.slack import Slack, SlackSettings

    given = made.settings.channels.slack
    settings = SlackSettings(
        brand=made.settings.brand.id,
        token=given.token.get_secret_value(),
        signing_secret=given.signing_secret.get_secret_value(),
        app_token=given.app_token.get_secret_value(),
        mode=given.mode,
        api=given.api,
    )
    return partial(Slack, settings=settings)


def _messenger(made: Parts, secret: bytes) -> Edge:
    from adapters.messenger import Messenger, MessengerSettings

    given = made.settings.channels.messenger
    settings = MessengerSettings(
        brand=made.settings.brand.id,
        page=given.page,
        token=given.token.get_secret_value(),
        app_secret=given.app_secret.get_secret_value(),
        verify_token=given.verify_token.get_secret_value() or derive(secret, "messenger").hex(),
        app_id=given.app_id,
        api=given.api,
        version=given.version,
        comments=given.comments,
        human_agent=given.human_agent,
    )
    return partial(Messenger, settings=settings)
