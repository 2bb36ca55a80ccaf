"""What the shipped dialogs ask of a brand's systems: Protocols, their values, their refusals, their effects.

A brand implements these against its own systems. Money is integer pence, days are `date`, months are "YYYY-MM".
Texts inside values (labels, what a charge was for) are the brand's own words, ready to be shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol

from bot.errors import DomainError, Temporary
from bot.model import File
from bot.script.effects import UNKEYED, Key, effect


class BackendUnavailable(Temporary):
    """The brand's system does not answer now; it may later."""


class Declined(DomainError):
    """The brand's system declined."""

    def __post_init__(self) -> None:
        super().__init__()


@dataclass(eq=True, unsafe_hash=True)
class NoSuchAccount(Declined):
    """There is no account under this customer reference."""

    customer: str


@dataclass(frozen=True, slots=True)
class Account:
    """A customer's account. `ending`: the last digits of its number. `online`: has sign-in details of their own."""

    first_name: str
    plan: Literal["monthly", "payg"]
    online: bool
    ending: str


class Accounts(Protocol):
    """Who the customer is to the brand."""

    async def account(self, *, customer: str) -> Account:
        """The account; raises `NoSuchAccount`."""
        ...


# Bills


@dataclass(frozen=True, slots=True)
class Bill:
    """One month's bill. What is still to pay is `debited`, collected by Direct Debit, and `rest`, which is not."""

    id: str
    month: str
    total: int
    issued: date
    due: date
    status: Literal["paid", "due", "overdue"]
    debited: int = 0
    rest: int = 0
    paid_on: date | None = None


@dataclass(frozen=True, slots=True)
class Cause:
    """Part of a difference between two bills; `amount` is signed: more is positive."""

    amount: int
    label: str


@dataclass(frozen=True, slots=True)
class BillChange:
    """Why a bill differs from the one before: the causes add up to `total - previous_total`, largest first."""

    month: str
    total: int
    previous: str
    previous_total: int
    causes: tuple[Cause, ...]


@dataclass(frozen=True, slots=True)
class Charge:
    """One thing charged on top of the plan."""

    id: str
    on: date
    what: str
    amount: int


@dataclass(frozen=True, slots=True)
class Charges:
    """A month's charges on top of the plan, dearest first: at most ten of them, of `count`, and the sum of all."""

    month: str
    total: int
    count: int
    items: tuple[Charge, ...]


class Billing(Protocol):
    """Monthly bills."""

    async def bill(self, *, customer: str, month: str | None = None) -> Bill | None:
        """The named month's bill, or the latest; None if there is none."""
        ...

    async def months(self, *, customer: str) -> tuple[str, ...]:
        """The months there are bills for, oldest first."""
        ...

    async def change(self, *, customer: str, month: str) -> BillChange | None:
        """Why this month's bill differs from the one before; None if there is no earlier one."""
        ...

    async def charges(self, *, customer: str, month: str) -> Charges:
        """What was charged on top of the plan."""
        ...

    async def pdf(self, *, customer: str, month: str) -> File | None:
        """The bill as a PDF; None if there is no bill for the month."""
        ...


@dataclass(eq=True, unsafe_hash=True)
class NoSuchFile(Declined):
    """This customer has no such file."""

    ref: str


class Files(Protocol):
    """The bytes behind a `File`, read when the customer opens it."""

    async def open_file(self, ref: str, customer: str) -> bytes:
        """The file's bytes; raises `NoSuchFile`, also for another customer's."""
        ...


@dataclass(frozen=True, slots=True)
class Balance:
    """A pay-as-you-go customer's credit. `bundle` is "" without one; its last day is `bundle_until`."""

    credit: int
    bundle: str = ""
    bundle_left: str = ""
    bundle_until: date | None = None


class Payg(Protocol):
    """Pay-as-you-go credit."""

    async def balance(self, *, customer: str) -> Balance:
        """The credit there is; raises `NoSuchAccount`."""
        ...


# Direct Debits


@dataclass(frozen=True, slots=True)
class Mandate:
    """An instruction to the customer's bank that lets the brand collect for one service.

    `amount`: the usual monthly collection. `reference`: masked. `payee`: the name on the bank statement.
    """

    id: str
    service: str
    label: str
    amount: int
    reference: str
    payee: str


@dataclass(frozen=True, slots=True)
class EndedMandate:
    """A mandate that has ended. `by`: where it was cancelled; `receipt`: our reference, "" if it was not with us."""

    id: str
    service: str
    label: str
    on: date
    by: Literal["us", "bank"]
    receipt: str = ""


@dataclass(frozen=True, slots=True)
class Collections:
    """What a mandate has under way. `moving_*`: a payment already with the bank, which cancelling does not recall.

    `next_*`: the next collection, which cancelling stops. `owed`: all that is unpaid on this service.
    """

    moving_amount: int
    moving_on: date | None
    next_amount: int
    next_on: date | None
    owed: int


@dataclass(frozen=True, slots=True)
class CancelReceipt:
    """A cancellation that took place. `moving_*`: a payment that may still be taken (0 and None if there is none)."""

    reference: str
    mandate: str
    label: str
    at: datetime
    moving_amount: int = 0
    moving_on: date | None = None


@dataclass(eq=True, unsafe_hash=True)
class MandateLocked(Declined):
    """A change to this mandate is with the bank; it cannot be cancelled before that is through."""

    until: date


@dataclass(eq=True, unsafe_hash=True)
class MandateEnded(Declined):
    """The mandate had already ended before, and not by us."""

    on: date


@dataclass(eq=True, unsafe_hash=True)
class NoSuchMandate(Declined):
    """There is no such mandate."""

    mandate: str


class DirectDebits(Protocol):
    """Direct Debit mandates payable to the brand. It sees no other payee's."""

    async def active(self, *, customer: str) -> tuple[Mandate, ...]:
        """The mandates that are in force."""
        ...

    async def ended(self, *, customer: str) -> tuple[EndedMandate, ...]:
        """The mandates that have ended, latest first."""
        ...

    async def collections(self, *, mandate: str) -> Collections:
        """What the mandate has under way; raises `NoSuchMandate`."""
        ...

    @effect(read_back="cancellation", keys=True, deadline=8.0, approve="cancel_direct_debit")
    async def cancel(self, *, mandate: str, key: Key = UNKEYED) -> CancelReceipt:
        """Cancel a mandate; a second time returns the first receipt.

        Raises `MandateLocked`, `MandateEnded`, `NoSuchMandate`.
        """
        ...

    async def cancellation(self, *, mandate: str, key: Key = UNKEYED) -> CancelReceipt | None:
        """The receipt, if the mandate was cancelled by us (under this key or any); None if it was not."""
        ...


@dataclass(frozen=True, slots=True)
class Receipt:
    """One thing done for the customer, in words they would use. `next`: what happens now ("" if nothing)."""

    reference: str
    what: str
    at: datetime
    channel: str
    next: str = ""


class Receipts(Protocol):
    """What was done through this assistant, from the engine's own record of effects."""

    async def of(self, *, customer: str) -> tuple[Receipt, ...]:
        """All there are, latest first."""
        ...
