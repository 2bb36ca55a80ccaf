"""Looks through everything that is kept and logged for anything that would open a door."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from auth.codes import shown
from auth.errors import VaultBroken
from auth.keys import Keys
from bot.observe import heard as lines_heard
from bot.observe.logs import QUIET
from bot.store.schema import metadata

if TYPE_CHECKING:
    from tests.attacks.site import Site

SEEN = ("code", "state", "nonce", "code_challenge", "id_token", "access_token")
"""What addresses carry that must not be kept."""
LEAST = 8


@dataclass
class Heard(logging.Handler):
    """Every line that was logged: libraries' as any handler would write them, ours before they are redacted."""

    lines: list[str] = field(default_factory=list)
    ours: Sequence[Mapping[str, Any]] = ()

    def __post_init__(self) -> None:
        logging.Handler.__init__(self, logging.DEBUG)

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))

    def __hash__(self) -> int:
        return id(self)


@contextmanager
def listening() -> Iterator[Heard]:
    """Hear everything that is logged, with the libraries as quiet as `bot.observe` makes them and no quieter."""
    heard = Heard()
    names = ["", *QUIET]
    before = [logging.getLogger(name).level for name in names]
    logging.getLogger().addHandler(heard)
    for name in names:
        logging.getLogger(name).setLevel(logging.WARNING if name else logging.DEBUG)
    try:
        with lines_heard() as heard.ours:
            yield heard
    finally:
        logging.getLogger().removeHandler(heard)
        for name, level in zip(names, before, strict=True):
            logging.getLogger(name).setLevel(level)


async def secrets_of(here: Site) -> dict[str, str]:
    """Every secret that this site and its browsers have had: by what it is, so that a find can be named."""
    found: dict[str, str] = {}
    keys: Keys = here.keys
    for row in await here.store.query("SELECT id FROM link_txn"):
        found[keys.handle(row["id"])] = "handle"
        code = keys.code(row["id"])
        found |= {code: "code", shown(code): "code", shown(code).lower(): "code"}
    for row in await here.store.query("SELECT link, kind, ciphertext FROM token_blob"):
        try:
            found[here.auth.vault.open("refresh", row["link"], bytes(row["ciphertext"]))["token"]] = "refresh token"
        except VaultBroken:
            # A test has moved or changed it.
            continue
    for token in here.facebook.tokens:
        found[token] = "access token"
    for browser in here.browsers:
        for name in ("link", "__Host-link", "demo-idp"):
            if browser.cookies.get(name):
                found[browser.cookies[name]] = f"cookie {name}"
        for address in browser.visited:
            query = parse_qs(urlsplit(address).query)
            for name in SEEN:
                for value in query.get(name, []):
                    # A state begins with the id of its sign-in, which is no secret.
                    found[value.rpartition(".")[2]] = name
    found |= {"demo secret": "client secret", "facebook's app secret": "client secret"}
    return {secret: what for secret, what in found.items() if len(secret) >= LEAST}


async def kept(here: Site) -> str:
    """Every row of every table: log, dialog state, audit and all."""
    rows: list[str] = []
    for table in metadata.sorted_tables:
        rows += [f"{table.name} {row}" for row in await here.store.query(f"SELECT * FROM {table.name}")]
    return "\n".join(rows)


async def found_in(here: Site, heard: Heard) -> list[str]:
    """What stands somewhere it must not: "code in the database", never the secret itself."""
    places = {"the database": await kept(here), "the log": "\n".join([*heard.lines, *map(str, heard.ours)])}
    secrets = await secrets_of(here)
    return sorted(
        {f"{what} in {place}" for secret, what in secrets.items() for place, text in places.items() if secret in text}
    )
