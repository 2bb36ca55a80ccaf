"""The channels that messages are pushed to, as the configuration names them. Knows their adapters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from adapters.intake import ControlRule
from adapters.render import FileMinter, LinkMinter
from bot.assembly import Parts
from bot.errors import SettingsError
from bot.model import Address
from bot.ports import Channel, Redactor, Sql, Store
from bot.secret import derive
from bot.serving import Worker

if TYPE_CHECKING:
    from aiohttp.web import RouteDef

    from adapters.telegram import Telegram


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
) -> Mapping[str, Pushed]:
    """The enabled ones, by name. Raises `SettingsError`. A platform's library is imported only if it is wanted."""
    found: dict[str, Pushed] = {}
    if made.settings.channels.telegram.enabled:
        found["telegram"] = _telegram(made, store, secret, control, links, files, unlinks, redactor)
    return found


def _telegram(
    made: Parts,
    store: Store,
    secret: bytes,
    control: ControlRule,
    links: LinkMinter,
    files: FileMinter | None,
    unlinks: Unlinks,
    redactor: Redactor | None,
) -> Telegram:
    from adapters.telegram import Telegram, TelegramSettings

    given = made.settings.channels.telegram
    token = given.token.get_secret_value()
    if not token:
        raise SettingsError("channels.telegram.token: give the token that BotFather made for the bot.")
    return Telegram(
        store=store,
        clock=made.clock,
        settings=TelegramSettings(
            brand=made.settings.brand.id,
            token=token,
            secret=derive(secret, "telegram").hex(),
            mode=given.mode,
            api=given.api,
        ),
        control=control,
        links=links,
        files=files,
        unlinks=unlinks,
        redactor=redactor,
    )
