"""What can still be done from a page whose sign-in is over: ask for a fresh link in the chat, undo the link made."""

from __future__ import annotations

from aiohttp import web

from auth.keys import Keys
from auth.ledger import Ledger, Txn
from auth.pages.browser import Browser
from auth.pages.views import Views
from auth.revocation import notice, of_link
from bot.errors import Conflict
from bot.model import Inbound
from bot.ports import Sql
from bot.web import form

NOTICE = "host.unlinked-on-page"
_THEIRS = """
SELECT id, person, connection, user_id FROM identity_link
WHERE connection = :connection AND user_id = :user AND person = :person AND revoked_at IS NULL"""
_UNDONE = "UPDATE link_txn SET ended_why = 'unlinked_here' WHERE id = :id AND state = 'done' AND ended_why = 'linked'"


class Afterwards:
    """Both from our own form only."""

    def __init__(self, *, ledger: Ledger, keys: Keys, browser: Browser, views: Views) -> None:
        self._ledger = ledger
        self._keys = keys
        self._browser = browser
        self._views = views

    async def again(self, request: web.Request, txn: Txn) -> web.Response:
        """Ask the chat that began it to send a fresh link there: once for each link, whoever presses how often.

        Whoever holds an old link can make the chat's owner get one new one, and no more; nothing comes to the page.
        """
        if not await self._ours(request, txn):
            return self._views.stale(self._views.path(txn))
        if txn.state != "done":
            now = self._ledger.clock.now()
            signal = Inbound(
                key=f"again:{txn.id}",
                kind="signal",
                at=now,
                conversation=txn.conversation,
                data={"op": txn.op, "again": txn.purpose},
            )
            await self._ledger.store.change([self._ledger.audit(txn, "again", now, {})], [signal])
        return self._views.sent(txn)

    async def unlink(self, request: web.Request, txn: Txn) -> web.Response:
        """Undo the link, in the browser that made it, and tell the chat."""
        here = self._views.path(txn)
        if not await self._ours(request, txn):
            return self._views.stale(here)
        mine = self._browser.pinned(request, txn) and not await self._browser.elsewhere(request, txn)
        if not mine or txn.state != "done" or txn.purpose != "link":
            await self._ledger.refused(txn, "unlink")
            raise web.HTTPSeeOther(here)
        store, now = self._ledger.store, self._ledger.clock.now()
        links = await store.query(_THEIRS, connection=txn.connection, user=txn.user_id, person=txn.person)
        for link in links:
            told = await notice(store, link, now, NOTICE)
            try:
                await store.change([Sql(_UNDONE, {"id": txn.id}, rows=1), *of_link(link, now, "page")], told)
            except Conflict:
                # It was undone meanwhile.
                break
        raise web.HTTPSeeOther(here)

    async def _ours(self, request: web.Request, txn: Txn) -> bool:
        cookie = self._browser.cookie(request)
        token = str((await form(request)).get("token", ""))
        if cookie and self._browser.same_site(request) and self._keys.form_token_fits(token, txn.id, cookie):
            return True
        await self._ledger.refused(txn, "form")
        return False
