"""Every error of the engine. The docstring is the message; `Temporary` may pass by itself, `Permanent` will not."""

from __future__ import annotations

import inspect


class ParleyError(Exception):
    """Something in Parley went wrong."""

    def __init__(self, detail: str = "") -> None:
        said = " ".join((inspect.getdoc(type(self)) or type(self).__name__).split())
        super().__init__(f"{said} {detail}".strip())
        self.detail = detail


class Temporary(ParleyError):
    """It did not work this time and may work later."""

    def __init__(self, detail: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after
        """Seconds to wait at least, where the other side said so."""


class Permanent(ParleyError):
    """It will not work, however often it is tried."""


class DomainError(ParleyError):
    """A backend said no for a reason the customer can be told. Subclasses are frozen dataclasses in a service
    contract."""


# The store


class StoreUnavailable(Temporary):
    """The store cannot be written or read now; nothing was lost and nothing was acknowledged."""


class Fenced(ParleyError):
    """Another worker has taken this conversation over; this worker's result is discarded."""


class Conflict(ParleyError):
    """A row was not in the state this change expects; the whole change was refused."""


class SchemaBehind(Permanent):
    """The database's schema is older than this release. Run `python app.py migrate`."""


class StoreLocked(Permanent):
    """Another process holds this database. Stop it, or send the command to it."""


# Dialogs


class DialogError(Permanent):
    """A dialog's code is wrong."""


class UnjournaledAwait(DialogError):
    """A dialog awaited something other than a conversation verb. Wrap the call in `c.do(…)` or `c.once(…)`."""


class NameTwice(DialogError):
    """Two operations of one run share a name. Give the second one its own with `.named("…")`."""


class JournalMismatch(DialogError):
    """The dialog asks under a recorded name for something else than was recorded. Give it a new name or a new
    version."""


class JournalFull(DialogError):
    """The dialog's journal has reached its cap of operations. Go on with `return c.again(…)`, which starts an empty
    one."""


class ValueTooLarge(DialogError):
    """A journaled value is over 8 KB. Return less, or an id to read it by."""


class NotPlain(DialogError):
    """Dialog state holds a value that cannot be stored as plain JSON."""


class NotAnEffect(DialogError):
    """`c.once` takes only a service method declared with `@effect(read_back=…)`; use `c.do` for a read."""


class NotApproved(DialogError):
    """An effect that needs the customer's approval was begun without `c.step_up` for the same action and arguments."""


class NewerJournal(Temporary):
    """This journal was written by a newer release; this worker leaves it to a newer one."""


class UnknownText(DialogError):
    """A text id is missing from the catalogue."""


class UnknownDialog(DialogError):
    """No dialog has this id."""


class EffectUnknown(ParleyError):
    """It could not be confirmed whether an effect took place; a person settles it."""


class StepUpRefused(ParleyError):
    """The customer did not approve the action. `reason` is declined, expired or other_person."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


# Channels


class SendTemporary(Temporary):
    """The platform could not take the message now."""


class SendUncertain(Temporary):
    """The platform did not answer: the message may have been sent."""


class SendPermanent(Permanent):
    """The platform refused the message for good."""


class WindowClosed(SendPermanent):
    """The platform's window for free replies has closed."""


class NotPrivate(SendPermanent):
    """The message names an account's facts and the chat is not private."""


# Settings


class SettingsError(Permanent):
    """The configuration is wrong."""
