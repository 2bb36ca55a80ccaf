"""Composes the web chat and what can be downloaded from any chat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapters.webchat import WebChat, WebChatSettings
from adapters.webchat.page import PageConfig
from bot.secret import derive
from bot.web.downloads import BY_A_PERSON, Downloads
from desk.files import Files as AgentFiles
from dialogs.services import Files

if TYPE_CHECKING:
    from auth import Auth
    from bot.assembly import Parts
    from bot.ports import Identity, Recogniser, Store
    from bot.script.catalogue import Services
    from bot.settings import Settings
    from bot.web import Drain
    from signin import Proof


def webchat_of(
    made: Parts,
    store: Store,
    secret: bytes,
    auth: Auth,
    recogniser: Recogniser,
    downloads: Downloads,
    drain: Drain,
    *,
    dev: bool,
) -> WebChat:
    """The web chat, its page and its sessions."""
    settings = made.settings
    page = PageConfig(
        brand=settings.brand_view,
        locale=settings.texts.locales[0],
        starters=settings.brand.starters,
        words={"kept": settings.brand.kept} if settings.brand.kept else {},
        dev=dev,
    )
    return WebChat(
        store=store,
        clock=made.clock,
        settings=_webchat_settings(settings, secret),
        control=recogniser.control,
        redactor=auth.redactor,
        links=auth.minter,
        files=downloads,
        page=page,
        drain=drain,
        keeper=AgentFiles(store, made.clock, settings.desk.upload),
    )


def _webchat_settings(settings: Settings, secret: bytes) -> WebChatSettings:
    given = settings.channels.webchat
    return WebChatSettings(
        brand=settings.brand.id,
        secret=derive(secret, "webchat"),
        public_url=settings.public_url,
        proxies=settings.server.proxies,
        site_secrets=tuple(one.get_secret_value() for one in given.site_secrets),
        **given.model_dump(exclude={"enabled", "site_secrets"}),
    )


def downloads_of(made: Parts, store: Store, identity: Identity, offered: Services, proof: Proof) -> Downloads:
    """The files that a chat offers: a dialog's by its service, an agent's from the store."""
    agents = AgentFiles(store, made.clock, made.settings.desk.upload)

    async def open_file(ref: str, customer: str) -> bytes:
        if ref.startswith(BY_A_PERSON):
            return await agents.open(ref)
        body: bytes = await offered.get(Files).open_file(ref, customer)
        return body

    return Downloads(store, made.clock, identity, open_file, proof.same_browser, made.settings.public_url)
