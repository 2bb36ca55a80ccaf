"""Files that a customer sends: multipart as Direct Line's clients post them, kept by whoever the composition names."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from aiohttp import BodyPartReader, MultipartReader, web
from aiohttp.http import HttpProcessingError

from adapters.webchat.incoming import Posted, parse
from adapters.webchat.problems import BadActivity
from adapters.webchat.settings import WebChatSettings
from bot.web import TooLarge

ACTIVITY = "application/vnd.microsoft.activity"
FILES = 5
"""Files in one upload at most."""


class FileKeeper(Protocol):
    """Where uploaded files go."""

    async def keep(self, conversation: str, name: str, type_: str, body: bytes) -> str:
        """Keep a file for this conversation; returns its reference."""
        ...


@dataclass(frozen=True, slots=True)
class Sent:
    """One uploaded file."""

    name: str
    type: str
    body: bytes


async def read(request: web.Request, settings: WebChatSettings) -> tuple[Posted, list[Sent]]:
    """The activity (an empty one where there is none) and the files. Raises `BadActivity`, `TooLarge`."""
    large = request.clone(client_max_size=settings.upload)
    if not request.content_type.startswith("multipart/"):
        return Posted(), [Sent("file", request.content_type, await large.read())]
    posted, files, total = Posted(), list[Sent](), 0
    try:
        async for part in _parts(await large.multipart()):
            body = bytes(await part.read(decode=True))
            total += len(body)
            if total > settings.upload:
                raise TooLarge(f"At most {settings.upload} bytes.")
            kind = part.headers.get("Content-Type", "application/octet-stream").split(";")[0].strip().lower()
            if kind == ACTIVITY:
                posted = parse(body, settings, needs_text=False)
            else:
                files.append(Sent((part.filename or "file")[:200], kind, body))
    except (HttpProcessingError, ValueError, AssertionError, EOFError) as error:
        raise BadActivity("The upload is not multipart as its header says.") from error
    if not 0 < len(files) <= FILES:
        raise BadActivity(f"An upload has one to {FILES} files.")
    return posted, files


async def _parts(reader: MultipartReader) -> AsyncIterator[BodyPartReader]:
    async for part in reader:
        if not isinstance(part, BodyPartReader):
            raise BadActivity("Parts within parts are not taken.")
        yield part
