"""The verbs a dialog is written in. Each returns an `Op`; awaiting anything else is refused the first time it runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ParamSpec, Protocol, TypeVar, runtime_checkable

from bot.model import Card, File, Items
from bot.script.ops import Op

P = ParamSpec("P")
R = TypeVar("R")


@runtime_checkable
class HasId(Protocol):
    """Something the customer can choose: its id is what is journaled."""

    @property
    def id(self) -> str:
        """Stable, unique among the items offered."""
        ...


T = TypeVar("T", bound=HasId)


@dataclass(frozen=True, slots=True)
class Proof:
    """An approval given on our page: the grant's id and when."""

    id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Resolved:
    """A person settled it; the dialog need not go on."""

    by: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class ReturnedToBot:
    """A person gave the conversation back; the dialog goes on."""

    by: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class NobodyAvailable:
    """Nobody could take over now: a callback is booked under `reference`."""

    reference: str


HandedOver = Resolved | ReturnedToBot | NobodyAvailable


@dataclass(frozen=True, slots=True)
class Again:
    """What `return c.again(…)` returns: the dialog starts anew with an empty journal."""

    args: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Offer:
    """A button below a text that the dialog does not wait for: it opens `dialog` with `args`, now or later.

    `text` is the label's text id. While another question lies open underneath, offers are left out.
    """

    text: str
    dialog: str
    args: dict[str, Any] = field(default_factory=dict)


class Convo:
    """The conversation as a dialog sees it."""

    __slots__ = ("_customer", "_locale")

    def __init__(self, customer: str | None, locale: str) -> None:
        self._customer = customer
        self._locale = locale

    @property
    def customer(self) -> str:
        """The brand's reference of the linked customer. Only in dialogs that require at least L1."""
        if self._customer is None:
            raise LookupError("This dialog knows no customer; declare it with requires=known.")
        return self._customer

    @property
    def locale(self) -> str:
        """The conversation's language, as BCP 47."""
        return self._locale

    def say(self, text: str, *, offers: Sequence[Offer] = (), **values: Any) -> Op[None]:
        """Send a text from the catalogue. `offers`: what can be done next, without waiting for it."""
        return Op("say", f"say:{text}", text=text, values=values, items=tuple(offers))

    def show(self, what: Card | Items | File) -> Op[None]:
        """Send a card, several cards, or a file; each channel shows what it can."""
        title = what.title if isinstance(what, Card) else what.name if isinstance(what, File) else what.cards[0].title
        return Op("show", f"show:{title}", values={"what": what})

    def ask(
        self,
        name: str,
        text: str,
        parse: Callable[[str], R],
        *,
        secret: bool = False,
        digress: bool = True,
        expires: timedelta | None = None,
        **values: Any,
    ) -> Op[R]:
        """Ask for a free answer. `parse` returns the value or raises `ValueError`; a plain, journalable value."""
        return Op("ask", name, text=text, values=values, parse=parse, secret=secret, digress=digress, expires=expires)

    def choose(
        self,
        name: str,
        text: str,
        items: Sequence[T],
        *,
        label: str | Callable[[T], str],
        guess: str | None = None,
        digress: bool = True,
        expires: timedelta | None = None,
        **values: Any,
    ) -> Op[T]:
        """Let the customer pick one item. `label` is a text id filled from the item's fields, or a function of it.

        A `guess` (the customer's own words) that matches exactly one item answers at once; so does a single item.
        """
        return Op(
            "choose",
            name,
            text=text,
            values=values,
            items=tuple(items),
            label=label,
            guess=guess,
            digress=digress,
            expires=expires,
        )

    def confirm(
        self,
        name: str,
        text: str,
        *,
        write: bool = False,
        digress: bool = True,
        expires: timedelta | None = None,
        **values: Any,
    ) -> Op[bool]:
        """Ask yes or no. The text's attributes `.yes` and `.no` label the buttons.

        With `write`, yes is only the button or the exact phrase on it: "ok", emoji, edits and intents ask again.
        """
        return Op("confirm", name, text=text, values=values, write=write, digress=digress, expires=expires)

    def do(self, fn: Callable[P, Awaitable[R]], *args: P.args, **kwargs: P.kwargs) -> Op[R]:
        """Read something. The result is journaled by the function's declared return type."""
        return Op("do", f"do:{_named(fn)}", fn=_method(fn), values=_keywords(args, kwargs))

    def once(self, fn: Callable[P, Awaitable[R]], *args: P.args, **kwargs: P.kwargs) -> Op[R]:
        """Change the world, exactly once: `fn` is a service method declared with `@effect`.

        Returns what the read-back shows; raises the method's declared domain errors.
        """
        return Op("once", f"once:{_named(fn)}", fn=_method(fn), values=_keywords(args, kwargs))

    def call(self, dialog: str, **args: Any) -> Op[Any]:
        """Run another dialog on top and return its value."""
        return Op("call", f"call:{dialog}", text=dialog, values=args)

    def step_up(self, action: str, **args: Any) -> Op[Proof]:
        """Have the customer approve exactly this action on our page. The text id `action.<action>` words it.

        Raises `StepUpRefused`; its `reason` is declined, expired or other_person.
        """
        return Op("step_up", f"step_up:{action}", text=action, values=args)

    def handoff(self, reason: str, *, about: Any = None) -> Op[HandedOver]:
        """Hand over to a person, with everything known, and wait for what they make of it."""
        return Op("handoff", f"handoff:{reason}", text=reason, values={"about": about})

    def now(self) -> Op[datetime]:
        """The time, aware UTC; the same on every replay."""
        return Op("now", "now")

    def again(self, **args: Any) -> Again:
        """`return c.again(…)`: start this dialog anew with an empty journal."""
        return Again(args)


def _named(fn: Callable[..., Any]) -> str:
    return getattr(fn, "__name__", "call")


def _method(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The service's own method behind the name that a dialog was given."""
    method: Callable[..., Any] = getattr(fn, "__verbed__", fn)
    return method


def _keywords(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    if args:
        raise TypeError("Name every argument: journals and effect keys are made of names.")
    return kwargs
