"""Static files of the pages: a fixed list per folder, revalidated by ETag, never outside their folder."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from aiohttp import web

FOLDER = Path(__file__).parent
"""The shared files: theme.css, parts.js, parts.css, vendor/lit.min.js."""

TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}


@dataclass(frozen=True, slots=True)
class _Read:
    stamp: float
    body: bytes
    tag: str


def serve(prefix: str, folder: Path, *, without: frozenset[str] = frozenset()) -> list[web.RouteDef]:
    """Routes for every file of a known type under `folder`, as `prefix`/relative-name.

    `without` leaves names out altogether, so that what is not for everyone is not there at all.
    A file is read again when it changes, so that a brand's look can be edited while the server runs.
    """
    names = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix in TYPES and "/." not in f"/{path.relative_to(folder).as_posix()}"
    )
    return [web.get(f"{prefix}/{name}", _handler(folder / name)) for name in names if name not in without]


def _handler(path: Path) -> Callable[[web.Request], Awaitable[web.Response]]:
    kept: list[_Read] = []

    async def handle(request: web.Request) -> web.Response:
        stamp = path.stat().st_mtime
        if not kept or kept[0].stamp != stamp:
            body = path.read_bytes()
            kept[:] = [_Read(stamp, body, sha256(body).hexdigest()[:16])]
        read = kept[0]
        headers = {"Cache-Control": "no-cache", "ETag": f'"{read.tag}"', "X-Content-Type-Options": "nosniff"}
        if any(tag.value == read.tag for tag in request.if_none_match or ()):
            return web.Response(status=304, headers=headers)
        response = web.Response(body=read.body, content_type=TYPES[path.suffix], charset="utf-8", headers=headers)
        response.enable_compression()
        return response

    return handle
