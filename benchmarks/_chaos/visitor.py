"""A customer's browser on the sign-in pages: opens, presses the yes, signs in, and tries again when the site falls."""

from __future__ import annotations

import asyncio
import re
from html import unescape
from urllib.parse import urljoin

import aiohttp

TRIES = 40
LEGS = 6
"""Pages between the link and its end, at most."""

_HEADERS = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
_HEADING = re.compile(r"<h1>(.*?)</h1>", re.DOTALL)
_FORM = re.compile(r'<form method="post" action="([^"]+)"')
_TOKEN = re.compile(r'name="token" value="([^"]+)"')
_CODE = re.compile(r'id="code" class="code" type="text" value="([^"]+)"')


class Visitor:
    """One browser. `sub` is whom it signs in as."""

    def __init__(self, client: aiohttp.ClientSession, sub: str) -> None:
        self._client, self._sub = client, sub
        self.saw = "no page"
        """The heading of the last page, or what stood in its place."""

    async def follow(self, url: str) -> str | None:
        """Go from a link in the chat to its end; returns the code to type in the chat, where the page shows one."""
        ends = 0
        for _ in range(TRIES):
            try:
                async with asyncio.timeout(15):
                    code = await self._through(url)
            except (aiohttp.ClientError, TimeoutError, _NotNow) as error:
                self.saw = type(error).__name__
                await asyncio.sleep(0.2)
                continue
            # A request that a fall cut off may have been taken all the same; the link's own page says what is so.
            ends += 1
            if code is not None or ends > 1:
                return code
        return None

    async def _through(self, url: str) -> str | None:
        page, at = await self._ask("GET", url)
        for _ in range(LEGS):
            if code := _CODE.search(page):
                return unescape(code.group(1))
            form = _FORM.search(page)
            if form is None:
                return None
            action = urljoin(at, unescape(form.group(1)))
            heading = _HEADING.search(page)
            if heading is not None and heading.group(1).strip() == "Who are you today?":
                page, at = await self._ask("POST", action, sub=self._sub)
            elif token := _TOKEN.search(page):
                if 'name="act" value="yes"' not in page:
                    return None
                page, at = await self._ask("POST", action, token=token.group(1), act="yes")
            else:
                return None
        return None

    async def _ask(self, method: str, url: str, **form: str) -> tuple[str, str]:
        given = form if method == "POST" else None
        headers = _HEADERS if method == "POST" else {}
        async with self._client.request(method, url, data=given, headers=headers) as answer:
            if answer.status >= 500:
                raise _NotNow
            page = await answer.text()
            heading = _HEADING.search(page)
            self.saw = f"{answer.status} {heading.group(1).strip() if heading else answer.url.path}"
            return page, str(answer.url)


class _NotNow(Exception):
    """The site answered 5xx."""
