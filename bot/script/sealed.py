"""Secret answers: sealed in the journal, and taken out of the log in the commit that takes the answer."""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from typing import Any

import msgspec
from cryptography.fernet import Fernet, InvalidToken

from bot.errors import NotPlain
from bot.ports import Claim, Sql

HIDDEN = "•••"


@lru_cache(maxsize=8)
def _fernet(secret: bytes) -> Fernet:
    key = hashlib.blake2b(b"journal", key=hashlib.sha256(secret).digest(), digest_size=32).digest()
    return Fernet(base64.urlsafe_b64encode(key))


def seal(secret: bytes, value: Any) -> str:
    """A plain value, encrypted under the server's secret."""
    return _fernet(secret).encrypt(msgspec.json.encode(value)).decode()


def unseal(secret: bytes, sealed: str, where: str) -> Any:
    """The value again; raises `NotPlain` when the server's secret has changed since."""
    try:
        return msgspec.json.decode(_fernet(secret).decrypt(sealed.encode()))
    except InvalidToken as error:
        raise NotPlain(f"{where}: sealed under another secret") from error


def hidden(claim: Claim) -> tuple[Sql, Sql]:
    """What takes the words of this turn's inbound out of the inbox and the log."""
    at = {"conversation": claim.conversation, "text": HIDDEN}
    return (
        Sql(
            "UPDATE inbound SET text = :text WHERE conversation = :conversation AND seq = :seq",
            {**at, "seq": claim.seq},
        ),
        Sql(
            "UPDATE entry SET body = :body WHERE conversation = :conversation AND side = 'customer' AND ref = :ref",
            {
                "conversation": claim.conversation,
                "body": msgspec.json.encode({"text": HIDDEN}).decode(),
                "ref": claim.inbound.key,
            },
        ),
    )
