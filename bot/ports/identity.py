"""Who somebody has proven to be, and how it is proven."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from bot.model import Accepted, Address, Inbound, Standing
from bot.ports.work import Sql


class Identity(Protocol):
    """Who an address has proven to be."""

    async def standing(self, address: Address, now: datetime) -> Standing:
        """The assurance in force now, by the link's age, the login's age and the channel's own rules."""
        ...


@dataclass(frozen=True, slots=True)
class Begun:
    """A login or approval begun: its id, shown as a `Link`, and the rows that start it (part of the turn)."""

    transaction: str
    changes: tuple[Sql, ...]


class Login(Protocol):
    """Proof by the customer's own sign-in, on our pages. It ends in a signal that names the parked operation."""

    def begin(
        self,
        *,
        conversation: str,
        address: Address,
        purpose: Literal["link", "stepup"],
        op: str,
        now: datetime,
        action: str = "",
        arguments: Mapping[str, Any] | None = None,
        shown: str = "",
        standing: Standing | None = None,
        locale: str | None = None,
    ) -> Begun:
        """Start a transaction. `shown` is the action in the customer's words, for the approval page.

        The signal's outcome is `{"status": "linked" | "approved" | "declined" | "expired" | "other_person", "grant":
        id}`.
        """
        ...

    def consume(
        self,
        *,
        grant: str,
        action: str,
        arguments: Mapping[str, Any],
        standing: Standing,
        key: str,
        now: datetime,
    ) -> tuple[Sql, ...]:
        """Rows that use a grant up for the effect `key`, or for the same key again; refuse (rows=1) in all other cases:
        another action or arguments, expired, used by another key, link changed since."""
        ...

    async def may_begin(self, *, address: Address, now: datetime) -> bool:
        """Whether this address may ask for one more sign-in or approval now; too many at once are refused."""
        ...

    def void(self, *, conversation: str, transaction: str, now: datetime) -> tuple[Sql, ...]:
        """Rows that end a transaction nobody waits for any more."""
        ...

    def unlink(self, *, address: Address, now: datetime, reason: str) -> tuple[Sql, ...]:
        """Rows that revoke an address's link, its tokens and its live transactions."""
        ...


class Redactor(Protocol):
    """Takes a sign-in's code out of a message before anything is written."""

    async def take(self, inbound: Inbound) -> Accepted | None:
        """Accept a message that brings a code, without the code, and do what the code is for, in one transaction.

        None, with nothing done, for every other message: accept it as usual. Raises `StoreUnavailable`.
        """
        ...
